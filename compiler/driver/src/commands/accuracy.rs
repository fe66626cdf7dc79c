//! `tilewright accuracy FILE`: a program that classifies, run on many samples, and how often it is right.

use tilewright_core::pipeline::Request;
use tilewright_core::tensor::{Kernel, TensorId};
use tilewright_syntax::Sources;

use crate::accuracy::error::AccuracyError;
use crate::accuracy::measure::{self, Decision, Measured};
use crate::accuracy::samples::{self, Samples};
use crate::accuracy::shown::{self, Figures};
use crate::arrays;
use crate::cli::AccuracyArgs;
use crate::compile::{compile, params, read_program};
use crate::error::{DriverError, Exit, Failure};
use crate::exports::{self, Forms};
use crate::report::tell;
use crate::simulate::Mismatch;
use crate::target;

pub fn run(args: &AccuracyArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let file = read_program(&args.file, sources)?;
    let params = params(&args.params.params, sources)?;
    let (config, timing) = target::machine(&args.machine, sources)?;
    let (program, schedule) = (args.choice.program.as_deref(), args.choice.schedule.as_deref());
    let compiled = compile(&Request { sources, file, params: &params, program, schedule, config: &config })?;
    tell(&compiled.warnings, sources);

    let kernel = &compiled.front.kernel;
    let given = arrays::input_files(kernel, &args.input, sources)?;
    let output = output(kernel, args.output.as_deref())?;
    let folder = args.inputs.clone().unwrap_or_else(|| samples::folder(&args.file));
    let files = samples::files(kernel, &given, &folder);
    let labels = args.labels.clone().unwrap_or_else(|| folder.join("labels.npy"));
    let read = files.iter().map(|file| &*file.path).chain([&*labels, &*args.file]);
    exports::check(&args.exports, read.chain(args.machine.files()))?;
    let samples = Samples::read(kernel, &files, &labels, output, args.samples.map(|most| most as usize))?;

    let measured = measure::run(&compiled, &samples, output, &timing)?;
    let figures = Figures { file: &args.file, compiled: &compiled, samples: &samples, measured: &measured, output };
    let forms = Forms {
        csv: &|| shown::csv(&figures),
        json: &|| format!("{:#}\n", shown::json(&figures)),
        report: &|| shown::report(&figures),
    };
    exports::write(&args.exports, &forms)?;
    verdict(&measured)?;
    let loss = figures.float_accuracy() - figures.accuracy();
    match args.max_loss {
        Some(most) if loss > most => {
            Err(AccuracyError::Inaccurate { loss: format!("{loss:.2}"), tolerated: format!("{most}") }.into())
        }
        _ => Ok(Exit::Good),
    }
}

/// The output that decides: the one that is named, or the only one.
fn output(kernel: &Kernel, named: Option<&str>) -> Result<TensorId, Failure> {
    let outputs: Vec<TensorId> = kernel.ids().filter(|id| kernel.tensor(*id).output).collect();
    let name = |id: &TensorId| kernel.tensor(*id).name.clone();
    let all = || outputs.iter().map(name).collect::<Vec<_>>();
    match (named, &outputs[..]) {
        (None, [only]) => Ok(*only),
        (None, _) => Err(AccuracyError::SeveralOutputs { outputs: all() }.into()),
        (Some(named), outputs) => match outputs.iter().find(|id| kernel.tensor(**id).name == named) {
            Some(output) => Ok(*output),
            None => Err(Failure::Usage(format!("there is no output `{named}`; outputs here: {}", all().join(", ")))),
        },
    }
}

/// Fails with the first sample whose values are wrong, or right by chance.
fn verdict(measured: &Measured) -> Result<(), Failure> {
    let Some(at) = measured.decisions.iter().position(|decision| !decision.verified()) else { return Ok(()) };
    let Decision { mismatch, findings, .. } = measured.decisions[at].clone();
    let error = match mismatch {
        Some(Mismatch { output, index, expected, got, count }) => {
            DriverError::Differs { output, index, expected, got, count, recorded: None }
        }
        None => DriverError::Unsound { findings, recorded: None },
    };
    Err(Failure::Told { exit: Exit::Differs, diagnostics: vec![error.diagnostic().note(format!("in sample {at}"))] })
}
