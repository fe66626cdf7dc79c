//! Starts and ends of instructions of all modules, in order of time. Starts of a cycle come before its ends, as takes of
//! tokens precede posts; among those, modules are in the order of [`Module::ALL`].

use super::observe::NEVER;
use super::tables::InsnTimes;
use tilewright_isa::{Insn, Module};

/// What an instruction does to tokens and to its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Starts,
    Ends,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub cycle: u64,
    pub kind: Kind,
    pub insn: usize,
}

/// The next step of each module; [`NEVER`] when it has none.
#[derive(Clone, Debug)]
pub(super) struct Steps<'a> {
    insns: &'a [Insn],
    times: &'a [InsnTimes],
    next: [Step; 3],
}

impl<'a> Steps<'a> {
    pub fn new(insns: &'a [Insn], times: &'a [InsnTimes]) -> Steps<'a> {
        let none = Step { cycle: NEVER, kind: Kind::Starts, insn: insns.len() };
        let mut steps = Steps { insns, times, next: [none; 3] };
        steps.next = Module::ALL.map(|module| steps.start(module, 0));
        steps
    }

    /// The cycle of the next step.
    #[inline]
    pub fn next_cycle(&self) -> u64 {
        let [load, compute, store] = &self.next;
        load.cycle.min(compute.cycle).min(store.cycle)
    }

    /// The first start in the module from this instruction on.
    fn start(&self, module: Module, from: usize) -> Step {
        let own = self.insns[from..].iter().position(|insn| insn.module() == module);
        let insn = own.map_or(self.insns.len(), |found| from + found);
        Step { cycle: self.times.get(insn).map_or(NEVER, |times| times.started), kind: Kind::Starts, insn }
    }
}

impl Iterator for Steps<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let first = |step: &&Step| (step.cycle, step.kind);
        let step = *self.next.iter().min_by_key(first).filter(|step| step.cycle != NEVER)?;
        let module = self.insns[step.insn].module();
        self.next[module as usize] = match step.kind {
            Kind::Starts => Step { cycle: self.times[step.insn].done, kind: Kind::Ends, ..step },
            Kind::Ends => self.start(module, step.insn + 1),
        };
        Some(step)
    }
}
