//! Applies the directives of a schedule, in order. AST → [`Schedule`].

use tilewright_syntax::ast::{self, Ident, ScheduleStmt};
use tilewright_syntax::{Diagnostic, Span};

use crate::gemm::Core;
use crate::schedule::args::Call;
use crate::schedule::{Schedule, ScheduleError, checks, ops};
use crate::tensor::Constants;
use crate::tensor::Kernel;

/// One applied directive, for those who watch.
#[derive(Debug)]
pub struct Step<'a> {
    /// The directive's place in the source.
    pub span: Span,
    /// The schedule after it.
    pub after: &'a Schedule,
}

/// Applies every directive of a schedule to a kernel. `watch` sees the schedule after each of them.
///
/// Stops at the first directive that cannot be applied: what follows it would be judged against a schedule that the
/// author did not mean.
pub fn apply(
    source: &ast::Schedule,
    kernel: Kernel,
    core: Core,
    constants: &Constants,
    watch: &mut dyn FnMut(Step),
) -> Result<Schedule, Diagnostic> {
    let mut schedule = Schedule::new(source.name.name.clone(), kernel, core);
    for stmt in &source.stmts {
        match stmt {
            ScheduleStmt::Directive { target, stage, call } => {
                apply_one(&mut schedule, stage, target.as_ref(), call, constants)?;
                watch(Step { span: call.span, after: &schedule });
            }
            ScheduleStmt::Group { stage, calls, .. } => {
                for call in calls {
                    apply_one(&mut schedule, stage, None, call, constants)?;
                    watch(Step { span: call.span, after: &schedule });
                }
            }
            ScheduleStmt::Call(_) | ScheduleStmt::For(_) | ScheduleStmt::Use(_) => {
                return Err(ScheduleError::WithoutMeaning { span: stmt.span() }.diagnostic());
            }
        }
    }
    Ok(schedule)
}

fn apply_one(
    schedule: &mut Schedule,
    stage: &Ident,
    target: Option<&Ident>,
    directive: &ast::Directive,
    constants: &Constants,
) -> Result<(), Diagnostic> {
    let applied = ops::find(&directive.name).and_then(|op| {
        let before = schedule.clone();
        (op.apply)(schedule, &Call { subject: stage, directive, target, constants, usage: op.usage })?;
        checks::still_legal(&before, schedule, directive.span)
    });
    applied.map_err(|e| e.diagnostic())
}
