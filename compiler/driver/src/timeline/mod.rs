//! Timelines: where the cycles of a run went, and a range of its cycles → a picture of fetch and the three modules.
//!
//! [`terminal`] draws with characters and [`svg`] a file of its own. Both are pure; a picture's size is bounded however
//! long the run is. Invariant: each lane is covered by its pieces from the first to the last cycle of the range, without
//! gaps, and so are the cells and the rectangles made from them; what lies below their resolution is summed, never left
//! out.

mod kind;
mod svg;
mod terminal;

use std::ops::Range;

use tilewright_isa::{Insn, Module};
use tilewright_sim::cycles::{Attribution, Span};

use crate::cli::CycleRange;
use crate::error::DriverError;
use crate::report::grouped;
use kind::Kind;

pub use svg::svg;
pub use terminal::{columns, terminal};

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Picture<'a> {
    /// What ran, in a few words.
    pub title: String,
    /// The stream that ran.
    pub insns: &'a [Insn],
    pub attribution: &'a Attribution,
    /// The cycles to show, as [`window`] gives them.
    pub cycles: Range<u64>,
}

/// The cycles that are shown of a run that took `total`; all of them if none are asked for.
pub fn window(asked: Option<CycleRange>, total: u64) -> Result<Range<u64>, DriverError> {
    let Some(CycleRange { start, end }) = asked else { return Ok(0..total) };
    let cycles = start.unwrap_or(0)..end.unwrap_or(total);
    if end.is_some_and(|end| cycles.start >= end) {
        return Err(DriverError::NoCycles { cycles });
    }
    if cycles.end > total || cycles.start >= total {
        return Err(DriverError::CyclesOutside { cycles, total });
    }
    Ok(cycles)
}

/// One unit's row of a picture.
#[derive(Clone, Copy, Debug)]
struct Lane<'a> {
    name: &'static str,
    /// `None` for fetch.
    module: Option<Module>,
    spans: &'a [Span],
}

/// The part of a span that is shown.
#[derive(Clone, Debug)]
struct Piece<'a> {
    cycles: Range<u64>,
    kind: Kind,
    span: &'a Span,
}

impl Piece<'_> {
    fn len(&self) -> u64 {
        self.cycles.end - self.cycles.start
    }
}

/// Cycles by kind, in the order of [`Kind::ALL`].
type ByKind = [u64; Kind::ALL.len()];

impl<'a> Picture<'a> {
    /// From top to bottom; neighbours exchange tokens.
    fn lanes(&self) -> [Lane<'a>; 4] {
        let attribution = self.attribution;
        let of_module = |module: Module| {
            let spans = &attribution.modules[module as usize];
            Lane { name: module.name(), module: Some(module), spans }
        };
        let [load, compute, store] = Module::ALL.map(of_module);
        [Lane { name: "fetch", module: None, spans: &attribution.fetch }, load, compute, store]
    }

    /// The cycles shown.
    fn len(&self) -> u64 {
        self.cycles.end - self.cycles.start
    }

    /// What a lane shows, gapless and in order.
    fn pieces(&self, lane: Lane<'a>) -> impl Iterator<Item = Piece<'a>> {
        let Range { start, end } = self.cycles;
        let first = lane.spans.partition_point(|span| span.cycles.end <= start);
        let (insns, is_fetch) = (self.insns, lane.module.is_none());
        lane.spans[first..].iter().take_while(move |span| span.cycles.start < end).map(move |span| {
            let cycles = span.cycles.start.max(start)..span.cycles.end.min(end);
            Piece { cycles, kind: Kind::of(span, insns, is_fetch), span }
        })
    }

    /// The cycles of a lane by kind.
    fn by_kind(&self, lane: Lane<'a>) -> ByKind {
        let mut sums = ByKind::default();
        self.pieces(lane).for_each(|piece| sums[piece.kind as usize] += piece.len());
        sums
    }

    /// The kinds that occur, each with its share of every lane's cycles in percent.
    fn legend(&self) -> Vec<(Kind, [f64; 4])> {
        let sums = self.lanes().map(|lane| self.by_kind(lane));
        let shares = |kind: Kind| sums.map(|sum| percent(sum[kind as usize], self.len()));
        let occurs = |kind: &Kind| sums.iter().any(|sum| sum[*kind as usize] > 0);
        Kind::ALL.into_iter().filter(occurs).map(|kind| (kind, shares(kind))).collect()
    }

    /// `cycles 0 to 9,478`, as headings have it.
    fn range(&self) -> String {
        format!("cycles {} to {}", grouped(self.cycles.start), grouped(self.cycles.end))
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

/// `12.3 %`; nothing for what does not occur.
fn share(percent: f64) -> String {
    match percent {
        0.0 => String::new(),
        share if share < 0.05 => "< 0.1 %".to_owned(),
        share => format!("{share:.1} %"),
    }
}

/// Round numbers of cycles in the range, at most `most` of them and at least one step apart from each other.
fn ticks(cycles: &Range<u64>, most: u64) -> Vec<u64> {
    let len = cycles.end - cycles.start;
    let steps = (0..19).flat_map(|power| [1, 2, 5].map(|digit| digit * 10u64.pow(power)));
    let Some(step) = steps.into_iter().find(|step| len / step < most.max(1)) else { return Vec::new() };
    let first = cycles.start.next_multiple_of(step);
    (0..most).map_while(|tick| first.checked_add(tick * step)).take_while(|tick| *tick <= cycles.end).collect()
}

#[cfg(test)]
mod tests;
