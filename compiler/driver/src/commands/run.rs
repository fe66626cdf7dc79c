//! `tilewright run FILE`: a program compiled, executed on the simulated accelerator and compared with the reference.
//!
//! Outputs are written only when the accelerator has computed what the program says, and then all of them, whether they are
//! as expected or not. A recording is also written of a run whose values are wrong, because it shows why.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tilewright_core::pipeline::Request;
use tilewright_core::tensor::print::type_of;
use tilewright_core::tensor::{Array, TensorId, evaluate};
use tilewright_sim::cycles::Basis;
use tilewright_syntax::{Diagnostic, Sources};

use crate::arrays::{self, Inputs, TensorFile};
use crate::checks::{self, Check, Wanted};
use crate::cli::RunArgs;
use crate::compile::{Compiled, compile, params, read_program};
use crate::cycles::{self, Timed};
use crate::error::{DriverError, Exit, Failure, index_text};
use crate::files::{self, Staged};
use crate::formats::{self, Loss};
use crate::pictures::Pictures;
use crate::report::{BAD, FAINT, GOOD, HEADING, duration, grouped, tell};
use crate::simulate::{self, Mismatch, Run};
use crate::{npy, pictures, recordings, stats, target};

pub fn run(args: &RunArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let file = read_program(&args.file, sources)?;
    let params = params(&args.params.params, sources)?;
    let (config, timing) = target::machine(&args.machine, sources)?;
    let (program, schedule) = (args.choice.program.as_deref(), args.choice.schedule.as_deref());
    let compiled = compile(&Request { sources, file, params: &params, program, schedule, config: &config })?;

    tell(&compiled.warnings, sources);
    let kernel = &compiled.front.kernel;
    let inputs = arrays::input_files(kernel, &args.input, sources)?;
    let outputs = arrays::output_files(kernel, &args.output, sources)?;
    let expected = arrays::expected_files(kernel, &args.expect, sources)?;
    let files = Files { inputs, outputs, expected };
    files.check(args)?;
    let Inputs { arrays: inputs, losses } = arrays::inputs(kernel, &files.inputs, args.seed)?;
    let mut wanted = Wanted::read(kernel, &files.expected, args.atol)?;
    if args.float {
        wanted.add_float(kernel, &inputs, args.atol);
    }
    let reference = evaluate(kernel, &inputs).expect("inputs have their kernel's types and shapes");
    let timed = (!args.values_only).then_some(&timing);
    let run = simulate::run(&compiled, &inputs, description(args, &compiled, &files), timed)?;
    let mismatch = simulate::compare(kernel, &run.outputs, &reference);
    let title = format!("{}, schedule {}", kernel.name, compiled.schedule);
    let pictures = pictures::make(&args.pictures, title, &cycles::subject(&run.recording), &timing.timing)?;
    let checks = wanted.checks(kernel, &run.outputs);
    conclude(args, &compiled, &files, Finished { run, mismatch, losses, checks }, pictures)
}

/// A run with all that is known of its inputs and outputs.
struct Finished {
    run: Run,
    mismatch: Option<Mismatch>,
    losses: Vec<(TensorId, Loss)>,
    checks: Vec<Check>,
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
fn description(args: &RunArgs, compiled: &Compiled, files: &Files) -> String {
    let kernel = &compiled.front.kernel;
    let mut parts = vec![format!("kernel {}", kernel.name), format!("schedule {}", compiled.schedule)];
    parts.extend(args.params.params.iter().map(|p| format!("-p {}={}", p.name, p.value)));
    parts.push(format!("seed {}", args.seed));
    let from = |file: &TensorFile| format!("{} from {}", kernel.tensor(file.tensor).name, file.path.display());
    parts.extend(files.inputs.iter().map(from));
    format!("{}: {}", args.file.display(), parts.join(", "))
}

/// Writes the files and the report of a run. A run that went wrong leaves its recording, where one is asked for, and no
/// outputs.
fn conclude(
    args: &RunArgs,
    compiled: &Compiled,
    files: &Files,
    finished: Finished,
    pictures: Pictures,
) -> Result<Exit, Failure> {
    let findings = stats::findings(&finished.run.report);
    let good = finished.mismatch.is_none() && findings.is_empty();
    let mut staged = if good { stage(args, compiled, &files.outputs, &finished.run)? } else { Vec::new() };
    if let Some(folder) = &args.record {
        staged.extend(recordings::stage(folder, &finished.run.recording)?);
    }
    staged.extend(pictures.staged);
    let shown = || shown(args, compiled, &files.inputs, &finished) + &pictures.shown;
    match (args.stats, files.to_standard()) {
        (Some(_), _) => files::print(&format!("{:#}\n", json(args, compiled, &finished)))?,
        (None, None) => files::print(&shown())?,
        (None, Some(file)) => {
            if good {
                files::write_bytes_to(&file.path, &array_file(args, compiled, file, &finished.run), "an array")?;
            }
            files::print_aside(&shown())?;
        }
    }
    staged.into_iter().try_for_each(Staged::commit)?;
    verdict_of(finished, findings, args.record.clone())
}

/// How the command ends: wrong values weigh more than those that are not as expected.
fn verdict_of(finished: Finished, findings: Vec<String>, recorded: Option<PathBuf>) -> Result<Exit, Failure> {
    match finished.mismatch {
        None if findings.is_empty() => {}
        None => return Err(DriverError::Unsound { findings, recorded }.into()),
        Some(Mismatch { output, index, expected, got, count }) => {
            return Err(DriverError::Differs { output, index, expected, got, count, recorded }.into());
        }
    }
    let told: Vec<Diagnostic> = finished.checks.iter().filter_map(Check::error).map(|e| e.diagnostic()).collect();
    match told.is_empty() {
        true => Ok(Exit::Good),
        false => Err(Failure::Told { exit: Exit::Differs, diagnostics: told }),
    }
}

/// The files of outputs, complete beside their places.
fn stage(args: &RunArgs, compiled: &Compiled, outputs: &[TensorFile], run: &Run) -> Result<Vec<Staged>, Failure> {
    let to_files = outputs.iter().filter(|file| file.path != Path::new(files::STANDARD));
    let staged = to_files.map(|file| files::stage(&file.path, &array_file(args, compiled, file, run)));
    Ok(staged.collect::<Result<_, _>>()?)
}

/// The content of an output's file.
fn array_file(args: &RunArgs, compiled: &Compiled, file: &TensorFile, run: &Run) -> Vec<u8> {
    let tensor = compiled.front.kernel.tensor(file.tensor);
    let array = output(&run.outputs, file.tensor);
    match args.float_outputs {
        true => npy::write_numbers(&formats::numbers(array, tensor)),
        false => npy::write(array, tensor.dtype),
    }
}

fn output(outputs: &[(TensorId, Array)], tensor: TensorId) -> &Array {
    let found = outputs.iter().find(|(id, _)| *id == tensor);
    &found.expect("every output has a segment").1
}

fn json(args: &RunArgs, compiled: &Compiled, finished: &Finished) -> Value {
    let Finished { run, mismatch, losses, checks: compared } = finished;
    let config = &compiled.stream.config;
    let mut object = Map::new();
    let mut insert = |key: &str, value: Value| object.insert(key.to_owned(), value);
    insert("file", json!(args.file.display().to_string()));
    insert("kernel", json!(compiled.front.kernel.name));
    insert("schedule", json!(compiled.schedule));
    insert("seed", json!(args.seed));
    insert("target", config.to_json());
    insert("verified", json!(mismatch.is_none()));
    insert(
        "mismatch",
        mismatch.as_ref().map_or(
            Value::Null,
            |m| json!({"output": m.output, "index": m.index, "expected": m.expected, "got": m.got, "count": m.count}),
        ),
    );
    if !losses.is_empty() {
        insert("quantised", losses.iter().map(|(id, loss)| loss.json(compiled.front.kernel.tensor(*id))).collect());
    }
    if !args.expect.is_empty() {
        insert("expected", checks::json(compared, true));
    }
    if args.float {
        insert("float", checks::json(compared, false));
    }
    object.extend(stats::json(&run.report));
    object.insert("findings".to_owned(), json!(stats::findings(&run.report)));
    object.extend(run.timed.iter().flat_map(stats::time_json));
    object.into()
}

fn shown(args: &RunArgs, compiled: &Compiled, files: &[TensorFile], finished: &Finished) -> String {
    let mut out = heading(args, compiled, files);
    let quantised = |(id, loss): &(TensorId, Loss)| loss.line(compiled.front.kernel.tensor(*id));
    out.extend(finished.losses.iter().map(quantised));
    out.push_str(&verdict(compiled, &finished.run, finished.mismatch.as_ref()));
    out.extend(finished.checks.iter().map(Check::line));
    out.extend(finished.run.timed.iter().map(time_line));
    out.push('\n');
    out.push_str(&stats::blocks(&finished.run.report));
    out
}

fn heading(args: &RunArgs, compiled: &Compiled, files: &[TensorFile]) -> String {
    let kernel = &compiled.front.kernel;
    let config = &compiled.stream.config;
    let origin = |id: TensorId| match files.iter().find(|file| file.tensor == id) {
        Some(file) => format!("{} from {}", kernel.tensor(id).name, file.path.display()),
        None => format!("{} random", kernel.tensor(id).name),
    };
    let ids: Vec<TensorId> = kernel.ids().filter(|id| kernel.tensor(*id).is_input()).collect();
    let seed = match ids.len() > files.len() {
        true => format!(" (seed {})", args.seed),
        false => String::new(),
    };
    let inputs: Vec<String> = ids.into_iter().map(origin).collect();
    let (batch, block_in, block_out) = (config.batch(), config.block_in(), config.block_out());
    format!(
        "{HEADING}{}{HEADING:#}  {FAINT}schedule{FAINT:#} {}  {FAINT}core{FAINT:#} {batch}×{block_in}×{block_out}  \
         {FAINT}inputs{FAINT:#} {}{seed}\n\n",
        kernel.name,
        compiled.schedule,
        inputs.join(", "),
    )
}

fn verdict(compiled: &Compiled, run: &Run, mismatch: Option<&Mismatch>) -> String {
    if let Some(Mismatch { output, index: at, expected, got, .. }) = mismatch {
        return format!("{BAD}✘ differs{BAD:#}   {output}{}: expected {expected}, got {got}\n", index_text(at));
    }
    let line = |(id, array): &(TensorId, Array)| {
        let tensor = compiled.front.kernel.tensor(*id);
        let count = grouped(array.len() as u64);
        format!(
            "{GOOD}✔ verified{GOOD:#}   {}: {}   all {count} values equal the reference\n",
            tensor.name,
            type_of(tensor)
        )
    };
    run.outputs.iter().map(line).collect()
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
        let config = tilewright_isa::Config::default();
        let request = Request { sources: &sources, file, params: &[], program: None, schedule: None, config: &config };
        let compiled = compile(&request).unwrap();
        let kernel = &compiled.front.kernel;
        let outputs = arrays::output_files(kernel, &args.output, &mut sources).unwrap();
        let run = simulate::run(&compiled, &arrays::random_inputs(kernel, 0), String::new(), None).unwrap();

        let mismatch = Mismatch { output: "Y".to_owned(), index: vec![0, 17], expected: 1, got: 2, count: 3 };
        let files = Files { outputs, ..Files::default() };
        let finished = Finished { run, mismatch: Some(mismatch), losses: Vec::new(), checks: Vec::new() };
        let Err(Failure::Told { exit, diagnostics }) =
            conclude(&args, &compiled, &files, finished, Pictures::default())
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
