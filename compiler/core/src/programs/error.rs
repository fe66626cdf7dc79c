//! What is wrong with a program of several kernels, and how it is told.

use thiserror::Error;
use tilewright_syntax::ast::Ident;
use tilewright_syntax::{Diagnostic, Span};

/// A program whose calls do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProgramError {
    #[error("there is no kernel `{}` to call", name.name)]
    UnknownKernel { name: Ident, known: Vec<String>, program: Option<Span> },
    #[error("there is no tensor `{}` in program `{program}`", name.name)]
    UnknownTensor { name: Ident, program: String, known: Vec<String> },
    #[error("`{}` is read before it is computed", name.name)]
    ReadTooEarly { name: Ident, computed: Span },
    #[error("`{}` is already {what}", name.name)]
    NameTaken { name: Ident, what: &'static str, first: Option<Span> },
    #[error("`{kernel}` {takes} {expected}, but {found} {}", if *found == 1 { "is given" } else { "are given" })]
    Count {
        kernel: String,
        takes: &'static str,
        expected: String,
        found: usize,
        span: Span,
        declared: Span,
        form: String,
    },
    #[error("`{}` is `{}`, and input `{}` of `{}` is `{}`", .0.tensor, .0.found, .0.input, .0.kernel, .0.expected)]
    WrongType(Box<WrongType>),
    #[error("program `{program}` has no output")]
    NoOutput { program: String, span: Span, last: Option<String> },
    #[error("unused {} `{}`", if *input { "input" } else { "result" }, name.name)]
    Unused { name: Ident, input: bool },
    #[error("kernel `{kernel}` has no schedule `{}`", name.name)]
    UnknownSchedule { name: Ident, kernel: String, known: Vec<String> },
    #[error("kernel `{kernel}` has several schedules, and this call names none")]
    SeveralSchedules { kernel: String, call: Span, first: Span, known: Vec<String> },
    #[error("conflicting pad values of `{tensor}`: {} and {}", values[0], values[1])]
    Outside { tensor: String, values: [i32; 2], argument: Span, first: Span, second: Span },
    #[error("`{owner}` has no parameter `{}`", name.name)]
    UnknownParameter { owner: String, name: Ident, known: Vec<String>, declared: Span },
}

/// A tensor that is handed to an input of another type or shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongType {
    pub tensor: String,
    pub found: String,
    pub input: String,
    pub kernel: String,
    pub expected: String,
    /// The argument of the call.
    pub argument: Span,
    /// The input's declaration.
    pub declared: Span,
    /// Where the tensor comes from.
    pub defined: Span,
    /// What of the two differs, in words.
    pub difference: String,
}

impl ProgramError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ProgramError::SeveralSchedules { .. } => "E0333",
            ProgramError::UnknownKernel { .. } => "E0380",
            ProgramError::UnknownTensor { .. } => "E0381",
            ProgramError::ReadTooEarly { .. } => "E0382",
            ProgramError::NameTaken { .. } => "E0383",
            ProgramError::Count { .. } => "E0384",
            ProgramError::WrongType(_) => "E0385",
            ProgramError::NoOutput { .. } => "E0386",
            ProgramError::Unused { .. } => "E0387",
            ProgramError::UnknownSchedule { .. } => "E0388",
            ProgramError::Outside { .. } => "E0389",
            ProgramError::UnknownParameter { .. } => "E0201",
        }
    }

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let d = Diagnostic::error(self.code(), self.to_string());
        match self {
            ProgramError::UnknownKernel { name, program: Some(program), .. } => d
                .primary(name.span, "a program")
                .secondary(*program, "defined here")
                .help("a program calls kernels: write the calls of the other program here"),
            ProgramError::UnknownKernel { name, known, program: None } => {
                d.primary(name.span, "no kernel has this name").offer(&name.name, known, "kernels")
            }
            ProgramError::UnknownTensor { name, known, .. } => d
                .primary(name.span, "neither an input nor a result")
                .offer(&name.name, known, "tensors before this call"),
            ProgramError::ReadTooEarly { name, computed } => d
                .primary(name.span, "read here")
                .secondary(*computed, "computed here")
                .help("calls run in order: a call reads inputs and results of earlier calls"),
            ProgramError::NameTaken { name, what, first } => {
                let d = d.primary(name.span, "again");
                let d = first.iter().fold(d, |d, first| d.secondary(*first, "first here"));
                d.help(if *what == "given" { "leave one of them out" } else { "choose another name" })
            }
            ProgramError::Count { span, declared, form, .. } => {
                d.primary(*span, "this call").secondary(*declared, "this kernel").help(format!("write `{form}`"))
            }
            ProgramError::WrongType(w) => d
                .primary(w.argument, format!("`{}`", w.found))
                .secondary(w.declared, format!("`{}` for this call", w.expected))
                .secondary(w.defined, format!("`{}` comes from here", w.tensor))
                .help(w.difference.clone()),
            ProgramError::NoOutput { span, last, .. } => {
                let d = d.primary(*span, "computes nothing that is returned");
                match last {
                    Some(last) => d.help(format!("write `output {last} = ...`")),
                    None => d.help("call a kernel: `output T = KERNEL(TENSOR, ...)`"),
                }
            }
            ProgramError::Unused { name, input } => d.primary(name.span, "never read").help(match input {
                true => "pass it to a call, or remove it",
                false => "pass it to a call, write `output` before it, or remove the call",
            }),
            ProgramError::Outside { argument, first, second, .. } => d
                .primary(*argument, "read outside its bounds here")
                .secondary(*first, "one value")
                .secondary(*second, "another value")
                .help("a tensor has one pad value: give both inputs the same `outside`"),
            choice => choice.of_choice(d),
        }
    }

    /// What is said of schedules and parameters, which a call may choose.
    fn of_choice(&self, d: Diagnostic) -> Diagnostic {
        match self {
            ProgramError::UnknownSchedule { name, known, .. } => {
                d.primary(name.span, "no schedule of the kernel has this name").offer(&name.name, known, "schedules")
            }
            ProgramError::SeveralSchedules { call, first, known, .. } => {
                let with: Vec<String> = known.iter().map(|name| format!("`with {name}`")).collect();
                let d = d.primary(*call, "which of them?").secondary(*first, "one schedule");
                d.help(format!("choose one after the call: {}", with.join(", ")))
            }
            ProgramError::UnknownParameter { name, known, declared, .. } => {
                let d = d.primary(name.span, format!("has no `{}`", name.name)).secondary(*declared, "defined here");
                d.offer(&name.name, known, "parameters")
            }
            _ => d,
        }
    }
}
