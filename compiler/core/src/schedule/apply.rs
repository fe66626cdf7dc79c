//! Applies the directives of a schedule, in order. AST → [`Schedule`].

use tilewright_syntax::ast::{self, Ident};
use tilewright_syntax::{Diagnostic, Span, Trivia, print};

use crate::gemm::Core;
use crate::modules::Modules;
use crate::schedule::args::{Call, said_of};
use crate::schedule::expand::{Context, Expanded, expand, integer};
use crate::schedule::still_legal::still_legal;
use crate::schedule::{Schedule, ScheduleError, ops, warning};
use crate::tensor::Constants;
use crate::tensor::Kernel;

/// One applied directive, for those who watch.
#[derive(Debug)]
pub struct Step<'a> {
    /// The directive's place in the source.
    pub span: Span,
    /// The calls of definitions and the repetitions that it came from, from the outermost on.
    pub context: &'a [Context],
    /// The schedule after it.
    pub after: &'a Schedule,
}

/// Applies every directive of a schedule to a kernel, those of the definitions that it calls among them. `watch` sees the
/// schedule after each of them.
///
/// Stops at the first directive that cannot be applied; [`super::all_errors`] goes on behind it.
pub fn apply(
    source: &ast::Schedule,
    kernel: Kernel,
    core: Core,
    modules: &Modules,
    constants: &Constants,
    watch: &mut dyn FnMut(Step),
) -> Result<Schedule, Diagnostic> {
    let plain = kernel.clone();
    let mut schedule = Schedule::new(source.name.name.clone(), kernel, core);
    expand(source, &plain, modules, constants, &mut |Expanded { target, stage, call, context }| {
        apply_one(&mut schedule, stage, target, call, constants)?;
        watch(Step { span: call.span, context, after: &schedule });
        Ok(())
    })?;
    warning::find_idle(&mut schedule);
    Ok(schedule)
}

/// A directive of a schedule with the names that it has where it is applied.
#[derive(Clone, Debug)]
pub struct Directive {
    target: Option<Ident>,
    stage: Ident,
    call: ast::Directive,
    /// The calls of definitions and the repetitions that it came from, from the outermost on.
    pub context: Vec<Context>,
}

impl Directive {
    /// The directive's place in the source.
    pub fn span(&self) -> Span {
        self.call.span
    }

    /// The directive as a statement, with the names that it has where it is applied.
    pub fn statement(&self) -> ast::ScheduleStmt {
        let (target, stage, call) = (self.target.clone(), self.stage.clone(), self.call.clone());
        ast::ScheduleStmt::Directive { target, stage, call }
    }

    /// The directive as source, with the names and sizes that it has where it is applied: `X_buf = X.cache_read(inp)`.
    pub fn text(&self) -> String {
        let statement = self.statement();
        let (name, kernel, span) = (self.stage.clone(), self.stage.clone(), self.call.span);
        let alone = ast::Schedule { name, params: Vec::new(), kernel, stmts: vec![statement], span };
        let printed = print(&ast::Program { items: vec![ast::Item::Schedule(alone)] }, &Trivia::default());
        let lines = printed.lines().skip(1).filter(|line| *line != "}");
        lines.map(str::trim).collect::<Vec<_>>().join(" ")
    }

    /// The directive as a statement, with numbers for its sizes; those that depend on the target alone stay as they are.
    pub fn resolved(&self, constants: &Constants, target: &Constants) -> Result<ast::ScheduleStmt, Diagnostic> {
        let sizes = ops::find(&self.call.name).map_err(|e| e.diagnostic())?.sizes.clone();
        let number = |e: &ast::Expr| match target.eval(e) {
            Ok(_) => Ok(e.clone()),
            Err(_) => constants.eval(e).map(|size| integer(size, e.span)).map_err(|e| e.diagnostic()),
        };
        let mut call = self.call.clone();
        for (_, arg) in call.args.iter_mut().enumerate().filter(|(at, _)| sizes.contains(at)) {
            *arg = number(arg)?;
        }
        for arg in &mut call.named {
            arg.value = number(&arg.value)?;
        }
        Ok(ast::ScheduleStmt::Directive { target: self.target.clone(), stage: self.stage.clone(), call })
    }

    /// The schedule with one directive more.
    pub fn applied(&self, schedule: &Schedule, constants: &Constants) -> Result<Schedule, Diagnostic> {
        let mut after = schedule.clone();
        let outcome = apply_one(&mut after, &self.stage, self.target.as_ref(), &self.call, constants);
        let told = |d: Diagnostic, context: &Context| d.secondary(context.span, context.text.clone());
        outcome.map(|()| after).map_err(|diagnostic| self.context.iter().rev().fold(diagnostic, told))
    }
}

/// Applies a statement that is a directive.
pub(super) fn apply_statement(
    schedule: &mut Schedule,
    statement: &ast::ScheduleStmt,
    constants: &Constants,
) -> Result<(), Diagnostic> {
    match statement {
        ast::ScheduleStmt::Directive { target, stage, call } => {
            apply_one(schedule, stage, target.as_ref(), call, constants)
        }
        _ => Ok(()),
    }
}

/// The directives of a schedule, those of the definitions that it calls among them, in order. None is applied.
pub fn directives(
    source: &ast::Schedule,
    kernel: &Kernel,
    modules: &Modules,
    constants: &Constants,
) -> Result<Vec<Directive>, Diagnostic> {
    let mut found = Vec::new();
    expand(source, kernel, modules, constants, &mut |Expanded { target, stage, call, context }| {
        let (target, stage, call, context) = (target.cloned(), stage.clone(), call.clone(), context.to_vec());
        found.push(Directive { target, stage, call, context });
        Ok(())
    })?;
    Ok(found)
}

fn apply_one(
    schedule: &mut Schedule,
    stage: &Ident,
    target: Option<&Ident>,
    directive: &ast::Directive,
    constants: &Constants,
) -> Result<(), Diagnostic> {
    attempt(schedule, stage, target, directive, constants).map_err(|e| e.diagnostic())
}

/// Applies a directive. Where it cannot be, the schedule may be half way.
pub(super) fn attempt(
    schedule: &mut Schedule,
    stage: &Ident,
    target: Option<&Ident>,
    directive: &ast::Directive,
    constants: &Constants,
) -> Result<(), ScheduleError> {
    let op = ops::find(&directive.name)?;
    let outcome = (op.apply)(schedule, &Call { subject: stage, directive, target, constants, usage: op.usage });
    // Arguments are looked at before anything is changed, so places are those that the author sees.
    outcome.map_err(|e| said_of(e, schedule, stage, op.usage))?;
    still_legal(schedule, directive.span)
}
