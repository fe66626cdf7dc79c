//! Rows → what each of them takes.
//!
//! Compiling happens on one thread, and its time is a figure. The runs are independent and share all cores; results stand
//! in the order of the rows.

use std::time::{Duration, Instant};

use tilewright::distance::{Distance, distance};
use tilewright::time::{NamedTiming, Timed};
use tilewright::{Arrays, Artifact, Fault, Options, RunOptions, compile};
use tilewright_core::least::{Least, least};
use tilewright_core::legalize::LegalizeError;
use tilewright_core::scalar::{BinaryOp, Scalar};
use tilewright_core::tensor::{Kernel, Reducer};
use tilewright_isa::Config;
use tilewright_syntax::{Diagnostic, Sources};

use super::shelf::Shelf;
use super::table::Row;
use crate::queue;

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

impl Measured {
    /// Why the row has no run, where a scratchpad is too small for it and that may be so.
    pub fn does_not_fit(&self) -> Option<&Diagnostic> {
        let told = self.outcome.as_ref().err().filter(|_| self.row.may_not_fit)?;
        told.first().filter(|_| told.iter().all(|diagnostic| diagnostic.code == LegalizeError::CAPACITY))
    }
}

/// A run that ended.
#[derive(Debug)]
pub struct Outcome {
    pub report: tilewright_sim::Report,
    pub timed: Timed,
    /// None where the ALU has no operations for one of the definitions as it stands.
    pub least: Option<Least>,
    /// Why its values are not to be relied on.
    pub fault: Option<Fault>,
    /// Of a recurrence.
    pub recurrence: Option<Recurrence>,
}

/// What one step of a recurrence takes when it is under way, which is by how much a run of more steps is longer; and how far
/// all of it is from its computation in floating point.
#[derive(Debug)]
pub struct Recurrence {
    pub steps: i64,
    pub cycles_per_step: f64,
    /// Of them, those in which GEMM issues micro-ops, resets not included.
    pub gemm_per_step: f64,
    /// Products of two values that the definitions name.
    pub products_per_step: f64,
    /// The greatest difference of all outputs, in the numbers that they stand for.
    pub largest_error: f64,
    /// The mean difference of all outputs.
    pub mean_error: f64,
}

impl Outcome {
    /// Whether all values are those of the reference, and not by chance.
    pub fn verified(&self) -> bool {
        self.fault.is_none()
    }
}

/// Rows with their programs, compiled where they can be.
#[derive(Debug)]
pub struct Batch {
    rows: Vec<(Row, Result<Streams, Vec<Diagnostic>>)>,
    /// The time that compiling all rows took, reading files not included.
    pub compile_time: Duration,
}

/// What a row is compiled to.
#[derive(Debug)]
struct Streams {
    compiled: Artifact,
    /// The same with twice the steps, for a recurrence.
    doubled: Option<Artifact>,
}

/// Compiles all rows, one after the other.
pub fn compile_all(rows: Vec<Row>, shelf: &Shelf, config: &Config, sources: &mut Sources) -> Batch {
    let mut compile_time = Duration::ZERO;
    let mut one = |row: &Row| {
        let file = shelf.program(row, sources).map_err(|told| vec![told])?;
        let compile_with = |times: i64| {
            let (program, schedule) = (row.program.clone(), row.schedule.clone());
            let (params, config) = (row.parameters_with(times), row.target.unwrap_or(*config));
            compile(sources, &Options { file, params, program, schedule, config })
        };
        let start = Instant::now();
        let compiled = compile_with(1);
        compile_time += start.elapsed();
        Ok(Streams { compiled: compiled?, doubled: row.steps.map(|_| compile_with(2)).transpose()? })
    };
    let rows = rows.into_iter().map(|row| (one(&row), row)).map(|(compiled, row)| (row, compiled)).collect();
    Batch { rows, compile_time }
}

/// Runs all rows on all cores.
pub fn run_all(batch: Batch, machine: &Machine) -> Vec<Measured> {
    let outcomes = queue::run(&batch.rows, "rows", |(row, streams)| {
        streams.as_ref().map_err(Vec::clone).and_then(|streams| run(row, streams, &machine.timing))
    });
    batch.rows.into_iter().zip(outcomes).map(|((row, _), outcome)| Measured { row, outcome }).collect()
}

fn run(row: &Row, streams: &Streams, timing: &NamedTiming) -> Result<Outcome, Vec<Diagnostic>> {
    let artifact = &streams.compiled;
    let inputs = artifact.random_inputs(0);
    let reference = artifact.reference(&inputs)?;
    let run = artifact.run(&inputs, &RunOptions { timing: Some(timing.clone()), ..RunOptions::default() })?;
    let fault = run.fault(&reference);
    let timed = run.timed.expect("a timing was given");
    let recurrence = row.steps.zip(streams.doubled.as_ref()).map(|(steps, doubled)| {
        let doubled = doubled.time(timing)?;
        recurrence(artifact, &inputs, &run.outputs, steps, [&timed, &doubled])
    });
    Ok(Outcome {
        fault,
        least: artifact.kernel().and_then(|kernel| least(kernel, artifact.config()).ok()),
        recurrence: recurrence.transpose()?,
        timed,
        report: run.report,
    })
}

/// `timed` is a run with so many steps, and one with twice as many.
fn recurrence(
    artifact: &Artifact,
    inputs: &Arrays,
    outputs: &Arrays,
    steps: i64,
    timed: [&Timed; 2],
) -> Result<Recurrence, Vec<Diagnostic>> {
    let per_step = |of: &dyn Fn(&Timed) -> u64| (of(timed[1]) as f64 - of(timed[0]) as f64) / steps as f64;
    let wanted = artifact.reference_in_float(&artifact.numbers(inputs))?;
    let got = artifact.numbers(outputs);
    let distances: Vec<Distance> = got.iter().map(|(name, got)| distance(&wanted[name], got, 0.0)).collect();
    let values: usize = distances.iter().map(|distance| distance.values).sum();
    Ok(Recurrence {
        steps,
        cycles_per_step: per_step(&|timed| timed.report.cycles),
        gemm_per_step: per_step(&|timed| timed.report.work.gemm),
        products_per_step: artifact.kernel().map_or(0, products) as f64 / steps as f64,
        largest_error: distances.iter().map(|distance| distance.largest).fold(0.0, f64::max),
        mean_error: distances.iter().map(|d| d.mean * d.values as f64).sum::<f64>() / values.max(1) as f64,
    })
}

/// The products that sums of a kernel add up.
fn products(kernel: &Kernel) -> u64 {
    let computes = kernel.tensors.iter().filter_map(|tensor| tensor.compute());
    let sums = computes.filter_map(|compute| {
        let reduction = compute.reduction.as_ref().filter(|reduction| reduction.reducer == Reducer::Sum)?;
        let axes = compute.axes.iter().chain(&reduction.axes);
        let is_product = matches!(compute.value, Scalar::Binary { op: BinaryOp::Mul, .. });
        is_product.then(|| axes.map(|axis| kernel.axis(*axis).extent as u64).product::<u64>())
    });
    sums.sum()
}
