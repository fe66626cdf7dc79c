//! A program and the values of its parameters → what becomes of it with every combination of them.
//!
//! Combinations stand in the order of a number's digits: the values of the last parameter change first. What is kept of
//! one is its figures alone; its streams and arrays are gone before the next one begins.

//!
//! ```
//! use tilewright::sweep::{Outcome, Parameter, Request, combinations, run};
//! use tilewright::time::NamedTiming;
//! use tilewright::{Config, Sources};
//!
//! let mut sources = Sources::default();
//! let file = sources.add("k.tw", "kernel k(n = 16) {
//!     input x: i32[n]
//!     output y[i] = i8(x[i] + 1)
//! }");
//! let (config, timing) = (Config::default(), NamedTiming::default());
//! let request = Request { sources: &sources, file, program: None, config: &config, timing: &timing, seed: 0 };
//! let parameters = [Parameter { name: "n".to_owned(), values: vec![16, 64] }];
//! let outcomes = run(&request, &parameters, &combinations(&parameters, &[]), &(), &|_, _| {});
//! let cycles = |outcome: &Outcome| outcome.verified().unwrap().cycles;
//! assert!(cycles(&outcomes[0]) < cycles(&outcomes[1]));
//! ```

mod ranking;
mod reference;

use tilewright_isa::Config;
use tilewright_isa::PerMemory;
use tilewright_sim::cycles::Basis;
use tilewright_syntax::{Diagnostic, FileId, Sources};

use crate::parallel::{self, Progress};
use crate::time::NamedTiming;
use crate::{Artifact, Fault, Options, Run, RunOptions, compile};
use reference::References;

pub use ranking::{Ranking, one_reason, ratio};

/// What is swept, apart from parameters.
#[derive(Debug)]
pub struct Request<'a> {
    pub sources: &'a Sources,
    pub file: FileId,
    pub program: Option<&'a str>,
    pub config: &'a Config,
    pub timing: &'a NamedTiming,
    /// Of the random inputs.
    pub seed: u64,
}

/// The values that a parameter takes, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// `NAME` is a kernel's, `SCHEDULE.NAME` a schedule's.
    pub name: String,
    pub values: Vec<i64>,
}

impl Parameter {
    /// The parameter's own schedule; none for a kernel's.
    fn schedule(&self) -> Option<&str> {
        self.name.split_once('.').map(|(schedule, _)| schedule)
    }
}

/// A value for each parameter, and a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Combination {
    /// None where the file decides.
    pub schedule: Option<String>,
    /// One for each parameter; none for those of another of the swept schedules.
    pub values: Vec<Option<i64>>,
}

/// What becomes of a combination.
#[derive(Debug)]
pub enum Outcome {
    Ran(Box<SweepFigures>),
    /// It cannot be compiled.
    Refused(Vec<Diagnostic>),
    /// It is compiled, and cannot be run here.
    NotRun(Vec<Diagnostic>),
    /// It is compiled, and its stream does not come to its end, which is an internal compiler error.
    Stopped(Vec<Diagnostic>),
    /// The sweep was stopped before it.
    NotBegun,
}

impl Outcome {
    /// The figures of a run whose values are right.
    pub fn verified(&self) -> Option<&SweepFigures> {
        match self {
            Outcome::Ran(figures) if figures.fault.is_none() => Some(figures),
            _ => None,
        }
    }

    /// The first error of what does not run.
    pub fn refusal(&self) -> Option<&Diagnostic> {
        match self {
            Outcome::Ran(_) | Outcome::NotBegun => None,
            Outcome::Refused(errors) | Outcome::NotRun(errors) | Outcome::Stopped(errors) => errors.first(),
        }
    }
}

/// What is kept of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepFigures {
    pub kernel: String,
    pub schedule: String,
    pub cycles: u64,
    pub basis: Basis,
    /// The share of the cycles in which GEMM issued micro-ops.
    pub gemm_utilisation: f64,
    pub instructions: u64,
    pub gemm_uops: u64,
    pub alu_uops: u64,
    /// Between device memory and the scratchpads.
    pub bytes: PerMemory<u64>,
    /// Why its values are not the reference's, or are so by chance.
    pub fault: Option<Diagnostic>,
}

/// All combinations of the values, with each of the schedules; without schedules, with the one that the file decides on.
pub fn combinations(parameters: &[Parameter], schedules: &[String]) -> Vec<Combination> {
    let choices: Vec<Option<&String>> =
        if schedules.is_empty() { vec![None] } else { schedules.iter().map(Some).collect() };
    choices.into_iter().flat_map(|schedule| with_schedule(parameters, schedules, schedule)).collect()
}

fn with_schedule(parameters: &[Parameter], schedules: &[String], schedule: Option<&String>) -> Vec<Combination> {
    let is_of_another = |parameter: &Parameter| {
        parameter
            .schedule()
            .is_some_and(|own| Some(own) != schedule.map(|s| &**s) && schedules.iter().any(|s| s == own))
    };
    let mut rows: Vec<Vec<Option<i64>>> = vec![Vec::new()];
    for parameter in parameters {
        let values: Vec<Option<i64>> = match is_of_another(parameter) {
            true => vec![None],
            false => parameter.values.iter().copied().map(Some).collect(),
        };
        let longer = |row: &Vec<Option<i64>>| -> Vec<Vec<Option<i64>>> {
            values.iter().map(|value| row.iter().chain([value]).copied().collect()).collect()
        };
        rows = rows.iter().flat_map(longer).collect();
    }
    rows.into_iter().map(|values| Combination { schedule: schedule.cloned(), values }).collect()
}

/// Runs every combination on all cores, until the progress stops. The outcomes stand in the order of the combinations;
/// `each` is told of them as they come, on the thread of the run.
pub fn run(
    request: &Request,
    parameters: &[Parameter],
    combinations: &[Combination],
    progress: &dyn Progress,
    each: &(dyn Fn(&Combination, &Outcome) + Sync),
) -> Vec<Outcome> {
    let names: Vec<&str> = parameters.iter().map(|parameter| &*parameter.name).collect();
    let mut order: Vec<usize> = (0..combinations.len()).collect();
    // Those that share a reference stand together, so that few references are alive at a time.
    order.sort_by_cached_key(|at| of_kernel(&combinations[*at].given(&names)));
    let references = References::default();
    let work = |at: &usize| {
        let outcome = one(request, &combinations[*at], &names, &references);
        each(&combinations[*at], &outcome);
        outcome
    };
    let found = parallel::map_until(&order, "combinations", progress, work);
    let mut outcomes: Vec<Outcome> = combinations.iter().map(|_| Outcome::NotBegun).collect();
    for (at, outcome) in order.into_iter().zip(found) {
        outcomes[at] = outcome.unwrap_or(Outcome::NotBegun);
    }
    outcomes
}

impl Combination {
    /// The parameters as they would stand on the command line.
    pub fn given(&self, names: &[&str]) -> Vec<(String, i64)> {
        let given = names.iter().zip(&self.values).filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?)));
        given.collect()
    }
}

/// The parameters that decide what is computed, not how.
fn of_kernel(given: &[(String, i64)]) -> Vec<(String, i64)> {
    given.iter().filter(|(name, _)| !name.contains('.')).cloned().collect()
}

fn one(request: &Request, combination: &Combination, names: &[&str], references: &References) -> Outcome {
    let params = combination.given(names);
    let Request { sources, file, program, config, timing, seed } = *request;
    let (schedule, program) = (combination.schedule.clone(), program.map(str::to_owned));
    let options = Options { file, params: params.clone(), program, schedule, config: *config, memory: None };
    let artifact = match compile(sources, &options) {
        Ok(artifact) => artifact,
        Err(errors) => return Outcome::Refused(errors),
    };
    let reference = references.of(&artifact, of_kernel(&params), seed);
    match artifact.attempt(&reference.inputs, &RunOptions { timing: Some(timing.clone()), ..RunOptions::default() }) {
        Ok(run) => Outcome::Ran(Box::new(figures(&artifact, &run, run.fault(&reference.values)))),
        Err(no_run) if no_run.is_fault() => Outcome::Stopped(no_run.diagnostics()),
        Err(no_run) => Outcome::NotRun(no_run.diagnostics()),
    }
}

fn figures(artifact: &Artifact, run: &Run, fault: Option<Fault>) -> SweepFigures {
    let (report, timed) = (&run.report, run.timed.as_ref().expect("a run with a timing is timed"));
    SweepFigures {
        kernel: artifact.name().to_owned(),
        schedule: artifact.schedule().to_owned(),
        cycles: timed.report.cycles,
        basis: timed.basis,
        gemm_utilisation: timed.gemm_utilisation(),
        instructions: report.instructions.total(),
        gemm_uops: report.gemm_uops,
        alu_uops: report.alu_uops,
        bytes: report.bytes,
        fault: fault.map(|fault| fault.diagnostic()),
    }
}
