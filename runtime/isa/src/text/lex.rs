//! Text → tokens with their byte ranges. Comments and blanks are skipped; the end of a line is a token.

use super::error::{TextError, TextErrorKind};
use logos::Logos;
use std::ops::Range;

#[derive(Logos, Clone, Copy, Debug, PartialEq, Eq)]
#[logos(skip r"[ \t\r]+")]
#[logos(skip(r";[^\n]*", allow_greedy = true))]
pub(super) enum Token {
    #[token("\n")]
    EndOfLine,
    #[regex(r"\.?[A-Za-z_][A-Za-z0-9_]*")]
    Name,
    #[regex(r"-?[0-9]+")]
    #[regex(r"-?0x[0-9A-Fa-f]+")]
    Number,
    #[regex(r#""([^"\\\n]|\\[^\n])*""#)]
    Text,
    #[token(":")]
    Colon,
    #[token("..")]
    Range,
    #[token("(")]
    Open,
    #[token(")")]
    Close,
    #[token("[")]
    OpenBracket,
    #[token("]")]
    CloseBracket,
}

/// A token and the bytes of the text that it covers.
pub(super) type Lexeme = (Token, Range<usize>);

/// All tokens of the text, closed by an end of line.
pub(super) fn lex(text: &str) -> Result<Vec<Lexeme>, TextError> {
    let mut lexemes = Vec::new();
    for (token, bytes) in Token::lexer(text).spanned() {
        let Ok(token) = token else {
            return Err(at(text, bytes.clone(), TextErrorKind::UnknownCharacter { found: text[bytes].to_string() }));
        };
        lexemes.push((token, bytes));
    }
    lexemes.push((Token::EndOfLine, text.len()..text.len()));
    Ok(lexemes)
}

/// An error at these bytes of the text.
pub(super) fn at(text: &str, bytes: Range<usize>, kind: TextErrorKind) -> TextError {
    let before = &text[..bytes.start];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    TextError { line, column: before[line_start..].chars().count() + 1, bytes, kind }
}
