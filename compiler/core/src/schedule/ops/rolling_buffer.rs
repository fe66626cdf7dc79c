//! `X_buf.rolling_buffer()`: what an iteration of the loop at which the stage is computed reads again stays in the buffer, and
//! only the rest is computed.
//!
//! ```text
//! before   for y { alloc X_buf[3, w]; X_buf[..] = X[y .. y + 3, ..]; ... X_buf[r, ..] ... }
//! after    alloc X_buf[3, w]; for y in 0..1 { X_buf[..] = X[0..3, ..]; ... }
//!          for y in 1..h { X_buf[(y + 2) % 3, ..] = X[y + 2, ..]; ... X_buf[(y + r) % 3, ..] ... }
//! ```
//!
//! With `double_buffer(k)` the buffer has room for what `k - 1` further iterations compute. `rolling_buffer(C, y)` names a loop
//! around the one at which the stage is computed.
//!
//! Checks: the stage is computed at a loop; `can_roll`; it was not said before.

use crate::schedule::args::{Call, resolve_stage};
use crate::schedule::checks::holders;
use crate::schedule::regions::lazily;
use crate::schedule::rolling::{can_roll, rollable};
use crate::schedule::{RollsOver, Schedule, ScheduleError, StageLoop};

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_results(0)?;
    if !matches!(call.directive.args.len(), 0 | 2) {
        return Err(call.bad_arguments("it takes a stage and one of its axes, or nothing".to_string()));
    }
    let stage = call.stage(schedule)?;
    let span = call.span();
    let name = schedule.stage_name(stage).to_string();
    if let Some(before) = schedule.stage(stage).rolling {
        return Err(ScheduleError::SaidTwice { span, first: before.span, stage: name, what: "rolling" });
    }
    let Some(own) = schedule.own_loop(stage) else {
        let definition = schedule.kernel.tensor(schedule.stage(stage).tensor).span;
        return Err(ScheduleError::NothingRotates { span, stage: name, definition, legal: holders(schedule, stage) });
    };
    let named = named_loop(schedule, call)?;
    let over = named.unwrap_or(own);
    let axis = schedule.stage(over.stage).axis(over.axis);
    let (axis, place) = (axis.name.clone(), axis.span);
    let outcome = can_roll(schedule, &lazily(schedule), stage, over);
    match outcome {
        Ok(Some(_)) => schedule.roll(stage, RollsOver { over: named, span }),
        Ok(None) => {
            let reason = format!("iterations of `{axis}` read nothing of `{name}` again");
            schedule.warnings.push(call.no_effect(reason, Some((place, "this loop"))));
        }
        Err(reason) => {
            let legal = rollable(schedule, stage);
            return Err(ScheduleError::CannotRoll { span, stage: name, axis, reason, place, legal });
        }
    }
    Ok(())
}

/// The loop that the arguments name, if there are any.
fn named_loop(schedule: &Schedule, call: &Call) -> Result<Option<StageLoop>, ScheduleError> {
    if call.directive.args.is_empty() {
        return Ok(None);
    }
    let host = resolve_stage(schedule, &call.name(0, "the name of a stage")?)?;
    Ok(Some(StageLoop { stage: host, axis: call.axis(schedule, host, 1)? }))
}
