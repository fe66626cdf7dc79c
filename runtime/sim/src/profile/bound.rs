//! The bound: work and tables of a run → the cycles that no order of its instructions could go below.
//!
//! Each part of the machine does one thing per cycle: the compute module issues a micro-op, the bus brings a beat, the
//! store module writes. The part with the most to do needs that many cycles, however well the others are hidden behind
//! it. So the bound never exceeds the cycles of the run, for any stream: what FINISH cut off is not counted.

use crate::cycles::{Client, CycleReport, NEVER, Tables};
use tilewright_isa::{Insn, Module};

/// A part of the machine that can be busy all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Term {
    Compute,
    Read,
    Store,
}

/// The three terms, in cycles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    /// Cycles in which GEMM, its resets and ALU issued micro-ops.
    pub compute: u64,
    /// Beats on the bus, those of the instructions themselves included.
    pub read: u64,
    /// Of `read`, the beats of the instructions themselves.
    pub fetch: u64,
    /// Cycles in which a STORE ran.
    pub store: u64,
}

impl Bound {
    /// Of a run whose tables are finished with its length.
    pub fn of(insns: &[Insn], tables: &Tables, report: &CycleReport) -> Bound {
        let beats = |first: u64, last: u64| last.min(report.cycles) - first + 1;
        let on_bus = tables.reads.iter().filter(|read| read.first_beat != NEVER);
        let reads = on_bus.map(|read| (read.client, beats(read.first_beat, read.last_beat)));
        let (mut read, mut fetch) = (0, 0);
        for (client, beats) in reads {
            read += beats;
            fetch += if client == Client::Fetch { beats } else { 0 };
        }
        let stores = insns
            .iter()
            .zip(&tables.insns)
            .filter(|(insn, times)| insn.module() == Module::Store && !insn.is_noop() && times.started != NEVER);
        Bound {
            compute: report.work.gemm + report.work.reset + report.work.alu,
            read,
            fetch,
            store: stores.map(|(_, times)| times.done.min(report.cycles) - times.started).sum(),
        }
    }

    /// The cycles that the run needs at least.
    pub fn cycles(&self) -> u64 {
        self.compute.max(self.read).max(self.store)
    }

    /// The part that needs them; of several the first.
    pub fn binding(&self) -> Term {
        match self.cycles() {
            cycles if cycles == self.compute => Term::Compute,
            cycles if cycles == self.read => Term::Read,
            _ => Term::Store,
        }
    }

    /// The share of a run's cycles that the bound is; 0 for a run without cycles.
    pub fn share(&self, cycles: u64) -> f64 {
        self.cycles() as f64 / cycles.max(1) as f64
    }
}
