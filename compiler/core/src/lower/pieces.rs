//! Where a loop has to be cut, so that everything in each piece has one extent. A schedule's loop, with the bounds that
//! hold around it → consecutive intervals of its values.
//!
//! ```text
//! C.split(y, 4) -> yo, yi     of 14 rows:   yo in 0..3 (yi in 0..4), yo in 3..4 (yi in 0..2)
//! a copy of rows yo * 7 - 1 .. yo * 7 + 8 of 28:   yo in 0..1 (one row outside), 1..3 (none), 3..4 (one)
//! ```
//!
//! A condition `value <= max` holds for all values of the loops inside, for none, or hangs on them. The first two kinds
//! are one piece each; in between, each value of the loop is a piece of its own, and what remains is decided by the loops
//! inside. Conditions are the limits of stages (values that keep one for nothing do not exist) and the edges of arrays that
//! say what stands outside of them.

use super::decisions::decisions;
use crate::affine::{Affine, Atom, Interval};
use crate::scalar::{BinaryOp, Scalar};
use crate::schedule::regions::{axis_value, enclosing, outside, read_indices};
use crate::schedule::{Regions, Schedule, StageId, StageLoop};
use crate::tensor::{Leaf, Read, Reducer};

/// What is computed inside a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    /// Only the start of a reduction, which reads nothing.
    Start,
    Everything,
    /// Products with zeros from outside of an array stand in pieces of their own, so that they can be left out.
    EverythingButZeros,
}

/// The pieces of a loop, in ascending order; `last` where the reduced loops around it stand at their last values, behind which
/// followers run.
pub fn pieces(schedule: &Schedule, regions: &Regions, l: StageLoop, inside: Inside, last: bool) -> Vec<Interval> {
    let mut range = regions.range(l);
    let mut cuts = Vec::new();
    for limit in regions.limits(l.stage) {
        if let Some(split) = Split::of(regions, &limit.value, limit.max, l) {
            range.max = range.max.min(split.some);
            split.cut(range, &mut cuts);
        }
    }
    for condition in decisions(schedule, regions, l, inside) {
        condition.cut(regions, l, range, &mut cuts);
    }
    if inside != Inside::Start {
        let mut edges: Vec<Edge> =
            inner_stages(schedule, l).flat_map(|stage| edges_of_copy(schedule, regions, stage)).collect();
        if inside == Inside::EverythingButZeros && !schedule.stage(l.stage).in_tile(l.axis) {
            let stages = inner_stages(schedule, l).chain([l.stage]);
            edges.extend(stages.flat_map(|stage| edges_of_product(schedule, regions, stage)));
        }
        for (value, max) in edges {
            if let Some(split) = Split::of(regions, &value, max, l) {
                split.cut(range, &mut cuts);
            }
        }
        if !schedule.rolling_at(l).is_empty() {
            cuts.push(range.min + 1);
        }
        if last && finishes(schedule, l) && schedule.stage(l.stage).axis(l.axis).reduce {
            cuts.push(range.max);
        }
        if let Some(peeled) = schedule.stage(l.stage).axis(l.axis).peeled {
            cuts.extend([peeled.first, range.max - range.min + 1 - peeled.last].map(|n| range.min.saturating_add(n)));
        }
    }
    cut(range, cuts)
}

/// Whether a loop, or one inside it, has a follower behind its last iterations.
pub fn finishes(schedule: &Schedule, l: StageLoop) -> bool {
    let host = schedule.stage(l.stage);
    let inside = schedule.guests(l.stage).iter().filter_map(|s| schedule.follows(*s));
    inside.into_iter().any(|at| host.depth(at.axis) >= host.depth(l.axis))
}

/// For which values of a loop a condition holds, whatever the loops inside do.
pub(super) struct Split {
    /// Greatest value for which it always holds.
    all: i64,
    /// Greatest value for which it holds for some values of the loops inside.
    some: i64,
    /// Whether it holds for small values; otherwise for great ones, and both are negated.
    ascending: bool,
}

impl Split {
    pub fn of(regions: &Regions, value: &Affine<StageLoop>, max: i64, l: StageLoop) -> Option<Split> {
        let c = value.coefficient(l).filter(|c| *c != 0)?;
        let others = value.without(l).range(&|l| regions.range(l));
        let (all, some) = ((max - others.max).div_euclid(c.abs()), (max - others.min).div_euclid(c.abs()));
        Some(Split { all, some, ascending: c > 0 })
    }

    /// Adds the values at which a piece begins.
    pub fn cut(&self, range: Interval, cuts: &mut Vec<i64>) {
        let (all, some) = (self.all.clamp(-(1 << 40), 1 << 40), self.some.clamp(-(1 << 40), 1 << 40));
        let begins = match self.ascending {
            true => (all + 1, some + 1),
            false => (-some, -all),
        };
        let inside = |v: i64| v.clamp(range.min, range.max + 1);
        cuts.extend(inside(begins.0)..=inside(begins.1));
    }
}

/// The stages that are computed inside a loop of another.
pub fn inner_stages(schedule: &Schedule, l: StageLoop) -> impl Iterator<Item = StageId> {
    let host = schedule.stage(l.stage);
    let inside =
        move |s: &&StageId| schedule.stage(**s).attach.is_some_and(|at| host.depth(at.axis) >= host.depth(l.axis));
    schedule.guests(l.stage).iter().filter(inside).flat_map(|s| schedule.with_guests(*s))
}

/// `value <= max`.
pub(super) type Edge = (Affine<StageLoop>, i64);

/// The conditions under which an index lies inside of a dimension: on its value, and on its negation.
fn edges(index: &Affine<StageLoop>, extent: i64) -> [Edge; 2] {
    [(index.clone(), extent - 1), (index.times(-1), 0)]
}

/// The conditions under which a copy lies inside of the array that it copies.
fn edges_of_copy(schedule: &Schedule, regions: &Regions, stage: StageId) -> Vec<Edge> {
    let compute = schedule.compute(stage);
    let Scalar::Leaf(Leaf::Read(read)) = compute.value.untruncated() else { return Vec::new() };
    let source = schedule.kernel.tensor(read.tensor);
    if source.outside.is_none() {
        return Vec::new();
    }
    let around = enclosing(schedule, stage);
    let value = |axis| axis_value(schedule, regions, stage, axis);
    let indices = read.indices.iter().map(|index| index.substitute(&value, &|l| regions.range(l)));
    let moving = indices.zip(&source.shape).filter(|(index, _)| index.mentions(&|l| around.contains(&l)));
    moving.flat_map(|(index, extent)| edges(&index, *extent)).collect()
}

/// The conditions under which the factors of a sum of products lie inside of arrays that are zero outside.
fn edges_of_product(schedule: &Schedule, regions: &Regions, stage: StageId) -> Vec<Edge> {
    let factors = factors(schedule, stage).into_iter().filter(|read| outside(schedule, read.tensor) == Some(0));
    factors
        .flat_map(|read| {
            let indices = read_indices(schedule, regions, stage, read);
            let shape = &schedule.kernel.tensor(read.tensor).shape;
            indices.iter().zip(shape).flat_map(|(index, extent)| edges(index, *extent)).collect::<Vec<_>>()
        })
        .collect()
}

/// The reads of a sum of products; none of any other stage.
fn factors(schedule: &Schedule, stage: StageId) -> Vec<&Read> {
    let compute = schedule.compute(stage);
    let sums = compute.reduction.as_ref().is_some_and(|r| r.reducer == Reducer::Sum);
    let is_product = matches!(compute.value, Scalar::Binary { op: BinaryOp::Mul, .. });
    if sums && is_product { compute.value_reads() } else { Vec::new() }
}

/// Whether a product on the GEMM core reads zeros from outside of an array.
pub fn multiplies_zeros(schedule: &Schedule) -> bool {
    let zeros = |read: &Read| outside(schedule, read.tensor) == Some(0);
    let products = schedule.stage_ids().filter(|s| schedule.stage(*s).tensorize.is_some());
    products.into_iter().any(|s| factors(schedule, s).into_iter().any(zeros))
}

/// Whether a sum of products has a factor that lies outside of its array in all iterations, and is zero there.
pub fn adds_zeros(schedule: &Schedule, regions: &Regions, stage: StageId) -> bool {
    let zeros = |read: &&Read| outside(schedule, read.tensor) == Some(0);
    let beyond = |read: &Read| {
        let indices = read_indices(schedule, regions, stage, read);
        indices.iter().zip(&schedule.kernel.tensor(read.tensor).shape).any(|(index, extent)| {
            let range = regions.range_of(index);
            range.max < 0 || range.min >= *extent
        })
    };
    factors(schedule, stage).into_iter().filter(zeros).any(beyond)
}

/// Whether all that a stage computes is zero, since it copies what stands outside of an array, and only sums of products read
/// it.
pub fn copies_zeros(schedule: &Schedule, regions: &Regions, stage: StageId) -> bool {
    let tensor = schedule.stage(stage).tensor;
    let region = regions.region(stage);
    let shape = &schedule.kernel.tensor(tensor).shape;
    let beyond = region.min.iter().zip(&region.extent).zip(shape).any(|((min, extent), whole)| {
        let range = regions.range_of(min);
        range.max + extent <= 0 || range.min >= *whole
    });
    // Loops are cut where an index that is linear leaves the array, so only there the products are left out as well.
    let is_factor = |reader: &StageId| {
        let is_linear = |read: &&Read| {
            let indices = read_indices(schedule, regions, *reader, read);
            indices.iter().all(|e| e.terms().iter().all(|(atom, _)| matches!(atom, Atom::Var(_))))
        };
        let own: Vec<&Read> = factors(schedule, *reader).into_iter().filter(|read| read.tensor == tensor).collect();
        !own.is_empty() && own.iter().all(is_linear)
    };
    beyond && outside(schedule, tensor) == Some(0) && schedule.readers(tensor).iter().all(is_factor)
}

fn cut(range: Interval, mut cuts: Vec<i64>) -> Vec<Interval> {
    cuts.retain(|v| range.min < *v && *v <= range.max);
    cuts.sort_unstable();
    cuts.dedup();
    let ends = cuts.iter().map(|v| v - 1).chain([range.max]);
    std::iter::once(range.min).chain(cuts.iter().copied()).zip(ends).map(|(a, b)| Interval::new(a, b)).collect()
}
