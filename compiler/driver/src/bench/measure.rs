//! Rows → what each of them takes.
//!
//! Compiling happens on one thread, and its time is a figure. The runs are independent and share all cores; results stand
//! in the order of the rows.

use std::time::{Duration, Instant};

use tilewright_core::least::{Least, least};
use tilewright_core::pipeline::Request;
use tilewright_core::tensor::evaluate;
use tilewright_isa::Config;
use tilewright_syntax::{Diagnostic, Sources};

use super::shelf::Shelf;
use super::table::Row;
use crate::compile::{Compiled, compile};
use crate::cycles::Timed;
use crate::simulate::{self, Mismatch};
use crate::target::NamedTiming;
use crate::{arrays, queue, stats};

/// The machine that rows are compiled for and run on.
#[derive(Debug)]
pub struct Machine {
    pub config: Config,
    pub timing: NamedTiming,
}

/// What a row took, or why it took nothing.
#[derive(Debug)]
pub struct Measured {
    pub row: Row,
    pub outcome: Result<Outcome, Vec<Diagnostic>>,
}

/// A run that ended.
#[derive(Debug)]
pub struct Outcome {
    pub report: tilewright_sim::Report,
    pub timed: Timed,
    /// None where the ALU has no operations for one of the definitions as it stands.
    pub least: Option<Least>,
    pub mismatch: Option<Mismatch>,
    /// What is wrong with the order of the stream's work, one line each.
    pub findings: Vec<String>,
}

impl Outcome {
    /// Whether all values are those of the reference, and not by chance.
    pub fn verified(&self) -> bool {
        self.mismatch.is_none() && self.findings.is_empty()
    }
}

/// Rows with their programs, compiled where they can be.
#[derive(Debug)]
pub struct Batch {
    rows: Vec<(Row, Result<Compiled, Vec<Diagnostic>>)>,
    /// The time that compiling all rows took, reading files not included.
    pub compile_time: Duration,
}

/// Compiles all rows, one after the other.
pub fn compile_all(rows: Vec<Row>, shelf: &Shelf, config: &Config, sources: &mut Sources) -> Batch {
    let mut compile_time = Duration::ZERO;
    let mut one = |row: &Row| {
        let file = shelf.program(row, sources).map_err(|told| vec![told])?;
        let (program, schedule) = (row.program.as_deref(), row.schedule.as_deref());
        let start = Instant::now();
        let compiled = compile(&Request { sources, file, params: &row.parameters, program, schedule, config });
        compile_time += start.elapsed();
        compiled
    };
    let rows = rows.into_iter().map(|row| (one(&row), row)).map(|(compiled, row)| (row, compiled)).collect();
    Batch { rows, compile_time }
}

/// Runs all rows on all cores.
pub fn run_all(batch: Batch, machine: &Machine) -> Vec<Measured> {
    let outcomes = queue::run(&batch.rows, "rows", |(_, compiled)| {
        compiled.as_ref().map_err(Vec::clone).and_then(|compiled| run(compiled, machine))
    });
    batch.rows.into_iter().zip(outcomes).map(|((row, _), outcome)| Measured { row, outcome }).collect()
}

fn run(compiled: &Compiled, machine: &Machine) -> Result<Outcome, Vec<Diagnostic>> {
    let kernel = &compiled.front.kernel;
    let inputs = arrays::random_inputs(kernel, 0);
    let reference = evaluate(kernel, &inputs).expect("inputs have their kernel's types and shapes");
    let run = simulate::run(compiled, &inputs, String::new(), Some(&machine.timing)).map_err(|told| vec![told])?;
    Ok(Outcome {
        mismatch: simulate::compare(kernel, &run.outputs, &reference),
        findings: stats::findings(&run.report),
        least: least(kernel, &machine.config).ok(),
        timed: run.timed.expect("a timing was given"),
        report: run.report,
    })
}
