//! Where the cycles went: the tables of a run → for fetch and each module, gapless spans of states over the whole run.
//!
//! In every cycle a unit is in exactly one [`State`], and each span names the instruction that it is charged to. The
//! cycle in which an instruction is done still belongs to it. A LOAD works while it sets up, writes what has arrived and
//! pads; in between it waits for memory, and what is on the bus says why:
//!
//! | on the bus | the LOAD waits for |
//! |---|---|
//! | a beat of its own | bandwidth: a wider bus would bring it sooner |
//! | a beat of another client | contention with that client |
//! | nothing | latency, of memory or of the commands |
//!
//! A wait for tokens is charged as a whole to the token that came last, with the instruction that posted it. Of two that
//! came last in the same cycle it is that of the queue named first in [`Insn::pops`].

use super::Timing;
use super::machine::CycleOptions;
use super::memory::{CLIENTS, Client};
use super::report::CycleReport;
use super::tables::Tables;
use super::units::{Bus, FetchUnit, ModuleUnit, Run, Stretch};
use crate::tokens::Queue;
use std::ops::Range;
use tilewright_isa::{Insn, Module};

/// Why a wait for memory lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemoryWait {
    Latency,
    Bandwidth,
    Contention(Client),
}

/// What a unit does in a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    Working,
    /// Waits for a token; `poster` is the instruction that posted the one that was taken in the end, if one was.
    Token {
        queue: Queue,
        poster: Option<usize>,
    },
    Memory(MemoryWait),
    /// The queue is empty, and fetch has more.
    Starved,
    /// Fetch holds an instruction for this module, whose queue is full.
    Blocked(Module),
    Finished,
}

/// A stretch of cycles in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub cycles: Range<u64>,
    pub state: State,
    /// The instruction that runs, waits or is waited for. Fetch has none while it waits for memory.
    pub insn: Option<usize>,
}

/// Every unit's spans: contiguous from cycle 0 to the length of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribution {
    pub fetch: Vec<Span>,
    /// In the order of [`Module::ALL`].
    pub modules: [Vec<Span>; 3],
}

/// Cycles of one unit by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub working: u64,
    /// In the order of [`Queue::ALL`].
    pub token: [u64; 4],
    pub latency: u64,
    pub bandwidth: u64,
    /// In the order of [`Client::ALL`].
    pub contention: [u64; CLIENTS],
    pub starved: u64,
    /// In the order of [`Module::ALL`].
    pub blocked: [u64; 3],
    pub finished: u64,
}

impl Totals {
    pub fn of(spans: &[Span]) -> Totals {
        let mut totals = Totals::default();
        for span in spans {
            *totals.of_state(span.state) += span.cycles.end - span.cycles.start;
        }
        totals
    }

    /// The length of the run.
    pub fn sum(&self) -> u64 {
        let waits = self.token.iter().chain(&self.contention).chain(&self.blocked).sum::<u64>();
        self.working + self.latency + self.bandwidth + self.starved + self.finished + waits
    }

    fn of_state(&mut self, state: State) -> &mut u64 {
        match state {
            State::Working => &mut self.working,
            State::Token { queue, .. } => &mut self.token[queue as usize],
            State::Memory(MemoryWait::Latency) => &mut self.latency,
            State::Memory(MemoryWait::Bandwidth) => &mut self.bandwidth,
            State::Memory(MemoryWait::Contention(client)) => &mut self.contention[client.index()],
            State::Starved => &mut self.starved,
            State::Blocked(module) => &mut self.blocked[module as usize],
            State::Finished => &mut self.finished,
        }
    }
}

/// Attributes the cycles of a run that ended. `tables` are those of the run, finished with its length; `timing` and
/// `options` are what [`super::simulate`] was given.
pub fn attribute(
    insns: &[Insn],
    tables: &Tables,
    report: &CycleReport,
    timing: &Timing,
    options: &CycleOptions,
) -> Attribution {
    let run = Run::new(insns, tables, report, timing, options);
    let (bus, mut fetch) = (Bus::new(run.reads), FetchUnit::new(&run));
    let mut fetch_bus = bus.clone();
    let modules = Module::ALL.map(|module| {
        let (mut bus, mut unit) = (bus.clone(), ModuleUnit::new(module, &run));
        spans(run.cycles, |at| unit.from(at, &run, &mut bus))
    });
    Attribution { fetch: spans(run.cycles, |at| fetch.from(at, &run, &mut fetch_bus)), modules }
}

/// The stretches of one unit, those of one state as one span, up to the end of the run.
fn spans(cycles: u64, mut from: impl FnMut(u64) -> Stretch) -> Vec<Span> {
    let (mut spans, mut at) = (Vec::<Span>::new(), 0);
    while at < cycles {
        let Stretch { state, insn, until } = from(at);
        let until = until.min(cycles);
        match spans.last_mut() {
            Some(last) if (last.state, last.insn) == (state, insn) => last.cycles.end = until,
            _ => spans.push(Span { cycles: at..until, state, insn }),
        }
        at = until;
    }
    spans
}
