//! The outcomes of a sweep → a table for people, and the same with more figures as comma-separated values and as JSON.
//!
//! The fastest stands first, and equally fast ones in the order of the combinations. Behind those that are right stand the
//! ones whose values are wrong, and then what does not run at all; only what is right can be the best.

use std::cmp::Reverse;
use std::path::Path;

use serde_json::{Map, Value, json};
use tilewright::sweep::{Combination, Figures, Outcome, Parameter, Subject};
use tilewright_isa::MemoryType;
use tilewright_sim::cycles::Basis;
use tilewright_syntax::Diagnostic;

use crate::report::Align::{Left, Right};
use crate::report::{Align, BAD, FAINT, GOOD, HEADING, grouped, table as aligned};
use crate::stats::memories;

/// The outcomes in the order in which they are shown.
#[derive(Debug)]
pub struct Ranking<'a> {
    file: &'a Path,
    subject: &'a Subject<'a>,
    parameters: &'a [Parameter],
    rows: Vec<(&'a Combination, &'a Outcome)>,
    /// Of those whose values are right, the fewest cycles.
    best: Option<u64>,
    several_schedules: bool,
}

impl<'a> Ranking<'a> {
    pub fn new(
        file: &'a Path,
        subject: &'a Subject<'a>,
        parameters: &'a [Parameter],
        combinations: &'a [Combination],
        outcomes: &'a [Outcome],
    ) -> Ranking<'a> {
        let mut rows: Vec<(&Combination, &Outcome)> = combinations.iter().zip(outcomes).collect();
        rows.sort_by_key(|(_, outcome)| rank(outcome));
        let best = rows.iter().find_map(|(_, outcome)| outcome.verified());
        let several_schedules = combinations.iter().any(|c| c.schedule != combinations[0].schedule);
        Ranking { file, subject, parameters, rows, best: best.map(|figures| figures.cycles), several_schedules }
    }

    /// Cycles over those of the best; none where there is no best.
    fn ratio(&self, figures: &Figures) -> Option<f64> {
        Some(figures.cycles as f64 / self.best?.max(1) as f64)
    }

    /// Whether a parameter has a column in the table.
    fn varies(&self, parameter: &Parameter) -> bool {
        parameter.values.len() > 1
    }

    fn ran(&self) -> impl Iterator<Item = (&'a Combination, &'a Figures)> {
        self.rows.iter().filter_map(|(combination, outcome)| match outcome {
            Outcome::Ran(figures) => Some((*combination, &**figures)),
            Outcome::Refused(_) | Outcome::NotRun(_) | Outcome::Stopped(_) => None,
        })
    }

    fn not_run(&self) -> impl Iterator<Item = (&'a Combination, &'a Diagnostic)> {
        self.rows.iter().filter_map(|(combination, outcome)| Some((*combination, outcome.refusal()?)))
    }
}

/// Smaller comes first.
fn rank(outcome: &Outcome) -> (Reverse<bool>, Reverse<bool>, bool, u64) {
    let cycles = if let Outcome::Ran(figures) = outcome { figures.cycles } else { 0 };
    let (verified, ran) = (outcome.verified().is_some(), matches!(outcome, Outcome::Ran(_)));
    (Reverse(verified), Reverse(ran), !matches!(outcome, Outcome::Stopped(_)), cycles)
}

/// The options of `run` that choose a combination.
pub fn options(parameters: &[Parameter], combination: &Combination) -> String {
    let value = |(p, value): (&Parameter, &Option<i64>)| Some(format!("-p {}={}", p.name, (*value)?));
    let schedule = combination.schedule.iter().map(|name| format!("--schedule {name}"));
    schedule.chain(parameters.iter().zip(&combination.values).filter_map(value)).collect::<Vec<_>>().join(" ")
}

/// What the terminal shows: only parameters that vary have a column.
pub fn table(ranking: &Ranking) -> String {
    let mut out = heading(ranking);
    if ranking.ran().next().is_some() {
        out.push_str(&table_of_runs(ranking));
        out.push('\n');
    }
    if ranking.not_run().next().is_some() {
        out.push_str(&table_of_refusals(ranking));
        out.push('\n');
    }
    out.push_str(&summary(ranking));
    out
}

fn heading(ranking: &Ranking) -> String {
    let Subject { config, timing, seed, .. } = ranking.subject;
    let (batch, block_in, block_out) = (config.batch(), config.block_in(), config.block_out());
    let mut parts = Vec::new();
    if let Some((_, figures)) = ranking.ran().next() {
        parts.push(format!("{HEADING}{}{HEADING:#}", figures.kernel));
        if !ranking.several_schedules {
            parts.push(format!("{FAINT}schedule{FAINT:#} {}", figures.schedule));
        }
    } else {
        parts.push(format!("{HEADING}{}{HEADING:#}", ranking.file.display()));
    }
    let fixed = ranking.parameters.iter().filter(|p| !ranking.varies(p));
    parts.extend(fixed.map(|p| format!("{FAINT}{}{FAINT:#} {}", p.name, p.values[0])));
    parts.push(format!("{FAINT}core{FAINT:#} {batch}×{block_in}×{block_out}"));
    let extrapolated = ranking.ran().map(|(_, figures)| figures.basis).find(|basis| *basis == Basis::Extrapolated);
    let basis = extrapolated.map(|basis| format!(", {}", basis.name())).unwrap_or_default();
    parts.push(format!("{FAINT}timing{FAINT:#} {}{basis}", timing.name));
    parts.push(format!("{FAINT}inputs{FAINT:#} random (seed {seed})"));
    parts.join("  ") + "\n\n"
}

fn table_of_runs(ranking: &Ranking) -> String {
    let (mut aligns, mut headings) = columns_of_choice(ranking);
    headings.extend(["cycles", "ratio", "instructions", "DRAM bytes", "verified"]);
    aligns.extend([Right, Right, Right, Right, Left]);
    let row = |(combination, figures): (&Combination, &Figures)| {
        let mut row = choice(ranking, combination);
        let ratio = ranking.ratio(figures).map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
        let bytes: u64 = memories(&figures.bytes).iter().map(|(_, bytes)| bytes).sum();
        row.extend([grouped(figures.cycles), ratio, grouped(figures.instructions), grouped(bytes)]);
        row.push(match &figures.fault {
            None => format!("{GOOD}✔{GOOD:#}"),
            Some(fault) => format!("{BAD}✘{BAD:#} {}", fault.code),
        });
        row
    };
    aligned(&aligns, &headings, &ranking.ran().map(row).collect::<Vec<_>>())
}

fn table_of_refusals(ranking: &Ranking) -> String {
    let (mut aligns, mut headings) = columns_of_choice(ranking);
    headings.push("refused");
    aligns.push(Left);
    let row = |(combination, told): (&Combination, &Diagnostic)| {
        let mut row = choice(ranking, combination);
        row.push(format!("{}: {}", told.code, told.message.lines().next().unwrap_or_default()));
        row
    };
    aligned(&aligns, &headings, &ranking.not_run().map(row).collect::<Vec<_>>())
}

/// The columns that say which combination a row is.
fn columns_of_choice<'a>(ranking: &Ranking<'a>) -> (Vec<Align>, Vec<&'a str>) {
    let schedule = ranking.several_schedules.then_some((Left, "schedule"));
    let varied = ranking.parameters.iter().filter(|p| ranking.varies(p)).map(|p| (Right, &*p.name));
    schedule.into_iter().chain(varied).unzip()
}

fn choice(ranking: &Ranking, combination: &Combination) -> Vec<String> {
    let schedule = combination.schedule.clone().filter(|_| ranking.several_schedules);
    let values = ranking.parameters.iter().zip(&combination.values).filter(|(p, _)| ranking.varies(p));
    let values = values.map(|(_, value)| value.map_or("–".to_owned(), |value| value.to_string()));
    schedule.into_iter().chain(values).collect()
}

/// How many there are, and how to run the best one, or to see why the first is refused.
fn summary(ranking: &Ranking) -> String {
    let (all, refused) = (ranking.rows.len(), ranking.not_run().count());
    let wrong = ranking.ran().filter(|(_, figures)| figures.fault.is_some()).count();
    let mut counts = vec![format!("{} {}", grouped(all as u64), if all == 1 { "combination" } else { "combinations" })];
    counts.extend((refused > 0).then(|| format!("{} refused", grouped(refused as u64))));
    counts.extend((wrong > 0).then(|| format!("{BAD}{} with wrong values{BAD:#}", grouped(wrong as u64))));
    let file = ranking.file.display();
    let run = |what: &str, combination: &Combination| {
        let options = options(ranking.parameters, combination);
        format!("{FAINT}{what}{FAINT:#} tilewright run {file} {options}").trim_end().to_owned() + "\n"
    };
    let best = ranking.ran().find(|(_, figures)| figures.fault.is_none());
    let told = match (best, ranking.not_run().next()) {
        (Some((combination, _)), _) => run("the fastest:", combination),
        (None, Some((combination, _))) => run("a whole error:", combination),
        (None, None) => String::new(),
    };
    format!("{}\n{told}", counts.join(", "))
}

/// A line for each combination in the order of the table, behind one that names the columns: every parameter, then
/// figures. What does not run has no figures, what does no code and no error.
pub fn csv(ranking: &Ranking) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let schedule = ranking.several_schedules.then(|| "schedule".to_owned());
    let parameters = ranking.parameters.iter().map(|p| p.name.to_string());
    let names = schedule.into_iter().chain(parameters).chain(columns());
    writer.write_record(names).expect("memory takes all");
    for (combination, outcome) in &ranking.rows {
        let schedule = combination.schedule.clone().filter(|_| ranking.several_schedules);
        let values = combination.values.iter().map(|value| value.map(|v| v.to_string()).unwrap_or_default());
        let rest = record(ranking, outcome).into_iter().map(|(_, value)| match value {
            Value::Null => String::new(),
            Value::String(text) => text,
            value => value.to_string(),
        });
        writer.write_record(schedule.into_iter().chain(values).chain(rest)).expect("memory takes all");
    }
    String::from_utf8(writer.into_inner().expect("memory takes all")).expect("fields are text")
}

/// One object: what was swept, and the combinations in the order of the table.
pub fn json(ranking: &Ranking) -> String {
    let Subject { config, timing, seed, .. } = ranking.subject;
    let row = |(combination, outcome): &(&Combination, &Outcome)| {
        let parameters: Map<String, Value> = ranking
            .parameters
            .iter()
            .zip(&combination.values)
            .filter_map(|(parameter, value)| Some((parameter.name.clone(), json!((*value)?))))
            .collect();
        let mut object = Map::new();
        object.extend(combination.schedule.iter().map(|name| ("schedule".to_owned(), json!(name))));
        object.insert("parameters".to_owned(), parameters.into());
        object.extend(record(ranking, outcome));
        Value::Object(object)
    };
    let object = json!({
        "file": ranking.file.display().to_string(),
        "target": config.to_json(),
        "timing": timing.name,
        "seed": seed,
        "combinations": ranking.rows.iter().map(row).collect::<Vec<_>>(),
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
fn record(ranking: &Ranking, outcome: &Outcome) -> Vec<(String, Value)> {
    let (figures, fault) = match outcome {
        Outcome::Ran(figures) => (Some(&**figures), figures.fault.as_ref()),
        Outcome::Refused(_) | Outcome::NotRun(_) | Outcome::Stopped(_) => (None, outcome.refusal()),
    };
    let of_run = |f: &Figures| {
        let bytes = memories(&f.bytes).map(|(_, bytes)| bytes);
        let (basis, share) = (json!(f.basis.name()), json!(f.gemm_utilisation));
        let counts = [f.instructions, f.gemm_uops, f.alu_uops, bytes.iter().sum()];
        let first = [json!(f.cycles), json!(ranking.ratio(f)), basis, share];
        first.into_iter().chain(counts.into_iter().chain(bytes).map(Value::from)).collect()
    };
    let mut values = figures.map_or(vec![Value::Null; COUNTS.len() + MemoryType::REPORTED.len()], of_run);
    values.push(json!(outcome.verified().is_some()));
    values.extend([json!(fault.map(|told| told.code)), json!(fault.map(|told| &told.message))]);
    columns().into_iter().zip(values).collect()
}
