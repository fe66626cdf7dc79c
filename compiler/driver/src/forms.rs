//! Streams as assembler programs: emitted ones and recorded ones.

use tilewright::internal_error;
use tilewright_core::emit::{SegmentKind, Stream};
use tilewright_isa::config::UOP_BYTES;
use tilewright_isa::encode::AtInsn;
use tilewright_isa::{Codec, Config, Content, EncodeError, Insn, MemoryType, Op, Program, Segment};
use tilewright_sim::{Queue, Recording, TokenCounts};
use tilewright_syntax::Diagnostic;

/// The stream with its segments; micro-ops are listed, arrays have only their place and size.
pub fn assembler_program(stream: &Stream) -> Result<Program, Diagnostic> {
    let codec = Codec::new(&stream.config);
    let words = stream.uops.iter().map(|uop| codec.encode_uop(uop)).collect::<Result<Vec<u32>, _>>();
    let words = words.map_err(|error| refused(error.code(), error.to_string()))?;
    let segment = |s: &tilewright_core::emit::Segment| Segment {
        name: s.name.clone(),
        address: s.address.into(),
        content: match s.kind {
            SegmentKind::Tensor(_) => Content::Unknown(s.bytes as u64),
            SegmentKind::Uops => Content::Uops(words.clone()),
        },
    };
    program(stream.config, stream.segments.iter().map(segment).collect(), &stream.insns)
}

/// The recording's stream with its segments. Those from which micro-ops are loaded are listed, as they were before the
/// run; the others have only their place and size.
pub fn recorded_program(recording: &Recording) -> Result<Program, Diagnostic> {
    let mut rest = recording.before.as_deref().unwrap_or(&[]);
    let mut segments = Vec::new();
    for (number, extent) in recording.segments.iter().enumerate() {
        let (bytes, behind) = rest.split_at(rest.len().min(extent.bytes as usize));
        rest = behind;
        let (words, odd) = bytes.as_chunks::<UOP_BYTES>();
        let holds_uops = odd.is_empty() && !words.is_empty() && extent.address.is_multiple_of(UOP_BYTES as u64);
        let is_loaded = |insn: &Insn| loads_uops_from(insn, extent.address..extent.address + extent.bytes);
        let content = match holds_uops && recording.insns.iter().any(is_loaded) {
            true => Content::Uops(words.iter().map(|word| u32::from_le_bytes(*word)).collect()),
            false => Content::Unknown(extent.bytes),
        };
        segments.push(Segment { name: format!("segment {number}"), address: extent.address, content });
    }
    program(recording.config, segments, &recording.insns)
}

/// Tokens by queue, in the order in which `lint` takes them.
pub fn in_queues(tokens: &TokenCounts) -> [u32; 4] {
    Queue::ALL.map(|queue| tokens.of(queue).try_into().unwrap_or(u32::MAX))
}

/// Whether the instruction is a load of micro-ops that begins in the range of addresses.
fn loads_uops_from(insn: &Insn, addresses: std::ops::Range<u64>) -> bool {
    match &insn.op {
        Op::Load(mem) if mem.memory_type == MemoryType::Uop && !mem.is_noop() => {
            addresses.contains(&(u64::from(mem.dram_base) * UOP_BYTES as u64))
        }
        _ => false,
    }
}

fn program(config: Config, segments: Vec<Segment>, insns: &[Insn]) -> Result<Program, Diagnostic> {
    Program::new(config, segments, insns)
        .map_err(|error: AtInsn<EncodeError>| refused(error.error.code(), error.to_string()))
}

/// What was emitted or decoded can be encoded, so that it cannot is no fault of the user's.
fn refused(code: &'static str, message: String) -> Diagnostic {
    internal_error(Diagnostic::error(code, message))
}
