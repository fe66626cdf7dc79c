//! Traces for other people's viewers: a run that ended → a Perfetto trace or a waveform, streamed to a writer.
//!
//! A cycle is one nanosecond in both. What a trace shows in cycle *c* is what the machines see in *c*: an instruction
//! queued or a token posted in *c* is counted from *c* + 1, as everything is registered. The run's last cycle, in which
//! its length is known, is the end of the trace and shows nothing.
//!
//! **Memory.** Nothing that has been written is kept, and nothing is prepared ahead: [`walk`] goes through the tables in
//! order of time and remembers one read, one write, and where each unit is. Beside the tables, which the caller has,
//! there are at most 64 bytes for each instruction of the stream, four queues of at most 255 tokens while those are
//! paired, and a buffer of 64 KiB. The number of events and of bytes written has no part in it.
//!
//! | file | |
//! |---|---|
//! | `walk` | the tables in order of time → changes, told to a [`walk::Sink`] |
//! | `counters` | lengths of queues and numbers of tokens |
//! | `perfetto`, `names`, `wire` | changes → protobuf packets |
//! | `vcd` | changes → value changes |
//! | `output` | the buffer |

mod counters;
mod names;
mod output;
mod perfetto;
mod vcd;
mod walk;
mod wire;

use super::Timing;
use super::machine::CycleOptions;
use super::report::CycleReport;
use super::tables::Tables;
use output::Output;
use perfetto::Perfetto;
use std::io;
use std::path::Path;
use tilewright_isa::Insn;
use vcd::Waveform;
use walk::{Sink, Walk};

/// A file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TraceFormat {
    /// Perfetto's track events, as protobuf: slices of every unit and of the bus, counters, tokens as flows.
    Perfetto,
    /// A value change dump: states, running instructions, queues, tokens and the bus as signals.
    Vcd,
}

impl TraceFormat {
    pub const ALL: [TraceFormat; 2] = [TraceFormat::Perfetto, TraceFormat::Vcd];

    /// What its files' names end with, behind the dot.
    pub fn extension(self) -> &'static str {
        match self {
            TraceFormat::Perfetto => "pftrace",
            TraceFormat::Vcd => "vcd",
        }
    }

    /// The format that a file's extension stands for, in small or capital letters.
    pub fn of_path(path: &Path) -> Option<TraceFormat> {
        let extension = path.extension()?;
        TraceFormat::ALL.into_iter().find(|format| extension.eq_ignore_ascii_case(format.extension()))
    }
}

/// A run that ended: what was run, and what happened.
#[derive(Clone, Copy, Debug)]
pub struct TracedRun<'a> {
    pub insns: &'a [Insn],
    /// Finished with the run's length.
    pub tables: &'a Tables,
    pub report: &'a CycleReport,
    /// The machine and the options that were given to [`super::simulate`].
    pub timing: &'a Timing,
    pub options: &'a CycleOptions,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceSummary {
    /// Begins and ends of slices and values of counters in a Perfetto trace, value changes in a waveform.
    pub events: u64,
    pub bytes: u64,
}

/// Writes the trace of a run. `out` needs no buffer and is flushed at the end; its errors are returned as they are.
pub fn write(format: TraceFormat, run: &TracedRun, out: &mut impl io::Write) -> io::Result<TraceSummary> {
    let output = Output::new(out);
    match format {
        TraceFormat::Perfetto => stream(run, Perfetto::new(run, output)),
        TraceFormat::Vcd => stream(run, Waveform::new(output)?),
    }
}

fn stream(run: &TracedRun, mut sink: impl Sink) -> io::Result<TraceSummary> {
    let mut walk = Walk::new(run);
    while walk.step(&mut sink)? {}
    sink.finish(run.report.cycles)
}
