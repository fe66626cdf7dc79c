//! A stream with what it needs to run: configuration, DRAM segments and instruction words.
//!
//! Instructions are kept as words, so that padding and words that are no instruction survive; [`Program::decode`] reads
//! them. What lies in a segment is known only where a tool has put it there.

use crate::config::{Config, INSN_BYTES, UOP_BYTES};
use crate::encode::{AtInsn, Codec, DecodeError, EncodeError};
use crate::insn::{Insn, Mem};
use crate::memory::MemoryType;

/// What is known of a segment's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Only the length, in bytes: inputs, outputs and weights are the user's.
    Unknown(u64),
    Bytes(Vec<u8>),
    /// Micro-ops as encoded words.
    Uops(Vec<u32>),
}

/// A named range of device memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub name: String,
    /// Address of its first byte.
    pub address: u64,
    pub content: Content,
}

impl Segment {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match &self.content {
            Content::Unknown(bytes) => *bytes,
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Uops(words) => (words.len() * UOP_BYTES) as u64,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the byte at this address belongs to it.
    pub fn contains(&self, address: u64) -> bool {
        address.checked_sub(self.address).is_some_and(|offset| offset < self.len())
    }
}

/// A stream under a configuration, with the segments that it works on.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Program {
    pub config: Config,
    pub segments: Vec<Segment>,
    /// Instruction words, in the order in which they are fetched.
    pub words: Vec<u128>,
}

impl Program {
    /// Encodes the instructions; fails at the first with a field that does not fit.
    pub fn new(config: Config, segments: Vec<Segment>, insns: &[Insn]) -> Result<Program, AtInsn<EncodeError>> {
        let codec = Codec::new(&config);
        let encode = |(index, insn)| codec.encode(insn).map_err(|error| AtInsn { index, error });
        let words = insns.iter().enumerate().map(encode).collect::<Result<_, _>>()?;
        Ok(Program { config, segments, words })
    }

    /// A bare stream from its bytes; fails when they are not a whole number of instructions. The words may be anything.
    pub fn from_bytes(config: Config, bytes: &[u8]) -> Result<Program, DecodeError> {
        let (words, rest) = bytes.as_chunks::<INSN_BYTES>();
        if !rest.is_empty() {
            return Err(DecodeError::Length { what: "instructions", bytes: bytes.len(), unit: INSN_BYTES });
        }
        let words = words.iter().map(|word| u128::from_le_bytes(*word)).collect();
        Ok(Program { config, segments: Vec::new(), words })
    }

    /// The bytes of the stream.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// The instructions; fails at the first word that is none.
    pub fn decode(&self) -> Result<Vec<Insn>, AtInsn<DecodeError>> {
        let codec = Codec::new(&self.config);
        let decode = |(index, word): (usize, &u128)| codec.decode(*word).map_err(|error| AtInsn { index, error });
        self.words.iter().enumerate().map(decode).collect()
    }

    /// The segment that holds the byte at this address.
    pub fn segment_at(&self, address: u64) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.contains(address))
    }

    /// The micro-op word at this index of DRAM, counted in micro-ops, where its segment's content is known.
    pub fn uop_word(&self, index: u64) -> Option<u32> {
        let address = index * UOP_BYTES as u64;
        let segment = self.segment_at(address)?;
        let offset = usize::try_from(address - segment.address).ok()?;
        match &segment.content {
            Content::Unknown(_) => None,
            Content::Bytes(bytes) => Some(u32::from_le_bytes(*bytes.get(offset..)?.first_chunk()?)),
            Content::Uops(words) if offset % UOP_BYTES == 0 => words.get(offset / UOP_BYTES).copied(),
            Content::Uops(_) => None,
        }
    }
}

/// The micro-op buffer as the stream fills it: fed every LOAD UOP in order, it knows the words that a GEMM or ALU behind
/// them executes. Micro-ops that device memory did not hold beforehand are unknown.
#[derive(Clone, Debug)]
pub struct UopBuffer {
    words: Vec<Option<u32>>,
}

impl UopBuffer {
    /// An empty buffer: every word unknown.
    pub fn new(config: &Config) -> UopBuffer {
        UopBuffer { words: vec![None; config.depth(MemoryType::Uop)] }
    }

    /// Performs a LOAD of UOP; `fetch` gives the word at an index of DRAM, counted in micro-ops. What lies behind the
    /// end of the buffer is dropped.
    pub fn load(&mut self, mem: &Mem, fetch: impl Fn(u64) -> Option<u32>) {
        if mem.is_noop() {
            return;
        }
        let row = mem.sram_row();
        let slots = self.words.iter_mut().skip(mem.sram_base.into());
        for (position, slot) in (0..mem.sram_rows() * row).zip(slots) {
            let (y, x) = (position / row, position % row);
            let inside = |at: u64, pad: u8, size: u16| at.checked_sub(pad.into()).filter(|at| *at < size.into());
            *slot = match (inside(y, mem.y_pad_0, mem.y_size), inside(x, mem.x_pad_0, mem.x_size)) {
                (Some(y), Some(x)) => fetch(u64::from(mem.dram_base) + y * u64::from(mem.x_stride) + x),
                _ => Some(0),
            };
        }
    }

    /// The words of `uop_bgn .. uop_end`, if all are known; none for a range that is empty, runs backwards or leaves
    /// the buffer.
    pub fn range(&self, uop_bgn: u32, uop_end: u32) -> Option<Vec<u32>> {
        let words = self.words.get(uop_bgn as usize..uop_end as usize)?;
        if words.is_empty() { None } else { words.iter().copied().collect() }
    }
}
