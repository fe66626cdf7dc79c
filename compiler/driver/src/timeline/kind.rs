//! The kinds of states that a timeline tells apart: a span and its instruction → [`Kind`], and how a kind looks.
//!
//! Work has full glyphs and waiting has thin ones, all different, so that a picture is legible without its colours too.

use anstyle::{AnsiColor, Style};
use tilewright_isa::{Insn, Op};
use tilewright_sim::cycles::{MemoryWait, Span, State};

/// What a unit does: work first, then waits, in the order of legends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Gemm,
    Reset,
    Alu,
    /// Any other work: addresses, padding, stores, the instructions on their way into queues.
    Working,
    Bandwidth,
    Contention,
    Latency,
    Token,
    Starved,
    Blocked,
    Finished,
}

impl Kind {
    pub const ALL: [Kind; 11] = [
        Kind::Gemm,
        Kind::Reset,
        Kind::Alu,
        Kind::Working,
        Kind::Bandwidth,
        Kind::Contention,
        Kind::Latency,
        Kind::Token,
        Kind::Starved,
        Kind::Blocked,
        Kind::Finished,
    ];

    /// The kind of a span; `insns` is the stream that ran. Fetch only carries the instruction that a span of it names.
    pub fn of(span: &Span, insns: &[Insn], is_fetch: bool) -> Kind {
        match span.state {
            State::Working if is_fetch => Kind::Working,
            State::Working => match span.insn.map(|insn| insns[insn].op) {
                Some(Op::Gemm(gemm)) if gemm.reset => Kind::Reset,
                Some(Op::Gemm(_)) => Kind::Gemm,
                Some(Op::Alu(_)) => Kind::Alu,
                _ => Kind::Working,
            },
            State::Memory(MemoryWait::Bandwidth) => Kind::Bandwidth,
            State::Memory(MemoryWait::Contention(_)) => Kind::Contention,
            State::Memory(MemoryWait::Latency) => Kind::Latency,
            State::Token { .. } => Kind::Token,
            State::Starved => Kind::Starved,
            State::Blocked(_) => Kind::Blocked,
            State::Finished => Kind::Finished,
        }
    }

    /// As legends have it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Gemm => "gemm",
            Kind::Reset => "gemm reset",
            Kind::Alu => "alu",
            Kind::Working => "other work",
            Kind::Bandwidth => "data on the bus",
            Kind::Contention => "bus taken",
            Kind::Latency => "memory latency",
            Kind::Token => "waits for a token",
            Kind::Starved => "no instruction",
            Kind::Blocked => "queue full",
            Kind::Finished => "finished",
        }
    }

    /// One column wide.
    pub fn glyph(self) -> char {
        match self {
            Kind::Gemm => '█',
            Kind::Reset => '▆',
            Kind::Alu => '▓',
            Kind::Working => '▄',
            Kind::Bandwidth => '═',
            Kind::Contention => 'x',
            Kind::Latency => '~',
            Kind::Token => '░',
            Kind::Starved => '·',
            Kind::Blocked => '|',
            Kind::Finished => ' ',
        }
    }

    pub fn style(self) -> Style {
        match self {
            Kind::Gemm => AnsiColor::Green.on_default().bold(),
            Kind::Reset | Kind::Working => AnsiColor::Green.on_default(),
            Kind::Alu => AnsiColor::Blue.on_default().bold(),
            Kind::Bandwidth => AnsiColor::Cyan.on_default(),
            Kind::Contention | Kind::Blocked => AnsiColor::Red.on_default(),
            Kind::Latency => AnsiColor::Magenta.on_default(),
            Kind::Token => AnsiColor::Yellow.on_default(),
            Kind::Starved | Kind::Finished => Style::new().dimmed(),
        }
    }

    /// The colour in an SVG.
    pub fn fill(self) -> &'static str {
        match self {
            Kind::Gemm => "#1a7f4b",
            Kind::Reset => "#7cc79a",
            Kind::Alu => "#2b4fa0",
            Kind::Working => "#7a9cc6",
            Kind::Bandwidth => "#38a3a5",
            Kind::Contention => "#d64550",
            Kind::Latency => "#a78bda",
            Kind::Token => "#f2c14e",
            Kind::Starved => "#b9bec6",
            Kind::Blocked => "#8c5a3c",
            Kind::Finished => "#eceff3",
        }
    }
}

/// An instruction in a few words: `load wgt`, `gemm reset`.
pub fn label(insn: &Insn) -> String {
    match &insn.op {
        Op::Load(mem) | Op::Store(mem) => format!("{} {}", insn.mnemonic(), mem.memory_type.name()),
        Op::Gemm(gemm) if gemm.reset => "gemm reset".to_owned(),
        _ => insn.mnemonic().to_owned(),
    }
}
