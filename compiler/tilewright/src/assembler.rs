//! Assembler programs: texts and streams → programs, and programs → recordings that run.
//!
//! ```
//! use tilewright::assembler::{assemble, portability, recording_of};
//! use tilewright::time::{NamedTiming, simulate};
//! use tilewright::Sources;
//!
//! let mut sources = Sources::default();
//! let file = sources.add("end.asm", "0: compute [] finish\n");
//! let program = assemble(&sources, file).unwrap();
//! let recording = recording_of(&program, "a stream that ends at once".to_owned()).unwrap();
//! assert!(simulate(&recording, &NamedTiming::default(), 1).unwrap().report.cycles > 0);
//! assert_eq!(portability(&program, &recording.tokens_before).unwrap(), []);
//! ```

use tilewright_core::emit::{self, SegmentKind, Stream};
use tilewright_isa::config::UOP_BYTES;
use tilewright_isa::encode::AtInsn;
use tilewright_isa::{
    Codec, Config, Content, EncodeError, Finding, Insn, MemoryType, Op, Program, Segment, lint, text,
};
use tilewright_sim::recording::Extent;
use tilewright_sim::{Queue, Recording, RecordingError, TokenCounts};
use tilewright_syntax::{Diagnostic, FileId, Sources, Span};

use crate::{Result, internal_error};

/// Reads an assembler text.
///
/// # Errors
/// The first thing in the text that is none of an assembler program.
pub fn assemble(sources: &Sources, file: FileId) -> Result<Program> {
    text::parse(&sources.file(file).text).map_err(|error| {
        let span = Span::new(file, error.bytes.start, error.bytes.end);
        vec![Diagnostic::error(error.kind.code(), error.kind.to_string()).primary(span, "here")]
    })
}

/// The stream with its segments; micro-ops are listed, arrays have only their place and size.
///
/// # Errors
/// What cannot be encoded, which is an internal compiler error.
pub fn assembler_program(stream: &Stream) -> Result<Program> {
    let codec = Codec::new(&stream.config);
    let words = stream.uops.iter().map(|uop| codec.encode_uop(uop)).collect::<std::result::Result<Vec<u32>, _>>();
    let words = words.map_err(|error| refused(error.code(), error.to_string()))?;
    let segment = |s: &emit::Segment| Segment {
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
///
/// # Errors
/// As [`assembler_program`].
pub fn recorded_program(recording: &Recording) -> Result<Program> {
    let mut rest = recording.before.as_deref().unwrap_or(&[]);
    let mut segments = Vec::new();
    for (number, extent) in recording.segments.iter().enumerate() {
        let (bytes, after) = rest.split_at(rest.len().min(extent.bytes as usize));
        rest = after;
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

/// The recording of an assembler program that has not run: its instructions, and device memory as far as the text says it. What
/// it leaves open is zero.
///
/// # Errors
/// Words that are no instruction, and segments that overlap or are too large.
pub fn recording_of(program: &Program, description: String) -> Result<Recording> {
    let insns = decoded(program)?;
    let extents = program.segments.iter().map(|segment| Extent { address: segment.address, bytes: segment.len() });
    // The segments are checked before memory is taken for what is in them.
    let recording = Recording::new(description, program.config, extents.collect(), insns).map_err(malformed)?;
    let mut before = Vec::new();
    for segment in &program.segments {
        match &segment.content {
            Content::Unknown(bytes) => before.resize(before.len() + *bytes as usize, 0),
            Content::Bytes(bytes) => before.extend(bytes),
            Content::Uops(words) => {
                before.reserve(words.len() * UOP_BYTES);
                before.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            }
        }
    }
    recording.with_images(Some(before), None).map_err(malformed)
}

/// What in a program does not run alike on every implementation, in the order of its instructions. `tokens_before` are in the
/// queues when it begins.
///
/// # Errors
/// Words that are no instruction.
pub fn portability(program: &Program, tokens_before: &TokenCounts) -> Result<Vec<Finding>> {
    let insns = decoded(program)?;
    let tokens = Queue::ALL.map(|queue| tokens_before.of(queue).try_into().unwrap_or(u32::MAX));
    Ok(lint(&program.config, &insns, |index| program.uop_word(index), tokens))
}

fn decoded(program: &Program) -> Result<Vec<Insn>> {
    program.decode().map_err(|error| vec![Diagnostic::error(error.error.code(), error.to_string())])
}

fn malformed(error: RecordingError) -> Vec<Diagnostic> {
    vec![Diagnostic::error(error.code(), error.to_string())]
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

fn program(config: Config, segments: Vec<Segment>, insns: &[Insn]) -> Result<Program> {
    Program::new(config, segments, insns)
        .map_err(|error: AtInsn<EncodeError>| refused(error.error.code(), error.to_string()))
}

/// What was emitted or decoded can be encoded, so that it cannot is no fault of the user's.
fn refused(code: &'static str, message: String) -> Vec<Diagnostic> {
    vec![internal_error(Diagnostic::error(code, message))]
}
