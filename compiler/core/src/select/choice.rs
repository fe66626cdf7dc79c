//! Choices without a comparison: `select(a < b, x, y)` → arithmetic that the ALU has.
//!
//! A comparison becomes a mask, which is -1 where it holds and 0 elsewhere, and the choice arithmetic with it. There are
//! several ways for both; all that are exact for the ranges at hand are added as equal, and extraction takes the cheapest.
//!
//! ```text
//! a < 0            a >> 31
//! a < c            clip(a, c - 1, c) - c
//! a != b           (clip(a - b, -1, 1) << 31) >> 31
//! x or y           y + mask * (y - x)
//! 5 or 2           2 + mask * -3, or without a multiplier 5 + max(~mask << 2, -3)
//! 0 or y           (mask + 1) * y, or min(y, (mask << 8) + 256) for y in 0..256
//! ```

use egg::Id;

use super::language::{Graph, Lane, constant};
use crate::affine::Interval;
use crate::scalar::CompareOp;
use crate::scalar::range::{FULL, contains};

/// A condition as two masks, each the complement of the other.
#[derive(Clone, Copy)]
struct Mask {
    /// -1 where the condition holds, 0 elsewhere.
    holds: Id,
    /// 0 where the condition holds, -1 elsewhere.
    fails: Id,
}

impl Mask {
    fn not(self) -> Mask {
        Mask { holds: self.fails, fails: self.holds }
    }
}

/// The class of `if left op right { yes } else { no }`.
pub fn insert(graph: &mut Graph, op: CompareOp, [left, right, yes, no]: [Id; 4]) -> Id {
    let mask = match op {
        CompareOp::Less => less(graph, left, right),
        CompareOp::Greater => less(graph, right, left),
        CompareOp::LessEqual => less(graph, right, left).not(),
        CompareOp::GreaterEqual => less(graph, left, right).not(),
        CompareOp::NotEqual => differ(graph, left, right),
        CompareOp::Equal => differ(graph, left, right).not(),
    };
    let mut ways = blends(graph, mask, yes, no);
    ways.extend(constants(graph, mask, yes, no));
    ways.extend(cleared(graph, mask, yes, no));
    ways.extend(cleared(graph, mask.not(), no, yes));
    ways.extend(extremes(graph, op, [left, right, yes, no]));
    all_equal(graph, ways)
}

/// `left < right`.
fn less(graph: &mut Graph, left: Id, right: Id) -> Mask {
    match (constant(graph, left), constant(graph, right)) {
        (_, Some(bound)) => below(graph, left, bound),
        // Nothing is above the greatest value.
        (Some(i32::MAX), None) => never(graph),
        (Some(bound), None) => below(graph, right, bound + 1).not(),
        (None, None) => {
            let greatest = graph.add(Lane::Max([left, right]));
            let mut ways = vec![nonzero_difference(graph, left, greatest)];
            if difference_fits(graph, left, right) {
                let difference = subtract(graph, left, right);
                ways.push(shift(graph, difference, 31));
            }
            both(graph, ways, Vec::new())
        }
    }
}

/// `value < bound`.
fn below(graph: &mut Graph, value: Id, bound: i32) -> Mask {
    if bound == i32::MIN {
        return never(graph);
    }
    let near = clip(graph, value, bound - 1, bound);
    let mut holds = vec![offset(graph, near, bound.wrapping_neg())];
    let bound_id = graph.add(Lane::Const(bound));
    if difference_fits(graph, value, bound_id) {
        let difference = offset(graph, value, bound.wrapping_neg());
        holds.push(shift(graph, difference, 31));
    }
    // 1 where the value reaches the bound.
    let reached = offset(graph, near, (bound - 1).wrapping_neg());
    let fails = vec![spread(graph, reached)];
    both(graph, holds, fails)
}

/// `left != right`.
fn differ(graph: &mut Graph, left: Id, right: Id) -> Mask {
    let (value, bound) = match (constant(graph, left), constant(graph, right)) {
        (_, Some(bound)) => (left, bound),
        (Some(bound), None) => (right, bound),
        (None, None) => {
            let ways = vec![nonzero_difference(graph, left, right)];
            return both(graph, ways, Vec::new());
        }
    };
    let near = clip(graph, value, bound.saturating_sub(1), bound.saturating_add(1));
    let distance = offset(graph, near, bound.wrapping_neg());
    let ways = vec![spread(graph, distance)];
    both(graph, ways, Vec::new())
}

/// The mask of a condition that does not hold for any value.
fn never(graph: &mut Graph) -> Mask {
    Mask { holds: graph.add(Lane::Const(0)), fails: graph.add(Lane::Const(-1)) }
}

/// A condition from the ways to its masks; each mask is also made from the other.
fn both(graph: &mut Graph, mut holds: Vec<Id>, mut fails: Vec<Id>) -> Mask {
    if let Some(mask) = holds.first().copied() {
        fails.push(complement(graph, mask));
    }
    if let Some(mask) = fails.first().copied() {
        holds.push(complement(graph, mask));
    }
    Mask { holds: all_equal(graph, holds), fails: all_equal(graph, fails) }
}

/// 0 for -1, and -1 for 0.
fn complement(graph: &mut Graph, mask: Id) -> Id {
    let one_or_zero = offset(graph, mask, 1);
    spread(graph, one_or_zero)
}

/// -1 where the values differ, however far: their wrapped difference is 0 only for equal ones.
fn nonzero_difference(graph: &mut Graph, left: Id, right: Id) -> Id {
    let difference = subtract(graph, left, right);
    let sign = clip(graph, difference, -1, 1);
    spread(graph, sign)
}

/// -1 for 1 and for -1, and 0 for 0.
fn spread(graph: &mut Graph, one_or_zero: Id) -> Id {
    let top = shift(graph, one_or_zero, -31);
    shift(graph, top, 31)
}

/// The general ways, which multiply with a mask.
fn blends(graph: &mut Graph, mask: Mask, yes: Id, no: Id) -> Vec<Id> {
    let mut blend = |mask: Id, otherwise: Id, chosen: Id| {
        let difference = subtract(graph, otherwise, chosen);
        let part = graph.add(Lane::Mul([mask, difference]));
        graph.add(Lane::Add([part, otherwise]))
    };
    vec![blend(mask.holds, no, yes), blend(mask.fails, yes, no)]
}

/// The choice between two numbers: a shifted mask that `max` cuts to their difference.
fn constants(graph: &mut Graph, mask: Mask, yes: Id, no: Id) -> Vec<Id> {
    let (Some(y), Some(n)) = (constant(graph, yes), constant(graph, no)) else { return Vec::new() };
    let (mask, greater, difference) = match y < n {
        true => (mask.holds, n, i64::from(y) - i64::from(n)),
        false => (mask.fails, y, i64::from(n) - i64::from(y)),
    };
    let bits = 64 - (difference.unsigned_abs().max(1) - 1).leading_zeros();
    if bits > 31 {
        return Vec::new();
    }
    let wide = shift(graph, mask, -(bits as i32));
    let least = graph.add(Lane::Const(difference as i32));
    let step = graph.add(Lane::Max([wide, least]));
    vec![offset(graph, step, greater)]
}

/// The choice between 0, where the condition holds, and another value.
fn cleared(graph: &mut Graph, mask: Mask, yes: Id, no: Id) -> Vec<Id> {
    if constant(graph, yes) != Some(0) {
        return Vec::new();
    }
    let keeps = offset(graph, mask.holds, 1);
    let mut ways = vec![graph.add(Lane::Mul([keeps, no]))];
    let range = graph[no].data;
    let bits = 64 - range.max.unsigned_abs().max(range.min.unsigned_abs()).leading_zeros();
    if bits <= 30 && range.min >= 0 {
        let wide = shift(graph, mask.holds, -(bits as i32));
        let limit = offset(graph, wide, 1 << bits);
        ways.push(graph.add(Lane::Min([limit, no])));
    }
    if bits <= 30 && range.max <= 0 {
        let limit = shift(graph, mask.fails, -(bits as i32));
        ways.push(graph.add(Lane::Max([limit, no])));
    }
    ways
}

/// Choices that are `min` or `max`: between the values that are compared, or between a value and a part of it.
fn extremes(graph: &mut Graph, op: CompareOp, [left, right, yes, no]: [Id; 4]) -> Option<Id> {
    let [left, right, yes, no] = [left, right, yes, no].map(|id| graph.find(id));
    let straight = match (yes == left && no == right, yes == right && no == left) {
        (true, _) => true,
        (false, true) => false,
        (false, false) => return leaky(graph, op, [left, right, yes, no]),
    };
    match op {
        CompareOp::Less | CompareOp::LessEqual => Some(straight),
        CompareOp::Greater | CompareOp::GreaterEqual => Some(!straight),
        CompareOp::Equal | CompareOp::NotEqual => None,
    }
    .map(|least| graph.add(if least { Lane::Min([left, right]) } else { Lane::Max([left, right]) }))
}

/// `select(x < 0, x >> k, x)`: below 0 the shifted value is the greater, elsewhere the value is.
fn leaky(graph: &mut Graph, op: CompareOp, [left, right, yes, no]: [Id; 4]) -> Option<Id> {
    let (small, large) = match op {
        CompareOp::Less | CompareOp::LessEqual => (yes, no),
        CompareOp::Greater | CompareOp::GreaterEqual => (no, yes),
        CompareOp::Equal | CompareOp::NotEqual => return None,
    };
    let is_part = |n: &Lane| match n {
        Lane::Shr([x, amount]) => graph.find(*x) == left && constant(graph, *amount).is_some_and(|k| k >= 0),
        _ => false,
    };
    let holds = large == left && constant(graph, right) == Some(0) && graph[small].nodes.iter().any(is_part);
    holds.then(|| graph.add(Lane::Max([small, large])))
}

/// Whether the difference of all values is a value, so that its sign is that of the comparison.
fn difference_fits(graph: &Graph, left: Id, right: Id) -> bool {
    let (a, b) = (graph[left].data, graph[right].data);
    contains(FULL, Interval::new(a.min - b.max, a.max - b.min))
}

fn all_equal(graph: &mut Graph, ways: Vec<Id>) -> Id {
    let first = ways[0];
    for way in &ways[1..] {
        graph.union(first, *way);
    }
    graph.rebuild();
    graph.find(first)
}

fn subtract(graph: &mut Graph, left: Id, right: Id) -> Id {
    let minus_one = graph.add(Lane::Const(-1));
    let negated = graph.add(Lane::Mul([right, minus_one]));
    graph.add(Lane::Add([left, negated]))
}

fn offset(graph: &mut Graph, value: Id, by: i32) -> Id {
    if by == 0 {
        return value;
    }
    let by = graph.add(Lane::Const(by));
    graph.add(Lane::Add([value, by]))
}

fn shift(graph: &mut Graph, value: Id, right: i32) -> Id {
    let amount = graph.add(Lane::Const(right));
    graph.add(Lane::Shr([value, amount]))
}

fn clip(graph: &mut Graph, value: Id, low: i32, high: i32) -> Id {
    let (low, high) = (graph.add(Lane::Const(low)), graph.add(Lane::Const(high)));
    let raised = graph.add(Lane::Max([value, low]));
    graph.add(Lane::Min([raised, high]))
}
