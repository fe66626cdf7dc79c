//! A program's files and the user's wishes → the kernel and the schedule to compile.

use thiserror::Error;
use tilewright_syntax::ast::{self, Ident, Item};
use tilewright_syntax::{Diagnostic, FileId, Span, nearest};

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
            ChoiceError::Twice { first, second, .. } => {
                d.primary(*second, "again").secondary(*first, "first here").help("choose another name")
            }
            ChoiceError::WithoutMeaning { span } => {
                d.primary(*span, "can be written and printed, and not be compiled").help("leave it out")
            }
        }
    }
}

/// The kernel and the schedule that a file, or a wish for a schedule, names; no schedule where one is to be made.
pub(crate) fn choose<'a>(
    modules: &'a Modules,
    file: FileId,
    wanted: Option<&str>,
) -> Result<(&'a ast::Kernel, Option<&'a ast::Schedule>), ChoiceError> {
    names_are_unique(modules, file)?;
    no_programs(modules, file)?;
    let first_kernel = *kernels(modules, file).first().ok_or(ChoiceError::NoKernel)?;
    let visible = schedules(modules, file);
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

/// The kernels that a file may name, its own first.
pub(crate) fn kernels(modules: &Modules, file: FileId) -> Vec<&ast::Kernel> {
    modules
        .visible(file)
        .into_iter()
        .filter_map(|item| match item {
            Item::Kernel(found) => Some(found),
            _ => None,
        })
        .collect()
}

/// The schedules that a file may name, its own first.
pub(crate) fn schedules(modules: &Modules, file: FileId) -> Vec<&ast::Schedule> {
    modules
        .visible(file)
        .into_iter()
        .filter_map(|item| match item {
            Item::Schedule(found) => Some(found),
            _ => None,
        })
        .collect()
}

/// The kernel that a schedule is for.
pub(crate) fn kernel_of<'a>(modules: &'a Modules, schedule: &ast::Schedule) -> Result<&'a ast::Kernel, ChoiceError> {
    let visible = kernels(modules, schedule.kernel.span.file);
    let found = visible.iter().find(|k| k.name.name == schedule.kernel.name).copied();
    found.ok_or_else(|| ChoiceError::UnknownKernel {
        schedule: schedule.name.clone(),
        kernel: schedule.kernel.clone(),
        known: visible.iter().map(|k| k.name.name.clone()).collect(),
    })
}

/// Every name means one thing, also among what other files bring in. Kernels and programs share their names.
pub(crate) fn names_are_unique(modules: &Modules, file: FileId) -> Result<(), ChoiceError> {
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
    let tests = modules.program(file).into_iter().flat_map(|program| &program.items);
    unique("tests", tests.filter_map(|item| if let Item::Test(test) = item { Some(&test.name) } else { None }))
}

pub(crate) fn no_programs(modules: &Modules, file: FileId) -> Result<(), ChoiceError> {
    let mut items = modules.program(file).into_iter().flat_map(|program| &program.items);
    match items.find(|item| matches!(item, Item::Program(_))) {
        Some(item) => Err(ChoiceError::WithoutMeaning { span: item.span() }),
        None => Ok(()),
    }
}

fn unique<'a>(what: &'static str, names: impl Iterator<Item = &'a Ident>) -> Result<(), ChoiceError> {
    let mut seen: Vec<&Ident> = Vec::new();
    for name in names {
        if let Some(first) = seen.iter().find(|s| s.name == name.name && s.span != name.span) {
            return Err(ChoiceError::Twice { what, name: name.name.clone(), first: first.span, second: name.span });
        }
        seen.push(name);
    }
    Ok(())
}
