//! A kernel and the directives of its schedule → the first directive after which its values or its legality change.
//!
//! A *prefix* of a schedule is its first directives, without the rest. Most prefixes of a good schedule are refused: what
//! they lack comes after them. So a prefix is no fault because it is refused, but by what follows:
//!
//! 1. Values that are wrong are, after any prefix.
//! 2. A directive that cannot be applied where it stands is.
//! 3. If the whole schedule is refused, the directive after the last legal prefix is: from there on it is legal no more.
//! 4. If no prefix is legal, the directive is without which the whole would be: it, and what cannot be applied then, is
//!    left out. The one that takes the fewest others along counts, and of several such the first.
//! 5. If there is none, the directive is with which the error of the whole schedule begins: all longer prefixes are refused
//!    with the same words. An error that is there before the first directive comes from what the schedule lacks.

//!
//! ```
//! use tilewright::bisect::{Finding, Trials, bisect, scan};
//! use tilewright::time::NamedTiming;
//! use tilewright::{Options, Sources, front};
//!
//! let mut sources = Sources::default();
//! sources.add("k.tw", "
//!     kernel k {
//!         input x: i32[64]
//!         y[i] = x[i] + 2
//!         output z[i] = i8(y[i])
//!     }
//!     schedule s for k {
//!         x_acc = x.cache_read(acc)
//!         y.set_scope(acc)
//!     }");
//! let (front, timing) = (front(&sources, &Options::default()).unwrap(), NamedTiming::default());
//! let scan = scan(&Trials::new(&front, &sources, &timing, 0), 0, &()).unwrap();
//! assert_eq!((scan.finding, scan.directives.len()), (Finding::Nothing, 2));
//! let fault = bisect(&front, &sources, (&timing, 0), &(), &mut |tried| assert_eq!(tried.call, 0)).unwrap();
//! assert!(fault.is_none());
//! ```
//!
//! In a program of several kernels each call is tried alone first, since what a directive does to its own kernel explains
//! most. Only if all of them are legal alone, and not together, each is tried with the others whole.

mod prefixes;
mod trial;

use tilewright_core::pipeline::{Front, Made};
use tilewright_syntax::{Diagnostic, Sources};

use crate::Result;
use crate::parallel::Progress;
use crate::time::NamedTiming;

pub use prefixes::{Scan, scan};
pub use trial::{Trials, Verdict};

/// What is at fault; directives are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The whole schedule is legal, and no prefix has wrong values.
    Nothing,
    /// Values are wrong after this directive; none for those of the kernel without a schedule.
    Values(Option<usize>),
    /// It cannot be applied.
    Inapplicable(usize),
    /// Up to it the schedule is legal, from it on never.
    Broken(usize),
    /// Only without it the schedule is legal.
    Without(usize),
    /// The error of the whole schedule begins with it.
    Begins(usize),
    /// The error is there before the first directive.
    Lacking,
}

impl Finding {
    /// The directive at fault.
    pub fn directive(&self) -> Option<usize> {
        match self {
            Finding::Values(at) => *at,
            Finding::Inapplicable(at) | Finding::Broken(at) | Finding::Without(at) | Finding::Begins(at) => Some(*at),
            Finding::Nothing | Finding::Lacking => None,
        }
    }
}

/// A call whose prefixes were tried.
#[derive(Debug)]
pub struct Tried<'a> {
    /// Its number among those of the program.
    pub call: usize,
    /// Whether the other calls took part, with their whole schedules.
    pub together: bool,
    pub scan: &'a Scan,
}

/// Looks for what is at fault in the schedules that are written, on random inputs; `seed` says which. `report` sees every call that
/// is tried. Returns the scan whose finding is a fault, if there is one.
///
/// # Errors
/// No schedule that is written; schedules of other calls that cannot be applied; a program that cannot be run here, so that its
/// values are not known.
pub fn bisect(
    front: &Front,
    sources: &Sources,
    (timing, seed): (&NamedTiming, u64),
    progress: &dyn Progress,
    report: &mut dyn FnMut(&Tried),
) -> Result<Option<Scan>> {
    let written: Vec<usize> =
        (0..front.calls().len()).filter(|at| front.calls()[*at].made != Made::Automatic).collect();
    if written.is_empty() {
        return Err(vec![no_schedule()]);
    }
    let mut fault = |trials: &Trials, at: usize, call: usize, together: bool| -> Result<Option<Scan>> {
        let scan = scan(trials, at, progress)?;
        report(&Tried { call, together, scan: &scan });
        match scan.verdicts.last() {
            Some(Verdict::NotRun(why)) if scan.finding == Finding::Nothing => Err(why.clone()),
            _ => Ok((scan.finding != Finding::Nothing).then_some(scan)),
        }
    };
    for call in &written {
        let alone = front.alone(&front.calls()[*call]);
        if let Some(scan) = fault(&Trials::new(&alone, sources, timing, seed), 0, *call, false)? {
            return Ok(Some(scan));
        }
    }
    if front.calls().len() == 1 {
        return Ok(None);
    }
    let trials = Trials::new(front, sources, timing, seed);
    match trials.run(front.schedule()?.schedules) {
        Verdict::Legal { .. } => return Ok(None),
        Verdict::NotRun(why) => return Err(why),
        Verdict::Refused(_) | Verdict::Wrong(_) => {}
    }
    for call in &written {
        if let Some(scan) = fault(&trials, *call, *call, true)? {
            return Ok(Some(scan));
        }
    }
    Ok(None)
}

fn no_schedule() -> Diagnostic {
    Diagnostic::error("E0685", "there is no written schedule, so there are no directives to bisect")
        .help("`tilewright lower FILE --emit schedule` prints the automatic one as source to start from")
}

/// What a prefix is, for the search.
#[derive(Clone, Debug, PartialEq, Eq)]
enum PrefixState<Reason> {
    Legal,
    Wrong,
    /// Two refusals are alike if their reasons are equal.
    Refused(Reason),
    /// Its last directive cannot be applied, and no prefix is longer.
    Inapplicable,
}

/// Finds what is at fault, by the order above. `prefixes` begins with that of no directive, and each is longer by one than the one
/// before. `without` says of each directive whether the whole schedule is legal without it, and if so how many
/// others are left out with it; it is asked only if it counts.
fn find<Reason: PartialEq>(prefixes: &[PrefixState<Reason>], without: impl FnOnce() -> Vec<Option<usize>>) -> Finding {
    if let Some(length) = prefixes.iter().position(|state| *state == PrefixState::Wrong) {
        return Finding::Values(length.checked_sub(1));
    }
    // The last directive of the prefix of a length, which is not 0, is at the place before it.
    let last = prefixes.len() - 1;
    match &prefixes[last] {
        PrefixState::Legal | PrefixState::Wrong => Finding::Nothing,
        PrefixState::Inapplicable => Finding::Inapplicable(last - 1),
        PrefixState::Refused(reason) => match prefixes.iter().rposition(|state| *state == PrefixState::Legal) {
            Some(length) => Finding::Broken(length),
            None => least(&without()).map_or_else(|| begins(prefixes, reason), Finding::Without),
        },
    }
}

/// The first directive of those that take the fewest others along.
fn least(without: &[Option<usize>]) -> Option<usize> {
    let legal = without.iter().enumerate().filter_map(|(at, others)| Some(((*others)?, at)));
    legal.min().map(|(_, at)| at)
}

fn begins<Reason: PartialEq>(prefixes: &[PrefixState<Reason>], reason: &Reason) -> Finding {
    let is_other = |state: &PrefixState<Reason>| !matches!(state, PrefixState::Refused(found) if found == reason);
    prefixes.iter().rposition(is_other).map_or(Finding::Lacking, Finding::Begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `L`egal, `W`rong, `I`napplicable, and refusals by their digits.
    fn states(text: &str) -> Vec<PrefixState<char>> {
        let state = |c| match c {
            'L' => PrefixState::Legal,
            'W' => PrefixState::Wrong,
            'I' => PrefixState::Inapplicable,
            reason => PrefixState::Refused(reason),
        };
        text.chars().map(state).collect()
    }

    fn found(text: &str, without: &[Option<usize>]) -> Finding {
        find(&states(text), || without.to_vec())
    }

    fn found_without_asking(text: &str) -> Finding {
        find(&states(text), || panic!("nobody needs to know what is legal without what"))
    }

    #[test]
    fn what_ends_legal_is_not_at_fault_for_refused_prefixes() {
        for text in ["L", "12L", "1L2L", "LLL"] {
            assert_eq!(found_without_asking(text), Finding::Nothing, "{text}");
        }
    }

    #[test]
    fn wrong_values_come_first_wherever_they_are() {
        assert_eq!(found_without_asking("12WL"), Finding::Values(Some(1)));
        assert_eq!(found_without_asking("W1I"), Finding::Values(None));
        assert_eq!(found_without_asking("L1LWW1"), Finding::Values(Some(2)));
    }

    #[test]
    fn what_was_legal_is_broken_by_the_directive_behind_the_last_legal_prefix() {
        assert_eq!(found_without_asking("1L2"), Finding::Broken(1));
        assert_eq!(found_without_asking("1L2LL33"), Finding::Broken(4));
        assert_eq!(found_without_asking("L1"), Finding::Broken(0));
    }

    #[test]
    fn what_cannot_be_applied_is_at_fault() {
        assert_eq!(found_without_asking("11I"), Finding::Inapplicable(1));
        assert_eq!(found_without_asking("1L2I"), Finding::Inapplicable(2));
    }

    #[test]
    fn without_a_legal_prefix_the_smallest_thing_that_is_left_out_counts() {
        assert_eq!(found("1122", &[None, Some(1), Some(0)]), Finding::Without(2));
        assert_eq!(found("1122", &[Some(1), None, Some(1)]), Finding::Without(0));
    }

    #[test]
    fn else_the_error_begins_somewhere() {
        assert_eq!(found("1122", &[None; 3]), Finding::Begins(1));
        assert_eq!(found("2122", &[None; 3]), Finding::Begins(1));
        assert_eq!(found("12", &[None; 1]), Finding::Begins(0));
        assert_eq!(found("222", &[None; 2]), Finding::Lacking);
        assert_eq!(found("2", &[]), Finding::Lacking);
    }
}
