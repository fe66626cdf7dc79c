//! `tilewright test FILE [NAME...]`: the tests of a file, each evaluated directly, as loops and on the simulated accelerator.
//!
//! Every engine is compared with what the test expects; outputs of which it says nothing are compared with the reference.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use tilewright_core::cases::{Expected, Given};
use tilewright_core::loops::interpret::interpret;
use tilewright_core::pipeline::{self, Test};
use tilewright_core::tensor::{Array, Format, Kernel, TensorId, evaluate};
use tilewright_syntax::{Sources, nearest};

use crate::cli::TestArgs;
use crate::compile::{Compiled, compile_front, read_program};
use crate::error::{Exit, Failure, index_text};
use crate::report::{BAD, FAINT, GOOD};
use crate::simulate::Mismatch;
use crate::{arrays, files, simulate, stats, target};

/// One engine's outcome for one test.
struct Outcome {
    test: String,
    engine: &'static str,
    /// The schedule of the engines that take one.
    schedule: Option<String>,
    fault: Option<Fault>,
}

/// Why a test fails in an engine.
enum Fault {
    /// With the format of the output.
    Differs(Mismatch, Format),
    /// The engine has no result, or one that is right by chance.
    Unsound(String),
}

/// What an output must be, and how far its elements may be from it, in steps of its type.
struct Wanted {
    tensor: TensorId,
    array: Array,
    within: i64,
}

/// The outputs of an engine, or why it has none to rely on.
type Outputs = Result<Vec<(TensorId, Array)>, String>;

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
    Ok(if outcomes.iter().any(|o| o.fault.is_some()) { Exit::Differs } else { Exit::Good })
}

/// Runs a test in every engine, and with every schedule that it holds for.
fn one(test: &Test, folder: &Path) -> Result<Vec<Outcome>, Failure> {
    let Test { name, kernel, case, bytes, schedules } = test;
    let input = |(id, given): &(TensorId, Given)| Ok((*id, array(kernel, *id, given, folder)?));
    let inputs = case.inputs.iter().map(input).collect::<Result<Vec<_>, Failure>>()?;
    let wanted = |Expected { tensor, given, within }: &Expected| {
        let within = within.scaled_down(kernel.tensor(*tensor).fraction).min(i64::MAX.into()) as i64;
        Ok(Wanted { tensor: *tensor, array: array(kernel, *tensor, given, folder)?, within })
    };
    let expected = case.expected.iter().map(wanted).collect::<Result<Vec<_>, Failure>>()?;
    let reference = evaluate(kernel, &inputs).expect("the values of a test fit its kernel");
    let outputs: Vec<(TensorId, Array)> =
        kernel.ids().filter(|id| kernel.tensor(*id).output).map(|id| (id, reference.get(id).clone())).collect();
    let exactly: Vec<Wanted> =
        outputs.iter().map(|(id, array)| Wanted { tensor: *id, array: array.clone(), within: 0 }).collect();
    let outcome = |engine, schedule: Option<&String>, got: &Outputs| Outcome {
        test: name.name.clone(),
        engine,
        schedule: schedule.cloned(),
        fault: match got {
            Ok(got) => {
                let got = with_whole(got, bytes);
                differs(kernel, &got, &expected).or_else(|| differs(kernel, &got, &exactly))
            }
            Err(told) => Some(Fault::Unsound(told.clone())),
        },
    };
    let mut outcomes = vec![outcome("reference", None, &Ok(outputs.clone()))];
    for (schedule, front) in schedules {
        let compiled = compile_front(front.clone())?;
        outcomes.push(outcome("loops", Some(schedule), &as_loops(&compiled, &inputs)));
        outcomes.push(outcome("accelerator", Some(schedule), &on_accelerator(&compiled, &inputs)?));
    }
    Ok(outcomes)
}

/// The outputs, and the tensors that some of them are the bytes of, from the lowest on.
fn with_whole(got: &[(TensorId, Array)], bytes: &[(TensorId, Vec<TensorId>)]) -> Vec<(TensorId, Array)> {
    let part = |id: &TensorId| got.iter().find(|(tensor, _)| tensor == id).map(|(_, array)| array);
    let joined = bytes.iter().filter_map(|(whole, parts)| {
        let parts: Vec<&Array> = parts.iter().filter_map(part).collect();
        let mut joined = parts.first()?.map(|_| 0);
        for (at, part) in parts.into_iter().enumerate() {
            joined.zip_mut_with(part, |all, byte| *all |= (byte & 0xFF) << (8 * at));
        }
        Some((*whole, joined))
    });
    got.iter().cloned().chain(joined).collect()
}

fn as_loops(compiled: &Compiled, inputs: &[(TensorId, Array)]) -> Outputs {
    let kernel = &compiled.front.kernel;
    let by_name: BTreeMap<String, Array> =
        inputs.iter().map(|(id, array)| (kernel.tensor(*id).name.clone(), array.clone())).collect();
    let found = interpret(compiled.legal.program(), compiled.front.cx().core(), &by_name).map_err(|e| e.to_string())?;
    Ok(kernel.ids().filter_map(|id| Some((id, found.get(&kernel.tensor(id).name)?.clone()))).collect())
}

/// Values of a stream that does not order all of its work are right by chance.
fn on_accelerator(compiled: &Compiled, inputs: &[(TensorId, Array)]) -> Result<Outputs, Failure> {
    let run = simulate::run(compiled, inputs, String::new(), None)?;
    let first_finding = stats::findings(&run.report).into_iter().next();
    Ok(first_finding.map_or(Ok(run.outputs), Err))
}

/// The array that a test gives; paths start at the folder of the file.
fn array(kernel: &Kernel, id: TensorId, given: &Given, folder: &Path) -> Result<Array, Failure> {
    match given {
        Given::Values(array) => Ok(array.clone()),
        Given::File(path) => Ok(arrays::load(&folder.join(&path.text), kernel.tensor(id))?.array),
        Given::Random => Ok(arrays::random(kernel, id, 0)),
    }
}

/// The first value in which arrays that are expected differ from those that were computed.
fn differs(kernel: &Kernel, got: &[(TensorId, Array)], expected: &[Wanted]) -> Option<Fault> {
    expected.iter().find_map(|Wanted { tensor: id, array: wanted, within }| {
        let output = &kernel.tensor(*id).name;
        let Some((_, found)) = got.iter().find(|(tensor, _)| tensor == id) else {
            return Some(Fault::Unsound(format!("there is no `{output}`")));
        };
        let is_wrong = |wanted: i32, found: i32| (i64::from(wanted) - i64::from(found)).abs() > *within;
        let wrong = || wanted.indexed_iter().zip(found).filter(|((_, wanted), found)| is_wrong(**wanted, **found));
        let ((index, expected), got) = wrong().next()?;
        let mismatch = Mismatch {
            output: output.clone(),
            index: (0..wanted.ndim()).map(|d| index[d]).collect(),
            expected: *expected,
            got: *got,
            count: wrong().count(),
        };
        Some(Fault::Differs(mismatch, kernel.tensor(*id).format()))
    })
}

fn line(outcome: &Outcome) -> String {
    let Outcome { test, engine, schedule, fault } = outcome;
    let on = match schedule {
        Some(schedule) => format!("{engine}, schedule {schedule}"),
        None => (*engine).to_owned(),
    };
    match fault {
        None => format!("{GOOD}ok{GOOD:#}      {test}  {FAINT}{on}{FAINT:#}\n"),
        Some(fault) => format!("{BAD}FAILED{BAD:#}  {test}  {FAINT}{on}{FAINT:#}\n        {}\n", fault.text()),
    }
}

impl Fault {
    fn text(&self) -> String {
        match self {
            Fault::Unsound(told) => told.clone(),
            Fault::Differs(Mismatch { output, index, expected, got, count }, format) => {
                let [expected, got] = [expected, got].map(|value| format.real(*value));
                let others = match count - 1 {
                    0 => String::new(),
                    others => format!(", and {others} more"),
                };
                format!("{output}{}: expected {expected}, got {got}{others}", index_text(index))
            }
        }
    }

    fn json(&self) -> Value {
        match self {
            Fault::Unsound(told) => json!({"unsound": told}),
            Fault::Differs(m, _) => json!({
                "output": m.output, "index": m.index, "expected": m.expected, "got": m.got, "count": m.count
            }),
        }
    }
}

/// How many tests passed: those that did in every engine.
fn counts(outcomes: &[Outcome]) -> (usize, usize) {
    let mut by_test: BTreeMap<&str, bool> = BTreeMap::new();
    for outcome in outcomes {
        *by_test.entry(&outcome.test).or_insert(true) &= outcome.fault.is_none();
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
        let fault = o.fault.as_ref().map(Fault::json);
        json!({"test": o.test, "engine": o.engine, "schedule": o.schedule, "passed": fault.is_none(), "fault": fault})
    };
    json!({
        "file": args.file.display().to_string(),
        "passed": passed,
        "failed": failed,
        "outcomes": outcomes.iter().map(one).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(test: &str, engine: &'static str, fault: Option<Fault>) -> Outcome {
        Outcome { test: test.to_owned(), engine, schedule: Some("s".to_owned()), fault }
    }

    #[test]
    fn an_engine_without_a_result_fails_the_test() {
        let fault = Fault::Unsound("`A` is read at [0] before it is written".to_owned());
        let outcomes =
            [outcome("a", "loops", Some(fault)), outcome("a", "accelerator", None), outcome("b", "loops", None)];
        assert_eq!(counts(&outcomes), (1, 1));
        let shown = anstream::adapter::strip_str(&line(&outcomes[0])).to_string();
        assert_eq!(shown, "FAILED  a  loops, schedule s\n        `A` is read at [0] before it is written\n");
        assert_eq!(summary(&[]), "the file has no tests\n");
    }
}
