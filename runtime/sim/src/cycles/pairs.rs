//! Which post each take took: tokens leave a queue in the order in which they were posted.
//!
//! A post that a full counter lost is taken by nobody, and a token from before the run was posted by nobody.

use super::machine::CycleOptions;
use super::steps::{Kind, Steps};
use super::tables::InsnTimes;
use crate::tokens::{MAX_OUTSTANDING, Queue};
use std::collections::VecDeque;
use tilewright_isa::Insn;

/// No instruction; streams are shorter.
const NOBODY: u32 = u32::MAX;

/// For each instruction, whose tokens it took, and who took its own.
#[derive(Debug)]
pub(super) struct Pairs {
    /// The posters, in the order of [`Insn::pops`].
    posters: Vec<[u32; 2]>,
    /// Bit *q* stands for the queue at position *q* of [`Queue::ALL`]: its token was taken before the run's last cycle.
    taken: Vec<u8>,
    /// What nobody took, in the order of [`Queue::ALL`]: posts of the run's last cycle are not among it, as nobody could
    /// have seen them.
    left: [usize; 4],
}

impl Pairs {
    /// Of a run of so many cycles.
    pub fn new(insns: &[Insn], times: &[InsnTimes], cycles: u64, options: &CycleOptions) -> Pairs {
        let none = vec![[NOBODY; 2]; insns.len()];
        let mut pairs = Pairs { posters: none, taken: vec![0; insns.len()], left: [0; 4] };
        if !options.wait_for_tokens {
            return pairs;
        }
        let before = |queue| options.tokens_before.of(queue).min(MAX_OUTSTANDING) as usize;
        let mut fifos = Queue::ALL.map(|queue| VecDeque::from(vec![NOBODY; before(queue)]));
        for step in Steps::new(insns, times).take_while(|step| step.cycle <= cycles) {
            let insn = &insns[step.insn];
            match step.kind {
                Kind::Starts => pairs.take(step.insn, insn, &mut fifos, step.cycle < cycles),
                Kind::Ends if step.cycle < cycles => post(step.insn, insn, &mut fifos),
                Kind::Ends => {}
            }
        }
        pairs.left = fifos.map(|fifo| fifo.len());
        pairs
    }

    /// Whether nobody could take a token from the queue when the run ended.
    pub fn ended_empty(&self, queue: Queue) -> bool {
        self.left[queue as usize] == 0
    }

    /// The queues from which the instruction took tokens that were posted in the run, with the posters.
    pub fn posters(&self, index: usize, insn: &Insn) -> impl Iterator<Item = (Queue, usize)> {
        insn.pops()
            .zip(self.posters[index])
            .filter(|(_, poster)| *poster != NOBODY)
            .map(|(q, poster)| (q, poster as usize))
    }

    /// The queues into which the instruction posted tokens that were taken before the run's last cycle.
    pub fn taken(&self, index: usize, insn: &Insn) -> impl Iterator<Item = Queue> {
        let taken = self.taken[index];
        insn.pushes().filter(move |queue| taken >> *queue as u8 & 1 == 1)
    }

    fn take(&mut self, index: usize, insn: &Insn, fifos: &mut [VecDeque<u32>; 4], shown: bool) {
        for (poster, queue) in self.posters[index].iter_mut().zip(insn.pops()) {
            *poster = fifos[queue as usize].pop_front().unwrap_or(NOBODY);
            if let Some(taken) = self.taken.get_mut(*poster as usize).filter(|_| shown) {
                *taken |= 1 << queue as u8;
            }
        }
    }
}

fn post(index: usize, insn: &Insn, fifos: &mut [VecDeque<u32>; 4]) {
    for queue in insn.pushes() {
        let fifo = &mut fifos[queue as usize];
        if fifo.len() < MAX_OUTSTANDING as usize {
            fifo.push_back(index as u32);
        }
    }
}
