//! The compiler from end to end: source → tensor program → schedule → loops → legal loops → stream. [`PASSES`] is the list
//! of what happens to the loop program, in order, each with the reason why it stands there.

use thiserror::Error;
use tilewright_isa::Config;
use tilewright_syntax::ast::{self, Ident, Item};
use tilewright_syntax::{Diagnostic, FileId, Sources, Span, nearest, parse};

use crate::legalize::{self, Cx, LegalProgram, LegalizeError};
use crate::loops::ir::LoopProgram;
use crate::loops::print::{PrintOptions, print};
use crate::loops::verify::verify;
use crate::schedule::auto::{self, Automatic};
use crate::schedule::{self, Schedule, Step};
use crate::tensor::constants::bind_parameters;
use crate::tensor::{self, Constants, Kernel, TensorError};

/// A pass over the loop program.
pub struct Pass {
    pub name: &'static str,
    /// Why the pass stands where it does.
    pub reason: &'static str,
    pub run: fn(&mut LoopProgram, &Cx) -> Result<(), LegalizeError>,
}

impl std::fmt::Debug for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pass({})", self.name)
    }
}

/// What legalisation does, in order.
pub const PASSES: [Pass; 11] = [
    Pass {
        name: "unfuse",
        reason: "first: all that follows wants to see which loop walks which dimension, and by what step",
        run: legalize::unfuse::run,
    },
    Pass {
        name: "normalize",
        reason: "early, so that every later pass sees copies and elementwise nests as boxes, whatever loops made them",
        run: legalize::normalize::run,
    },
    Pass {
        name: "inplace",
        reason: "before tiles and places are given, which a joined buffer needs once; it compares normalized indices",
        run: legalize::inplace::run,
    },
    Pass {
        name: "vthread",
        reason: "once buffers are joined, which compares whole ones; before slots, so that each thread's copies rotate",
        run: legalize::vthread::run,
    },
    Pass {
        name: "slots",
        reason: "before tiles are given, which a buffer with all its slots needs; its shape is final from here on",
        run: legalize::slots::run,
    },
    Pass {
        name: "layout",
        reason: "while nests still show element by element who walks which dimension of what",
        run: legalize::layout::run,
    },
    Pass {
        name: "match_gemm",
        reason: "before the other matches, since an accumulating nest is neither elementwise nor a copy",
        run: legalize::match_gemm::run,
    },
    Pass {
        name: "match_alu",
        reason: "takes what computes in the accumulator, so that only copies remain",
        run: legalize::match_alu::run,
    },
    Pass {
        name: "match_dma",
        reason: "last of the matches: a store that is no copy by here can run nowhere, and says so",
        run: legalize::match_dma::run,
    },
    Pass {
        name: "fold",
        reason: "once all instructions are there, since it draws the loops around them into them",
        run: legalize::fold::run,
    },
    Pass {
        name: "allocate",
        reason: "last: only here the tiles and lifetimes of all buffers are final",
        run: legalize::allocate::run,
    },
];

/// What to compile, and for what.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    pub sources: &'a Sources,
    pub file: FileId,
    /// Parameters by name; `NAME` is a kernel's, `SCHEDULE.NAME` a schedule's.
    pub params: &'a [(String, i64)],
    /// The schedule to take; it may be left out where the file has one. `automatic` stands for one that is made for the
    /// kernel, which is also taken where the file has none.
    pub schedule: Option<&'a str>,
    pub config: &'a Config,
}

/// A kernel and its schedule, chosen and checked, before any directive is applied.
#[derive(Clone, Debug)]
pub struct Front {
    pub program: ast::Program,
    pub kernel: Kernel,
    schedule: ast::Schedule,
    constants: Constants,
    cx: Cx,
}

/// What a file lacks for being run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChoiceError {
    #[error("there is no kernel in this file")]
    NoKernel,
    #[error("there is no schedule `{name}`")]
    UnknownSchedule { name: String, known: Vec<String> },
    #[error("this file has several schedules")]
    SeveralSchedules { first: Span, second: Span, known: Vec<String> },
    #[error("schedule `{}` is for a kernel that is not there", schedule.name)]
    UnknownKernel { schedule: Ident, kernel: Ident, known: Vec<String> },
    #[error("`{name}` is the name of two {what}")]
    Twice { what: &'static str, name: String, first: Span, second: Span },
    #[error("this item has no meaning yet")]
    WithoutMeaning { span: Span },
}

impl ChoiceError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ChoiceError::NoKernel => "E0330",
            ChoiceError::UnknownSchedule { .. } => "E0332",
            ChoiceError::SeveralSchedules { .. } => "E0333",
            ChoiceError::UnknownKernel { .. } => "E0334",
            ChoiceError::Twice { .. } => "E0335",
            ChoiceError::WithoutMeaning { .. } => "E0336",
        }
    }

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let d = Diagnostic::error(self.code(), self.to_string());
        let did_you_mean = |d: Diagnostic, name: &str, known: &[String]| match nearest(name, known.iter().map(|k| &**k))
        {
            Some(near) => d.help(format!("did you mean `{near}`?")),
            None => d,
        };
        match self {
            ChoiceError::NoKernel => d.help("a program starts with `kernel NAME(PARAMETER = VALUE) { ... }`"),
            ChoiceError::UnknownSchedule { name, known } => {
                did_you_mean(d, name, known).help(format!("schedules here: {}", known.join(", ")))
            }
            ChoiceError::SeveralSchedules { first, second, known } => d
                .primary(*second, "and another")
                .secondary(*first, "one schedule")
                .help(format!("choose one with `--schedule`: {}", known.join(", "))),
            ChoiceError::UnknownKernel { kernel, known, .. } => {
                let d = d.primary(kernel.span, "no kernel has this name");
                did_you_mean(d, &kernel.name, known).help(format!("kernels here: {}", known.join(", ")))
            }
            ChoiceError::WithoutMeaning { span } => {
                d.primary(*span, "can be written and printed, and not be compiled").help("leave it out")
            }
            ChoiceError::Twice { first, second, .. } => {
                d.primary(*second, "again").secondary(*first, "first here").help("choose another name")
            }
        }
    }
}

/// Parses a file and checks the kernel and the choice of schedule.
pub fn front(request: &Request) -> Result<Front, Vec<Diagnostic>> {
    let program = parse(request.sources, request.file)?;
    match choose(&program, request.schedule).map_err(|e| vec![e.diagnostic()])? {
        (kernel, Some(schedule)) => front_of(&program, (kernel, schedule), request.params, request.config),
        (kernel, None) => automatic(&program, kernel, request.params, request.config),
    }
}

/// The kernel with the first automatic schedule that fits the target.
fn automatic(
    program: &ast::Program,
    kernel: &ast::Kernel,
    params: &[(String, i64)],
    config: &Config,
) -> Result<Front, Vec<Diagnostic>> {
    let cx = Cx { config: *config };
    let checked = tensor::check(kernel, params, &target_constants(config))?;
    let mut automatic = Automatic::new(&checked, cx.core(), kernel.name.span).map_err(|e| vec![e.diagnostic()])?;
    let mut first = None;
    loop {
        let front = front_of(program, (kernel, &automatic.source()), params, config)?;
        let told = match front.compile() {
            Ok(_) => return Ok(front),
            Err(Refusal::Legalize(LegalizeError::Capacity { needed, scope, .. }))
                if automatic.shrink(&needed.name, scope) =>
            {
                continue;
            }
            Err(refusal) => refusal.diagnostics(),
        };
        let told = first.get_or_insert(told);
        match automatic.swapped() {
            Some(swapped) => automatic = swapped,
            None => {
                let note = "the kernel has no schedule, and this is where the automatic one ends";
                return Err(told.drain(..).map(|d| d.note(note)).collect());
            }
        }
    }
}

/// Checks all of a file: every kernel, and every schedule with its directives.
pub fn check(
    sources: &Sources,
    file: FileId,
    params: &[(String, i64)],
    config: &Config,
) -> Result<(), Vec<Diagnostic>> {
    let program = parse(sources, file)?;
    names_are_unique(&program).map_err(|e| vec![e.diagnostic()])?;
    if kernels(&program).next().is_none() {
        return Err(vec![ChoiceError::NoKernel.diagnostic()]);
    }
    let mut errors = Vec::new();
    let mut checked: Vec<&str> = Vec::new();
    for source in schedules(&program) {
        checked.push(&source.kernel.name);
        let outcome = match kernel_of(&program, source) {
            Ok(kernel) => front_of(&program, (kernel, source), params, config)
                .and_then(|f| f.compile().map(|_| ()).map_err(Refusal::diagnostics)),
            Err(e) => Err(vec![e.diagnostic()]),
        };
        errors.extend(outcome.err().into_iter().flatten());
    }
    for kernel in kernels(&program).filter(|k| !checked.contains(&&*k.name.name)) {
        let target = target_constants(config);
        let own: Vec<(String, i64)> = params.iter().filter(|(n, _)| !n.contains('.')).cloned().collect();
        errors.extend(tensor::check(kernel, &own, &target).err().into_iter().flatten());
    }
    errors.dedup();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn front_of(
    program: &ast::Program,
    (kernel, schedule): (&ast::Kernel, &ast::Schedule),
    params: &[(String, i64)],
    config: &Config,
) -> Result<Front, Vec<Diagnostic>> {
    let prefix = format!("{}.", schedule.name.name);
    let split = |(name, value): &(String, i64)| name.strip_prefix(&prefix).map(|n| (n.to_string(), *value));
    let of_schedule: Vec<(String, i64)> = params.iter().filter_map(split).collect();
    let of_kernel: Vec<(String, i64)> = params.iter().filter(|p| split(p).is_none()).cloned().collect();
    let target = target_constants(config);
    let constants = tensor::check::parameters(kernel, &of_kernel, &target)?;
    let checked = tensor::check(kernel, &of_kernel, &target)?;
    if let Some(scan) = checked.scans.first() {
        return Err(vec![ChoiceError::WithoutMeaning { span: scan.span }.diagnostic()]);
    }
    let constants = bind_parameters(&schedule.name, &schedule.params, &of_schedule, &constants)
        .map_err(|errors| errors.iter().map(TensorError::diagnostic).collect::<Vec<_>>())?;
    Ok(Front {
        program: program.clone(),
        kernel: checked,
        schedule: schedule.clone(),
        constants,
        cx: Cx { config: *config },
    })
}

/// The names that a target defines in the language.
pub fn target_constants(config: &Config) -> Constants {
    [("BATCH", config.batch() as i64), ("BLOCK_IN", config.block_in() as i64), ("BLOCK_OUT", config.block_out() as i64)]
        .into_iter()
        .collect()
}

impl Front {
    /// Applies the schedule's directives; `watch` sees the schedule after each of them.
    pub fn schedule(&self, watch: &mut dyn FnMut(Step)) -> Result<Schedule, Vec<Diagnostic>> {
        let (kernel, core) = (self.kernel.clone(), self.cx.core());
        schedule::apply(&self.schedule, kernel, core, &self.constants, watch).map_err(|d| vec![d])
    }

    /// The schedule before its first directive.
    pub fn unscheduled(&self) -> Schedule {
        Schedule::new(self.schedule.name.name.clone(), self.kernel.clone(), self.cx.core())
    }

    /// What passes may know of the target.
    pub fn cx(&self) -> &Cx {
        &self.cx
    }

    /// The schedule's source, where none was written and one was made.
    pub fn automatic(&self) -> Option<&ast::Schedule> {
        let written = schedules(&self.program).any(|s| s.name.span == self.schedule.name.span);
        (!written).then_some(&self.schedule)
    }

    fn compile(&self) -> Result<LegalProgram, Refusal> {
        let schedule = self.schedule(&mut |_| {}).map_err(Refusal::Told)?;
        let loops = crate::loops::build(&schedule).map_err(|e| Refusal::Told(vec![e.diagnostic()]))?;
        legalize(loops, &self.cx, &mut |_| {}).map_err(Refusal::Legalize)
    }
}

/// Why a schedule was not compiled.
enum Refusal {
    Told(Vec<Diagnostic>),
    Legalize(LegalizeError),
}

impl Refusal {
    fn diagnostics(self) -> Vec<Diagnostic> {
        match self {
            Refusal::Told(told) => told,
            Refusal::Legalize(error) => vec![error.diagnostic()],
        }
    }
}

/// What a pass did.
#[derive(Debug)]
pub struct PassReport<'a> {
    pub name: &'static str,
    pub before: &'a LoopProgram,
    /// The program after the pass.
    pub program: &'a LoopProgram,
}

impl PassReport<'_> {
    /// Whether the pass changed the text of the program; numbers of ids are no part of it.
    pub fn changed(&self) -> bool {
        let text = |program| print(program, &PrintOptions::default());
        self.before != self.program && text(self.before) != text(self.program)
    }

    /// The rules of the IR that the program breaks, for `--verify-each`; one line each.
    pub fn broken_rules(&self) -> Vec<String> {
        verify(self.program).err().into_iter().flatten().map(|e| e.to_string()).collect()
    }
}

/// Runs [`PASSES`] over a loop program and seals the result; `watch` sees the program after each pass.
pub fn legalize(
    mut program: LoopProgram,
    cx: &Cx,
    watch: &mut dyn FnMut(PassReport),
) -> Result<LegalProgram, LegalizeError> {
    for pass in &PASSES {
        let before = program.clone();
        (pass.run)(&mut program, cx)?;
        watch(PassReport { name: pass.name, before: &before, program: &program });
    }
    legalize::seal(program, cx)
}

fn kernels(program: &ast::Program) -> impl Iterator<Item = &ast::Kernel> {
    program.items.iter().filter_map(|i| if let Item::Kernel(k) = i { Some(k) } else { None })
}

fn schedules(program: &ast::Program) -> impl Iterator<Item = &ast::Schedule> {
    program.items.iter().filter_map(|i| if let Item::Schedule(s) = i { Some(s) } else { None })
}

fn choose<'a>(
    program: &'a ast::Program,
    wanted: Option<&str>,
) -> Result<(&'a ast::Kernel, Option<&'a ast::Schedule>), ChoiceError> {
    names_are_unique(program)?;
    let first_kernel = kernels(program).next().ok_or(ChoiceError::NoKernel)?;
    let all: Vec<&ast::Schedule> = schedules(program).collect();
    let known = || all.iter().map(|s| s.name.name.clone()).collect();
    let schedule = match (wanted, all.as_slice()) {
        (Some(name), _) => match all.iter().find(|s| s.name.name == name) {
            Some(found) => found,
            None if name == auto::NAME => return Ok((first_kernel, None)),
            None => return Err(ChoiceError::UnknownSchedule { name: name.to_string(), known: known() }),
        },
        (None, [only]) => only,
        (None, [first, second, ..]) => {
            let (first, second) = (first.name.span, second.name.span);
            return Err(ChoiceError::SeveralSchedules { first, second, known: known() });
        }
        (None, []) => return Ok((first_kernel, None)),
    };
    Ok((kernel_of(program, schedule)?, Some(schedule)))
}

fn kernel_of<'a>(program: &'a ast::Program, schedule: &ast::Schedule) -> Result<&'a ast::Kernel, ChoiceError> {
    kernels(program).find(|k| k.name.name == schedule.kernel.name).ok_or_else(|| ChoiceError::UnknownKernel {
        schedule: schedule.name.clone(),
        kernel: schedule.kernel.clone(),
        known: kernels(program).map(|k| k.name.name.clone()).collect(),
    })
}

fn names_are_unique(program: &ast::Program) -> Result<(), ChoiceError> {
    for item in &program.items {
        if !matches!(item, Item::Kernel(_) | Item::Schedule(_)) {
            return Err(ChoiceError::WithoutMeaning { span: item.span() });
        }
    }
    unique("kernels", kernels(program).map(|k| &k.name))?;
    unique("schedules", schedules(program).map(|s| &s.name))
}

fn unique<'a>(what: &'static str, names: impl Iterator<Item = &'a Ident>) -> Result<(), ChoiceError> {
    let mut seen: Vec<&Ident> = Vec::new();
    for name in names {
        if let Some(first) = seen.iter().find(|s| s.name == name.name) {
            return Err(ChoiceError::Twice { what, name: name.name.clone(), first: first.span, second: name.span });
        }
        seen.push(name);
    }
    Ok(())
}
