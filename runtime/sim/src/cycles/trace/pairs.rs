//! Which post each take took: tokens leave a queue in the order in which they were posted.
//!
//! A post that a full counter lost is taken by nobody, and a token from before the run was posted by nobody. What is
//! taken in the run's last cycle is not shown, so it is not a take here.

use super::TracedRun;
use super::steps::{Kind, Steps};
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
    /// Bit *q* stands for the queue at position *q* of [`Queue::ALL`]: its token was taken.
    taken: Vec<u8>,
}

impl Pairs {
    pub fn new(run: &TracedRun) -> Pairs {
        let mut pairs = Pairs { posters: vec![[NOBODY; 2]; run.insns.len()], taken: vec![0; run.insns.len()] };
        if !run.options.wait_for_tokens {
            return pairs;
        }
        let before = |queue| run.options.tokens_before.of(queue).min(MAX_OUTSTANDING) as usize;
        let mut fifos = Queue::ALL.map(|queue| VecDeque::from(vec![NOBODY; before(queue)]));
        let steps = Steps::new(run.insns, &run.tables.insns);
        for step in steps.take_while(|step| step.cycle < run.report.cycles) {
            let insn = &run.insns[step.insn];
            match step.kind {
                Kind::Starts => pairs.take(step.insn, insn, &mut fifos),
                Kind::Ends => post(step.insn, insn, &mut fifos),
            }
        }
        pairs
    }

    /// The queues from which the instruction took tokens that were posted in the run, with the posters.
    pub fn posters(&self, index: usize, insn: &Insn) -> impl Iterator<Item = (Queue, usize)> {
        insn.pops()
            .zip(self.posters[index])
            .filter(|(_, poster)| *poster != NOBODY)
            .map(|(q, poster)| (q, poster as usize))
    }

    /// The queues into which the instruction posted tokens that were taken.
    pub fn taken(&self, index: usize, insn: &Insn) -> impl Iterator<Item = Queue> {
        let taken = self.taken[index];
        insn.pushes().filter(move |queue| taken >> *queue as u8 & 1 == 1)
    }

    fn take(&mut self, index: usize, insn: &Insn, fifos: &mut [VecDeque<u32>; 4]) {
        for (poster, queue) in self.posters[index].iter_mut().zip(insn.pops()) {
            *poster = fifos[queue as usize].pop_front().unwrap_or(NOBODY);
            if let Some(taken) = self.taken.get_mut(*poster as usize) {
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
