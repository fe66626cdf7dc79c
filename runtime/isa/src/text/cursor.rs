//! Reading tokens one by one: the vocabulary of the parser. Each method either consumes what it names or reports, at
//! the token that stands there, what could have stood there instead.

use super::Named;
use super::error::{TextError, TextErrorKind};
use super::lex::{Lexeme, Token, at, lex};
use std::ops::Range;

/// A position in the tokens of a text; the last token is an end of line and is never passed.
pub(super) struct Cursor<'a> {
    text: &'a str,
    lexemes: Vec<Lexeme>,
    position: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Result<Cursor<'a>, TextError> {
        Ok(Cursor { text, lexemes: lex(text)?, position: 0 })
    }

    pub(super) fn peek(&self) -> Token {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Token {
        self.lexemes[(self.position + ahead).min(self.lexemes.len() - 1)].0
    }

    /// Whether only blank lines are left, which are skipped, as are those before the next token.
    pub(super) fn at_end(&mut self) -> bool {
        while self.peek() == Token::EndOfLine {
            if self.position + 1 == self.lexemes.len() {
                return true;
            }
            self.position += 1;
        }
        false
    }

    /// The bytes of the next token.
    pub(super) fn here(&self) -> Range<usize> {
        self.lexemes[self.position].1.clone()
    }

    pub(super) fn error_at(&self, bytes: Range<usize>, kind: TextErrorKind) -> TextError {
        at(self.text, bytes, kind)
    }

    pub(super) fn error(&self, kind: TextErrorKind) -> TextError {
        self.error_at(self.here(), kind)
    }

    pub(super) fn expected(&self, expected: impl Into<String>) -> TextError {
        let found = match self.peek() {
            Token::EndOfLine => "the end of the line".to_string(),
            _ => format!("`{}`", &self.text[self.here()]),
        };
        self.error(TextErrorKind::Expected { expected: expected.into(), found })
    }

    /// Consumes the next token if it is this one.
    pub(super) fn eat(&mut self, token: Token) -> bool {
        let found = self.peek() == token;
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn expect(&mut self, token: Token, expected: &str) -> Result<&'a str, TextError> {
        if self.peek() != token {
            return Err(self.expected(expected));
        }
        let text = &self.text[self.here()];
        self.advance();
        Ok(text)
    }

    /// The name that stands here, if one does.
    pub(super) fn peek_name(&self) -> Option<&'a str> {
        self.name_at(0)
    }

    /// The name that stands this many tokens ahead, if one does.
    pub(super) fn name_at(&self, ahead: usize) -> Option<&'a str> {
        let (token, bytes) = &self.lexemes[(self.position + ahead).min(self.lexemes.len() - 1)];
        (*token == Token::Name).then(|| &self.text[bytes.clone()])
    }

    /// Tokens behind the next one.
    pub(super) fn left(&self) -> usize {
        self.lexemes.len() - 1 - self.position
    }

    /// Consumes this name if it stands here.
    pub(super) fn eat_name(&mut self, name: &str) -> bool {
        let found = self.peek_name() == Some(name);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn expect_name(&mut self, name: &str) -> Result<(), TextError> {
        if self.eat_name(name) { Ok(()) } else { Err(self.expected(format!("`{name}`"))) }
    }

    /// One of these names; returns its index.
    pub(super) fn one_of(&mut self, what: &str, choices: &[&'static str]) -> Result<usize, TextError> {
        let Some(name) = self.peek_name() else {
            return Err(self.expected(format!("{what}: {}", choices.join(", "))));
        };
        let Some(index) = choices.iter().position(|choice| *choice == name) else {
            let (what, name, choices) = (what.to_string(), name.to_string(), choices.to_vec());
            return Err(self.error(TextErrorKind::UnknownName { what, name, choices }));
        };
        self.advance();
        Ok(index)
    }

    /// A name from a closed set of values.
    pub(super) fn named<T: Named>(&mut self) -> Result<T, TextError> {
        let names: Vec<&'static str> = T::all().iter().map(|value| value.text()).collect();
        Ok(T::all()[self.one_of(T::WHAT, &names)?])
    }

    /// A number, decimal or `0x`, of at most `max`.
    pub(super) fn number(&mut self, field: &str, max: u128) -> Result<u128, TextError> {
        let here = self.here();
        let digits = self.expect(Token::Number, &format!("a number for {field}"))?;
        let value = match digits.strip_prefix("0x") {
            Some(hex) => u128::from_str_radix(hex, 16),
            None => digits.parse(),
        };
        match value {
            Ok(value) if value <= max => Ok(value),
            _ => Err(self.out_of_range(here, field, digits, 0, max)),
        }
    }

    /// A number that may be negative and fits in 16 bits.
    pub(super) fn signed(&mut self, field: &str) -> Result<i16, TextError> {
        let here = self.here();
        let digits = self.expect(Token::Number, &format!("a number for {field}"))?;
        let (negative, magnitude) = digits.strip_prefix('-').map_or((false, digits), |rest| (true, rest));
        let value = match magnitude.strip_prefix("0x") {
            Some(hex) => i32::from_str_radix(hex, 16),
            None => magnitude.parse(),
        };
        let value = value.ok().and_then(|value| i16::try_from(if negative { -value } else { value }).ok());
        value.ok_or_else(|| self.out_of_range(here, field, digits, i16::MIN.into(), i16::MAX as u128))
    }

    /// A quoted text, escaped as in JSON.
    pub(super) fn quoted(&mut self, expected: &str) -> Result<String, TextError> {
        let here = self.here();
        let quoted = self.expect(Token::Text, expected)?;
        serde_json::from_str(quoted).map_err(|_| {
            let expected = "a text with the escapes of JSON".to_string();
            self.error_at(here, TextErrorKind::Expected { expected, found: quoted.to_string() })
        })
    }

    /// Bytes written as `0x` and two digits each.
    pub(super) fn hex_bytes(&mut self) -> Result<Vec<u8>, TextError> {
        let here = self.here();
        let digits = self.expect(Token::Number, "bytes as 0x and two hexadecimal digits each")?;
        let pairs = digits.strip_prefix("0x").filter(|hex| hex.len().is_multiple_of(2));
        let Some(pairs) = pairs else {
            let expected = "bytes as 0x and two hexadecimal digits each".to_string();
            return Err(self.error_at(here, TextErrorKind::Expected { expected, found: format!("`{digits}`") }));
        };
        let nibble = |digit: u8| (digit as char).to_digit(16).expect("the token holds only digits") as u8;
        Ok(pairs.as_bytes().as_chunks::<2>().0.iter().map(|[high, low]| nibble(*high) << 4 | nibble(*low)).collect())
    }

    fn advance(&mut self) {
        self.position = (self.position + 1).min(self.lexemes.len() - 1);
    }

    fn out_of_range(&self, bytes: Range<usize>, field: &str, value: &str, min: i64, max: u128) -> TextError {
        let (field, value) = (field.to_string(), value.to_string());
        self.error_at(bytes, TextErrorKind::OutOfRange { field, value, min, max })
    }
}
