//! Two sets of figures → their differences, line by line.
//!
//! A difference is this run less the other one. Lines of source are the same line if they have the same text in the same
//! half of the program, the first with the first where a text stands several times; line numbers do not count.

use serde::{Deserialize, Serialize};

use super::figures::{KindFigures, ProfileFigures};
use super::source::{Line, Part};

/// What a figure counts, and so how it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Whole cycles, bytes, instructions.
    Count,
    Seconds,
    /// A share of 1.
    Share,
    /// A ratio of other measures.
    Ratio,
}

/// One figure of both runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub group: String,
    pub name: String,
    pub measure: Measure,
    /// Null where the other run has no such line.
    pub other: Option<f64>,
    /// Null where this run has no such line.
    pub this: Option<f64>,
    pub difference: f64,
}

/// The figures of two runs side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// What the other run is, as a person would name it.
    pub other: String,
    /// Whether both runs are on the same target with the same timing.
    pub same_machine: bool,
    pub rows: Vec<Row>,
}

/// Compares figures with those of another run.
pub fn compare(this: &ProfileFigures, other: &ProfileFigures) -> Comparison {
    let mut rows = Vec::new();
    let mut add = |group: &str, mut found: Vec<Row>| {
        found.iter_mut().for_each(|row| row.group = group.to_owned());
        rows.extend(found);
    };
    add("run", run(this, other));
    add("bound", bound(this, other));
    add("roofline", roofline(this, other));
    add("overlap", overlap(this, other));
    for ((unit, this), (_, other)) in this.units().into_iter().zip(other.units()) {
        let pairs = this.rows().into_iter().zip(other.rows());
        let used = pairs.filter(|((_, this), (_, other))| this + other > 0);
        add(unit, used.map(|((name, this), (_, other))| count(&name, this, other)).collect());
    }
    add("kinds", kinds(&this.by_kind, &other.by_kind));
    for (part, group) in [(Part::Kernel, "kernel"), (Part::Schedule, "schedule")] {
        add(group, lines(part, this, other));
    }
    let same_machine = this.target == other.target && this.timing == other.timing;
    Comparison { other: name(other), same_machine, rows }
}

/// What figures are of.
fn name(figures: &ProfileFigures) -> String {
    match &figures.schedule {
        Some(schedule) => format!("{}, schedule {schedule}", figures.subject),
        None => figures.subject.clone(),
    }
}

/// A figure that was written in decimal notation and read again may be off by this part of it.
const PRECISION: f64 = 1e-14;

fn row(name: &str, measure: Measure, this: Option<f64>, other: Option<f64>) -> Row {
    let (left, right) = (this.unwrap_or(0.0), other.unwrap_or(0.0));
    let difference = if (left - right).abs() <= left.abs() * PRECISION { 0.0 } else { left - right };
    Row { group: String::new(), name: name.to_owned(), measure, other, this, difference }
}

fn count(name: &str, this: u64, other: u64) -> Row {
    row(name, Measure::Count, Some(this as f64), Some(other as f64))
}

fn run(this: &ProfileFigures, other: &ProfileFigures) -> Vec<Row> {
    vec![
        count("cycles", this.cycles, other.cycles),
        row("time", Measure::Seconds, Some(this.seconds), Some(other.seconds)),
        count("instructions", this.instructions, other.instructions),
        row("GEMM utilisation", Measure::Share, Some(this.gemm_utilisation), Some(other.gemm_utilisation)),
    ]
}

fn bound(this: &ProfileFigures, other: &ProfileFigures) -> Vec<Row> {
    let (this, other) = (&this.bound, &other.bound);
    vec![
        count("bound", this.cycles, other.cycles),
        count("compute", this.compute, other.compute),
        count("read", this.read, other.read),
        count("store", this.store, other.store),
        row("share reached", Measure::Share, Some(this.share), Some(other.share)),
    ]
}

fn roofline(this: &ProfileFigures, other: &ProfileFigures) -> Vec<Row> {
    let (this, other) = (&this.roofline, &other.roofline);
    let ratio = |name, this, other| row(name, Measure::Ratio, Some(this), Some(other));
    vec![
        count("operations", this.operations, other.operations),
        count("bytes read", this.bytes_read, other.bytes_read),
        count("bytes written", this.bytes_written, other.bytes_written),
        ratio("operations per byte", this.intensity, other.intensity),
        ratio("attained per cycle", this.attained, other.attained),
        ratio("attainable per cycle", this.attainable, other.attainable),
    ]
}

fn overlap(this: &ProfileFigures, other: &ProfileFigures) -> Vec<Row> {
    let (this, other) = (&this.overlap, &other.overlap);
    vec![
        count("load and compute", this.load_compute, other.load_compute),
        count("compute and store", this.compute_store, other.compute_store),
        row("share", Measure::Share, Some(this.share), Some(other.share)),
    ]
}

/// The cycles of each kind on the critical path.
fn kinds(this: &[KindFigures], other: &[KindFigures]) -> Vec<Row> {
    let find = |figures: &[KindFigures], kind: &str| {
        figures.iter().find(|figures| figures.kind == kind).map(|figures| figures.critical as f64)
    };
    let only_other = other.iter().filter(|kind| find(this, &kind.kind).is_none());
    let names = this.iter().chain(only_other).map(|figures| figures.kind.as_str());
    names.map(|kind| row(kind, Measure::Count, find(this, kind), find(other, kind))).collect()
}

/// What a line is called: its text, but for those on which a kernel or a schedule begins, which have what no other line
/// shaped.
fn label(line: &Line) -> &str {
    match line.text.trim() {
        head if line.part == Part::Kernel && head.starts_with("kernel ") => "of no tensor",
        head if line.part == Part::Schedule && head.starts_with("schedule ") => "of no directive",
        text => text,
    }
}

/// The cycles of each line on the critical path, in this run's order, then lines that only the other run has.
fn lines(part: Part, this: &ProfileFigures, other: &ProfileFigures) -> Vec<Row> {
    let charged = |figures: &ProfileFigures| -> Vec<Line> {
        let lines = figures.source.iter().flatten();
        lines.filter(|line| line.part == part && line.is_charged()).cloned().collect()
    };
    let mut others = charged(other);
    let mut rows = Vec::new();
    for line in charged(this) {
        let at = others.iter().position(|other| label(other) == label(&line));
        let partner = at.map(|at| others.remove(at).charge.critical as f64);
        rows.push(row(label(&line), Measure::Count, Some(line.charge.critical as f64), partner));
    }
    let left = others.into_iter();
    rows.extend(left.map(|line| row(label(&line), Measure::Count, None, Some(line.charge.critical as f64))));
    rows
}
