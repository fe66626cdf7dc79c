//! `tilewright accuracy FILE`: a program that classifies, run on many samples, and how often it is right.

use tilewright::{Artifact, TensorInfo};
use tilewright_syntax::{Sources, offered};

use crate::accuracy::error::AccuracyError;
use crate::accuracy::measure::{self, Measured};
use crate::accuracy::samples::{self, Samples};
use crate::accuracy::shown::{self, Figures};
use crate::arrays;
use crate::cli::AccuracyArgs;
use crate::error::{DriverError, Exit, Failure};
use crate::exports::{self, Forms};
use crate::load::{Loaded, Wanted, load};

pub fn run(args: &AccuracyArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let wanted = Wanted { params: &args.params, choice: &args.choice, machine: &args.machine };
    let (Loaded::Program(artifact), timing) = load(&args.file, wanted, sources)? else {
        return Err(Failure::Usage("an assembler text has no tensors, and so nothing that decides".to_owned()));
    };
    let given = arrays::input_files(&artifact, &args.input, sources)?;
    let output = output(&artifact, args.output.as_deref())?;
    let folder = args.inputs.clone().unwrap_or_else(|| samples::folder(&args.file));
    let files = samples::files(&artifact, &given, &folder);
    let labels = args.labels.clone().unwrap_or_else(|| folder.join("labels.npy"));
    let read = files.iter().map(|file| &*file.path).chain([&*labels, &*args.file]);
    exports::check(&args.exports, read.chain(args.machine.files()))?;
    let samples = Samples::read(&artifact, &files, &labels, output, args.samples.map(|most| most as usize))?;

    let measured = measure::run(&artifact, &samples, output, &timing)?;
    let figures = Figures { file: &args.file, artifact: &artifact, samples: &samples, measured: &measured, output };
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
fn output<'a>(artifact: &'a Artifact, named: Option<&str>) -> Result<&'a TensorInfo, Failure> {
    let outputs: Vec<&TensorInfo> = artifact.outputs().collect();
    let all = || outputs.iter().map(|output| output.name.clone()).collect::<Vec<_>>();
    match (named, &outputs[..]) {
        (None, [only]) => Ok(only),
        (None, _) => Err(AccuracyError::SeveralOutputs { outputs: all() }.into()),
        (Some(named), outputs) => match outputs.iter().find(|output| output.name == named) {
            Some(output) => Ok(output),
            None => Err(Failure::Usage(format!("there is no output `{named}`; {}", offered(named, &all(), "outputs")))),
        },
    }
}

/// Fails with the first sample whose values are wrong, or right by chance.
fn verdict(measured: &Measured) -> Result<(), Failure> {
    let fault = measured.decisions.iter().enumerate().find_map(|(at, decision)| Some((at, decision.fault.clone()?)));
    let Some((at, fault)) = fault else { return Ok(()) };
    let error = DriverError::Faulty { fault, recorded: None };
    Err(Failure::Told { exit: Exit::Differs, diagnostics: vec![error.diagnostic().note(format!("in sample {at}"))] })
}
