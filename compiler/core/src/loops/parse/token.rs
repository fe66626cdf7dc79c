//! Tokens of the loop program's text.

use logos::Logos;
use tilewright_syntax::{FileId, Span};

use super::error::ParseError;
use crate::scalar::DType;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LexFault {
    #[default]
    Unknown,
    TooLarge,
}

#[derive(Logos, Clone, Copy, Debug, PartialEq, Eq)]
#[logos(error = LexFault)]
#[logos(skip r"[ \t\r\n]+")]
#[logos(skip(r"//[^\n]*", allow_greedy = true))]
pub(super) enum Token<'a> {
    #[regex(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*")]
    Name(&'a str),
    /// Digits, and the type that stands behind them.
    #[regex(r"[0-9][A-Za-z0-9_]*", |lex| number(lex.slice()))]
    Number(Number),

    #[token("{")]
    OpenBrace,
    #[token("}")]
    CloseBrace,
    #[token("(")]
    OpenParen,
    #[token(")")]
    CloseParen,
    #[token("[")]
    OpenBracket,
    #[token("]")]
    CloseBracket,
    #[token(",")]
    Comma,
    #[token(":")]
    Colon,
    #[token("..")]
    DotDot,
    #[token("@")]
    At,
    #[token("=")]
    Equals,
    #[token("+=")]
    PlusEquals,
    #[token("<-")]
    LeftArrow,
    #[token("->")]
    RightArrow,
    #[token("<<")]
    Shl,
    #[token(">>")]
    Shr,
    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token("/")]
    Slash,
    #[token("%")]
    Percent,

    /// Behind the last token.
    End,
}

/// `5`, or `5i8` with a suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub value: u64,
    pub suffix: Option<DType>,
}

fn number(text: &str) -> Result<Number, LexFault> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, suffix) = text.split_at(digits);
    let suffix = match suffix {
        "" => None,
        name => Some(DType::from_name(name).ok_or(LexFault::Unknown)?),
    };
    // Only the size can be wrong with a word of digits.
    let value = digits.parse().map_err(|_| LexFault::TooLarge)?;
    Ok(Number { value, suffix })
}

/// Splits a text into tokens; the first that is none is an error.
pub(super) fn lex(file: FileId, text: &str) -> Result<Vec<(Token<'_>, Span)>, ParseError> {
    let tokens = Token::lexer(text).spanned().map(|(token, range)| {
        let span = Span::new(file, range.start, range.end);
        match token {
            Ok(token) => Ok((token, span)),
            Err(LexFault::TooLarge) => Err(ParseError::NumberTooLarge { span }),
            Err(LexFault::Unknown) => {
                Err(ParseError::UnknownText { text: text[range].escape_debug().to_string(), span })
            }
        }
    });
    tokens.collect()
}

impl Token<'_> {
    /// How an error message calls this token.
    pub fn describe(&self) -> String {
        let sign = match self {
            Token::Name(name) => return format!("`{name}`"),
            Token::Number(Number { value, suffix }) => return format!("`{value}{}`", suffix.map_or("", DType::name)),
            Token::End => return "the end of the text".to_owned(),
            Token::OpenBrace => "{",
            Token::CloseBrace => "}",
            Token::OpenParen => "(",
            Token::CloseParen => ")",
            Token::OpenBracket => "[",
            Token::CloseBracket => "]",
            Token::Comma => ",",
            Token::Colon => ":",
            Token::DotDot => "..",
            Token::At => "@",
            Token::Equals => "=",
            Token::PlusEquals => "+=",
            Token::LeftArrow => "<-",
            Token::RightArrow => "->",
            Token::Shl => "<<",
            Token::Shr => ">>",
            Token::Plus => "+",
            Token::Minus => "-",
            Token::Star => "*",
            Token::Slash => "/",
            Token::Percent => "%",
        };
        format!("`{sign}`")
    }
}
