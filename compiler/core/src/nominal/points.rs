//! How many tiles of an iteration space have a point at which all conditions hold.
//!
//! Conditions on different axes do not meet: the space is the product of the parts that share no condition, and each part is
//! counted point by point.

use ndarray::{IxDyn, indices};

use crate::affine::{Affine, Interval};
use crate::tensor::AxisId;

/// An axis, taken `lanes` values at a time; the last tile may have fewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk {
    pub axis: AxisId,
    pub extent: i64,
    pub lanes: i64,
}

impl Walk {
    pub fn tiles(&self) -> i64 {
        (self.extent + self.lanes - 1) / self.lanes
    }

    /// The values of a tile.
    fn values(&self, tile: usize) -> i64 {
        self.lanes.min(self.extent - tile as i64 * self.lanes)
    }
}

/// `0 <= index < extent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub index: Affine<AxisId>,
    pub extent: i64,
}

impl Condition {
    fn always_holds(&self, ranges: &dyn Fn(AxisId) -> Interval) -> bool {
        let range = self.index.range(ranges);
        range.min >= 0 && range.max < self.extent
    }

    fn mentions(&self, axis: AxisId) -> bool {
        self.index.mentions(&|a| a == axis)
    }
}

/// The tiles in which some point fulfils all conditions. Every axis of a condition is walked.
pub fn tiles(walks: &[Walk], conditions: &[Condition]) -> u64 {
    let extent = |axis: AxisId| walks.iter().find(|w| w.axis == axis).map_or(1, |w| w.extent);
    let ranges = |axis: AxisId| Interval::below(extent(axis));
    let mut conditions: Vec<&Condition> = conditions.iter().filter(|c| !c.always_holds(&ranges)).collect();
    let mut walks = walks.to_vec();
    let mut count = 1;
    while let Some(first) = walks.pop() {
        let (part, bound) = connected(first, &mut walks, &mut conditions);
        count *= if bound.is_empty() { first.tiles() as u64 } else { in_part(&part, &bound) };
    }
    // What is left has no axis, and holds nowhere.
    if conditions.is_empty() { count } else { 0 }
}

/// Takes out all that hangs together with an axis.
fn connected<'c>(
    first: Walk,
    walks: &mut Vec<Walk>,
    conditions: &mut Vec<&'c Condition>,
) -> (Vec<Walk>, Vec<&'c Condition>) {
    let (mut part, mut bound) = (vec![first], Vec::new());
    let mut at = 0;
    while at < part.len() {
        let axis = part[at].axis;
        let (own, others): (Vec<&Condition>, Vec<&Condition>) = conditions.iter().partition(|c| c.mentions(axis));
        *conditions = others;
        let joined = |w: &Walk| own.iter().any(|c| c.mentions(w.axis));
        part.extend(walks.extract_if(.., |w| joined(w)));
        bound.extend(own);
        at += 1;
    }
    (part, bound)
}

fn in_part(part: &[Walk], bound: &[&Condition]) -> u64 {
    let shape: Vec<usize> = part.iter().map(|w| w.tiles() as usize).collect();
    let holds_in = |tile: &IxDyn| {
        let lanes: Vec<usize> = (0..part.len()).map(|at| part[at].values(tile[at]) as usize).collect();
        indices(IxDyn(&lanes)).into_iter().any(|lane| {
            let value = |axis: AxisId| {
                let at = part.iter().position(|w| w.axis == axis).expect("every axis of a condition is walked");
                tile[at] as i64 * part[at].lanes + lane[at] as i64
            };
            bound.iter().all(|c| (0..c.extent).contains(&c.index.eval(&value)))
        })
    };
    indices(IxDyn(&shape)).into_iter().filter(holds_in).count() as u64
}
