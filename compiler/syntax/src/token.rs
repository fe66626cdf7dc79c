//! Tokens of the language: text in, token kinds out. The words by which error messages call them stand here too.

use std::num::ParseIntError;

use logos::Logos;

use crate::decimal::{Decimal, MAX_PLACES};

/// Why a stretch of text is no token. Spans are added by the lexer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum LexFault {
    /// No token begins with this character.
    #[default]
    UnknownCharacter,
    /// The digits are fine, the value does not fit in 63 bits.
    NumberTooLarge,
    /// A word that begins with a digit and is no number.
    MalformedNumber,
}

#[derive(Logos, Clone, Copy, Debug, PartialEq, Eq)]
#[logos(error = LexFault)]
#[logos(skip r"[ \t\r]+")]
pub(crate) enum Token<'a> {
    #[regex(r"[A-Za-z_][A-Za-z0-9_]*")]
    Name(&'a str),
    #[regex(r"[0-9][A-Za-z0-9_]*", |lex| parse_int(lex.slice()))]
    Int(i64),
    #[regex(r"[0-9][A-Za-z0-9_]*\.[0-9][A-Za-z0-9_]*", |lex| parse_decimal(lex.slice()))]
    Decimal(Decimal),
    /// Without the quotes.
    #[regex(r#""[^"\n]*""#, |lex| { let text = lex.slice(); &text[1..text.len() - 1] })]
    Text(&'a str),

    #[token("kernel")]
    Kernel,
    #[token("schedule")]
    Schedule,
    #[token("input")]
    Input,
    #[token("output")]
    Output,
    #[token("for")]
    For,
    #[token("outside")]
    Outside,
    #[token("fn")]
    Fn,
    #[token("def")]
    Def,
    #[token("use")]
    Use,
    #[token("program")]
    Program,
    #[token("test")]
    Test,
    #[token("with")]
    With,
    #[token("within")]
    Within,
    #[token("scan")]
    Scan,
    #[token("state")]
    State,
    #[token("next")]
    Next,

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
    #[token(".")]
    Dot,
    #[token("=")]
    Equals,
    #[token("->")]
    Arrow,
    #[token("..")]
    DotDot,
    #[token("<")]
    Less,
    #[token("<=")]
    LessEqual,
    #[token(">")]
    Greater,
    #[token(">=")]
    GreaterEqual,
    #[token("==")]
    Equal,
    #[token("!=")]
    NotEqual,
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

    /// The end of a line. None is left behind [`layout`](crate::layout).
    #[token("\n")]
    Newline,
    /// The end of a statement: `;`, or a newline that layout found to be one.
    #[token(";")]
    Separator,
    #[regex(r"//[^\n]*", allow_greedy = true)]
    Comment(&'a str),
}

/// The value of `0x1f`, `1_000` or `42`. Underscores may stand anywhere behind the first digit.
fn parse_int(text: &str) -> Result<i64, LexFault> {
    let (radix, digits) = match text.strip_prefix("0x") {
        Some(digits) => (16, digits),
        None => (10, text),
    };
    let digits = digits.replace('_', "");
    i64::from_str_radix(&digits, radix).map_err(|e: ParseIntError| match e.kind() {
        std::num::IntErrorKind::PosOverflow => LexFault::NumberTooLarge,
        _ => LexFault::MalformedNumber,
    })
}

/// The value of `0.5` or `1_000.25`.
fn parse_decimal(text: &str) -> Result<Decimal, LexFault> {
    let (whole, behind) = text.split_once('.').ok_or(LexFault::MalformedNumber)?;
    let behind = behind.replace('_', "");
    let digits = whole.replace('_', "") + &behind;
    if !digits.chars().all(|c| c.is_ascii_digit()) {
        return Err(LexFault::MalformedNumber);
    }
    let places = behind.len() as u32;
    let digits = digits.parse().ok().filter(|_| places <= MAX_PLACES).ok_or(LexFault::NumberTooLarge)?;
    Ok(Decimal { digits, places })
}

impl Token<'_> {
    /// A number as it would be printed.
    pub(crate) fn number(&self) -> Option<String> {
        match self {
            Token::Int(value) => Some(value.to_string()),
            Token::Decimal(value) => Some(value.to_string()),
            _ => None,
        }
    }

    /// How an error message calls this token where it was found.
    pub(crate) fn describe(&self) -> String {
        match self {
            Token::Name(name) => format!("`{name}`"),
            Token::Int(value) => format!("`{value}`"),
            Token::Decimal(value) => format!("`{value}`"),
            Token::Text(text) => format!("`\"{text}\"`"),
            Token::Newline | Token::Separator => "the end of the statement".to_owned(),
            Token::Comment(_) => "a comment".to_owned(),
            other => match other.keyword() {
                Some(word) => format!("the keyword `{word}`"),
                None => format!("`{}`", other.punctuation()),
            },
        }
    }

    /// The word, if it is one that cannot be a name.
    pub(crate) fn keyword(&self) -> Option<&'static str> {
        Some(match self {
            Token::Kernel => "kernel",
            Token::Schedule => "schedule",
            Token::Input => "input",
            Token::Output => "output",
            Token::For => "for",
            Token::Outside => "outside",
            Token::Fn => "fn",
            Token::Def => "def",
            Token::Use => "use",
            Token::Program => "program",
            Token::Test => "test",
            Token::With => "with",
            Token::Within => "within",
            Token::Scan => "scan",
            Token::State => "state",
            Token::Next => "next",
            _ => return None,
        })
    }

    /// The text of a bracket, a mark or an operator; empty for every other token.
    pub(crate) fn punctuation(&self) -> &'static str {
        match self {
            Token::OpenBrace => "{",
            Token::CloseBrace => "}",
            Token::OpenParen => "(",
            Token::CloseParen => ")",
            Token::OpenBracket => "[",
            Token::CloseBracket => "]",
            Token::Comma => ",",
            Token::Colon => ":",
            Token::Dot => ".",
            Token::Equals => "=",
            Token::Arrow => "->",
            Token::DotDot => "..",
            Token::Less => "<",
            Token::LessEqual => "<=",
            Token::Greater => ">",
            Token::GreaterEqual => ">=",
            Token::Equal => "==",
            Token::NotEqual => "!=",
            Token::Shl => "<<",
            Token::Shr => ">>",
            Token::Plus => "+",
            Token::Minus => "-",
            Token::Star => "*",
            Token::Slash => "/",
            Token::Percent => "%",
            _ => "",
        }
    }

    /// Whether this is a comparison other than `<`, which also gives extents.
    pub(crate) fn is_comparison(&self) -> bool {
        matches!(self, Token::LessEqual | Token::Greater | Token::GreaterEqual | Token::Equal | Token::NotEqual)
    }

    /// Whether a statement can end behind this token. Where it cannot, the next line continues it.
    pub(crate) fn can_end_statement(&self) -> bool {
        matches!(
            self,
            Token::Name(_)
                | Token::Int(_)
                | Token::Decimal(_)
                | Token::Text(_)
                | Token::CloseParen
                | Token::CloseBracket
                | Token::CloseBrace
        )
    }

    /// Whether this token at the start of a line continues the statement of the line before.
    pub(crate) fn continues_statement(&self) -> bool {
        matches!(
            self,
            Token::Outside
                | Token::With
                | Token::Within
                | Token::Comma
                | Token::Colon
                | Token::Dot
                | Token::Equals
                | Token::Arrow
                | Token::DotDot
                | Token::Less
                | Token::LessEqual
                | Token::Greater
                | Token::GreaterEqual
                | Token::Equal
                | Token::NotEqual
                | Token::Shl
                | Token::Shr
                | Token::Plus
                | Token::Minus
                | Token::Star
                | Token::Slash
                | Token::Percent
        )
    }
}
