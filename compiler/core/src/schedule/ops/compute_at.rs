//! `X_buf.compute_at(C, ro)`: the stage is computed inside a loop of another, just the part that this iteration reads.
//!
//! ```text
//! before   for i { for r { X_buf[i, r] = X[i, r] } }
//!          for ro { for ... { C[...] += X_buf[i, ro * 16 + ri] * ... } }
//! after    for ro {
//!              for i { for r in 0..16 { X_buf[i, r] = X[i, ro * 16 + r] } }
//!              for ... { C[...] += X_buf[i, ri] * ... }
//!          }
//! ```
//!
//! Checks: `can_hold`.

use crate::schedule::args::{Call, resolve_stage};
use crate::schedule::checks::{can_hold, holders};
use crate::schedule::ops::put;
use crate::schedule::{Attach, Schedule, ScheduleError, StageAxisId, StageId};

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_results(0)?;
    call.expect_args(2..=2)?;
    let producer = call.stage(schedule)?;
    let host = resolve_stage(schedule, &call.name(0, "the name of a stage")?)?;
    let axis = call.axis(schedule, host, 1)?;
    let (host, axis) = in_steps(schedule, host, axis);
    // A stage may be moved from where it was computed before, so its old place does not count.
    let before = schedule.attach(producer, None);
    if let Err(error) = can_hold(schedule, producer, host, axis) {
        let place = schedule.stage(host).axis(axis);
        return Err(ScheduleError::CannotHold {
            span: call.span(),
            producer: schedule.stage_name(producer).to_string(),
            host: schedule.stage_name(host).to_string(),
            axis: place.name.clone(),
            reason: error,
            place: place.span,
            legal: holders(schedule, producer),
        });
    }
    let attach = Attach { stage: host, axis, follows: false, span: call.span() };
    put(schedule, call, producer, attach, before);
    Ok(())
}

/// Every tensor of a scan has the steps for its first axis; the loop over them is that of the host.
fn in_steps(schedule: &Schedule, host: StageId, axis: StageAxisId) -> (StageId, StageAxisId) {
    let steps = schedule.steps_of(host, axis).map(|scan| schedule.steps(scan));
    steps.map_or((host, axis), |steps| (steps.stage, steps.axis))
}
