//! Why no loops can be made of a schedule.

use thiserror::Error;
use tilewright_syntax::{Diagnostic, Span};

use super::MAX_LOOPS;
use super::nesting::MAX_NESTING;
use crate::loops::ir::Origin;

/// A schedule of which no loops can be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BuildError {
    #[error("the loops of `{kernel}` would have to be partitioned into more than {MAX_LOOPS} pieces")]
    TooManyPieces { kernel: String, axis: String, span: Span },
    #[error("`{tensor}` stands in {loops} loops")]
    TooDeep { tensor: String, loops: usize, span: Span, at: Option<Span> },
    #[error("the loops of `{tensor}` cannot be turned into {what}: {reason}")]
    Shape { tensor: String, what: &'static str, reason: String, origin: Origin, help: String },
}

impl BuildError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            BuildError::TooManyPieces { .. } => "E0340",
            BuildError::TooDeep { .. } => "E0341",
            BuildError::Shape { .. } => "E0508",
        }
    }

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let d = Diagnostic::error(self.code(), self.to_string());
        match self {
            BuildError::TooManyPieces { axis, span, .. } => d
                .primary(*span, format!("the pieces of `{axis}` are among them"))
                .help("choose factors that divide, or put loops over blocks outside the loops inside blocks"),
            BuildError::TooDeep { span, at, .. } => {
                let d = d.primary(*span, "computed here");
                let d = at.iter().fold(d, |d, at| d.secondary(*at, "computed in the loops of another stage"));
                d.help(format!(
                    "at most {MAX_NESTING} loops stand inside one another: leave splits out, or `compute_at`"
                ))
            }
            BuildError::Shape { origin, help, .. } => match (origin.tensor, origin.directive) {
                (Some(tensor), Some(directive)) => {
                    d.primary(directive, "shaped here").secondary(tensor, "computed here")
                }
                (Some(tensor), None) => d.primary(tensor, "computed here"),
                (None, Some(directive)) => d.primary(directive, "shaped here"),
                (None, None) => d,
            }
            .help(help),
        }
    }
}
