//! `tilewright test FILE [NAME...]`: the tests of a file, each evaluated directly, as loops and on the simulated accelerator.
//!
//! Every engine is compared with what the test expects; outputs of which it says nothing are compared with the reference.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tilewright::testing::{Test, TestFailure, TestOutcome, tests};
use tilewright::{Mismatch, Options, TensorInfo, index_text};
use tilewright_syntax::{Sources, offered};

use crate::cli::TestArgs;
use crate::compile::read_program;
use crate::error::{Exit, Failure};
use crate::parallel::waiting;
use crate::report::{BAD, FAINT, GOOD, HEADING};
use crate::{arrays, files, programs, target};

/// One engine's outcome for the test of a name.
type Outcome = (String, TestOutcome);

pub fn run(args: &TestArgs) -> Result<Exit, Failure> {
    // Names of tests are words: no folders, and no files, which have endings.
    let is_path = |path: &&PathBuf| {
        files::is_standard(path) || path.extension().is_some() || path.components().count() > 1 || path.is_dir()
    };
    let (more, names): (Vec<&PathBuf>, Vec<&PathBuf>) = args.more.iter().partition(is_path);
    let names: Vec<String> = names.into_iter().map(|name| name.display().to_string()).collect();
    let paths: Vec<PathBuf> = [&args.file].into_iter().chain(more).cloned().collect();
    let paths = programs::expanded(&paths)?;
    let asks_for_figures = args.figures.replace_report() || args.figures.file().is_some();
    if paths.len() > 1 && (asks_for_figures || !names.is_empty()) {
        let message = "figures and names of tests are those of one file: name no others";
        return Err(Failure::Usage(message.to_owned()));
    }
    programs::each(&paths, |path, sources| {
        if paths.len() > 1 {
            files::print(&format!("{HEADING}{}{HEADING:#}\n", path.display()))?;
        }
        run_one(args, path, &names, sources)
    })
}

fn run_one(args: &TestArgs, path: &Path, names: &[String], sources: &mut Sources) -> Result<Exit, Failure> {
    let file = read_program(path, sources)?;
    files::check_outputs(&args.figures.file().into_iter().collect::<Vec<_>>(), args.target.target.as_deref())?;
    let config = target::read(args.target.target.as_deref(), sources)?;
    let options = Options { file, config, ..Options::default() };
    let tests = waiting(format!("compiling {}", path.display()), || tests(sources, &options))?;
    let known: Vec<&str> = tests.iter().map(Test::name).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        let others = offered(unknown, &known, "tests");
        return Err(Failure::Usage(format!("`{}` has no test `{unknown}`: {others}", path.display())));
    }
    let wanted = |test: &&Test| names.is_empty() || names.iter().any(|name| name == test.name());
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut outcomes = Vec::new();
    for test in tests.iter().filter(wanted) {
        let mut load = |path: &str, tensor: &TensorInfo| {
            let loaded = arrays::load(&folder.join(path), tensor).map_err(|error| vec![error.diagnostic()])?;
            Ok(loaded.array)
        };
        let found = waiting(format!("testing {}", test.name()), || test.run(&mut load))?;
        let found: Vec<Outcome> = found.into_iter().map(|outcome| (test.name().to_owned(), outcome)).collect();
        if !args.figures.replace_report() {
            files::print(&found.iter().map(line).collect::<String>())?;
        }
        outcomes.extend(found);
    }
    let figures = || format!("{:#}\n", json(path, &outcomes));
    args.figures.file().map_or(Ok(()), |file| files::write(file, figures().as_bytes()))?;
    match args.figures.replace_report() {
        true => files::print_data(&figures())?,
        false => files::print(&summary(&outcomes))?,
    }
    Ok(match counts(&outcomes) {
        Counts { failed: 0, not_run: 0, .. } => Exit::Success,
        Counts { failed: 0, .. } => Exit::Wrong,
        Counts { .. } => Exit::Differs,
    })
}

fn line((test, outcome): &Outcome) -> String {
    let TestOutcome { engine, schedule, failure } = outcome;
    let on = match schedule {
        Some(schedule) => format!("{}, schedule {schedule}", engine.name()),
        None => engine.name().to_owned(),
    };
    match failure {
        None => format!("{GOOD}ok{GOOD:#}      {test}  {FAINT}{on}{FAINT:#}\n"),
        Some(failure @ TestFailure::NotRun(_)) => {
            format!("{HEADING}not run{HEADING:#} {test}  {FAINT}{on}{FAINT:#}\n        {}\n", failure_text(failure))
        }
        Some(failure) => {
            format!("{BAD}FAILED{BAD:#}  {test}  {FAINT}{on}{FAINT:#}\n        {}\n", failure_text(failure))
        }
    }
}

fn failure_text(failure: &TestFailure) -> String {
    match failure {
        TestFailure::Unsound(reason) => reason.clone(),
        TestFailure::NotRun(why) => format!("{}: {}", why.code, why.message),
        TestFailure::Differs(Mismatch { output, index, expected, got, count }, format) => {
            let [expected, got] = [expected, got].map(|value| format.real(*value));
            let others = match count - 1 {
                0 => String::new(),
                others => format!(", and {others} more"),
            };
            format!("{output}{}: expected {expected}, got {got}{others}", index_text(index))
        }
    }
}

fn failure_json(failure: &TestFailure) -> Value {
    match failure {
        TestFailure::Unsound(reason) => json!({"unsound": reason}),
        TestFailure::NotRun(why) => json!({"not_run": {"code": why.code, "message": why.message}}),
        TestFailure::Differs(m, _) => json!({
            "output": m.output, "index": m.index, "expected": m.expected, "got": m.got, "count": m.count
        }),
    }
}

/// How many tests there are of each kind.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    /// In every engine.
    passed: usize,
    failed: usize,
    /// Those that failed in no engine, and that some engine was not asked for.
    not_run: usize,
}

fn counts(outcomes: &[Outcome]) -> Counts {
    let mut by_test: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
    for (test, outcome) in outcomes {
        let (failed, not_run) = by_test.entry(test).or_default();
        match outcome.failure {
            None => {}
            Some(TestFailure::NotRun(_)) => *not_run = true,
            Some(_) => *failed = true,
        }
    }
    let count = |kind: &dyn Fn(bool, bool) -> bool| by_test.values().filter(|(f, n)| kind(*f, *n)).count();
    Counts {
        passed: count(&|failed, not_run| !failed && !not_run),
        failed: count(&|failed, _| failed),
        not_run: count(&|failed, not_run| !failed && not_run),
    }
}

fn summary(outcomes: &[Outcome]) -> String {
    let Counts { passed, failed, not_run } = counts(outcomes);
    if outcomes.is_empty() {
        return "the file has no tests\n".to_owned();
    }
    let mut parts = vec![match (failed, not_run) {
        (0, 0) => format!("{GOOD}{passed} passed{GOOD:#}"),
        _ => format!("{passed} passed"),
    }];
    parts.extend((failed > 0).then(|| format!("{BAD}{failed} failed{BAD:#}")));
    parts.extend((not_run > 0).then(|| format!("{not_run} not run")));
    format!("\n{}\n", parts.join(", "))
}

fn json(path: &Path, outcomes: &[Outcome]) -> Value {
    let Counts { passed, failed, not_run } = counts(outcomes);
    let one = |(test, o): &Outcome| {
        let fault = o.failure.as_ref().map(failure_json);
        json!({
            "test": test, "engine": o.engine.name(), "schedule": o.schedule, "passed": fault.is_none(), "fault": fault
        })
    };
    json!({
        "file": path.display().to_string(),
        "passed": passed,
        "failed": failed,
        "not_run": not_run,
        "outcomes": outcomes.iter().map(one).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use tilewright::Diagnostic;
    use tilewright::testing::Engine;

    use super::*;

    fn outcome(test: &str, engine: Engine, failure: Option<TestFailure>) -> Outcome {
        (test.to_owned(), TestOutcome { engine, schedule: Some("s".to_owned()), failure })
    }

    #[test]
    fn an_engine_without_a_result_fails_the_test() {
        let failure = TestFailure::Unsound("`A` is read at [0] before it is written".to_owned());
        let outcomes = [
            outcome("a", Engine::Loops, Some(failure)),
            outcome("a", Engine::Accelerator, None),
            outcome("b", Engine::Loops, None),
        ];
        assert_eq!(counts(&outcomes), Counts { passed: 1, failed: 1, not_run: 0 });
        let shown = anstream::adapter::strip_str(&line(&outcomes[0])).to_string();
        assert_eq!(shown, "FAILED  a  loops, schedule s\n        `A` is read at [0] before it is written\n");
        assert_eq!(summary(&[]), "the file has no tests\n");
    }

    #[test]
    fn an_engine_that_is_not_asked_fails_no_test() {
        let why = Diagnostic::error("E0412", "the program executes too many statements");
        let outcomes = [
            outcome("a", Engine::Loops, Some(TestFailure::NotRun(why))),
            outcome("a", Engine::Accelerator, None),
            outcome("b", Engine::Loops, None),
        ];
        assert_eq!(counts(&outcomes), Counts { passed: 1, failed: 0, not_run: 1 });
        let shown =
            [line(&outcomes[0]), summary(&outcomes)].map(|text| anstream::adapter::strip_str(&text).to_string());
        assert_eq!(shown[0], "not run a  loops, schedule s\n        E0412: the program executes too many statements\n");
        assert_eq!(shown[1], "\n1 passed, 1 not run\n");
    }
}
