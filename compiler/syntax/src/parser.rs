//! Text → AST and trivia, or every error that does not follow from another.
//!
//! Lexical errors and unmatched brackets are collected first. A syntax error costs the statement that holds it: the
//! statement's tokens are taken out and the rest is parsed again, up to [`MAX_ERRORS`] times. An error outside of
//! statements ends the search, because whatever follows could be its consequence.

use std::ops::Range;

use lalrpop_util::{ParseError, lalrpop_mod};

use crate::ast::Program;
use crate::diagnostic::Diagnostic;
use crate::elsewhere::statement_hint;
use crate::error::SyntaxError;
use crate::expected::describe_expected;
use crate::layout;
use crate::lexer::{Lexed, Spanned, lex};
use crate::span::{FileId, Sources, Span};
use crate::token::Token;
use crate::trivia::Trivia;

lalrpop_mod!(
    #[allow(clippy::all, unused, missing_debug_implementations)]
    grammar
);

/// Errors of one file that are reported at once.
const MAX_ERRORS: usize = 20;

/// A file's program, and what its author wrote beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    pub program: Program,
    pub trivia: Trivia,
}

/// Parses a file. The errors have codes `E01xx` and come in the order of their places.
pub fn parse(sources: &Sources, file: FileId) -> Result<Program, Vec<Diagnostic>> {
    parse_with_trivia(sources, file).map(|parsed| parsed.program)
}

/// Parses a file and keeps its comments and blank lines for [`print`](crate::printer::print).
pub fn parse_with_trivia(sources: &Sources, file: FileId) -> Result<Parsed, Vec<Diagnostic>> {
    parse_text(file, &sources.file(file).text).map_err(|errors| errors.iter().map(Diagnostic::from).collect())
}

fn parse_text(file: FileId, text: &str) -> Result<Parsed, Vec<SyntaxError>> {
    let Lexed { tokens, trivia, mut errors } = lex(file, text);
    errors.extend(layout::check_brackets(file, &tokens, text.len()));
    let is_of_brackets = |error: &SyntaxError| {
        matches!(
            error,
            SyntaxError::BracketsTooDeep { .. } | SyntaxError::Unclosed { .. } | SyntaxError::Unopened { .. }
        )
    };
    let brackets_match = !errors.iter().any(is_of_brackets);
    let mut program = None;
    if brackets_match {
        let parser = Parser { file, text };
        program = parser.parse(layout::separate(&tokens), &mut errors);
    }
    errors.sort_by_key(|e| e.span().start);
    errors.truncate(MAX_ERRORS);
    match program {
        Some(program) if errors.is_empty() => Ok(Parsed { program, trivia }),
        _ => Err(errors),
    }
}

struct Parser<'a> {
    file: FileId,
    text: &'a str,
}

impl<'a> Parser<'a> {
    /// Parses the tokens, adds what is wrong with them to `errors`.
    fn parse(&self, mut tokens: Vec<Spanned<'a>>, errors: &mut Vec<SyntaxError>) -> Option<Program> {
        let faulty: Vec<usize> = errors.iter().map(|e| e.span().start as usize).collect();
        if !remove_statements(&mut tokens, &faulty) {
            return None;
        }
        loop {
            let error = match self.parse_once(&tokens) {
                Ok(program) => return Some(program),
                Err(error) => error,
            };
            let place = error.span().start as usize;
            errors.push(error);
            if errors.len() >= MAX_ERRORS || !remove_statements(&mut tokens, &[place]) {
                return None;
            }
        }
    }

    fn parse_once(&self, tokens: &[Spanned<'a>]) -> Result<Program, SyntaxError> {
        let result = grammar::ProgramParser::new().parse(self.file, tokens.iter().copied());
        let end = self.text.len();
        result.map_err(|error| match error {
            ParseError::User { error } => error,
            ParseError::UnrecognizedToken { token, expected } => self.unexpected(tokens, token, &expected),
            ParseError::ExtraToken { token } => self.unexpected(tokens, token, &[]),
            ParseError::UnrecognizedEof { expected, .. } => self.unexpected_end(end, &expected),
            ParseError::InvalidToken { location } => self.unexpected_end(location, &[]),
        })
    }

    fn unexpected(&self, tokens: &[Spanned], found: Spanned, expected: &[String]) -> SyntaxError {
        let (start, token, end) = found;
        let before = tokens[..tokens.partition_point(|(_, _, end)| *end <= start)].last();
        let text = &self.text[start..end];
        let mut span = Span::new(self.file, start, end);
        let found = match token {
            Token::Separator if text == "\n" => {
                let line_end = before.map_or(start, |(_, _, end)| *end);
                span = Span::new(self.file, line_end, line_end);
                "the end of the line".to_owned()
            }
            Token::Separator | Token::Int(_) => format!("`{text}`"),
            token => token.describe(),
        };
        let continued_by = self.continued_by(tokens, start);
        let help = statement_hint(line_around(tokens, start), start).or_else(|| help_for(&token, expected));
        SyntaxError::Unexpected { expected: describe_expected(expected), found, span, continued_by, help }
    }

    /// The last token before a line that did not begin a statement although it may look so: the line of the byte
    /// `found`, if it begins there, or a line of the same statement behind an operator.
    fn continued_by(&self, tokens: &[Spanned], found: usize) -> Option<Span> {
        let mut next = found;
        let before = &tokens[..tokens.partition_point(|(_, _, end)| *end <= found)];
        for &(start, token, end) in before.iter().rev() {
            if matches!(token, Token::Separator | Token::OpenBrace | Token::CloseBrace) {
                return None;
            }
            let is_operator = !matches!(token, Token::OpenParen | Token::OpenBracket | Token::Comma);
            let continues = next == found || (is_operator && !token.can_end_statement());
            if continues && self.text[end..next].contains('\n') {
                return Some(Span::new(self.file, start, end));
            }
            next = start;
        }
        None
    }

    fn unexpected_end(&self, end: usize, expected: &[String]) -> SyntaxError {
        SyntaxError::Unexpected {
            expected: describe_expected(expected),
            found: "the end of the file".to_owned(),
            span: Span::new(self.file, end, end),
            continued_by: None,
            help: None,
        }
    }
}

/// What to do about a token where one of `expected` should stand.
fn help_for(found: &Token, expected: &[String]) -> Option<String> {
    let expects = |terminal: &str| expected.iter().any(|e| e.trim_matches('"') == terminal);
    match (found, found.keyword()) {
        (token, _) if token.is_comparison() || *token == Token::Less => {
            Some("a comparison may only be an argument of a call: `select(a < b, x, y)`".to_owned())
        }
        (Token::Text(_), _) if expects("name") => Some("names have no quotes".to_owned()),
        (Token::Input, _) if expects("name") && expects(")") => {
            Some("`input` begins an input of a kernel; the scratchpad for operands is `inp`".to_owned())
        }
        (Token::Dot, _) if expects("+") => Some("a number has digits before and after its point: `0.5`".to_owned()),
        (_, Some(word)) if expects("name") => {
            Some(format!("`{word}` is a keyword; use another name, such as `{word}_`"))
        }
        _ => None,
    }
}

/// The tokens between two separators or braces, around the byte `at`, which begins a token.
fn line_around<'a, 't>(tokens: &'t [Spanned<'a>], at: usize) -> &'t [Spanned<'a>] {
    let here = tokens.partition_point(|(start, ..)| *start < at);
    let is_edge = |(_, token, _): &Spanned| matches!(token, Token::Separator | Token::OpenBrace | Token::CloseBrace);
    let begin = tokens[..here].iter().rposition(is_edge).map_or(0, |edge| edge + 1);
    let end = tokens[here..].iter().position(is_edge).map_or(tokens.len(), |edge| here + edge);
    &tokens[begin..end]
}

/// Takes the statements that hold the bytes `places`, each with the separator behind it, out of the tokens; `false` if
/// one of the bytes is in no statement.
fn remove_statements(tokens: &mut Vec<Spanned>, places: &[usize]) -> bool {
    let ranges: Option<Vec<Range<usize>>> = places.iter().map(|at| statement_around(tokens, *at)).collect();
    let Some(mut ranges) = ranges else { return false };
    ranges.sort_by_key(|range| range.start);
    ranges.dedup();
    for Range { start, end } in ranges.into_iter().rev() {
        let end = if tokens[end].1 == Token::Separator { end + 1 } else { end };
        tokens.drain(start..end);
    }
    true
}

/// The tokens between two edges of one block, around the byte `at`. A separator that was not expected counts to the
/// statement that it cut short. Expects matched brackets.
fn statement_around(tokens: &[Spanned], at: usize) -> Option<Range<usize>> {
    let (mut braces, mut brackets, mut begin) = (0, 0, 0);
    for (here, (_, token, end)) in tokens.iter().enumerate() {
        match token {
            Token::OpenParen | Token::OpenBracket => brackets += 1,
            Token::CloseParen | Token::CloseBracket => brackets -= 1,
            Token::OpenBrace | Token::CloseBrace | Token::Separator if brackets == 0 => {
                let is_line = matches!(tokens[begin].1, Token::Fn | Token::Use);
                let is_statement = begin < here && (braces > 0 || is_line) && *token != Token::OpenBrace;
                if *end > at {
                    return is_statement.then_some(begin..here);
                }
                begin = here + 1;
            }
            _ => {}
        }
        match token {
            Token::OpenBrace => braces += 1,
            Token::CloseBrace => braces -= 1,
            _ => {}
        }
    }
    None
}
