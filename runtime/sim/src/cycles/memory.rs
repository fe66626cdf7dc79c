//! Reads: commands of the clients → grants, and with each grant the cycles of the burst's beats.
//!
//! Each client has a command queue of one entry. In each cycle the non-empty queue of the highest priority moves into
//! the memory's FIFO, unless the last beat of a burst is on the bus in that cycle or too many reads are outstanding.
//! Requests are served in order. A counter runs while the FIFO is not empty and returns to zero in a cycle in which it
//! is; the head is taken once the counter has reached the latency and the running burst has its last beat. Its own
//! beats follow, one per cycle.
//!
//! Since service is in order, a grant fixes all that follows for that burst. So grants are the only events here.

use super::Timing;
use super::observe::{NEVER, Read};
use std::collections::VecDeque;
use std::fmt;
use tilewright_isa::MemoryType;

/// Who reads memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    Fetch,
    /// The loads of one of the [`MemoryType::SCRATCHPADS`].
    Load(MemoryType),
}

/// How many there are: a queue each.
pub const CLIENTS: usize = 1 + MemoryType::SCRATCHPADS.len();

impl Client {
    /// In order of priority.
    pub const ALL: [Client; CLIENTS] = {
        let mut all = [Client::Fetch; CLIENTS];
        let mut at = 1;
        while at < CLIENTS {
            all[at] = Client::Load(MemoryType::SCRATCHPADS[at - 1]);
            at += 1;
        }
        all
    };

    /// The place in [`Client::ALL`] of the loads of each scratchpad, in the order of [`MemoryType::ALL`].
    const PLACES: [usize; MemoryType::ALL.len()] = {
        let mut places = [0; MemoryType::ALL.len()];
        let mut at = 1;
        while at < CLIENTS {
            places[MemoryType::SCRATCHPADS[at - 1] as usize] = at;
            at += 1;
        }
        places
    };

    /// Who reads for loads of a memory.
    #[inline]
    pub fn of(memory: MemoryType) -> Client {
        Client::Load(memory.scratchpad())
    }

    /// The place in [`Client::ALL`].
    #[inline]
    pub fn index(self) -> usize {
        match self {
            Client::Fetch => 0,
            Client::Load(memory) => Client::PLACES[memory as usize],
        }
    }

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Client::Fetch => "fetch",
            Client::Load(memory) => memory.name(),
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A piece of memory that one burst reads or writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Burst {
    /// In bytes.
    pub address: u64,
    pub beats: u64,
}

/// A client's command queue; empty when `commanded` is [`NEVER`].
#[derive(Clone, Copy, Debug)]
struct Slot {
    commanded: u64,
    burst: Burst,
}

const EMPTY: Slot = Slot { commanded: NEVER, burst: Burst { address: 0, beats: 0 } };

/// The read half of memory.
#[derive(Debug)]
pub(super) struct Memory {
    latency: u64,
    /// As in [`super::sizes::Sizes`].
    beat_limit: u64,
    outstanding: usize,
    slots: [Slot; CLIENTS],
    /// When the next grant is, as far as the commands so far tell.
    next_grant: u64,
    /// Last beats of the granted reads, ascending; those before the last grant are dropped.
    last_beats: VecDeque<u64>,
    last_grant: u64,
    /// The first cycle of the FIFO's present stretch without an empty cycle.
    filled_since: u64,
    /// When the latest request is taken from the FIFO, and when its last beat is.
    last_taken: u64,
    bus_until: u64,
}

impl Memory {
    pub fn new(timing: &Timing, beat_limit: u64) -> Memory {
        Memory {
            latency: timing.read_latency,
            beat_limit,
            outstanding: timing.outstanding_reads as usize,
            slots: [EMPTY; CLIENTS],
            next_grant: NEVER,
            last_beats: VecDeque::with_capacity(timing.outstanding_reads as usize + 1),
            last_grant: 0,
            filled_since: 0,
            last_taken: 0,
            bus_until: 0,
        }
    }

    /// The cycle of the next grant, unless another command comes before it; [`NEVER`] without commands.
    #[inline]
    pub fn next_grant(&self) -> u64 {
        self.next_grant
    }

    /// Puts a command into the client's queue, which must be empty. It can be granted from the next cycle on.
    pub fn command(&mut self, client: Client, cycle: u64, burst: Burst) {
        debug_assert_eq!(self.slots[client.index()].commanded, NEVER, "{client} has a command already");
        self.slots[client.index()] = Slot { commanded: cycle, burst };
        self.next_grant = self.next_grant.min(self.admitted_from(cycle + 1));
    }

    /// Grants in the cycle of [`Memory::next_grant`].
    pub fn grant(&mut self) -> (Client, Read) {
        let cycle = self.next_grant;
        let visible = |client: &Client| self.slots[client.index()].commanded < cycle;
        let client = Client::ALL.into_iter().find(visible).expect("a grant has a command that was there before");
        let Slot { commanded, burst } = std::mem::replace(&mut self.slots[client.index()], EMPTY);
        if self.last_taken < cycle {
            self.filled_since = cycle + 1;
        }
        self.last_taken = self.bus_until.max(self.filled_since + self.latency);
        self.bus_until = self.last_taken + burst.beats.min(self.beat_limit);
        while self.last_beats.front().is_some_and(|last| *last <= cycle) {
            self.last_beats.pop_front();
        }
        self.last_beats.push_back(self.bus_until);
        self.last_grant = cycle;
        self.next_grant = match self.slots.iter().map(|slot| slot.commanded).min() {
            None | Some(NEVER) => NEVER,
            Some(first) => self.admitted_from(first + 1),
        };
        let (first_beat, last_beat) = (self.last_taken + 1, self.bus_until);
        let Burst { address, beats } = burst;
        (client, Read { client, insn: None, commanded, granted: cycle, first_beat, last_beat, address, beats })
    }

    /// Commands that were never granted.
    pub fn waiting(&self) -> impl Iterator<Item = (Client, u64, Burst)> {
        let slots = Client::ALL.into_iter().zip(self.slots);
        slots.filter(|(_, slot)| slot.commanded != NEVER).map(|(client, slot)| (client, slot.commanded, slot.burst))
    }

    /// The first cycle from this one on, and behind the last grant, in which a request may enter the FIFO.
    fn admitted_from(&self, cycle: u64) -> u64 {
        let mut cycle = cycle.max(self.last_grant + 1);
        if let Some(oldest) = self.last_beats.len().checked_sub(self.outstanding) {
            cycle = cycle.max(self.last_beats[oldest] + 1);
        }
        for last in &self.last_beats {
            if *last > cycle {
                break;
            }
            cycle += u64::from(*last == cycle);
        }
        cycle
    }
}
