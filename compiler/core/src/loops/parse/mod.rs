//! Text → canonical loop program; the form of the text is told in [`print`](super::print).
//!
//! No word is reserved: what a word means follows from its place, so buffers and loops may have any name. Line ends mean
//! nothing, and `//` begins a comment. The first fault ends the parse. Nothing is checked here but what is needed to build
//! the program; the rest is [`verify`](super::verify)'s, and [`Spans`] says where a broken rule is in the text.

mod error;
mod indices;
mod statements;
mod token;
mod values;

use std::collections::HashMap;

use tilewright_syntax::{FileId, Span, nearest};

use super::ir::{BufferId, LoopId, LoopProgram, Origin, Stmt};
use super::verify::Location;
use token::{Number, Token};

pub use error::{MAX_HEIGHT, MAX_NESTING, ParseError};

/// Where everything is in the text. The span of a loop is that of its head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    name: Option<Span>,
    /// By number of the buffer, and of the loop.
    buffers: Vec<Span>,
    loops: Vec<Span>,
    stmts: HashMap<Vec<usize>, Span>,
}

impl Spans {
    /// Where a broken rule is broken; None for what the program that was read does not have.
    pub fn get(&self, at: &Location) -> Option<Span> {
        match at {
            Location::Name => self.name,
            Location::Buffer(b) => self.buffers.get(b.0 as usize).copied(),
            Location::Loop(l) => self.loops.get(l.0 as usize).copied(),
            Location::Stmt(path) => self.stmts.get(path).copied(),
        }
    }

    /// Makes the text the origin of everything in the program that was read from it, instead of the origins that it states:
    /// those are places in other files, which need not be at hand. Buffers of one tensor in the pieces of a loop, which are
    /// named `T`, `T_2`, `T_3`, share the origin of the first, unless they state bases.
    pub fn become_origins(&self, program: &mut LoopProgram) {
        let origin = |span: Option<&Span>| Origin { tensor: span.copied(), ..Origin::default() };
        let mut firsts: HashMap<String, Span> = HashMap::new();
        for (buffer, span) in program.buffers.iter_mut().zip(&self.buffers) {
            let first = match buffer.base {
                None => *firsts.entry(stem(&buffer.name).to_owned()).or_insert(*span),
                Some(_) => *span,
            };
            buffer.origin = origin(Some(&first));
        }
        self.block(&mut program.body, &mut Vec::new(), &origin);
    }

    fn block(&self, stmts: &mut [Stmt], path: &mut Vec<usize>, origin: &dyn Fn(Option<&Span>) -> Origin) {
        for (at, stmt) in stmts.iter_mut().enumerate() {
            path.push(at);
            *stmt.origin_mut() = origin(self.stmts.get(path));
            if let Stmt::For(f) = stmt {
                self.block(&mut f.body, path, origin);
            }
            path.pop();
        }
    }
}

/// A name without the number that makes it unique.
fn stem(name: &str) -> &str {
    match name.rsplit_once('_') {
        Some((stem, number)) if number.parse::<u32>().is_ok() => stem,
        _ => name,
    }
}

/// Reads a program.
pub fn parse(file: FileId, text: &str) -> Result<LoopProgram, ParseError> {
    Ok(parse_with_spans(file, text)?.0)
}

/// Reads a program, and where in the text each part of it is.
pub fn parse_with_spans(file: FileId, text: &str) -> Result<(LoopProgram, Spans), ParseError> {
    let tokens = token::lex(file, text)?;
    let mut parser = Parser::new(file, tokens, text.len());
    parser.program()?;
    Ok((parser.program, parser.spans))
}

type Outcome<T = ()> = Result<T, ParseError>;

struct Parser<'a> {
    tokens: Vec<(Token<'a>, Span)>,
    /// The token that is looked at.
    at: usize,
    /// An empty span behind the text.
    end: Span,
    /// Brackets and blocks around the current token.
    depth: usize,
    program: LoopProgram,
    spans: Spans,
    path: Vec<usize>,
    buffers: HashMap<&'a str, (BufferId, Span)>,
    loops: HashMap<&'a str, (LoopId, Span)>,
}

impl<'a> Parser<'a> {
    fn new(file: FileId, tokens: Vec<(Token<'a>, Span)>, len: usize) -> Parser<'a> {
        Parser {
            tokens,
            at: 0,
            end: Span::new(file, len, len),
            depth: 0,
            program: LoopProgram { name: String::new(), buffers: Vec::new(), loops: Vec::new(), body: Vec::new() },
            spans: Spans::default(),
            path: Vec::new(),
            buffers: HashMap::new(),
            loops: HashMap::new(),
        }
    }

    fn peek(&self) -> Token<'a> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Token<'a> {
        self.tokens.get(self.at + ahead).map_or(Token::End, |(token, _)| *token)
    }

    fn span(&self) -> Span {
        self.tokens.get(self.at).map_or(self.end, |(_, span)| *span)
    }

    /// The span from `start` to the token before this one.
    fn span_from(&self, start: Span) -> Span {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(start, |(_, last)| start.to(*last))
    }

    fn unexpected<T>(&self, expected: &str) -> Outcome<T> {
        Err(ParseError::Unexpected { expected: expected.to_owned(), found: self.peek().describe(), span: self.span() })
    }

    fn eat(&mut self, token: Token<'_>) -> bool {
        let found = self.peek() == token;
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, token: Token<'_>) -> Outcome {
        if self.eat(token) { Ok(()) } else { self.unexpected(&token.describe()) }
    }

    /// A word that its place gives a meaning.
    fn word(&mut self, word: &str) -> Outcome {
        self.expect(Token::Name(word))
    }

    fn name(&mut self) -> Outcome<(&'a str, Span)> {
        let Token::Name(name) = self.peek() else { return self.unexpected("a name") };
        let span = self.span();
        self.at += 1;
        Ok((name, span))
    }

    /// A number of at least `least`, with a sign if it has one.
    fn number(&mut self, least: i64, greatest: i64) -> Outcome<i64> {
        let start = self.span();
        let negative = self.eat(Token::Minus);
        let Token::Number(Number { value, suffix: None }) = self.peek() else { return self.unexpected("a number") };
        self.at += 1;
        let value = if negative { -i128::from(value) } else { i128::from(value) };
        match i64::try_from(value) {
            Ok(value) if (least..=greatest).contains(&value) => Ok(value),
            _ => Err(ParseError::NumberRange { value, least, greatest, span: self.span_from(start) }),
        }
    }

    fn any_number(&mut self) -> Outcome<i64> {
        self.number(i64::MIN, i64::MAX)
    }

    /// Runs `inner` one bracket or block deeper.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        if self.depth == MAX_NESTING {
            return Err(ParseError::TooDeep { span: self.span() });
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// `item`s with commas between them up to `close`, which is read too; a comma may stand behind the last.
    fn list<T>(&mut self, close: Token<'_>, mut item: impl FnMut(&mut Self) -> Outcome<T>) -> Outcome<Vec<T>> {
        let mut items = Vec::new();
        while !self.eat(close) {
            items.push(item(self)?);
            if self.peek() != close && !self.eat(Token::Comma) {
                return self.unexpected(&format!("`,` or {}", close.describe()));
            }
        }
        Ok(items)
    }

    fn declare_buffer(&mut self, name: &'a str, span: Span) -> Outcome {
        let id = BufferId(self.program.buffers.len() as u32);
        match self.buffers.insert(name, (id, span)) {
            Some((_, first)) => Err(ParseError::NameTwice { name: name.to_owned(), span, first }),
            None => Ok(()),
        }
    }

    fn declare_loop(&mut self, name: &'a str, span: Span) -> Outcome<LoopId> {
        let id = LoopId(self.program.loops.len() as u32);
        match self.loops.insert(name, (id, span)) {
            Some((_, first)) => Err(ParseError::NameTwice { name: name.to_owned(), span, first }),
            None => Ok(id),
        }
    }

    fn buffer(&mut self) -> Outcome<BufferId> {
        let (name, span) = self.name()?;
        match self.buffers.get(name) {
            Some((id, _)) => Ok(*id),
            None => Err(unknown("buffer", (name, span), self.buffers.keys(), self.loops.contains_key(name))),
        }
    }

    fn loop_var(&mut self) -> Outcome<LoopId> {
        let (name, span) = self.name()?;
        match self.loops.get(name) {
            Some((id, _)) => Ok(*id),
            None => Err(unknown("loop", (name, span), self.loops.keys(), self.buffers.contains_key(name))),
        }
    }
}

/// The candidates are sorted, so that the suggestion does not hang on the order of a hash table.
fn unknown<'n>(
    kind: &'static str,
    (name, span): (&str, Span),
    known: impl Iterator<Item = &'n &'n str>,
    other_kind: bool,
) -> ParseError {
    let mut known: Vec<&str> = known.copied().collect();
    known.sort_unstable();
    let near = nearest(name, known).map(str::to_owned);
    ParseError::UnknownName { kind, name: name.to_owned(), near, other_kind, span }
}
