//! `tilewright run FILE`: a program compiled, executed on the simulated accelerator and compared with the reference.
//!
//! Outputs are written only when the accelerator has computed what the program says, and then all of them, whether they are
//! as expected or not. A recording is also written of a run whose values are wrong, because it shows why.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tilewright::time::{self, Timed};
use tilewright::{Artifact, Fault, Loss, Mismatch, Run, RunOptions, TensorInfo, compile, findings, index_text};
use tilewright_sim::cycles::Basis;
use tilewright_syntax::{Diagnostic, Sources};

use crate::arrays::{self, Inputs, TensorFile};
use crate::checks::{self, Check, Wanted};
use crate::cli::RunArgs;
use crate::compile::{options, params, read_program};
use crate::error::{DriverError, Exit, Failure};
use crate::files::{self, Staged};
use crate::pictures::Pictures;
use crate::report::{BAD, FAINT, GOOD, HEADING, duration, grouped, tell};
use crate::{formats, npy, pictures, recordings, stats, target};

pub fn run(args: &RunArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let file = read_program(&args.file, sources)?;
    let params = params(&args.params.params, sources)?;
    let (config, timing) = target::machine(&args.machine, sources)?;
    let artifact = compile(sources, &options(file, params, &args.choice, config))?;

    tell(artifact.warnings(), sources);
    let inputs = arrays::input_files(&artifact, &args.input, sources)?;
    let outputs = arrays::output_files(&artifact, &args.output, sources)?;
    let expected = arrays::expected_files(&artifact, &args.expect, sources)?;
    let files = Files { inputs, outputs, expected };
    files.check(args)?;
    let Inputs { arrays: inputs, losses } = arrays::inputs(&artifact, &files.inputs, args.seed)?;
    let mut wanted = Wanted::read(&artifact, &files.expected, args.atol)?;
    if args.float {
        wanted.add_float(&artifact, &artifact.reference_in_float(&artifact.numbers(&inputs))?, args.atol);
    }
    let reference = artifact.reference(&inputs)?;
    let record = args.record.is_some().then(|| description(args, &artifact, &files));
    let timed = (!args.values_only).then(|| timing.clone());
    let run = artifact.run(&inputs, &RunOptions { timing: timed, record })?;
    let fault = run.fault(&reference);
    let title = format!("{}, schedule {}", artifact.name(), artifact.schedule());
    let stream = artifact.recording(String::new());
    let pictures = pictures::make(&args.pictures, title, &time::subject(&stream), &timing.timing)?;
    let checks = wanted.checks(&artifact, &run.outputs);
    conclude(args, &artifact, &files, Finished { run, fault, losses, checks }, pictures)
}

/// A run with all that is known of its inputs and outputs.
struct Finished {
    run: Run,
    fault: Option<Fault>,
    losses: Vec<(String, Loss)>,
    checks: Vec<Check>,
}

impl Finished {
    fn mismatch(&self) -> Option<&Mismatch> {
        match &self.fault {
            Some(Fault::Differs(mismatch)) => Some(mismatch),
            _ => None,
        }
    }
}

/// The files of arrays that options name.
#[derive(Default)]
struct Files {
    inputs: Vec<TensorFile>,
    outputs: Vec<TensorFile>,
    expected: Vec<TensorFile>,
}

impl Files {
    /// Refuses outputs that would replace what the command reads, or stand beside figures on standard output.
    fn check(&self, args: &RunArgs) -> Result<(), Failure> {
        if args.stats.is_some() && self.to_standard().is_some() {
            let message = "`--stats` and an output on `-` would be mixed on standard output: give one of them a file";
            return Err(Failure::Usage(message.to_owned()));
        }
        let inputs = || {
            let arrays = self.inputs.iter().chain(&self.expected).map(|file| &*file.path);
            arrays.chain([&*args.file]).chain(args.machine.files())
        };
        for output in &self.outputs {
            files::keep_inputs(&output.path, inputs())?;
        }
        let recorded: Vec<PathBuf> = args.record.iter().flat_map(|folder| recordings::files(folder)).collect();
        let outputs = self.outputs.iter().map(|file| &*file.path).chain(recorded.iter().map(PathBuf::as_path));
        pictures::check(&args.pictures, args.stats.is_some(), inputs(), &outputs.collect::<Vec<_>>())
    }

    /// The output that goes to standard output.
    fn to_standard(&self) -> Option<&TensorFile> {
        self.outputs.iter().find(|file| file.path == Path::new(files::STANDARD))
    }
}

/// What was run, so that a recording can be made again.
fn description(args: &RunArgs, artifact: &Artifact, files: &Files) -> String {
    let mut parts = vec![format!("kernel {}", artifact.name()), format!("schedule {}", artifact.schedule())];
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
    let mut staged = if good { stage(args, artifact, &files.outputs, &finished.run)? } else { Vec::new() };
    if let (Some(folder), Some(recording)) = (&args.record, &finished.run.recording) {
        staged.extend(recordings::stage(folder, recording)?);
    }
    staged.extend(pictures.staged);
    let shown = || shown(args, artifact, &files.inputs, &finished) + &pictures.shown;
    match (args.stats, files.to_standard()) {
        (Some(_), _) => files::print(&format!("{:#}\n", json(args, artifact, &finished)))?,
        (None, None) => files::print(&shown())?,
        (None, Some(file)) => {
            if good {
                files::write_bytes_to(&file.path, &array_file(args, artifact, file, &finished.run), "an array")?;
            }
            files::print_aside(&shown())?;
        }
    }
    staged.into_iter().try_for_each(Staged::commit)?;
    verdict_of(finished, args.record.clone())
}

/// How the command ends: wrong values weigh more than those that are not as expected.
fn verdict_of(finished: Finished, recorded: Option<PathBuf>) -> Result<Exit, Failure> {
    if let Some(fault) = finished.fault {
        return Err(DriverError::Faulty { fault, recorded }.into());
    }
    let told: Vec<Diagnostic> = finished.checks.iter().filter_map(Check::error).map(|e| e.diagnostic()).collect();
    match told.is_empty() {
        true => Ok(Exit::Good),
        false => Err(Failure::Told { exit: Exit::Differs, diagnostics: told }),
    }
}

/// The files of outputs, complete beside their places.
fn stage(args: &RunArgs, artifact: &Artifact, outputs: &[TensorFile], run: &Run) -> Result<Vec<Staged>, Failure> {
    let to_files = outputs.iter().filter(|file| file.path != Path::new(files::STANDARD));
    let staged = to_files.map(|file| files::stage(&file.path, &array_file(args, artifact, file, run)));
    Ok(staged.collect::<Result<_, _>>()?)
}

/// The content of an output's file.
fn array_file(args: &RunArgs, artifact: &Artifact, file: &TensorFile, run: &Run) -> Vec<u8> {
    let (tensor, array) = (arrays::tensor(artifact, file), &run.outputs[&file.tensor]);
    match args.float_outputs {
        true => npy::write_numbers(&tensor.numbers(array)),
        false => npy::write(array, tensor.format.dtype),
    }
}

fn json(args: &RunArgs, artifact: &Artifact, finished: &Finished) -> Value {
    let Finished { run, losses, checks: compared, .. } = finished;
    let mut object = Map::new();
    let mut insert = |key: &str, value: Value| object.insert(key.to_owned(), value);
    insert("file", json!(args.file.display().to_string()));
    insert("kernel", json!(artifact.name()));
    insert("schedule", json!(artifact.schedule()));
    insert("seed", json!(args.seed));
    insert("target", artifact.config().to_json());
    insert("verified", json!(finished.mismatch().is_none()));
    insert(
        "mismatch",
        finished.mismatch().map_or(
            Value::Null,
            |m| json!({"output": m.output, "index": m.index, "expected": m.expected, "got": m.got, "count": m.count}),
        ),
    );
    if !losses.is_empty() {
        insert("quantised", losses.iter().map(|(name, loss)| formats::json(loss, named(artifact, name))).collect());
    }
    if !args.expect.is_empty() {
        insert("expected", checks::json(compared, true));
    }
    if args.float {
        insert("float", checks::json(compared, false));
    }
    object.extend(stats::json(&run.report));
    object.insert("findings".to_owned(), json!(findings(&run.report)));
    object.extend(run.timed.iter().flat_map(stats::time_json));
    object.into()
}

fn named<'a>(artifact: &'a Artifact, name: &str) -> &'a TensorInfo {
    artifact.tensor(name).expect("it is a tensor of the program")
}

fn shown(args: &RunArgs, artifact: &Artifact, files: &[TensorFile], finished: &Finished) -> String {
    let mut out = heading(args, artifact, files);
    out.extend(finished.losses.iter().map(|(name, loss)| formats::line(loss, named(artifact, name))));
    out.push_str(&verdict(artifact, &finished.run, finished.mismatch()));
    out.extend(finished.checks.iter().map(Check::line));
    out.extend(finished.run.timed.iter().map(time_line));
    out.push('\n');
    out.push_str(&stats::blocks(&finished.run.report));
    out
}

fn heading(args: &RunArgs, artifact: &Artifact, files: &[TensorFile]) -> String {
    let config = artifact.config();
    let origin = |input: &TensorInfo| match files.iter().find(|file| file.tensor == input.name) {
        Some(file) => format!("{} from {}", input.name, file.path.display()),
        None => format!("{} random", input.name),
    };
    let seed = match artifact.inputs().count() > files.len() {
        true => format!(" (seed {})", args.seed),
        false => String::new(),
    };
    let inputs: Vec<String> = artifact.inputs().map(origin).collect();
    let (batch, block_in, block_out) = (config.batch(), config.block_in(), config.block_out());
    format!(
        "{HEADING}{}{HEADING:#}  {FAINT}schedule{FAINT:#} {}  {FAINT}core{FAINT:#} {batch}×{block_in}×{block_out}  \
         {FAINT}inputs{FAINT:#} {}{seed}\n\n",
        artifact.name(),
        artifact.schedule(),
        inputs.join(", "),
    )
}

fn verdict(artifact: &Artifact, run: &Run, mismatch: Option<&Mismatch>) -> String {
    if let Some(Mismatch { output, index: at, expected, got, .. }) = mismatch {
        return format!("{BAD}✘ differs{BAD:#}   {output}{}: expected {expected}, got {got}\n", index_text(at));
    }
    let line = |output: &TensorInfo| {
        let count = grouped(run.outputs[&output.name].len() as u64);
        let type_name = output.type_name();
        format!("{GOOD}✔ verified{GOOD:#}   {}: {type_name}   all {count} values equal the reference\n", output.name)
    };
    artifact.outputs().map(line).collect()
}

/// `· timed   4,000 cycles   40.0 µs at 100 MHz (de10)   GEMM utilisation 6.4 %`
fn time_line(timed: &Timed) -> String {
    let on = match timed.basis {
        Basis::Rtl => timed.timing.clone(),
        Basis::Extrapolated => format!("{}, {}", timed.timing, timed.basis_name()),
    };
    format!(
        "{HEADING}· timed{HEADING:#}      {} cycles   {} at {} MHz ({on})   GEMM utilisation {:.1} %\n",
        grouped(timed.report.cycles),
        duration(timed.seconds),
        grouped(timed.clock_mhz),
        timed.gemm_utilisation() * 100.0,
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    /// A run whose values are right is told to be wrong: the compiler offers no program for which it is.
    #[test]
    fn a_wrong_run_leaves_its_recording_and_no_outputs() {
        let folder = tempfile::tempdir().unwrap();
        let [program, array, record] = ["k.tw", "y.npy", "rec"].map(|name| folder.path().join(name));
        std::fs::write(&program, include_str!("../../../../dsl-examples/matmul.tw")).unwrap();
        let output = format!("--output=Y={}", array.display());
        let options =
            [program.as_os_str(), output.as_ref(), "--stats=json".as_ref(), "--record".as_ref(), record.as_ref()];
        let arguments = ["tilewright".as_ref(), "run".as_ref()].into_iter().chain(options);
        let Command::Run(args) = Cli::parse_from(arguments).command else { panic!("these are the arguments of a run") };

        let mut sources = Sources::default();
        let file = files::read_program(&args.file, &mut sources).unwrap();
        let options = tilewright::Options { file, ..tilewright::Options::default() };
        let artifact = compile(&sources, &options).unwrap();
        let outputs = arrays::output_files(&artifact, &args.output, &mut sources).unwrap();
        let recorded = RunOptions { record: Some(String::new()), ..RunOptions::default() };
        let run = artifact.run(&artifact.random_inputs(0), &recorded).unwrap();

        let mismatch = Mismatch { output: "Y".to_owned(), index: vec![0, 17], expected: 1, got: 2, count: 3 };
        let files = Files { outputs, ..Files::default() };
        let fault = Some(Fault::Differs(mismatch));
        let finished = Finished { run, fault, losses: Vec::new(), checks: Vec::new() };
        let Err(Failure::Told { exit, diagnostics }) =
            conclude(&args, &artifact, &files, finished, Pictures::default())
        else {
            panic!("a difference is a failure");
        };
        assert_eq!(
            (exit, diagnostics[0].message.as_str()),
            (Exit::Differs, "output `Y` differs from the reference at [0, 17]")
        );
        let told = &diagnostics[0].help;
        assert_eq!(*told, [format!("the recording in `{}` belongs to a report of it", record.display())]);
        assert!(!array.exists() && record.join("after.bin").exists());
    }
}
