//! Origins and charges → cycles beside the lines of a program.
//!
//! Each instruction is charged twice, as what and as how: to the line of the kernel that defines the tensor it works
//! for, where a copy counts for what it copies; and to the directive that shaped it last. What comes from no tensor
//! (FINISH) or from no directive is charged to the line on which the kernel or the schedule begins; a schedule that was made
//! for the kernel has no lines, and the kernel's first one stands for it. So each half sums to all cycles.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tilewright_core::loops::ir::Origin;
use tilewright_sim::profile::Charge;
use tilewright_syntax::{FileId, Sources, Span};

use crate::source_map::SourceMap;

/// The half of a program that a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Kernel,
    Schedule,
}

/// A line with the cycles that are charged to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub part: Part,
    pub file: String,
    /// From 1.
    pub line: usize,
    /// Without the space after it.
    pub text: String,
    #[serde(flatten)]
    pub charge: Charge,
}

impl Line {
    /// Whether cycles are charged to it.
    pub fn is_charged(&self) -> bool {
        self.charge.critical + self.charge.working + self.charge.waiting() > 0
    }
}

/// The lines of the kernel, then those of the schedule, and whatever else is charged.
pub(super) fn lines(map: &SourceMap, origins: &[Origin], charges: &[Charge], sources: &Sources) -> Vec<Line> {
    let tensor = |insn: usize| origins[insn].tensor.map(|span| map.tensor(span));
    let mut lines = half(Part::Kernel, &map.kernels, charges, sources, tensor);
    let first = map.schedules.first().or(map.kernels.first()).copied();
    lines.extend(half(Part::Schedule, &map.schedules, charges, sources, |insn| origins[insn].directive.or(first)));
    lines
}

/// One half: all lines of the items, with what is charged to them, and lines elsewhere that are charged. What has no origin
/// is charged to the first of the items.
fn half(
    part: Part,
    items: &[Span],
    charges: &[Charge],
    sources: &Sources,
    origin: impl Fn(usize) -> Option<Span>,
) -> Vec<Line> {
    let mut places: BTreeMap<(FileId, usize), Charge> = BTreeMap::new();
    for item in items {
        let first = sources.line(*item);
        let count = sources.text(*item).lines().count();
        places.extend((first..first + count).map(|line| ((item.file, line), Charge::default())));
    }
    let mut spans: BTreeMap<Span, Charge> = BTreeMap::new();
    for (insn, charge) in charges.iter().enumerate() {
        if let Some(span) = origin(insn).or(items.first().copied()) {
            spans.entry(span).or_default().add(charge);
        }
    }
    for (span, charge) in spans {
        places.entry((span.file, sources.line(span))).or_default().add(&charge);
    }
    let line = |((file, line), charge): ((FileId, usize), Charge)| {
        let file = sources.file(file);
        let text = file.text.lines().nth(line - 1).unwrap_or_default().trim_end().to_owned();
        Line { part, file: file.name.clone(), line, text, charge }
    };
    places.into_iter().map(line).collect()
}
