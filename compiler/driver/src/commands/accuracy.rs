//! `tilewright accuracy FILE`: a program that classifies, run on many samples, and how often it is right.

use tilewright::accuracy::{Accuracy, Labels};
use tilewright_syntax::{Diagnostic, Sources};

use crate::accuracy::error::AccuracyError;
use crate::accuracy::report::{self, Figures};
use crate::accuracy::samples::{self, Samples};
use crate::cli::AccuracyArgs;
use crate::error::{DriverError, Exit, Failure};
use crate::exports::{self, Forms};
use crate::load::{Loaded, Wanted, load};
use crate::parallel::Bar;
use crate::{arrays, interrupt, memory};

pub fn run(args: &AccuracyArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let wanted = Wanted { params: &args.params, choice: &args.choice, machine: &args.machine };
    let (Loaded::Program(artifact), timing) = load(&args.file, wanted, sources)? else {
        return Err(Failure::Usage("an assembler text has no tensors, and so nothing that decides".to_owned()));
    };
    artifact.limit_memory(memory::limit(&args.memory));
    let given = arrays::input_files(&artifact, &args.input, sources)?;
    let output = artifact.deciding_output(args.output.as_deref())?;
    let folder = args.inputs.clone().unwrap_or_else(|| samples::folder(&args.file));
    let files = samples::files(&artifact, &given, &folder);
    let labels = args.labels.clone().unwrap_or_else(|| folder.join("labels.npy"));
    let read = files.iter().map(|file| &*file.path).chain([&*labels, &*args.file]);
    exports::check(&args.exports, read.chain(args.machine.files()))?;
    let samples = Samples::read(&artifact, &files, &labels, args.samples.map(|most| most as usize))?;

    let in_file = |error: Diagnostic| error.note(format!("in `{}`", labels.display()));
    let classes = Labels::new(&samples.labels, output).map_err(|errors| Failure::from(errors).placed(in_file))?;
    let inputs = samples.inputs(&artifact)?;
    let accuracy = interrupt::stoppable(|| artifact.accuracy(&inputs, &classes, &timing, &Bar::default()))?;
    let figures = Figures { file: &args.file, artifact: &artifact, samples: &samples, accuracy: &accuracy, output };
    let forms = Forms {
        csv: &|| report::csv(&figures),
        json: &|| format!("{:#}\n", report::json(&figures)),
        report: &|| report::report(&figures),
    };
    exports::write(&args.exports, &forms)?;
    interrupt::told(accuracy.decisions.len(), samples.count(), "samples")?;
    verdict(&accuracy)?;
    let loss = accuracy.share(accuracy.right_in_float()) - accuracy.share(accuracy.right());
    match args.max_loss {
        Some(most) if loss > most => {
            Err(AccuracyError::Inaccurate { loss: format!("{loss:.2}"), tolerated: format!("{most}") }.into())
        }
        _ => Ok(Exit::Success),
    }
}

/// Fails with the first sample whose values are wrong, or right by chance.
fn verdict(accuracy: &Accuracy) -> Result<(), Failure> {
    let fault = accuracy.decisions.iter().enumerate().find_map(|(at, decision)| Some((at, decision.fault.clone()?)));
    let Some((at, fault)) = fault else { return Ok(()) };
    let error = DriverError::Faulty { fault, recorded: None };
    Err(Failure::Reported {
        exit: Exit::Differs,
        diagnostics: vec![error.diagnostic().note(format!("in sample {at}"))],
    })
}
