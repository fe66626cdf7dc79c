//! The program, its buffers and its statements.
//!
//! ```text
//! program = "program" NAME "{" (("input" | "output") buffer)* stmt* "}"
//! buffer  = NAME ":" TYPE "[" extents "]" "@" SCOPE [layout] ["base" NUMBER] ["slots" NUMBER]
//!           ["copies" NUMBER] ["outside" NUMBER] origin
//! layout  = "tile" "(" lanes ")" ["order" "(" dimensions ")"]
//! extent  = NUMBER ["of" NUMBER]
//! stmt    = ["@" MARK] "for" NAME "in" "0" ".." NUMBER origin "{" stmt* "}"
//!         | "alloc" buffer ["at" origin]
//!         | BUFFER "[" indices "]" "=" value origin
//!         | "load" tile "<-" tile rows origin  |  "store" tile "->" tile rows origin
//!         | "gemm" tile "+=" tile "*" tile loops origin  |  "reset" tile loops origin
//!         | "alu" OP tile "," (NUMBER | tile) loops origin
//! tile    = BUFFER "[" index "]"
//! rows    = "y" NUMBER "x" NUMBER "stride" NUMBER ["pad" NUMBER NUMBER NUMBER NUMBER]
//! loops   = ["outer" NUMBER [steps]] ["inner" NUMBER [steps]] ["uops" "[" uops "]"]
//! origin  = ["from" place] ["by" place] ["call" NUMBER]        place = NUMBER ":" NUMBER ".." NUMBER
//! ```

use tilewright_isa::AluOpcode;
use tilewright_syntax::{FileId, Span};

use super::error::ParseError;
use super::token::{Number, Token};
use super::{Outcome, Parser};
use crate::loops::ir::{
    Alu, AluOperand, Buffer, BufferId, Direction, Dma, For, Gemm, Index, Insn, InsnLoop, Lane, Layout, LoopVar, Mark,
    MicroOp, Origin, Outside, Pad, Role, Scope, Stmt, Store, TileRef,
};
use crate::loops::verify::MAX_NUMBER;
use crate::scalar::DType;

const STATEMENT: &str = "`for`, `alloc`, `load`, `store`, `gemm`, `reset`, `alu`, a buffer or `}`";

impl<'a> Parser<'a> {
    pub(super) fn program(&mut self) -> Outcome {
        self.word("program")?;
        let (name, span) = self.name()?;
        self.program.name = name.to_owned();
        self.spans.name = Some(span);
        self.expect(Token::OpenBrace)?;
        while let Some(role) = self.interface_role() {
            self.at += 1;
            let role = match role {
                Role::Constant(_) => Role::Constant(self.constant_value()?),
                Role::Counted(_) => Role::Counted(self.constant_value()?),
                other => other,
            };
            let buffer = self.declaration(role)?;
            self.program.buffers.push(buffer);
        }
        self.program.body = self.block()?;
        if self.peek() == Token::End { Ok(()) } else { self.unexpected(&Token::End.describe()) }
    }

    /// Whether a declaration of the interface follows. A buffer may be named `input`, but then an index follows.
    fn interface_role(&self) -> Option<Role> {
        match (self.peek(), self.peek_at(1)) {
            (Token::Name("input"), Token::Name(_)) => Some(Role::Input),
            (Token::Name("output"), Token::Name(_)) => Some(Role::Output),
            (Token::Name("constant"), Token::OpenParen) => Some(Role::Constant(0)),
            (Token::Name("counted"), Token::OpenParen) => Some(Role::Counted(0)),
            _ => None,
        }
    }

    /// The value of a constant, or the first of those that count, in parentheses.
    fn constant_value(&mut self) -> Outcome<i32> {
        self.expect(Token::OpenParen)?;
        let value = self.number(i32::MIN.into(), i32::MAX.into())? as i32;
        self.expect(Token::CloseParen)?;
        Ok(value)
    }

    /// A buffer; its name is known from here on.
    fn declaration(&mut self, role: Role) -> Outcome<Buffer> {
        let (name, span) = self.name()?;
        self.declare_buffer(name, span)?;
        self.expect(Token::Colon)?;
        let dtype = self.choice(&DType::ALL, DType::name)?;
        self.expect(Token::OpenBracket)?;
        let (array, shape): (Vec<i64>, Vec<i64>) = self.list(Token::CloseBracket, Parser::extent)?.into_iter().unzip();
        self.expect(Token::At)?;
        let scope = self.choice(&Scope::ALL, Scope::name)?;
        let layout = if self.follows("tile", |t| t == Token::OpenParen) { Some(self.layout()?) } else { None };
        let base = if self.follows("base", is_number) { Some(self.any_number()?) } else { None };
        let slots = if self.follows("slots", is_number) { self.number(1, MAX_NUMBER - 1)? } else { 1 };
        let most = shape.len() as i64;
        let copies = if self.follows("copies", is_number) { self.number(0, most)? as usize } else { 0 };
        let outside = if self.follows("outside", is_number) { Some(self.outside(shape.len())?) } else { None };
        let repeats = self.repeats(shape.len())?;
        let planes = match self.follows("planes", is_number) {
            true => Some(self.number(i32::MIN.into(), i32::MAX.into())? as i32),
            false => None,
        };
        let image_of = if self.follows("image", is_name) { Some(self.name()?.0.to_owned()) } else { None };
        self.spans.buffers.push(self.span_from(span));
        let (name, origin) = (name.to_owned(), self.origin()?);
        Ok(Buffer {
            name,
            dtype,
            scope,
            role,
            shape,
            array,
            repeats,
            planes,
            image_of,
            outside,
            layout,
            base,
            slots,
            copies,
            origin,
        })
    }

    /// How many of the last dimensions repeat an array.
    fn repeats(&mut self, rank: usize) -> Outcome<usize> {
        if !self.follows("repeats", |t| !matches!(t, Token::OpenBracket)) {
            return Ok(0);
        }
        if self.peek() != Token::OpenParen {
            return Ok(1);
        }
        self.expect(Token::OpenParen)?;
        let count = self.number(2, (rank as i64).max(2))?;
        self.expect(Token::CloseParen)?;
        Ok(count as usize)
    }

    /// What stands outside of an array of so many dimensions.
    fn outside(&mut self, rank: usize) -> Outcome<Outside> {
        let value = self.number(i32::MIN.into(), i32::MAX.into())? as i32;
        if !self.follows("along", |t| t == Token::OpenParen) {
            return Ok(Outside { value, dims: (0..rank).collect() });
        }
        self.expect(Token::OpenParen)?;
        let dims = self.list(Token::CloseParen, |p| Ok(p.number(0, MAX_NUMBER)? as usize))?;
        Ok(Outside { value, dims })
    }

    /// The extents of the user's array and of the buffer.
    fn extent(&mut self) -> Outcome<(i64, i64)> {
        let array = self.number(1, MAX_NUMBER - 1)?;
        let extent = if self.follows("of", is_number) { self.number(array, MAX_NUMBER - 1)? } else { array };
        Ok((array, extent))
    }

    /// One of some words, by what it stands for.
    fn choice<T: Copy>(&mut self, choices: &[T], name: fn(T) -> &'static str) -> Outcome<T> {
        match choices.iter().find(|c| self.peek() == Token::Name(name(**c))) {
            Some(found) => {
                self.at += 1;
                Ok(*found)
            }
            None => {
                let words: Vec<String> = choices.iter().map(|c| format!("`{}`", name(*c))).collect();
                self.unexpected(&words.join(" or "))
            }
        }
    }

    /// Reads a word where the token behind it shows that it is not the beginning of the next statement.
    fn follows(&mut self, word: &str, behind: impl Fn(Token<'_>) -> bool) -> bool {
        let found = self.peek() == Token::Name(word) && behind(self.peek_at(1));
        self.at += usize::from(found);
        found
    }

    fn layout(&mut self) -> Outcome<Layout> {
        self.expect(Token::OpenParen)?;
        let lanes = self.list(Token::CloseParen, |p| {
            let dim = p.number(0, MAX_NUMBER)? as usize;
            p.expect(Token::Colon)?;
            Ok(Lane { dim, size: p.any_number()? })
        })?;
        let order = match self.follows("order", |t| t == Token::OpenParen) {
            true => {
                self.expect(Token::OpenParen)?;
                self.list(Token::CloseParen, |p| Ok(p.number(0, MAX_NUMBER)? as usize))?
            }
            false => Vec::new(),
        };
        Ok(Layout { lanes, order })
    }

    fn origin(&mut self) -> Outcome<Origin> {
        let tensor = if self.follows("from", is_number) { Some(self.place()?) } else { None };
        let directive = if self.follows("by", is_number) { Some(self.place()?) } else { None };
        let call = if self.follows("call", is_number) { self.number(0, u32::MAX.into())? as u32 } else { 0 };
        Ok(Origin { tensor, directive, call })
    }

    fn place(&mut self) -> Outcome<Span> {
        let file = FileId(self.number(0, u32::MAX.into())? as u32);
        self.expect(Token::Colon)?;
        let start = self.number(0, u32::MAX.into())? as u32;
        self.expect(Token::DotDot)?;
        let end = self.number(start.into(), u32::MAX.into())? as u32;
        Ok(Span { file, start, end })
    }

    /// Statements up to the closing brace, which is read too.
    fn block(&mut self) -> Outcome<Vec<Stmt>> {
        let mut stmts = Vec::new();
        while !self.eat(Token::CloseBrace) {
            self.path.push(stmts.len());
            let start = self.span();
            let stmt = self.nested(|p| p.stmt(start))?;
            self.path.pop();
            stmts.push(stmt);
        }
        Ok(stmts)
    }

    fn stmt(&mut self, start: Span) -> Outcome<Stmt> {
        if self.peek() == Token::At {
            return self.for_loop(start);
        }
        let Token::Name(word) = self.peek() else { return self.unexpected(STATEMENT) };
        if self.peek_at(1) == Token::OpenBracket {
            return self.finish(start, Parser::scalar_store);
        }
        match word {
            "for" => self.for_loop(start),
            "alloc" => self.finish(start, Parser::alloc),
            "load" => self.finish(start, |p| p.dma(Direction::Load, Token::LeftArrow)),
            "store" => self.finish(start, |p| p.dma(Direction::Store, Token::RightArrow)),
            "gemm" => self.finish(start, Parser::gemm),
            "reset" => self.finish(start, Parser::reset),
            "alu" => self.finish(start, Parser::alu),
            _ => self.unexpected(STATEMENT),
        }
    }

    /// Reads a statement and notes where it stands.
    fn finish(&mut self, start: Span, read: impl FnOnce(&mut Self) -> Outcome<Stmt>) -> Outcome<Stmt> {
        let stmt = read(self)?;
        self.note_span(start);
        Ok(stmt)
    }

    fn note_span(&mut self, start: Span) {
        let span = self.span_from(start);
        self.spans.stmts.insert(self.path.clone(), span);
    }

    fn for_loop(&mut self, start: Span) -> Outcome<Stmt> {
        let mark = match self.eat(Token::At) {
            true => Some(self.choice(&Mark::ALL, Mark::name)?),
            false => None,
        };
        self.word("for")?;
        let (name, span) = self.name()?;
        self.word("in")?;
        self.number(0, 0)?;
        self.expect(Token::DotDot)?;
        let extent = self.number(1, MAX_NUMBER - 1)?;
        let origin = self.origin()?;
        self.note_span(start);
        let var = self.declare_loop(name, span)?;
        self.spans.loops.push(self.span_from(start));
        self.program.loops.push(LoopVar { name: name.to_owned(), extent });
        self.expect(Token::OpenBrace)?;
        let body = self.block()?;
        Ok(Stmt::For(For { var, mark, body, origin }))
    }

    fn alloc(&mut self) -> Outcome<Stmt> {
        self.at += 1;
        let id = BufferId(self.program.buffers.len() as u32);
        let buffer = self.declaration(Role::Temporary)?;
        let origin = if self.follows("at", |t| t != Token::OpenBracket) { self.origin()? } else { buffer.origin };
        self.program.buffers.push(buffer);
        Ok(Stmt::Alloc { buffer: id, origin })
    }

    fn scalar_store(&mut self) -> Outcome<Stmt> {
        let buffer = self.buffer()?;
        let indices = self.bracketed_indices()?;
        self.expect(Token::Equals)?;
        let value = self.value()?;
        Ok(Stmt::Store(Store { buffer, indices, value, origin: self.origin()? }))
    }

    pub(super) fn bracketed_indices(&mut self) -> Outcome<Vec<Index>> {
        self.expect(Token::OpenBracket)?;
        self.nested(|p| p.list(Token::CloseBracket, Parser::index))
    }

    fn tile(&mut self) -> Outcome<TileRef> {
        let buffer = self.buffer()?;
        self.expect(Token::OpenBracket)?;
        let offset = self.nested(Parser::index)?;
        self.expect(Token::CloseBracket)?;
        Ok(TileRef { buffer, offset })
    }

    fn dma(&mut self, direction: Direction, arrow: Token<'_>) -> Outcome<Stmt> {
        self.at += 1;
        let sram = self.tile()?;
        self.expect(arrow)?;
        let dram = self.tile()?;
        self.word("y")?;
        let y_size = self.any_number()?;
        self.word("x")?;
        let x_size = self.any_number()?;
        self.word("stride")?;
        let x_stride = self.any_number()?;
        let mut pad = Pad::default();
        if direction == Direction::Load && self.follows("pad", is_number) {
            for tiles in pad.y.iter_mut().chain(&mut pad.x) {
                *tiles = self.any_number()?;
            }
        }
        Ok(Stmt::Insn(Insn::Dma(Dma { direction, sram, dram, y_size, x_size, x_stride, pad, origin: self.origin()? })))
    }

    fn gemm(&mut self) -> Outcome<Stmt> {
        self.at += 1;
        let dst = self.tile()?;
        self.expect(Token::PlusEquals)?;
        let src = self.tile()?;
        self.expect(Token::Star)?;
        let wgt = self.tile()?;
        self.gemm_tail(dst, Some((src, wgt)))
    }

    fn reset(&mut self) -> Outcome<Stmt> {
        self.at += 1;
        let dst = self.tile()?;
        self.gemm_tail(dst, None)
    }

    fn gemm_tail(&mut self, dst: TileRef, operands: Option<(TileRef, TileRef)>) -> Outcome<Stmt> {
        let (outer, inner, uops) = self.insn_loops()?;
        Ok(Stmt::Insn(Insn::Gemm(Gemm { dst, operands, outer, inner, uops, origin: self.origin()? })))
    }

    fn alu(&mut self) -> Outcome<Stmt> {
        self.at += 1;
        let opcode = self.choice(&AluOpcode::ALL, AluOpcode::name)?;
        let dst = self.tile()?;
        self.expect(Token::Comma)?;
        let operand = match self.peek() {
            Token::Name(_) => AluOperand::Tile(self.tile()?),
            _ => AluOperand::Imm(self.number(i16::MIN.into(), i16::MAX.into())? as i16),
        };
        let (outer, inner, uops) = self.insn_loops()?;
        Ok(Stmt::Insn(Insn::Alu(Alu { opcode, dst, operand, outer, inner, uops, origin: self.origin()? })))
    }

    fn insn_loops(&mut self) -> Outcome<(InsnLoop, InsnLoop, Vec<MicroOp>)> {
        let outer = self.insn_loop("outer")?;
        let inner = self.insn_loop("inner")?;
        let uops = match self.uops_follow() {
            true => {
                self.at += 2;
                self.list(Token::CloseBracket, Parser::micro_op)?
            }
            false => vec![MicroOp { dst: 0, src: 0, wgt: 0 }],
        };
        Ok((outer, inner, uops))
    }

    fn insn_loop(&mut self, word: &str) -> Outcome<InsnLoop> {
        if !self.follows(word, is_number) {
            return Ok(InsnLoop::ONCE);
        }
        let mut insn_loop = InsnLoop { extent: self.any_number()?, ..InsnLoop::ONCE };
        if self.eat(Token::OpenParen) {
            self.list(Token::CloseParen, |p| {
                let step = match p.peek() {
                    Token::Name("dst") => &mut insn_loop.dst,
                    Token::Name("src") => &mut insn_loop.src,
                    Token::Name("wgt") => &mut insn_loop.wgt,
                    _ => return p.unexpected("`dst`, `src` or `wgt`"),
                };
                p.at += 1;
                *step = p.any_number()?;
                Ok(())
            })?;
        }
        Ok(insn_loop)
    }

    /// Whether a list of micro-ops follows, and not a store to a buffer of that name: only that has a `=` behind the `]`.
    fn uops_follow(&self) -> bool {
        if (self.peek(), self.peek_at(1)) != (Token::Name("uops"), Token::OpenBracket) {
            return false;
        }
        let rest = &self.tokens[self.at..];
        let close = rest.iter().position(|(t, _)| *t == Token::CloseBracket);
        close.is_none_or(|close| rest.get(close + 1).is_none_or(|(t, _)| *t != Token::Equals))
    }

    fn micro_op(&mut self) -> Outcome<MicroOp> {
        if !self.eat(Token::OpenParen) {
            return Ok(MicroOp { dst: self.any_number()?, src: 0, wgt: 0 });
        }
        let start = self.span();
        let fields = self.list(Token::CloseParen, Parser::any_number)?;
        match *fields.as_slice() {
            [dst, src] => Ok(MicroOp { dst, src, wgt: 0 }),
            [dst, src, wgt] => Ok(MicroOp { dst, src, wgt }),
            _ => Err(ParseError::Unexpected {
                expected: "two or three displacements".to_owned(),
                found: fields.len().to_string(),
                span: self.span_from(start),
            }),
        }
    }
}

fn is_name(token: Token<'_>) -> bool {
    matches!(token, Token::Name(_))
}

fn is_number(token: Token<'_>) -> bool {
    matches!(token, Token::Number(Number { suffix: None, .. }) | Token::Minus)
}
