//! The files of arrays that the options of a run name.

use std::path::{Path, PathBuf};

use tilewright::Artifact;
use tilewright_syntax::Sources;

use crate::arrays::{self, TensorFile};
use crate::cli::RunArgs;
use crate::error::{DriverError, Failure};
use crate::{files, pictures, recordings};

/// The files of arrays that options name.
#[derive(Debug, Default)]
pub struct Files {
    pub inputs: Vec<TensorFile>,
    pub outputs: Vec<TensorFile>,
    pub expected: Vec<TensorFile>,
    /// Where the values of tensors go that are probed.
    pub probes: Vec<TensorFile>,
}

impl Files {
    /// Finds the tensors that options name, and refuses outputs that would replace what the command reads or each other, or
    /// be mixed with figures on standard output.
    pub fn of(args: &RunArgs, artifact: &Artifact, sources: &mut Sources) -> Result<Files, Failure> {
        let files = Files {
            inputs: arrays::input_files(artifact, &args.input, sources)?,
            outputs: arrays::output_files(artifact, &args.output, sources)?,
            expected: arrays::expected_files(artifact, &args.expect, sources)?,
            probes: probes(args, artifact, sources)?,
        };
        files.check(args)?;
        Ok(files)
    }

    fn check(&self, args: &RunArgs) -> Result<(), Failure> {
        if args.figures.replace_report() && self.to_standard().is_some() {
            let message = "figures and an output on `-` would be mixed on standard output: give one of them a file";
            return Err(Failure::Usage(message.to_owned()));
        }
        if self.probes.iter().any(|file| file.path == Path::new(files::STANDARD)) {
            return Err(Failure::Usage("`--probe` writes files: give it another name than `-`".to_owned()));
        }
        let inputs = || {
            let arrays = self.inputs.iter().chain(&self.expected).map(|file| &*file.path);
            arrays.chain([&*args.file]).chain(args.machine.files())
        };
        let arrays = || self.outputs.iter().chain(&self.probes).map(|file| &*file.path);
        let written = || arrays().chain(args.figures.file());
        files::check_outputs(&written().collect::<Vec<_>>(), inputs())?;
        let recorded: Vec<PathBuf> = args.record.iter().flat_map(|folder| recordings::files(folder)).collect();
        let recorded: Vec<&Path> = recorded.iter().map(PathBuf::as_path).collect();
        files::keep_inputs(&recorded, inputs())?;
        args.record.iter().try_for_each(|folder| files::check_folder(folder))?;
        let outputs: Vec<&Path> = written().chain(recorded).collect();
        files::keep_apart(&outputs)?;
        pictures::check(&args.pictures, args.figures.replace_report(), inputs(), &outputs)
    }

    /// The output that goes to standard output.
    pub fn to_standard(&self) -> Option<&TensorFile> {
        self.outputs.iter().find(|file| file.path == Path::new(files::STANDARD))
    }
}

/// Checks the names that `--probe` gives, and returns the files among them.
fn probes(args: &RunArgs, artifact: &Artifact, sources: &mut Sources) -> Result<Vec<TensorFile>, Failure> {
    for (at, probe) in args.probe.iter().enumerate() {
        let span = probe.place(sources);
        artifact.stage(&probe.name).map_err(|errors| arrays::unknown_name(errors, span, "stages"))?;
        if let Some(first) = args.probe[..at].iter().find(|before| before.name == probe.name) {
            let (what, first, second) = (format!("`{}`", probe.name), first.place(sources), probe.place(sources));
            return Err(DriverError::Twice { what, first, second }.into());
        }
    }
    let file =
        |probe: &crate::cli::ProbeArg| Some(TensorFile { tensor: probe.name.clone(), path: probe.path.clone()? });
    Ok(args.probe.iter().filter_map(file).collect())
}
