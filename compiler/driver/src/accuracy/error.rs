//! What can be wrong with samples, and with how a program decides on them.

use std::path::PathBuf;

use thiserror::Error;
use tilewright_syntax::Diagnostic;

use crate::error::{Exit, Failure};

/// Why there is no accuracy, or not the one that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AccuracyError {
    #[error("no input has an array of samples")]
    NoSamples { inputs: Vec<String> },
    #[error("`{}` has {found} samples, and `{}` has {expected}", .path.display(), .first.display())]
    Counts { path: PathBuf, found: usize, first: PathBuf, expected: usize },
    #[error(
        "the accuracy on the accelerator is {loss} points below that in floating point, and at most {tolerated} are allowed"
    )]
    Inaccurate { loss: String, tolerated: String },
}

impl AccuracyError {
    /// The stable code that `explain` takes.
    pub fn code(&self) -> &'static str {
        match self {
            AccuracyError::NoSamples { .. } => "E0695",
            AccuracyError::Counts { .. } => "E0696",
            AccuracyError::Inaccurate { .. } => "E0699",
        }
    }

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let told = Diagnostic::error(self.code(), self.to_string());
        match self {
            AccuracyError::NoSamples { inputs } => told
                .note(format!("inputs: {}", inputs.join(", ")))
                .help("an array of samples has one dimension more than its input, in front"),
            AccuracyError::Counts { .. } => told.help("every sample needs an array of each such input, and a label"),
            AccuracyError::Inaccurate { .. } => {
                told.help("formats with more fraction bits or a better approximation lose less")
            }
        }
    }
}

impl From<AccuracyError> for Failure {
    fn from(error: AccuracyError) -> Failure {
        let exit = if let AccuracyError::Inaccurate { .. } = error { Exit::Differs } else { Exit::Wrong };
        Failure::Reported { exit, diagnostics: vec![error.diagnostic()] }
    }
}
