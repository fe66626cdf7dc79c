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
    #[error("`{}` has label {label} at [{index}], and output `{output}` has {classes} values", .path.display())]
    NoClass { path: PathBuf, index: usize, label: i32, output: String, classes: usize },
    #[error("the program has several outputs, and none was chosen")]
    SeveralOutputs { outputs: Vec<String> },
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
            AccuracyError::NoClass { .. } => "E0697",
            AccuracyError::SeveralOutputs { .. } => "E0698",
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
            AccuracyError::NoClass { .. } => {
                told.help("the predicted class is the index of the greatest value, counted from 0")
            }
            AccuracyError::SeveralOutputs { outputs } => {
                told.help(format!("name it with `--output`: {}", outputs.join(", ")))
            }
            AccuracyError::Inaccurate { .. } => {
                told.help("formats with more fraction bits or a better approximation lose less")
            }
        }
    }
}

impl From<AccuracyError> for Failure {
    fn from(error: AccuracyError) -> Failure {
        let exit = if let AccuracyError::Inaccurate { .. } = error { Exit::Differs } else { Exit::Wrong };
        Failure::Told { exit, diagnostics: vec![error.diagnostic()] }
    }
}
