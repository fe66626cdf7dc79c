//! What a bisection finds, as an error of the schedule or of the compiler.

use thiserror::Error;
use tilewright::bisect::{Finding, Scan, Verdict};
use tilewright::internal_error;
use tilewright::program::Directive;
use tilewright_syntax::Diagnostic;

use crate::error::{Exit, Failure};

/// What is at fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    #[error("{0}")]
    Directive(String),
    #[error("no directive makes the schedule illegal: the error is there before the first one")]
    Lacking,
    #[error("{0}")]
    Values(String),
}

impl Fault {
    /// The stable code that `explain` takes.
    pub fn code(&self) -> &'static str {
        match self {
            Fault::Directive(_) => "E0682",
            Fault::Lacking => "E0683",
            Fault::Values(_) => "E0684",
        }
    }

    /// The error as it is shown, without a place.
    pub fn diagnostic(&self) -> Diagnostic {
        let told = Diagnostic::error(self.code(), self.to_string());
        match self {
            Fault::Directive(_) => told,
            Fault::Lacking => told.note("a directive is missing, or no directive helps"),
            Fault::Values(_) => internal_error(told),
        }
    }
}

/// What is told of a finding: the directive at fault, and what is wrong from there on. None where nothing is.
pub fn told(scan: &Scan) -> Option<Failure> {
    let Scan { directives, verdicts, inapplicable, finding, others, .. } = scan;
    let told = |at: usize, say: &dyn Fn(&str) -> String, label: &str| {
        let message = say(&format!("`{}`", directives[at].text()));
        at_fault(&Fault::Directive(message), &directives[at], label)
    };
    let whole = || refusal(verdicts.last());
    let legal_before = |at: usize| match at.checked_sub(1) {
        Some(before) => format!("after `{}` it is legal", directives[before].text()),
        None => "without directives it is legal".to_owned(),
    };
    let mut diagnostics = Vec::new();
    match finding {
        Finding::Nothing => return None,
        Finding::Values(after) => return Some(other_values(scan, *after)),
        Finding::Inapplicable(at) => {
            diagnostics.push(told(*at, &|it| format!("{it} cannot be applied here"), "this directive"));
            diagnostics.extend(inapplicable.iter().flatten().cloned());
        }
        Finding::Broken(at) => {
            let said =
                told(*at, &|it| format!("from {it} on, the schedule is no longer legal"), "illegal from here on");
            diagnostics.push(said.note(legal_before(*at)));
            diagnostics.extend(refusal(verdicts.get(at + 1)));
        }
        Finding::Without(at) => {
            let said = told(*at, &|it| format!("without {it}, the schedule would be legal"), "only without this");
            diagnostics.push(match others {
                0 => said,
                n => said.note(format!("without it, {n} more cannot be applied, and are left out as well")),
            });
            diagnostics.extend(whole());
        }
        Finding::Begins(at) => {
            let said = told(*at, &|it| format!("the error begins with {it}"), "this directive");
            diagnostics
                .push(said.note("no prefix of the schedule is legal, and leaving out one directive does not help"));
            diagnostics.extend(whole());
        }
        Finding::Lacking => {
            diagnostics.push(Fault::Lacking.diagnostic());
            diagnostics.extend(whole());
        }
    }
    Some(Failure::Reported { exit: Exit::Wrong, diagnostics })
}

fn other_values(scan: &Scan, after: Option<usize>) -> Failure {
    let wrong = match scan.verdicts.get(after.map_or(0, |at| at + 1)) {
        Some(Verdict::Wrong(told)) => Some(told.clone()),
        _ => None,
    };
    let first = match after.map(|at| &scan.directives[at]) {
        Some(directive) => {
            let message = format!("`{}` changes the result", directive.text());
            at_fault(&Fault::Values(message), directive, "correct before it, wrong after it")
        }
        None => Fault::Values("the result is wrong before the first directive".to_owned()).diagnostic(),
    };
    Failure::Reported { exit: Exit::Differs, diagnostics: [first].into_iter().chain(wrong).collect() }
}

/// The fault at its directive, with the calls and repetitions that led to it.
fn at_fault(fault: &Fault, directive: &Directive, label: &str) -> Diagnostic {
    let told = fault.diagnostic().primary(directive.span(), label);
    directive.context.iter().rev().fold(told, |told, context| told.secondary(context.span, context.text.clone()))
}

fn refusal(verdict: Option<&Verdict>) -> Vec<Diagnostic> {
    match verdict {
        Some(Verdict::Refused(told)) => told.clone(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use tilewright::bisect::{Trials, scan};
    use tilewright::program::Front;
    use tilewright::time::NamedTiming;
    use tilewright::{Options, Sources, front};

    use super::*;

    fn example(sources: &mut Sources) -> Front {
        let file = sources.add("matmul.tw", include_str!("../../../../dsl-examples/matmul.tw"));
        let params = vec![("k".to_owned(), 32), ("n".to_owned(), 32)];
        front(sources, &Options { file, params, ..Options::default() }).unwrap()
    }

    #[test]
    fn wrong_values_end_with_their_status() {
        let mut sources = Sources::default();
        let (front, timing) = (example(&mut sources), NamedTiming::default());
        let mut scanned = scan(&Trials::new(&front, &sources, &timing, 0), 0, &()).unwrap();
        scanned.finding = Finding::Values(None);
        let wrong = tilewright::Fault::Unordered(Vec::new()).diagnostic();
        scanned.verdicts[0] = Verdict::Wrong(wrong);
        let Some(Failure::Reported { exit, diagnostics }) = told(&scanned) else { panic!("it is at fault") };
        let codes: Vec<&str> = diagnostics.iter().map(|d| d.code).collect();
        assert_eq!((exit, &codes[..]), (Exit::Differs, &["E0684", "E0652"][..]));
        assert_eq!(diagnostics[0].message, "the result is wrong before the first directive");
    }

    #[test]
    fn the_directive_that_changes_the_result_is_shown() {
        let mut sources = Sources::default();
        let (front, timing) = (example(&mut sources), NamedTiming::default());
        let mut scanned = scan(&Trials::new(&front, &sources, &timing, 0), 0, &()).unwrap();
        assert_eq!(scanned.finding, Finding::Nothing);
        scanned.finding = Finding::Values(Some(1));
        let Some(Failure::Reported { exit, diagnostics }) = told(&scanned) else { panic!("it is at fault") };
        assert_eq!(exit, Exit::Differs);
        assert_eq!(diagnostics[0].message, format!("`{}` changes the result", scanned.directives[1].text()));
        assert_eq!(diagnostics[0].labels[0].span, scanned.directives[1].span());
    }
}
