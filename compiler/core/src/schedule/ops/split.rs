//! `C.split(j, 16) -> jo, ji`: one loop becomes two, of blocks and inside a block.
//!
//! ```text
//! before   for j in 0..256 { C[j] }
//! after    for jo in 0..16 { for ji in 0..16 { C[jo * 16 + ji] } }
//! ```
//!
//! `C.split(j, parts = 16)` says how many blocks there are: their size follows from the iterations that the loop has there.
//!
//! Where the factor does not divide the iterations, the last block is smaller. A block that is a tile of the GEMM core stays
//! whole: its rest is zeros.
//!
//! Checks: the axis is a loop; both names are free in the stage; the loop is not part of a tile.

use tilewright_syntax::ast::{Expr, ExprKind, Ident};

use crate::schedule::args::Call;
use crate::schedule::ops::{names_are_free, outside_tile};
use crate::schedule::{AxisSource, Schedule, ScheduleError, Split, StageAxis, StageAxisId, StageId};

/// No loop runs as often, so a factor beyond it says nothing more; indices stay in range.
const MAX_FACTOR: i64 = 1 << 30;

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_named(&["parts"])?;
    let by_parts = call.directive.named.first();
    let unnamed = if by_parts.is_some() { 1 } else { 2 };
    call.expect_unnamed(unnamed..=unnamed)?;
    call.expect_results(2)?;
    let stage = call.stage(schedule)?;
    let axis = call.axis(schedule, stage, 0)?;
    let (factor, written) = match by_parts {
        Some(parts) => (block_of_parts(schedule, stage, axis, call.number(&parts.value, 1)?, call)?, &parts.value),
        None => (call.positive(1)?, &call.directive.args[1]),
    };
    names_are_free(schedule, stage, call)?;
    outside_tile(schedule, stage, axis, call, "splits")?;
    if let Some(reason) = idle(schedule, stage, axis, factor, written) {
        let warning = call.no_effect(reason, Some((schedule.stage(stage).axis(axis).span, "this axis")));
        schedule.warnings.push(warning);
    }
    split_loop(schedule, stage, axis, factor, [&call.directive.results[0], &call.directive.results[1]], call);
    Ok(())
}

/// The size of a block where a loop, as it stands, makes so many blocks.
fn block_of_parts(
    schedule: &mut Schedule,
    stage: StageId,
    axis: StageAxisId,
    parts: i64,
    call: &Call,
) -> Result<i64, ScheduleError> {
    let extent = schedule.bounds_of(stage).extent(stage, axis);
    match extent % parts {
        0 => Ok(extent / parts),
        _ => {
            let a = schedule.stage(stage).axis(axis);
            let (axis, axis_span) = (a.name.clone(), a.span);
            Err(ScheduleError::Parts { span: call.span(), axis, extent, parts, axis_span })
        }
    }
}

/// Why one of the two loops runs once, if it does. Sizes by name may be others tomorrow, and are not told of.
pub fn idle(schedule: &Schedule, stage: StageId, axis: StageAxisId, factor: i64, written: &Expr) -> Option<String> {
    let a = schedule.stage(stage).axis(axis);
    let whole = match a.source {
        AxisSource::Tensor(of) => schedule.kernel.axis(of).extent,
        _ => i64::MAX,
    };
    match factor {
        _ if !matches!(written.kind, ExprKind::Int(_)) => None,
        1 => Some("blocks of 1 iteration are the loop itself".to_string()),
        all if all >= whole => Some(format!("`{}` has {whole} iterations, which are one block", a.name)),
        _ => None,
    }
}

/// Puts two loops in the place of one. Returns the loop over blocks and the one inside a block.
pub fn split_loop(
    schedule: &mut Schedule,
    stage: StageId,
    axis: StageAxisId,
    factor: i64,
    names: [&Ident; 2],
    call: &Call,
) -> [StageAxisId; 2] {
    let factor = factor.min(MAX_FACTOR);
    let s = schedule.stage_mut(stage);
    let outer = StageAxisId(s.axes.len() as u32);
    let inner = StageAxisId(outer.0 + 1);
    let reduce = s.axis(axis).reduce;
    for (name, source) in names.into_iter().zip([AxisSource::Outer(axis), AxisSource::Inner(axis)]) {
        s.axes.push(StageAxis::new(name, reduce, source, call.span()));
    }
    s.axis_mut(axis).split = Some(Split { factor, outer, inner, span: call.span() });
    let depth = s.depth(axis).expect("a loop");
    s.leaves.splice(depth..=depth, [outer, inner]);
    [outer, inner]
}
