//! The arguments of a directive, taken from the AST with the errors that name the directive's usage.

use tilewright_syntax::Span;
use tilewright_syntax::ast::{self, ExprKind, Ident};

use crate::schedule::error::{Place, ScheduleError};
use crate::schedule::regions::infer;
use crate::schedule::{Schedule, StageAxisId, StageId, Warning};
use crate::scope::Scope;
use crate::tensor::Constants;
use crate::tensor::{TensorError, TensorId};

/// A directive and the tensor that it is said of.
#[derive(Debug)]
pub struct Call<'a> {
    pub subject: &'a Ident,
    pub directive: &'a ast::Directive,
    /// The stage that the directive makes: `NEW = ...`.
    pub target: Option<&'a Ident>,
    pub constants: &'a Constants,
    /// How the directive is written, for messages.
    pub usage: &'static str,
}

impl<'a> Call<'a> {
    pub fn span(&self) -> Span {
        self.directive.span
    }

    /// The stage of the subject.
    pub fn stage(&self, schedule: &Schedule) -> Result<StageId, ScheduleError> {
        resolve_stage(schedule, self.subject)
    }

    /// Refuses any other number of arguments, and arguments with names.
    pub fn expect_args(&self, allowed: std::ops::RangeInclusive<usize>) -> Result<(), ScheduleError> {
        self.expect_named(&[])?;
        self.expect_unnamed(allowed)
    }

    /// Refuses any other number of arguments without names.
    pub fn expect_unnamed(&self, allowed: std::ops::RangeInclusive<usize>) -> Result<(), ScheduleError> {
        match allowed.contains(&self.directive.args.len()) {
            true => Ok(()),
            false => {
                let surplus = self.directive.args.get(*allowed.end()).map(|arg| arg.span);
                let (takes, here) = (count(allowed, "argument", "arguments"), stand(self.directive.args.len()));
                Err(self.unfit(surplus, format!("it takes {takes}, but {here} given")))
            }
        }
    }

    /// Refuses arguments with any other names, and two of one name.
    pub fn expect_named(&self, allowed: &[&str]) -> Result<(), ScheduleError> {
        for (at, arg) in self.directive.named.iter().enumerate() {
            let name = &arg.name.name;
            if !allowed.contains(&name.as_str()) {
                return Err(self.unfit(Some(arg.name.span), format!("it has no argument `{name}`")));
            }
            if self.directive.named[..at].iter().any(|earlier| earlier.name.name == *name) {
                return Err(self.unfit(Some(arg.name.span), format!("`{name}` is specified twice")));
            }
        }
        Ok(())
    }

    /// Refuses any other number of names behind `->`.
    pub fn expect_results(&self, wanted: usize) -> Result<(), ScheduleError> {
        match self.directive.results.len() == wanted {
            true => Ok(()),
            false => {
                let surplus = self.directive.results.get(wanted).map(|name| name.span);
                let (names, here) = (count(wanted..=wanted, "axis", "axes"), stand(self.directive.results.len()));
                Err(self.unfit(surplus, format!("it takes {names} after `->`, but {here} given")))
            }
        }
    }

    /// Refuses `NEW = ...` on a directive that makes no stage, and its absence on one that does.
    pub fn expect_target(&self, wanted: bool) -> Result<(), ScheduleError> {
        match (wanted, self.target) {
            (true, None) => Err(self.bad_arguments("it creates a stage, which needs a name: `NAME = ...`".into())),
            (false, Some(target)) => {
                Err(self.unfit(Some(target.span), "it creates no stage that could be named".into()))
            }
            _ => Ok(()),
        }
    }

    /// An argument that has to be a name; `expected` says of what.
    pub fn name(&self, at: usize, expected: &'static str) -> Result<Ident, ScheduleError> {
        let arg = &self.directive.args[at];
        match &arg.kind {
            ExprKind::Name(name) => Ok(Ident { name: name.clone(), span: arg.span }),
            _ => Err(ScheduleError::ArgumentKind { span: arg.span, expected, usage: self.usage, of: None }),
        }
    }

    /// An argument that has to be a loop of a stage.
    pub fn axis(&self, schedule: &Schedule, stage: StageId, at: usize) -> Result<StageAxisId, ScheduleError> {
        resolve_axis(schedule, stage, &self.name(at, "the name of an axis")?)
    }

    /// The first two arguments, which have to be two loops of a stage.
    pub fn two_axes(&self, schedule: &Schedule, stage: StageId) -> Result<(StageAxisId, StageAxisId), ScheduleError> {
        let (first, second) = (self.axis(schedule, stage, 0)?, self.axis(schedule, stage, 1)?);
        match first == second {
            false => Ok((first, second)),
            true => Err(ScheduleError::AxisTwice {
                directive: self.directive.name.name.clone(),
                axis: schedule.stage(stage).axis(first).name.clone(),
                first: self.directive.args[0].span,
                second: self.directive.args[1].span,
            }),
        }
    }

    /// An argument that has to be a number of at least 1.
    pub fn positive(&self, at: usize) -> Result<i64, ScheduleError> {
        self.at_least(at, 1)
    }

    /// An argument that has to be a number of at least `least`.
    pub fn at_least(&self, at: usize, least: i64) -> Result<i64, ScheduleError> {
        self.number(&self.directive.args[at], least)
    }

    /// An expression that has to be a number of at least `least`.
    pub fn number(&self, arg: &ast::Expr, least: i64) -> Result<i64, ScheduleError> {
        let value = self.constants.eval(arg).map_err(|e| ScheduleError::Constant(Box::new(e)))?;
        match value >= least {
            true => Ok(value),
            false => Err(ScheduleError::TooSmall { span: arg.span, value, least, of: None }),
        }
    }

    /// An argument that has to be the name of a scratchpad.
    pub fn scope(&self, at: usize) -> Result<Scope, ScheduleError> {
        let name = self.name(at, "the name of a scratchpad")?;
        let found = Scope::ON_CHIP.into_iter().find(|s| s.name() == name.name);
        found.ok_or(ScheduleError::UnknownScope { name, of: None })
    }

    /// The warning that the directive changes nothing.
    pub fn no_effect(&self, reason: String, place: Option<(Span, &'static str)>) -> Warning {
        Warning { directive: self.directive.name.name.clone(), span: self.span(), reason, place }
    }

    pub fn bad_arguments(&self, reason: String) -> ScheduleError {
        self.unfit(None, reason)
    }

    /// Arguments that do not fit; `at` is the one too many.
    fn unfit(&self, at: Option<Span>, reason: String) -> ScheduleError {
        ScheduleError::Arguments { directive: self.directive.name.clone(), at, reason, usage: self.usage, of: None }
    }
}

/// Finds a loop of a stage by its name.
pub fn resolve_axis(schedule: &Schedule, stage: StageId, name: &Ident) -> Result<StageAxisId, ScheduleError> {
    let s = schedule.stage(stage);
    let Some(at) = s.axes.iter().position(|a| a.name == name.name) else {
        let loops = s.leaves.iter().map(|l| s.axis(*l).name.clone()).collect();
        return Err(ScheduleError::UnknownAxis {
            name: name.clone(),
            stage: schedule.stage_name(stage).to_string(),
            definition: schedule.kernel.tensor(s.tensor).span,
            loops,
        });
    };
    let id = StageAxisId(at as u32);
    let axis = s.axis(id);
    let (span, how) = match (axis.split, axis.fused) {
        (Some(split), _) => (split.span, "split"),
        (None, Some(fused)) => (fused.span, "fused"),
        (None, None) => return Ok(id),
    };
    let became = s.leaves.iter().filter(|l| s.made_of(**l, id)).map(|l| s.axis(*l).name.clone()).collect();
    Err(ScheduleError::AxisIsNoLoop { name: name.clone(), span, how, became })
}

/// Finds a tensor, an input or a stage's, by its name. One that is computed inline is neither.
pub fn resolve_tensor(schedule: &Schedule, name: &Ident) -> Result<TensorId, ScheduleError> {
    let tensor = schedule.find(&name.name).ok_or_else(|| ScheduleError::UnknownStage {
        name: name.clone(),
        known: schedule.kernel.tensors.iter().map(|t| (t.name.clone(), t.span)).collect(),
    })?;
    match schedule.inlined(tensor) {
        None => Ok(tensor),
        Some(span) => Err(ScheduleError::StageIsInlined { name: name.clone(), span }),
    }
}

/// Finds a stage by its name.
pub fn resolve_stage(schedule: &Schedule, name: &Ident) -> Result<StageId, ScheduleError> {
    let tensor = resolve_tensor(schedule, name)?;
    let input = schedule.kernel.tensor(tensor).span;
    schedule.stage_of(tensor).ok_or_else(|| ScheduleError::InputIsNoStage { name: name.clone(), input })
}

/// An error about arguments with the tensor that the directive is said of. A loop of it in the place of a size is such an error
/// as well.
pub fn said_of(error: ScheduleError, before: &Schedule, subject: &Ident, usage: &'static str) -> ScheduleError {
    let mut error = match error {
        ScheduleError::Constant(e) => match *e {
            TensorError::UnknownName { ref name, span, .. } if has_axis(before, subject, name) => {
                ScheduleError::ArgumentKind { span, expected: "a size", usage, of: None }
            }
            other => ScheduleError::Constant(Box::new(other)),
        },
        other => other,
    };
    let wants_type = matches!(error, ScheduleError::UnknownScope { .. });
    if let Some(of) = error.subject() {
        *of = place_of(before, subject, wants_type);
    }
    error
}

fn has_axis(schedule: &Schedule, subject: &Ident, name: &str) -> bool {
    let stage = schedule.find(&subject.name).and_then(|tensor| schedule.stage_of(tensor));
    stage.is_some_and(|stage| schedule.stage(stage).axes.iter().any(|a| a.name == name))
}

/// A tensor, with what helps to say something of it: its type, or its loops and how often they run.
fn place_of(schedule: &Schedule, subject: &Ident, wants_type: bool) -> Option<Place> {
    let tensor = schedule.find(&subject.name)?;
    let t = schedule.kernel.tensor(tensor);
    let text = match schedule.stage_of(tensor) {
        _ if wants_type => format!("its elements are `{}`", t.dtype.name()),
        Some(stage) => loops_of(schedule, stage),
        None if t.is_input() => "an input, which has no loops".to_string(),
        None => return None,
    };
    Some(Place { span: t.span, text })
}

fn loops_of(schedule: &Schedule, stage: StageId) -> String {
    let (s, regions) = (schedule.stage(stage), infer(schedule));
    let shown = |l: &StageAxisId| format!("`{}` in 0..{}", s.axis(*l).name, regions.extent(stage, *l));
    match s.leaves.iter().map(shown).collect::<Vec<_>>() {
        loops if loops.is_empty() => "a single value, without loops".to_string(),
        loops => format!("its loops: {}", loops.join(", ")),
    }
}

fn count(range: std::ops::RangeInclusive<usize>, one: &str, many: &str) -> String {
    match (*range.start(), *range.end()) {
        (_, 0) => format!("no {many}"),
        (1, 1) => format!("1 {one}"),
        (low, high) if low == high => format!("{low} {many}"),
        (low, usize::MAX) => format!("{low} or more {many}"),
        (low, high) => format!("{low} to {high} {many}"),
    }
}

/// `none stands`, `1 stands`, `3 stand`.
fn stand(n: usize) -> String {
    match n {
        0 => "none is".to_string(),
        1 => "1 is".to_string(),
        _ => format!("{n} are"),
    }
}
