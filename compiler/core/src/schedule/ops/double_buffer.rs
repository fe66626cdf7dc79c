//! `X_buf.double_buffer()`: iterations of the loop at which the stage is computed take two copies of its buffer in turn, or
//! as many as are named, so that the next iteration fills one while this one still reads the other. One copy is none to take
//! in turn, and leaves the schedule as it is.
//!
//! ```text
//! before   for ro { alloc X_buf[1, 16]; X_buf[..] = X[..]; ... X_buf[..] ... }
//! after    alloc X_buf[2, 1, 16]; for ro { X_buf[ro % 2, ..] = X[..]; ... X_buf[ro % 2, ..] ... }
//! ```
//!
//! A stage that only followers read is allocated inside its own outer loops, and rotates on these.
//!
//! Checks: the stage is computed at a loop or allocated in one of its own; the slots are in `1..=MAX_SLOTS`; it was not said
//! before.

use crate::schedule::args::Call;
use crate::schedule::checks::holders;
use crate::schedule::{DoubleBuffer, Schedule, ScheduleError};

/// The most copies of one buffer. No scratchpad is a thousand times as large as what a loop has a use for.
const MAX_SLOTS: i64 = 1024;

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_results(0)?;
    call.expect_args(0..=1)?;
    let stage = call.stage(schedule)?;
    let slots = match call.directive.args.len() {
        0 => 2,
        _ => call.at_least(0, i64::MIN)?,
    };
    if !(1..=MAX_SLOTS).contains(&slots) {
        return Err(call.bad_arguments(format!("the number of slots is 1 to {MAX_SLOTS}, not {slots}")));
    }
    let s = schedule.stage(stage);
    let name = schedule.stage_name(stage).to_string();
    if let Some(before) = s.double_buffer {
        let (span, first) = (call.span(), before.span);
        return Err(ScheduleError::SaidTwice { span, first, stage: name, what: "double-buffered" });
    }
    if !schedule.can_rotate(stage) {
        return Err(ScheduleError::NothingRotates {
            span: call.span(),
            stage: name,
            definition: schedule.kernel.tensor(s.tensor).span,
            legal: holders(schedule, stage),
        });
    }
    if slots > 1 {
        schedule.stage_mut(stage).double_buffer = Some(DoubleBuffer { slots, span: call.span() });
    }
    Ok(())
}
