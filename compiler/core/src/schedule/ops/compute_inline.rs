//! `S.compute_inline()`: the readers of a stage compute its value themselves, and it needs no memory.
//!
//! ```text
//! before   for i { S[i] = A[i] + 1 }
//!          for i { T[i] = max(S[i], 0) }
//! after    for i { T[i] = max(A[i] + 1, 0) }
//! ```
//!
//! Checks: `can_inline`; nothing was said of the stage before, as its loops and its memory would be gone.

use tilewright_syntax::Span;

use crate::affine::{Affine, Interval};
use crate::scalar::{BinaryOp, Scalar};
use crate::schedule::args::Call;
use crate::schedule::checks::can_inline;
use crate::schedule::{Schedule, ScheduleError, StageId};
use crate::tensor::{AxisId, Compute, Kernel, Leaf, Read, TensorId};

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_results(0)?;
    call.expect_args(0..=0)?;
    let stage = call.stage(schedule)?;
    let tensor = schedule.stage(stage).tensor;
    let definition = schedule.kernel.tensor(tensor).span;
    if let Err((reason, help)) = can_inline(schedule, stage) {
        let stage = schedule.stage_name(stage).to_string();
        return Err(ScheduleError::CannotInline { span: call.span(), stage, reason, definition, help });
    }
    if let Some(earlier) = directive_before(schedule, stage) {
        let reason = format!("leaves `{}` without loops and memory", call.subject.name);
        return Err(ScheduleError::BreaksEarlier { span: call.span(), earlier, reason });
    }
    schedule.readers(tensor).iter().try_for_each(|reader| stays_small(schedule, call, *reader, tensor))?;
    into_readers(schedule, stage, call.span()).map_err(|axis| ScheduleError::CannotInline {
        span: call.span(),
        stage: call.subject.name.clone(),
        reason: format!("its value depends on the axis `{axis}`, where a reader has a quotient"),
        definition,
        help: "keep it as a stage",
    })
}

/// Lets the readers of a stage compute its value. The error is an axis that has no value in one of them.
pub(super) fn into_readers(schedule: &mut Schedule, stage: StageId, span: Span) -> Result<(), String> {
    let tensor = schedule.stage(stage).tensor;
    for reader in schedule.readers(tensor).to_vec() {
        substitute(schedule, reader, tensor)?;
    }
    schedule.attach(stage, None);
    schedule.inline(stage, span);
    Ok(())
}

/// A directive that gave the stage loops, a memory or a place, or another stage a place inside of it. The place in the steps of a
/// scan comes from no directive.
fn directive_before(schedule: &Schedule, stage: StageId) -> Option<Span> {
    let s = schedule.stage(stage);
    let marks = [s.dma_copy, s.alu, s.tensorize, s.unrolled.first().copied()].into_iter().flatten().map(|m| m.span);
    let guests = schedule.guests(stage).iter().filter_map(|g| schedule.stage(*g).attach);
    let place = s.attach.filter(|_| !schedule.stands_in_steps(stage)).map(|at| at.span);
    let own = s.scope_span.into_iter().chain(place).chain(s.ahead.map(|a| a.span)).chain(marks);
    let own = own.chain(schedule.tile_order(s.tensor).map(|o| o.span));
    own.chain(s.axes.iter().filter_map(|a| a.shaped_by)).chain(guests.map(|at| at.span)).next()
}

/// Most operations that the value of a reader may have, and most on the longest way through it.
const MAX_OPERATIONS: usize = 1 << 12;
const MAX_HEIGHT: usize = 512;

/// Checks, before anything is copied, that the value of a reader does not get too large.
fn stays_small(schedule: &Schedule, call: &Call, reader: StageId, tensor: TensorId) -> Result<(), ScheduleError> {
    let definition = schedule.kernel.tensor(tensor);
    let inlined = definition.compute().expect("a stage's tensor is computed");
    let reads = schedule.compute(reader).reads().iter().filter(|read| read.tensor == tensor).count();
    let ((height, size), (inner_height, inner_size)) =
        (schedule.compute(reader).value.height_and_size(), inlined.value.height_and_size());
    let (size, height) = (size + reads * inner_size, height + inner_height);
    if size <= MAX_OPERATIONS && height <= MAX_HEIGHT {
        return Ok(());
    }
    let what = match size > MAX_OPERATIONS {
        true => format!("{size} operations, and at most {MAX_OPERATIONS} are allowed"),
        false => format!("{height} operations one after the other, and at most {MAX_HEIGHT} are allowed"),
    };
    Err(ScheduleError::CannotInline {
        span: call.span(),
        stage: call.subject.name.clone(),
        reason: format!("`{}` would have {what}", schedule.stage_name(reader)),
        definition: definition.span,
        help: "keep it as a stage, which is computed once",
    })
}

/// Puts the definition of a tensor in the place of each read of it. The error is an axis that has no value there.
fn substitute(schedule: &mut Schedule, reader: StageId, tensor: TensorId) -> Result<(), String> {
    let kernel = &schedule.kernel;
    let inlined = kernel.tensor(tensor).compute().expect("a stage's tensor is computed").clone();
    let mut failed = None;
    let mut compute = schedule.compute(reader).clone();
    compute.replace_leaves(&mut |leaf| match leaf {
        Leaf::Read(read) if read.tensor == tensor => value_at(kernel, &inlined, read).unwrap_or_else(|axis| {
            failed = Some(axis);
            Scalar::int(0)
        }),
        other => Scalar::Leaf(other.clone()),
    });
    if let Some(axis) = failed {
        return Err(axis);
    }
    schedule.redefine(reader, |into| *into = compute);
    Ok(())
}

/// The value of a definition at the indices of a read.
pub(in crate::schedule) fn value_at(kernel: &Kernel, inlined: &Compute, read: &Read) -> Result<Scalar<Leaf>, String> {
    let index_of = |axis: AxisId| {
        let dim = inlined.axes.iter().position(|a| *a == axis).expect("a definition without reductions has these axes");
        read.indices[dim].clone()
    };
    let range = |axis: AxisId| Interval::below(kernel.axis(axis).extent);
    let mut failed = None;
    let value = inlined.value.flat_map(&mut |leaf| match leaf {
        Leaf::Read(inner) => {
            let indices = inner.indices.iter().map(|e| e.substitute(&index_of, &range)).collect();
            Scalar::Leaf(Leaf::Read(Read { indices, ..inner.clone() }))
        }
        Leaf::Axis(axis) => as_value(&index_of(*axis)).unwrap_or_else(|| {
            failed = Some(kernel.axis(*axis).name.clone());
            Scalar::int(0)
        }),
    });
    failed.map_or(Ok(value), Err)
}

/// An index as an `i32` value; None where it holds quotients, which values have no operation for.
fn as_value(index: &Affine<AxisId>) -> Option<Scalar<Leaf>> {
    let mut value = match index.as_var() {
        Some(axis) => return Some(Scalar::Leaf(Leaf::Axis(axis))),
        None => Scalar::int(i32::try_from(index.offset()).ok()?),
    };
    for (atom, coefficient) in index.terms() {
        let crate::affine::Atom::Var(axis) = atom else { return None };
        let scale = Scalar::int(i32::try_from(*coefficient).ok()?);
        let term = Scalar::binary(BinaryOp::Mul, Scalar::Leaf(Leaf::Axis(*axis)), scale);
        value = Scalar::binary(BinaryOp::Add, value, term);
    }
    Some(value)
}
