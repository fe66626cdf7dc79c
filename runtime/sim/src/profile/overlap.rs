//! Overlap: the attribution of a run → cycles in which neighbouring modules are busy at the same time.
//!
//! A module is busy while it works or waits for memory: what a schedule can hide behind another module.

use crate::cycles::{Attribution, Span, State};
use std::ops::Range;
use tilewright_isa::Module;

/// In cycles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlap {
    /// In which each module is busy, in the order of [`Module::ALL`].
    pub busy: [u64; 3],
    /// In which load and compute both are.
    pub load_compute: u64,
    /// In which compute and store both are.
    pub compute_store: u64,
}

impl Overlap {
    /// Of a run with this attribution.
    pub fn of(attribution: &Attribution) -> Overlap {
        let [load, compute, store] = Module::ALL.map(|module| busy(&attribution.modules[module as usize]));
        Overlap {
            busy: [&load, &compute, &store]
                .map(|stretches| stretches.iter().map(|cycles| cycles.end - cycles.start).sum()),
            load_compute: common(&load, &compute),
            compute_store: common(&compute, &store),
        }
    }

    /// The share that is hidden of what load and compute could hide behind each other: 1 if one of them is only busy while
    /// the other is; 0 if one is never busy.
    pub fn share(&self) -> f64 {
        let [load, compute, _] = self.busy;
        self.load_compute as f64 / load.min(compute).max(1) as f64
    }
}

fn busy(spans: &[Span]) -> Vec<Range<u64>> {
    let is_busy = |span: &&Span| matches!(span.state, State::Working | State::Memory(_));
    spans.iter().filter(is_busy).map(|span| span.cycles.clone()).collect()
}

/// The cycles that are in both; each list is ascending and without overlaps.
fn common(first: &[Range<u64>], second: &[Range<u64>]) -> u64 {
    let (mut first, mut second) = (first.iter().peekable(), second.iter().peekable());
    let mut cycles = 0;
    while let (Some(a), Some(b)) = (first.peek(), second.peek()) {
        cycles += a.end.min(b.end).saturating_sub(a.start.max(b.start));
        if a.end < b.end {
            first.next()
        } else {
            second.next()
        };
    }
    cycles
}
