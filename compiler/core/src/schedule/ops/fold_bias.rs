//! `S.fold_bias(C)`: what a stage adds to the shifted sum of products `C` becomes what the sum starts from.
//!
//! ```text
//! before   C[o, y] = sum(c: i32(X[c, y]) * i32(F[o, c]))
//!          S[o, y] = clip((C[o, y] >> 8) + i32(b[o]), 0, 127)
//! after    C[o, y] = (i32(b[o]) << 8) + sum(c: i32(X[c, y]) * i32(F[o, c]))
//!          S[o, y] = clip(C[o, y] >> 8, 0, 127)
//! ```
//!
//! An arithmetic shift rounds down, so multiples of what it divides by can be added before it as well as behind it, as long as
//! no sum wraps. That is proved from the types: the sum is of products of `i8` values, and so is what is added. Where nothing is
//! shifted the order of a sum is free even if it wraps, so an `i32` tensor can be folded as well.
//!
//! Checks: the argument is a sum of products that nothing else reads, and no output; the stage adds to it an `i8` tensor, or an
//! `i32` tensor where the sum is not shifted, along its axes; a shifted sum cannot wrap; nothing was folded into it before.

use crate::affine::{Affine, Interval};
use crate::scalar::{BinaryOp, CastMode, DType, Scalar};
use crate::schedule::args::{Call, resolve_stage};
use crate::schedule::checks::product;
use crate::schedule::{Schedule, ScheduleError, StageId};
use crate::tensor::{AxisId, Leaf, Read};

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_results(0)?;
    call.expect_args(1..=1)?;
    let stage = call.stage(schedule)?;
    let sum = resolve_stage(schedule, &call.name(0, "the name of a stage")?)?;
    let (value, start) = folded(schedule, stage, sum).map_err(|reason| ScheduleError::CannotFold {
        span: call.span(),
        stage: schedule.stage_name(stage).to_string(),
        sum: schedule.stage_name(sum).to_string(),
        reason,
        definition: schedule.kernel.tensor(schedule.stage(stage).tensor).span,
    })?;
    schedule.redefine(stage, |compute| compute.value = value);
    schedule.redefine(sum, |compute| {
        compute.reduction.iter_mut().for_each(|reduction| reduction.start = Some(start.clone()));
    });
    Ok(())
}

/// The value of the stage without what it adds, and what the sum starts from instead; or why not.
fn folded(s: &Schedule, stage: StageId, sum: StageId) -> Result<(Scalar<Leaf>, Scalar<Leaf>), String> {
    let name = s.stage_name(sum);
    if product(s, sum).is_none() {
        return Err(format!("`{name}` is not a `sum` of products of two `i8` tensors"));
    }
    if s.compute(sum).start().is_some() {
        return Err(format!("`{name}` already has an initial value"));
    }
    let tensor = s.stage(sum).tensor;
    if s.kernel.tensor(tensor).output {
        return Err(format!("`{name}` is an output, whose value would change"));
    }
    if let Some(other) = s.readers(tensor).iter().find(|r| **r != stage) {
        return Err(format!("`{}` reads `{name}` as well", s.stage_name(*other)));
    }
    let compute = s.compute(stage);
    let is_sum = |leaf: &Leaf| matches!(leaf, Leaf::Read(read) if read.tensor == tensor);
    let mut terms = Vec::new();
    let value = without_term(s, &compute.value, &is_sum, &mut terms);
    let reads = compute.reads().into_iter().filter(|read| read.tensor == tensor).count();
    let [term] = terms.as_slice() else {
        return Err(format!(
            "it adds no `i8` tensor, as `i32(b[..])`, to `{name}` or `{name} >> n`, and no `i32` tensor to `{name}`"
        ));
    };
    if reads != 1 {
        return Err(format!("it reads `{name}` more than once"));
    }
    let start = along_sum(s, stage, sum, term)?;
    if term.shift > 0 {
        cannot_wrap(s, sum, term.shift)?;
    }
    Ok((value, start))
}

/// What is added to a sum, an element as `i32`, behind a shift of the sum to the right.
struct Term {
    read: Read,
    /// The element's type.
    dtype: DType,
    to: Read,
    shift: i32,
}

/// The value with each `(sum >> n) + i32(b[..])` replaced by `sum >> n`.
fn without_term(
    s: &Schedule,
    value: &Scalar<Leaf>,
    is_sum: &dyn Fn(&Leaf) -> bool,
    terms: &mut Vec<Term>,
) -> Scalar<Leaf> {
    match value {
        Scalar::Binary { op: BinaryOp::Add, left, right } => {
            for (shifted, added) in [(left, right), (right, left)] {
                let found = shifted_sum(shifted, is_sum).and_then(|(to, shift)| {
                    let (read, dtype) = element(s, added)?;
                    Some(Term { read, dtype, to, shift })
                });
                if let Some(term) = found.filter(|term| term.dtype == DType::I8 || term.shift == 0) {
                    terms.push(term);
                    return (**shifted).clone();
                }
            }
            let [left, right] = [left, right].map(|e| without_term(s, e, is_sum, terms));
            Scalar::binary(BinaryOp::Add, left, right)
        }
        Scalar::Binary { op, left, right } => {
            let [left, right] = [left, right].map(|e| without_term(s, e, is_sum, terms));
            Scalar::binary(*op, left, right)
        }
        Scalar::Cast { to, mode, value } => Scalar::cast(*to, *mode, without_term(s, value, is_sum, terms)),
        other => other.clone(),
    }
}

/// `sum[..]` or `sum[..] >> n`.
fn shifted_sum(value: &Scalar<Leaf>, is_sum: &dyn Fn(&Leaf) -> bool) -> Option<(Read, i32)> {
    let sum = |e: &Scalar<Leaf>| match e {
        Scalar::Leaf(leaf @ Leaf::Read(read)) if is_sum(leaf) => Some(read.clone()),
        _ => None,
    };
    match value {
        Scalar::Binary { op: BinaryOp::Shr, left, right } => match &**right {
            Scalar::Const { value: shift, .. } => Some((sum(left)?, *shift)),
            _ => None,
        },
        value => Some((sum(value)?, 0)),
    }
}

/// `i32(b[..])` of an `i8` tensor, or `b[..]` of an `i32` tensor.
fn element(s: &Schedule, value: &Scalar<Leaf>) -> Option<(Read, DType)> {
    let (value, dtype) = match value {
        Scalar::Cast { to: DType::I32, value, .. } => (&**value, DType::I8),
        value => (value, DType::I32),
    };
    match value {
        Scalar::Leaf(Leaf::Read(read)) if s.kernel.tensor(read.tensor).dtype == dtype => Some((read.clone(), dtype)),
        _ => None,
    }
}

/// The term, scaled, over the axes of the sum.
fn along_sum(s: &Schedule, stage: StageId, sum: StageId, term: &Term) -> Result<Scalar<Leaf>, String> {
    let own = &s.compute(sum).axes;
    let extent = |a: AxisId| s.kernel.axis(a).extent;
    let axis = |a: AxisId| {
        let dim = term.to.indices.iter().position(|index| index.as_var() == Some(a))?;
        Some(own[dim]).filter(|of_sum| extent(*of_sum) == extent(a))
    };
    let whole = s.kernel.tensor(s.stage(stage).tensor);
    let stranger = |a: &&AxisId| axis(**a).is_none();
    let mentioned = |a: &&AxisId| term.read.indices.iter().any(|index| index.mentions(&|x| x == **a));
    if let Some(a) = s.compute(stage).axes.iter().filter(mentioned).find(stranger) {
        let (axis, name, sum) = (&s.kernel.axis(*a).name, &whole.name, s.stage_name(sum));
        return Err(format!(
            "what `{name}` adds depends on `{axis}`, which does not run over a whole dimension of `{sum}`"
        ));
    }
    let range = |a: AxisId| Interval::below(s.kernel.axis(a).extent);
    let place = |a: AxisId| Affine::var(axis(a).unwrap_or(a));
    let indices = term.read.indices.iter().map(|index| index.substitute(&place, &range)).collect();
    let element = Scalar::Leaf(Leaf::Read(Read { indices, ..term.read.clone() }));
    let wide = match term.dtype {
        DType::I8 => Scalar::cast(DType::I32, CastMode::Wrap, element),
        DType::I32 => element,
    };
    Ok(match term.shift {
        0 => wide,
        shift => Scalar::binary(BinaryOp::Shl, wide, Scalar::int(shift)),
    })
}

/// Whether the greatest sum of products and the greatest term stay together in an `i32`.
fn cannot_wrap(s: &Schedule, sum: StageId, shift: i32) -> Result<(), String> {
    let (least, _) = DType::I8.limits();
    let reduced = s.compute(sum).reduction.iter().flat_map(|r| &r.axes).map(|a| s.kernel.axis(*a).extent);
    let products = reduced.fold(least * least, i64::saturating_mul);
    let together = products.saturating_add(-least << shift);
    match together <= DType::I32.limits().1 {
        true => Ok(()),
        false => {
            Err(format!("`{}` can be as large as {products}, and with the addition it could wrap", s.stage_name(sum)))
        }
    }
}
