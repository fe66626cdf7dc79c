//! What can be wrong with a table of operators, and with what is asked of it.

use thiserror::Error;
use tilewright_sim::cycles::TimingError;
use tilewright_syntax::{Diagnostic, Span};

/// Why there is no row to run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BenchError {
    /// The text is not TOML, or has other keys or values than a table has.
    #[error("this is not a table of operators: {reason}")]
    Malformed { reason: String, place: Option<Span> },
    #[error("duplicate row `{name}`")]
    Twice { name: String, first: Span, second: Span },
    #[error("row `{row}` has both a schedule and a program")]
    Ambiguous { row: String, place: Span },
    #[error("row `{row}` needs `{file}`, which cannot be read: {reason}")]
    Missing { row: String, file: String, reason: String, place: Span },
    #[error("in the target of row `{row}`, {error}")]
    Timing { row: String, error: TimingError, place: Span },
    #[error("there is no row `{name}`")]
    UnknownRow { name: String, known: Vec<String> },
}

impl BenchError {
    /// The stable code that `explain` takes.
    pub fn code(&self) -> &'static str {
        match self {
            BenchError::Malformed { .. } => "E0690",
            BenchError::Twice { .. } => "E0691",
            BenchError::Ambiguous { .. } => "E0692",
            BenchError::Missing { .. } => "E0693",
            BenchError::Timing { error, .. } => error.code(),
            BenchError::UnknownRow { .. } => "E0694",
        }
    }

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let told = Diagnostic::error(self.code(), self.to_string());
        match self {
            BenchError::Malformed { place, .. } => place.iter().fold(told, |told, place| told.primary(*place, "here")),
            BenchError::Twice { first, second, .. } => told.primary(*second, "again").secondary(*first, "first here"),
            BenchError::Ambiguous { place, .. } => told
                .primary(*place, "in this row")
                .help("the calls of a program have their own schedules: leave one of them out"),
            BenchError::Missing { place, .. } => {
                told.primary(*place, "here").help("paths are relative to the folder of the table")
            }
            BenchError::Timing { place, .. } => told.primary(*place, "here"),
            BenchError::UnknownRow { name, known } => told.offer(name, known, "rows of this table"),
        }
    }
}
