//! `Y.bind(jo, vthread)`: the iterations of a loop become virtual threads, interleaved statement by statement, so that one
//! loads while another computes.
//!
//! ```text
//! before   for jo in 0..2 { alloc C; for ro { load W_buf; gemm C, W_buf }; store C }
//! after    alloc C[2]; for ro { load W_buf[0]; load W_buf[1]; gemm C[0], W_buf[0]; gemm C[1], W_buf[1] }
//!          store C[0]; store C[1]
//! ```
//!
//! What is computed inside the loop has a buffer for each thread. Checks: the axis is a loop, no reduction and in no tile;
//! it was not bound before. The iterations of such an axis write different elements, so they are independent.

use crate::schedule::args::Call;
use crate::schedule::checks::{can_interleave, threads};
use crate::schedule::{Marked, Schedule, ScheduleError};

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_results(0)?;
    call.expect_args(2..=2)?;
    let stage = call.stage(schedule)?;
    let word = call.name(1, "`vthread`")?;
    if word.name != "vthread" {
        return Err(ScheduleError::UnknownWord { what: "thread", name: word, known: vec!["vthread"], of: None });
    }
    let axis = call.axis(schedule, stage, 0)?;
    let s = schedule.stage(stage);
    if let Some(before) = s.vthreads.iter().find(|m| m.axis == axis) {
        let (span, first, stage) = (call.span(), before.span, schedule.stage_name(stage).to_string());
        return Err(ScheduleError::SaidTwice { span, first, stage, what: "interleaved over this axis" });
    }
    if let Err(reason) = can_interleave(schedule, stage, axis) {
        return Err(ScheduleError::CannotBind {
            span: call.span(),
            stage: schedule.stage_name(stage).to_string(),
            axis: s.axis(axis).name.clone(),
            reason,
            place: s.axis(axis).span,
            legal: threads(schedule, stage),
        });
    }
    let s = schedule.stage_mut(stage);
    s.axis_mut(axis).shaped_by = Some(call.span());
    s.vthreads.push(Marked { axis, span: call.span() });
    Ok(())
}
