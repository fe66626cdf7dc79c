//! `X_buf.pragma(dma_copy)`: the stage's loops, or those from an axis inwards, are a transfer between DRAM and a
//! scratchpad. It asserts what the compiler infers from the scopes.
//!
//! ```text
//! before   for i { for r { X_buf[i, r] = X[i, r] } }
//! after    @dma_copy for i { for r { X_buf[i, r] = X[i, r] } }
//! ```
//!
//! Checks: `is_copy`; the stage has loops, and no such pragma yet.

use crate::schedule::args::Call;
use crate::schedule::checks::is_copy;
use crate::schedule::{Marked, Schedule, ScheduleError};

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_results(0)?;
    call.expect_args(1..=2)?;
    let stage = call.stage(schedule)?;
    let word = call.name(call.directive.args.len() - 1)?;
    if word.name != "dma_copy" {
        return Err(ScheduleError::UnknownWord { what: "pragma", name: word, known: vec!["dma_copy"] });
    }
    let axis = match (call.directive.args.len(), schedule.stage(stage).leaves.first()) {
        (1, Some(outermost)) => *outermost,
        (1, None) => {
            return Err(call.bad_arguments(format!("`{}` is a single value and has no loops", call.subject.name)));
        }
        _ => call.axis(schedule, stage, 0)?,
    };
    let name = schedule.stage_name(stage).to_string();
    if is_copy(schedule, stage).is_none() {
        let definition = schedule.kernel.tensor(schedule.stage(stage).tensor).span;
        return Err(ScheduleError::NotACopy { span: call.span(), stage: name, definition });
    }
    if let Some(before) = schedule.stage(stage).dma_copy {
        let (span, first) = (call.span(), before.span);
        return Err(ScheduleError::SaidTwice { span, first, stage: name, what: "a dma_copy" });
    }
    schedule.stage_mut(stage).dma_copy = Some(Marked { axis, span: call.span() });
    Ok(())
}
