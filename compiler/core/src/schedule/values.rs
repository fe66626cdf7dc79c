//! What an axis is worth in terms of the loops that it became: split and fused axis → an expression over the leaves.
//!
//! ```text
//! split(j, 16) -> jo, ji     j = jo * 16 + ji
//! fuse(i, j) -> f            i = f / extent(j)     j = f % extent(j)
//! ```

use std::collections::HashMap;

use crate::affine::{Affine, Interval};
use crate::schedule::{Fused, Stage, StageAxisId, StageId, StageLoop};

/// The values of a stage's axes.
pub struct Values<'a> {
    s: &'a Stage,
    stage: StageId,
    /// The number of values of each axis.
    extents: &'a [i64],
    /// The values of fused axes that are known, since both parts of a split one ask for them.
    fused: HashMap<StageAxisId, Affine<StageLoop>>,
}

impl<'a> Values<'a> {
    pub fn new(s: &'a Stage, stage: StageId, extents: &'a [i64]) -> Values<'a> {
        Values { s, stage, extents, fused: HashMap::new() }
    }

    /// The value of an axis: each leaf with the product of the factors that it stands behind, and quotients and remainders
    /// of fused loops.
    pub fn of(&mut self, axis: StageAxisId) -> Affine<StageLoop> {
        let (mut leaves, mut parts) = (Vec::new(), Vec::new());
        let mut open = vec![(axis, 1_i64)];
        while let Some((axis, step)) = open.pop() {
            let a = self.s.axis(axis);
            match (a.split, a.fused) {
                (Some(s), _) => open.extend([(s.outer, step.saturating_mul(s.factor)), (s.inner, step)]),
                (None, Some(f)) => parts.push(self.part(axis, f).times(step)),
                (None, None) => leaves.push((StageLoop { stage: self.stage, axis }, step)),
            }
        }
        parts.iter().fold(Affine::sum(leaves), |sum, part| sum.plus(part))
    }

    /// The value of one of two fused axes.
    fn part(&mut self, axis: StageAxisId, f: Fused) -> Affine<StageLoop> {
        if !self.fused.contains_key(&f.into) {
            let both = self.of(f.into);
            self.fused.insert(f.into, both);
        }
        let both = &self.fused[&f.into];
        let inner = self.extents[f.inner.0 as usize];
        let range = |l: StageLoop| Interval::below(self.extents[l.axis.0 as usize]);
        if axis == f.outer { both.div(inner, &range) } else { both.modulo(inner, &range) }
    }
}
