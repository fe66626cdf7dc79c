//! Token queues between neighbouring modules: posts and takes → counts, and what each module knows to be finished.
//!
//! Every posted token carries the poster's [`Clock`]: how many instructions of each module are known to be done when
//! it is posted. Taking a token joins its clock into the taker's. One instruction is ordered before another exactly if
//! the other's clock counts it, so the clocks are the token order itself, whatever order of execution was chosen.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use tilewright_isa::{Insn, Module};

pub use tilewright_isa::Queue;

/// Tokens that a hardware counter can hold; the machine loses a post beyond it.
pub const MAX_OUTSTANDING: u64 = tilewright_isa::MAX_TOKENS as u64;

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

/// Instructions known to be done, per module in the order of [`Module::ALL`].
pub type Clock = [u32; 3];

/// One queue: tokens from before the run, which order nothing, then posted ones with their clocks.
#[derive(Debug, Default)]
struct Fifo {
    before: u64,
    posted: VecDeque<Clock>,
}

/// The four queues and the clock of each module.
#[derive(Debug)]
pub(crate) struct TokenState {
    fifos: [Fifo; 4],
    clocks: [Clock; 3],
    /// Whether a queue has ever held more than the hardware counts.
    overflowed: [bool; 4],
}

impl TokenState {
    pub fn new(before: &TokenCounts) -> TokenState {
        let fifos = Queue::ALL.map(|queue| Fifo { before: before.of(queue), posted: VecDeque::new() });
        TokenState { fifos, clocks: [[0; 3]; 3], overflowed: [false; 4] }
    }

    /// The first queue that the instruction would have to wait for, if any.
    pub fn missing(&self, insn: &Insn) -> Option<Queue> {
        insn.pops().find(|&queue| self.count(queue) == 0)
    }

    /// Takes the instruction's tokens, which must be there. Returns the clock of its start.
    pub fn start(&mut self, insn: &Insn) -> Clock {
        let clock = &mut self.clocks[insn.module() as usize];
        for queue in insn.pops() {
            let fifo = &mut self.fifos[queue as usize];
            if fifo.before > 0 {
                fifo.before -= 1;
            } else if let Some(token) = fifo.posted.pop_front() {
                for (known, told) in clock.iter_mut().zip(token) {
                    *known = told.max(*known);
                }
            }
        }
        *clock
    }

    /// Posts the instruction's tokens. Returns a queue that holds more than [`MAX_OUTSTANDING`] for the first time.
    pub fn finish(&mut self, insn: &Insn) -> Option<Queue> {
        let module = insn.module() as usize;
        self.clocks[module][module] += 1;
        let mut overflow = None;
        for queue in insn.pushes() {
            self.fifos[queue as usize].posted.push_back(self.clocks[module]);
            if self.count(queue) > MAX_OUTSTANDING && !std::mem::replace(&mut self.overflowed[queue as usize], true) {
                overflow = Some(queue);
            }
        }
        overflow
    }

    /// What the module knows to be done; its own entry is what it has done.
    pub fn clock(&self, module: Module) -> Clock {
        self.clocks[module as usize]
    }

    /// Tokens in the queue.
    pub fn count(&self, queue: Queue) -> u64 {
        let fifo = &self.fifos[queue as usize];
        fifo.before.saturating_add(fifo.posted.len() as u64)
    }

    /// Tokens in every queue.
    pub fn counts(&self) -> TokenCounts {
        TokenCounts {
            load_to_compute: self.count(Queue::LoadToCompute),
            compute_to_load: self.count(Queue::ComputeToLoad),
            compute_to_store: self.count(Queue::ComputeToStore),
            store_to_compute: self.count(Queue::StoreToCompute),
        }
    }
}
