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
//! A wait for tokens is charged as a whole to the token that came last, with the instruction that posted it.

use super::memory::Client;
use super::observe::{NEVER, Read};
use super::report::CycleReport;
use super::tables::{InsnTimes, Tables};
use super::timing::Timing;
use crate::tokens::{Queue, TokenCounts};
use std::ops::Range;
use tilewright_isa::config::INSN_BYTES;
use tilewright_isa::{Insn, Module, Op};

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
    /// Waits for a token; `poster` is the instruction that posted it in the end, if one did.
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
    pub contention: [u64; 5],
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
            State::Memory(MemoryWait::Contention(client)) => &mut self.contention[client as usize],
            State::Starved => &mut self.starved,
            State::Blocked(module) => &mut self.blocked[module as usize],
            State::Finished => &mut self.finished,
        }
    }
}

/// Attributes the cycles of a run that ended. `tables` are those of the run, finished with its length.
pub fn attribute(insns: &[Insn], tables: &Tables, report: &CycleReport, timing: &Timing) -> Attribution {
    let run = Run::new(insns, tables, report);
    Attribution { fetch: run.fetch(timing), modules: Module::ALL.map(|module| run.module(module)) }
}

/// The spans of one unit so far.
struct Timeline {
    spans: Vec<Span>,
    at: u64,
    end: u64,
}

impl Timeline {
    fn new(end: u64) -> Timeline {
        Timeline { spans: Vec::new(), at: 0, end }
    }

    /// Goes on to `until`, or to the end of the run; does nothing if it is there already.
    fn go(&mut self, until: u64, state: State, insn: Option<usize>) {
        let until = until.min(self.end);
        if until <= self.at {
            return;
        }
        match self.spans.last_mut() {
            Some(last) if (last.state, last.insn) == (state, insn) => last.cycles.end = until,
            _ => self.spans.push(Span { cycles: self.at..until, state, insn }),
        }
        self.at = until;
    }
}

/// A run, with its reads in the order in which the bus served them.
struct Run<'a> {
    insns: &'a [Insn],
    times: &'a [InsnTimes],
    bus: Vec<Read>,
    /// For each instruction, the first command and the last beat of its reads.
    reading: Vec<Option<(u64, u64)>>,
    /// Per module, its instructions that were done, with the cycle, in order.
    done: [Vec<(u64, usize)>; 3],
    tokens_left: TokenCounts,
    cycles: u64,
}

impl<'a> Run<'a> {
    fn new(insns: &'a [Insn], tables: &'a Tables, report: &CycleReport) -> Run<'a> {
        let mut bus: Vec<Read> = tables.reads.iter().filter(|read| read.first_beat != NEVER).copied().collect();
        bus.sort_by_key(|read| read.first_beat);
        let mut reading = vec![None; insns.len()];
        for read in &tables.reads {
            if let Some(insn) = read.insn {
                let (_, last) = reading[insn].get_or_insert((read.commanded, 0));
                *last = read.last_beat;
            }
        }
        let mut done = Module::ALL.map(|_| Vec::new());
        for (index, (insn, times)) in insns.iter().zip(&tables.insns).enumerate() {
            if times.done != NEVER {
                done[insn.module() as usize].push((times.done, index));
            }
        }
        let (tokens_left, cycles) = (report.tokens_left, report.cycles);
        Run { insns, times: &tables.insns, bus, reading, done, tokens_left, cycles }
    }

    fn module(&self, module: Module) -> Vec<Span> {
        let mut line = Timeline::new(self.cycles);
        let of_module = |index: &usize| self.insns[*index].module() == module;
        for index in (0..self.insns.len()).filter(of_module) {
            let InsnTimes { queued, started, done } = self.times[index];
            line.go(queued.saturating_add(1), State::Starved, Some(index));
            if started > line.at && line.at < self.cycles {
                line.go(started, self.token_wait(index, started), Some(index));
            }
            if matches!(self.insns[index].op, Op::Load(_)) {
                self.load(&mut line, index);
            }
            line.go(done.saturating_add(1), State::Working, Some(index));
        }
        line.go(self.cycles, State::Finished, None);
        line.spans
    }

    /// The part of a LOAD from its start until its last beat.
    fn load(&self, line: &mut Timeline, index: usize) {
        let Some((commanded, last)) = self.reading[index] else { return };
        // Commands may be left when the run ends.
        let last = if self.times[index].done == NEVER { NEVER } else { last };
        line.go(commanded, State::Working, Some(index));
        self.memory_wait(line, last.saturating_add(1), |read| read.insn == Some(index), Some(index));
    }

    /// Waits for memory until a cycle; `own` says whose beats are waited for.
    fn memory_wait(&self, line: &mut Timeline, until: u64, own: impl Fn(&Read) -> bool, insn: Option<usize>) {
        let first = self.bus.partition_point(|read| read.last_beat < line.at);
        for read in self.bus[first..].iter().take_while(|read| read.first_beat < until) {
            line.go(read.first_beat, State::Memory(MemoryWait::Latency), insn);
            let wait = if own(read) { MemoryWait::Bandwidth } else { MemoryWait::Contention(read.client) };
            line.go(until.min(read.last_beat.saturating_add(1)), State::Memory(wait), insn);
        }
        line.go(until, State::Memory(MemoryWait::Latency), insn);
    }

    /// The wait that ended when an instruction started, or did not end. It ends in the cycle after a post.
    fn token_wait(&self, index: usize, started: u64) -> State {
        let insn = &self.insns[index];
        let missing = |queue: &Queue| started == NEVER && self.tokens_left.of(*queue) == 0;
        if let Some(queue) = insn.pops().find(missing) {
            return State::Token { queue, poster: None };
        }
        let posted_in = if started == NEVER { self.cycles } else { started - 1 };
        let posted = |queue: Queue| {
            let done = &self.done[queue.producer() as usize];
            let at = done.binary_search_by_key(&posted_in, |(cycle, _)| *cycle).ok()?;
            let poster = done[at].1;
            self.insns[poster].pushes().any(|pushed| pushed == queue).then_some((queue, poster))
        };
        match insn.pops().find_map(posted) {
            Some((queue, poster)) => State::Token { queue, poster: Some(poster) },
            None => unreachable!("instruction {index} waited for a token that nobody posted"),
        }
    }

    fn fetch(&self, timing: &Timing) -> Vec<Span> {
        let mut line = Timeline::new(self.cycles);
        let mut next = 0;
        for read in self.bus.iter().filter(|read| read.client == Client::Fetch) {
            line.go(read.commanded, State::Working, None);
            self.memory_wait(&mut line, read.last_beat.saturating_add(1), |other| other == read, None);
            // On its way from the bus into the buffer.
            line.go(read.last_beat.saturating_add(2), State::Working, None);
            let insns = read.beats * timing.bus_bytes / INSN_BYTES as u64;
            let end = self.insns.len().min(next + insns as usize);
            for index in next..end {
                let queued = self.times[index].queued;
                line.go(queued, State::Blocked(self.insns[index].module()), Some(index));
                line.go(queued.saturating_add(1), State::Working, Some(index));
            }
            next = end;
        }
        if next < self.insns.len() {
            // The run ended before the next burst came.
            line.go(line.at + 1, State::Working, None);
            self.memory_wait(&mut line, NEVER, |_| false, None);
        }
        line.go(self.cycles, State::Finished, None);
        line.spans
    }
}
