//! Directives that are legal and change nothing, and how that is told.

use thiserror::Error;
use tilewright_syntax::{Diagnostic, Span};

use crate::schedule::regions::{Regions, infer};
use crate::schedule::{Schedule, StageId};

/// A directive without effect.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{directive}` has no effect: {reason}")]
pub struct Warning {
    pub directive: String,
    pub span: Span,
    pub reason: String,
    /// What makes it so.
    pub place: Option<(Span, &'static str)>,
}

impl Warning {
    /// The warning's stable code.
    pub const CODE: &'static str = "W0301";

    /// The warning as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let d = Diagnostic::warning(Self::CODE, self.to_string()).primary(self.span, "changes nothing");
        let d = match self.place {
            Some((span, text)) => d.secondary(span, text),
            None => d,
        };
        d.help("leave it out")
    }
}

/// Adds the directives that a whole schedule leaves without effect: what they say of iterations is said of a loop that has too
/// few of them. Later directives may change how often a loop runs, so this is known at the end only.
pub fn find_idle(schedule: &mut Schedule) {
    let regions = infer(schedule);
    let mut found: Vec<Warning> =
        schedule.stage_ids().flat_map(|stage| idle_marks(schedule, &regions, stage)).collect();
    schedule.warnings.append(&mut found);
    schedule.warnings.sort_by_key(|w| w.span);
}

/// The marks of one stage and of its loops.
fn idle_marks(s: &Schedule, regions: &Regions, stage: StageId) -> Vec<Warning> {
    let st = s.stage(stage);
    let mut found = Vec::new();
    let mut tell = |directive: &str, span, reason, place| {
        found.push(Warning { directive: directive.to_owned(), span, reason, place });
    };
    let once = |marked: &super::Marked| regions.extent(stage, marked.axis) == 1;
    for (directive, marks) in [("unroll", &st.unrolled), ("bind", &st.vthreads)] {
        for marked in marks.iter().filter(|m| once(m)) {
            let axis = st.axis(marked.axis);
            tell(directive, marked.span, format!("`{}` runs once", axis.name), Some((axis.span, "this axis")));
        }
    }
    for axis in st.leaves.iter().copied() {
        let (a, extent) = (st.axis(axis), regions.extent(stage, axis));
        if let Some(peeled) = a.peeled.filter(|p| p.first.max(p.last) >= extent || p.first.max(p.last) == 0) {
            let reason = match peeled.first.max(peeled.last) {
                0 => "it peels no iteration".to_string(),
                _ => format!("it peels all {extent} iterations of `{}` together", a.name),
            };
            tell("peel", peeled.span, reason, Some((a.span, "this axis")));
        }
    }
    if let Some(rotation) = st.double_buffer
        && iterations(s, regions, stage, s.storage_depth(stage)) == 1
    {
        let place = st.attach.map(|at| (at.span, "computed once"));
        let reason = format!("`{}` is computed once, so nothing rotates", s.stage_name(stage));
        tell("double_buffer", rotation.span, reason, place);
    }
    found
}

/// How often the body of a stage's outermost loops, so many of them, runs: their iterations and those of all loops around the
/// stage, saturating.
fn iterations(s: &Schedule, regions: &Regions, stage: StageId, depth: usize) -> i64 {
    let st = s.stage(stage);
    let own = st.leaves[..depth].iter().map(|l| regions.extent(stage, *l)).fold(1, i64::saturating_mul);
    let around = match st.attach {
        Some(at) => {
            let inside = s.stage(at.stage).depth(at.axis).map_or(0, |depth| depth + 1);
            iterations(s, regions, at.stage, inside)
        }
        None => 1,
    };
    own.saturating_mul(around)
}
