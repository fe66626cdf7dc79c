//! Rows → what each of them takes.
//!
//! Compiling happens on one thread, and its time is a figure. The runs are independent and share all cores; results stand
//! in the order of the rows.

use std::time::{Duration, Instant};

use tilewright::fidelity;
use tilewright::nominal::NominalCycles;
use tilewright::recurrence::StepFigures;
use tilewright::time::{NamedTiming, Timed};
use tilewright::{Artifact, Fault, Options, RunOptions, compile, does_not_fit};
use tilewright_isa::Config;
use tilewright_syntax::{Diagnostic, Sources};

use super::catalog::Catalog;
use super::table::Row;
use crate::parallel;

/// The machine that rows are compiled for and run on.
#[derive(Debug)]
pub struct Machine {
    pub config: Config,
    pub timing: NamedTiming,
    /// Whether the timing was asked for, and so is that of rows that have one of their own as well.
    pub timing_given: bool,
}

impl Machine {
    /// What a row is compiled for.
    pub fn config_of<'a>(&'a self, row: &'a Row) -> &'a Config {
        row.target.as_ref().map_or(&self.config, |target| &target.config)
    }

    /// The timing of a row.
    pub fn timing_of<'a>(&'a self, row: &'a Row) -> &'a NamedTiming {
        let own = row.target.as_ref().and_then(|target| target.timing.as_ref());
        own.filter(|_| !self.timing_given).unwrap_or(&self.timing)
    }
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
        told.first().filter(|_| does_not_fit(told))
    }
}

/// A run that ended.
#[derive(Debug)]
pub struct Outcome {
    pub report: tilewright_sim::Report,
    pub timed: Timed,
    /// None where the ALU has no operations for one of the definitions as it stands.
    pub nominal: Option<NominalCycles>,
    /// Why its values are not to be relied on.
    pub fault: Option<Fault>,
    /// Of a recurrence.
    pub step: Option<StepFigures>,
    /// The ratio of signal to noise against a computation in floating point, in dB, of a row that is compared with one.
    pub signal_to_noise: Option<f64>,
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
pub fn compile_all(rows: Vec<Row>, catalog: &Catalog, machine: &Machine, sources: &mut Sources) -> Batch {
    let mut compile_time = Duration::ZERO;
    let mut one = |row: &Row| {
        let file = catalog.program(row, sources).map_err(|told| vec![told])?;
        let compile_with = |times: i64| {
            let (program, schedule) = (row.program.clone(), row.schedule.clone());
            let (params, config) = (row.parameters_with(times), *machine.config_of(row));
            compile(sources, &Options { file, params, program, schedule, config, memory: None })
        };
        let start = Instant::now();
        let compiled = compile_with(1);
        compile_time += start.elapsed();
        Ok(Streams { compiled: compiled?, doubled: row.steps.map(|_| compile_with(2)).transpose()? })
    };
    let rows = rows.into_iter().map(|row| (one(&row), row)).map(|(compiled, row)| (row, compiled)).collect();
    Batch { rows, compile_time }
}

/// Runs all rows on all cores. After an interrupt, those are left out that had not begun.
pub fn run_all(batch: Batch, machine: &Machine) -> Vec<Measured> {
    let outcomes = parallel::run(&batch.rows, "rows", |(row, streams)| {
        streams.as_ref().map_err(Vec::clone).and_then(|streams| run(row, streams, machine.timing_of(row)))
    });
    let measured = |((row, _), outcome): ((Row, _), Option<_>)| Some(Measured { row, outcome: outcome? });
    batch.rows.into_iter().zip(outcomes).filter_map(measured).collect()
}

fn run(row: &Row, streams: &Streams, timing: &NamedTiming) -> Result<Outcome, Vec<Diagnostic>> {
    let artifact = &streams.compiled;
    let numbers = row.float.as_ref().map(|given| fidelity::normal_numbers(artifact, given, 0));
    let inputs = match &numbers {
        Some(numbers) => fidelity::quantised(artifact, numbers)?,
        None => artifact.random_inputs(0),
    };
    let reference = artifact.reference(&inputs)?;
    let run = artifact.run(&inputs, &RunOptions { timing: Some(timing.clone()), ..RunOptions::default() })?;
    let fault = run.fault(&reference);
    let step = row
        .steps
        .zip(streams.doubled.as_ref())
        .map(|(steps, doubled)| artifact.step(doubled, steps as u64, (&inputs, &run.outputs), timing));
    let signal_to_noise = numbers.map(|numbers| {
        let (real, found) = (artifact.reference_in_float(&numbers)?, artifact.numbers(&run.outputs));
        Ok::<_, Vec<Diagnostic>>(fidelity::signal_to_noise(found.iter().map(|(name, found)| (&real[name], found))))
    });
    Ok(Outcome {
        signal_to_noise: signal_to_noise.transpose()?,
        fault,
        nominal: artifact.nominal(&timing.timing),
        step: step.transpose()?,
        timed: run.timed.expect("a timing was given"),
        report: run.report,
    })
}
