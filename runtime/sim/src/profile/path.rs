//! The critical path: the attribution of a run → the chain of states that ends with the run, without a gap.
//!
//! The walk begins at the instruction that was done last and goes back in time. Where an instruction started, what came
//! last had let it: its module became free, a token was posted, or fetch brought it. Fetch goes back through its own
//! bursts, or to the module whose full queue it had waited for. So each cycle of the run is in exactly one step.
//!
//! Where several came in the same cycle, the path keeps to the module it is in.

use crate::cycles::{Attribution, CycleReport, Span, State, Tables};
use std::ops::Range;
use tilewright_isa::{Insn, Module};

/// A machine that has states of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    Fetch,
    Module(Module),
}

impl Unit {
    /// In the order in which reports show them.
    pub const ALL: [Unit; 4] =
        [Unit::Fetch, Unit::Module(Module::Load), Unit::Module(Module::Compute), Unit::Module(Module::Store)];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Fetch => "fetch",
            Unit::Module(module) => module.name(),
        }
    }
}

/// Why the path came to a step: what the step after it had waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The end of the run, or the instruction behind it in the same module.
    Next,
    /// A token that this step's instruction posted.
    Token,
    /// Fetch had to bring the instruction.
    Starved,
    /// Fetch held an instruction for a queue that was full until this step's instruction was done.
    Blocked,
}

/// A stretch of the path in one unit and state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub unit: Unit,
    pub cycles: Range<u64>,
    pub state: State,
    /// The instruction that runs; for fetch, the one that is waited for.
    pub insn: usize,
    /// Why the step that follows could not come earlier.
    pub cause: Cause,
}

/// The whole chain, from cycle 0 to the length of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    pub steps: Vec<Step>,
}

impl Path {
    /// The cycles of all steps: the length of the run.
    pub fn cycles(&self) -> u64 {
        self.steps.iter().map(|step| step.cycles.end - step.cycles.start).sum()
    }
}

/// Walks back from the end of a run with these tables and this attribution.
pub(super) fn path(insns: &[Insn], tables: &Tables, attribution: &Attribution, report: &CycleReport) -> Path {
    let last = || tables.insns.iter().rposition(|times| times.done == report.cycles);
    let Some(last) = report.finish.or_else(last) else { return Path::default() };
    let unit = Unit::Module(insns[last].module());
    let mut walk = Walk { insns, attribution, unit, insn: last, at: report.cycles };
    let (mut steps, mut cause) = (Vec::new(), Cause::Next);
    while walk.at > 0 {
        let span = walk.span();
        // A wait leads to what ended it; one that nothing ended is a step itself.
        let hop = if cause == Cause::Next { walk.hop(span) } else { None };
        if let Some(hop) = hop {
            cause = hop;
            continue;
        }
        if let (Unit::Module(_), Some(insn)) = (walk.unit, span.insn) {
            walk.insn = insn;
        }
        let cycles = span.cycles.start..walk.at;
        walk.at = cycles.start;
        steps.push(Step { unit: walk.unit, cycles, state: span.state, insn: walk.insn, cause });
        cause = Cause::Next;
    }
    steps.reverse();
    Path { steps }
}

/// A place on the way back: what `unit` did in the cycle before `at`.
struct Walk<'a> {
    insns: &'a [Insn],
    attribution: &'a Attribution,
    unit: Unit,
    /// The instruction that is charged.
    insn: usize,
    at: u64,
}

impl<'a> Walk<'a> {
    fn span(&self) -> &'a Span {
        let spans = match self.unit {
            Unit::Fetch => &self.attribution.fetch,
            Unit::Module(module) => &self.attribution.modules[module as usize],
        };
        &spans[spans.partition_point(|span| span.cycles.end < self.at)]
    }

    /// Goes to the unit that ended a wait, in the same cycle.
    fn hop(&mut self, span: &Span) -> Option<Cause> {
        match span.state {
            State::Token { poster: Some(poster), .. } => {
                self.unit = Unit::Module(self.insns[poster].module());
                Some(Cause::Token)
            }
            State::Starved => {
                self.insn = span.insn?;
                self.unit = Unit::Fetch;
                Some(Cause::Starved)
            }
            State::Blocked(module) => {
                self.unit = Unit::Module(module);
                Some(Cause::Blocked)
            }
            _ => None,
        }
    }
}
