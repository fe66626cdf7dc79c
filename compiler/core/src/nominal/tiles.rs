//! How a sum of products is laid on the GEMM core with the fewest micro-ops.
//!
//! In: a definition. Out: which axis runs along which side of the core, and the number of tiles that have a product which is
//! not by a zero from outside of an array. Whether axes make a tile is for [`crate::gemm::match_tile`] to say, as it is for
//! schedules; the tiles of an operand begin at multiples of their size, as they do in memory.

use super::points::{self, Condition, Walk};
use crate::affine::{Affine, Interval};
use crate::gemm::{Accesses, Core, Side, TileLane, TileLoop, match_tile};
use crate::scalar::{BinaryOp, DType, Scalar};
use crate::tensor::{AxisId, Compute, Kernel, Leaf, Read, Reducer};

/// A way to lay a sum of products on the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    /// The axis along each side, in the order of [`Side::ALL`]; none along a side of size 1.
    pub sides: [Option<AxisId>; 3],
    pub uops: u64,
}

/// What stands in an index once an axis is split into tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// An axis, or the tiles of one.
    Axis(AxisId),
    /// The lanes along a side.
    Lane(u8),
}

/// The tiling with the fewest micro-ops; none if the definition is no sum of products, or not one for this core.
pub fn best(kernel: &Kernel, core: Core, compute: &Compute) -> Option<Tiling> {
    let (a, b) = factors(kernel, compute)?;
    let reduced = &compute.reduction.as_ref()?.axes;
    let along = |side: Side| -> Vec<Option<AxisId>> {
        let axes = if side == Side::BlockIn { reduced } else { &compute.axes };
        if core.size(side) == 1 { vec![None] } else { axes.iter().copied().map(Some).collect() }
    };
    let [batch, block_out, block_in] = Side::ALL.map(along);
    let mut found: Vec<Tiling> = Vec::new();
    for i in &batch {
        for o in &block_out {
            for r in &block_in {
                let sides = [*i, *o, *r];
                let fits = [(a, b), (b, a)].iter().any(|(src, wgt)| is_tile(kernel, core, compute, sides, (src, wgt)));
                if fits {
                    let walks = walks(kernel, core, compute.axes.iter().chain(reduced), sides);
                    found.push(Tiling { sides, uops: points::tiles(&walks, &conditions(kernel, &[a, b])) });
                }
            }
        }
    }
    found.into_iter().min_by_key(|tiling| tiling.uops)
}

/// The factors of `sum(..: i32(A[..]) * i32(B[..]))` of `i8` values.
fn factors<'k>(kernel: &Kernel, compute: &'k Compute) -> Option<(&'k Read, &'k Read)> {
    let is_sum = compute.reduction.as_ref().is_some_and(|r| r.reducer == Reducer::Sum);
    let Scalar::Binary { op: BinaryOp::Mul, left, right } = &compute.value else { return None };
    let factor = |value: &'k Scalar<Leaf>| {
        let Scalar::Cast { to: DType::I32, value, .. } = value else { return None };
        match &**value {
            Scalar::Leaf(Leaf::Read(read)) if kernel.tensor(read.tensor).dtype == DType::I8 => Some(read),
            _ => None,
        }
    };
    if is_sum { Some((factor(left)?, factor(right)?)) } else { None }
}

/// The axes of a definition, each with the lanes that the sides have along it.
pub fn walks<'a>(
    kernel: &Kernel,
    core: Core,
    axes: impl IntoIterator<Item = &'a AxisId>,
    sides: [Option<AxisId>; 3],
) -> Vec<Walk> {
    let lanes = |axis: AxisId| Side::ALL.into_iter().find(|s| sides[*s as usize] == Some(axis));
    let walk = |axis: &AxisId| Walk {
        axis: *axis,
        extent: kernel.axis(*axis).extent,
        lanes: lanes(*axis).map_or(1, |side| core.size(side)),
    };
    axes.into_iter().map(walk).collect()
}

/// What holds where no read yields a zero from outside of its array.
fn conditions(kernel: &Kernel, reads: &[&Read]) -> Vec<Condition> {
    let with_zeros = reads.iter().filter(|r| kernel.tensor(r.tensor).outside == Some(0));
    with_zeros.flat_map(|read| inside(kernel, read)).collect()
}

/// What holds where a read is inside of its array.
pub fn inside(kernel: &Kernel, read: &Read) -> Vec<Condition> {
    let shape = &kernel.tensor(read.tensor).shape;
    read.indices.iter().zip(shape).map(|(i, d)| Condition { index: i.clone(), extent: *d }).collect()
}

fn is_tile(
    kernel: &Kernel,
    core: Core,
    compute: &Compute,
    sides: [Option<AxisId>; 3],
    (src, wgt): (&Read, &Read),
) -> bool {
    let side_of = |axis: AxisId| Side::ALL.into_iter().find(|s| sides[*s as usize] == Some(axis));
    let split = |axis: AxisId| match side_of(axis) {
        None => Affine::var(Part::Axis(axis)),
        Some(side) => Affine::var(Part::Axis(axis)).times(core.size(side)).plus(&Affine::var(Part::Lane(side as u8))),
    };
    let ranges = |part: Part| match part {
        Part::Lane(side) => Interval::below(core.size(Side::ALL[side as usize])),
        Part::Axis(axis) => {
            let size = side_of(axis).map_or(1, |side| core.size(side));
            Interval::below((kernel.axis(axis).extent + size - 1) / size)
        }
    };
    let parts = |indices: &[Affine<AxisId>]| -> Vec<Affine<Part>> {
        indices.iter().map(|e| e.substitute(&split, &ranges)).collect()
    };
    let dst: Vec<Affine<AxisId>> = compute.axes.iter().copied().map(Affine::var).collect();
    let (dst, src, wgt) = (parts(&dst), parts(&src.indices), parts(&wgt.indices));
    let loops = Side::ALL.map(|side| TileLoop { var: Part::Lane(side as u8), extent: core.size(side) });
    let Ok(found) = match_tile(core, &loops, &Accesses { dst: &dst, src: &src, wgt: &wgt }) else { return false };
    let aligned = |lanes: &[TileLane<Part>], indices: &[Affine<Part>]| {
        lanes.iter().all(|lane| {
            let begin = indices[lane.dim].without(lane.var);
            begin.offset() % lane.size == 0 && begin.terms().iter().all(|(_, c)| c % lane.size == 0)
        })
    };
    aligned(&found.dst, &dst) && aligned(&found.src, &src) && aligned(&found.wgt, &wgt)
}
