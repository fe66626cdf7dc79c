//! The tests of a file, each evaluated directly, as loops and on the simulated accelerator.
//!
//! Every engine is compared with what the test expects; outputs of which it says nothing are compared with the reference.

use tilewright_core::cases::{Expected, Given};
use tilewright_core::pipeline;
use tilewright_core::tensor::{Format, Kernel, TensorId, evaluate};
use tilewright_syntax::{Diagnostic, Sources};

use crate::artifact::MOST_STATEMENTS;
use crate::random::random;
use crate::{Array, Arrays, Artifact, Mismatch, Options, Result, RunOptions, TensorInfo, findings};

/// Gives the array of a file that a test names, by its path as the test has it and the tensor that it is for.
pub type ReadArray<'a> = dyn FnMut(&str, &TensorInfo) -> Result<Array> + 'a;

/// A test of a file, checked.
#[derive(Clone, Debug)]
pub struct Test {
    test: pipeline::Test,
    sources: Sources,
}

/// What evaluates a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The definitions of the kernel.
    Reference,
    /// The loop program that a schedule leads to.
    Loops,
    /// The instruction stream, on the simulated machine.
    Accelerator,
}

impl Engine {
    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Reference => "reference",
            Engine::Loops => "loops",
            Engine::Accelerator => "accelerator",
        }
    }
}

/// One engine's outcome for one test.
#[derive(Clone, Debug)]
pub struct TestOutcome {
    pub engine: Engine,
    /// The schedule of the engines that take one.
    pub schedule: Option<String>,
    /// None where the engine computes what is expected.
    pub failure: Option<TestFailure>,
}

/// Why a test fails in an engine.
#[derive(Clone, Debug, PartialEq)]
pub enum TestFailure {
    /// With the format of the output.
    Differs(Mismatch, Format),
    /// The engine has no result, or one that is right by chance.
    Unsound(String),
    /// The engine was not asked, which says nothing about the program: it would take too long.
    NotRun(Diagnostic),
}

/// What an output must be, and how far its elements may be from it, in steps of its type.
struct Wanted {
    output: String,
    array: Array,
    format: Format,
    within: i64,
}

/// The outputs of an engine, or why it has none to rely on.
type Outputs = std::result::Result<Arrays, TestFailure>;

/// The tests of a file, in order. Of the options the file and the machine count; a test says the rest itself.
///
/// # Errors
/// What is wrong with the file or with one of its tests.
///
/// ```
/// use tilewright::{Options, Sources};
/// use tilewright::testing::tests;
///
/// let mut sources = Sources::default();
/// sources.add("k.tw", "
///     kernel k {
///         input x: i32[2]
///         output y[i] = i8(x[i] + 1)
///     }
///     test ones for k {
///         x = [1, 2]
///         expect y = [2, 3]
///     }");
/// let tests = tests(&sources, &Options::default()).unwrap();
/// let outcomes = tests[0].run(&mut |_, _| panic!("the test names no file")).unwrap();
/// assert_eq!((tests[0].name(), outcomes.len()), ("ones", 3));
/// assert!(outcomes.iter().all(|outcome| outcome.failure.is_none()));
/// ```
pub fn tests(sources: &Sources, options: &Options) -> Result<Vec<Test>> {
    let tests = pipeline::tests(sources, options.file, &options.config)?;
    Ok(tests.into_iter().map(|test| Test { test, sources: sources.clone() }).collect())
}

impl Test {
    pub fn name(&self) -> &str {
        &self.test.name.name
    }

    /// Runs the test in every engine, and with every schedule that it holds for.
    ///
    /// # Errors
    /// What the reader of arrays returns, and a schedule that does not compile.
    pub fn run(&self, read: &mut ReadArray) -> Result<Vec<TestOutcome>> {
        let pipeline::Test { kernel, case, schedules, .. } = &self.test;
        let name = |id: &TensorId| kernel.tensor(*id).name.clone();
        let inputs = case.inputs.iter().map(|(id, given)| Ok((*id, array(kernel, *id, given, read)?)));
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        let expected = case.expected.iter().map(|expected| wanted(kernel, expected, read));
        let expected = expected.collect::<Result<Vec<_>>>()?;
        let values = evaluate(kernel, &inputs).expect("the values of a test fit its kernel");
        let outputs = kernel.ids().filter(|id| kernel.tensor(*id).output);
        let outputs: Arrays = outputs.map(|id| (name(&id), values.get(id).clone())).collect();
        let format = |name: &str| kernel.find(name).map(|id| kernel.tensor(id).format()).expect("it is an output");
        let exact = |(name, array): (&String, &Array)| Wanted {
            output: name.clone(),
            array: array.clone(),
            format: format(name),
            within: 0,
        };
        let exactly: Vec<Wanted> = outputs.iter().map(exact).collect();
        let outcome = |engine, schedule: Option<&String>, got: Outputs| TestOutcome {
            engine,
            schedule: schedule.cloned(),
            failure: match got {
                Ok(got) => differs(&got, &expected).or_else(|| differs(&got, &exactly)),
                Err(failure) => Some(failure),
            },
        };
        let inputs: Arrays = inputs.into_iter().map(|(id, array)| (name(&id), array)).collect();
        let mut outcomes = vec![outcome(Engine::Reference, None, Ok(outputs.clone()))];
        for (schedule, front) in schedules {
            let artifact = Artifact::of_front(front, &self.sources)?;
            outcomes.push(outcome(Engine::Loops, Some(schedule), as_loops(&artifact, &inputs)));
            outcomes.push(outcome(Engine::Accelerator, Some(schedule), as_stream(&artifact, &inputs)));
        }
        Ok(outcomes)
    }
}

fn as_loops(artifact: &Artifact, inputs: &Arrays) -> Outputs {
    let program = artifact.legal().program();
    artifact.interpreted(program, inputs, MOST_STATEMENTS).map_err(|error| match error.is_limit() {
        true => TestFailure::NotRun(error.diagnostic(program)),
        false => TestFailure::Unsound(error.to_string()),
    })
}

/// Values of a stream that does not order all of its work are right by chance.
fn as_stream(artifact: &Artifact, inputs: &Arrays) -> Outputs {
    let run = artifact.attempt(inputs, &RunOptions::default()).map_err(|no_run| {
        let (is_fault, first) = (no_run.is_fault(), no_run.diagnostics().remove(0));
        if is_fault { TestFailure::Unsound(first.message) } else { TestFailure::NotRun(first) }
    })?;
    match findings(&run.report).into_iter().next() {
        Some(finding) => Err(TestFailure::Unsound(finding)),
        None => Ok(run.outputs),
    }
}

fn wanted(kernel: &Kernel, expected: &Expected, read: &mut ReadArray) -> Result<Wanted> {
    let Expected { tensor: id, given, within } = expected;
    let tensor = kernel.tensor(*id);
    let within = within.scaled_down(tensor.fraction).min(i64::MAX.into()) as i64;
    let array = array(kernel, *id, given, read)?;
    Ok(Wanted { output: tensor.name.clone(), array, format: tensor.format(), within })
}

/// The array that a test gives.
fn array(kernel: &Kernel, id: TensorId, given: &Given, read: &mut ReadArray) -> Result<Array> {
    match given {
        Given::Values(array) => Ok(array.clone()),
        Given::File(path) => read(&path.text, &TensorInfo::of_tensor(kernel.tensor(id))),
        Given::Random => Ok(random(kernel, id, 0)),
    }
}

/// The first value in which arrays that are expected differ from those that were computed.
fn differs(got: &Arrays, expected: &[Wanted]) -> Option<TestFailure> {
    expected.iter().find_map(|Wanted { output, array: wanted, format, within }| {
        let Some(found) = got.get(output) else {
            return Some(TestFailure::Unsound(format!("there is no `{output}`")));
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
        Some(TestFailure::Differs(mismatch, *format))
    })
}
