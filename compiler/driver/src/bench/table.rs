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
//! ```

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use tilewright_syntax::{FileId, Sources, Span};
use toml::Spanned;

use super::error::BenchError;

/// A program with its parameters, and the figures that it is measured by.
#[derive(Clone, Debug, PartialEq, Eq)]
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
}

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
    /// The bytes of each memory, in the order of reports.
    pub fn bytes(&self) -> [u64; 5] {
        [self.inp, self.wgt, self.acc, self.uop, self.out]
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
        });
    }
    Ok(rows)
}

/// The rows of these names, in the order of the table; all of them if none is named.
pub fn pick(rows: Vec<Row>, names: &[String]) -> Result<Vec<Row>, BenchError> {
    if let Some(name) = names.iter().find(|name| !rows.iter().any(|row| row.name == **name)) {
        let known = rows.into_iter().map(|row| row.name).collect();
        return Err(BenchError::UnknownRow { name: name.clone(), known });
    }
    Ok(rows.into_iter().filter(|row| names.is_empty() || names.contains(&row.name)).collect())
}
