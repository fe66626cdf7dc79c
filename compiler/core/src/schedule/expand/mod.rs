//! The statements of a schedule → plain directives: `for` is repeated, a call of a `def` becomes its directives.
//!
//! ```text
//! before   def halves(C, i) -> io { C.split(i, 2) -> io, ii; C.unroll(ii) }
//!          halves(Y, x) -> xo
//! after    Y.split(x, 2) -> xo, ii
//!          Y.unroll(ii)
//! ```
//!
//! - A parameter stands for its argument: a stage, an axis, a scope or a size.
//! - What a definition introduces and hands back has the name that the call gives it; what it keeps has a name that nothing
//!   else in the schedule has. What a `for` introduces keeps its name.
//! - A directive keeps the place where it was written; the calls and repetitions that led to it go with it, and a
//!   diagnostic shows both.
//! - No definition leads to itself, and the directives, calls and repetitions of one schedule are limited, so that expansion
//!   ends soon.

mod error;
mod names;

use std::collections::{BTreeMap, BTreeSet};

use tilewright_syntax::ast::{self, Expr, ExprKind, For, ForValues, Ident, NamedArg, ScheduleStmt, Use};
use tilewright_syntax::{Diagnostic, Span};

pub use error::ExpandError;

use crate::modules::Modules;
use crate::tensor::{Constants, Kernel};
use names::{introduced_in, names_in, outside};

/// Most directives of a schedule.
const MAX_DIRECTIVES: usize = 10_000;

/// Most directives, calls and repetitions of a schedule: those that hold nothing take time as well.
const MAX_STEPS: usize = 10 * MAX_DIRECTIVES;

/// Most calls and repetitions around a directive.
const MAX_DEPTH: usize = 64;

/// A call or a repetition that led to a directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    pub span: Span,
    pub text: String,
}

/// A directive with the names that it has where it is applied.
#[derive(Debug)]
pub struct Expanded<'a> {
    pub target: Option<&'a Ident>,
    pub stage: &'a Ident,
    pub call: &'a ast::Directive,
    /// From the outermost on.
    pub context: &'a [Context],
}

/// Takes the directives of a schedule, one after the other. An error ends the schedule.
pub trait Sink {
    fn directive(&mut self, expanded: Expanded) -> Result<(), Diagnostic>;

    /// Hears of what has no directives because something is wrong with it; `names` are all in it that a stage or an axis may
    /// have.
    fn failed(&mut self, diagnostic: Diagnostic, _names: Vec<String>) -> Result<(), Diagnostic> {
        Err(diagnostic)
    }
}

type Emit<'a> = dyn FnMut(Expanded) -> Result<(), Diagnostic> + 'a;

/// Ends with whatever is wrong.
struct First<'e, 'a>(&'e mut Emit<'a>);

impl Sink for First<'_, '_> {
    fn directive(&mut self, expanded: Expanded) -> Result<(), Diagnostic> {
        (self.0)(expanded)
    }
}

/// Hands the directives of a schedule to `emit`, one after the other, up to the first error.
pub fn expand(
    source: &ast::Schedule,
    kernel: &Kernel,
    modules: &Modules,
    constants: &Constants,
    emit: &mut Emit,
) -> Result<(), Diagnostic> {
    expand_into(source, kernel, modules, constants, &mut First(emit))
}

/// Hands the directives of a schedule to `sink`, one after the other. `constants` are those in reach of the schedule.
pub fn expand_into(
    source: &ast::Schedule,
    kernel: &Kernel,
    modules: &Modules,
    constants: &Constants,
    sink: &mut dyn Sink,
) -> Result<(), Diagnostic> {
    // Statements are no fewer than their directives but for those that hold nothing, so none has to be applied to know it.
    let many = source.stmts.get(MAX_DIRECTIVES).filter(|_| source.stmts.iter().all(is_directive));
    if let Some(ScheduleStmt::Directive { call, .. }) = many {
        return Err(ExpandError::TooMany { span: call.span, most: MAX_DIRECTIVES }.diagnostic());
    }
    let mut taken: BTreeSet<String> = constants.names().map(str::to_owned).collect();
    taken.extend(kernel.tensors.iter().map(|t| t.name.clone()));
    taken.extend(kernel.axes.iter().map(|a| a.name.clone()));
    names_in(&source.stmts, &mut taken);
    let mut expander =
        Expander { modules, constants, taken, open: Vec::new(), context: Vec::new(), directives: 0, steps: 0, sink };
    expander.statements(&source.stmts, &mut Scope::default())
}

fn is_directive(stmt: &ScheduleStmt) -> bool {
    matches!(stmt, ScheduleStmt::Directive { .. })
}

struct Expander<'a, 'e> {
    modules: &'a Modules,
    constants: &'a Constants,
    /// Names that no definition may give to what it keeps to itself.
    taken: BTreeSet<String>,
    /// The definitions that are being expanded, from the outermost on.
    open: Vec<&'a ast::Def>,
    context: Vec<Context>,
    directives: usize,
    /// Directives, calls and repetitions.
    steps: usize,
    sink: &'e mut dyn Sink,
}

/// What names mean where a statement stands.
#[derive(Clone, Default)]
struct Scope<'a> {
    /// Parameters and variables, by what they stand for.
    values: BTreeMap<String, Expr>,
    /// What a definition introduces, by what it is called outside.
    introduced: BTreeMap<String, Ident>,
    uses: Vec<&'a Use>,
}

impl<'a> Expander<'a, '_> {
    fn statements(&mut self, stmts: &'a [ScheduleStmt], scope: &mut Scope<'a>) -> Result<(), Diagnostic> {
        for stmt in stmts {
            match stmt {
                ScheduleStmt::Directive { target, stage, call } => {
                    self.directive(target.as_ref(), stage, call, scope)?;
                }
                ScheduleStmt::Group { stage, calls, .. } => {
                    calls.iter().try_for_each(|call| self.directive(None, stage, call, scope))?;
                }
                ScheduleStmt::Call(call) => {
                    self.step(call.span)?;
                    match self.entered(call, scope) {
                        Ok((def, mut inner)) => self.call(call, def, &mut inner)?,
                        Err(diagnostic) => {
                            let (diagnostic, names) = (self.told(diagnostic), outside(stmt, scope));
                            self.sink.failed(diagnostic, names)?;
                        }
                    }
                }
                ScheduleStmt::For(repeat) => {
                    self.depth_is_limited(repeat.variable.span).map_err(|d| self.told(d))?;
                    match self.values(&repeat.values, scope) {
                        Ok(values) => self.repeat(repeat, values, scope)?,
                        Err(diagnostic) => {
                            let (diagnostic, names) = (self.told(diagnostic), outside(stmt, scope));
                            self.sink.failed(diagnostic, names)?;
                        }
                    }
                }
                ScheduleStmt::Use(import) => scope.uses.push(import),
            }
        }
        Ok(())
    }

    fn directive(
        &mut self,
        target: Option<&Ident>,
        stage: &Ident,
        call: &ast::Directive,
        scope: &Scope,
    ) -> Result<(), Diagnostic> {
        self.step(call.span)?;
        self.directives += 1;
        if self.directives > MAX_DIRECTIVES {
            return Err(self.told(ExpandError::TooMany { span: call.span, most: MAX_DIRECTIVES }.diagnostic()));
        }
        let named = (scope.name(stage)).and_then(|stage| {
            let target = target.map(|name| scope.name(name)).transpose()?;
            Ok((stage, target, scope.call(call)?))
        });
        let (stage, target, call) = match named {
            Ok(named) => named,
            Err(error) => {
                let directive =
                    ScheduleStmt::Directive { target: target.cloned(), stage: stage.clone(), call: call.clone() };
                return self.sink.failed(self.told(error.diagnostic()), outside(&directive, scope));
            }
        };
        let (target, stage, call) = (target.as_ref(), &stage, &call);
        let outcome = self.sink.directive(Expanded { target, stage, call, context: &self.context });
        outcome.map_err(|diagnostic| self.told(diagnostic))
    }

    /// Counts a directive, a call or a repetition.
    fn step(&mut self, span: Span) -> Result<(), Diagnostic> {
        self.steps += 1;
        match self.steps {
            0..=MAX_STEPS => Ok(()),
            _ => Err(self.told(ExpandError::TooManySteps { span, most: MAX_STEPS }.diagnostic())),
        }
    }

    /// Adds what led here to a diagnostic, from the innermost call on.
    fn told(&self, diagnostic: Diagnostic) -> Diagnostic {
        self.context.iter().rev().fold(diagnostic, |d, context| d.secondary(context.span, context.text.clone()))
    }

    fn repeat(&mut self, repeat: &'a For, values: Vec<Expr>, scope: &Scope<'a>) -> Result<(), Diagnostic> {
        for value in values {
            self.step(repeat.variable.span)?;
            let mut inner = scope.clone();
            let text = format!("with `{}` = {}", repeat.variable.name, shown(&value));
            inner.values.insert(repeat.variable.name.clone(), value);
            inner.introduced.remove(&repeat.variable.name);
            self.context.push(Context { span: repeat.variable.span, text });
            self.statements(&repeat.stmts, &mut inner)?;
            self.context.pop();
        }
        Ok(())
    }

    fn depth_is_limited(&self, span: Span) -> Result<(), Diagnostic> {
        match self.context.len() {
            MAX_DEPTH.. => Err(ExpandError::TooDeep { span, most: MAX_DEPTH }.diagnostic()),
            _ => Ok(()),
        }
    }

    /// An argument as it stands for its parameter: a name stays one, anything else is a size.
    fn argument(&self, e: &Expr, scope: &Scope) -> Result<Expr, ExpandError> {
        let value = scope.expr(e);
        match value.kind {
            ExprKind::Name(_) => Ok(value),
            _ => {
                let size = self.constants.eval(&value).map_err(|e| ExpandError::Constant(Box::new(e)))?;
                Ok(integer(size, value.span))
            }
        }
    }

    fn values(&self, values: &ForValues, scope: &Scope) -> Result<Vec<Expr>, Diagnostic> {
        let (start, end) = match values {
            ForValues::List(list, _) => {
                let values = list.iter().map(|value| self.argument(value, scope)).collect::<Result<_, _>>();
                return values.map_err(|e| e.diagnostic());
            }
            ForValues::Range(start, end) => (start, end),
        };
        let number = |e: &Expr| self.constants.eval(&scope.expr(e)).map_err(|error| error.diagnostic());
        let (first, last, span) = (number(start)?, number(end)?, start.span.to(end.span));
        if last.saturating_sub(first) > MAX_DIRECTIVES as i64 {
            return Err(ExpandError::TooMany { span, most: MAX_DIRECTIVES }.diagnostic());
        }
        Ok((first..last).map(|value| integer(value, span)).collect())
    }

    /// The definition that a call names, and what names mean inside.
    fn entered(
        &mut self,
        call: &'a ast::Directive,
        scope: &Scope<'a>,
    ) -> Result<(&'a ast::Def, Scope<'a>), Diagnostic> {
        let Some(def) = self.modules.def(&call.name, &scope.uses) else {
            let visible = self.modules.defs(call.name.span.file, &scope.uses);
            let known = visible.iter().map(|def| def.name.name.clone()).collect();
            return Err(ExpandError::UnknownDef { name: call.name.clone(), known }.diagnostic());
        };
        if let Some(first) = self.open.iter().find(|open| open.name.span == def.name.span) {
            return Err(ExpandError::CallsItself { call: call.name.clone(), defined: first.name.span }.diagnostic());
        }
        self.depth_is_limited(call.span)?;
        let inner = self.bound(def, call, scope).map_err(|e| e.diagnostic())?;
        Ok((def, inner))
    }

    /// Expands a definition. An error inside is told with its context there.
    fn call(&mut self, call: &'a ast::Directive, def: &'a ast::Def, inner: &mut Scope<'a>) -> Result<(), Diagnostic> {
        self.open.push(def);
        self.context.push(Context { span: call.span, text: format!("in this call of `{}`", def.name.name) });
        self.statements(&def.stmts, inner)?;
        self.open.pop();
        self.context.pop();
        Ok(())
    }

    /// The scope inside a definition: parameters by arguments, what it introduces by its names outside.
    fn bound(&mut self, def: &'a ast::Def, call: &ast::Directive, scope: &Scope) -> Result<Scope<'a>, ExpandError> {
        let arguments = |reason| ExpandError::Arguments {
            call: call.name.clone(),
            reason,
            usage: usage(def),
            defined: def.name.span,
        };
        if call.args.len() > def.params.len() {
            return Err(arguments(format!(
                "it has {} parameters, but {} arguments are given",
                def.params.len(),
                call.args.len()
            )));
        }
        if call.results.len() != def.results.len() {
            return Err(arguments(format!(
                "it returns {}, but {} named after `->`",
                count(def.results.len()),
                match call.results.len() {
                    0 => "none is".to_owned(),
                    1 => "1 is".to_owned(),
                    n => format!("{n} are"),
                }
            )));
        }
        let mut inner = Scope::default();
        for (param, value) in def.params.iter().zip(&call.args) {
            inner.values.insert(param.name.name.clone(), self.argument(value, scope)?);
        }
        for NamedArg { name, value } in &call.named {
            if !def.params.iter().any(|p| p.name.name == name.name) {
                return Err(arguments(format!("it has no parameter `{}`", name.name)));
            }
            if inner.values.insert(name.name.clone(), self.argument(value, scope)?).is_some() {
                return Err(arguments(format!("`{}` is specified twice", name.name)));
            }
        }
        for param in &def.params {
            let name = &param.name.name;
            match &param.default {
                _ if inner.values.contains_key(name) => {}
                Some(default) => {
                    let value = self.argument(default, &inner)?;
                    inner.values.insert(name.clone(), value);
                }
                None => return Err(arguments(format!("`{name}` is missing"))),
            }
        }
        self.name_introduced(def, call, scope, &mut inner)?;
        Ok(inner)
    }

    fn name_introduced(
        &mut self,
        def: &ast::Def,
        call: &ast::Directive,
        scope: &Scope,
        inner: &mut Scope,
    ) -> Result<(), ExpandError> {
        let mut introduced = Vec::new();
        introduced_in(&def.stmts, &mut introduced);
        for (result, outside) in def.results.iter().zip(&call.results) {
            if !introduced.iter().any(|name| name.name == result.name) {
                return Err(ExpandError::NotIntroduced { result: result.clone(), call: call.span });
            }
            inner.introduced.insert(result.name.clone(), scope.name(outside)?);
        }
        for name in introduced {
            if !inner.values.contains_key(&name.name) && !inner.introduced.contains_key(&name.name) {
                let fresh = self.fresh(&name.name);
                inner.introduced.insert(name.name.clone(), Ident { name: fresh, span: name.span });
            }
        }
        Ok(())
    }

    /// A name that nothing else has.
    fn fresh(&mut self, name: &str) -> String {
        let numbered = (2..).map(|n| format!("{name}_{n}"));
        let fresh = std::iter::once(name.to_owned()).chain(numbered).find(|n| !self.taken.contains(n));
        let fresh = fresh.expect("there are more numbers than names");
        self.taken.insert(fresh.clone());
        fresh
    }
}

impl Scope<'_> {
    /// What a name of a stage or an axis is outside.
    fn name(&self, name: &Ident) -> Result<Ident, ExpandError> {
        match (self.values.get(&name.name), self.introduced.get(&name.name)) {
            (Some(Expr { kind: ExprKind::Name(outside), .. }), _) => {
                Ok(Ident { name: outside.clone(), span: name.span })
            }
            (Some(value), _) => Err(ExpandError::NotAName { name: name.clone(), value: value.span }),
            (None, Some(outside)) => Ok(outside.clone()),
            (None, None) => Ok(name.clone()),
        }
    }

    fn call(&self, call: &ast::Directive) -> Result<ast::Directive, ExpandError> {
        let named = |arg: &NamedArg| NamedArg { name: arg.name.clone(), value: self.expr(&arg.value) };
        Ok(ast::Directive {
            name: call.name.clone(),
            args: call.args.iter().map(|arg| self.expr(arg)).collect(),
            named: call.named.iter().map(named).collect(),
            results: call.results.iter().map(|name| self.name(name)).collect::<Result<_, _>>()?,
            span: call.span,
        })
    }

    /// An argument with outside names. A size takes the place of its name in parentheses.
    fn expr(&self, e: &Expr) -> Expr {
        let inner = |e: &Expr| Box::new(self.expr(e));
        let kind = match &e.kind {
            ExprKind::Name(name) => match (self.values.get(name), self.introduced.get(name)) {
                (Some(value), _) => match &value.kind {
                    ExprKind::Name(_) | ExprKind::Int(_) => value.kind.clone(),
                    _ => ExprKind::Paren(Box::new(value.clone())),
                },
                (None, Some(outside)) => ExprKind::Name(outside.name.clone()),
                (None, None) => e.kind.clone(),
            },
            ExprKind::Paren(e) => ExprKind::Paren(inner(e)),
            ExprKind::Negate(e) => ExprKind::Negate(inner(e)),
            ExprKind::Binary { op, left, right } => {
                ExprKind::Binary { op: *op, left: inner(left), right: inner(right) }
            }
            ExprKind::Call { function, format, settings, args, named } => ExprKind::Call {
                function: function.clone(),
                format: format.clone(),
                settings: settings.iter().map(|setting| self.expr(setting)).collect(),
                args: args.iter().map(|arg| self.expr(arg)).collect(),
                named: named.clone(),
            },
            other => other.clone(),
        };
        Expr { kind, span: e.span }
    }
}

/// A number as an expression.
pub(crate) fn integer(value: i64, span: Span) -> Expr {
    let magnitude = Expr { kind: ExprKind::Int(value.saturating_abs()), span };
    match value {
        0.. => magnitude,
        _ => Expr { kind: ExprKind::Negate(Box::new(magnitude)), span },
    }
}

/// A value in a message.
fn shown(value: &Expr) -> String {
    match &value.kind {
        ExprKind::Name(name) => format!("`{name}`"),
        ExprKind::Int(value) => value.to_string(),
        ExprKind::Paren(inner) => shown(inner),
        ExprKind::Negate(inner) => format!("-{}", shown(inner)),
        _ => "...".to_owned(),
    }
}

/// `halves(C, i, f = ...) -> io`.
fn usage(def: &ast::Def) -> String {
    let names = |names: Vec<&str>| names.join(", ");
    let params = names(def.params.iter().map(|p| p.name.name.as_str()).collect());
    let results = names(def.results.iter().map(|r| r.name.as_str()).collect());
    let arrow = if results.is_empty() { "" } else { " -> " };
    format!("{}({params}){arrow}{results}", def.name.name)
}

fn count(n: usize) -> String {
    match n {
        0 => "nothing".to_owned(),
        1 => "1 value".to_owned(),
        n => format!("{n} values"),
    }
}
