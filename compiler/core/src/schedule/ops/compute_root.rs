//! `X_buf.compute_root()`: the stage is computed whole, before the stages that read it. It undoes `compute_at`.
//!
//! ```text
//! before   for ro { for r in 0..16 { X_buf[r] = X[ro * 16 + r] }; ... X_buf[ri] ... }
//! after    for r in 0..256 { X_buf[r] = X[r] }
//!          for ro { ... X_buf[ro * 16 + ri] ... }
//! ```
//!
//! Every stage can be computed at the root. Checks: what is computed inside it still can be (`still_legal`).

use crate::schedule::args::Call;
use crate::schedule::{Schedule, ScheduleError};

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_results(0)?;
    call.expect_args(0..=0)?;
    let stage = call.stage(schedule)?;
    if schedule.attach(stage, None).is_none() {
        let reason = format!("`{}` is already computed at the root", call.subject.name);
        schedule.warnings.push(call.no_effect(reason, None));
    }
    Ok(())
}
