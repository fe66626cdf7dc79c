//! Lengths of the modules' queues and numbers of tokens, as the machines see them: what is queued, taken or posted in a
//! cycle counts from the next one on.

use super::TracedRun;
use super::walk::Counter;
use crate::cycles::observe::NEVER;
use crate::cycles::steps::{Kind, Steps};
use crate::cycles::tables::InsnTimes;
use crate::tokens::{MAX_OUTSTANDING, Queue};
use tilewright_isa::Insn;

/// The seven counters in a cycle.
#[derive(Clone, Debug)]
pub(super) struct Counters<'a> {
    insns: &'a [Insn],
    times: &'a [InsnTimes],
    wait_for_tokens: bool,
    /// The next instruction to be queued.
    next: usize,
    steps: Steps<'a>,
    /// In the order of [`Counter::ALL`].
    values: [u64; 7],
    /// The next cycle in which a value may be another.
    pub wake: u64,
}

impl<'a> Counters<'a> {
    pub fn new(run: &TracedRun<'a>) -> Counters<'a> {
        let (insns, times) = (run.insns, &run.tables.insns[..]);
        let mut values = [0; 7];
        for queue in Queue::ALL {
            values[Counter::Tokens(queue).place()] = run.options.tokens_before.of(queue).min(MAX_OUTSTANDING);
        }
        let wait_for_tokens = run.options.wait_for_tokens;
        Counters { insns, times, wait_for_tokens, next: 0, steps: Steps::new(insns, times), values, wake: 0 }
    }

    /// The values from `wake` on.
    pub fn advance(&mut self) -> [u64; 7] {
        let now = self.wake;
        while self.steps.next_cycle() < now {
            self.step();
        }
        while self.queued() < now {
            self.values[Counter::Queue(self.insns[self.next].module()).place()] += 1;
            self.next += 1;
        }
        self.wake = self.steps.next_cycle().min(self.queued()).saturating_add(1);
        self.values
    }

    fn queued(&self) -> u64 {
        self.times.get(self.next).map_or(NEVER, |times| times.queued)
    }

    fn step(&mut self) {
        let Some(step) = self.steps.next() else { return };
        let insn = &self.insns[step.insn];
        if step.kind == Kind::Ends {
            self.values[Counter::Queue(insn.module()).place()] -= 1;
        }
        if !self.wait_for_tokens {
            return;
        }
        match step.kind {
            Kind::Starts => insn.pops().for_each(|queue| self.values[Counter::Tokens(queue).place()] -= 1),
            Kind::Ends => insn.pushes().for_each(|queue| {
                let tokens = &mut self.values[Counter::Tokens(queue).place()];
                *tokens = MAX_OUTSTANDING.min(*tokens + 1);
            }),
        }
    }
}
