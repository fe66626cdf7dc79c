//! The range of an expression's values, from the ranges of its leaves. Arithmetic wraps in 32 bits: where a result may leave them,
//! nothing is known of it.

use super::approx::Steps;
use super::{BinaryOp, CastMode, DType, Scalar};
use crate::affine::Interval;

/// All values.
pub const FULL: Interval = Interval { min: i32::MIN as i64, max: i32::MAX as i64 };
/// All values of `i8`.
pub const BYTE: Interval = Interval { min: i8::MIN as i64, max: i8::MAX as i64 };

impl DType {
    /// All values of the type.
    pub fn range(self) -> Interval {
        let (min, max) = self.limits();
        Interval::new(min, max)
    }
}

impl BinaryOp {
    /// The range of the operation's results, of operands in ranges inside of 32 bits.
    pub fn range(self, a: Interval, b: Interval) -> Interval {
        match self {
            BinaryOp::Add => wrapped(Interval::new(a.min + b.min, a.max + b.max)),
            BinaryOp::Sub => wrapped(Interval::new(a.min - b.max, a.max - b.min)),
            BinaryOp::Mul => wrapped(corners(a, b, |x, y| x * y)),
            BinaryOp::Min => Interval::new(a.min.min(b.min), a.max.min(b.max)),
            BinaryOp::Max => Interval::new(a.min.max(b.min), a.max.max(b.max)),
            BinaryOp::Shr => shifted(a, b),
            BinaryOp::Shl => shifted(a, Interval::new(-b.max, -b.min)),
            BinaryOp::Div(quotient) => quotient.range(a, b),
        }
    }
}

impl<L: Clone> Scalar<L> {
    /// The range of the values, where `leaf` knows those of the leaves.
    pub fn range(&self, leaf: &mut dyn FnMut(&L) -> Interval) -> Interval {
        match self {
            Scalar::Const { value, .. } => Interval::new(i64::from(*value), i64::from(*value)),
            Scalar::Leaf(l) => leaf(l),
            Scalar::Binary { op, left, right } => {
                let (left, right) = (left.range(leaf), right.range(leaf));
                op.range(left, right)
            }
            Scalar::Cast { to, mode, value } => cast(*to, *mode, value.range(leaf)),
            Scalar::Select { parts, .. } => {
                let (yes, no) = (parts.yes.range(leaf), parts.no.range(leaf));
                hull(yes, no)
            }
            Scalar::Approx { approx, value } => Steps::of(approx).range(value.range(leaf)),
        }
    }
}

/// The least range that holds two.
pub fn hull(a: Interval, b: Interval) -> Interval {
    Interval::new(a.min.min(b.min), a.max.max(b.max))
}

pub fn contains(outer: Interval, inner: Interval) -> bool {
    outer.min <= inner.min && inner.max <= outer.max
}

/// A result computed in 64 bits; where it may wrap in 32, nothing is known.
pub fn wrapped(range: Interval) -> Interval {
    if contains(FULL, range) { range } else { FULL }
}

fn cast(to: DType, mode: CastMode, range: Interval) -> Interval {
    match (to, mode) {
        (DType::I32, _) | (DType::I8, CastMode::Exact) => range,
        (DType::I8, CastMode::Wrap) if contains(BYTE, range) => range,
        (DType::I8, CastMode::Wrap) => BYTE,
        (DType::I8, CastMode::Saturate) => {
            Interval::new(range.min.clamp(BYTE.min, BYTE.max), range.max.clamp(BYTE.min, BYTE.max))
        }
    }
}

/// The hull of an operation's results at the ends of both ranges.
fn corners(a: Interval, b: Interval, op: fn(i64, i64) -> i64) -> Interval {
    let ends = [op(a.min, b.min), op(a.min, b.max), op(a.max, b.min), op(a.max, b.max)];
    ends.iter().fold(Interval::new(i64::MAX, i64::MIN), |r, c| Interval::new(r.min.min(*c), r.max.max(*c)))
}

/// A shift to the right by amounts of a range; by negative ones to the left. The result is monotone in both operands of one sign,
/// so the corners bound it.
fn shifted(a: Interval, amount: Interval) -> Interval {
    match amount.min {
        ..-31 => FULL,
        _ => wrapped(corners(a, amount, |x, by| if by >= 0 { x >> by.min(31) } else { x << -by })),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn interval() -> impl Strategy<Value = (Interval, i32)> {
        let end = || prop_oneof![-40..40_i32, -70_000..70_000_i32, any::<i32>()];
        (end(), end(), any::<u32>()).prop_map(|(a, b, at)| {
            let (min, max) = (i64::from(a.min(b)), i64::from(a.max(b)));
            (Interval::new(min, max), (min + i64::from(at) % (max - min + 1)) as i32)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn results_lie_in_their_range((a, x) in interval(), (b, y) in interval()) {
            use BinaryOp::*;
            for op in [Add, Sub, Mul, Min, Max, Shr, Shl] {
                let (range, result) = (op.range(a, b), i64::from(op.eval(x, y)));
                prop_assert!(range.min <= result && result <= range.max, "{op:?} of {x} and {y}: {result} in {range:?}");
            }
        }
    }
}
