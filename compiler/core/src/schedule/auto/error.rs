//! What keeps a kernel from having an automatic schedule, and how it is told.

use thiserror::Error;
use tilewright_syntax::{Diagnostic, Span};

/// A kernel that the automatic schedule cannot serve.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AutomaticError {
    #[error("there is no automatic schedule for this kernel: it has a scan")]
    Scan { span: Span },
}

impl AutomaticError {
    /// The error's stable code.
    pub const CODE: &'static str = "E0331";

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let d = Diagnostic::error(Self::CODE, self.to_string());
        match self {
            AutomaticError::Scan { span } => d
                .primary(*span, "each step needs the previous one")
                .help("write a schedule: products of the scan in tiles of the GEMM core, the rest in `acc`"),
        }
    }
}
