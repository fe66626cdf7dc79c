//! What an axis is worth in terms of the loops that it became: split and fused axis → an expression over the leaves.
//!
//! ```text
//! split(j, 16) -> jo, ji     j = jo * 16 + ji
//! fuse(i, j) -> f            i = f / extent(j)     j = f % extent(j)
//! ```
//!
//! Where the leaves could exceed a split axis, its value keeps a [`Limit`].

use std::collections::HashMap;

use crate::affine::{Affine, Atom, Interval};
use crate::schedule::regions::Limit;
use crate::schedule::{AxisSource, Fused, Stage, StageAxisId, StageId, StageLoop};

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

/// The limits of a stage, and the values of its tensor's own axes.
pub fn values_and_limits(s: &Stage, stage: StageId, extents: &[i64]) -> (Vec<Limit>, Vec<Affine<StageLoop>>) {
    let mut values = Values::new(s, stage, extents);
    let mut limits = Vec::new();
    for (at, reached) in reached(s, extents).into_iter().enumerate() {
        if s.axes[at].split.is_some() && reached.is_none_or(|max| max >= extents[at]) {
            let axis = StageAxisId(at as u32);
            limits.extend(limit(s, axis, values.of(axis), extents));
        }
    }
    let own = s.axes.iter().take_while(|a| matches!(a.source, AxisSource::Tensor(_)));
    (limits, own.enumerate().map(|(at, _)| values.of(StageAxisId(at as u32))).collect())
}

/// The greatest value that each axis could have by its leaves alone, without what its tile adds; None where fused loops take
/// part.
fn reached(s: &Stage, extents: &[i64]) -> Vec<Option<i64>> {
    let mut reached: Vec<Option<i64>> = vec![None; extents.len()];
    // The parts of an axis stand behind it.
    for at in (0..extents.len()).rev() {
        let part = |id: StageAxisId| reached[id.0 as usize];
        reached[at] = match (s.axes[at].split, s.axes[at].fused) {
            (Some(split), _) => part(split.outer)
                .zip(part(split.inner))
                .map(|(outer, inner)| outer.saturating_mul(split.factor).saturating_add(inner)),
            (None, Some(_)) => None,
            (None, None) if s.in_tile(StageAxisId(at as u32)) => Some(0),
            (None, None) => Some(extents[at] - 1),
        };
    }
    reached
}

/// What the value of a split axis has to keep, if its leaves could exceed it. A tile begins before the end.
fn limit(s: &Stage, axis: StageAxisId, value: Affine<StageLoop>, extents: &[i64]) -> Option<Limit> {
    let tile = value.terms().iter().filter_map(|(atom, _)| match atom {
        Atom::Var(l) if s.in_tile(l.axis) => Some(*l),
        _ => None,
    });
    let value = tile.fold(value.clone(), |v, l| v.without(l));
    let last = extents[axis.0 as usize] - 1;
    let reached = value.range(&|l: StageLoop| Interval::below(extents[l.axis.0 as usize]));
    let step = value.terms().iter().fold(0, |g, (_, c)| gcd(g, *c));
    (reached.max > last && step > 0).then(|| Limit { axis, value, max: last - last % step })
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
