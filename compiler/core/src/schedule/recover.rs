//! All that is wrong with a schedule, not the first of it alone. Directives of which one cannot be applied → the errors that do not
//! follow from an earlier one.
//!
//! A directive that fails is left out, and with it those that name what it would have made. Errors about words and arguments are
//! told wherever they stand. Those about what a stage is by then are told of stages that no failed directive has to do with: what
//! reads a stage of one, or is read by it, directly or through others, might be otherwise if it had worked.
//!
//! ```text
//! C.split(j, 16) -> jo        one name too few: told
//! C.reorder(jo, i)            names what the split would have made: left out
//! Y.spilt(i, 4) -> io, ii     no such directive: told
//! C.tensorize(i, gemm)        no GEMM, perhaps since the split is missing: not told
//! ```

use std::collections::{BTreeSet, HashSet};

use tilewright_syntax::ast::{self, ExprKind, Ident};
use tilewright_syntax::{Diagnostic, Span};

use crate::gemm::Core;
use crate::modules::Modules;
use crate::schedule::apply::attempt;
use crate::schedule::expand::{Context, Expanded, Sink, expand_into};
use crate::schedule::links::Seen;
use crate::schedule::{Schedule, ScheduleError, StageId, ops};
use crate::tensor::{Constants, Kernel};

/// Most errors of a schedule that are told.
const MAX_TOLD: usize = 20;

/// Most directives that are left out: behind each of them the schedule is made again.
const MAX_FAILED: usize = 200;

/// What is wrong with a schedule that cannot be applied, in the order of its directives.
pub fn all_errors(
    source: &ast::Schedule,
    kernel: Kernel,
    core: Core,
    modules: &Modules,
    constants: &Constants,
) -> Vec<Diagnostic> {
    let plain = kernel.clone();
    let schedule = Schedule::new(source.name.name.clone(), kernel, core);
    let mut recovery = Recovery {
        before: schedule.clone(),
        schedule,
        since: Vec::new(),
        constants,
        doubtful: BTreeSet::new(),
        missing: BTreeSet::new(),
        disturbed: BTreeSet::new(),
        vague: BTreeSet::new(),
        failed: 0,
        told: Vec::new(),
        places: HashSet::new(),
    };
    if let Err(last) = expand_into(source, &plain, modules, constants, &mut recovery) {
        recovery.told.extend(Some(last).filter(|last| !recovery.told.contains(last)));
    }
    recovery.told
}

/// A directive that was applied.
struct Applied {
    target: Option<Ident>,
    stage: Ident,
    call: ast::Directive,
}

struct Recovery<'a> {
    schedule: Schedule,
    /// The schedule before the directives in `since`, since one that fails may leave it half way.
    before: Schedule,
    since: Vec<Applied>,
    constants: &'a Constants,
    /// Names that a failed directive or call would have given or taken away.
    doubtful: BTreeSet<String>,
    /// Axes that a failed directive would have made, with the tensors of their stages.
    missing: BTreeSet<(String, String)>,
    /// The stages of failed directives, and those that read their tensors.
    disturbed: BTreeSet<StageId>,
    /// Tensors of which it is not known which axes they would have.
    vague: BTreeSet<String>,
    failed: usize,
    told: Vec<Diagnostic>,
    /// The codes and places of what was told: a repetition fails in each of its iterations.
    places: HashSet<(&'static str, Option<Span>)>,
}

impl Sink for Recovery<'_> {
    fn directive(&mut self, Expanded { target, stage, call, context }: Expanded) -> Result<(), Diagnostic> {
        let error = match ops::find(&call.name) {
            Err(unknown) => Some(unknown),
            Ok(_) if self.names_doubtful(target, stage, call) => None,
            Ok(_) => {
                let Err(error) = attempt(&mut self.schedule, stage, target, call, self.constants) else {
                    let (target, stage, call) = (target.cloned(), stage.clone(), call.clone());
                    self.since.push(Applied { target, stage, call });
                    return Ok(());
                };
                self.restore();
                Some(error)
            }
        };
        let stages: Vec<StageId> = mentioned(stage, call).filter_map(|name| self.stage(name)).collect();
        let error = error.filter(|error| self.is_its_own(error, stage, call, &stages));
        if matches!(error, Some(ScheduleError::Arguments { .. } | ScheduleError::UnknownDirective { .. })) {
            self.vague.insert(stage.name.clone());
        }
        self.doubtful.extend(target.map(|name| name.name.clone()));
        self.missing.extend(call.results.iter().map(|axis| (stage.name.clone(), axis.name.clone())));
        self.disturb(mentioned(stage, call).map(str::to_owned).collect());
        self.fails()?;
        error.map_or(Ok(()), |error| self.tell(error.diagnostic(), context))
    }

    fn failed(&mut self, diagnostic: Diagnostic, names: Vec<String>) -> Result<(), Diagnostic> {
        let (tensors, others): (Vec<String>, Vec<String>) =
            names.into_iter().partition(|name| self.schedule.find(name).is_some());
        self.doubtful.extend(others);
        self.vague.extend(tensors.iter().cloned());
        self.disturb(tensors);
        self.fails()?;
        self.tell(diagnostic, &[])
    }
}

impl Recovery<'_> {
    fn names_doubtful(&self, target: Option<&Ident>, stage: &Ident, call: &ast::Directive) -> bool {
        let given = target.into_iter().chain(&call.results).map(|name| &*name.name);
        let mut names = mentioned(stage, call).chain(given);
        let is_missing =
            |name: &str| mentioned(stage, call).any(|of| self.missing.contains(&(of.to_owned(), name.to_owned())));
        names.any(|name| self.doubtful.contains(name) || is_missing(name))
    }

    fn stage(&self, name: &str) -> Option<StageId> {
        self.schedule.stage_of(self.schedule.find(name)?)
    }

    /// Leaves out what the last directive did.
    fn restore(&mut self) {
        for Applied { target, stage, call } in self.since.drain(..) {
            // It was applied to the same schedule before.
            let _ = attempt(&mut self.before, &stage, target.as_ref(), &call, self.constants);
        }
        self.schedule = self.before.clone();
    }

    /// Notes that directives of these tensors failed.
    fn disturb(&mut self, names: Vec<String>) {
        for tensor in names.iter().filter_map(|name| self.schedule.find(name)) {
            self.disturbed.extend(self.schedule.stage_of(tensor));
            self.disturbed.extend(self.schedule.readers(tensor));
        }
    }

    fn fails(&mut self) -> Result<(), Diagnostic> {
        self.failed += 1;
        match (self.told.last(), self.failed) {
            (Some(last), MAX_FAILED..) => Err(last.clone()),
            _ => Ok(()),
        }
    }

    fn tell(&mut self, diagnostic: Diagnostic, context: &[Context]) -> Result<(), Diagnostic> {
        let place = diagnostic.labels.iter().find(|label| label.primary).map(|label| label.span);
        if self.places.insert((diagnostic.code, place)) {
            let told = |d: Diagnostic, context: &Context| d.secondary(context.span, context.text.clone());
            self.told.push(context.iter().rev().fold(diagnostic, told));
        }
        match &self.told[..] {
            [.., last] if self.told.len() >= MAX_TOLD => Err(last.clone()),
            _ => Ok(()),
        }
    }

    /// Whether an error would stand there if no directive had failed before.
    fn is_its_own(&self, error: &ScheduleError, stage: &Ident, call: &ast::Directive, of: &[StageId]) -> bool {
        match error {
            ScheduleError::UnknownAxis { .. } | ScheduleError::AxisIsNoLoop { .. } => {
                mentioned(stage, call).all(|name| !self.vague.contains(name))
            }
            error => is_about_words(error) || of.iter().all(|stage| !self.depends(*stage)),
        }
    }

    /// Whether a stage has to do with one of a failed directive.
    fn depends(&self, stage: StageId) -> bool {
        let (mut open, mut seen) = (vec![stage], Seen::of(&self.schedule));
        seen.add(stage);
        while let Some(stage) = open.pop() {
            if self.disturbed.contains(&stage) {
                return true;
            }
            let readers = self.schedule.readers(self.schedule.stage(stage).tensor).iter().copied();
            let beside = readers.chain(self.schedule.read_stages(stage));
            open.extend(beside.filter(|stage| seen.add(*stage)));
        }
        false
    }
}

/// The tensors and axes that a directive names, whatever it makes.
fn mentioned<'a>(stage: &'a Ident, call: &'a ast::Directive) -> impl Iterator<Item = &'a str> {
    let args = call.args.iter().filter_map(|arg| match &arg.kind {
        ExprKind::Name(name) => Some(&**name),
        _ => None,
    });
    std::iter::once(&*stage.name).chain(args)
}

/// Whether an error is about what is written alone.
fn is_about_words(error: &ScheduleError) -> bool {
    matches!(
        error,
        ScheduleError::UnknownDirective { .. }
            | ScheduleError::UnknownStage { .. }
            | ScheduleError::InputIsNoStage { .. }
            | ScheduleError::Arguments { .. }
            | ScheduleError::ArgumentKind { .. }
            | ScheduleError::TooSmall { .. }
            | ScheduleError::Constant(_)
            | ScheduleError::UnknownScope { .. }
            | ScheduleError::UnknownWord { .. }
            | ScheduleError::NameTaken { .. }
            | ScheduleError::AxisTwice { .. }
            | ScheduleError::SaidTwice { .. }
            | ScheduleError::UnknownDimension { .. }
            | ScheduleError::DimensionsMissing { .. }
    )
}
