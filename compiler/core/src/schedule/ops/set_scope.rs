//! `C.set_scope(acc)`: the memory that holds a computed tensor.
//!
//! ```text
//! before   alloc C: i32[1, 256] @dram
//! after    alloc C: i32[1, 256] @acc
//! ```
//!
//! Checks: the scope exists; the stage is no output (outputs are in DRAM, where the user takes them from); the scope's
//! elements have the tensor's type (`inp` and `wgt` hold `i8`); the scope was not set before; no `layout` was said, which is
//! of tensors in device memory.

use crate::scalar::DType;
use crate::schedule::args::Call;
use crate::schedule::{Schedule, ScheduleError};
use crate::scope::Scope;

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_results(0)?;
    call.expect_args(1..=1)?;
    let stage = call.stage(schedule)?;
    let scope = call.scope(0)?;
    let tensor = schedule.kernel.tensor(schedule.stage(stage).tensor);
    let name = &tensor.name;
    if tensor.output {
        return Err(ScheduleError::ScopeRefused {
            span: call.span(),
            reason: format!("`{name}` is an output, which is in DRAM"),
            place: tensor.span,
            place_text: "declared as output here".to_string(),
            help: "give the value that it is computed from a separate name, and set the scope of that tensor"
                .to_string(),
        });
    }
    if let Some(first) = schedule.stage(stage).scope_span {
        let what = "in a scratchpad";
        return Err(ScheduleError::SaidTwice { span: call.span(), first, stage: name.clone(), what });
    }
    holds_type(scope, tensor.dtype, call, tensor.span)?;
    if let Some(order) = schedule.tile_order(schedule.stage(stage).tensor) {
        let reason =
            format!("moves `{name}` to `{}`, where its tiles follow the layout in device memory", scope.name());
        return Err(ScheduleError::BreaksEarlier { span: call.span(), earlier: order.span, reason });
    }
    let s = schedule.stage_mut(stage);
    s.scope = scope;
    s.scope_span = Some(call.span());
    Ok(())
}

/// Refuses a type that the scratchpad's elements do not have.
pub fn holds_type(
    scope: Scope,
    dtype: DType,
    call: &Call,
    definition: tilewright_syntax::Span,
) -> Result<(), ScheduleError> {
    if scope == Scope::Acc || dtype == DType::I8 {
        return Ok(());
    }
    Err(ScheduleError::ScopeRefused {
        span: call.span(),
        reason: format!("`{}` holds `i8` elements, and `{}` is `{}`", scope.name(), call.subject.name, dtype.name()),
        place: definition,
        place_text: format!("has type `{}`", dtype.name()),
        help: "scopes that hold `i32`: `acc`".to_string(),
    })
}
