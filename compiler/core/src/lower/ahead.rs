//! What runs ahead in the steps of a scan: its first values before the first step, and in each step that of a later one.

use super::{Builder, Phase};
use crate::affine::{Affine, Interval};
use crate::loops::ir::{For, Index, Stmt};
use crate::schedule::{StageId, StageLoop};

impl Builder<'_> {
    /// The stages that run ahead over the steps that a loop counts, each with the last step that it computes in the loop's own.
    fn ahead_of(&self, l: StageLoop) -> Vec<(StageId, i64, i64)> {
        let scan = self.schedule.hosted(l.stage).filter(|scan| self.schedule.steps(*scan) == l);
        let stages = scan.map_or(Vec::new(), |scan| self.schedule.running_ahead(scan));
        let steps = scan.map_or(0, |scan| self.schedule.kernel.scans[scan.0].steps);
        stages.into_iter().map(|(stage, ahead)| (stage, ahead, steps - 1 - ahead)).collect()
    }

    /// Whether a stage is computed for a later step.
    pub(super) fn is_ahead(&self, stage: StageId) -> bool {
        self.schedule.stage(stage).ahead.is_some()
    }

    /// The pieces of a loop, cut where what runs ahead has come to the last step.
    pub(super) fn cut_for_ahead(&self, l: StageLoop, pieces: Vec<Interval>) -> Vec<Interval> {
        self.ahead_of(l).into_iter().fold(pieces, |pieces, (_, _, end)| {
            let cut = |p: Interval| match p.min <= end && end < p.max {
                true => vec![Interval::new(p.min, end), Interval::new(end + 1, p.max)],
                false => vec![p],
            };
            pieces.into_iter().flat_map(cut).collect()
        })
    }

    /// What stands before the first step: the values of as many steps as each stage is ahead.
    pub(super) fn before_steps(&mut self, l: StageLoop) -> Vec<Stmt> {
        let mut stmts = Vec::new();
        for (stage, ahead, _) in self.ahead_of(l) {
            let var = self.new_loop(l.stage, l.axis, Phase::Compute, ahead);
            let body = self.at_step(stage, l, Affine::var(var), Interval::below(ahead));
            stmts.push(Stmt::For(For { var, mark: None, body, origin: self.origin(stage, None) }));
        }
        stmts
    }

    /// What stands behind all else in the steps of a piece: the values of later steps.
    pub(super) fn later_steps(&mut self, l: StageLoop, piece: Interval) -> Vec<Stmt> {
        let step = self.loops[&l].clone();
        let mut stmts = Vec::new();
        for (stage, ahead, _) in self.ahead_of(l).into_iter().filter(|(_, _, end)| piece.max <= *end) {
            let later = Interval::new(piece.min + ahead, piece.max + ahead);
            stmts.extend(self.at_step(stage, l, step.plus_constant(ahead), later));
        }
        stmts
    }

    /// The statements of a stage at another step than that of the loop around.
    fn at_step(&mut self, stage: StageId, l: StageLoop, step: Index, piece: Interval) -> Vec<Stmt> {
        let before = self.bounds.enter(self.schedule, &self.order, l, piece);
        let around = self.loops.insert(l, step);
        let stmts = self.nest(stage);
        match around {
            Some(around) => self.loops.insert(l, around),
            None => self.loops.remove(&l),
        };
        self.bounds.leave(before);
        stmts
    }
}
