//! `C.split(j, 16) -> jo, ji`: one loop becomes two, of blocks and inside a block.
//!
//! ```text
//! before   for j in 0..256 { C[j] }
//! after    for jo in 0..16 { for ji in 0..16 { C[jo * 16 + ji] } }
//! ```
//!
//! Where the factor does not divide the iterations, the last block is smaller. A block that is a tile of the GEMM core stays
//! whole: its rest is zeros.
//!
//! Checks: the axis is a loop; both names are free in the stage; the loop is not part of a tile.

use tilewright_syntax::ast::Ident;

use crate::schedule::args::Call;
use crate::schedule::ops::{names_are_free, outside_tile};
use crate::schedule::{AxisSource, Schedule, ScheduleError, Split, StageAxis, StageAxisId, StageId};

/// No loop runs as often, so a factor beyond it says nothing more; indices stay in range.
const MAX_FACTOR: i64 = 1 << 30;

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_args(2..=2)?;
    call.expect_results(2)?;
    let stage = call.stage(schedule)?;
    let axis = call.axis(schedule, stage, 0)?;
    let factor = call.positive(1)?;
    names_are_free(schedule, stage, call)?;
    outside_tile(schedule, stage, axis, call, "splits")?;
    split_loop(schedule, stage, axis, factor, [&call.directive.results[0], &call.directive.results[1]], call);
    Ok(())
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
