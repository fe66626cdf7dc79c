//! What can be wrong with what a sweep is asked to go through.

use thiserror::Error;
use tilewright_syntax::{Diagnostic, Span};

use crate::error::Failure;

/// Most combinations of one sweep.
pub const MAX_COMBINATIONS: u128 = 10_000;

/// Why there are no combinations to run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SweepError {
    #[error("`{part}` is neither a value nor a range of values for parameter `{name}`")]
    Values { name: String, part: String, reason: &'static str, span: Span },
    /// A count that no number of 128 bits holds is the largest of them.
    #[error("there are {count} combinations, and the limit is {MAX_COMBINATIONS}")]
    TooMany { count: u128, of_each: Vec<(String, u128)> },
}

impl SweepError {
    /// The stable code that `explain` takes.
    pub fn code(&self) -> &'static str {
        match self {
            SweepError::Values { .. } => "E0680",
            SweepError::TooMany { .. } => "E0681",
        }
    }

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let told = Diagnostic::error(self.code(), self.to_string());
        match self {
            SweepError::Values { reason, span, .. } => told
                .primary(*span, *reason)
                .help("values are separated by commas: `4,8,12`")
                .help("ranges: `0..4` ends with 3, `4..=16:4` goes in steps of 4, `8..=64:x2` doubles"),
            SweepError::TooMany { of_each, .. } => {
                let told = of_each.iter().fold(told, |told, (name, count)| told.note(format!("`{name}` has {count}")));
                told.help("sweep fewer values, or one parameter at a time")
            }
        }
    }
}

impl From<SweepError> for Failure {
    fn from(error: SweepError) -> Failure {
        error.diagnostic().into()
    }
}
