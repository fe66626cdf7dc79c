//! What is wrong with a text: where, what, and what would be legal there.

use crate::config::ConfigError;
use crate::encode::EncodeError;
use crate::insn::Module;
use crate::suggest::did_you_mean;
use std::ops::Range;
use thiserror::Error;

/// An error in a text, at a place. Lines and columns count from 1, columns in characters; `bytes` is the same place as
/// a range of the text.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}, column {column}: {kind}")]
pub struct TextError {
    pub line: usize,
    pub column: usize,
    pub bytes: Range<usize>,
    pub kind: TextErrorKind,
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TextErrorKind {
    #[error("{found:?} cannot start a word here")]
    UnknownCharacter { found: String },
    #[error("expected {expected}, found {found}")]
    Expected { expected: String, found: String },
    #[error("unknown {what} `{name}`{}: expected one of {}", did_you_mean(.name, .choices.iter().copied()), .choices.join(", "))]
    UnknownName { what: String, name: String, choices: Vec<&'static str> },
    #[error("{field} is {value}, but must be from {min} to {}", like(.value, *.max))]
    OutOfRange { field: String, value: String, min: i64, max: u128 },
    #[error("{field} appears twice")]
    Twice { field: String },
    #[error("{insn} lacks {}", .missing.join(", "))]
    Missing { insn: &'static str, missing: Vec<&'static str> },
    #[error("this instruction runs in {actual}, not in {stated}")]
    WrongModule { stated: Module, actual: Module },
    #[error("{0}")]
    Encode(EncodeError),
    #[error("{0}")]
    Config(ConfigError),
    #[error(".config is after {what}, whose encoding depends on it: move it to the top")]
    LateConfig { what: &'static str },
    #[error("segment {name:?} states {stated} {unit} and is followed by {given}")]
    Count { name: String, unit: &'static str, stated: u128, given: usize },
    #[error("this line belongs under a segment: write `.segment \"NAME\" at ADDRESS {unit} COUNT` above it")]
    Orphan { unit: &'static str },
    #[error("micro-op {stated} is at position {actual} of its segment")]
    UopPosition { stated: u128, actual: usize },
}

impl TextErrorKind {
    /// The stable code that `explain` takes.
    pub fn code(&self) -> &'static str {
        match self {
            TextErrorKind::UnknownCharacter { .. } => "E0731",
            TextErrorKind::Expected { .. } => "E0732",
            TextErrorKind::UnknownName { .. } => "E0733",
            TextErrorKind::OutOfRange { .. } => "E0734",
            TextErrorKind::Twice { .. } => "E0735",
            TextErrorKind::Missing { .. } => "E0736",
            TextErrorKind::WrongModule { .. } => "E0737",
            TextErrorKind::Encode(error) => error.code(),
            TextErrorKind::Config(error) => error.code(),
            TextErrorKind::LateConfig { .. } => "E0738",
            TextErrorKind::Count { .. } | TextErrorKind::Orphan { .. } | TextErrorKind::UopPosition { .. } => "E0739",
        }
    }
}

/// The limit in the base in which the value was written.
fn like(value: &str, max: u128) -> String {
    if value.contains('x') { format!("{max:#x}") } else { max.to_string() }
}
