//! Recorded runs: the files of a trace folder, given as bytes ↔ [`Recording`], and its replay → [`Outcome`].
//!
//! `trace.json` holds the configuration, the segments of device memory in order, how many instructions there are and,
//! where they are known, cycles on the hardware and tokens from an earlier run. `insns.bin` is the stream, `before.bin`
//! and `after.bin` the segments' bytes back to back. Without `before` memory is zeros; without `after` nothing is
//! compared. Reading and writing the files is the caller's.
//!
//! Invariant: the segments of a `Recording` do not overlap, and both images have exactly their bytes.

use crate::execute::{Options, SimError, Simulator};
use crate::memory::{Dram, MemoryError, Segment, check_places};
use crate::report::{Report, Stop};
use crate::tokens::TokenCounts;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::{Duration, Instant};
use thiserror::Error;
use tilewright_isa::encode::AtInsn;
use tilewright_isa::{Codec, Config, ConfigError, DecodeError, EncodeError, Insn};

/// Bytes of device memory that a recording may have: 4 GiB.
const MAX_MEMORY: u64 = 1 << 32;

/// Why files are not a recording, or a recording cannot be replayed or written.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum RecordingError {
    #[error("trace.json: {reason} (line {line}, column {column})")]
    Json { reason: String, line: usize, column: usize },
    #[error("trace.json: {0}")]
    Config(#[from] ConfigError),
    #[error("trace.json: {0}")]
    Memory(#[from] MemoryError),
    #[error("trace.json: the segments have {bytes} bytes, more than the {limit} that can be simulated")]
    TooMuchMemory { bytes: u128, limit: u64 },
    #[error("{file} has {found} bytes, but the segments have {expected}")]
    ImageLength { file: &'static str, found: usize, expected: u64 },
    #[error("insns.bin holds {found} instructions, but trace.json says insn_count {expected}")]
    InsnCount { found: usize, expected: u64 },
    #[error("insns.bin: {0}")]
    Insn(#[from] AtInsn<DecodeError>),
    #[error("the stream cannot be encoded: {0}")]
    Encode(#[from] AtInsn<EncodeError>),
    #[error(transparent)]
    Sim(#[from] SimError),
}

impl RecordingError {
    /// The stable code that `explain` takes.
    pub fn code(&self) -> &'static str {
        match self {
            RecordingError::Json { .. } => "E0931",
            RecordingError::Config(error) => error.code(),
            RecordingError::Memory(error) => error.code(),
            RecordingError::TooMuchMemory { .. } => "E0932",
            RecordingError::ImageLength { .. } => "E0933",
            RecordingError::InsnCount { .. } => "E0934",
            RecordingError::Insn(at) => at.error.code(),
            RecordingError::Encode(at) => at.error.code(),
            RecordingError::Sim(error) => error.code(),
        }
    }
}

/// Address and length, in bytes, of a piece of device memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extent {
    pub address: u64,
    pub bytes: u64,
}

/// Cycles that the hardware took, by the length of its memory bursts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RtlCycles {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst_beats_16: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst_beats_256: Option<u64>,
}

/// `trace.json` as it is written. Keys that say nothing about the run are skipped.
#[derive(Debug, Serialize, Deserialize)]
struct TraceFile {
    #[serde(default)]
    description: String,
    config: Value,
    insn_count: u64,
    segments: Vec<Extent>,
    #[serde(default, skip_serializing_if = "is_default")]
    rtl_cycles: RtlCycles,
    #[serde(default, skip_serializing_if = "is_default")]
    tokens_before: TokenCounts,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// One device run: what was executed on what, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    pub description: String,
    pub config: Config,
    /// In the order of the images, which need not be that of the addresses.
    pub segments: Vec<Extent>,
    pub insns: Vec<Insn>,
    /// The segments' bytes back to back; `None` for zeros.
    pub before: Option<Vec<u8>>,
    /// As `before`, once the stream has run; `None` where that is not known.
    pub after: Option<Vec<u8>>,
    pub tokens_before: TokenCounts,
    pub rtl_cycles: RtlCycles,
}

/// The contents of a trace folder's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    pub trace_json: String,
    pub insns: Vec<u8>,
    pub before: Option<Vec<u8>>,
    pub after: Option<Vec<u8>>,
}

impl Recording {
    /// A stream that has not run, and where its device memory is; what is in it is not known. Fails if the segments overlap or are
    /// more than can be simulated.
    pub fn new(
        description: String,
        config: Config,
        segments: Vec<Extent>,
        insns: Vec<Insn>,
    ) -> Result<Recording, RecordingError> {
        let recording = Recording {
            description,
            config,
            segments,
            insns,
            before: None,
            after: None,
            tokens_before: TokenCounts::default(),
            rtl_cycles: RtlCycles::default(),
        };
        recording.checked()
    }

    /// The same with memory before and after the run. Fails if an image has not exactly the bytes of the segments.
    pub fn with_images(self, before: Option<Vec<u8>>, after: Option<Vec<u8>>) -> Result<Recording, RecordingError> {
        Recording { before, after, ..self }.checked()
    }

    /// The recording, if it keeps the invariant.
    fn checked(self) -> Result<Recording, RecordingError> {
        self.check_images()?;
        check_places(self.segments.iter().map(|extent| (extent.address, extent.bytes)))?;
        Ok(self)
    }

    /// Reads the contents of `trace.json`, `insns.bin` and, where they exist, `before.bin` and `after.bin`.
    pub fn from_parts(
        trace_json: &str,
        insns: &[u8],
        before: Option<Vec<u8>>,
        after: Option<Vec<u8>>,
    ) -> Result<Recording, RecordingError> {
        let trace: TraceFile = serde_json::from_str(trace_json).map_err(|error| RecordingError::Json {
            reason: reason(&error),
            line: error.line(),
            column: error.column(),
        })?;
        let config = Config::from_value(&trace.config)?;
        let insns = Codec::new(&config).decode_stream(insns)?;
        if insns.len() as u64 != trace.insn_count {
            return Err(RecordingError::InsnCount { found: insns.len(), expected: trace.insn_count });
        }
        let TraceFile { description, segments, tokens_before, rtl_cycles, .. } = trace;
        Recording { description, config, segments, insns, before, after, tokens_before, rtl_cycles }.checked()
    }

    /// The files' contents. Fails if an instruction has no encoding in the configuration.
    pub fn to_parts(&self) -> Result<Parts, RecordingError> {
        let trace = TraceFile {
            description: self.description.clone(),
            config: self.config.to_json(),
            insn_count: self.insns.len() as u64,
            segments: self.segments.clone(),
            rtl_cycles: self.rtl_cycles,
            tokens_before: self.tokens_before,
        };
        Ok(Parts {
            trace_json: format!("{:#}\n", serde_json::to_value(&trace).unwrap_or(Value::Object(Map::new()))),
            insns: Codec::new(&self.config).encode_stream(&self.insns)?,
            before: self.before.clone(),
            after: self.after.clone(),
        })
    }

    /// Device memory before the run.
    pub fn memory(&self) -> Result<Dram, RecordingError> {
        let total = self.check_images()?;
        let zeros;
        let mut rest = match &self.before {
            Some(before) => &before[..],
            None => {
                zeros = vec![0; total as usize];
                &zeros
            }
        };
        let mut segments = Vec::with_capacity(self.segments.len());
        for extent in &self.segments {
            let (bytes, behind) = rest.split_at(extent.bytes as usize);
            segments.push(Segment { address: extent.address, bytes: bytes.to_vec() });
            rest = behind;
        }
        Ok(Dram::new(segments)?)
    }

    /// Checks the length of both images against the segments, which it returns in bytes.
    fn check_images(&self) -> Result<u64, RecordingError> {
        let bytes = self.segments.iter().map(|extent| u128::from(extent.bytes)).sum();
        let expected = u64::try_from(bytes).ok().filter(|&bytes| bytes <= MAX_MEMORY);
        let expected = expected.ok_or(RecordingError::TooMuchMemory { bytes, limit: MAX_MEMORY })?;
        for (file, image) in [("before.bin", &self.before), ("after.bin", &self.after)] {
            match image {
                Some(image) if image.len() as u64 != expected => {
                    return Err(RecordingError::ImageLength { file, found: image.len(), expected });
                }
                _ => {}
            }
        }
        Ok(expected)
    }

    /// Compares memory after a run with what was recorded.
    pub fn compare(&self, dram: &Dram) -> Comparison {
        match (self.first_difference(dram), &self.after) {
            (Some(difference), _) => Comparison::Differs(difference),
            (None, Some(_)) => Comparison::Equal,
            (None, None) => Comparison::NothingToCompare,
        }
    }

    /// The first byte, in the order of the segments, in which `dram` differs from the memory recorded after the run.
    fn first_difference(&self, dram: &Dram) -> Option<Difference> {
        let mut rest = self.after.as_deref()?;
        for extent in &self.segments {
            let (expected, behind) = rest.split_at_checked(extent.bytes as usize)?;
            let got = dram.read(extent.address, expected.len())?;
            if expected != got {
                let at = expected.iter().zip(got).position(|(expected, got)| expected != got)?;
                let address = extent.address + at as u64;
                return Some(Difference { address, expected: expected[at], got: got[at] });
            }
            rest = behind;
        }
        None
    }
}

/// The message without the position that `serde_json` appends.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// The first byte in which memory differs from the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    pub address: u64,
    pub expected: u8,
    pub got: u8,
}

/// What came of the memory comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    Differs(Difference),
    /// The recording has no memory after the run.
    NothingToCompare,
}

/// A replay that ran to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub report: Report,
    pub memory: Comparison,
    /// Time that the execution took on the host, decoding and comparison not included.
    pub host_time: Duration,
}

/// Why a replay has no outcome.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ReplayError {
    #[error(transparent)]
    Recording(#[from] RecordingError),
    #[error(transparent)]
    Stop(#[from] Stop),
}

impl ReplayError {
    /// The stable code that `explain` takes.
    pub fn code(&self) -> &'static str {
        match self {
            ReplayError::Recording(error) => error.code(),
            ReplayError::Stop(stop) => stop.code(),
        }
    }
}

/// Runs the recording on a machine as it is after power-on and compares the memory. The recording's `tokens_before`
/// take the place of those in `options`.
pub fn replay(recording: &Recording, options: &Options) -> Result<Outcome, ReplayError> {
    let mut simulator = Simulator::new(&recording.config).map_err(RecordingError::from)?;
    let mut dram = recording.memory()?;
    let options = Options { tokens_before: recording.tokens_before, ..*options };
    let start = Instant::now();
    let report = simulator.run(&recording.insns, &mut dram, &options)?;
    let host_time = start.elapsed();
    Ok(Outcome { report, memory: recording.compare(&dram), host_time })
}
