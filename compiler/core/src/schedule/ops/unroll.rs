//! `C.unroll(jo)`: a loop becomes no loop of an instruction.
//!
//! ```text
//! before   gemm C[0] += X_buf[0] * W_buf[0] inner 4 (dst 1, wgt 1)
//! after    gemm C[0] += X_buf[0] * W_buf[0] uops [(0, 0, 0), (1, 0, 1), (2, 0, 2), (3, 0, 3)]
//! ```
//!
//! The accelerator has no loops but those of its instructions. Without the directive the cheapest two are drawn in; with
//! it, the loop becomes micro-ops, or, where these are too many and around transfers, an instruction for each iteration.
//!
//! Checks: the axis is a loop outside of a tile; it is not unrolled yet.

use crate::schedule::args::Call;
use crate::schedule::ops::outside_tile;
use crate::schedule::{Marked, Schedule, ScheduleError};

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_results(0)?;
    call.expect_args(1..=1)?;
    let stage = call.stage(schedule)?;
    let axis = call.axis(schedule, stage, 0)?;
    outside_tile(schedule, stage, axis, call, "unrolls")?;
    let s = schedule.stage_mut(stage);
    if let Some(before) = s.unrolled.iter().find(|m| m.axis == axis) {
        let (span, first, stage) = (call.span(), before.span, s.axis(axis).name.clone());
        return Err(ScheduleError::SaidTwice { span, first, stage, what: "unrolled" });
    }
    s.unrolled.push(Marked { axis, span: call.span() });
    Ok(())
}
