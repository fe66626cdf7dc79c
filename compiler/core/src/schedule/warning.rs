//! Directives that are legal and change nothing, and how that is told.

use thiserror::Error;
use tilewright_syntax::{Diagnostic, Span};

/// A directive without effect.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{directive}` has no effect: {reason}")]
pub struct Warning {
    pub directive: String,
    pub span: Span,
    pub reason: String,
    /// What makes it so.
    pub place: Option<(Span, &'static str)>,
}

impl Warning {
    /// The warning's stable code.
    pub const CODE: &'static str = "W0301";

    /// The warning as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let d = Diagnostic::warning(Self::CODE, self.to_string()).primary(self.span, "changes nothing");
        let d = match self.place {
            Some((span, text)) => d.secondary(span, text),
            None => d,
        };
        d.help("leave it out")
    }
}
