//! Tokens with every newline → tokens whose separators end statements, brackets matched and not too deep.
//!
//! In: the lexer's tokens. Out: the same without the newlines that end nothing, runs of separators collapsed.
//! A newline ends a statement unless
//!
//! - it stands inside `()` or `[]`,
//! - the token before it cannot end a statement (`C[i] = a +`), or
//! - the token behind it continues one (`+ b`, `-> io, ii`, `outside 0`).
//!
//! Invariant: if there are no errors, every bracket has its partner, so the grammar never meets a stray one.

use crate::error::{MAX_BRACKET_DEPTH, SyntaxError};
use crate::lexer::Spanned;
use crate::span::{FileId, Span};
use crate::token::Token;

/// Turns the newlines that end statements into separators and removes the others.
///
/// A `;` that stands where no statement can end is kept, so that the grammar refuses it.
pub(crate) fn separate<'a>(tokens: &[Spanned<'a>]) -> Vec<Spanned<'a>> {
    let mut out: Vec<Spanned<'a>> = Vec::with_capacity(tokens.len());
    let mut depth = 0usize;
    let mut newline = None;
    for &(start, token, end) in tokens {
        if token == Token::Newline {
            newline.get_or_insert((start, Token::Separator, end));
            continue;
        }
        if let Some(separator) = newline.take()
            && depth == 0
            && !token.continues_statement()
            && out.last().is_some_and(|(_, last, _)| last.can_end_statement())
        {
            out.push(separator);
        }
        match token {
            Token::OpenParen | Token::OpenBracket => depth += 1,
            Token::CloseParen | Token::CloseBracket => depth = depth.saturating_sub(1),
            _ => {}
        }
        let repeated = token == Token::Separator && out.last().is_some_and(|(_, last, _)| *last == Token::Separator);
        if !repeated {
            out.push((start, token, end));
        }
    }
    out
}

/// Every bracket without a partner; or, alone, the first that is too deep.
pub(crate) fn check_brackets(file: FileId, tokens: &[Spanned], text_len: usize) -> Vec<SyntaxError> {
    let mut brackets = Brackets::default();
    let mut before = None;
    for &(start, token, end) in tokens {
        let is_argument = matches!(before.replace(token), Some(Token::OpenParen | Token::OpenBracket | Token::Comma));
        let place = Place { span: Span::new(file, start, end), token: Some(token) };
        match token {
            Token::OpenParen | Token::OpenBracket => {
                brackets.open(token.punctuation(), place.span);
                if brackets.round > MAX_BRACKET_DEPTH {
                    return vec![SyntaxError::BracketsTooDeep { span: place.span }];
                }
            }
            Token::CloseParen => brackets.close("(", ")", place),
            Token::CloseBracket => brackets.close("[", "]", place),
            Token::OpenBrace => {
                brackets.end_statement(&place);
                brackets.open("{", place.span);
                if brackets.open.len() > MAX_BRACKET_DEPTH {
                    return vec![SyntaxError::BracketsTooDeep { span: place.span }];
                }
            }
            Token::CloseBrace => {
                brackets.end_statement(&place);
                brackets.close("{", "}", place);
            }
            // In the place of an argument such a word is rather a name that it cannot be.
            Token::Input | Token::Output if !is_argument => brackets.end_statement(&place),
            Token::Kernel | Token::Schedule => brackets.end_item(&place),
            // So are these anywhere inside brackets.
            Token::Fn | Token::Def | Token::Program | Token::Test if brackets.round == 0 => brackets.end_item(&place),
            Token::Newline => brackets.muted = false,
            _ => {}
        }
    }
    let end = Place { span: Span::new(file, text_len, text_len), token: None };
    brackets.end_item(&end);
    brackets.errors
}

/// Where a bracket was found missing: at a token, or at the end of the file.
struct Place<'a> {
    span: Span,
    token: Option<Token<'a>>,
}

/// The brackets that wait for their partners, innermost last. Round ones never stand below a brace.
#[derive(Default)]
struct Brackets {
    open: Vec<(&'static str, Span)>,
    /// How many of the innermost are `(` or `[`.
    round: usize,
    /// Crossed brackets were reported on this line, so a stray one on it would be the same mistake.
    muted: bool,
    errors: Vec<SyntaxError>,
}

impl Brackets {
    fn open(&mut self, bracket: &'static str, span: Span) {
        self.open.push((bracket, span));
        self.round = if bracket == "{" { 0 } else { self.round + 1 };
    }

    /// Closes the innermost `open`. Those within it are reported as unclosed; without any, `close` is stray.
    fn close(&mut self, open: &'static str, close: &'static str, place: Place) {
        let candidates = if open == "{" { self.open.len() } else { self.round };
        let partner = self.open.iter().rev().take(candidates).position(|(bracket, _)| *bracket == open);
        match partner {
            Some(0) => {}
            Some(inner) => {
                self.report_innermost(&place);
                self.open.truncate(self.open.len() - inner);
                self.muted = true;
            }
            None if self.muted => return,
            None => return self.errors.push(SyntaxError::Unopened { close, span: place.span }),
        }
        self.open.pop();
        self.round = self.open.iter().rev().take_while(|(bracket, _)| *bracket != "{").count();
    }

    /// At a token that cannot stand inside `()` or `[]`: those still open are reported once and given up.
    fn end_statement(&mut self, place: &Place) {
        if self.round > 0 {
            self.report_innermost(place);
            self.open.truncate(self.open.len() - self.round);
            self.round = 0;
        }
    }

    /// At a token that cannot stand inside any bracket.
    fn end_item(&mut self, place: &Place) {
        self.end_statement(place);
        if !self.open.is_empty() {
            self.report_innermost(place);
            self.open.clear();
        }
    }

    fn report_innermost(&mut self, place: &Place) {
        if let Some(&(open, opened)) = self.open.last() {
            let found = place.token.map_or("the end of the file".to_owned(), |token| token.describe());
            self.errors.push(SyntaxError::Unclosed { open, opened, noticed: place.span, found });
        }
    }
}
