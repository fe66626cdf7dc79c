//! Token counters: posts and takes → counts, as the hardware has them.
//!
//! A counter saturates, and a post beyond that is lost. Post and take in one cycle leave it as it is, which the caller
//! obtains by letting the takes of a cycle come first.

use crate::report::Overflow;
use crate::tokens::{MAX_OUTSTANDING, Queue, TokenCounts};
use tilewright_isa::{Insn, Module};

/// A set of token queues: bit *q* stands for the queue at position *q* of [`Queue::ALL`].
pub(super) type QueueSet = u8;

/// The queues that an instruction takes from and posts into.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TokenUse {
    pub pops: QueueSet,
    pub pushes: QueueSet,
}

/// Per module, the queues on its sides: those that `pop_prev`, `pop_next`, `push_prev` and `push_next` mean.
const SIDES: [[QueueSet; 4]; 3] = [
    [0, 1 << Queue::ComputeToLoad as u8, 0, 1 << Queue::LoadToCompute as u8],
    [
        1 << Queue::LoadToCompute as u8,
        1 << Queue::StoreToCompute as u8,
        1 << Queue::ComputeToLoad as u8,
        1 << Queue::ComputeToStore as u8,
    ],
    [1 << Queue::ComputeToStore as u8, 0, 1 << Queue::StoreToCompute as u8, 0],
];

impl TokenUse {
    pub fn of(insn: &Insn, module: Module) -> TokenUse {
        let [pop_prev, pop_next, push_prev, push_next] = SIDES[module as usize];
        let side = |flag: bool, set: QueueSet| if flag { set } else { 0 };
        let tokens = insn.tokens;
        TokenUse {
            pops: side(tokens.pop_prev, pop_prev) | side(tokens.pop_next, pop_next),
            pushes: side(tokens.push_prev, push_prev) | side(tokens.push_next, push_next),
        }
    }
}

/// The four counters.
#[derive(Debug)]
pub(super) struct Counters {
    counts: [u64; 4],
    /// The queues whose counters are not zero.
    filled: QueueSet,
    /// The queues that have lost a post.
    lost: QueueSet,
    pub overflows: Vec<Overflow>,
}

impl Counters {
    pub fn new(before: &TokenCounts) -> Counters {
        let counts = Queue::ALL.map(|queue| before.of(queue).min(MAX_OUTSTANDING));
        let filled = (0..4).filter(|queue| counts[*queue] > 0).map(|queue| 1 << queue).sum();
        Counters { counts, filled, lost: 0, overflows: Vec::new() }
    }

    /// Whether each of the queues has a token.
    #[inline]
    pub fn have(&self, pops: QueueSet) -> bool {
        pops & !self.filled == 0
    }

    /// Takes a token from each; they must be there.
    #[inline]
    pub fn take(&mut self, pops: QueueSet) {
        for (queue, count) in self.counts.iter_mut().enumerate().filter(|(queue, _)| pops >> queue & 1 == 1) {
            *count -= 1;
            if *count == 0 {
                self.filled &= !(1 << queue);
            }
        }
    }

    /// Posts a token into each; remembers the first post that each queue loses.
    #[inline]
    pub fn post(&mut self, pushes: QueueSet, insn: usize) {
        self.filled |= pushes;
        for (at, count) in self.counts.iter_mut().enumerate().filter(|(queue, _)| pushes >> queue & 1 == 1) {
            if *count < MAX_OUTSTANDING {
                *count += 1;
            } else if self.lost >> at & 1 == 0 {
                self.lost |= 1 << at;
                self.overflows.push(Overflow { queue: Queue::ALL[at], insn });
            }
        }
    }

    pub fn counts(&self) -> TokenCounts {
        let [load_to_compute, compute_to_load, compute_to_store, store_to_compute] = self.counts;
        TokenCounts { load_to_compute, compute_to_load, compute_to_store, store_to_compute }
    }
}
