//! A run that ended → its changes, told to a [`Sink`] in order of time. Whatever the sink is told of holds until the next
//! change of the same thing; in cycle 0 it is told of everything once.

use super::TraceSummary;
use super::TracedRun;
use super::counters::Counters;
use crate::cycles::attribution::State;
use crate::cycles::memory::Client;
use crate::cycles::observe::{NEVER, Read, Write};
use crate::cycles::units::{Beats, Bus, FetchUnit, ModuleUnit, Reads, Run, Stretch};
use crate::tokens::Queue;
use std::io;
use tilewright_isa::Module;

/// What has states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Fetch,
    Module(Module),
}

impl Unit {
    pub const ALL: [Unit; 4] =
        [Unit::Fetch, Unit::Module(Module::Load), Unit::Module(Module::Compute), Unit::Module(Module::Store)];

    pub fn name(self) -> &'static str {
        match self {
            Unit::Fetch => "fetch",
            Unit::Module(module) => module.name(),
        }
    }

    /// The position in [`Unit::ALL`].
    #[inline]
    pub fn place(self) -> usize {
        match self {
            Unit::Fetch => 0,
            Unit::Module(module) => 1 + module as usize,
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counter {
    /// Instructions in a module's queue, the one that runs included.
    Queue(Module),
    Tokens(Queue),
}

impl Counter {
    pub const ALL: [Counter; 7] = [
        Counter::Queue(Module::Load),
        Counter::Queue(Module::Compute),
        Counter::Queue(Module::Store),
        Counter::Tokens(Queue::LoadToCompute),
        Counter::Tokens(Queue::ComputeToLoad),
        Counter::Tokens(Queue::ComputeToStore),
        Counter::Tokens(Queue::StoreToCompute),
    ];

    /// The position in [`Counter::ALL`].
    #[inline]
    pub fn place(self) -> usize {
        match self {
            Counter::Queue(module) => module as usize,
            Counter::Tokens(queue) => 3 + queue as usize,
        }
    }
}

/// Reads and writes have their own ways to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Reads,
    Writes,
}

/// A burst from its first beat to its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transfer {
    /// Who reads; writes are all of the store module.
    pub client: Option<Client>,
    pub insn: Option<usize>,
    /// In bytes.
    pub address: u64,
    pub beats: u64,
}

/// Takes the changes of a run.
pub(super) trait Sink {
    /// Whether each read burst is wanted, with its address; otherwise those of one LOAD that follow each other are told
    /// of as one transfer.
    const BURSTS: bool;

    /// From this cycle on the unit is in this state, charged to this instruction; not as before.
    fn state(&mut self, at: u64, unit: Unit, state: State, insn: Option<usize>) -> io::Result<()>;

    /// From this cycle on the counter has this value, not as before.
    fn counter(&mut self, at: u64, counter: Counter, value: u64) -> io::Result<()>;

    /// From this cycle on the channel carries this burst, or nothing. A burst may follow another at once.
    fn bus(&mut self, at: u64, channel: Channel, transfer: Option<Transfer>) -> io::Result<()>;

    /// The run ends in this cycle; all is written out.
    fn finish(self, cycles: u64) -> io::Result<TraceSummary>;
}

/// What is on a channel, and until when.
#[derive(Clone, Copy, Debug)]
struct Busy {
    wake: u64,
    carries: bool,
}

/// Where everything is. Each source knows the next cycle in which it has something to tell.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    run: Run<'a>,
    bus: Bus<'a>,
    /// The read bursts that are not over, for sinks that want them.
    bursts: Reads<'a>,
    fetch: FetchUnit,
    modules: [ModuleUnit; 3],
    /// In the order of [`Unit::ALL`]: when its stretch ends, and what it was told to be.
    wakes: [u64; 4],
    told: [Option<(State, Option<usize>)>; 4],
    counters: Counters<'a>,
    counted: Option<[u64; 7]>,
    reads: Busy,
    /// The writes that are not over.
    left: &'a [Write],
    writes: Busy,
}

impl<'a> Walk<'a> {
    pub fn new(traced: &TracedRun<'a>) -> Walk<'a> {
        let TracedRun { insns, tables, report, timing, options } = *traced;
        let run = Run::new(insns, tables, report, timing, options);
        let idle = Busy { wake: 0, carries: true };
        Walk {
            bus: Bus::new(run.reads),
            bursts: Reads::new(run.reads),
            fetch: FetchUnit::new(&run),
            modules: Module::ALL.map(|module| ModuleUnit::new(module, &run)),
            wakes: [0; 4],
            told: [None; 4],
            counters: Counters::new(traced),
            counted: None,
            reads: idle,
            left: &tables.writes,
            writes: idle,
            run,
        }
    }

    /// Tells of the next cycle in which something changes; false behind the last.
    pub fn step(&mut self, sink: &mut impl Sink) -> io::Result<bool> {
        let [fetch, load, compute, store] = self.wakes;
        let units = fetch.min(load).min(compute.min(store));
        let now = units.min(self.counters.wake).min(self.reads.wake.min(self.writes.wake));
        if now >= self.run.cycles {
            return Ok(false);
        }
        if now == units {
            self.states(now, sink)?;
        }
        if now == self.counters.wake {
            self.counts(now, sink)?;
        }
        if now == self.reads.wake {
            self.read(now, sink)?;
        }
        if now == self.writes.wake {
            self.write(now, sink)?;
        }
        Ok(true)
    }

    fn states(&mut self, now: u64, sink: &mut impl Sink) -> io::Result<()> {
        for unit in Unit::ALL {
            let place = unit.place();
            if self.wakes[place] != now {
                continue;
            }
            let Stretch { state, insn, until } = match unit {
                Unit::Fetch => self.fetch.from(now, &self.run, &mut self.bus),
                Unit::Module(module) => self.modules[module as usize].from(now, &self.run, &mut self.bus),
            };
            self.wakes[place] = until;
            if self.told[place].replace((state, insn)) != Some((state, insn)) {
                sink.state(now, unit, state, insn)?;
            }
        }
        Ok(())
    }

    fn counts(&mut self, now: u64, sink: &mut impl Sink) -> io::Result<()> {
        let (values, counted) = (self.counters.advance(), self.counted);
        self.counted = Some(values);
        for (counter, value) in Counter::ALL.into_iter().zip(values) {
            if counted.is_none_or(|counted| counted[counter.place()] != value) {
                sink.counter(now, counter, value)?;
            }
        }
        Ok(())
    }

    fn read<S: Sink>(&mut self, now: u64, sink: &mut S) -> io::Result<()> {
        let next = if S::BURSTS { self.burst(now) } else { self.beats(now) };
        self.reads.tell(now, next, Channel::Reads, sink)
    }

    /// The first read burst that is not over.
    fn burst(&mut self, now: u64) -> Option<Carried> {
        while let Some(read) = self.bursts.peek()
            && read.last_beat < now
        {
            self.bursts.next();
        }
        let Read { client, insn, first_beat, last_beat, address, beats, .. } = *self.bursts.peek()?;
        let transfer = Transfer { client: Some(client), insn, address, beats };
        Some(Carried { first: first_beat, last: last_beat, transfer })
    }

    /// The same for all bursts of one LOAD that follow each other; they have no address.
    fn beats(&mut self, now: u64) -> Option<Carried> {
        let Beats { client, insn, first, last } = *self.bus.from(now)?;
        let transfer = Transfer { client: Some(client), insn, address: 0, beats: 0 };
        Some(Carried { first, last, transfer })
    }

    fn write(&mut self, now: u64, sink: &mut impl Sink) -> io::Result<()> {
        while self.left.first().is_some_and(|write| write.last_beat < now) {
            self.left = &self.left[1..];
        }
        let next = self.left.first().map(|write| {
            let Write { insn, first_beat, last_beat, address, beats, .. } = *write;
            let transfer = Transfer { client: None, insn: Some(insn), address, beats };
            Carried { first: first_beat, last: last_beat, transfer }
        });
        self.writes.tell(now, next, Channel::Writes, sink)
    }
}

/// A transfer with its first and its last cycle.
#[derive(Clone, Copy, Debug)]
struct Carried {
    first: u64,
    last: u64,
    transfer: Transfer,
}

impl Busy {
    /// Tells what the channel carries in this cycle; `next` is what is not over.
    #[inline]
    fn tell(&mut self, now: u64, next: Option<Carried>, channel: Channel, sink: &mut impl Sink) -> io::Result<()> {
        let (wake, transfer) = match next {
            Some(Carried { first, last, transfer }) if first <= now => (last.saturating_add(1), Some(transfer)),
            Some(Carried { first, .. }) => (first, None),
            None => (NEVER, None),
        };
        let carried = std::mem::replace(self, Busy { wake, carries: transfer.is_some() }).carries;
        if carried || transfer.is_some() { sink.bus(now, channel, transfer) } else { Ok(()) }
    }
}
