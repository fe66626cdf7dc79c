//! `Y_acc = Y.cache_write(acc)`: a tensor's computation moves to a stage in a scratchpad, and the tensor becomes a copy of it.
//!
//! ```text
//! before   Y[i, j] = i8(clip(C[i, j] >> 8, 0, 127))
//! after    Y_acc[i, j] = clip(C[i, j] >> 8, 0, 127)
//!          Y[i, j] = i8(Y_acc[i, j])
//! ```
//!
//! A value that is cut to its low bits on the way out keeps all of them in the accumulator: a store cuts it anyway.
//!
//! Of a state the next values move: each step computes the stage, and the state copies it.
//!
//! Checks: the name is free; the scope's elements have the value's type; no directive has shaped the tensor's loops, since they
//! would move away with the computation.

use crate::scalar::{CastMode, DType, Scalar};
use crate::schedule::args::Call;
use crate::schedule::ops::cache_read::{copy_of, new_name};
use crate::schedule::ops::set_scope::holds_type;
use crate::schedule::{Schedule, ScheduleError, StageAxisId, StageId};
use crate::scope::Scope;
use crate::tensor::{Compute, Definition, Leaf, Tensor};

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(true)?;
    call.expect_results(0)?;
    call.expect_args(1..=1)?;
    let stage = call.stage(schedule)?;
    let scope = call.scope(0)?;
    let name = new_name(schedule, call)?;
    loops_are_untouched(schedule, stage, call)?;
    let tensor = schedule.stage(stage).tensor;
    let original = schedule.kernel.tensor(tensor).clone();
    let compute = schedule.compute(stage).clone();
    let narrow = scope == Scope::Acc && is_cut(schedule, &compute);
    let dtype = if narrow { DType::I32 } else { original.dtype };
    holds_type(scope, dtype, call, original.span)?;
    let moved = if narrow { Compute { value: compute.value.untruncated().clone(), ..compute } } else { compute };
    let cache = schedule.add_tensor(Tensor {
        name: name.name.clone(),
        span: name.span,
        dtype,
        shape: shape_of_steps(&original),
        output: false,
        definition: Definition::Compute(moved),
        ..original
    });
    let copy = copy_of(schedule, cache, name.span);
    let value = match narrow {
        true => Scalar::cast(DType::I8, CastMode::Wrap, copy.value),
        false => copy.value,
    };
    schedule.redefine(stage, |definition| *definition = Compute { value, ..copy });
    restart(schedule, stage);
    let added = schedule.add_stage(cache);
    let s = schedule.stage_mut(added);
    (s.scope, s.scope_span) = (scope, Some(call.span()));
    // What depends on a state stays in the steps of its scan.
    schedule.follow_readers(added, call.span())
}

/// The extents of what is computed for a tensor: of a state all but its initial value.
fn shape_of_steps(tensor: &Tensor) -> Vec<i64> {
    let mut shape = tensor.shape.clone();
    if tensor.state().is_some() {
        shape[0] -= 1;
    }
    shape
}

/// Whether the value is the low bits of a wider one, which is more than a tensor's own. A reduction takes the bits of each value.
fn is_cut(schedule: &Schedule, compute: &Compute) -> bool {
    let cut = matches!(compute.value, Scalar::Cast { to: DType::I8, mode: CastMode::Wrap, .. });
    let wide = compute.value.untruncated();
    let dtype = |leaf: &Leaf| match leaf {
        Leaf::Read(read) => schedule.kernel.tensor(read.tensor).dtype,
        Leaf::Axis(_) => DType::I32,
    };
    cut && compute.reduction.is_none() && !matches!(wide, Scalar::Leaf(_)) && wide.dtype(&dtype) == DType::I32
}

fn loops_are_untouched(schedule: &Schedule, stage: StageId, call: &Call) -> Result<(), ScheduleError> {
    let s = schedule.stage(stage);
    let shaped = s.axes.iter().find_map(|a| a.shaped_by);
    let marked =
        [s.dma_copy, s.alu, s.tensorize, s.unrolled.first().copied()].into_iter().flatten().map(|m| m.span).next();
    // The steps of a scan stay, with all that is computed directly in them.
    let steps = schedule.hosted(stage).map(|scan| schedule.steps(scan).axis);
    let guest =
        schedule.guests(stage).iter().find_map(|g| schedule.stage(*g).attach.filter(|at| Some(at.axis) != steps));
    match shaped.or(marked).or(guest.map(|at| at.span)) {
        None => Ok(()),
        Some(earlier) => {
            let reason = format!("moves the loops of `{}` to `{}`", call.subject.name, schedule_name(call));
            Err(ScheduleError::BreaksEarlier { span: call.span(), earlier, reason })
        }
    }
}

fn schedule_name<'a>(call: &Call<'a>) -> &'a str {
    call.target.map_or("a separate stage", |t| &t.name)
}

/// Gives a stage the loops of what its tensor has become.
fn restart(schedule: &mut Schedule, stage: StageId) {
    let axes = schedule.original_axes(schedule.stage(stage).tensor);
    let s = schedule.stage_mut(stage);
    s.leaves = (0..axes.len() as u32).map(StageAxisId).collect();
    s.axes = axes;
}
