//! The way from a file to loops. Sources and the user's wishes → [`Front`]: checked kernels with their schedules → their
//! loops, as one loop program.
//!
//! A program of several kernels is scheduled kernel by kernel: a directive sees its own kernel, so an error speaks of what
//! the author of the schedule wrote. The kernels meet as loops. A lone kernel is a program of one call, whose tensors have
//! the names that they have in the kernel.

mod automatic;
mod checking;
mod choice;
mod function_test;
mod single;
mod source;
mod testing;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use tilewright_isa::Config;
use tilewright_syntax::{Diagnostic, FileId, Sources, Span, ast};

use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::LoopProgram;
use crate::lower::{self, Part};
use crate::modules::Modules;
use crate::pipeline::{Progress, Refusal, compile, legalize};
use crate::programs;
use crate::schedule::{self, Schedule, Step, Warning};
use crate::tensor::constants::bind_parameters;
use crate::tensor::{self, Constants, Kernel, TensorError, check_functions};
use choice::{Chosen, Wanted, choose};

pub use checking::{check, function, kernels};
pub use choice::ChoiceError;
pub use testing::{Test, tests};

/// What to compile, and for what.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    pub sources: &'a Sources,
    pub file: FileId,
    /// Parameters by name; `NAME` is a kernel's or a program's, `SCHEDULE.NAME` a schedule's.
    pub params: &'a [(String, i64)],
    /// The program to take; it may be left out where the file has one.
    pub program: Option<&'a str>,
    /// The schedule to take, with its kernel alone; it may be left out where the file has one, or a program. `automatic`
    /// stands for one that is made for the kernel, which is also taken where the file has none.
    pub schedule: Option<&'a str>,
    pub config: &'a Config,
}

/// Kernels and their schedules, chosen and checked, before any directive is applied.
#[derive(Clone, Debug)]
pub struct Front {
    /// The file itself, without what it uses.
    pub program: Arc<ast::Program>,
    /// Computes what all calls do.
    pub kernel: Kernel,
    modules: Modules,
    calls: Vec<Call>,
    /// The program that is compiled, with the values of its parameters; none for a lone kernel.
    composition: Option<(ast::Composition, Constants)>,
    cx: Cx,
}

/// A kernel with its schedule.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its place in a program; none for a lone kernel.
    place: Option<Place>,
    pub kernel: Kernel,
    /// As it was written, completed or made.
    pub schedule: ast::Schedule,
    pub made: Made,
    constants: Constants,
}

/// Where the directives of a schedule come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// All were written.
    Written,
    /// Those that were written left parts open, which are completed.
    Completed,
    /// Those that were written leave parts open, and no completion of them works.
    Incomplete,
    /// None was written.
    Automatic,
}

/// What a call is in its program.
#[derive(Clone, Debug)]
struct Place {
    name: String,
    span: Span,
    /// The names of the kernel's inputs and outputs.
    tensors: BTreeMap<String, String>,
}

/// Kernels with all directives of their schedules applied.
#[derive(Clone, Debug)]
pub struct Scheduled<'a> {
    front: &'a Front,
    /// One for each call.
    pub schedules: Vec<Schedule>,
}

/// Refuses machines whose values are no bytes: kernels, schedules and instructions are about those alone.
pub fn executable(config: &Config) -> Result<(), Vec<Diagnostic>> {
    config.executable().map_err(|error| {
        let d = Diagnostic::error(error.code(), error.to_string());
        vec![d.help(
            "`LOG_INP_WIDTH` and `LOG_WGT_WIDTH` are 3, and `LOG_ACC_WIDTH` is 5, wherever a program is compiled or a stream is run",
        )]
    })
}

/// Parses a file and what it uses, and checks the kernels and the choice of schedules.
pub fn front(request: &Request) -> Result<Front, Vec<Diagnostic>> {
    front_of(request, true)
}

/// The same with schedules as they were written: none is completed, and a kernel that has none gets one without directives.
pub fn front_as_written(request: &Request) -> Result<Front, Vec<Diagnostic>> {
    front_of(request, false)
}

fn front_of(request: &Request, completes: bool) -> Result<Front, Vec<Diagnostic>> {
    let Request { file, program, schedule, params, config, .. } = *request;
    executable(config)?;
    let modules = Modules::load(request.sources, file)?;
    check_functions(&modules, &target_constants(config))?;
    let chosen = choose(&modules, file, Wanted { program, schedule }).map_err(|e| vec![e.diagnostic()])?;
    let fronts = Fronts { modules: &modules, file, config, completes };
    match chosen {
        Chosen::Kernel(kernel, Some(schedule)) => fronts.of_kernel((kernel, schedule), params),
        Chosen::Kernel(kernel, None) => fronts.automatic(kernel, params),
        Chosen::Program(program) => fronts.of_program(program, params),
    }
}

/// Checks what a request names, and looks at no schedule: the kernel that computes all of it.
pub fn kernel(request: &Request) -> Result<Kernel, Vec<Diagnostic>> {
    let Request { file, program, schedule, params, config, .. } = *request;
    executable(config)?;
    let modules = Modules::load(request.sources, file)?;
    let target = target_constants(config);
    check_functions(&modules, &target)?;
    let chosen = choose(&modules, file, Wanted { program, schedule }).map_err(|e| vec![e.diagnostic()])?;
    match chosen {
        Chosen::Program(source) => Ok(programs::check(source, params, &target, &modules)?.kernel),
        Chosen::Kernel(kernel, schedule) => {
            let is_own = |(name, _): &&(String, i64)| {
                !schedule.is_some_and(|s| name.strip_prefix(&*s.name.name).is_some_and(|rest| rest.starts_with('.')))
            };
            let own: Vec<(String, i64)> = params.iter().filter(is_own).cloned().collect();
            tensor::check_with(kernel, &own, &target, &modules)
        }
    }
}

/// What fronts are made of, whatever is compiled.
struct Fronts<'a> {
    modules: &'a Modules,
    file: FileId,
    config: &'a Config,
    /// Whether what schedules leave open is completed.
    completes: bool,
}

impl Fronts<'_> {
    fn front(&self, kernel: Kernel, calls: Vec<Call>) -> Front {
        Front {
            program: self
                .modules
                .program(self.file)
                .cloned()
                .unwrap_or_else(|| Arc::new(ast::Program { items: Vec::new() })),
            kernel,
            modules: self.modules.clone(),
            calls,
            composition: None,
            cx: Cx { config: *self.config },
        }
    }

    /// A kernel with a schedule that was written for it.
    fn of_kernel(
        &self,
        (kernel, schedule): (&ast::Kernel, &ast::Schedule),
        params: &[(String, i64)],
    ) -> Result<Front, Vec<Diagnostic>> {
        let prefix = format!("{}.", schedule.name.name);
        let split = |(name, value): &(String, i64)| name.strip_prefix(&prefix).map(|n| (n.to_string(), *value));
        let of_schedule: Vec<(String, i64)> = params.iter().filter_map(split).collect();
        let of_kernel: Vec<(String, i64)> = params.iter().filter(|p| split(p).is_none()).cloned().collect();
        let target = target_constants(self.config);
        let constants = tensor::check::parameters(kernel, &of_kernel, &target)?;
        let checked = tensor::check_with(kernel, &of_kernel, &target, self.modules)?;
        let constants = bind_parameters(&schedule.name, &schedule.params, &of_schedule, &constants)
            .map_err(|errors| errors.iter().map(TensorError::diagnostic).collect::<Vec<_>>())?;
        let schedule = schedule.clone();
        let call = Call { place: None, kernel: checked.clone(), schedule, made: Made::Written, constants };
        Ok(self.front(checked, vec![self.completed(call)]))
    }

    /// A program, with schedules for the calls that have none.
    fn of_program(&self, source: &ast::Composition, params: &[(String, i64)]) -> Result<Front, Vec<Diagnostic>> {
        let target = target_constants(self.config);
        let checked = programs::check(source, params, &target, self.modules)?;
        let composition = Some((source.clone(), checked.constants.clone()));
        Ok(Front { composition, ..self.with_schedules(checked)? })
    }
}

/// The names that a target defines in the language.
pub fn target_constants(config: &Config) -> Constants {
    [("BATCH", config.batch() as i64), ("BLOCK_IN", config.block_in() as i64), ("BLOCK_OUT", config.block_out() as i64)]
        .into_iter()
        .collect()
}

impl Front {
    /// The kernels with their schedules, in the order in which they run.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// Applies the directives of every schedule.
    pub fn schedule(&self) -> Result<Scheduled<'_>, Vec<Diagnostic>> {
        let (mut schedules, mut errors) = (Vec::new(), Vec::new());
        for call in &self.calls {
            match self.schedule_call(call, &mut |_| {}) {
                Ok(schedule) => schedules.push(schedule),
                Err(told) => errors.extend(told),
            }
        }
        if errors.is_empty() { Ok(self.scheduled(schedules)) } else { Err(errors) }
    }

    /// Applies the directives of one schedule; `watch` sees the schedule at hand after each of them.
    pub fn schedule_call(&self, call: &Call, watch: &mut dyn FnMut(Step)) -> Result<Schedule, Vec<Diagnostic>> {
        let (kernel, core) = (|| call.kernel.clone(), self.cx.core());
        let applied = schedule::apply(&call.schedule, kernel(), core, &self.modules, &call.constants, watch);
        applied.map_err(|first| {
            let told = match call.made {
                // Who made the others wants to know that they fail.
                Made::Completed | Made::Automatic => vec![first],
                Made::Written | Made::Incomplete => {
                    schedule::all_errors(&call.schedule, kernel(), core, &self.modules, &call.constants)
                }
            };
            call.shown_in(told)
        })
    }

    /// A call's schedule before its first directive.
    pub fn unscheduled(&self, call: &Call) -> Schedule {
        Schedule::new(call.schedule.name.name.clone(), call.kernel.clone(), self.cx.core())
    }

    /// The schedules of all calls, in their order, as they were applied.
    pub fn scheduled(&self, schedules: Vec<Schedule>) -> Scheduled<'_> {
        Scheduled { front: self, schedules }
    }

    /// What passes may know of the target.
    pub fn cx(&self) -> &Cx {
        &self.cx
    }

    /// The names of the schedules, each once; of those that were completed with this word.
    pub fn schedule_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for call in &self.calls {
            let name = &call.schedule.name.name;
            let shown = if call.made == Made::Completed { format!("{name} (completed)") } else { name.clone() };
            if !names.contains(&shown) {
                names.push(shown);
            }
        }
        names
    }

    /// Compiles down to legal loops, which it is about. Returns the warnings.
    fn check(&self) -> Result<Vec<Warning>, Refusal> {
        let mut warnings = Vec::new();
        compile(self, &mut |progress| match progress {
            Progress::Scheduled(scheduled) => {
                warnings = scheduled.warnings().cloned().collect();
                ControlFlow::Continue(())
            }
            Progress::Legal(_) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })?;
        Ok(warnings)
    }
}

impl Call {
    /// Its name in a program, that of its first result; none for a lone kernel.
    pub fn name(&self) -> Option<&str> {
        self.place.as_ref().map(|place| &*place.name)
    }

    /// What is wrong with its schedule, shown with the call.
    fn shown_in(&self, told: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let shown = |d: Diagnostic| self.place.iter().fold(d, |d, place| d.secondary(place.span, "in this call"));
        told.into_iter().map(shown).map(|d| self.noted(d)).collect()
    }

    /// What is wrong with a schedule that leaves parts open, with the note that they could not be completed.
    fn noted(&self, d: Diagnostic) -> Diagnostic {
        match self.made {
            Made::Incomplete => d.note("the schedule leaves parts open, and no way to complete it was found"),
            Made::Written | Made::Completed | Made::Automatic => d,
        }
    }
}

impl Scheduled<'_> {
    /// Directives without effect, in order.
    pub fn warnings(&self) -> impl Iterator<Item = &Warning> {
        self.schedules.iter().flat_map(|schedule| &schedule.warnings)
    }

    /// What schedules say without effect, as it is shown. Calls may share a schedule, which says it once.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let mut diagnostics: Vec<Diagnostic> = self.warnings().map(Warning::diagnostic).collect();
        diagnostics.dedup();
        diagnostics
    }

    /// What passes may know of the target.
    pub fn cx(&self) -> &Cx {
        &self.front.cx
    }

    /// The loops of all calls, one after the other.
    pub fn loops(&self) -> Result<LoopProgram, Vec<Diagnostic>> {
        let mut parts = Vec::new();
        for (call, schedule) in self.front.calls.iter().zip(&self.schedules) {
            let program = lower::build(schedule).map_err(|e| call.shown_in(vec![e.diagnostic()]))?;
            let Some(Place { name, tensors, .. }) = &call.place else { return self.begun(program) };
            parts.push(Part { name: name.clone(), program, tensors: tensors.clone() });
        }
        self.begun(lower::join(&self.front.kernel, parts).map_err(|e| vec![e.diagnostic()])?)
    }

    /// Loops in which sums start from what their schedules say. Constants that do so serve all calls.
    fn begun(&self, mut program: LoopProgram) -> Result<LoopProgram, Vec<Diagnostic>> {
        let core = self.front.cx.core();
        let Err(error) = lower::reduction_init(&mut program, core) else { return Ok(program) };
        let alone = |(call, schedule): (&Call, &Schedule)| {
            let own = lower::build(schedule).and_then(|mut loops| lower::reduction_init(&mut loops, core)).err()?;
            Some(call.shown_in(vec![own.diagnostic()]))
        };
        let calls = self.front.calls.iter().zip(&self.schedules);
        Err(calls.into_iter().find_map(alone).unwrap_or_else(|| vec![error.diagnostic()]))
    }

    /// What keeps the loops of all calls from being legal, as it is shown. A kernel that would be refused alone is spoken
    /// of in its own names; otherwise the calls do not fit together.
    pub fn refused(&self, error: &LegalizeError) -> Vec<Diagnostic> {
        for (call, schedule) in self.front.calls.iter().zip(&self.schedules).filter(|(call, _)| call.place.is_some()) {
            let alone = |cx: &Cx| -> Result<(), Diagnostic> {
                let mut loops = lower::build(schedule).map_err(|e| e.diagnostic())?;
                lower::reduction_init(&mut loops, cx.core()).map_err(|e| e.diagnostic())?;
                legalize(loops, cx, &mut |_| {}).map(drop).map_err(|e| e.diagnostic())
            };
            if let Err(own) = alone(&self.front.cx) {
                return call.shown_in(vec![own]);
            }
        }
        let names: Vec<String> = self.front.calls.iter().filter_map(|c| Some(format!("`{}`", c.name()?))).collect();
        let told = error.diagnostic();
        vec![match names.is_empty() {
            true => self.front.calls.iter().fold(told, |told, call| call.noted(told)),
            false => told.note(format!("each call is legal alone: {}", names.join(", "))),
        }]
    }
}
