//! The outcomes of a sweep → a table for people, and the same with more figures as comma-separated values and as JSON.
//!
//! The fastest stands first, and equally fast ones in the order of the combinations. Behind those that are right stand the
//! ones whose values are wrong, and then what does not run at all; only what is right can be the best.

use std::path::Path;

use serde_json::{Map, Value, json};
use tilewright::sweep::{Combination, Outcome, Parameter, Ranking, Request, SweepFigures, ratio};
use tilewright_isa::MemoryType;
use tilewright_sim::cycles::Basis;
use tilewright_syntax::Diagnostic;

use crate::exports::text_cell;
use crate::report::Align::{Left, Right};
use crate::report::{Align, BAD, FAINT, GOOD, HEADING, grouped, table as aligned};
use crate::stats::memories;

/// What is shown.
#[derive(Debug)]
pub struct Report<'a> {
    file: &'a Path,
    request: &'a Request<'a>,
    parameters: &'a [Parameter],
    ranking: Ranking<'a>,
    several_schedules: bool,
}

impl<'a> Report<'a> {
    pub fn new(
        file: &'a Path,
        request: &'a Request<'a>,
        parameters: &'a [Parameter],
        combinations: &'a [Combination],
        outcomes: &'a [Outcome],
    ) -> Report<'a> {
        let several_schedules = combinations.iter().any(|c| c.schedule != combinations[0].schedule);
        Report { file, request, parameters, ranking: Ranking::new(combinations, outcomes), several_schedules }
    }

    /// Whether a parameter has a column in the table.
    fn varies(&self, parameter: &Parameter) -> bool {
        parameter.values.len() > 1
    }
}

/// The options of `run` that choose a combination.
pub fn options(parameters: &[Parameter], combination: &Combination) -> String {
    let value = |(p, value): (&Parameter, &Option<i64>)| Some(format!("-p {}={}", p.name, (*value)?));
    let schedule = combination.schedule.iter().map(|name| format!("--schedule {name}"));
    schedule.chain(parameters.iter().zip(&combination.values).filter_map(value)).collect::<Vec<_>>().join(" ")
}

/// What the terminal shows: only parameters that vary have a column.
pub fn table(report: &Report) -> String {
    let mut out = heading(report);
    if report.ranking.ran().next().is_some() {
        out.push_str(&table_of_runs(report));
        out.push('\n');
    }
    if report.ranking.not_run().next().is_some() {
        out.push_str(&table_of_refusals(report));
        out.push('\n');
    }
    out.push_str(&summary(report));
    out
}

fn heading(report: &Report) -> String {
    let Request { config, timing, seed, .. } = report.request;
    let (batch, block_in, block_out) = (config.batch(), config.block_in(), config.block_out());
    let mut parts = Vec::new();
    if let Some((_, figures)) = report.ranking.ran().next() {
        parts.push(format!("{HEADING}{}{HEADING:#}", figures.kernel));
        if !report.several_schedules {
            parts.push(format!("{FAINT}schedule{FAINT:#} {}", figures.schedule));
        }
    } else {
        parts.push(format!("{HEADING}{}{HEADING:#}", report.file.display()));
    }
    let fixed = report.parameters.iter().filter(|p| !report.varies(p));
    parts.extend(fixed.map(|p| format!("{FAINT}{}{FAINT:#} {}", p.name, p.values[0])));
    parts.push(format!("{FAINT}core{FAINT:#} {batch}×{block_in}×{block_out}"));
    let extrapolated =
        report.ranking.ran().map(|(_, figures)| figures.basis).find(|basis| *basis == Basis::Extrapolated);
    let basis = extrapolated.map(|basis| format!(", {}", basis.name())).unwrap_or_default();
    parts.push(format!("{FAINT}timing{FAINT:#} {}{basis}", timing.name));
    parts.push(format!("{FAINT}inputs{FAINT:#} random (seed {seed})"));
    parts.join("  ") + "\n\n"
}

fn table_of_runs(report: &Report) -> String {
    let (mut aligns, mut headings) = columns_of_choice(report);
    headings.extend(["cycles", "ratio", "instructions", "DRAM bytes", "verified"]);
    aligns.extend([Right, Right, Right, Right, Left]);
    let row = |(combination, figures): (&Combination, &SweepFigures)| {
        let mut row = choice(report, combination);
        let ratio = report.ranking.ratio(figures).map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
        let bytes: u64 = memories(&figures.bytes).iter().map(|(_, bytes)| bytes).sum();
        row.extend([grouped(figures.cycles), ratio, grouped(figures.instructions), grouped(bytes)]);
        row.push(match &figures.fault {
            None => format!("{GOOD}✔{GOOD:#}"),
            Some(fault) => format!("{BAD}✘{BAD:#} {}", fault.code),
        });
        row
    };
    aligned(&aligns, &headings, &report.ranking.ran().map(row).collect::<Vec<_>>())
}

fn table_of_refusals(report: &Report) -> String {
    let (mut aligns, mut headings) = columns_of_choice(report);
    headings.push("refused");
    aligns.push(Left);
    let row = |(combination, told): (&Combination, &Diagnostic)| {
        let mut row = choice(report, combination);
        row.push(format!("{}: {}", told.code, told.message.lines().next().unwrap_or_default()));
        row
    };
    aligned(&aligns, &headings, &report.ranking.not_run().map(row).collect::<Vec<_>>())
}

/// The columns that say which combination a row is.
fn columns_of_choice<'a>(report: &Report<'a>) -> (Vec<Align>, Vec<&'a str>) {
    let schedule = report.several_schedules.then_some((Left, "schedule"));
    let varied = report.parameters.iter().filter(|p| report.varies(p)).map(|p| (Right, &*p.name));
    schedule.into_iter().chain(varied).unzip()
}

fn choice(report: &Report, combination: &Combination) -> Vec<String> {
    let schedule = combination.schedule.clone().filter(|_| report.several_schedules);
    let values = report.parameters.iter().zip(&combination.values).filter(|(p, _)| report.varies(p));
    let values = values.map(|(_, value)| value.map_or("–".to_owned(), |value| value.to_string()));
    schedule.into_iter().chain(values).collect()
}

/// How many there are, and how to run the best one, or to see why the first is refused.
fn summary(report: &Report) -> String {
    let (all, refused) = (report.ranking.rows.len(), report.ranking.not_run().count());
    let wrong = report.ranking.ran().filter(|(_, figures)| figures.fault.is_some()).count();
    let mut counts = vec![format!("{} {}", grouped(all as u64), if all == 1 { "combination" } else { "combinations" })];
    counts.extend((refused > 0).then(|| format!("{} refused", grouped(refused as u64))));
    counts.extend((wrong > 0).then(|| format!("{BAD}{} with wrong values{BAD:#}", grouped(wrong as u64))));
    let file = report.file.display();
    let run = |what: &str, combination: &Combination| {
        let options = options(report.parameters, combination);
        format!("{FAINT}{what}{FAINT:#} tilewright run {file} {options}").trim_end().to_owned() + "\n"
    };
    let best = report.ranking.ran().find(|(_, figures)| figures.fault.is_none());
    let told = match (best, report.ranking.not_run().next()) {
        (Some((combination, _)), _) => run("the fastest:", combination),
        (None, Some((combination, _))) => run("a whole error:", combination),
        (None, None) => String::new(),
    };
    format!("{}\n{told}", counts.join(", "))
}

/// A line for each combination in the order of the table, after one that names the columns: every parameter, then
/// figures. What does not run has no figures, what does no code and no error.
pub fn csv(report: &Report) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(names(report.parameters, report.several_schedules)).expect("memory takes all");
    for (combination, outcome) in &report.ranking.rows {
        let cells = cells(combination, outcome, report.ranking.best, report.several_schedules);
        writer.write_record(cells).expect("memory takes all");
    }
    String::from_utf8(writer.into_inner().expect("memory takes all")).expect("fields are text")
}

/// The names of the columns.
pub fn names(parameters: &[Parameter], has_schedule: bool) -> Vec<String> {
    let schedule = has_schedule.then(|| "schedule".to_owned());
    schedule.into_iter().chain(parameters.iter().map(|p| p.name.clone())).chain(columns()).collect()
}

/// The line of a combination; `best` are the fewest cycles of all, where they are known.
pub fn cells(combination: &Combination, outcome: &Outcome, best: Option<u64>, has_schedule: bool) -> Vec<String> {
    let schedule = combination.schedule.clone().filter(|_| has_schedule);
    let values = combination.values.iter().map(|value| value.map(|v| v.to_string()).unwrap_or_default());
    let rest = record(outcome, best).into_iter().map(|(_, value)| match value {
        Value::Null => String::new(),
        Value::String(text) => text_cell(&text),
        value => value.to_string(),
    });
    schedule.into_iter().chain(values).chain(rest).collect()
}

/// One object: what was swept, and the combinations in the order of the table.
pub fn json(report: &Report) -> String {
    let Request { config, timing, seed, .. } = report.request;
    let row = |(combination, outcome): &(&Combination, &Outcome)| {
        let parameters: Map<String, Value> = report
            .parameters
            .iter()
            .zip(&combination.values)
            .filter_map(|(parameter, value)| Some((parameter.name.clone(), json!((*value)?))))
            .collect();
        let mut object = Map::new();
        object.extend(combination.schedule.iter().map(|name| ("schedule".to_owned(), json!(name))));
        object.insert("parameters".to_owned(), parameters.into());
        object.extend(record(outcome, report.ranking.best));
        Value::Object(object)
    };
    let object = json!({
        "file": report.file.display().to_string(),
        "target": config.to_json(),
        "timing": timing.name,
        "seed": seed,
        "combinations": report.ranking.rows.iter().map(row).collect::<Vec<_>>(),
    });
    format!("{object:#}\n")
}

/// What is said of a combination, in order.
fn columns() -> Vec<String> {
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let bytes = MemoryType::REPORTED.map(|memory| format!("{memory}_bytes"));
    [named(&COUNTS), bytes.to_vec(), named(&VERDICT)].concat()
}

const COUNTS: [&str; 8] =
    ["cycles", "ratio", "timing_basis", "gemm_utilisation", "instructions", "gemm_uops", "alu_uops", "dram_bytes"];

const VERDICT: [&str; 3] = ["verified", "code", "error"];

/// What is said of a combination, by the names of the columns; null where there is nothing to say.
fn record(outcome: &Outcome, best: Option<u64>) -> Vec<(String, Value)> {
    let (figures, fault) = match outcome {
        Outcome::Ran(figures) => (Some(&**figures), figures.fault.as_ref()),
        Outcome::Refused(_) | Outcome::NotRun(_) | Outcome::Stopped(_) | Outcome::NotBegun => (None, outcome.refusal()),
    };
    let of_run = |f: &SweepFigures| {
        let bytes = memories(&f.bytes).map(|(_, bytes)| bytes);
        let (basis, share) = (json!(f.basis.name()), json!(f.gemm_utilisation));
        let counts = [f.instructions, f.gemm_uops, f.alu_uops, bytes.iter().sum()];
        let first = [json!(f.cycles), json!(ratio(f, best)), basis, share];
        first.into_iter().chain(counts.into_iter().chain(bytes).map(Value::from)).collect()
    };
    let mut values = figures.map_or(vec![Value::Null; COUNTS.len() + MemoryType::REPORTED.len()], of_run);
    values.push(json!(outcome.verified().is_some()));
    values.extend([json!(fault.map(|told| told.code)), json!(fault.map(|told| &told.message))]);
    columns().into_iter().zip(values).collect()
}
