//! `S.reverse_compute_at(C, jo)`: the stage is computed inside a loop of a stage that it reads, just the part that this
//! iteration completes. Where that stage reduces, it runs in the last iteration of the reduced loops around.
//!
//! ```text
//! before   for ro { for jo { C[jo * 16 + ..] += ... } }
//!          for j { S[j] = C[j] >> 8 }
//! after    for ro in 0..15 { for jo { C[jo * 16 + ..] += ... } }
//!          for jo { C[jo * 16 + ..] += ...; for j in 0..16 { S[jo * 16 + j] = C[jo * 16 + j] >> 8 } }
//! ```
//!
//! Checks: `can_follow`.

use crate::schedule::args::{Call, resolve_stage};
use crate::schedule::follow::{can_follow, followable};
use crate::schedule::ops::put;
use crate::schedule::regions::lazily;
use crate::schedule::{Attach, Schedule, ScheduleError};

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_results(0)?;
    call.expect_args(2..=2)?;
    let follower = call.stage(schedule)?;
    let host = resolve_stage(schedule, &call.name(0, "the name of a stage")?)?;
    let axis = call.axis(schedule, host, 1)?;
    // A stage may be moved from where it was computed before, so its old place does not count.
    let before = schedule.attach(follower, None);
    let steps = schedule.steps_of(host, axis);
    let followed = match steps {
        Some(scan) => schedule.join_steps(follower, scan, call.span()),
        None => can_follow(schedule, &lazily(schedule), follower, host, axis),
    };
    if let Err(reason) = followed {
        let place = schedule.stage(host).axis(axis);
        return Err(ScheduleError::CannotFollow {
            span: call.span(),
            stage: schedule.stage_name(follower).to_string(),
            host: schedule.stage_name(host).to_string(),
            axis: place.name.clone(),
            reason,
            place: place.span,
            legal: followable(schedule, follower),
        });
    }
    if steps.is_none() {
        let attach = Attach { stage: host, axis, follows: true, span: call.span() };
        put(schedule, call, follower, attach, before);
    }
    Ok(())
}
