//! Why a loop program has no result, and how it is told.

use thiserror::Error;
use tilewright_syntax::Diagnostic;

use super::MAX_ELEMENTS;
use crate::loops::ir::{LoopProgram, Scope};
use crate::loops::verify::VerifyError;
use crate::scalar::DType;

/// Why a program has no result.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InterpretError {
    #[error(transparent)]
    IllFormed(#[from] VerifyError),
    #[error("input `{name}` is missing")]
    MissingInput { name: String },
    #[error("`{name}` is not an input of this program; its inputs are {}", list(.inputs))]
    UnknownInput { name: String, inputs: Vec<String> },
    #[error("input `{name}` has shape {got:?}, expected {expected:?}")]
    InputShape { name: String, expected: Vec<i64>, got: Vec<usize> },
    #[error("input `{name}` has {value} at {index:?}, which {} cannot hold", .dtype.name())]
    InputRange { name: String, index: Vec<i64>, value: i32, dtype: DType },
    #[error("buffer `{buffer}` has tiles of {lanes} values, but an element of @{} has {expected}", .scope.name())]
    TileSize { buffer: String, scope: Scope, lanes: i64, expected: i64 },
    #[error("the buffers have {elements} elements together; at most {MAX_ELEMENTS} can be interpreted")]
    TooLarge { elements: i64 },
    #[error("the program executes {steps} statements; at most {most} can be interpreted")]
    TooLong { steps: u64, most: u64 },
    #[error("`{buffer}` is read at {index:?} before it is written{}", loop_values(.at))]
    Uninitialised {
        buffer: String,
        index: Vec<i64>,
        /// Names and values of the enclosing loops, outermost first.
        at: Vec<(String, i64)>,
    },
    #[error("output `{buffer}` is never written at {index:?}")]
    Unwritten { buffer: String, index: Vec<i64> },
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn loop_values(at: &[(String, i64)]) -> String {
    let values: Vec<String> = at.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    if values.is_empty() { String::new() } else { format!(", where {}", values.join(", ")) }
}

impl InterpretError {
    /// The stable code. Arrays that do not fit their inputs have the codes that they have for kernels.
    pub fn code(&self) -> &'static str {
        match self {
            InterpretError::IllFormed(_) | InterpretError::TileSize { .. } => VerifyError::CODE,
            InterpretError::InputShape { .. } => "E0622",
            InterpretError::UnknownInput { .. } => "E0623",
            InterpretError::MissingInput { .. } => "E0627",
            InterpretError::InputRange { .. } => "E0628",
            InterpretError::Uninitialised { .. } | InterpretError::Unwritten { .. } => "E0411",
            InterpretError::TooLarge { .. } | InterpretError::TooLong { .. } => "E0412",
        }
    }

    /// Whether the interpreter refuses to begin, which says nothing about the program.
    pub fn is_limit(&self) -> bool {
        matches!(self, InterpretError::TooLarge { .. } | InterpretError::TooLong { .. })
    }

    /// The error as it is shown, at the buffer that it is about, where the program says where that is declared.
    pub fn diagnostic(&self, program: &LoopProgram) -> Diagnostic {
        let d = Diagnostic::error(self.code(), self.to_string());
        let at = |d: Diagnostic, name: &String| {
            let buffer = program.buffers.iter().find(|buffer| buffer.name == *name);
            let span = buffer.and_then(|buffer| buffer.origin.tensor);
            span.into_iter().fold(d, |d, span| d.primary(span, "declared here"))
        };
        match self {
            InterpretError::IllFormed(error) => error.diagnostic(),
            InterpretError::Uninitialised { buffer, .. } => {
                at(d, buffer).help("a buffer has no values after its `alloc`: write every element before it is read")
            }
            InterpretError::Unwritten { buffer, .. } => at(d, buffer).help("write every element of an output"),
            InterpretError::TileSize { buffer, .. } => at(d, buffer),
            InterpretError::TooLarge { .. } | InterpretError::TooLong { .. } => {
                d.help("smaller extents can be interpreted")
            }
            InterpretError::MissingInput { .. }
            | InterpretError::UnknownInput { .. }
            | InterpretError::InputShape { .. }
            | InterpretError::InputRange { .. } => d,
        }
    }
}
