//! What can be wrong with what `--compare` names.

use std::path::PathBuf;

use thiserror::Error;
use tilewright::profile::VERSION;
use tilewright_syntax::Diagnostic;

use crate::error::Failure;

/// Why there is nothing to compare with.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CompareError {
    /// Neither a schedule nor a path.
    #[error("there is no `{name}` to compare with")]
    Unknown { name: String, schedules: Vec<String> },
    #[error("`{}` is not a profile: {reason}", .path.display())]
    NotFigures { path: PathBuf, reason: String },
    #[error("`{}` has version {found}, and this command reads version {VERSION}", .path.display())]
    Version { path: PathBuf, found: String },
}

impl CompareError {
    /// The stable code that `explain` takes.
    pub fn code(&self) -> &'static str {
        match self {
            CompareError::Unknown { .. } => "E0660",
            CompareError::NotFigures { .. } => "E0661",
            CompareError::Version { .. } => "E0662",
        }
    }

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let told = Diagnostic::error(self.code(), self.to_string());
        match self {
            CompareError::Unknown { name, schedules } => {
                let told = match schedules.is_empty() {
                    true => told,
                    false => told.offer(name, schedules, "schedules"),
                };
                told.help("`--compare` takes a schedule of the same file, a program, a recording, or a file of figures")
            }
            CompareError::NotFigures { .. } | CompareError::Version { .. } => {
                told.help("`tilewright profile FILE --json FILE` writes such figures")
            }
        }
    }
}

impl From<CompareError> for Failure {
    fn from(error: CompareError) -> Failure {
        error.diagnostic().into()
    }
}
