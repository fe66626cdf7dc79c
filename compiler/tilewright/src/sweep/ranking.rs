//! The outcomes of a sweep → their order, and the best.

use std::cmp::Reverse;

use tilewright_syntax::Diagnostic;

use super::{Combination, Outcome, SweepFigures};

/// The outcomes that there are with their combinations, the fastest first, and equally fast ones in the order of the combinations. After those that
/// are right come the ones whose values are wrong, and then what does not run at all.
#[derive(Debug)]
pub struct Ranking<'a> {
    pub rows: Vec<(&'a Combination, &'a Outcome)>,
    /// Of those whose values are right, the fewest cycles.
    pub best: Option<u64>,
}

impl<'a> Ranking<'a> {
    pub fn new(combinations: &'a [Combination], outcomes: &'a [Outcome]) -> Ranking<'a> {
        let mut rows: Vec<(&Combination, &Outcome)> = combinations.iter().zip(outcomes).collect();
        rows.retain(|(_, outcome)| !matches!(outcome, Outcome::NotBegun));
        rows.sort_by_key(|(_, outcome)| rank(outcome));
        let best = rows.iter().find_map(|(_, outcome)| outcome.verified());
        Ranking { rows, best: best.map(|figures| figures.cycles) }
    }

    /// Cycles over those of the best; none where there is no best.
    pub fn ratio(&self, figures: &SweepFigures) -> Option<f64> {
        ratio(figures, self.best)
    }

    /// Those with figures.
    pub fn ran(&self) -> impl Iterator<Item = (&'a Combination, &'a SweepFigures)> {
        self.rows.iter().filter_map(|(combination, outcome)| match outcome {
            Outcome::Ran(figures) => Some((*combination, &**figures)),
            Outcome::Refused(_) | Outcome::NotRun(_) | Outcome::Stopped(_) | Outcome::NotBegun => None,
        })
    }

    /// Those without, and the first reason for it.
    pub fn not_run(&self) -> impl Iterator<Item = (&'a Combination, &'a Diagnostic)> {
        self.rows.iter().filter_map(|(combination, outcome)| Some((*combination, outcome.refusal()?)))
    }
}

/// Cycles over those of the best; none where nobody knows the best.
pub fn ratio(figures: &SweepFigures, best: Option<u64>) -> Option<f64> {
    Some(figures.cycles as f64 / best?.max(1) as f64)
}

/// Smaller comes first.
fn rank(outcome: &Outcome) -> (Reverse<bool>, Reverse<bool>, bool, u64) {
    let cycles = if let Outcome::Ran(figures) = outcome { figures.cycles } else { 0 };
    let (verified, ran) = (outcome.verified().is_some(), matches!(outcome, Outcome::Ran(_)));
    (Reverse(verified), Reverse(ran), !matches!(outcome, Outcome::Stopped(_)), cycles)
}

/// Why no combination runs, where that is the same for all and so has nothing to do with their values.
pub fn one_reason(outcomes: &[Outcome]) -> Option<Vec<Diagnostic>> {
    let reason = |outcome: &Outcome| match outcome {
        Outcome::Refused(reason) | Outcome::NotRun(reason) => Some(reason.clone()),
        Outcome::Ran(_) | Outcome::Stopped(_) | Outcome::NotBegun => None,
    };
    let first = reason(outcomes.first()?)?;
    outcomes.iter().all(|outcome| reason(outcome).as_ref() == Some(&first)).then_some(first)
}
