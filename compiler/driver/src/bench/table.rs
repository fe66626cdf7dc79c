//! A table of operators in TOML → [`Row`]s.
//!
//! ```toml
//! [[row]]
//! name = "C2"                               # what `--rows` and the report call it
//! title = "56×56, 64→64, 3×3"
//! file = "resnet.tw"                        # relative to the table
//! schedule = "rows"                         # or: program = "..."; may be left out where the file has one
//! parameters = { ci = 64, "rows.th" = 4 }   # as with `-p`
//! aim = 520_500                             # cycles that the row is to take at most
//! tvm = { instructions = 300, gemm = 451_584, alu = 50_176, inp = 487_424, wgt = 258_048, acc = 1_792, uop = 480,
//!         out = 200_704, cycles = 545_239 } # micro-op executions, bytes, cycles; cycles may be left out
//!
//! [[row]]
//! name = "h512"
//! title = "h 512, batch 4"
//! file = "cell.tw"
//! parameters = { h = 512, batch = 4 }
//! steps = 4                                 # of a recurrence: the parameter `steps`, which is doubled to time one step
//! target = { LOG_BATCH = 2 }                # a machine of the row's own, as a target file has it, with its timing
//! may_not_fit = true                        # that a scratchpad is too small for it is no error
//!
//! [[row]]
//! name = "n64-d64"
//! file = "attention.tw"
//! parameters = { n = 64, d = 64 }
//! float = { ones = 1, eye = "identity" }    # compared with floating point: these inputs, and normal numbers for the others
//! ```

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use tilewright::fidelity::Given;
use tilewright::target::stated_timing;
use tilewright::time::NamedTiming;
use tilewright_isa::{Config, MemoryType, PerMemory};
use tilewright_syntax::{FileId, Sources, Span};
use toml::Spanned;

use super::error::BenchError;

/// A program with its parameters, and the figures that it is measured by.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub name: String,
    pub title: String,
    /// As the table names it.
    pub file: String,
    /// Where the table names it.
    pub file_span: Span,
    pub schedule: Option<String>,
    pub program: Option<String>,
    pub parameters: Vec<(String, i64)>,
    /// Cycles that the row is to take at most.
    pub aim: Option<u64>,
    pub tvm: Option<Reference>,
    /// Of a recurrence, the value of its parameter `steps`.
    pub steps: Option<i64>,
    /// The machine that the row is for, where that is not the one of the whole table.
    pub target: Option<Target>,
    /// Whether it is no error that a scratchpad is too small for the row.
    pub may_not_fit: bool,
    /// Of a row that is compared with a computation in floating point, the inputs that are not drawn.
    pub float: Option<Vec<(String, Given)>>,
}

/// A machine of a row's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub config: Config,
    /// None where it states none.
    pub timing: Option<NamedTiming>,
}

impl Row {
    /// Whether it is neither a recurrence nor compared with floating point.
    pub fn is_operator(&self) -> bool {
        self.steps.is_none() && self.float.is_none()
    }

    /// The parameters, with so many times the steps.
    pub fn parameters_with(&self, times: i64) -> Vec<(String, i64)> {
        let steps = self.steps.map(|steps| (STEPS.to_owned(), steps * times));
        self.parameters.iter().cloned().chain(steps).collect()
    }
}

/// The parameter of a recurrence that says how many steps it has.
const STEPS: &str = "steps";
/// Most steps of a row, so that twice as many are a number.
const MAX_STEPS: i64 = 1 << 32;

/// What another compiler's stream for the same operator issues and moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    pub instructions: u64,
    /// Micro-op executions, resets not included.
    pub gemm: u64,
    /// Micro-op executions.
    pub alu: u64,
    /// Bytes; the same for the other memories.
    pub inp: u64,
    pub wgt: u64,
    pub acc: u64,
    pub uop: u64,
    pub out: u64,
    /// On the hardware; none where nobody measured it.
    pub cycles: Option<u64>,
}

impl Reference {
    /// The bytes of each memory; none for one that the other compiler does not know.
    pub fn bytes(&self) -> PerMemory<u64> {
        PerMemory::new(|memory| match memory {
            MemoryType::Inp => self.inp,
            MemoryType::Wgt => self.wgt,
            MemoryType::Acc => self.acc,
            MemoryType::Uop => self.uop,
            MemoryType::Out => self.out,
            _ => 0,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    row: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Spanned<String>,
    #[serde(default)]
    title: String,
    file: Spanned<String>,
    schedule: Option<String>,
    program: Option<String>,
    #[serde(default)]
    parameters: BTreeMap<String, i64>,
    aim: Option<u64>,
    tvm: Option<Reference>,
    steps: Option<Spanned<i64>>,
    target: Option<Spanned<toml::Table>>,
    #[serde(default)]
    may_not_fit: bool,
    float: Option<BTreeMap<String, GivenEntry>>,
}

/// A number, or the word `identity`.
#[derive(Deserialize)]
#[serde(untagged)]
enum GivenEntry {
    Number(f64),
    Word(Word),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Identity,
}

impl GivenEntry {
    fn given(&self) -> Given {
        match self {
            GivenEntry::Number(number) => Given::Number(*number),
            GivenEntry::Word(Word::Identity) => Given::Identity,
        }
    }
}

/// Reads a table that is one of the sources.
pub fn read(file: FileId, sources: &Sources) -> Result<Vec<Row>, BenchError> {
    let span = |range: Range<usize>| Span::new(file, range.start, range.end);
    let table: Table = toml::from_str(&sources.file(file).text)
        .map_err(|error| BenchError::Malformed { reason: error.message().to_owned(), place: error.span().map(span) })?;
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    let mut rows = Vec::new();
    for entry in table.row {
        let (second, name) = (span(entry.name.span()), entry.name.into_inner());
        if let Some(first) = names.insert(name.clone(), second) {
            return Err(BenchError::Twice { name, first, second });
        }
        if entry.schedule.is_some() && entry.program.is_some() {
            return Err(BenchError::Ambiguous { row: name, place: second });
        }
        let steps = entry.steps.map(|steps| self::steps(steps, &span)).transpose()?;
        let target = entry.target.map(|target| self::target(target, &name, &span)).transpose()?;
        rows.push(Row {
            name,
            title: entry.title,
            file_span: span(entry.file.span()),
            file: entry.file.into_inner(),
            schedule: entry.schedule,
            program: entry.program,
            parameters: entry.parameters.into_iter().collect(),
            aim: entry.aim,
            tvm: entry.tvm,
            steps,
            target,
            may_not_fit: entry.may_not_fit,
            float: entry.float.map(|given| given.iter().map(|(name, entry)| (name.clone(), entry.given())).collect()),
        });
    }
    Ok(rows)
}

fn steps(steps: Spanned<i64>, span: &dyn Fn(Range<usize>) -> Span) -> Result<i64, BenchError> {
    let place = Some(span(steps.span()));
    match steps.into_inner() {
        steps @ 1..=MAX_STEPS => Ok(steps),
        other => Err(BenchError::Malformed { reason: format!("a recurrence has no {other} steps"), place }),
    }
}

fn target(target: Spanned<toml::Table>, row: &str, span: &dyn Fn(Range<usize>) -> Span) -> Result<Target, BenchError> {
    let place = Some(span(target.span()));
    let refused = |reason: String| BenchError::Malformed { reason, place };
    let value = serde_json::to_value(target.get_ref()).map_err(|error| refused(error.to_string()))?;
    let config = Config::from_json(&value.to_string()).map_err(|error| refused(error.to_string()))?;
    let timing = stated_timing(&value).map_err(|error| BenchError::Timing {
        row: row.to_owned(),
        error,
        place: span(target.span()),
    })?;
    Ok(Target { config, timing: timing.map(|timing| NamedTiming::new(timing, &format!("row {row}"))) })
}

/// The rows of these names, in the order of the table; all of them if none is named.
pub fn pick(rows: Vec<Row>, names: &[String]) -> Result<Vec<Row>, BenchError> {
    if let Some(name) = names.iter().find(|name| !rows.iter().any(|row| row.name == **name)) {
        let known = rows.into_iter().map(|row| row.name).collect();
        return Err(BenchError::UnknownRow { name: name.clone(), known });
    }
    Ok(rows.into_iter().filter(|row| names.is_empty() || names.contains(&row.name)).collect())
}
