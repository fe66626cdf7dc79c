//! `X_buf.pragma(dma_copy)`, `S.pragma(alu)`: what the stage's loops, or those from an axis inwards, become: a transfer
//! between DRAM and a scratchpad, or operations of the vector ALU. It asserts what the compiler infers from the scopes.
//!
//! ```text
//! before   for i { for r { X_buf[i, r] = X[i, r] } }
//! after    @dma_copy for i { for r { X_buf[i, r] = X[i, r] } }
//! ```
//!
//! Checks: `is_copy` or `runs_on_alu`; the stage has loops, and no such pragma yet.

use crate::schedule::args::Call;
use crate::schedule::checks::{is_copy, runs_on_alu};
use crate::schedule::{Marked, Schedule, ScheduleError, StageId};

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_results(0)?;
    call.expect_args(1..=2)?;
    let stage = call.stage(schedule)?;
    let word = call.name(call.directive.args.len() - 1, "`dma_copy` or `alu`")?;
    let known = vec!["alu", "dma_copy"];
    if !known.contains(&&*word.name) {
        return Err(ScheduleError::UnknownWord { what: "pragma", name: word, known, of: None });
    }
    let axis = match (call.directive.args.len(), schedule.stage(stage).leaves.first()) {
        (1, Some(outermost)) => *outermost,
        (1, None) => {
            return Err(call.bad_arguments(format!("`{}` is a single value and has no loops", call.subject.name)));
        }
        _ => call.axis(schedule, stage, 0)?,
    };
    let marked = Marked { axis, span: call.span() };
    let (before, what) = match word.name.as_str() {
        "alu" => (alu(schedule, stage, marked)?, "operations of the ALU"),
        _ => (dma_copy(schedule, stage, marked)?, "a dma_copy"),
    };
    match before {
        None => Ok(()),
        Some(before) => {
            let (span, first, stage) = (call.span(), before.span, schedule.stage_name(stage).to_string());
            Err(ScheduleError::SaidTwice { span, first, stage, what })
        }
    }
}

/// Marks a copy. Returns the mark that it had.
fn dma_copy(schedule: &mut Schedule, stage: StageId, marked: Marked) -> Result<Option<Marked>, ScheduleError> {
    if is_copy(schedule, stage).is_none() {
        let definition = schedule.kernel.tensor(schedule.stage(stage).tensor).span;
        let stage = schedule.stage_name(stage).to_string();
        return Err(ScheduleError::NotACopy { span: marked.span, stage, definition });
    }
    Ok(schedule.stage_mut(stage).dma_copy.replace(marked))
}

/// Marks elementwise loops. Returns the mark that they had.
fn alu(schedule: &mut Schedule, stage: StageId, marked: Marked) -> Result<Option<Marked>, ScheduleError> {
    match runs_on_alu(schedule, stage) {
        Ok(()) => Ok(schedule.stage_mut(stage).alu.replace(marked)),
        Err((reason, help)) => {
            let definition = schedule.kernel.tensor(schedule.stage(stage).tensor).span;
            let stage = schedule.stage_name(stage).to_string();
            Err(ScheduleError::NotForAlu { span: marked.span, stage, reason, definition, help })
        }
    }
}
