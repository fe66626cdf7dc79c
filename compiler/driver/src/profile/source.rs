//! Origins and charges → cycles beside the lines of a program.
//!
//! Each instruction is charged twice, as what and as how: to the line of the kernel that defines the tensor it works
//! for, where a copy counts for what it copies; and to the directive that shaped it last. What comes from no tensor
//! (FINISH) or from no directive is charged to the line on which the kernel or the schedule begins. So each half sums to
//! all cycles.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tilewright_sim::profile::Charge;
use tilewright_syntax::ast::{Item, ScheduleStmt};
use tilewright_syntax::{FileId, Sources, Span};

use super::load::Program;

/// The half of a program that a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Kernel,
    Schedule,
}

/// A line with the cycles that are charged to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    pub part: Part,
    pub file: String,
    /// From 1.
    pub line: usize,
    /// Without the space behind it.
    pub text: String,
    pub critical: u64,
    pub working: u64,
    pub token: u64,
    pub memory: u64,
    pub starved: u64,
}

impl Line {
    /// Whether cycles are charged to it.
    pub fn is_charged(&self) -> bool {
        self.critical + self.working + self.waiting() > 0
    }

    /// Cycles in which the modules of its instructions waited.
    pub fn waiting(&self) -> u64 {
        self.token + self.memory + self.starved
    }
}

/// The lines of the kernel, then those of the schedule, and whatever else is charged.
pub fn lines(program: &Program, charges: &[Charge], sources: &Sources) -> Vec<Line> {
    let (kernels, schedules) = items(program);
    let copies = copies(program);
    let tensor = |insn: usize| {
        let span = program.origins[insn].tensor?;
        let copied =
            copies.iter().find(|(copy, _)| copy.file == span.file && (copy.start..copy.end).contains(&span.start));
        Some(copied.map_or(span, |(_, tensor)| *tensor))
    };
    let mut lines = half(Part::Kernel, &kernels, charges, sources, tensor);
    lines.extend(half(Part::Schedule, &schedules, charges, sources, |insn| program.origins[insn].directive));
    lines
}

/// The directives that make a stage, with the definitions of the tensors that these stages copy.
fn copies(program: &Program) -> Vec<(Span, Span)> {
    let mut copies: Vec<(Span, Span)> = Vec::new();
    for call in program.front.calls().iter().filter(|call| !call.automatic) {
        let mut tensors: Vec<(&str, Span)> = call.kernel.tensors.iter().map(|t| (&*t.name, t.span)).collect();
        for statement in &call.schedule.stmts {
            let ScheduleStmt::Directive { target: Some(target), stage, call } = statement else { continue };
            if let Some((_, tensor)) = tensors.iter().rev().find(|(name, _)| *name == stage.name).copied() {
                copies.push((target.span.to(call.span), tensor));
                tensors.push((&target.name, tensor));
            }
        }
    }
    copies
}

/// The spans of the kernels and of the schedules, as far as they stand in the file, behind that of their program.
fn items(program: &Program) -> (Vec<Span>, Vec<Span>) {
    let calls = program.front.calls();
    let whole = |item: &&Item| matches!(item, Item::Program(_)) && item.span() == program.front.kernel.span;
    let kernel = |item: &&Item| matches!(item, Item::Kernel(_)) && calls.iter().any(|c| c.kernel.span == item.span());
    let schedule =
        |item: &&Item| matches!(item, Item::Schedule(_)) && calls.iter().any(|c| c.schedule.span == item.span());
    let items = &program.front.program.items;
    let spans = |is: &dyn Fn(&&Item) -> bool| {
        items.iter().filter(whole).chain(items.iter().filter(is)).map(Item::span).collect()
    };
    (spans(&kernel), spans(&schedule))
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
        let Charge { critical, working, token, memory, starved } = charge;
        Line { part, file: file.name.clone(), line, text, critical, working, token, memory, starved }
    };
    places.into_iter().map(line).collect()
}
