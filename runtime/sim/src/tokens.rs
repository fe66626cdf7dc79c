//! Token queues between neighbouring modules: posts and takes → counts, and what each module knows to be finished.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use tilewright_isa::Insn;

pub use tilewright_isa::Queue;

/// Tokens that a hardware counter can hold; the machine loses a post beyond it.
pub const MAX_OUTSTANDING: u64 = tilewright_isa::limits::MAX_TOKENS as u64;

/// A number of tokens per queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenCounts {
    pub load_to_compute: u64,
    pub compute_to_load: u64,
    pub compute_to_store: u64,
    pub store_to_compute: u64,
}

impl TokenCounts {
    /// The count of one queue.
    pub fn of(&self, queue: Queue) -> u64 {
        match queue {
            Queue::LoadToCompute => self.load_to_compute,
            Queue::ComputeToLoad => self.compute_to_load,
            Queue::ComputeToStore => self.compute_to_store,
            Queue::StoreToCompute => self.store_to_compute,
        }
    }

    /// Whether every queue is empty.
    pub fn is_empty(&self) -> bool {
        *self == TokenCounts::default()
    }
}

/// The tokens in the four queues, in number.
#[derive(Debug)]
pub(crate) struct TokenState {
    counts: [u64; 4],
    /// Tokens that were there before the run and have not been taken. They are taken first.
    before: [u64; 4],
    /// Whether a queue has ever held more than the hardware counts.
    overflowed: [bool; 4],
}

impl TokenState {
    pub fn new(before: &TokenCounts) -> TokenState {
        let before = Queue::ALL.map(|queue| before.of(queue));
        TokenState { counts: before, before, overflowed: [false; 4] }
    }

    /// The first queue that the instruction would have to wait for, if any.
    #[inline]
    pub fn missing(&self, insn: &Insn) -> Option<Queue> {
        insn.pops().find(|&queue| self.counts[queue as usize] == 0)
    }

    /// Takes the instruction's tokens, which must be there.
    #[inline]
    pub fn take(&mut self, insn: &Insn) {
        for queue in insn.pops() {
            self.counts[queue as usize] -= 1;
            self.before[queue as usize] = self.before[queue as usize].saturating_sub(1);
        }
    }

    /// Posts the instruction's tokens. Returns a queue that holds more than [`MAX_OUTSTANDING`] for the first time.
    #[inline]
    pub fn post(&mut self, insn: &Insn) -> Option<Queue> {
        let mut overflow = None;
        for queue in insn.pushes() {
            let count = &mut self.counts[queue as usize];
            *count = count.saturating_add(1);
            if *count > MAX_OUTSTANDING && !std::mem::replace(&mut self.overflowed[queue as usize], true) {
                overflow = Some(queue);
            }
        }
        overflow
    }

    /// Tokens in the queue that were posted in this run.
    pub fn posted(&self, queue: Queue) -> u64 {
        self.counts[queue as usize] - self.before[queue as usize]
    }

    /// Tokens in every queue.
    pub fn counts(&self) -> TokenCounts {
        let [load_to_compute, compute_to_load, compute_to_store, store_to_compute] = self.counts;
        TokenCounts { load_to_compute, compute_to_load, compute_to_store, store_to_compute }
    }
}

/// Instructions known to be done, per module in the order of [`tilewright_isa::Module::ALL`].
pub type Clock = [u32; 3];

/// What each module knows to be done. Every posted token carries its poster's clock; taking it joins the clock into the
/// taker's. One instruction is ordered before another exactly if the other's clock counts it, so the clocks are the
/// token order itself, whatever order of execution was chosen.
#[derive(Debug)]
pub(crate) struct Clocks {
    clocks: [Clock; 3],
    /// The clocks of the tokens in each queue, behind tokens from before the run, which order nothing.
    before: [u64; 4],
    posted: [VecDeque<Clock>; 4],
}

impl Clocks {
    pub fn new(before: &TokenCounts) -> Clocks {
        let before = Queue::ALL.map(|queue| before.of(queue));
        Clocks { clocks: [[0; 3]; 3], before, posted: Default::default() }
    }

    /// Takes the tokens of an instruction and posts those of its end. Returns the clock of its start.
    pub fn step(&mut self, insn: &Insn) -> Clock {
        let module = insn.module() as usize;
        let clock = &mut self.clocks[module];
        for queue in insn.pops() {
            let before = &mut self.before[queue as usize];
            if *before > 0 {
                *before -= 1;
            } else if let Some(token) = self.posted[queue as usize].pop_front() {
                *clock = [0, 1, 2].map(|of| clock[of].max(token[of]));
            }
        }
        let start = *clock;
        clock[module] += 1;
        for queue in insn.pushes() {
            self.posted[queue as usize].push_back(*clock);
        }
        start
    }
}
