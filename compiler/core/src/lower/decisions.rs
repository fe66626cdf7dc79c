//! What hangs on the values of axes and is decided by cutting loops: where an index that is held between bounds takes one, and
//! which value a choice by a comparison of axes takes. A loop → conditions; a value in a piece → the value without what is decided.
//!
//! ```text
//! Y[i] = select(i < 3, A[i], B[i - 3])   for i in 0..3 { Y[i] = A[i] };  for i in 0..8 { Y[i + 3] = B[i] }
//! ```
//!
//! Loops in the tile of an operation are not cut, nor are tiles of the accumulator: what remains is decided element by element.

use super::pieces::{Edge, Inside, Split, inner_stages};
use crate::affine::{Affine, Interval};
use crate::scalar::{BinaryOp, CompareOp, DType, Scalar};
use crate::schedule::regions::{axis_value, read_indices};
use crate::schedule::{Regions, Schedule, StageId, StageLoop};
use crate::scope::Scope;
use crate::tensor::{AxisId, Kernel, Leaf, Read};

/// `value <= max`, which decides something once it holds for all iterations or for none.
pub(super) struct Condition(Edge);

impl Condition {
    /// Adds the values of a loop at which a piece begins: between two in which the condition holds throughout, or not at all, each
    /// value is a piece of its own.
    pub fn cut(&self, regions: &Regions, l: StageLoop, range: Interval, cuts: &mut Vec<i64>) {
        let Condition((value, max)) = self;
        if let Some(split) = Split::of(regions, value, *max, l) {
            return split.cut(range, cuts);
        }
        let holds = |at: i64| {
            let values = |other| if other == l { Interval::new(at, at) } else { regions.range(other) };
            decided(&value.range(&values), *max)
        };
        let mut before = holds(range.min);
        for at in range.min + 1..=range.max {
            let here = holds(at);
            if here.is_none() || here != before {
                cuts.push(at);
            }
            before = here;
        }
    }
}

/// Whether `value <= max` for all values of an interval, or for none.
fn decided(values: &Interval, max: i64) -> Option<bool> {
    if values.max <= max {
        Some(true)
    } else if values.min > max {
        Some(false)
    } else {
        None
    }
}

/// The conditions that hang on a loop, of all that is computed inside.
pub(super) fn decisions(schedule: &Schedule, regions: &Regions, l: StageLoop, inside: Inside) -> Vec<Condition> {
    if schedule.stage(l.stage).in_tile(l.axis) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let guests = inner_stages(schedule, l).filter(|_| inside != Inside::Start);
    for stage in guests.chain([l.stage]) {
        of_reads(schedule, regions, (stage, inside), &mut found);
        of_choices(schedule, regions, (stage, inside), &mut found);
    }
    let mentioned = |condition: &Condition| condition.0.0.mentions(&|other| other == l);
    found.retain(mentioned);
    found
}

/// Whether something that a stage computes hangs on the values of axes.
pub(super) fn decides(schedule: &Schedule, stage: StageId) -> bool {
    let compute = schedule.compute(stage);
    let mut found = schedule.stage(stage).continued;
    compute.each_read(&mut |read| found |= holds(read));
    for value in compute.start().into_iter().chain([&compute.value]) {
        value.choices(&mut |_, left, right| {
            found |= [left, right].iter().all(|part| of_axes(&schedule.kernel, part).is_some());
        });
    }
    found
}

/// Whether a read holds an index between bounds.
fn holds(read: &Read) -> bool {
    let mut found = false;
    read.indices.iter().for_each(|index| index.each_clip(&mut |_, _| found = true));
    found
}

/// The conditions under which indices are at the bounds that hold them.
fn of_reads(schedule: &Schedule, regions: &Regions, (stage, inside): (StageId, Inside), found: &mut Vec<Condition>) {
    let compute = schedule.compute(stage);
    let mut add = |read: &Read| {
        if !schedule.stage(stage).continued && !holds(read) {
            return;
        }
        for index in read_indices(schedule, regions, stage, read) {
            index.each_clip(&mut |e, within| {
                found.push(Condition((e.clone(), within.min - 1)));
                found.push(Condition((e.clone(), within.max)));
            });
        }
    };
    match inside {
        Inside::Start => compute.start_reads().into_iter().for_each(&mut add),
        _ => compute.reads().into_iter().for_each(&mut add),
    }
}

/// The conditions by which values are chosen.
fn of_choices(schedule: &Schedule, regions: &Regions, (stage, inside): (StageId, Inside), found: &mut Vec<Condition>) {
    let compute = schedule.compute(stage);
    let mut visit = |value: &Scalar<Leaf>| {
        value.choices(&mut |op, left, right| {
            let Some(difference) = difference(&schedule.kernel, left, right) else { return };
            let bounds = match op {
                CompareOp::Less | CompareOp::GreaterEqual => vec![-1],
                CompareOp::LessEqual | CompareOp::Greater => vec![0],
                CompareOp::Equal | CompareOp::NotEqual => vec![-1, 0],
            };
            if bounds.iter().all(|max| keeps_tiles(schedule, stage, &difference, *max)) {
                let value = in_loops(schedule, regions, stage, &difference);
                found.extend(bounds.into_iter().map(|max| Condition((value.clone(), max))));
            }
        });
    };
    compute.start().into_iter().for_each(&mut visit);
    if inside != Inside::Start {
        visit(&compute.value);
    }
}

/// A value without the choices that are decided for all iterations of the loops around.
pub(super) fn without_decided(
    schedule: &Schedule,
    regions: &Regions,
    stage: StageId,
    value: &Scalar<Leaf>,
) -> Scalar<Leaf> {
    value.choose(&mut |op, left, right| {
        let difference = difference(&schedule.kernel, left, right)?;
        chosen(op, &regions.range_of(&in_loops(schedule, regions, stage, &difference)))
    })
}

/// Whether cutting loops where a difference of axes exceeds a bound leaves tiles whole: in the accumulator those are the last
/// dimension's, and with a batch those of the one before. Elsewhere the ALU chooses, element by element.
fn keeps_tiles(schedule: &Schedule, stage: StageId, difference: &Affine<AxisId>, max: i64) -> bool {
    if schedule.stage(stage).scope != Scope::Acc {
        return true;
    }
    let axes = schedule.compute(stage).axes.iter().rev();
    let sides = [schedule.core.block_out, schedule.core.batch];
    axes.zip(sides).filter(|(_, side)| *side > 1).all(|(axis, side)| {
        let others = difference.without(*axis);
        match (difference.coefficient(*axis), others.as_constant()) {
            (Some(0), _) => true,
            (Some(1), Some(start)) => (max - start + 1).rem_euclid(side) == 0,
            (Some(-1), Some(start)) => (start - max).rem_euclid(side) == 0,
            _ => false,
        }
    })
}

/// Whether a difference compares with zero as an operation says, for all of its values or for none.
fn chosen(op: CompareOp, values: &Interval) -> Option<bool> {
    let (less, at_most) = (decided(values, -1), decided(values, 0));
    match op {
        CompareOp::Less => less,
        CompareOp::GreaterEqual => less.map(|holds| !holds),
        CompareOp::LessEqual => at_most,
        CompareOp::Greater => at_most.map(|holds| !holds),
        CompareOp::Equal if less == Some(true) || at_most == Some(false) => Some(false),
        CompareOp::Equal => (less == Some(false) && at_most == Some(true)).then_some(true),
        CompareOp::NotEqual => chosen(CompareOp::Equal, values).map(|holds| !holds),
    }
}

/// The difference of two values that hang on axes alone.
fn difference(kernel: &Kernel, left: &Scalar<Leaf>, right: &Scalar<Leaf>) -> Option<Affine<AxisId>> {
    Some(of_axes(kernel, left)?.minus(&of_axes(kernel, right)?))
}

/// An expression of axes in terms of the loops of a stage and those around it.
fn in_loops(schedule: &Schedule, regions: &Regions, stage: StageId, e: &Affine<AxisId>) -> Affine<StageLoop> {
    let value = |axis| axis_value(schedule, regions, stage, axis);
    e.substitute(&value, &|l| regions.range(l))
}

/// A value as an expression of axes, where no sum in it wraps.
fn of_axes(kernel: &Kernel, value: &Scalar<Leaf>) -> Option<Affine<AxisId>> {
    let e = match value {
        Scalar::Const { value, .. } => Affine::constant((*value).into()),
        Scalar::Leaf(Leaf::Axis(axis)) => Affine::var(*axis),
        Scalar::Binary { op, left, right } => {
            let (left, right) = (of_axes(kernel, left)?, of_axes(kernel, right)?);
            match (op, left.as_constant(), right.as_constant()) {
                (BinaryOp::Add, ..) => left.plus(&right),
                (BinaryOp::Sub, ..) => left.minus(&right),
                (BinaryOp::Mul, _, Some(factor)) => left.times(factor),
                (BinaryOp::Mul, Some(factor), None) => right.times(factor),
                (BinaryOp::Shl, _, Some(by @ 0..=30)) => left.times(1 << by),
                (BinaryOp::Shr, _, Some(by @ 0..=30)) => left.div(1 << by, &|a| range(kernel, a)),
                _ => return None,
            }
        }
        _ => return None,
    };
    let (least, greatest) = DType::I32.limits();
    let all = e.range(&|a| range(kernel, a));
    (least <= all.min && all.max <= greatest).then_some(e)
}

fn range(kernel: &Kernel, axis: AxisId) -> Interval {
    Interval::below(kernel.axis(axis).extent)
}
