//! The tables of a run → what each unit does from a cycle on, and until when at most: one stretch at a time.
//!
//! [`FetchUnit`] and [`ModuleUnit`] are asked with ascending cycles, each time with the end of the stretch before, and
//! remember only which instruction they are at; [`Bus`] merges the reads of the five clients in the order in which they
//! were served and remembers one stretch of beats. Whoever asks all units in order of time can share one bus. Neighbouring stretches may
//! have the same state. [`Run`] holds what must be looked up: a few words for each instruction.

use super::Timing;
use super::attribution::{MemoryWait, State};
use super::machine::CycleOptions;
use super::memory::{CLIENTS, Client};
use super::observe::{NEVER, Read};
use super::pairs::Pairs;
use super::report::CycleReport;
use super::tables::{InsnTimes, Tables};
use crate::tokens::Queue;
use tilewright_isa::config::INSN_BYTES;
use tilewright_isa::{Insn, Module, Op};

/// A state that lasts until a cycle, which may lie behind the run's end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub state: State,
    pub insn: Option<usize>,
    pub until: u64,
}

impl Stretch {
    fn new(state: State, insn: Option<usize>, until: u64) -> Stretch {
        Stretch { state, insn, until }
    }
}

/// The first command and the last beat of a LOAD's reads.
#[derive(Clone, Copy, Debug)]
struct Reading {
    commanded: u64,
    last_beat: u64,
}

/// A run that ended, with what the units look up.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub insns: &'a [Insn],
    pub times: &'a [InsnTimes],
    pub reads: &'a [Read],
    pub cycles: u64,
    bus_bytes: u64,
    reading: Vec<Option<Reading>>,
    pairs: Pairs,
}

impl<'a> Run<'a> {
    pub fn new(
        insns: &'a [Insn],
        tables: &'a Tables,
        report: &CycleReport,
        timing: &Timing,
        options: &CycleOptions,
    ) -> Run<'a> {
        let mut reading: Vec<Option<Reading>> = vec![None; insns.len()];
        for read in &tables.reads {
            if let Some(insn) = read.insn {
                let first = Reading { commanded: read.commanded, last_beat: 0 };
                reading[insn].get_or_insert(first).last_beat = read.last_beat;
            }
        }
        let (reads, times, bus_bytes) = (&tables.reads[..], &tables.insns[..], timing.bus_bytes);
        let pairs = Pairs::new(insns, times, report.cycles, options);
        Run { insns, times, reads, cycles: report.cycles, bus_bytes, reading, pairs }
    }

    /// The first instruction of the module from this one on.
    fn of_module(&self, module: Module, from: usize) -> Option<usize> {
        let found = self.insns[from..].iter().position(|insn| insn.module() == module)?;
        Some(from + found)
    }

    /// The wait that ended when an instruction started, or did not end. It ends in the cycle after a post of the token
    /// that was missing; one that lay in its queue before was posted earlier.
    fn token_wait(&self, index: usize, started: u64) -> State {
        let insn = &self.insns[index];
        let found = if started == NEVER {
            insn.pops().find(|queue| self.pairs.ended_empty(*queue)).map(|queue| (queue, None))
        } else {
            let last = |(_, poster): &(Queue, usize)| self.times[*poster].done == started - 1;
            self.pairs.posters(index, insn).find(last).map(|(queue, poster)| (queue, Some(poster)))
        };
        match found {
            Some((queue, poster)) => State::Token { queue, poster },
            None => unreachable!("instruction {index} waited for a token that was never posted"),
        }
    }
}

/// Reads that were on the bus, in that order. A client's own reads are in order in the table, so a place in it for
/// each client is enough to merge them.
#[derive(Clone, Debug)]
pub(super) struct Reads<'a> {
    reads: &'a [Read],
    /// For each client, the first beat of its next read and the read's place; [`NEVER`] if it has none.
    heads: [(u64, usize); CLIENTS],
}

impl<'a> Reads<'a> {
    pub fn new(reads: &'a [Read]) -> Reads<'a> {
        let mut merged = Reads { reads, heads: [(NEVER, reads.len()); CLIENTS] };
        Client::ALL.into_iter().for_each(|client| merged.seek(client, 0));
        merged
    }

    #[inline]
    pub fn peek(&self) -> Option<&'a Read> {
        let (_, place) = self.heads.into_iter().reduce(Ord::min)?;
        self.reads.get(place)
    }

    /// Finds the client's next read from a place on.
    fn seek(&mut self, client: Client, from: usize) {
        let own = |read: &Read| read.client == client && read.first_beat != NEVER;
        let found = self.reads[from..].iter().position(own).map(|found| from + found);
        self.heads[client.index()] = match found {
            Some(place) => (self.reads[place].first_beat, place),
            None => (NEVER, self.reads.len()),
        };
    }
}

impl<'a> Iterator for Reads<'a> {
    type Item = &'a Read;

    fn next(&mut self) -> Option<&'a Read> {
        let read = self.peek()?;
        let (_, place) = self.heads[read.client.index()];
        self.seek(read.client, place + 1);
        Some(read)
    }
}

/// Beats on the bus without a gap, for one client and one LOAD or read of fetch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beats {
    pub client: Client,
    pub insn: Option<usize>,
    pub first: u64,
    pub last: u64,
}

/// What is on the bus: one stretch of beats after the other.
#[derive(Clone, Debug)]
pub(super) struct Bus<'a> {
    reads: Reads<'a>,
    current: Option<Beats>,
}

impl<'a> Bus<'a> {
    pub fn new(reads: &'a [Read]) -> Bus<'a> {
        let mut bus = Bus { reads: Reads::new(reads), current: None };
        bus.advance();
        bus
    }

    /// The first beats of which the last is not before this cycle. Cycles must not descend.
    #[inline]
    pub fn from(&mut self, cycle: u64) -> Option<&Beats> {
        while let Some(beats) = &self.current
            && beats.last < cycle
        {
            self.advance();
        }
        self.current.as_ref()
    }

    fn advance(&mut self) {
        let begin = |read: &Read| {
            let Read { client, insn, first_beat, last_beat, .. } = *read;
            Beats { client, insn, first: first_beat, last: last_beat }
        };
        self.current = self.reads.next().map(begin);
        let Some(beats) = &mut self.current else { return };
        while let Some(next) = self.reads.peek()
            && (next.client, next.insn) == (beats.client, beats.insn)
            && next.insn.is_some()
            && next.first_beat - 1 == beats.last
        {
            beats.last = next.last_beat;
            self.reads.next();
        }
    }
}

/// Why memory is waited for in this cycle, and until when at most; `own` says whose beats are waited for.
#[inline]
fn memory_wait(bus: &mut Bus, at: u64, until: u64, own: impl Fn(&Beats) -> bool) -> (State, u64) {
    let (wait, until) = match bus.from(at) {
        Some(beats) if beats.first <= at => {
            let wait = if own(beats) { MemoryWait::Bandwidth } else { MemoryWait::Contention(beats.client) };
            (wait, until.min(beats.last.saturating_add(1)))
        }
        Some(beats) => (MemoryWait::Latency, until.min(beats.first)),
        None => (MemoryWait::Latency, until),
    };
    (State::Memory(wait), until)
}

/// Load, compute or store, at one of its instructions.
#[derive(Clone, Debug)]
pub(super) struct ModuleUnit {
    module: Module,
    index: Option<usize>,
}

impl ModuleUnit {
    pub fn new(module: Module, run: &Run) -> ModuleUnit {
        ModuleUnit { module, index: run.of_module(module, 0) }
    }

    /// What it does from this cycle on.
    pub fn from(&mut self, at: u64, run: &Run, bus: &mut Bus) -> Stretch {
        while let Some(index) = self.index {
            let InsnTimes { queued, started, done } = run.times[index];
            if at <= queued {
                return Stretch::new(State::Starved, Some(index), queued.saturating_add(1));
            }
            if at < started {
                return Stretch::new(run.token_wait(index, started), Some(index), started);
            }
            if let Some(stretch) = self.load(index, at, run, bus) {
                return stretch;
            }
            if at <= done {
                return Stretch::new(State::Working, Some(index), done.saturating_add(1));
            }
            self.index = run.of_module(self.module, index + 1);
        }
        Stretch::new(State::Finished, None, NEVER)
    }

    /// The part of a LOAD from its start until its last beat.
    fn load(&self, index: usize, at: u64, run: &Run, bus: &mut Bus) -> Option<Stretch> {
        let Reading { commanded, last_beat } = run.reading[index].filter(|_| run.is_load(index))?;
        if at < commanded {
            return Some(Stretch::new(State::Working, Some(index), commanded));
        }
        // Commands may be left when the run ends.
        let last = if run.times[index].done == NEVER { NEVER } else { last_beat };
        if at > last {
            return None;
        }
        let (state, until) = memory_wait(bus, at, last.saturating_add(1), |beats| beats.insn == Some(index));
        Some(Stretch::new(state, Some(index), until))
    }
}

impl Run<'_> {
    fn is_load(&self, index: usize) -> bool {
        matches!(self.insns[index].op, Op::Load(_))
    }
}

/// Fetch, at one of its reads.
#[derive(Clone, Debug)]
pub(super) struct FetchUnit {
    /// The place of its read in the table; none once the last that arrived is drained.
    read: Option<usize>,
    /// The next instruction to go into a queue, and the one behind those of the read.
    next: usize,
    end: usize,
    /// The last cycle in which the buffer was filled or seen empty.
    drained: u64,
}

impl FetchUnit {
    pub fn new(run: &Run) -> FetchUnit {
        let mut fetch = FetchUnit { read: None, next: 0, end: 0, drained: 0 };
        fetch.seek(0, run);
        fetch
    }

    /// What it does from this cycle on.
    pub fn from(&mut self, at: u64, run: &Run, bus: &mut Bus) -> Stretch {
        while let Some(place) = self.read {
            let read = &run.reads[place];
            let (arrived, buffered) = (read.last_beat.saturating_add(1), read.last_beat.saturating_add(2));
            if at < read.commanded {
                return Stretch::new(State::Working, None, read.commanded);
            }
            if at < arrived {
                let (state, until) = memory_wait(bus, at, arrived, |beats| beats.client == Client::Fetch);
                return Stretch::new(state, None, until);
            }
            // On its way from the bus into the buffer.
            if at < buffered {
                return Stretch::new(State::Working, None, buffered);
            }
            if let Some(stretch) = self.drain(at, run) {
                return stretch;
            }
            self.drained = at;
            self.seek(place + 1, run);
        }
        self.cut_off(at, run, bus)
    }

    /// Instructions go from the buffer into their queues.
    fn drain(&mut self, at: u64, run: &Run) -> Option<Stretch> {
        while self.next < self.end {
            let (index, queued) = (self.next, run.times[self.next].queued);
            if at < queued {
                return Some(Stretch::new(State::Blocked(run.insns[index].module()), Some(index), queued));
            }
            if at == queued {
                return Some(Stretch::new(State::Working, Some(index), queued + 1));
            }
            self.next += 1;
        }
        None
    }

    /// Behind the last burst that came: nothing to do, or the run ended before the next one.
    fn cut_off(&self, at: u64, run: &Run, bus: &mut Bus) -> Stretch {
        if self.next == run.insns.len() {
            return Stretch::new(State::Finished, None, NEVER);
        }
        if at == self.drained {
            return Stretch::new(State::Working, None, at + 1);
        }
        let (state, until) = memory_wait(bus, at, NEVER, |_| false);
        Stretch::new(state, None, until)
    }

    /// Goes to its next read that was on the bus, from a place in the table on.
    fn seek(&mut self, from: usize, run: &Run) {
        let own = |read: &Read| read.client == Client::Fetch && read.first_beat != NEVER;
        self.read = run.reads[from..].iter().position(own).map(|found| from + found);
        if let Some(place) = self.read {
            let insns = run.reads[place].beats * run.bus_bytes / INSN_BYTES as u64;
            self.end = run.insns.len().min(self.next + insns as usize);
        }
    }
}
