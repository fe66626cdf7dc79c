//! `tilewright run FILE`: a program compiled, executed on the simulated accelerator and compared with the reference.
//!
//! Files are written only when everything has succeeded, and then all of them.

use serde_json::{Map, Value, json};
use tilewright_core::pipeline::Request;
use tilewright_core::tensor::print::type_of;
use tilewright_core::tensor::{Array, TensorId, evaluate};
use tilewright_syntax::Sources;

use crate::arrays::{self, TensorFile};
use crate::cli::RunArgs;
use crate::compile::{Compiled, compile, params};
use crate::error::{DriverError, Exit, Failure, index_text};
use crate::files::{self, Staged};
use crate::report::{BAD, FAINT, GOOD, HEADING, grouped};
use crate::simulate::{self, Mismatch, Run};
use crate::{recordings, stats, target};

pub fn run(args: &RunArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let file = files::read_source(&args.file, sources)?;
    let params = params(&args.params.params, sources)?;
    let config = target::read(args.target.target.as_deref(), sources)?;
    let schedule = args.schedule.as_deref();
    let compiled = compile(&Request { sources, file, params: &params, schedule, config: &config })?;

    let kernel = &compiled.front.kernel;
    let input_files = arrays::input_files(kernel, &args.input, sources)?;
    let output_files = arrays::output_files(kernel, &args.output, sources)?;
    let inputs = arrays::inputs(kernel, &input_files, args.seed)?;
    let reference = evaluate(kernel, &inputs).expect("inputs have their kernel's types and shapes");
    let run = simulate::run(&compiled, &inputs, args.file.display().to_string())?;
    let mismatch = simulate::compare(kernel, &run.outputs, &reference);

    let findings = stats::findings(&run.report);
    let staged = match mismatch.is_none() && findings.is_empty() {
        true => stage(args, &compiled, &output_files, &run)?,
        false => Vec::new(),
    };
    match args.stats {
        Some(_) => files::print(&format!("{:#}\n", json(args, &compiled, &run, mismatch.as_ref())))?,
        None => files::print(&shown(args, &compiled, &input_files, &run, mismatch.as_ref()))?,
    }
    staged.into_iter().try_for_each(Staged::commit)?;
    match mismatch {
        None if findings.is_empty() => Ok(Exit::Good),
        None => Err(DriverError::Unsound { findings }.into()),
        Some(Mismatch { output, index, expected, got, count }) => {
            Err(DriverError::Differs { output, index, expected, got, count }.into())
        }
    }
}

/// Everything that is to be written, complete beside its place.
fn stage(args: &RunArgs, compiled: &Compiled, files: &[TensorFile], run: &Run) -> Result<Vec<Staged>, Failure> {
    let mut staged = Vec::new();
    for file in files {
        let array = output(&run.outputs, file.tensor);
        staged.push(arrays::stage(&file.path, array, compiled.front.kernel.tensor(file.tensor).dtype)?);
    }
    if let Some(folder) = &args.record {
        staged.extend(recordings::stage(folder, &run.recording)?);
    }
    Ok(staged)
}

fn output(outputs: &[(TensorId, Array)], tensor: TensorId) -> &Array {
    let found = outputs.iter().find(|(id, _)| *id == tensor);
    &found.expect("every output has a segment").1
}

fn json(args: &RunArgs, compiled: &Compiled, run: &Run, mismatch: Option<&Mismatch>) -> Value {
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
        mismatch.map_or(
            Value::Null,
            |m| json!({"output": m.output, "index": m.index, "expected": m.expected, "got": m.got, "count": m.count}),
        ),
    );
    object.extend(stats::json(&run.report));
    object.insert("findings".to_owned(), json!(stats::findings(&run.report)));
    object.into()
}

fn shown(args: &RunArgs, compiled: &Compiled, files: &[TensorFile], run: &Run, mismatch: Option<&Mismatch>) -> String {
    let mut out = heading(args, compiled, files);
    out.push_str(&verdict(compiled, run, mismatch));
    out.push('\n');
    out.push_str(&stats::blocks(&run.report));
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
