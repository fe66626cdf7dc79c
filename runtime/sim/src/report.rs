//! What a run has to say: [`Report`] when it ended, [`Stop`] when it could not go on.
//!
//! A stop is the program's fault and names the instruction, or a limit of the simulation ([`Stop::is_limit`]); nothing here
//! stands for an error of the simulator itself.

use crate::hazards::Races;
use crate::tokens::{Queue, TokenCounts};
use std::fmt;
use thiserror::Error;
use tilewright_isa::{MemoryType, Module, PerMemory};

/// Instructions executed, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct InsnCounts {
    pub load: PerMemory<u64>,
    pub store: u64,
    /// Products; resets are counted apart.
    pub gemm: u64,
    pub gemm_reset: u64,
    pub alu: u64,
    /// LOAD and STORE with `x_size = 0`, which are not counted as loads or stores.
    pub noop: u64,
    pub finish: u64,
}

impl InsnCounts {
    /// All of them.
    pub fn total(&self) -> u64 {
        let loads: u64 = self.load.values().iter().sum();
        loads + self.store + self.gemm + self.gemm_reset + self.alu + self.noop + self.finish
    }
}

/// How the run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Finish {
    /// The stream has no FINISH, so a machine would never report its end.
    #[default]
    Missing,
    /// FINISH was executed.
    Reached {
        /// Its index.
        insn: usize,
        /// For each module with work that no chain of tokens puts before FINISH, the first such instruction: the
        /// machine may report the end while it still runs.
        unordered: Vec<usize>,
        /// Instructions that had not run when FINISH ended the run.
        not_run: usize,
        /// The first of them.
        first_not_run: Option<usize>,
    },
}

impl Finish {
    /// Whether FINISH was reached and everything else was done before it.
    pub fn is_clean(&self) -> bool {
        matches!(self, Finish::Reached { unordered, not_run: 0, .. } if unordered.is_empty())
    }
}

/// A queue that came to hold more tokens than the machine's counter can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow {
    pub queue: Queue,
    /// The instruction whose post was the first too many; the machine would lose it.
    pub insn: usize,
}

/// The figures and findings of a run that ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub instructions: InsnCounts,
    /// Micro-ops executed by GEMM, resets not included.
    pub gemm_uops: u64,
    /// Micro-ops executed by resets of GEMM.
    pub reset_uops: u64,
    pub alu_uops: u64,
    /// Bytes moved between device memory and each of [`MemoryType::REPORTED`], as they lie in device memory: an ACC_8BIT
    /// load counts for ACC and moves one byte per value. Padding moves none.
    pub bytes: PerMemory<u64>,
    /// Tokens that nobody took.
    pub tokens_left: TokenCounts,
    pub finish: Finish,
    pub overflows: Vec<Overflow>,
    /// What the race detector found, if it was on.
    pub races: Option<Races>,
}

/// Why an instruction could not be executed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Cause {
    #[error("{memory} holds {limit} elements, and the {rows} rows of {row} from {base} end at {end}")]
    SramOverrun { memory: MemoryType, limit: u64, base: u64, rows: u64, row: u64, end: u64 },
    #[error(
        "row {row} needs {memory} element {element:#x}, {bytes} bytes at address {address:#x}, but no segment holds {unmapped:#x}"
    )]
    DramUnmapped { memory: MemoryType, row: u64, element: u64, bytes: u64, address: u64, unmapped: u64 },
    #[error("only out can be stored, not {memory}")]
    StoreMemory { memory: MemoryType },
    #[error("out cannot be loaded")]
    LoadMemory,
    #[error("a store cannot pad, but {field} is {value}")]
    StorePad { field: &'static str, value: u64 },
    #[error("the micro-op buffer holds {limit}, and uop_end is {value}")]
    UopOverrun { value: u64, limit: u64 },
    #[error(
        "micro-op {uop} at iter_out {out}, iter_in {inner}: {field} is {value}, but {memory} holds {limit} elements"
    )]
    Index { field: &'static str, value: u64, memory: MemoryType, limit: u64, uop: u64, out: u64, inner: u64 },
    #[error("it would compute or move {value} values, but the run may only spend {limit} more")]
    Budget { value: u64, limit: u64 },
}

impl Cause {
    /// The stable code that `explain` takes.
    pub fn code(&self) -> &'static str {
        match self {
            Cause::SramOverrun { .. } => "E0921",
            Cause::DramUnmapped { .. } => "E0922",
            Cause::StoreMemory { .. } | Cause::LoadMemory => "E0923",
            Cause::StorePad { .. } => "E0924",
            Cause::UopOverrun { .. } => "E0925",
            Cause::Index { .. } => "E0926",
            Cause::Budget { .. } => "E0927",
        }
    }

    /// The instruction's field at fault, with its value (for an index, the value computed from it) and the limit that
    /// it passed. There is no limit where the value is wrong as such.
    pub fn field(&self) -> (&'static str, u64, Option<u64>) {
        match *self {
            Cause::SramOverrun { base, limit, .. } => ("sram_base", base, Some(limit)),
            Cause::DramUnmapped { element, .. } => ("dram_base", element, None),
            Cause::StoreMemory { memory } => ("memory_type", memory as u64, None),
            Cause::LoadMemory => ("memory_type", MemoryType::Out as u64, None),
            Cause::StorePad { field, value } => (field, value, Some(0)),
            Cause::UopOverrun { value, limit } => ("uop_end", value, Some(limit)),
            Cause::Index { field, value, limit, .. } => (field, value, Some(limit)),
            Cause::Budget { value, limit } => ("iter_out", value, Some(limit)),
        }
    }
}

/// An instruction that did something the machine cannot do. Effects of the instructions before it stand.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("instruction {insn} ({mnemonic}): {cause}")]
pub struct Trap {
    pub insn: usize,
    pub mnemonic: &'static str,
    pub cause: Cause,
}

/// One module of a deadlock: it waits for a token that nobody can post any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub module: Module,
    /// The instruction that waits.
    pub insn: usize,
    /// The queue that is empty.
    pub queue: Queue,
    /// The nearest instruction in the stream that could have posted the token and has not run, or else the nearest
    /// that has run and posted one (taken by an earlier instruction). `None` if no instruction posts into the queue.
    pub poster: Option<Poster>,
}

/// See [`Waiting::poster`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poster {
    pub insn: usize,
    /// Whether it has run, so that its token was taken by another instruction.
    pub has_run: bool,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} waits at instruction {} for a token from {}", self.module, self.insn, self.queue)?;
        match self.poster {
            None => write!(f, ", to which no instruction posts"),
            Some(Poster { insn, has_run: false }) => write!(f, ", which instruction {insn} would post but cannot run"),
            Some(Poster { insn, has_run: true }) => {
                write!(f, "; the nearest poster, instruction {insn}, has run and its token was consumed")
            }
        }
    }
}

/// No module can go on, and FINISH was not reached.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("deadlock after {executed} instructions: {}", join(.waiting))]
pub struct Deadlock {
    /// Instructions that have run.
    pub executed: usize,
    /// The modules that still have work, in the order load, compute, store.
    pub waiting: Vec<Waiting>,
}

fn join(waiting: &[Waiting]) -> String {
    waiting.iter().map(Waiting::to_string).collect::<Vec<_>>().join("; ")
}

/// Why a run did not end.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Stop {
    #[error(transparent)]
    Trap(#[from] Trap),
    #[error(transparent)]
    Deadlock(#[from] Deadlock),
    #[error("a stream of {count} instructions is longer than a run can number ({limit})")]
    TooLong { count: usize, limit: u32 },
}

impl Stop {
    /// The stable code that `explain` takes.
    pub fn code(&self) -> &'static str {
        match self {
            Stop::Trap(trap) => trap.cause.code(),
            Stop::Deadlock(_) => "E0911",
            Stop::TooLong { .. } => "E0912",
        }
    }

    /// Whether the run was ended by a limit of the simulation, which says nothing about the stream.
    pub fn is_limit(&self) -> bool {
        match self {
            Stop::Trap(trap) => matches!(trap.cause, Cause::Budget { .. }),
            Stop::Deadlock(_) => false,
            Stop::TooLong { .. } => true,
        }
    }
}
