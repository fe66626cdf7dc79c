//! Why a text is no loop program, one variant for each cause, and how each is told.

use thiserror::Error;
use tilewright_syntax::{Diagnostic, Span};

/// Deepest nesting of brackets and blocks.
pub const MAX_NESTING: usize = 512;

/// Largest height of a value, and most operations in an index. Later stages may recurse over values because of it.
pub const MAX_HEIGHT: usize = 1024;

/// Why a text is no loop program.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    #[error("expected {expected}, found {found}")]
    Unexpected { expected: String, found: String, span: Span },
    #[error("unexpected `{text}` in a loop program")]
    UnknownText { text: String, span: Span },
    #[error("{value} is not in {least}..={greatest}")]
    NumberRange { value: i128, least: i64, greatest: i64, span: Span },
    #[error("number too large")]
    NumberTooLarge { span: Span },
    #[error("nesting too deep")]
    TooDeep { span: Span },
    #[error("expression too long")]
    TooLong { span: Span },
    #[error("unknown {kind} `{name}`")]
    UnknownName {
        kind: &'static str,
        name: String,
        near: Option<String>,
        /// Whether there is a loop of that name where a buffer is expected, or the other way round.
        other_kind: bool,
        span: Span,
    },
    #[error("the name `{name}` is already in use")]
    NameTwice { name: String, span: Span, first: Span },
    #[error("an index must be affine")]
    NotAffine { reason: &'static str, span: Span },
}

impl ParseError {
    /// The stable code, as `tilewright explain` takes it.
    pub fn code(&self) -> &'static str {
        match self {
            ParseError::Unexpected { .. } => "E0401",
            ParseError::UnknownText { .. } => "E0402",
            ParseError::NumberRange { .. } | ParseError::NumberTooLarge { .. } => "E0403",
            ParseError::TooDeep { .. } | ParseError::TooLong { .. } => "E0404",
            ParseError::UnknownName { .. } => "E0405",
            ParseError::NameTwice { .. } => "E0406",
            ParseError::NotAffine { .. } => "E0407",
        }
    }
}

impl From<&ParseError> for Diagnostic {
    fn from(error: &ParseError) -> Diagnostic {
        let told = Diagnostic::error(error.code(), error.to_string());
        match error {
            ParseError::Unexpected { expected, span, .. } => told.primary(*span, format!("expected {expected}")),
            ParseError::UnknownText { span, .. } => told
                .primary(*span, "not a name, number or symbol")
                .help("numbers are decimal, with a type if it is not `i32`: `5i8`; names are words, with dots inside"),
            ParseError::NumberRange { span, .. } => told.primary(*span, "out of range"),
            ParseError::NumberTooLarge { span } => {
                told.primary(*span, "does not fit in 64 bits").help(format!("the largest number is {}", u64::MAX))
            }
            ParseError::TooDeep { span } => told
                .primary(*span, "one level too many")
                .note(format!("brackets and blocks nest at most {MAX_NESTING} deep")),
            ParseError::TooLong { span } => told
                .primary(*span, "one operation too many")
                .note(format!("a value or index has at most {MAX_HEIGHT} operations in one chain")),
            ParseError::UnknownName { span, kind, name, other_kind: true, .. } => {
                let is = if *kind == "buffer" { "loop" } else { "buffer" };
                told.primary(*span, format!("`{name}` is a {is}, expected a {kind}"))
            }
            ParseError::UnknownName { span, near, kind, .. } => {
                let told = told.primary(*span, "not declared before this line");
                match near {
                    Some(near) => told.help(format!("did you mean `{near}`?")),
                    None => told.note(format!("a {kind} has to be declared before it is used")),
                }
            }
            ParseError::NameTwice { span, first, .. } => {
                told.primary(*span, "declared again").secondary(*first, "first declared here")
            }
            ParseError::NotAffine { reason, span } => told
                .primary(*span, *reason)
                .help("an index is a sum of loops times constants, with `/` and `%` by positive constants"),
        }
    }
}
