//! `tilewright sweep FILE -p NAME=VALUES ...`: every combination of parameters compiled, run and verified; a table of them,
//! the fastest first.
//!
//! A combination that is refused is no error of the command: it stands at the end of the table. But where all are refused
//! for the same reason, which then has nothing to do with their values, that reason is told as `run` tells it.

use tilewright::Target;
use tilewright::sweep::{self, Combination, Outcome, Parameter, Request, combinations, one_reason};
use tilewright_syntax::Sources;

use crate::cli::{Assignment, SweepArgs};
use crate::compile::read_program;
use crate::error::{DriverError, Exit, Failure};
use crate::exports::{self, Forms};
use crate::parallel::Bar;
use crate::sweep::error::{MAX_COMBINATIONS, SweepError};
use crate::sweep::lines::Lines;
use crate::sweep::report;
use crate::sweep::values::{Part, parse};
use crate::{files, interrupt, target};

pub fn run(args: &SweepArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let file = read_program(&args.file, sources)?;
    let (parameters, schedules) = (parameters(args, sources)?, args.schedule.clone());
    let Target { config, timing } = target::machine(&args.machine, sources)?;
    exports::check(&args.exports, args.machine.files())?;
    let combinations = combinations(&parameters, &schedules);
    let program = args.program.as_deref();
    let request = Request { sources, file, program, config: &config, timing: &timing, seed: args.seed };
    let lines = args.exports.csv.as_deref().filter(|path| !files::is_standard(path)).map(files::partial).transpose()?;
    let lines = Lines::new(lines.flatten(), &parameters, args.schedule.len() > 1);
    let each = |combination: &Combination, outcome: &Outcome| lines.add(combination, outcome);
    let outcomes = interrupt::stoppable(|| sweep::run(&request, &parameters, &combinations, &Bar::default(), &each));
    if let Some(told) = one_reason(&outcomes) {
        lines.remove();
        return Err(told.into());
    }
    let report = report::Report::new(&args.file, &request, &parameters, &combinations, &outcomes);
    let forms =
        Forms { csv: &|| report::csv(&report), json: &|| report::json(&report), report: &|| report::table(&report) };
    exports::write(&args.exports, &forms)?;
    lines.remove();
    let done = outcomes.iter().filter(|outcome| !matches!(outcome, Outcome::NotBegun)).count();
    interrupt::told(done, outcomes.len(), "combinations")?;
    verdict(&parameters, &combinations, &outcomes)
}

/// The values of each parameter. Checks how many there are before any is made.
fn parameters(args: &SweepArgs, sources: &mut Sources) -> Result<Vec<Parameter>, Failure> {
    let given = &args.params;
    for (at, assignment) in given.iter().enumerate() {
        if let Some(first) = given[..at].iter().find(|g| g.name == assignment.name) {
            let what = format!("parameter `{}`", assignment.name);
            let (first, second) = (first.place("-p", sources).0, assignment.place("-p", sources).0);
            return Err(DriverError::Twice { what, first, second }.into());
        }
    }
    let parts = given.iter().map(|g| parts(g, sources)).collect::<Result<Vec<_>, _>>()?;
    let counts = parts.iter().map(|parts| parts.iter().map(Part::count).sum::<u128>());
    let schedules = ("--schedule", args.schedule.len().max(1) as u128);
    let of_each: Vec<(&str, u128)> = given.iter().map(|g| &*g.name).zip(counts).chain([schedules]).collect();
    let count = of_each.iter().fold(1, |product: u128, (_, count)| product.saturating_mul(*count));
    if count > MAX_COMBINATIONS {
        let several = of_each.into_iter().filter(|(_, count)| *count > 1);
        let of_each = several.map(|(name, count)| (name.to_owned(), count)).collect();
        return Err(SweepError::TooMany { count, of_each }.into());
    }
    let parameter = |(given, parts): (&Assignment, Vec<Part>)| {
        let mut values: Vec<i64> = Vec::new();
        for value in parts.iter().flat_map(Part::values) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        Parameter { name: given.name.clone(), values }
    };
    Ok(given.iter().zip(parts).map(parameter).collect())
}

fn parts(given: &Assignment, sources: &mut Sources) -> Result<Vec<Part>, SweepError> {
    parse(&given.value).map_err(|malformed| {
        let (_, mut span) = given.place("-p", sources);
        (span.start, span.end) = (span.start + malformed.range.start as u32, span.start + malformed.range.end as u32);
        let part = given.value[malformed.range].to_owned();
        SweepError::Values { name: given.name.clone(), part, reason: malformed.reason, span }
    })
}

/// How the command ends; the first combination whose values are wrong is told, since the compiler is to blame.
fn verdict(parameters: &[Parameter], combinations: &[Combination], outcomes: &[Outcome]) -> Result<Exit, Failure> {
    let fault = |outcome: &Outcome| match outcome {
        Outcome::Ran(figures) => figures.fault.clone(),
        Outcome::Stopped(told) => told.first().cloned(),
        Outcome::Refused(_) | Outcome::NotRun(_) | Outcome::NotBegun => None,
    };
    let wrong = combinations.iter().zip(outcomes).find_map(|(combination, o)| Some((combination, fault(o)?)));
    if let Some((combination, told)) = wrong {
        let told = told.note(format!("with {}", report::options(parameters, combination)));
        return Err(Failure::Reported { exit: Exit::Differs, diagnostics: vec![told] });
    }
    let any = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Ran(_)));
    Ok(if any { Exit::Success } else { Exit::Wrong })
}

#[cfg(test)]
mod tests {
    use tilewright::Diagnostic;

    use super::*;

    #[test]
    fn what_cannot_be_run_has_no_wrong_values() {
        let too_long = || Diagnostic::error("E0927", "it would take too long");
        let combinations = combinations(&[], &[]);
        let not_run = [Outcome::NotRun(vec![too_long()])];
        assert_eq!(one_reason(&not_run), Some(vec![too_long()]));
        assert_eq!(verdict(&[], &combinations, &not_run).ok(), Some(Exit::Wrong));
        let stopped = [Outcome::Stopped(vec![too_long()])];
        assert_eq!(one_reason(&stopped), None);
        let Err(Failure::Reported { exit, .. }) = verdict(&[], &combinations, &stopped) else {
            panic!("it is a failure")
        };
        assert_eq!(exit, Exit::Differs);
    }
}
