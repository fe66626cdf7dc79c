//! `tilewright run FILE`: a program compiled, executed on the simulated accelerator and compared with the reference; once, or on
//! many inputs.
//!
//! Outputs are written only when the accelerator has computed what the program says, and then all of them, whether they are
//! as expected or not. A recording is also written of a run whose values are wrong, because it shows why.

use std::path::{Path, PathBuf};

use tilewright::time::NamedTiming;
use tilewright::{Array, Artifact};
use tilewright_sim::Recording;
use tilewright_syntax::{Diagnostic, Sources};

use crate::arrays::TensorFile;
use crate::checks::Check;
use crate::cli::{ReplayArgs, RunArgs};
use crate::commands::replay;
use crate::error::{DriverError, Exit, Failure};
use crate::files::{self, Staged};
use crate::load::{Loaded, Wanted, load};
use crate::pictures::Pictures;
use crate::run::files::Files;
use crate::run::report;
use crate::run::values::{self, Finished};
use crate::{interrupt, memory, npy, pictures, recordings};

pub fn run(args: &RunArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let wanted = Wanted { params: &args.params, choice: &args.choice, machine: &args.machine };
    let (loaded, timing) = load(&args.file, wanted, sources)?;
    let artifact = match loaded {
        Loaded::Program(artifact) => artifact,
        Loaded::Stream(recording) => return stream(args, *recording, &timing),
    };
    artifact.limit_memory(memory::limit(&args.memory));
    let files = Files::of(args, &artifact, sources)?;
    let record = args.record.is_some().then(|| description(args, &artifact, &files));
    let finished = values::run(args, &artifact, &files, &timing, record)?;
    let title = pictures::title(&artifact);
    let pictures = pictures::make(&args.pictures, title, &artifact.timed_stream(), &timing.timing)?;
    conclude(args, &artifact, &files, finished, pictures)
}

/// Runs an assembler text, which knows no tensors: there is nothing to give it and nothing to compare it with.
fn stream(args: &RunArgs, recording: Recording, timing: &NamedTiming) -> Result<Exit, Failure> {
    let arrays = [&args.input, &args.output, &args.expect].iter().any(|given| !given.is_empty());
    if arrays || !args.probe.is_empty() || args.float || args.batch.is_some() || args.record.is_some() {
        let message = "an assembler text has no tensors: leave `--input`, `--output`, `--expect`, `--float`, `--probe`, `--batch` \
                       and `--record` away";
        return Err(Failure::Usage(message.to_owned()));
    }
    let args = ReplayArgs {
        dir: args.file.clone(),
        figures: args.figures.clone(),
        timing: PathBuf::new(),
        time_only: false,
        values_only: args.values_only,
        pictures: args.pictures.clone(),
        events: None,
        races: true,
        repeat: 1,
    };
    replay::conclude(&args, recording, timing)
}

/// What was run, so that a recording can be made again.
fn description(args: &RunArgs, artifact: &Artifact, files: &Files) -> String {
    let mut parts = vec![format!("kernel {}", artifact.name())];
    parts.extend((!artifact.schedule().is_empty()).then(|| format!("schedule {}", artifact.schedule())));
    parts.extend(args.params.params.iter().map(|p| format!("-p {}={}", p.name, p.value)));
    parts.push(format!("seed {}", args.seed));
    let from = |file: &TensorFile| format!("{} from {}", file.tensor, file.path.display());
    parts.extend(files.inputs.iter().map(from));
    format!("{}: {}", args.file.display(), parts.join(", "))
}

/// Writes the files and the report of a run. A run that went wrong leaves its recording, where one is asked for, and no
/// outputs.
fn conclude(
    args: &RunArgs,
    artifact: &Artifact,
    files: &Files,
    finished: Finished,
    pictures: Pictures,
) -> Result<Exit, Failure> {
    let good = finished.fault.is_none();
    let mut staged = if good { stage(args, artifact, files, &finished)? } else { Vec::new() };
    if let (Some(folder), Some(recording)) = (&args.record, &finished.recording) {
        staged.push(recordings::stage(folder, recording)?);
    }
    staged.extend(pictures.staged);
    let figures = || format!("{:#}\n", report::json(args, artifact, &finished));
    if let Some(path) = args.figures.file() {
        staged.push(files::stage(path, figures().as_bytes())?);
    }
    // A report that nobody can take leaves the files.
    let written = files::commit_kept(staged);
    let shown = || report::report(args, artifact, files, &finished) + &pictures.shown;
    match (args.figures.replace_report(), files.to_standard()) {
        (true, _) => files::print_data(&figures())?,
        (false, None) => files::print(&shown())?,
        (false, Some(file)) => {
            if good {
                let bytes = array_file(args, artifact, file, &finished.outputs[&file.tensor]);
                files::write_bytes_to(&file.path, &bytes, "an array")?;
            }
            files::print_aside(&shown())?;
        }
    }
    files::commit(written?)?;
    interrupt::told(finished.runs.unwrap_or(1), finished.asked, "runs")?;
    verdict(finished, args.record.clone())
}

/// How the command ends: wrong values weigh more than those that are not as expected.
fn verdict(finished: Finished, recorded: Option<PathBuf>) -> Result<Exit, Failure> {
    if let Some((run, fault)) = finished.fault {
        let error = DriverError::Faulty { fault, recorded };
        return Err(match finished.runs {
            None => error.into(),
            Some(_) => {
                let diagnostics = vec![error.diagnostic().note(format!("in run {run}"))];
                Failure::Reported { exit: Exit::Differs, diagnostics }
            }
        });
    }
    let told: Vec<Diagnostic> = finished.checks.iter().filter_map(Check::error).map(|e| e.diagnostic()).collect();
    match told.is_empty() {
        true => Ok(Exit::Success),
        false => Err(Failure::Reported { exit: Exit::Differs, diagnostics: told }),
    }
}

/// The files of outputs and of probed values, complete beside their places.
fn stage(args: &RunArgs, artifact: &Artifact, files: &Files, finished: &Finished) -> Result<Vec<Staged>, Failure> {
    let outputs = files.outputs.iter().filter(|file| file.path != Path::new(files::STANDARD));
    let outputs = outputs.map(|file| (file, &finished.outputs[&file.tensor]));
    let probed = files.probes.iter().filter_map(|file| {
        let of_file = |(probe, _): &&(tilewright::probe::Probe, Array)| probe.tensor.name == file.tensor;
        Some((file, &finished.probes.iter().find(of_file)?.1))
    });
    let staged =
        outputs.chain(probed).map(|(file, array)| files::stage(&file.path, &array_file(args, artifact, file, array)));
    Ok(staged.collect::<Result<_, _>>()?)
}

/// The content of an array's file.
fn array_file(args: &RunArgs, artifact: &Artifact, file: &TensorFile, array: &Array) -> Vec<u8> {
    let tensor = crate::arrays::tensor(artifact, file);
    match args.float_outputs {
        true => npy::write_numbers(&tensor.numbers(array)),
        false => npy::write(array, tensor.format.dtype),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use tilewright::{Fault, Mismatch, RunOptions, compile};

    use super::*;
    use crate::arrays;
    use crate::cli::{Cli, Command};

    /// A run that is called wrong, with its arguments: the compiler offers no program for which it is.
    struct Wrong {
        folder: tempfile::TempDir,
        args: RunArgs,
        artifact: Artifact,
        files: Files,
        finished: Finished,
    }

    impl Wrong {
        fn new(fault: Fault) -> Wrong {
            let folder = tempfile::tempdir().unwrap();
            let [program, array, record] = ["k.tw", "y.npy", "rec"].map(|name| folder.path().join(name));
            std::fs::write(&program, include_str!("../../../../dsl-examples/matmul.tw")).unwrap();
            let output = format!("--output=Y={}", array.display());
            let options =
                [program.as_os_str(), output.as_ref(), "--stats=json".as_ref(), "--record".as_ref(), record.as_ref()];
            let arguments = ["tilewright".as_ref(), "run".as_ref()].into_iter().chain(options);
            let Command::Run(args) = Cli::parse_from(arguments).command else {
                panic!("these are the arguments of a run")
            };

            let mut sources = Sources::default();
            let file = files::read_program(&args.file, &mut sources).unwrap();
            let options = tilewright::Options { file, ..tilewright::Options::default() };
            let artifact = compile(&sources, &options).unwrap();
            let outputs = arrays::output_files(&artifact, &args.output, &mut sources).unwrap();
            let recorded = RunOptions { record: Some(String::new()), ..RunOptions::default() };
            let run = artifact.run(&artifact.random_inputs(0), &recorded).unwrap();
            let finished = Finished {
                runs: None,
                asked: 1,
                outputs: run.outputs,
                report: run.report,
                timed: None,
                recording: run.recording,
                fault: Some((0, fault)),
                losses: Vec::new(),
                checks: Vec::new(),
                probes: Vec::new(),
            };
            Wrong { folder, args, artifact, files: Files { outputs, ..Files::default() }, finished }
        }
    }

    #[test]
    fn a_wrong_run_leaves_its_recording_and_no_outputs() {
        let mismatch = Mismatch { output: "Y".to_owned(), index: vec![0, 17], expected: 1, got: 2, count: 3 };
        let Wrong { folder, args, artifact, files, finished } = Wrong::new(Fault::Differs(mismatch));
        let Err(Failure::Reported { exit, diagnostics }) =
            conclude(&args, &artifact, &files, finished, Pictures::default())
        else {
            panic!("a difference is a failure");
        };
        assert_eq!(
            (exit, diagnostics[0].message.as_str()),
            (Exit::Differs, "output `Y` differs from the reference at [0, 17]")
        );
        let record = folder.path().join("rec");
        let help = &diagnostics[0].help;
        assert_eq!(*help, [format!("please report it with the recording in `{}`", record.display())]);
        assert!(!folder.path().join("y.npy").exists() && record.join("after.bin").exists());
    }

    #[test]
    fn a_run_that_is_right_by_chance_is_not_verified() {
        let fault = Fault::Unordered(vec!["tokens left in load→compute: 1".to_owned()]);
        let Wrong { args, artifact, files, finished, .. } = Wrong::new(fault);
        let json = report::json(&args, &artifact, &finished);
        assert_eq!((&json["verified"], &json["mismatch"]), (&false.into(), &serde_json::Value::Null));
        let report = anstream::adapter::strip_str(&report::report(&args, &artifact, &files, &finished)).to_string();
        assert!(report.contains("✘ unordered   tokens left in load→compute: 1\n"), "{report}");
        assert!(!report.contains("verified"), "{report}");
    }
}
