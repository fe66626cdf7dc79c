//! A compiled program and files of arrays → the values of a run, or of many, and what is asked about them.

use tilewright::batch::{BatchInputs, BatchOptions};
use tilewright::probe::Probe;
use tilewright::time::{NamedTiming, Timed};
use tilewright::{Array, Arrays, Artifact, Fault, Loss, Mismatch, NumberArrays, RunOptions};
use tilewright_sim::{Recording, Report};

use super::files::Files;
use crate::arrays::{self, Inputs};
use crate::checks::{Check, Wanted};
use crate::cli::RunArgs;
use crate::error::Failure;
use crate::interrupt;
use crate::parallel::{Bar, waiting};

/// A run, or several, with all that is known of the values.
#[derive(Debug)]
pub struct Finished {
    /// How many runs there are in a batch; each array has them as its first dimension. None without one.
    pub runs: Option<usize>,
    /// How many runs were asked for: more than there are after an interrupt.
    pub asked: usize,
    pub outputs: Arrays,
    /// What the accelerator did in one run.
    pub report: Report,
    /// One run in time.
    pub timed: Option<Timed>,
    pub recording: Option<Recording>,
    /// The first run that is wrong, counted from 0, and why.
    pub fault: Option<(usize, Fault)>,
    pub losses: Vec<(String, Loss)>,
    pub checks: Vec<Check>,
    /// In the order in which they are asked for, with the values.
    pub probes: Vec<(Probe, Array)>,
}

impl Finished {
    /// Whether all values are those of the reference, and not by chance.
    pub fn verified(&self) -> bool {
        self.fault.is_none()
    }

    pub fn mismatch(&self) -> Option<&Mismatch> {
        match &self.fault {
            Some((_, Fault::Differs(mismatch))) => Some(mismatch),
            _ => None,
        }
    }
}

/// Runs the program on what the files give, once or as often as `--batch` says.
pub fn run(
    args: &RunArgs,
    artifact: &Artifact,
    files: &Files,
    timing: &NamedTiming,
    record: Option<String>,
) -> Result<Finished, Failure> {
    let timing = (!args.values_only).then(|| timing.clone());
    match args.batch {
        Some(runs) => many(args, artifact, files, timing, runs.map(|runs| runs as usize)),
        None => once(args, artifact, files, timing, record),
    }
}

fn once(
    args: &RunArgs,
    artifact: &Artifact,
    files: &Files,
    timing: Option<NamedTiming>,
    record: Option<String>,
) -> Result<Finished, Failure> {
    artifact.fits_memory(1)?;
    let Inputs { arrays: inputs, losses } = arrays::inputs(artifact, &files.inputs, args.seed)?;
    let wanted = Wanted::read(artifact, &files.expected, args.atol, None)?;
    let (reference, in_float, run) = waiting(format!("running {}", args.file.display()), || {
        let reference = artifact.reference(&inputs)?;
        let in_float = args.float.then(|| artifact.reference_in_float(&artifact.numbers(&inputs))).transpose()?;
        Ok::<_, Failure>((reference, in_float, artifact.run(&inputs, &RunOptions { timing, record })?))
    })?;
    let fault = run.fault(&reference).map(|fault| (0, fault));
    Ok(Finished {
        runs: None,
        asked: 1,
        checks: checks(args, artifact, wanted, &run.outputs, in_float.as_ref()),
        probes: probes(args, artifact, &reference, in_float.as_ref())?,
        outputs: run.outputs,
        report: run.report,
        timed: run.timed,
        recording: run.recording,
        fault,
        losses,
    })
}

fn many(
    args: &RunArgs,
    artifact: &Artifact,
    files: &Files,
    timing: Option<NamedTiming>,
    runs: Option<usize>,
) -> Result<Finished, Failure> {
    let Inputs { arrays, losses } = arrays::batch_inputs(artifact, &files.inputs)?;
    let inputs = BatchInputs::new(artifact, arrays, runs)?.with_seed(args.seed);
    let runs = inputs.runs();
    let wanted = Wanted::read(artifact, &files.expected, args.atol, Some(runs))?;
    let stages = args.probe.iter().map(|probe| probe.name.clone()).collect();
    let options = BatchOptions { stages, float: args.float, ..BatchOptions::default() };
    let batch = interrupt::stoppable(|| artifact.run_batch(&inputs, &options, &Bar::default()))?;
    let wanted = wanted.first(batch.runs);
    let in_float = args.float.then_some(&batch.in_float);
    Ok(Finished {
        runs: Some(batch.runs),
        asked: runs,
        checks: checks(args, artifact, wanted, &batch.outputs, in_float),
        probes: probes(args, artifact, &batch.stages, in_float)?,
        outputs: batch.outputs,
        report: batch.report,
        timed: timing.map(|timing| artifact.time(&timing)).transpose()?,
        recording: None,
        fault: batch.faults.into_iter().next(),
        losses,
    })
}

fn checks(
    args: &RunArgs,
    artifact: &Artifact,
    mut wanted: Wanted,
    outputs: &Arrays,
    in_float: Option<&NumberArrays>,
) -> Vec<Check> {
    if let Some(values) = in_float {
        wanted.add_float(artifact, values, args.atol);
    }
    wanted.checks(artifact, outputs)
}

fn probes(
    args: &RunArgs,
    artifact: &Artifact,
    values: &Arrays,
    in_float: Option<&NumberArrays>,
) -> Result<Vec<(Probe, Array)>, Failure> {
    let probe = |name: &str| {
        let array = &values[name];
        let probe = artifact.probe(name, array, in_float.map(|values| &values[name]))?;
        Ok((probe, array.clone()))
    };
    args.probe.iter().map(|asked| probe(&asked.name)).collect()
}
