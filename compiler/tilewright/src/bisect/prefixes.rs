//! A call and its directives → what the program is after each of them, and which is at fault. Other calls have all of theirs.

use tilewright_core::pipeline::Call;
use tilewright_core::schedule::{Directive, Schedule};
use tilewright_syntax::Diagnostic;

use super::trial::{Trials, Verdict};
use super::{Finding, PrefixState, find};
use crate::Result;
use crate::parallel::{self, Progress};

/// What is found about one call.
#[derive(Debug)]
pub struct Scan {
    pub directives: Vec<Directive>,
    /// For each prefix whose directives can all be applied, beginning with that of none.
    pub verdicts: Vec<Verdict>,
    /// Why the directive after them cannot be applied.
    pub inapplicable: Option<Vec<Diagnostic>>,
    pub finding: Finding,
    /// How many others are left out with it; of [`Finding::Without`].
    pub others: usize,
}

/// Tries every prefix of the schedule of one call, on all cores.
///
/// # Errors
/// What is wrong with the schedules of the other calls.
pub fn scan(trials: &Trials, at: usize, progress: &dyn Progress) -> Result<Scan> {
    let front = trials.front;
    let call = &front.calls()[at];
    let apply = |other: &Call| front.schedule_call(other, &mut |_| {});
    let before = front.calls()[..at].iter().map(apply).collect::<Result<Vec<_>>>()?;
    let after = front.calls()[at + 1..].iter().map(apply).collect::<Result<Vec<_>>>()?;
    let all = |own: &Schedule| -> Vec<Schedule> { before.iter().chain([own]).chain(&after).cloned().collect() };

    let directives = front.directives(call)?;
    let (prefixes, inapplicable) = applied(trials, call, &directives);
    let verdicts = parallel::map(&prefixes, "prefixes", progress, |own| trials.run(all(own)));
    let mut states: Vec<PrefixState<String>> = verdicts.iter().map(state).collect();
    states.extend(inapplicable.iter().map(|_| PrefixState::Inapplicable));
    let mut without = Vec::new();
    let finding = find(&states, || {
        let places: Vec<usize> = (0..directives.len()).collect();
        without = parallel::map(&places, "directives left out", progress, |left_out| {
            let (own, others) = leaving_out(trials, call, &directives, *left_out);
            trials.compile(all(&own)).is_ok().then_some(others)
        });
        without.clone()
    });
    let others = if let Finding::Without(at) = finding { without[at].unwrap_or(0) } else { 0 };
    Ok(Scan { directives, verdicts, inapplicable, finding, others })
}

/// The schedule after each directive, up to one that cannot be applied; and why it cannot.
fn applied(trials: &Trials, call: &Call, directives: &[Directive]) -> (Vec<Schedule>, Option<Vec<Diagnostic>>) {
    let mut own = trials.front.unscheduled(call);
    let mut prefixes = vec![own.clone()];
    for directive in directives {
        match trials.front.with_directive(call, &own, directive) {
            Ok(after) => own = after,
            Err(errors) => return (prefixes, Some(errors)),
        }
        prefixes.push(own.clone());
    }
    (prefixes, None)
}

/// The schedule without one directive and those that cannot be applied then, and how many these are.
fn leaving_out(trials: &Trials, call: &Call, directives: &[Directive], left_out: usize) -> (Schedule, usize) {
    let (mut own, mut others) = (trials.front.unscheduled(call), 0);
    for (_, directive) in directives.iter().enumerate().filter(|(at, _)| *at != left_out) {
        match trials.front.with_directive(call, &own, directive) {
            Ok(after) => own = after,
            Err(_) => others += 1,
        }
    }
    (own, others)
}

/// Refusals with the same words are the same. What cannot be run is no fault of a directive: it is legal.
fn state(verdict: &Verdict) -> PrefixState<String> {
    match verdict {
        Verdict::Legal { .. } | Verdict::NotRun(_) => PrefixState::Legal,
        Verdict::Wrong(_) => PrefixState::Wrong,
        Verdict::Refused(errors) => {
            PrefixState::Refused(errors.iter().map(|d| format!("{} {}\n", d.code, d.message)).collect())
        }
    }
}
