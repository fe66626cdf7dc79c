//! What can be wrong with approximated functions, and how it is told.

use thiserror::Error;
use tilewright_syntax::{Diagnostic, Span};

use super::format_error::Operand;
use crate::scalar::approx::FRACTIONS;

/// Why there is no such approximation.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ApproximationError {
    #[error("unknown function constructor `{name}`")]
    NoMaker { name: String, span: Span },
    #[error("an approximation takes a function, a method and a range, but {found} {} given", if *.found == 1 { "is" } else { "are" })]
    Settings { found: usize, span: Span },
    #[error("unknown {what} `{name}` of an approximation")]
    Unknown { what: &'static str, name: String, span: Span, known: Vec<String> },
    #[error("an approximation cannot have the range {range}")]
    Range { range: String, span: Span },
    #[error("an approximation of an `{}`", .argument.format)]
    Argument { argument: Operand },
    #[error("an approximation of an approximation takes too many operations in one expression")]
    Nested { span: Span },
    #[error("{fault}")]
    Values { fault: String, span: Span },
}

impl ApproximationError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ApproximationError::NoMaker { .. }
            | ApproximationError::Settings { .. }
            | ApproximationError::Unknown { .. } => "E0254",
            ApproximationError::Nested { .. } => "E0262",
            ApproximationError::Range { .. }
            | ApproximationError::Argument { .. }
            | ApproximationError::Values { .. } => "E0255",
        }
    }

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let told = Diagnostic::error(self.code(), self.to_string());
        match self {
            ApproximationError::NoMaker { span, .. } => {
                told.primary(*span, "the only one is `approx`").help("write `approx(sigmoid, plan, 8)(e)`")
            }
            ApproximationError::Settings { span, .. } => told
                .primary(*span, "between its own parentheses")
                .help("the argument follows them: `approx(sigmoid, plan, 8)(e)`"),
            ApproximationError::Unknown { what, name, span, known } => {
                told.primary(*span, format!("no such {what}")).offer(name, known, &format!("{what}s"))
            }
            ApproximationError::Range { span, .. } => told
                .primary(*span, "not a positive number of the argument's format")
                .note("outside [-range, range] the function is constant"),
            ApproximationError::Nested { span } => told
                .primary(*span, "reads its argument many times")
                .help("give the argument a tensor of its own: `inner[i] = ...`, which is then computed once"),
            ApproximationError::Values { span, .. } => told
                .primary(*span, "the function is fitted from minus this to this")
                .help("a smaller range leaves out where it has no value, or too great a one"),
            ApproximationError::Argument { argument } => {
                let (least, most) = (FRACTIONS.start(), FRACTIONS.end());
                told.primary(argument.span, format!("`{}`", argument.format))
                    .note(format!("approximations take an `i32` with {least} to {most} fraction bits"))
                    .help(format!("give it a format: `i32.q12({})`", argument.text))
            }
        }
    }
}
