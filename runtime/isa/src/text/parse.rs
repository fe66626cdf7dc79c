//! Text → [`Program`], by recursive descent over lines. The first error is reported with its place.

use super::TOKEN_NAMES;
use super::cursor::Cursor;
use super::error::{TextError, TextErrorKind};
use super::fields::{Fields, Shape, Spec};
use super::lex::Token;
use crate::config::{Capabilities, Config, Params};
use crate::encode::{Codec, EncodeError};
use crate::insn::{Alu, Gemm, Insn, Mem, Module, Op, Tokens, Uop};
use crate::memory::MemoryType;
use crate::program::{Content, Program, Segment};
use std::ops::Range;

const fn required(name: &'static str, shape: Shape) -> Spec {
    Spec { name, required: true, shape }
}

const fn optional(name: &'static str, shape: Shape) -> Spec {
    Spec { name, required: false, shape }
}

const U8: Shape = Shape::Number(u8::MAX as u128);
const U16: Shape = Shape::Number(u16::MAX as u128);
const U32: Shape = Shape::Number(u32::MAX as u128);
const PADDING: Spec = optional("padding", Shape::Number(u128::MAX));

const MEM_FIELDS: [Spec; 10] = [
    required("sram_base", U16),
    required("dram_base", U32),
    required("y_size", U16),
    required("x_size", U16),
    required("x_stride", U16),
    optional("y_pad_0", U8),
    optional("y_pad_1", U8),
    optional("x_pad_0", U8),
    optional("x_pad_1", U8),
    PADDING,
];
const GEMM_FIELDS: [Spec; 5] = [
    optional("reset", Shape::Flag),
    required("uop", Shape::Range),
    required("iter_out", Shape::Loop { wgt: true }),
    required("iter_in", Shape::Loop { wgt: true }),
    PADDING,
];
const ALU_FIELDS: [Spec; 7] = [
    optional("reset", Shape::Flag),
    required("uop", Shape::Range),
    required("iter_out", Shape::Loop { wgt: false }),
    required("iter_in", Shape::Loop { wgt: false }),
    optional("imm", Shape::Signed),
    optional("unused_imm", Shape::Signed),
    PADDING,
];
const FINISH_FIELDS: [Spec; 1] = [PADDING];
const OPERATIONS: [&str; 6] = ["load", "store", "gemm", "alu", "finish", "raw"];
const SEGMENT_KINDS: [&str; 3] = ["bytes", "data", "uops"];

/// Reads a program from its text. The error is the first in the text.
pub fn parse(text: &str) -> Result<Program, TextError> {
    let mut parser =
        Parser { cursor: Cursor::new(text)?, codec: Codec::new(&Config::default()), program: Program::default() };
    let mut configured = false;
    while !parser.cursor.at_end() {
        match parser.cursor.peek_name() {
            Some(".config") => parser.config(std::mem::replace(&mut configured, true))?,
            Some(".segment") => parser.segment()?,
            Some(unit @ ("uop" | "hex")) => {
                let unit = if unit == "uop" { "uops" } else { "data" };
                return Err(parser.cursor.error(TextErrorKind::Orphan { unit }));
            }
            Some(name) if name.starts_with('.') => {
                parser.cursor.one_of("directive", &[".config", ".segment"])?;
            }
            _ => parser.insn()?,
        }
        parser.cursor.expect(Token::EndOfLine, "the end of the line")?;
    }
    Ok(parser.program)
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    codec: Codec,
    program: Program,
}

impl Parser<'_> {
    fn config(&mut self, again: bool) -> Result<(), TextError> {
        let start = self.cursor.here();
        if again {
            return Err(self.cursor.error(TextErrorKind::Twice { field: ".config".to_string() }));
        }
        let behind = match (self.program.segments.is_empty(), self.program.words.is_empty()) {
            (false, _) => Some("a segment"),
            (_, false) => Some("an instruction"),
            _ => None,
        };
        if let Some(what) = behind {
            return Err(self.cursor.error(TextErrorKind::LateConfig { what }));
        }
        self.cursor.expect_name(".config")?;
        let mut params = Params::default();
        let mut capabilities = Capabilities::default();
        let keys: Vec<&'static str> =
            params.named().map(|(key, _)| key).into_iter().chain(capabilities.named().map(|(key, _)| key)).collect();
        let mut stated = vec![false; keys.len()];
        while self.cursor.peek() != Token::EndOfLine {
            let here = self.cursor.here();
            let index = self.cursor.one_of("parameter", &keys)?;
            if std::mem::replace(&mut stated[index], true) {
                return Err(self.cursor.error_at(here, TextErrorKind::Twice { field: keys[index].to_string() }));
            }
            match (params.get_mut(keys[index]), capabilities.get_mut(keys[index])) {
                (Some(param), _) => *param = self.cursor.number(keys[index], 63)? as u32,
                (None, Some(capability)) => *capability = self.cursor.one_of("value", &["false", "true"])? == 1,
                (None, None) => unreachable!("the keys are those of parameters and capabilities"),
            }
        }
        let line = start.start..self.cursor.here().start;
        let config = Config::new(params).map_err(|e| self.cursor.error_at(line, TextErrorKind::Config(e)))?;
        let config = config.with_capabilities(capabilities);
        self.codec = Codec::new(&config);
        self.program.config = config;
        Ok(())
    }

    fn segment(&mut self) -> Result<(), TextError> {
        let start = self.cursor.here();
        self.cursor.expect_name(".segment")?;
        let name = self.cursor.quoted("the segment's name in quotes")?;
        self.cursor.expect_name("at")?;
        let address = self.cursor.number("the address", u64::MAX.into())? as u64;
        let kind = SEGMENT_KINDS[self.cursor.one_of("content", &SEGMENT_KINDS)?];
        let stated = self.cursor.number("the length", u64::MAX.into())?;
        let line = start.start..self.cursor.here().start;
        let (content, given) = match kind {
            "bytes" => (Content::Unknown(stated as u64), None),
            "data" => {
                let bytes = self.data()?;
                let given = bytes.len();
                (Content::Bytes(bytes), Some(given))
            }
            _ => {
                let words = self.uops()?;
                let given = words.len();
                (Content::Uops(words), Some(given))
            }
        };
        if let Some(given) = given.filter(|given| *given as u128 != stated) {
            return Err(self
                .cursor
                .error_at(line, TextErrorKind::Count { name, unit: count_unit(kind), stated, given }));
        }
        self.program.segments.push(Segment { name, address, content });
        Ok(())
    }

    /// The `hex` lines under a segment; stops at the end of the last one.
    fn data(&mut self) -> Result<Vec<u8>, TextError> {
        let mut bytes = Vec::new();
        while self.continues_with("hex") {
            bytes.extend(self.cursor.hex_bytes()?);
        }
        Ok(bytes)
    }

    /// The `uop` lines under a segment; stops at the end of the last one.
    fn uops(&mut self) -> Result<Vec<u32>, TextError> {
        let mut words = Vec::new();
        while self.continues_with("uop") {
            words.push(self.uop(words.len())?);
        }
        Ok(words)
    }

    /// Whether the next line that is not blank starts with this name; consumes it then.
    fn continues_with(&mut self, name: &str) -> bool {
        if self.cursor.peek() != Token::EndOfLine {
            return false;
        }
        let mut ahead = 0;
        while self.cursor.peek_at(ahead) == Token::EndOfLine && ahead < self.cursor.left() {
            ahead += 1;
        }
        self.cursor.name_at(ahead) == Some(name) && {
            self.cursor.at_end();
            self.cursor.eat_name(name)
        }
    }

    fn uop(&mut self, actual: usize) -> Result<u32, TextError> {
        let here = self.cursor.here();
        let stated = self.cursor.number("the micro-op's position", u128::MAX)?;
        if stated != actual as u128 {
            return Err(self.cursor.error_at(here, TextErrorKind::UopPosition { stated, actual }));
        }
        self.cursor.expect(Token::Colon, "`:`")?;
        let mut uop = Uop::default();
        for (name, field) in [("dst", &mut uop.dst), ("src", &mut uop.src), ("wgt", &mut uop.wgt)] {
            self.cursor.expect_name(name)?;
            *field = self.cursor.number(name, u32::MAX.into())? as u32;
        }
        let line = here.start..self.cursor.here().start;
        let word = self.codec.encode_uop(&uop).map_err(|e| self.cursor.error_at(line, TextErrorKind::Encode(e)))?;
        if !self.cursor.eat_name("padding") {
            return Ok(word);
        }
        let here = self.cursor.here();
        let padding = self.cursor.number("padding", u32::MAX.into())? as u32;
        let allowed = self.codec.uop_padding(u32::MAX);
        if padding & !allowed != 0 {
            let (padding, allowed) = (padding.into(), allowed.into());
            let error = EncodeError::Padding { insn: "micro-op", padding, allowed };
            return Err(self.cursor.error_at(here, TextErrorKind::Encode(error)));
        }
        Ok(word | padding)
    }

    fn insn(&mut self) -> Result<(), TextError> {
        if self.cursor.peek() == Token::Number && self.cursor.peek_at(1) == Token::Colon {
            self.cursor.number("the instruction's number", u128::MAX)?;
            self.cursor.expect(Token::Colon, "`:`")?;
        }
        let start = self.cursor.here();
        let stated = match self.cursor.peek_at(1) {
            Token::OpenBracket => Some((start.clone(), self.cursor.named::<Module>()?)),
            _ => None,
        };
        let tokens = if self.cursor.eat(Token::OpenBracket) { self.tokens()? } else { Tokens::default() };
        let (op, padding) = match OPERATIONS[self.cursor.one_of("operation", &OPERATIONS)?] {
            "load" => self.mem("load", Op::Load)?,
            "store" => self.mem("store", Op::Store)?,
            "gemm" => self.gemm()?,
            "alu" => self.alu()?,
            "finish" => (Op::Finish, Fields::read(&mut self.cursor, "finish", &FINISH_FIELDS)?.get("padding", 0)),
            _ => {
                let word = self.cursor.number("the word", u128::MAX)?;
                self.program.words.push(word);
                return Ok(());
            }
        };
        let line = start.start..self.cursor.here().start;
        self.push(Insn { tokens, op }, padding, stated, line)
    }

    fn push(
        &mut self,
        insn: Insn,
        padding: u128,
        stated: Option<(Range<usize>, Module)>,
        line: Range<usize>,
    ) -> Result<(), TextError> {
        let actual = insn.module();
        if let Some((here, stated)) = stated.filter(|(_, stated)| *stated != actual) {
            return Err(self.cursor.error_at(here, TextErrorKind::WrongModule { stated, actual }));
        }
        let word = self.codec.encode_padded(&insn, padding);
        self.program.words.push(word.map_err(|e| self.cursor.error_at(line, TextErrorKind::Encode(e)))?);
        Ok(())
    }

    /// The token flags up to the closing bracket.
    fn tokens(&mut self) -> Result<Tokens, TextError> {
        let mut flags = [false; 4];
        while !self.cursor.eat(Token::CloseBracket) {
            let here = self.cursor.here();
            let index = self.cursor.one_of("token flag", &TOKEN_NAMES)?;
            if std::mem::replace(&mut flags[index], true) {
                return Err(self.cursor.error_at(here, TextErrorKind::Twice { field: TOKEN_NAMES[index].to_string() }));
            }
        }
        let [pop_prev, pop_next, push_prev, push_next] = flags;
        Ok(Tokens { pop_prev, pop_next, push_prev, push_next })
    }

    fn mem(&mut self, insn: &'static str, op: fn(Mem) -> Op) -> Result<(Op, u128), TextError> {
        let memory_type = self.cursor.named::<MemoryType>()?;
        let fields = Fields::read(&mut self.cursor, insn, &MEM_FIELDS)?;
        let mem = Mem {
            memory_type,
            sram_base: fields.get("sram_base", 0) as u16,
            dram_base: fields.get("dram_base", 0) as u32,
            y_size: fields.get("y_size", 0) as u16,
            x_size: fields.get("x_size", 0) as u16,
            x_stride: fields.get("x_stride", 0) as u16,
            y_pad_0: fields.get("y_pad_0", 0) as u8,
            y_pad_1: fields.get("y_pad_1", 0) as u8,
            x_pad_0: fields.get("x_pad_0", 0) as u8,
            x_pad_1: fields.get("x_pad_1", 0) as u8,
        };
        Ok((op(mem), fields.get("padding", 0)))
    }

    fn gemm(&mut self) -> Result<(Op, u128), TextError> {
        let fields = Fields::read(&mut self.cursor, "gemm", &GEMM_FIELDS)?;
        let get = |name, slot| fields.get(name, slot) as u32;
        let gemm = Gemm {
            reset: fields.has("reset"),
            uop_bgn: get("uop", 0),
            uop_end: get("uop", 1),
            iter_out: get("iter_out", 0),
            iter_in: get("iter_in", 0),
            dst_factor_out: get("iter_out", 1),
            dst_factor_in: get("iter_in", 1),
            src_factor_out: get("iter_out", 2),
            src_factor_in: get("iter_in", 2),
            wgt_factor_out: get("iter_out", 3),
            wgt_factor_in: get("iter_in", 3),
        };
        Ok((Op::Gemm(gemm), fields.get("padding", 0)))
    }

    fn alu(&mut self) -> Result<(Op, u128), TextError> {
        let alu_opcode = self.cursor.named()?;
        let start = self.cursor.here();
        let fields = Fields::read(&mut self.cursor, "alu", &ALU_FIELDS)?;
        let use_imm = fields.has("imm");
        if use_imm && fields.has("unused_imm") {
            let field = "the immediate".to_string();
            return Err(self.cursor.error_at(start.start..self.cursor.here().start, TextErrorKind::Twice { field }));
        }
        let get = |name, slot| fields.get(name, slot) as u32;
        let alu = Alu {
            reset: fields.has("reset"),
            uop_bgn: get("uop", 0),
            uop_end: get("uop", 1),
            iter_out: get("iter_out", 0),
            iter_in: get("iter_in", 0),
            dst_factor_out: get("iter_out", 1),
            dst_factor_in: get("iter_in", 1),
            src_factor_out: get("iter_out", 2),
            src_factor_in: get("iter_in", 2),
            alu_opcode,
            use_imm,
            imm: get(if use_imm { "imm" } else { "unused_imm" }, 0) as u16 as i16,
        };
        Ok((Op::Alu(alu), fields.get("padding", 0)))
    }
}

fn count_unit(kind: &str) -> &'static str {
    if kind == "data" { "bytes of data" } else { "micro-ops" }
}
