//! `zb.run_ahead(1)`: in the steps of a scan the stage is computed for a later step, behind all else that a step does.
//!
//! ```text
//! before   for t in 0..24 { zb[..] = ..t..; z[..] = zb[..] + hid[t, ..]; ...; hid[t + 1, ..] = .. }
//! after    alloc zb[24, ..]; zb[0, ..] = ..
//!          for t in 0..23 { z[..] = zb[t, ..] + hid[t, ..]; ...; hid[t + 1, ..] = ..; zb[t + 1, ..] = .. }
//!          for t in 23..24 { z[..] = zb[t, ..] + hid[t, ..]; ...; hid[t + 1, ..] = .. }
//! ```
//!
//! A step begins with waiting for the state, which goes through device memory; what needs no state is work for that time. The
//! tensor is kept for all steps. Without an argument it runs one step ahead; `compute_root` computes it wholly before the scan.
//!
//! Checks: the stage is a tensor of a scan, no state, computed in the loop over the steps itself; the scan has more steps than
//! that; what it reads of the steps is as far ahead; it was not said before.

use crate::schedule::args::Call;
use crate::schedule::{Ahead, Schedule, ScheduleError};

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_results(0)?;
    call.expect_args(0..=1)?;
    let stage = call.stage(schedule)?;
    let span = call.span();
    if let Some(before) = schedule.stage(stage).ahead {
        let name = schedule.stage_name(stage).to_string();
        return Err(ScheduleError::SaidTwice { span, first: before.span, stage: name, what: "running ahead" });
    }
    let steps = match call.directive.args.is_empty() {
        true => 1,
        false => call.positive(0)?,
    };
    let ahead = Ahead { steps, span };
    schedule.can_run_ahead(stage, ahead)?;
    schedule.stage_mut(stage).ahead = Some(ahead);
    Ok(())
}
