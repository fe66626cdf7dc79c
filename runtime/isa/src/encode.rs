//! The encoding: [`Insn`] ↔ 128-bit words and [`Uop`] ↔ 32-bit words, bit for bit VTA's under a given [`Config`].
//!
//! Bits that no field covers are padding: ignored on decoding, zero on encoding. Recorded streams hold arbitrary bits
//! there, so [`Codec::padding`] and [`Codec::encode_padded`] carry them for who must keep them.
//!
//! Invariants: decoding is total (an instruction or a [`DecodeError`] for each of the 2^128 words), and
//! `decode(encode(x)) == x` whenever `encode(x)` succeeds.

use crate::alu::AluOpcode;
use crate::config::{Config, INSN_BYTES};
use crate::insn::{Alu, Gemm, Insn, Mem, Op, Tokens, Uop};
use crate::layout::{Field, HEAD_BITS, Layout, MEM, OPCODE, POP_NEXT, POP_PREV, PUSH_NEXT, PUSH_PREV};
use crate::memory::MemoryType;
use thiserror::Error;

/// A value that the encoding cannot hold.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EncodeError {
    #[error("{insn}: {field} is {value}, but has {width} bits in this configuration: at most {max}")]
    TooLarge { insn: &'static str, field: &'static str, value: u64, width: u32, max: u64 },
    #[error("{insn}: padding {padding:#x} overlaps bits of fields: at most {allowed:#x}")]
    Padding { insn: &'static str, padding: u128, allowed: u128 },
}

impl EncodeError {
    /// The stable code that `explain` takes.
    pub fn code(&self) -> &'static str {
        match self {
            EncodeError::TooLarge { .. } => "E0711",
            EncodeError::Padding { .. } => "E0712",
        }
    }
}

/// A word that is no instruction, or bytes that are no stream.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    #[error("opcode is {value}, but the highest is 4 (load 0, store 1, gemm 2, finish 3, alu 4)")]
    Opcode { value: u64 },
    #[error("{insn}: memory_type is {value}, but the highest is 5 (uop 0, wgt 1, inp 2, acc 3, out 4, acc8 5)")]
    MemoryType { insn: &'static str, value: u64 },
    #[error("alu: alu_opcode is {value}, but the highest is 4 (min 0, max 1, add 2, shr 3, mul 4)")]
    AluOpcode { value: u64 },
    #[error("{bytes} bytes are not a whole number of {what} of {unit} bytes")]
    Length { what: &'static str, bytes: usize, unit: usize },
}

impl DecodeError {
    /// The stable code that `explain` takes.
    pub fn code(&self) -> &'static str {
        match self {
            DecodeError::Opcode { .. } => "E0721",
            DecodeError::MemoryType { .. } => "E0722",
            DecodeError::AluOpcode { .. } => "E0723",
            DecodeError::Length { .. } => "E0724",
        }
    }
}

/// An error of one instruction in a stream.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("instruction {index}: {error}")]
pub struct AtInsn<E: std::error::Error> {
    pub index: usize,
    pub error: E,
}

const OPCODE_LOAD: u64 = 0;
const OPCODE_STORE: u64 = 1;
const OPCODE_GEMM: u64 = 2;
const OPCODE_FINISH: u64 = 3;
const OPCODE_ALU: u64 = 4;

/// Encodes and decodes under one configuration. Cheap to copy; reading a word takes a few nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Codec {
    config: Config,
    layout: Layout,
    uop: [Field; 3],
}

/// The fields of one instruction on their way into a word; remembers the first that does not fit.
struct Writer {
    insn: &'static str,
    words: [u64; 2],
    error: Option<EncodeError>,
}

impl Writer {
    fn put(&mut self, field: Field, name: &'static str, value: impl Into<u64>) {
        let value = value.into();
        if value > field.max() {
            let (insn, width, max) = (self.insn, field.width(), field.max());
            self.error.get_or_insert(EncodeError::TooLarge { insn, field: name, value, width, max });
        } else {
            field.put(&mut self.words, value);
        }
    }

    fn finish(self) -> Result<u128, EncodeError> {
        let word = u128::from(self.words[0]) | u128::from(self.words[1]) << 64;
        self.error.map_or(Ok(word), Err)
    }
}

impl Codec {
    pub fn new(config: &Config) -> Codec {
        let widths = config.field_widths();
        let layout = Layout::new(&widths).expect("a Config is only made when its layout fits");
        let mut bit = 0;
        let uop = [widths.uop_dst, widths.uop_src, widths.uop_wgt].map(|width| {
            let field = Field::new(bit, width);
            bit += width;
            field
        });
        Codec { config: *config, layout, uop }
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The word of an instruction, with zero padding; fails with the first field that its bits cannot hold.
    pub fn encode(&self, insn: &Insn) -> Result<u128, EncodeError> {
        let mut writer = Writer { insn: insn.mnemonic(), words: [0; 2], error: None };
        let opcode = match &insn.op {
            Op::Load(_) => OPCODE_LOAD,
            Op::Store(_) => OPCODE_STORE,
            Op::Gemm(_) => OPCODE_GEMM,
            Op::Alu(_) => OPCODE_ALU,
            Op::Finish => OPCODE_FINISH,
        };
        writer.put(OPCODE, "opcode", opcode);
        writer.put(POP_PREV, "pop_prev", insn.tokens.pop_prev);
        writer.put(POP_NEXT, "pop_next", insn.tokens.pop_next);
        writer.put(PUSH_PREV, "push_prev", insn.tokens.push_prev);
        writer.put(PUSH_NEXT, "push_next", insn.tokens.push_next);
        match &insn.op {
            Op::Load(mem) | Op::Store(mem) => write_mem(&mut writer, mem),
            Op::Gemm(gemm) => self.write_gemm(&mut writer, gemm),
            Op::Alu(alu) => self.write_alu(&mut writer, alu),
            Op::Finish => {}
        }
        writer.finish()
    }

    /// As [`Codec::encode`], with these bits of padding; they must lie where [`Codec::padding`] can find them.
    pub fn encode_padded(&self, insn: &Insn, padding: u128) -> Result<u128, EncodeError> {
        let allowed = !self.covered(&insn.op);
        if padding & !allowed != 0 {
            return Err(EncodeError::Padding { insn: insn.mnemonic(), padding, allowed });
        }
        Ok(self.encode(insn)? | padding)
    }

    /// The instruction in a word; padding is ignored.
    #[inline]
    pub fn decode(&self, word: u128) -> Result<Insn, DecodeError> {
        let words = [word as u64, (word >> 64) as u64];
        let op = match OPCODE.get(words) {
            OPCODE_LOAD => Op::Load(read_mem(words, "load")?),
            OPCODE_STORE => Op::Store(read_mem(words, "store")?),
            OPCODE_GEMM => Op::Gemm(self.read_gemm(words)),
            OPCODE_ALU => Op::Alu(self.read_alu(words)?),
            OPCODE_FINISH => Op::Finish,
            value => return Err(DecodeError::Opcode { value }),
        };
        let tokens = Tokens {
            pop_prev: POP_PREV.get(words) != 0,
            pop_next: POP_NEXT.get(words) != 0,
            push_prev: PUSH_PREV.get(words) != 0,
            push_next: PUSH_NEXT.get(words) != 0,
        };
        Ok(Insn { tokens, op })
    }

    /// The bits of a word that no field of this instruction covers, in place.
    pub fn padding(&self, insn: &Insn, word: u128) -> u128 {
        word & !self.covered(&insn.op)
    }

    /// The bytes of a stream; fails at the first instruction with a field that does not fit.
    pub fn encode_stream(&self, insns: &[Insn]) -> Result<Vec<u8>, AtInsn<EncodeError>> {
        let mut bytes = Vec::with_capacity(insns.len() * INSN_BYTES);
        for (index, insn) in insns.iter().enumerate() {
            let word = self.encode(insn).map_err(|error| AtInsn { index, error })?;
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        Ok(bytes)
    }

    /// The instructions in a stream's bytes; fails at the first word that is none, or after the last whole one.
    pub fn decode_stream(&self, bytes: &[u8]) -> Result<Vec<Insn>, AtInsn<DecodeError>> {
        let (words, rest) = bytes.as_chunks::<INSN_BYTES>();
        if !rest.is_empty() {
            let error = DecodeError::Length { what: "instructions", bytes: bytes.len(), unit: INSN_BYTES };
            return Err(AtInsn { index: words.len(), error });
        }
        let mut insns = Vec::with_capacity(words.len());
        for (index, word) in words.iter().enumerate() {
            insns.push(self.decode(u128::from_le_bytes(*word)).map_err(|error| AtInsn { index, error })?);
        }
        Ok(insns)
    }

    /// The word of a micro-op; fails with the first field that its bits cannot hold.
    pub fn encode_uop(&self, uop: &Uop) -> Result<u32, EncodeError> {
        let mut writer = Writer { insn: "micro-op", words: [0; 2], error: None };
        let [dst, src, wgt] = self.uop;
        writer.put(dst, "dst", uop.dst);
        writer.put(src, "src", uop.src);
        writer.put(wgt, "wgt", uop.wgt);
        writer.finish().map(|word| word as u32)
    }

    /// The micro-op in a word; bits above its fields are ignored.
    #[inline]
    pub fn decode_uop(&self, word: u32) -> Uop {
        let [dst, src, wgt] = &self.uop;
        let get = |field: &Field| field.get_low(word.into()) as u32;
        Uop { dst: get(dst), src: get(src), wgt: get(wgt) }
    }

    /// The bits of a micro-op's word above its fields, in place.
    pub fn uop_padding(&self, word: u32) -> u32 {
        let covered = self.uop.iter().fold(0, |bits, field| bits | field.mask() as u32);
        word & !covered
    }

    fn covered(&self, op: &Op) -> u128 {
        match op {
            Op::Load(_) | Op::Store(_) => MEM.covered,
            Op::Gemm(_) => self.layout.gemm.covered,
            Op::Alu(_) => self.layout.alu.covered,
            Op::Finish => (1 << HEAD_BITS) - 1,
        }
    }

    fn write_gemm(&self, writer: &mut Writer, gemm: &Gemm) {
        let at = &self.layout.gemm;
        writer.put(at.loops.reset, "reset", gemm.reset);
        writer.put(at.loops.uop_bgn, "uop_bgn", gemm.uop_bgn);
        writer.put(at.loops.uop_end, "uop_end", gemm.uop_end);
        writer.put(at.loops.iter_out, "iter_out", gemm.iter_out);
        writer.put(at.loops.iter_in, "iter_in", gemm.iter_in);
        writer.put(at.loops.dst_factor_out, "dst_factor_out", gemm.dst_factor_out);
        writer.put(at.loops.dst_factor_in, "dst_factor_in", gemm.dst_factor_in);
        writer.put(at.loops.src_factor_out, "src_factor_out", gemm.src_factor_out);
        writer.put(at.loops.src_factor_in, "src_factor_in", gemm.src_factor_in);
        writer.put(at.wgt_factor_out, "wgt_factor_out", gemm.wgt_factor_out);
        writer.put(at.wgt_factor_in, "wgt_factor_in", gemm.wgt_factor_in);
    }

    #[inline]
    fn read_gemm(&self, words: [u64; 2]) -> Gemm {
        let at = &self.layout.gemm;
        Gemm {
            reset: at.loops.reset.get(words) != 0,
            uop_bgn: at.loops.uop_bgn.get(words) as u32,
            uop_end: at.loops.uop_end.get(words) as u32,
            iter_out: at.loops.iter_out.get(words) as u32,
            iter_in: at.loops.iter_in.get(words) as u32,
            dst_factor_out: at.loops.dst_factor_out.get(words) as u32,
            dst_factor_in: at.loops.dst_factor_in.get(words) as u32,
            src_factor_out: at.loops.src_factor_out.get(words) as u32,
            src_factor_in: at.loops.src_factor_in.get(words) as u32,
            wgt_factor_out: at.wgt_factor_out.get(words) as u32,
            wgt_factor_in: at.wgt_factor_in.get(words) as u32,
        }
    }

    fn write_alu(&self, writer: &mut Writer, alu: &Alu) {
        let at = &self.layout.alu;
        writer.put(at.loops.reset, "reset", alu.reset);
        writer.put(at.loops.uop_bgn, "uop_bgn", alu.uop_bgn);
        writer.put(at.loops.uop_end, "uop_end", alu.uop_end);
        writer.put(at.loops.iter_out, "iter_out", alu.iter_out);
        writer.put(at.loops.iter_in, "iter_in", alu.iter_in);
        writer.put(at.loops.dst_factor_out, "dst_factor_out", alu.dst_factor_out);
        writer.put(at.loops.dst_factor_in, "dst_factor_in", alu.dst_factor_in);
        writer.put(at.loops.src_factor_out, "src_factor_out", alu.src_factor_out);
        writer.put(at.loops.src_factor_in, "src_factor_in", alu.src_factor_in);
        writer.put(at.alu_opcode, "alu_opcode", alu.alu_opcode as u64);
        writer.put(at.use_imm, "use_imm", alu.use_imm);
        writer.put(at.imm, "imm", alu.imm as u16);
    }

    #[inline]
    fn read_alu(&self, words: [u64; 2]) -> Result<Alu, DecodeError> {
        let at = &self.layout.alu;
        let value = at.alu_opcode.get(words);
        let alu_opcode = AluOpcode::from_bits(value).ok_or(DecodeError::AluOpcode { value })?;
        Ok(Alu {
            reset: at.loops.reset.get(words) != 0,
            uop_bgn: at.loops.uop_bgn.get(words) as u32,
            uop_end: at.loops.uop_end.get(words) as u32,
            iter_out: at.loops.iter_out.get(words) as u32,
            iter_in: at.loops.iter_in.get(words) as u32,
            dst_factor_out: at.loops.dst_factor_out.get(words) as u32,
            dst_factor_in: at.loops.dst_factor_in.get(words) as u32,
            src_factor_out: at.loops.src_factor_out.get(words) as u32,
            src_factor_in: at.loops.src_factor_in.get(words) as u32,
            alu_opcode,
            use_imm: at.use_imm.get(words) != 0,
            imm: at.imm.get(words) as u16 as i16,
        })
    }
}

fn write_mem(writer: &mut Writer, mem: &Mem) {
    let at = &MEM;
    writer.put(at.memory_type, "memory_type", mem.memory_type as u64);
    writer.put(at.sram_base, "sram_base", mem.sram_base);
    writer.put(at.dram_base, "dram_base", mem.dram_base);
    writer.put(at.y_size, "y_size", mem.y_size);
    writer.put(at.x_size, "x_size", mem.x_size);
    writer.put(at.x_stride, "x_stride", mem.x_stride);
    writer.put(at.y_pad_0, "y_pad_0", mem.y_pad_0);
    writer.put(at.y_pad_1, "y_pad_1", mem.y_pad_1);
    writer.put(at.x_pad_0, "x_pad_0", mem.x_pad_0);
    writer.put(at.x_pad_1, "x_pad_1", mem.x_pad_1);
}

fn read_mem(words: [u64; 2], insn: &'static str) -> Result<Mem, DecodeError> {
    let at = &MEM;
    let value = at.memory_type.get(words);
    let memory_type = MemoryType::from_bits(value).ok_or(DecodeError::MemoryType { insn, value })?;
    Ok(Mem {
        memory_type,
        sram_base: at.sram_base.get(words) as u16,
        dram_base: at.dram_base.get(words) as u32,
        y_size: at.y_size.get(words) as u16,
        x_size: at.x_size.get(words) as u16,
        x_stride: at.x_stride.get(words) as u16,
        y_pad_0: at.y_pad_0.get(words) as u8,
        y_pad_1: at.y_pad_1.get(words) as u8,
        x_pad_0: at.x_pad_0.get(words) as u8,
        x_pad_1: at.x_pad_1.get(words) as u8,
    })
}
