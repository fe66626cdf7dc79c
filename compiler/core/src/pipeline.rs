//! The compiler from end to end: source → tensor program → schedule → loops → legal loops → stream. [`PASSES`] is the list
//! of what happens to the loop program, in order, each with the reason why it stands there.

use tilewright_isa::Config;
use tilewright_syntax::ast::{self, Ident, Item, NamedArg};
use tilewright_syntax::{Diagnostic, FileId, Sources};

use crate::cases::{self, Case, CaseError};
use crate::choice::{self, choose};
use crate::legalize::{self, Cx, LegalProgram, LegalizeError};
use crate::loops::ir::LoopProgram;
use crate::loops::verify::verify;
use crate::modules::Modules;
use crate::schedule::auto::{self, Automatic};
use crate::schedule::{self, Schedule, Step, Warning};
use crate::tensor::constants::bind_parameters;
use crate::tensor::{self, Constants, Kernel, TensorError, check_functions};

pub use crate::choice::ChoiceError;

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
    /// The file itself, without what it uses.
    pub program: ast::Program,
    file: FileId,
    modules: Modules,
    pub kernel: Kernel,
    schedule: ast::Schedule,
    constants: Constants,
    cx: Cx,
}

/// Parses a file and what it uses, and checks the kernel and the choice of schedule.
pub fn front(request: &Request) -> Result<Front, Vec<Diagnostic>> {
    let modules = Modules::load(request.sources, request.file)?;
    check_functions(&modules, &target_constants(request.config))?;
    let file = request.file;
    match choose(&modules, file, request.schedule).map_err(|e| vec![e.diagnostic()])? {
        (kernel, Some(schedule)) => front_of(&modules, file, (kernel, schedule), request.params, request.config),
        (kernel, None) => automatic(&modules, file, kernel, request.params, request.config),
    }
}

/// The kernel with the first automatic schedule that fits the target.
fn automatic(
    modules: &Modules,
    file: FileId,
    kernel: &ast::Kernel,
    params: &[(String, i64)],
    config: &Config,
) -> Result<Front, Vec<Diagnostic>> {
    let cx = Cx { config: *config };
    let checked = tensor::check_with(kernel, params, &target_constants(config), modules)?;
    let mut automatic = Automatic::new(&checked, cx.core(), kernel.name.span).map_err(|e| vec![e.diagnostic()])?;
    let mut first = None;
    loop {
        let front = front_of(modules, file, (kernel, &automatic.source()), params, config)?;
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

/// Checks all of a file: every kernel, and every schedule with its directives. Returns the warnings.
pub fn check(
    sources: &Sources,
    file: FileId,
    params: &[(String, i64)],
    config: &Config,
) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    let modules = Modules::load(sources, file)?;
    let target = target_constants(config);
    check_functions(&modules, &target)?;
    let told = |e: ChoiceError| vec![e.diagnostic()];
    choice::names_are_unique(&modules, file).and_then(|()| choice::no_programs(&modules, file)).map_err(told)?;
    let kernels = choice::kernels(&modules, file);
    if kernels.is_empty() && modules.program(file).is_none_or(|program| program.items.is_empty()) {
        return Err(told(ChoiceError::NoKernel));
    }
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    let mut checked: Vec<&str> = Vec::new();
    for source in choice::schedules(&modules, file) {
        checked.push(&source.kernel.name);
        let outcome = match choice::kernel_of(&modules, source) {
            Ok(kernel) => front_of(&modules, file, (kernel, source), params, config)
                .and_then(|f| f.compile().map_err(Refusal::diagnostics))
                .map(|(schedule, _)| warnings.extend(schedule.warnings.iter().map(Warning::diagnostic))),
            Err(e) => Err(told(e)),
        };
        errors.extend(outcome.err().into_iter().flatten());
    }
    for kernel in kernels.iter().filter(|k| !checked.contains(&&*k.name.name)) {
        let own: Vec<(String, i64)> = params.iter().filter(|(n, _)| !n.contains('.')).cloned().collect();
        errors.extend(tensor::check_with(kernel, &own, &target, &modules).err().into_iter().flatten());
    }
    errors.dedup();
    if errors.is_empty() { Ok(warnings) } else { Err(errors) }
}

fn front_of(
    modules: &Modules,
    file: FileId,
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
    let checked = tensor::check_with(kernel, &of_kernel, &target, modules)?;
    let constants = bind_parameters(&schedule.name, &schedule.params, &of_schedule, &constants)
        .map_err(|errors| errors.iter().map(TensorError::diagnostic).collect::<Vec<_>>())?;
    Ok(Front {
        program: modules.program(file).cloned().unwrap_or(ast::Program { items: Vec::new() }),
        file,
        modules: modules.clone(),
        kernel: checked,
        schedule: schedule.clone(),
        constants,
        cx: Cx { config: *config },
    })
}

/// A test of a file, checked, with the schedules that it holds for.
#[derive(Clone, Debug)]
pub struct Test {
    pub name: Ident,
    pub kernel: Kernel,
    pub case: Case,
    /// By name, at least one: where the kernel has none, the automatic one.
    pub schedules: Vec<(String, Front)>,
}

/// The tests of a file, in order. A test that names no schedule holds for every schedule of its kernel.
pub fn tests(sources: &Sources, file: FileId, config: &Config) -> Result<Vec<Test>, Vec<Diagnostic>> {
    let modules = Modules::load(sources, file)?;
    check_functions(&modules, &target_constants(config))?;
    choice::names_are_unique(&modules, file).map_err(|e| vec![e.diagnostic()])?;
    let items = modules.program(file).into_iter().flat_map(|program| &program.items);
    let tests = items.filter_map(|item| if let Item::Test(test) = item { Some(test) } else { None });
    tests.map(|test| checked_test(&modules, file, test, config)).collect()
}

fn checked_test(modules: &Modules, file: FileId, test: &ast::Test, config: &Config) -> Result<Test, Vec<Diagnostic>> {
    let target = target_constants(config);
    let kernels = choice::kernels(modules, file);
    let Some(kernel) = kernels.iter().find(|k| k.name.name == test.subject.name) else {
        let known = kernels.iter().map(|k| k.name.name.clone()).collect();
        return Err(vec![CaseError::UnknownSubject { name: test.subject.clone(), known }.diagnostic()]);
    };
    let mut params = values(&test.params, "", &target)?;
    let checked = tensor::check_with(kernel, &params, &target, modules)?;
    let constants = tensor::check::parameters(kernel, &params, &target)?;
    let case = cases::case(test, &checked, &constants).map_err(|e| vec![e.diagnostic()])?;
    let schedules = schedules_of(modules, file, (kernel, test), &mut params, &constants)?;
    let front = |schedule: &&ast::Schedule| {
        let front = front_of(modules, file, (kernel, schedule), &params, config)?;
        Ok((schedule.name.name.clone(), front))
    };
    let fronts = match &schedules[..] {
        [] => vec![(auto::NAME.to_owned(), automatic(modules, file, kernel, &params, config)?)],
        written => written.iter().map(front).collect::<Result<_, Vec<Diagnostic>>>()?,
    };
    Ok(Test { name: test.name.clone(), kernel: checked, case, schedules: fronts })
}

/// The written schedules that a test holds for, none where the automatic one stands; adds their parameters to `params`.
fn schedules_of<'a>(
    modules: &'a Modules,
    file: FileId,
    (kernel, test): (&ast::Kernel, &ast::Test),
    params: &mut Vec<(String, i64)>,
    constants: &Constants,
) -> Result<Vec<&'a ast::Schedule>, Vec<Diagnostic>> {
    let mut found = choice::schedules(modules, file);
    found.retain(|s| s.kernel.name == kernel.name.name);
    let Some(with) = &test.schedule else { return Ok(found) };
    let mut known: Vec<String> = found.iter().map(|s| s.name.name.clone()).collect();
    found.retain(|s| s.name.name == with.name.name);
    if found.is_empty() && with.name.name != auto::NAME {
        known.push(auto::NAME.to_owned());
        let (name, kernel) = (with.name.clone(), kernel.name.name.clone());
        return Err(vec![CaseError::UnknownSchedule { name, kernel, known }.diagnostic()]);
    }
    params.extend(values(&with.params, &format!("{}.", with.name.name), constants)?);
    Ok(found)
}

/// The values of named arguments, each under its name behind `prefix`.
fn values(args: &[NamedArg], prefix: &str, constants: &Constants) -> Result<Vec<(String, i64)>, Vec<Diagnostic>> {
    let value = |arg: &NamedArg| Ok((format!("{prefix}{}", arg.name.name), constants.eval(&arg.value)?));
    args.iter().map(value).collect::<Result<_, TensorError>>().map_err(|error| vec![error.diagnostic()])
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
        schedule::apply(&self.schedule, kernel, core, &self.modules, &self.constants, watch).map_err(|d| vec![d])
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
        let all = choice::schedules(&self.modules, self.file);
        let written = all.iter().any(|s| s.name.span == self.schedule.name.span);
        (!written).then_some(&self.schedule)
    }

    fn compile(&self) -> Result<(Schedule, LegalProgram), Refusal> {
        let schedule = self.schedule(&mut |_| {}).map_err(Refusal::Told)?;
        let loops = crate::loops::build(&schedule).map_err(|e| Refusal::Told(vec![e.diagnostic()]))?;
        let legal = legalize(loops, &self.cx, &mut |_| {}).map_err(Refusal::Legalize)?;
        Ok((schedule, legal))
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
    /// The program after the pass.
    pub program: &'a LoopProgram,
}

impl PassReport<'_> {
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
        (pass.run)(&mut program, cx)?;
        watch(PassReport { name: pass.name, program: &program });
    }
    legalize::seal(program, cx)
}
