//! `tilewright test FILE [NAME...]`: the tests of a file, each evaluated directly, as loops and on the simulated accelerator.
//!
//! Every engine is compared with what the test expects; outputs of which it says nothing are compared with the reference.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use tilewright_core::cases::Given;
use tilewright_core::loops::interpret::interpret;
use tilewright_core::pipeline::{self, Front, Test};
use tilewright_core::tensor::{Array, Kernel, TensorId, evaluate};
use tilewright_syntax::{Diagnostic, Sources, nearest};

use crate::cli::TestArgs;
use crate::compile::{compile_front, read_program};
use crate::error::{Exit, Failure, index_text, our_mistake};
use crate::report::{BAD, FAINT, GOOD};
use crate::simulate::Mismatch;
use crate::{arrays, files, simulate, target};

/// One engine's outcome for one test.
struct Outcome {
    test: String,
    /// `reference`, or the engine and the schedule.
    engine: &'static str,
    schedule: Option<String>,
    mismatch: Option<Mismatch>,
}

pub fn run(args: &TestArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let file = read_program(&args.file, sources)?;
    let config = target::read(args.target.target.as_deref(), sources)?;
    let tests = pipeline::tests(sources, file, &config)?;
    let known = || tests.iter().map(|test| test.name.name.as_str());
    if let Some(unknown) = args.names.iter().find(|name| !known().any(|k| k == *name)) {
        let near = nearest(unknown, known()).map(|near| format!(": perhaps `{near}`")).unwrap_or_default();
        return Err(Failure::Usage(format!("`{}` has no test `{unknown}`{near}", args.file.display())));
    }
    let wanted = |test: &&Test| args.names.is_empty() || args.names.contains(&test.name.name);
    let folder = args.file.parent().unwrap_or(Path::new(""));
    let mut outcomes = Vec::new();
    for test in tests.iter().filter(wanted) {
        let told = one(test, folder)?;
        if args.stats.is_none() {
            files::print(&told.iter().map(line).collect::<String>())?;
        }
        outcomes.extend(told);
    }
    files::print(&if args.stats.is_some() { format!("{:#}\n", json(args, &outcomes)) } else { summary(&outcomes) })?;
    Ok(if outcomes.iter().any(|o| o.mismatch.is_some()) { Exit::Differs } else { Exit::Good })
}

/// Runs a test in every engine, and with every schedule that it holds for.
fn one(test: &Test, folder: &Path) -> Result<Vec<Outcome>, Failure> {
    let Test { name, kernel, case, schedules } = test;
    let arrays = |given: &[(TensorId, Given)]| -> Result<Vec<(TensorId, Array)>, Failure> {
        given.iter().map(|(id, given)| Ok((*id, array(kernel, *id, given, folder)?))).collect()
    };
    let (inputs, expected) = (arrays(&case.inputs)?, arrays(&case.expected)?);
    let reference = evaluate(kernel, &inputs).expect("the values of a test fit its kernel");
    let outputs: Vec<(TensorId, Array)> =
        kernel.ids().filter(|id| kernel.tensor(*id).output).map(|id| (id, reference.get(id).clone())).collect();
    let outcome = |engine, schedule: Option<&String>, got: &[(TensorId, Array)]| Outcome {
        test: name.name.clone(),
        engine,
        schedule: schedule.cloned(),
        mismatch: differs(kernel, got, &expected).or_else(|| differs(kernel, got, &outputs)),
    };
    let mut outcomes = vec![outcome("reference", None, &outputs)];
    for (schedule, front) in schedules {
        let (loops, accelerator) = engines(front, &inputs)?;
        outcomes.push(outcome("loops", Some(schedule), &loops));
        outcomes.push(outcome("accelerator", Some(schedule), &accelerator));
    }
    Ok(outcomes)
}

/// The outputs of the legal loops, and those of the accelerator.
type Engines = (Vec<(TensorId, Array)>, Vec<(TensorId, Array)>);

fn engines(front: &Front, inputs: &[(TensorId, Array)]) -> Result<Engines, Failure> {
    let compiled = compile_front(front.clone())?;
    let kernel = &compiled.front.kernel;
    let run = simulate::run(&compiled, inputs, String::new(), None)?;
    let by_name: BTreeMap<String, Array> =
        inputs.iter().map(|(id, array)| (kernel.tensor(*id).name.clone(), array.clone())).collect();
    let found = interpret(compiled.legal.program(), front.cx().core(), &by_name)
        .map_err(|error| our_mistake(Diagnostic::error("E0632", error.to_string())))?;
    let loops = kernel.ids().filter_map(|id| Some((id, found.get(&kernel.tensor(id).name)?.clone()))).collect();
    Ok((loops, run.outputs))
}

/// The array that a test gives; paths start at the folder of the file.
fn array(kernel: &Kernel, id: TensorId, given: &Given, folder: &Path) -> Result<Array, Failure> {
    match given {
        Given::Values(array) => Ok(array.clone()),
        Given::File(path) => Ok(arrays::load(&folder.join(&path.text), kernel.tensor(id))?),
        Given::Random => Ok(arrays::random(kernel.tensor(id), 0, id.0.into())),
    }
}

/// The first value in which arrays that are expected differ from those that were computed.
fn differs(kernel: &Kernel, got: &[(TensorId, Array)], expected: &[(TensorId, Array)]) -> Option<Mismatch> {
    expected.iter().find_map(|(id, wanted)| {
        let (_, found) = got.iter().find(|(tensor, _)| tensor == id)?;
        let wrong = || wanted.indexed_iter().zip(found).filter(|((_, wanted), found)| wanted != found);
        let ((index, expected), got) = wrong().next()?;
        let tensor = kernel.tensor(*id);
        Some(Mismatch {
            output: tensor.name.clone(),
            index: (0..tensor.shape.len()).map(|d| index[d]).collect(),
            expected: *expected,
            got: *got,
            count: wrong().count(),
        })
    })
}

fn line(outcome: &Outcome) -> String {
    let Outcome { test, engine, schedule, mismatch } = outcome;
    let on = match schedule {
        Some(schedule) => format!("{engine}, schedule {schedule}"),
        None => (*engine).to_owned(),
    };
    match mismatch {
        None => format!("{GOOD}ok{GOOD:#}      {test}  {FAINT}{on}{FAINT:#}\n"),
        Some(Mismatch { output, index, expected, got, count }) => {
            let others = match count - 1 {
                0 => String::new(),
                others => format!(", and {others} more"),
            };
            let place = format!("{output}{}", index_text(index));
            format!(
                "{BAD}FAILED{BAD:#}  {test}  {FAINT}{on}{FAINT:#}\n        {place}: expected {expected}, got {got}{others}\n"
            )
        }
    }
}

/// How many tests passed: those that did in every engine.
fn counts(outcomes: &[Outcome]) -> (usize, usize) {
    let mut by_test: BTreeMap<&str, bool> = BTreeMap::new();
    for outcome in outcomes {
        *by_test.entry(&outcome.test).or_insert(true) &= outcome.mismatch.is_none();
    }
    let passed = by_test.values().filter(|passed| **passed).count();
    (passed, by_test.len() - passed)
}

fn summary(outcomes: &[Outcome]) -> String {
    match counts(outcomes) {
        (0, 0) => "the file has no tests\n".to_owned(),
        (passed, 0) => format!("\n{GOOD}{passed} passed{GOOD:#}\n"),
        (passed, failed) => format!("\n{passed} passed, {BAD}{failed} failed{BAD:#}\n"),
    }
}

fn json(args: &TestArgs, outcomes: &[Outcome]) -> Value {
    let (passed, failed) = counts(outcomes);
    let one = |o: &Outcome| {
        let mismatch = o.mismatch.as_ref().map_or(
            Value::Null,
            |m| json!({"output": m.output, "index": m.index, "expected": m.expected, "got": m.got, "count": m.count}),
        );
        json!({"test": o.test, "engine": o.engine, "schedule": o.schedule, "passed": o.mismatch.is_none(), "mismatch": mismatch})
    };
    json!({
        "file": args.file.display().to_string(),
        "passed": passed,
        "failed": failed,
        "outcomes": outcomes.iter().map(one).collect::<Vec<_>>(),
    })
}
