//! Bounds inference: which part of each tensor its stage computes, and with it the range of every loop.
//!
//! In: a schedule, and what is known of the loops around (`Known`). Out: for each stage a box (`min` affine in the loops
//! around the stage, `extent` a number for each dimension) and the ranges of its loops. Consumers come first: a stage at
//! the root computes its whole tensor, one that is attached computes what its readers touch while the loops around it
//! stand still.
//!
//! **Sizes that do not divide.** A split makes `ceil(extent / factor)` blocks. Loops in the tile of a micro-op run over the
//! whole tile: what lies behind the array is zero. Elsewhere the last block is smaller, which is a [`Limit`] on the loops:
//! `value <= max`. A loop's range is what the limits leave of it when the loops in `Known` have the values given there, so
//! it is exact as soon as the loops outside of it are cut where a limit begins to bite (`lower` does that).
//!
//! A copy of an array that says what stands outside of it may begin before the array and end behind it.

mod copies;
mod incremental;
mod join;

use std::cell::LazyCell;
use std::collections::HashMap;

use crate::affine::{Affine, Atom, Interval};
use crate::schedule::rolling::Rolling;
use crate::schedule::values::values_and_limits;
use crate::schedule::{AxisSource, Schedule, StageAxisId, StageId};
use crate::scope::Scope;
use crate::tensor::{AxisId, Read};
pub use copies::{copied_whole, ends_with_tensor, is_open, outside};
use incremental::State;
pub use incremental::{Replaced, infer_from, infer_stage};
use join::join;

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

/// What a caller knows besides the schedule.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Ranges of loops that were cut.
    pub pieces: HashMap<StageLoop, Interval>,
    /// Regions of stages whose loops were begun.
    pub regions: HashMap<StageId, Region>,
    /// What the buffers hold that exist already.
    pub held: HashMap<StageId, Region>,
    /// Buffers that roll with a loop around.
    pub rolling: HashMap<StageId, Rolling>,
}

/// In every iteration, the value of an axis, without what its tile adds, is at most `max`. No coefficient is negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The split axis that it is about.
    pub axis: StageAxisId,
    pub value: Affine<StageLoop>,
    pub max: i64,
}

/// The regions and loop ranges of a schedule.
#[derive(Clone, Debug, Default)]
pub struct Regions {
    stages: Vec<StageBounds>,
    /// What is known of each stage; stages that were made since have no entry.
    states: Vec<State>,
}

/// Regions that are inferred when they are asked for.
pub type LazyRegions<'a> = LazyCell<Regions, Box<dyn FnOnce() -> Regions + 'a>>;

/// The bounds of all stages, inferred when they are asked for.
pub fn lazily(schedule: &Schedule) -> LazyRegions<'_> {
    LazyCell::new(Box::new(|| infer(schedule)))
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct StageBounds {
    region: Region,
    /// What its buffer holds: the region, for a follower all that its host computes, for one that rolls the rows of some
    /// iterations.
    held: Region,
    /// The values of each axis in the pieces that are known; of a split one, all.
    ranges: Vec<Interval>,
    limits: Vec<Limit>,
    /// The values of the tensor's own axes in terms of the leaves; they come first among the stage's.
    values: Vec<Affine<StageLoop>>,
    /// Indices of each dimension that the stage writes, counted from the region's start: more than the region's where
    /// tiles reach beyond it.
    written: Vec<i64>,
}

impl Limit {
    /// Whether loops can be cut where it begins to bite.
    pub fn is_linear(&self) -> bool {
        self.value.terms().iter().all(|(atom, _)| matches!(atom, Atom::Var(_)))
    }
}

impl Regions {
    pub fn region(&self, stage: StageId) -> &Region {
        &self.stages[stage.0 as usize].region
    }

    /// The part of its tensor that a stage's buffer holds.
    pub fn held(&self, stage: StageId) -> &Region {
        &self.stages[stage.0 as usize].held
    }

    /// The largest number of iterations of an axis.
    pub fn extent(&self, stage: StageId, axis: StageAxisId) -> i64 {
        let range = self.stages[stage.0 as usize].ranges[axis.0 as usize];
        range.max - range.min + 1
    }

    /// The values that a loop takes.
    pub fn range(&self, l: StageLoop) -> Interval {
        self.stages[l.stage.0 as usize].ranges[l.axis.0 as usize]
    }

    /// What the loops of a stage have to keep.
    pub fn limits(&self, stage: StageId) -> &[Limit] {
        &self.stages[stage.0 as usize].limits
    }

    /// The extents of a buffer that holds a stage's region, with what its tiles write beyond it.
    pub fn storage(&self, stage: StageId) -> Vec<i64> {
        let bounds = &self.stages[stage.0 as usize];
        bounds.held.extent.iter().zip(&bounds.written).map(|(a, b)| *a.max(b)).collect()
    }

    /// An interval that holds every value, with respect to the limits.
    pub fn range_of(&self, e: &Affine<StageLoop>) -> Interval {
        // A limit is about the loops of its own stage.
        let mut stages: Vec<StageId> = Vec::new();
        for (atom, _) in e.terms() {
            if let Atom::Var(l) = atom
                && !stages.contains(&l.stage)
            {
                stages.push(l.stage);
            }
        }
        range_within(e, stages.into_iter().flat_map(|s| self.limits(s)), &|l| self.range(l))
    }
}

/// An interval that holds every value of an expression whose loops keep some limits.
fn range_within<'a>(
    e: &Affine<StageLoop>,
    limits: impl Iterator<Item = &'a Limit>,
    ranges: &dyn Fn(StageLoop) -> Interval,
) -> Interval {
    let mut range = e.range(ranges);
    for limit in limits {
        if let Some(factor) = multiple(e, &limit.value) {
            let rest = e.minus(&limit.value.times(factor));
            range.max = range.max.min(factor * limit.max + rest.range(ranges).max);
        }
    }
    range
}

/// The positive factor with which all terms of a limit occur in an expression.
fn multiple(e: &Affine<StageLoop>, limit: &Affine<StageLoop>) -> Option<i64> {
    let (Atom::Var(first), c) = limit.terms().first()? else { return None };
    let factor = e.coefficient(*first)? / c;
    let same = |(atom, c): &(Atom<StageLoop>, i64)| match atom {
        Atom::Var(v) => e.coefficient(*v) == Some(c * factor),
        Atom::Div(..) | Atom::Mod(..) | Atom::Clip(..) => false,
    };
    (factor > 0 && limit.terms().iter().all(same)).then_some(factor)
}

/// Infers the bounds of all stages, with nothing known of the loops.
pub fn infer(schedule: &Schedule) -> Regions {
    let mut regions = nothing(schedule);
    if !schedule.has_followers() {
        regions.complete(schedule, schedule.stage_ids());
        return regions;
    }
    // A directive may leave a follower that reads its host no more, and stands behind it in no order; it is refused for that
    // after bounds were inferred.
    for stage in schedule.stage_ids() {
        let whole = whole(schedule, stage);
        regions.stages[stage.0 as usize] = bounds(schedule, stage, whole, &Known::default());
    }
    infer_into(regions, schedule, &schedule.producers_first(), &Known::default())
}

/// Infers the bounds of all stages of a legal schedule while loops are restricted to pieces. `order` has the stages, producers
/// first.
pub fn infer_within(schedule: &Schedule, order: &[StageId], known: &Known) -> Regions {
    infer_into(nothing(schedule), schedule, order, known)
}

fn nothing(schedule: &Schedule) -> Regions {
    let stages = vec![StageBounds::default(); schedule.stages.len()];
    Regions { stages, states: vec![State::Stale; schedule.stages.len()] }
}

fn infer_into(mut regions: Regions, schedule: &Schedule, order: &[StageId], known: &Known) -> Regions {
    for stage in order.iter().copied().rev() {
        let region = region_within(schedule, &regions, stage, known);
        settle(schedule, &mut regions, (stage, region), known);
        // Those of its followers were, until here, of all that it computes.
        for follower in schedule.followers(stage) {
            follow(schedule, &mut regions, (stage, follower), known);
        }
    }
    regions
}

/// What a stage computes, by what is known and by the bounds of the stages that read it.
fn region_within(schedule: &Schedule, regions: &Regions, stage: StageId, known: &Known) -> Region {
    match (known.regions.get(&stage), known.rolling.get(&stage)) {
        (Some(region), _) => region.clone(),
        (None, None) => demanded(schedule, regions, stage),
        (None, Some(rolling)) => rolling.region(demanded(schedule, regions, stage), known),
    }
}

/// The bounds of a stage that computes a region.
fn settle(schedule: &Schedule, regions: &mut Regions, (stage, region): (StageId, Region), known: &Known) {
    regions.stages[stage.0 as usize] = bounds(schedule, stage, region, known);
    hold(schedule, regions, stage, known);
}

/// What the buffer of a stage holds: where only followers read it, what the loops inside of it compute.
fn hold(schedule: &Schedule, regions: &mut Regions, stage: StageId, known: &Known) {
    let depth = schedule.storage_depth(stage);
    if depth > 0 {
        let leaves = &schedule.stage(stage).leaves[..depth];
        let own = leaves.iter().map(|axis| StageLoop { stage, axis: *axis });
        let still: Vec<StageLoop> = enclosing(schedule, stage).into_iter().chain(own).collect();
        let axes = &schedule.compute(stage).axes;
        let indices: Vec<_> = axes.iter().map(|a| axis_value(schedule, regions, stage, *a)).collect();
        let held = touched(&indices, &still, regions);
        let reach =
            |(index, min): (&Affine<StageLoop>, &Affine<StageLoop>)| regions.range_of(&index.minus(min)).max + 1;
        let written = indices.iter().zip(&held.min).map(reach).collect();
        let bounds = &mut regions.stages[stage.0 as usize];
        (bounds.held, bounds.written) = (held, written);
    }
    if let Some(held) = known.held.get(&stage) {
        regions.stages[stage.0 as usize].held = held.clone();
    }
}

/// The bounds of a follower: it computes what an iteration of its host's loop completes, and holds what the host holds.
fn follow(schedule: &Schedule, regions: &mut Regions, (host, follower): (StageId, StageId), known: &Known) {
    let Some(dims) = schedule.dims_of_host(follower) else { return };
    let still = enclosing(schedule, follower);
    let axes = &schedule.compute(host).axes;
    let indices: Vec<_> = dims.iter().map(|d| axis_value(schedule, regions, host, axes[*d])).collect();
    let region = touched(&indices, &still, regions);
    let (outer, storage) = (regions.held(host).clone(), regions.storage(host));
    let in_dram = schedule.stage(follower).scope == Scope::Dram;
    let held = match known.held.get(&follower) {
        Some(held) => held.clone(),
        None if in_dram => regions.stages[follower.0 as usize].region.clone(),
        None => {
            let min = dims.iter().map(|d| outer.min[*d].clone()).collect();
            Region { min, extent: dims.iter().map(|d| outer.extent[*d]).collect() }
        }
    };
    // Counted from where its own buffer begins, which in device memory is before the host's.
    let end = |(d, own): (&usize, &Affine<StageLoop>)| storage[*d] + regions.range_of(&outer.min[*d].minus(own)).max;
    let written = dims.iter().zip(&held.min).map(end).collect();
    regions.stages[follower.0 as usize] = StageBounds { held, written, ..bounds(schedule, follower, region, known) };
}

/// The indices of a read in terms of the reading stage's loops and those around it.
pub fn read_indices(schedule: &Schedule, regions: &Regions, reader: StageId, read: &Read) -> Vec<Affine<StageLoop>> {
    let value = |axis: AxisId| axis_value(schedule, regions, reader, axis);
    let ranges = |l| regions.range(l);
    let indices = read.indices.iter().map(|e| e.substitute(&value, &ranges));
    if !schedule.stage(reader).continued {
        return indices.collect();
    }
    let shape = &schedule.kernel.tensor(read.tensor).shape;
    indices.zip(shape).map(|(e, extent)| e.clip(Interval::below(*extent), &ranges)).collect()
}

/// The value of a tensor's axis while its stage runs: the region's start plus the stage's loops.
pub fn axis_value(schedule: &Schedule, regions: &Regions, stage: StageId, axis: AxisId) -> Affine<StageLoop> {
    let s = schedule.stage(stage);
    let local = &regions.stages[stage.0 as usize].values[s.root_axis(axis).0 as usize];
    match schedule.compute(stage).axes.iter().position(|a| *a == axis) {
        Some(dim) => regions.region(stage).min[dim].plus(local),
        None => local.clone(),
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

/// The region of a stage that computes its whole tensor.
fn whole(schedule: &Schedule, stage: StageId) -> Region {
    let shape = &schedule.kernel.tensor(schedule.stage(stage).tensor).shape;
    Region { min: shape.iter().map(|_| Affine::constant(0)).collect(), extent: shape.clone() }
}

fn demanded(schedule: &Schedule, regions: &Regions, stage: StageId) -> Region {
    let id = schedule.stage(stage).tensor;
    // The buffer of a follower stands beside its host's.
    let place = schedule.lead(stage);
    let at_root = schedule.stage(place).attach.is_none();
    let whole = whole(schedule, stage);
    // What nobody reads is computed for its step.
    let unread = || schedule.stands_in_steps(stage) && schedule.readers(id).is_empty();
    if schedule.kept(stage).is_some() || unread() {
        return of_steps(schedule, stage);
    }
    let on_chip = schedule.stage(stage).scope != Scope::Dram;
    if at_root && !on_chip {
        return whole;
    }
    let still = enclosing(schedule, place);
    let guarded = is_open(schedule, id);
    let mut found = (at_root && !guarded).then(|| whole.clone());
    for reader in schedule.readers(id).iter().copied() {
        schedule.compute(reader).each_read(&mut |read| {
            if read.tensor != id {
                return;
            }
            let indices = read_indices(schedule, regions, reader, read);
            let touched = touched(&indices, &still, regions);
            // Beyond an array that says what is there, an estimate that is too large does no harm.
            let touched = if guarded { touched } else { clamp(touched, &indices, &whole, regions) };
            found = Some(match &found {
                None => touched,
                Some(before) => join(before, &touched, (&whole, guarded), regions),
            });
        });
    }
    let mut region = found.unwrap_or(whole);
    // Where indices descend, blocks that a limit makes smaller reach beyond the beginning.
    for (min, extent) in region.min.iter_mut().zip(&mut region.extent).filter(|_| at_root && !guarded) {
        if let Some(before @ ..0) = min.as_constant() {
            (*min, *extent) = (Affine::constant(0), *extent + before);
        }
    }
    region
}

/// The region of a stage that keeps values from step to step: all that a step computes; for the host, of all steps.
fn of_steps(schedule: &Schedule, stage: StageId) -> Region {
    let axes = &schedule.compute(stage).axes;
    let extent: Vec<i64> = axes.iter().map(|a| schedule.kernel.axis(*a).extent).collect();
    let mut region = Region { min: axes.iter().map(|_| Affine::constant(0)).collect(), extent };
    if let (None, Some(scan)) = (schedule.hosted(stage), schedule.running_in(stage)) {
        region.min[0] = Affine::var(schedule.steps(scan));
        region.extent[0] = 1;
    }
    region
}

/// The box that indices touch while the given loops stand still and all others run.
fn touched(indices: &[Affine<StageLoop>], still: &[StageLoop], regions: &Regions) -> Region {
    let mut region = Region::default();
    for index in indices {
        let (moving, fixed) = index.partition(&|l| !still.contains(&l));
        let range = regions.range_of(&moving);
        region.min.push(fixed.plus_constant(range.min));
        region.extent.push(range.max - range.min + 1);
    }
    region
}

/// Whether each loop of an index stands in one of its terms alone, and may take each of its values whatever the others do.
fn is_exact(index: &Affine<StageLoop>, regions: &Regions) -> bool {
    let mut met: Vec<StageLoop> = Vec::new();
    index.terms().iter().all(|(atom, _)| {
        let alone = match atom {
            Atom::Var(l) => Some(*l),
            Atom::Div(of, _) | Atom::Mod(of, _) | Atom::Clip(of, _) => of.as_var(),
        };
        alone.is_some_and(|l| {
            let limited = regions.limits(l.stage).iter().any(|limit| limit.value.mentions(&|v| v == l));
            let first = !met.contains(&l);
            met.push(l);
            first && !limited
        })
    })
}

/// Intervals of divisions of several loops are estimates: where one reaches beyond the tensor, the box is the whole dimension.
/// Others are exact, and reach beyond it only in tiles and in blocks that a limit makes smaller.
fn clamp(region: Region, indices: &[Affine<StageLoop>], whole: &Region, regions: &Regions) -> Region {
    let mut clamped = region;
    for (dim, index) in indices.iter().enumerate() {
        let divided = index.terms().iter().any(|(atom, _)| !matches!(atom, Atom::Var(_))) && !is_exact(index, regions);
        let start = clamped.min[dim].range(&|l| regions.range(l));
        if divided && (start.min < 0 || start.max + clamped.extent[dim] > whole.extent[dim]) {
            clamped.min[dim] = Affine::constant(0);
            clamped.extent[dim] = whole.extent[dim];
        }
    }
    clamped
}

fn bounds(schedule: &Schedule, stage: StageId, region: Region, known: &Known) -> StageBounds {
    let s = schedule.stage(stage);
    let compute = schedule.compute(stage);
    let mut extents = vec![0; s.axes.len()];
    let whole_only = ends_with_tensor(schedule, stage);
    // Splits and fusions append the axes that they make, so an axis stands behind those that it comes from.
    for (at, axis) in s.axes.iter().enumerate() {
        let id = StageAxisId(at as u32);
        extents[at] = match axis.source {
            AxisSource::Tensor(a) => match compute.axes.iter().position(|x| *x == a) {
                // Where a buffer keeps all that is needed nothing is computed, and no loop runs.
                Some(dim) if whole_only => region.extent[dim].min(schedule.kernel.axis(a).extent).max(1),
                Some(dim) => region.extent[dim].max(1),
                None => schedule.kernel.axis(a).extent,
            },
            AxisSource::Outer(from) => {
                let factor = s.axis(from).split.expect("made by a split").factor;
                (extents[from.0 as usize] - 1) / factor + 1
            }
            AxisSource::Inner(from) => {
                let factor = s.axis(from).split.expect("made by a split").factor;
                if s.in_tile(id) { factor } else { factor.min(extents[from.0 as usize]) }
            }
            AxisSource::Fused(a, b) => extents[a.0 as usize].saturating_mul(extents[b.0 as usize]),
        };
    }
    let mut ranges: Vec<Interval> = extents.iter().map(|e| Interval::below(*e)).collect();
    for leaf in &s.leaves {
        if let Some(piece) = known.pieces.get(&StageLoop { stage, axis: *leaf }) {
            ranges[leaf.0 as usize] = *piece;
        }
    }
    let held = region.clone();
    let (limits, values) = values_and_limits(s, stage, &extents);
    let mut bounds = StageBounds { region, held, ranges, limits, values, written: Vec::new() };
    bounds.tighten();
    bounds.written = written(schedule, stage, &bounds);
    bounds
}

impl StageBounds {
    /// Cuts off the values of loops that no limit allows, whatever the others are.
    fn tighten(&mut self) {
        let before = self.ranges.clone();
        let range = |l: StageLoop| before[l.axis.0 as usize];
        for limit in &self.limits {
            let least = limit.value.range(&range).min;
            for (atom, c) in limit.value.terms() {
                let Atom::Var(l) = atom else { continue };
                let others = least - c * range(*l).min;
                let own = &mut self.ranges[l.axis.0 as usize];
                own.max = own.max.min((limit.max - others).div_euclid(*c));
            }
        }
    }
}

/// How far the loops of a stage write in each dimension.
fn written(schedule: &Schedule, stage: StageId, bounds: &StageBounds) -> Vec<i64> {
    let s = schedule.stage(stage);
    let extent = |axis: &AxisId| {
        let value = &bounds.values[s.root_axis(*axis).0 as usize];
        range_within(value, bounds.limits.iter(), &|l| bounds.ranges[l.axis.0 as usize]).max + 1
    };
    schedule.compute(stage).axes.iter().map(extent).collect()
}
