//! A program's files and the user's wishes → what to compile: a program of several kernels, or a kernel and its schedule.

use std::collections::HashMap;

use thiserror::Error;
use tilewright_syntax::ast::{self, Ident, Item, KernelStmt, ScanStmt};
use tilewright_syntax::{Diagnostic, FileId, Span};

use crate::modules::{Modules, item_name};
use crate::schedule::auto;

/// What a file lacks for being run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChoiceError {
    #[error("there is no kernel in this file")]
    NoKernel,
    #[error("there is no schedule `{name}`")]
    UnknownSchedule { name: String, known: Vec<String> },
    #[error("this file has several schedules")]
    SeveralSchedules { first: Span, second: Span, known: Vec<String> },
    #[error("schedule `{}` is for an unknown kernel", schedule.name)]
    UnknownKernel { schedule: Ident, kernel: Ident, known: Vec<String> },
    #[error("duplicate {} `{name}`", what.trim_end_matches('s'))]
    Twice { what: &'static str, name: String, first: Span, second: Span },
    #[error("this file has several programs")]
    SeveralPrograms { first: Span, second: Span, known: Vec<String> },
    #[error("there is no program `{name}`")]
    UnknownProgram { name: String, known: Vec<String> },
}

impl ChoiceError {
    /// The code of [`ChoiceError::SeveralSchedules`]: what a kernel alone has no use for.
    pub const SEVERAL_SCHEDULES: &'static str = "E0333";

    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ChoiceError::NoKernel => "E0330",
            ChoiceError::UnknownSchedule { .. } => "E0332",
            ChoiceError::SeveralSchedules { .. } => ChoiceError::SEVERAL_SCHEDULES,
            ChoiceError::UnknownKernel { .. } => "E0334",
            ChoiceError::Twice { .. } => "E0335",
            ChoiceError::SeveralPrograms { .. } => "E0336",
            ChoiceError::UnknownProgram { .. } => "E0337",
        }
    }

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let d = Diagnostic::error(self.code(), self.to_string());
        match self {
            ChoiceError::NoKernel => d.help("a program starts with `kernel NAME(PARAMETER = VALUE) { ... }`"),
            ChoiceError::UnknownSchedule { name, known } => d.offer(name, known, "schedules"),
            ChoiceError::SeveralSchedules { first, second, known } => d
                .primary(*second, "and another")
                .secondary(*first, "one schedule")
                .help(format!("choose one with `--schedule`: {}", known.join(", "))),
            ChoiceError::UnknownKernel { kernel, known, .. } => {
                d.primary(kernel.span, "no kernel has this name").offer(&kernel.name, known, "kernels")
            }
            ChoiceError::Twice { first, second, .. } => {
                d.primary(*second, "again").secondary(*first, "first here").help("choose another name")
            }
            ChoiceError::SeveralPrograms { first, second, known } => d
                .primary(*second, "and another")
                .secondary(*first, "one program")
                .help(format!("choose one with `--program`: {}", known.join(", "))),
            ChoiceError::UnknownProgram { known, .. } if known.is_empty() => {
                d.help("a program joins kernels: `program NAME { ... }`")
            }
            ChoiceError::UnknownProgram { name, known } => d.offer(name, known, "programs"),
        }
    }
}

/// What the user asks for by name.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted<'a> {
    pub program: Option<&'a str>,
    /// Of a kernel alone, even where the file has programs.
    pub schedule: Option<&'a str>,
}

/// What is compiled.
pub(super) enum Chosen<'a> {
    /// Without a schedule where one is to be made.
    Kernel(&'a ast::Kernel, Option<&'a ast::Schedule>),
    Program(&'a ast::Composition),
}

/// What a file, or a wish, names: a program if the file has one.
pub(super) fn choose<'a>(modules: &'a Modules, file: FileId, wanted: Wanted) -> Result<Chosen<'a>, ChoiceError> {
    names_are_unique(modules, file)?;
    match program(modules, file, wanted)? {
        Some(program) => Ok(Chosen::Program(program)),
        None => kernel(modules, file, wanted.schedule).map(|(kernel, schedule)| Chosen::Kernel(kernel, schedule)),
    }
}

/// The program to compile, if it is one. Programs of other files count where the file has nothing else to compile.
fn program<'a>(
    modules: &'a Modules,
    file: FileId,
    wanted: Wanted,
) -> Result<Option<&'a ast::Composition>, ChoiceError> {
    let visible = modules.programs(file);
    let names = |programs: &[&ast::Composition]| programs.iter().map(|p| p.name.name.clone()).collect();
    if let Some(name) = wanted.program {
        let found = visible.iter().find(|p| p.name.name == name);
        let unknown = || ChoiceError::UnknownProgram { name: name.to_string(), known: names(&visible) };
        return found.copied().map(Some).ok_or_else(unknown);
    }
    if wanted.schedule.is_some() {
        return Ok(None);
    }
    let has_others = own_items(modules, file).any(|item| matches!(item, Item::Kernel(_) | Item::Schedule(_)));
    let own = |p: &&ast::Composition| p.name.span.file == file;
    let mut candidates = visible.clone();
    if has_others || visible.iter().any(own) {
        candidates.retain(own);
    }
    match candidates[..] {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        [first, second, ..] => Err(ChoiceError::SeveralPrograms {
            first: first.name.span,
            second: second.name.span,
            known: names(&candidates),
        }),
    }
}

/// The names of the kernels that kernels of a file call.
pub(super) fn components(modules: &Modules, file: FileId) -> Vec<&Ident> {
    modules.kernels(file).into_iter().flat_map(|kernel| &kernel.stmts).flat_map(called_in).collect()
}

fn called_in(stmt: &KernelStmt) -> Vec<&Ident> {
    fn in_scan(stmt: &ScanStmt) -> Option<&Ident> {
        if let ScanStmt::Component(call) = stmt { Some(&call.kernel) } else { None }
    }
    match stmt {
        KernelStmt::Component(call) => vec![&call.kernel],
        KernelStmt::Scan(scan) => scan.stmts.iter().filter_map(in_scan).collect(),
        KernelStmt::Input(_) | KernelStmt::Define(_) => Vec::new(),
    }
}

/// The kernel to compile alone, and its schedule; none where one is to be made. Without a schedule that names it, it is the
/// first that no other calls.
fn kernel<'a>(
    modules: &'a Modules,
    file: FileId,
    wanted: Option<&str>,
) -> Result<(&'a ast::Kernel, Option<&'a ast::Schedule>), ChoiceError> {
    let kernels = modules.kernels(file);
    let components = components(modules, file);
    let is_component = |kernel: &&&ast::Kernel| components.iter().any(|name| name.name == kernel.name.name);
    let whole = kernels.iter().find(|kernel| !is_component(kernel));
    let first_kernel = *whole.or(kernels.first()).ok_or(ChoiceError::NoKernel)?;
    let visible = modules.schedules(file);
    let known = || visible.iter().map(|s| s.name.name.clone()).collect();
    let own: Vec<&ast::Schedule> = visible.iter().copied().filter(|s| s.span.file == file).collect();
    let schedule = match (wanted, if own.is_empty() { &visible[..] } else { &own[..] }) {
        (Some(name), _) => match visible.iter().find(|s| s.name.name == name) {
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
    Ok((kernel_of(modules, schedule)?, Some(schedule)))
}

/// The kernel that a schedule is for.
pub(super) fn kernel_of<'a>(modules: &'a Modules, schedule: &ast::Schedule) -> Result<&'a ast::Kernel, ChoiceError> {
    modules.kernel_of(schedule).ok_or_else(|| ChoiceError::UnknownKernel {
        schedule: schedule.name.clone(),
        kernel: schedule.kernel.clone(),
        known: modules.kernels(schedule.kernel.span.file).iter().map(|k| k.name.name.clone()).collect(),
    })
}

/// The items of the file itself.
pub(super) fn own_items(modules: &Modules, file: FileId) -> impl Iterator<Item = &Item> {
    modules.program(file).into_iter().flat_map(|program| &program.items)
}

/// Every name means one thing, also among what other files bring in. Kernels and programs share their names.
pub(super) fn names_are_unique(modules: &Modules, file: FileId) -> Result<(), ChoiceError> {
    let kind = |item: &Item| match item {
        Item::Kernel(_) => "kernels",
        Item::Program(_) => "kernels",
        Item::Schedule(_) => "schedules",
        Item::Function(_) => "functions",
        Item::Def(_) => "definitions",
        Item::Test(_) => "tests",
        Item::Use(_) => "files",
    };
    let visible = modules.visible(file);
    for what in ["kernels", "schedules", "functions", "definitions"] {
        unique(what, visible.iter().filter(|item| kind(item) == what).filter_map(|item| item_name(item)))?;
    }
    unique(
        "tests",
        own_items(modules, file).filter_map(|item| if let Item::Test(test) = item { Some(&test.name) } else { None }),
    )
}

fn unique<'a>(what: &'static str, names: impl Iterator<Item = &'a Ident>) -> Result<(), ChoiceError> {
    let mut seen: HashMap<&str, &Ident> = HashMap::new();
    for name in names {
        let first = *seen.entry(&name.name).or_insert(name);
        if first.span != name.span {
            return Err(ChoiceError::Twice { what, name: name.name.clone(), first: first.span, second: name.span });
        }
    }
    Ok(())
}
