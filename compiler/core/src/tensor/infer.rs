//! The fraction bits that a checked value can have, which its operations alone do not say: a shift may divide, or drop
//! bits of the fraction. Whoever writes the value as source takes one way of reading it that fits everything around it.

use super::format::MAX_FRACTION;
use super::{Kernel, Leaf};
use crate::scalar::{BinaryOp, Scalar};

/// A set of numbers of fraction bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fractions(u32);

impl Fractions {
    /// What a constant can have, which takes the format of what stands beside it.
    pub const ANY: Fractions = Fractions(u32::MAX);

    pub fn one(fraction: u8) -> Fractions {
        Fractions(1 << fraction)
    }

    pub fn has(self, fraction: u8) -> bool {
        fraction <= MAX_FRACTION && self.0 & 1 << fraction != 0
    }

    fn each(self) -> impl DoubleEndedIterator<Item = u8> {
        (0..=MAX_FRACTION).filter(move |f| self.has(*f))
    }

    /// The least.
    pub fn first(self) -> Option<u8> {
        self.each().next()
    }

    pub fn both(self, other: Fractions) -> Fractions {
        Fractions(self.0 & other.0)
    }

    /// With each also what it is with `bits` more, or fewer where they are negative.
    fn or_moved(self, bits: i32) -> Fractions {
        let moved = self.each().filter_map(|f| u8::try_from(i32::from(f) + bits).ok()).filter(|f| *f <= MAX_FRACTION);
        Fractions(moved.fold(self.0, |set, f| set | 1 << f))
    }

    /// Those of a numerator and of a divisor whose quotient has `fraction`, with as few for the divisor as there can be.
    pub fn sides(self, divisor: Fractions, fraction: u8) -> Option<(u8, u8)> {
        let mut found = divisor.each().map(|right| (fraction + right, right));
        found.find(|(left, _)| self.has(*left))
    }

    /// Those of two factors whose product has `fraction`. A constant is an integer where it can be one.
    pub fn factors(self, other: Fractions, fraction: u8) -> Option<(u8, u8)> {
        let split = |left: u8| fraction.checked_sub(left).filter(|right| other.has(*right)).map(|right| (left, right));
        let mut found = self.each().filter_map(split);
        if other == Fractions::ANY { found.next_back() } else { found.next() }
    }
}

/// What the fraction bits of a value can be.
pub fn fractions(kernel: &Kernel, value: &Scalar<Leaf>) -> Fractions {
    let of = |value: &Scalar<Leaf>| fractions(kernel, value);
    match value {
        Scalar::Const { .. } => Fractions::ANY,
        Scalar::Leaf(Leaf::Axis(_)) => Fractions::one(0),
        Scalar::Leaf(Leaf::Read(read)) => Fractions::one(kernel.tensor(read.tensor).fraction),
        Scalar::Cast { value, .. } => of(value),
        Scalar::Approx { approx, .. } => Fractions::one(approx.fraction),
        Scalar::Select { parts, .. } => of(&parts.yes).both(of(&parts.no)),
        Scalar::Binary { op, left, right } => match (op, &**right) {
            (BinaryOp::Shr, Scalar::Const { value, .. }) => of(left).or_moved(-value),
            (BinaryOp::Shl, Scalar::Const { value, .. }) => of(left).or_moved(*value),
            (BinaryOp::Shr | BinaryOp::Shl, _) => of(left),
            (BinaryOp::Mul, _) => product(of(left), of(right)),
            (BinaryOp::Div(_), _) => quotient(of(left), of(right)),
            _ => of(left).both(of(right)),
        },
    }
}

fn quotient(left: Fractions, right: Fractions) -> Fractions {
    let pairs = left.each().flat_map(|a| right.each().filter_map(move |b| a.checked_sub(b)));
    Fractions(pairs.fold(0, |set, difference| set | 1 << difference))
}

fn product(left: Fractions, right: Fractions) -> Fractions {
    let pairs = left.each().flat_map(|a| right.each().map(move |b| a + b));
    Fractions(pairs.filter(|sum| *sum <= MAX_FRACTION).fold(0, |set, sum| set | 1 << sum))
}
