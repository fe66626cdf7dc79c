//! What the tiles of a schedule reach beyond the ends of arrays: a schedule → nothing, or the sum that would not be the kernel's;
//! and the dimensions of an input beyond whose end the kernel itself reads.
//!
//! ```text
//! C[i, j] = sum(r < 18: i32(X[i, r]) * i32(W[j, r])), r in tiles of 16     tiles sum up 32 products
//!     X: i8[1, 18]: its buffer has 32, zero beyond 18                      the sum is the kernel's
//!     X: i8[1, 40], W: i8[16, 40]                                          14 products of numbers too many
//! ```

use super::BuildError;
use crate::affine::{Affine, Interval};
use crate::loops::ir::{Origin, Scope};
use crate::scalar::{BinaryOp, Scalar};
use crate::schedule::{Regions, Schedule, StageId, regions};
use crate::tensor::{AxisId, Compute, Definition, Kernel, Leaf, Reducer, TensorId};

/// Refuses a sum of products that ends inside of a tile, unless a factor is zero beyond its end: all products of a tile are
/// added.
pub(super) fn sums_end(schedule: &Schedule, regions: &Regions) -> Result<(), BuildError> {
    let tiles = schedule.stage_ids().filter(|s| schedule.stage(*s).tensorize.is_some());
    tiles.into_iter().try_for_each(|stage| sum_ends(schedule, regions, stage))
}

fn sum_ends(schedule: &Schedule, regions: &Regions, stage: StageId) -> Result<(), BuildError> {
    let (kernel, compute) = (&schedule.kernel, schedule.compute(stage));
    let is_product = matches!(compute.value, Scalar::Binary { op: BinaryOp::Mul, .. });
    let Some(sum) = compute.reduction.as_ref().filter(|r| r.reducer == Reducer::Sum && is_product) else {
        return Ok(());
    };
    let factors = compute.value_reads();
    for axis in &sum.axes {
        let extent = kernel.axis(*axis).extent;
        let reached = regions.range_of(&regions::axis_value(schedule, regions, stage, *axis)).max;
        let ends = || factors.iter().any(|read| ends_with(schedule, read.tensor, &read.indices, *axis));
        if reached >= extent && !ends() {
            let tensor = kernel.tensor(schedule.stage(stage).tensor);
            let directive = schedule.stage(stage).tensorize.map(|marked| marked.span);
            return Err(BuildError::Shape {
                tensor: tensor.name.clone(),
                what: "products of the GEMM core",
                reason: format!(
                    "the sum over `{}` ends inside of a tile, at {extent}, and neither factor is zero beyond it",
                    kernel.axis(*axis).name
                ),
                origin: Origin { tensor: Some(tensor.span), directive, ..Origin::default() },
                help: "let the sum run over a multiple of BLOCK_IN, or let one of the factors be an input that ends where the \
                       sum does"
                    .to_string(),
            });
        }
    }
    Ok(())
}

/// Whether what is read of a tensor beyond the end of an axis is zero. Buffers are, beyond the end of their array, until they are
/// written there; that tiles do not do so is held by `legalize::padding`. On chip a region may reach beyond the tensor, as far
/// as its readers do.
fn ends_with(schedule: &Schedule, tensor: TensorId, indices: &[Affine<AxisId>], axis: AxisId) -> bool {
    let kernel = &schedule.kernel;
    let extent = kernel.axis(axis).extent;
    let beyond = |(index, array): (&Affine<AxisId>, &i64)| {
        let step = index.coefficient(axis).filter(|step| *step > 0);
        step.is_some_and(|step| range(kernel, &index.without(axis)).min + step * extent >= *array)
    };
    let leaves = || indices.iter().zip(&kernel.tensor(tensor).shape).any(beyond);
    let whole = |stage: StageId| schedule.scope(tensor) == Scope::Dram && schedule.stage(stage).attach.is_none();
    match (&kernel.tensor(tensor).definition, schedule.stage_of(tensor)) {
        (Definition::Input, _) => kernel.tensor(tensor).outside.is_none_or(|value| value == 0) && leaves(),
        (_, Some(stage)) if whole(stage) => leaves(),
        (_, Some(stage)) if schedule.stage(stage).continued => false,
        (Definition::Compute(Compute { axes, reduction: None, value: Scalar::Leaf(Leaf::Read(read)) }), _) => {
            let at = |a: AxisId| axes.iter().position(|x| *x == a).map_or(Affine::var(a), |dim| indices[dim].clone());
            let ranges = |a: AxisId| Interval::below(kernel.axis(a).extent);
            let source: Vec<_> = read.indices.iter().map(|index| index.substitute(&at, &ranges)).collect();
            ends_with(schedule, read.tensor, &source, axis)
        }
        _ => false,
    }
}

/// The dimensions of an input beyond whose end something reads for what it computes, and not only for the rest of a tile.
pub(super) fn dims_read_beyond(schedule: &Schedule, input: TensorId) -> Vec<usize> {
    let kernel = &schedule.kernel;
    let reads = schedule.stage_ids().flat_map(|stage| schedule.compute(stage).reads());
    let own: Vec<_> = reads.filter(|read| copied(schedule, read.tensor) == input).collect();
    let beyond = |dim: &usize| {
        let extent = kernel.tensor(input).shape[*dim];
        own.iter().any(|read| range(kernel, &read.indices[*dim]).max >= extent)
    };
    (0..kernel.tensor(input).shape.len()).filter(beyond).collect()
}

/// What a tensor is a copy of, index by index.
fn copied(schedule: &Schedule, tensor: TensorId) -> TensorId {
    let read = schedule.stage_of(tensor).and_then(|stage| regions::copied_whole(schedule, stage));
    read.map_or(tensor, |read| copied(schedule, read.tensor))
}

/// The values of an index in the kernel itself.
fn range(kernel: &Kernel, index: &Affine<AxisId>) -> Interval {
    index.range(&|a| Interval::below(kernel.axis(a).extent))
}
