//! `C.peel(yo, 1, 1)`: the first and the last iterations of a loop stand apart, as many as are named.
//!
//! ```text
//! before   for yo in 0..8 { ... }
//! after    for yo in 0..1 { ... } for yo in 1..7 { ... } for yo in 7..8 { ... }
//! ```
//!
//! Either number may be 0. Each piece has a body of its own, which later passes treat by itself. What is computed in the loop
//! stands in every piece.
//!
//! Checks: the axis is a loop outside of the tile; it was not peeled before.

use crate::schedule::args::Call;
use crate::schedule::{Peeled, Schedule, ScheduleError};

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_results(0)?;
    call.expect_args(2..=3)?;
    let stage = call.stage(schedule)?;
    let axis = call.axis(schedule, stage, 0)?;
    let first = call.at_least(1, 0)?;
    let last = if call.directive.args.len() == 3 { call.at_least(2, 0)? } else { 0 };
    let name = schedule.stage_name(stage).to_string();
    let s = schedule.stage_mut(stage);
    if let (true, Some(tile)) = (s.in_tile(axis), s.tensorize) {
        let reason = format!("peels iterations of `{}`, a loop of the tile", s.axis(axis).name);
        return Err(ScheduleError::BreaksEarlier { span: call.span(), earlier: tile.span, reason });
    }
    if let Some(before) = s.axis(axis).peeled {
        let (span, first) = (call.span(), before.span);
        return Err(ScheduleError::SaidTwice { span, first, stage: name, what: "peeled" });
    }
    let a = s.axis_mut(axis);
    a.peeled = Some(Peeled { first, last, span: call.span() });
    a.shaped_by = Some(call.span());
    Ok(())
}
