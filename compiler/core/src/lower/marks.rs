//! What a schedule says that a loop becomes, and which directive stands behind a loop or a statement.

use super::{Builder, Phase};
use crate::loops::ir::{Mark, Origin};
use crate::schedule::{Marked, StageAxisId, StageId, StageLoop};

impl Builder<'_> {
    /// The mark of a loop. The loops that set a tile to its start have no reduced ones, so the mark stands on the first
    /// that is in the tile.
    pub(super) fn mark(&self, stage: StageId, axis: StageAxisId, phase: Phase) -> Option<Mark> {
        let s = self.schedule.stage(stage);
        if phase == Phase::Init {
            let first = s.leaves.iter().find(|l| s.in_tile(**l) && !s.axis(**l).reduce);
            return (first == Some(&axis)).then_some(Mark::Gemm);
        }
        if self.schedule.hosted(stage).is_some_and(|scan| self.schedule.steps(scan) == StageLoop { stage, axis }) {
            return Some(Mark::Serial);
        }
        let here = |m: Option<Marked>| m.is_some_and(|m| m.axis == axis);
        // A virtual thread or an unrolled loop that is the outermost one of a copy leaves the mark to the next loop.
        let is_thread = |a: StageAxisId| s.vthreads.iter().any(|m| m.axis == a);
        let is_unrolled = |a: StageAxisId| s.unrolled.iter().any(|m| m.axis == a);
        let own = |a: &StageAxisId| !is_thread(*a) && !is_unrolled(*a);
        let copy = s.dma_copy.and_then(|m| s.leaves[s.depth(m.axis)?..].iter().copied().find(own));
        match (here(s.tensorize), is_thread(axis)) {
            (true, _) => Some(Mark::Gemm),
            (false, true) => Some(Mark::Vthread),
            (false, false) if is_unrolled(axis) => Some(Mark::Unroll),
            (false, false) => (copy == Some(axis)).then_some(Mark::DmaCopy),
        }
    }

    /// The directive behind a loop is the last that shaped it; behind a statement, the one that says what it becomes.
    pub(super) fn origin(&self, stage: StageId, axis: Option<StageAxisId>) -> Origin {
        let s = self.schedule.stage(stage);
        let own = match axis {
            Some(axis) => s.axis(axis).shaped_by,
            None => s.tensorize.or(s.dma_copy).map(|m| m.span),
        };
        let directive = own.or(s.attach.map(|at| at.span)).or(s.scope_span);
        Origin { tensor: Some(self.schedule.kernel.tensor(s.tensor).span), directive, ..Origin::default() }
    }
}
