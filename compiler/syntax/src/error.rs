//! Errors of reading source text, one variant for each code, and how each is told to the user.

use thiserror::Error;

use crate::diagnostic::Diagnostic;
use crate::span::Span;

/// Deepest nesting of `()` and `[]`.
pub const MAX_BRACKET_DEPTH: usize = 256;

/// Largest height of an expression tree: no expression has more operands in one chain or more nested calls and
/// parentheses than this. Every later stage may recurse over expressions because of this limit.
pub const MAX_EXPRESSION_DEPTH: u32 = 512;

/// Why a text is no program.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SyntaxError {
    #[error("unknown character {}", show_characters(.text))]
    UnknownCharacter { text: String, span: Span },
    #[error("expected {expected}, found {found}")]
    Unexpected {
        expected: String,
        found: String,
        span: Span,
        /// The end of a line that did not end the statement, if that may be why `found` came as a surprise.
        continued_by: Option<Span>,
        help: Option<String>,
    },
    #[error("number too large")]
    NumberTooLarge { span: Span },
    #[error("nesting too deep")]
    BracketsTooDeep { span: Span },
    #[error("expression too long")]
    ExpressionTooDeep { span: Span },
    #[error("`{open}` is never closed")]
    Unclosed { open: &'static str, opened: Span, noticed: Span, found: String },
    #[error("`{close}` closes nothing")]
    Unopened { close: &'static str, span: Span },
    #[error("malformed number `{text}`")]
    MalformedNumber { text: String, span: Span },
}

impl SyntaxError {
    /// The stable code, as `tilewright explain` takes it.
    pub fn code(&self) -> &'static str {
        match self {
            SyntaxError::UnknownCharacter { .. } => "E0101",
            SyntaxError::Unexpected { .. } => "E0102",
            SyntaxError::NumberTooLarge { .. } => "E0103",
            SyntaxError::BracketsTooDeep { .. } | SyntaxError::ExpressionTooDeep { .. } => "E0104",
            SyntaxError::Unclosed { .. } | SyntaxError::Unopened { .. } => "E0105",
            SyntaxError::MalformedNumber { .. } => "E0106",
        }
    }

    /// The place that the error is about.
    pub fn span(&self) -> Span {
        match self {
            SyntaxError::UnknownCharacter { span, .. }
            | SyntaxError::Unexpected { span, .. }
            | SyntaxError::NumberTooLarge { span }
            | SyntaxError::BracketsTooDeep { span }
            | SyntaxError::ExpressionTooDeep { span }
            | SyntaxError::Unclosed { opened: span, .. }
            | SyntaxError::Unopened { span, .. }
            | SyntaxError::MalformedNumber { span, .. } => *span,
        }
    }
}

impl From<&SyntaxError> for Diagnostic {
    fn from(error: &SyntaxError) -> Diagnostic {
        let told = Diagnostic::error(error.code(), error.to_string());
        match error {
            SyntaxError::UnknownCharacter { text, span } => {
                let told = told.primary(*span, "not part of the language");
                match character_help(text) {
                    Some(help) => told.help(help),
                    None => told,
                }
            }
            SyntaxError::Unexpected { expected, span, continued_by, help, .. } => {
                let mut told = told.primary(*span, format!("expected {expected}"));
                if let Some(continued_by) = continued_by {
                    told = told.secondary(*continued_by, "this line does not end the statement");
                }
                match help {
                    Some(help) => told.help(help.clone()),
                    None => told,
                }
            }
            SyntaxError::NumberTooLarge { span } => told.primary(*span, "does not fit in 63 bits").help(format!(
                "the largest number is {} (0x{:x})",
                i64::MAX,
                i64::MAX
            )),
            SyntaxError::BracketsTooDeep { span } => told
                .primary(*span, "one bracket too many")
                .note(format!("brackets nest at most {MAX_BRACKET_DEPTH} deep"))
                .help("give the inner part a separate tensor"),
            SyntaxError::ExpressionTooDeep { span } => told
                .primary(*span, "one operation too many")
                .note(format!("an expression is at most {MAX_EXPRESSION_DEPTH} operations deep"))
                .help("give a part of it a separate tensor, or sum with `sum(r: ...)`"),
            SyntaxError::Unclosed { open, opened, noticed, found } => told
                .primary(*opened, "opened here")
                .secondary(*noticed, format!("still open at {found}"))
                .help(format!("add the missing `{}`", closing(open))),
            SyntaxError::Unopened { span, close } => {
                told.primary(*span, "nothing is open here").help(format!("remove this `{close}`, or open it before"))
            }
            SyntaxError::MalformedNumber { span, .. } => told
                .primary(*span, "begins with a digit, but is not a number")
                .help("numbers are decimal (`1_000`) or hexadecimal (`0x3e8`); names begin with a letter or `_`"),
        }
    }
}

/// The bracket that closes `open`.
fn closing(open: &str) -> &'static str {
    match open {
        "(" => ")",
        "[" => "]",
        _ => "}",
    }
}

/// The characters in quotation, at most 16; a single one with its code point where it could be taken for another.
fn show_characters(text: &str) -> String {
    let visible = |c: char| if c == ' ' || !(c.is_whitespace() || c.is_control()) { c } else { '\u{fffd}' };
    let mut shown: String = text.chars().take(16).map(visible).collect();
    if text.chars().nth(16).is_some() {
        shown.push_str("...");
    }
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) if !c.is_ascii_graphic() => format!("`{shown}` (U+{:04X})", c as u32),
        _ => format!("`{shown}`"),
    }
}

/// What the author probably meant by a character that is not in the language.
fn character_help(text: &str) -> Option<&'static str> {
    Some(match text.chars().next()? {
        '#' => "comments begin with `//`",
        '"' => "the text that begins here has no `\"` at its end",
        '\'' | '`' => "names have no quotes, the paths of files are in `\"`",
        '?' => "a value is chosen by `select(a < b, x, y)`",
        '&' | '|' | '^' | '~' | '!' => "the operators are `<< >> + - * / %`; everything else is a call, as `max(a, b)`",
        '−' | '–' | '—' => "write `-`",
        '→' => "write `->`",
        '×' | '·' => "write `*`",
        '÷' => "write `/`",
        '\u{a0}' | '\u{2009}' | '\u{202f}' | '\u{3000}' => "this is a special space; write an ordinary one",
        '\u{feff}' => "a byte order mark is only allowed at the beginning of the file",
        c if c.is_alphabetic() => "names consist of `a-z A-Z 0-9 _`",
        _ => return None,
    })
}
