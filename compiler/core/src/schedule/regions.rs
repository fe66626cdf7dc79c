//! Bounds inference: which part of each tensor its stage computes, and with it the extent of every loop.
//!
//! In: a schedule. Out: for each stage a box (`min` affine in the loops around the stage, `extent` a number for each
//! dimension) and the extents of its axes. Consumers come first: a stage at the root computes its whole tensor, one that
//! is attached computes what its readers touch while the loops around it stand still.

use crate::affine::{Affine, Interval};
use crate::schedule::{AxisSource, Schedule, StageAxisId, StageId, values};
use crate::tensor::{AxisId, Read};

/// A loop of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StageLoop {
    pub stage: StageId,
    pub axis: StageAxisId,
}

/// The part of a tensor that its stage computes in one go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// First index of each dimension, in terms of the loops around the stage.
    pub min: Vec<Affine<StageLoop>>,
    /// Number of indices of each dimension.
    pub extent: Vec<i64>,
}

/// The regions and loop extents of a schedule.
#[derive(Clone, Debug)]
pub struct Regions {
    stages: Vec<StageBounds>,
}

#[derive(Clone, Debug, Default)]
struct StageBounds {
    region: Region,
    /// Extent of each axis of the stage, leaves and split ones.
    extents: Vec<i64>,
}

/// A split whose factor does not divide what it splits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indivisible {
    pub stage: StageId,
    pub axis: StageAxisId,
    pub extent: i64,
    pub factor: i64,
}

impl Regions {
    pub fn region(&self, stage: StageId) -> &Region {
        &self.stages[stage.0 as usize].region
    }

    pub fn extent(&self, stage: StageId, axis: StageAxisId) -> i64 {
        self.stages[stage.0 as usize].extents[axis.0 as usize]
    }

    /// The values that a loop takes.
    pub fn range(&self, l: StageLoop) -> Interval {
        Interval::below(self.extent(l.stage, l.axis))
    }
}

/// Infers the bounds of all stages.
pub fn infer(schedule: &Schedule) -> Result<Regions, Indivisible> {
    let mut regions = Regions { stages: vec![StageBounds::default(); schedule.stages.len()] };
    for stage in schedule.producers_first().into_iter().rev() {
        let region = demanded(schedule, &regions, stage);
        let extents = extents(schedule, stage, &region)?;
        regions.stages[stage.0 as usize] = StageBounds { region, extents };
    }
    Ok(regions)
}

/// The indices of a read in terms of the reading stage's loops and those around it.
pub fn read_indices(schedule: &Schedule, regions: &Regions, reader: StageId, read: &Read) -> Vec<Affine<StageLoop>> {
    let value = |axis: AxisId| axis_value(schedule, regions, reader, axis);
    read.indices.iter().map(|e| e.substitute(&value, &|l| regions.range(l))).collect()
}

/// The value of a tensor's axis while its stage runs: the region's start plus the stage's loops.
pub fn axis_value(schedule: &Schedule, regions: &Regions, stage: StageId, axis: AxisId) -> Affine<StageLoop> {
    let s = schedule.stage(stage);
    let root = s.axes.iter().position(|a| a.source == AxisSource::Tensor(axis));
    let root = StageAxisId(root.expect("a value mentions only axes of its own tensor") as u32);
    let local = values::value(s, stage, root, regions);
    match schedule.compute(stage).axes.iter().position(|a| *a == axis) {
        Some(dim) => regions.region(stage).min[dim].plus(&local),
        None => local,
    }
}

/// The loops that stand still while a stage is computed, from the outermost to the innermost.
pub fn enclosing(schedule: &Schedule, stage: StageId) -> Vec<StageLoop> {
    let Some(at) = schedule.stage(stage).attach else { return Vec::new() };
    let mut loops = enclosing(schedule, at.stage);
    let host = schedule.stage(at.stage);
    for axis in &host.leaves {
        loops.push(StageLoop { stage: at.stage, axis: *axis });
        if *axis == at.axis {
            break;
        }
    }
    loops
}

fn demanded(schedule: &Schedule, regions: &Regions, stage: StageId) -> Region {
    let tensor = schedule.kernel.tensor(schedule.stage(stage).tensor);
    let whole =
        Region { min: tensor.shape.iter().map(|_| Affine::constant(0)).collect(), extent: tensor.shape.clone() };
    if schedule.stage(stage).attach.is_none() {
        return whole;
    }
    let still = enclosing(schedule, stage);
    let mut found: Option<Region> = None;
    for reader in schedule.readers(schedule.stage(stage).tensor) {
        for read in schedule.compute(reader).reads() {
            if read.tensor == schedule.stage(stage).tensor {
                let indices = read_indices(schedule, regions, reader, read);
                let touched = touched(&indices, &still, regions);
                found = Some(match found {
                    None => touched,
                    Some(before) => join(&before, &touched, &whole),
                });
            }
        }
    }
    clamp(found.unwrap_or_else(|| whole.clone()), &whole, regions)
}

/// The box that indices touch while the given loops stand still and all others run.
fn touched(indices: &[Affine<StageLoop>], still: &[StageLoop], regions: &Regions) -> Region {
    let mut region = Region::default();
    for index in indices {
        let (moving, fixed) = index.partition(&|l| !still.contains(&l));
        let range = moving.range(&|l| regions.range(l));
        region.min.push(fixed.plus_constant(range.min));
        region.extent.push(range.max - range.min + 1);
    }
    region
}

/// A box that holds both; the whole dimension where their distance depends on a loop.
fn join(a: &Region, b: &Region, whole: &Region) -> Region {
    let mut joined = Region::default();
    for dim in 0..a.min.len() {
        let (min, extent) = match b.min[dim].minus(&a.min[dim]).as_constant() {
            Some(distance) => {
                let start = distance.min(0);
                let end = a.extent[dim].max(distance + b.extent[dim]);
                (a.min[dim].plus_constant(start), end - start)
            }
            None => (whole.min[dim].clone(), whole.extent[dim]),
        };
        joined.min.push(min);
        joined.extent.push(extent);
    }
    joined
}

/// A box that reaches beyond the tensor becomes the whole dimension.
fn clamp(region: Region, whole: &Region, regions: &Regions) -> Region {
    let mut clamped = region;
    for dim in 0..whole.extent.len() {
        let start = clamped.min[dim].range(&|l| regions.range(l));
        if start.min < 0 || start.max + clamped.extent[dim] > whole.extent[dim] {
            clamped.min[dim] = Affine::constant(0);
            clamped.extent[dim] = whole.extent[dim];
        }
    }
    clamped
}

fn extents(schedule: &Schedule, stage: StageId, region: &Region) -> Result<Vec<i64>, Indivisible> {
    let s = schedule.stage(stage);
    let compute = schedule.compute(stage);
    let mut extents = vec![0; s.axes.len()];
    // Splits and fusions append the axes that they make, so an axis stands behind those that it comes from.
    for (at, axis) in s.axes.iter().enumerate() {
        extents[at] = match axis.source {
            AxisSource::Tensor(a) => match compute.axes.iter().position(|x| *x == a) {
                Some(dim) => region.extent[dim],
                None => schedule.kernel.axis(a).extent,
            },
            AxisSource::Outer(from) => {
                let factor = s.axis(from).split.expect("made by a split").factor;
                let extent = extents[from.0 as usize];
                if extent % factor != 0 {
                    return Err(Indivisible { stage, axis: from, extent, factor });
                }
                extent / factor
            }
            AxisSource::Inner(from) => s.axis(from).split.expect("made by a split").factor,
            AxisSource::Fused(a, b) => extents[a.0 as usize].saturating_mul(extents[b.0 as usize]),
        };
    }
    Ok(extents)
}
