//! Expressions that are built operation by operation, and the constants that stand in them.
//!
//! Shifts to the right round down. Where a constant is added behind one, it has half a unit more than its value, which
//! makes up for that.

use crate::scalar::{BinaryOp, Scalar};

/// Fraction bits of the factors of a product that has to fit in 32 bits.
pub(in crate::scalar) const FACTOR_BITS: i32 = 14;

/// An expression and the operations on it. Shifts by negative amounts are shifts to the left.
#[derive(Clone)]
pub(in crate::scalar) struct Number<L> {
    pub(in crate::scalar) value: Scalar<L>,
}

/// A number with a shift that is still to be done behind it: what is added may stand before it.
pub(in crate::scalar) struct Shifted<L> {
    pub(in crate::scalar) number: Number<L>,
    pub(in crate::scalar) shift: i32,
    /// Whether half a unit is added before the shift, where the constant that is added then is an immediate.
    pub(in crate::scalar) rounds: bool,
}

impl<L: Clone> Number<L> {
    pub(in crate::scalar) fn with(&self, op: BinaryOp, constant: i32) -> Number<L> {
        Number { value: Scalar::binary(op, self.value.clone(), Scalar::int(constant)) }
    }

    pub(in crate::scalar) fn plus(&self, constant: i32) -> Number<L> {
        if constant == 0 { self.clone() } else { self.with(BinaryOp::Add, constant) }
    }

    pub(in crate::scalar) fn times(&self, constant: i32) -> Number<L> {
        self.with(BinaryOp::Mul, constant)
    }

    pub(in crate::scalar) fn shifted(&self, right: i32) -> Number<L> {
        match right {
            0 => self.clone(),
            1.. => self.with(BinaryOp::Shr, right),
            _ => self.with(BinaryOp::Shl, -right),
        }
    }

    pub(in crate::scalar) fn clipped(&self, limit: i32) -> Number<L> {
        self.with(BinaryOp::Max, -limit).with(BinaryOp::Min, limit)
    }

    pub(in crate::scalar) fn and(&self, op: BinaryOp, other: &Number<L>) -> Number<L> {
        Number { value: Scalar::binary(op, self.value.clone(), other.value.clone()) }
    }

    pub(in crate::scalar) fn squared(&self) -> Number<L> {
        self.and(BinaryOp::Mul, self)
    }
}

impl<L: Clone> Shifted<L> {
    /// The number with a constant added.
    pub(in crate::scalar) fn above(self, constant: i32) -> Number<L> {
        let half = if self.rounds && self.shift > 0 { 1 << (self.shift - 1) } else { 0 };
        match self.rounds && self.shift > 0 {
            true => self.number.plus((constant << self.shift) + half).shifted(self.shift),
            false => self.number.shifted(self.shift).plus(constant),
        }
    }
}

pub(in crate::scalar) fn cut<L>(number: Number<L>, shift: i32) -> Shifted<L> {
    Shifted { number, shift, rounds: false }
}

/// A polynomial in a number with `f` fraction bits, with coefficients from the constant on, as a number with `bits` fraction
/// bits. Between its steps it has [`FACTOR_BITS`]; the first coefficient that is multiplied is an immediate.
pub(in crate::scalar) fn horner<L: Clone>(z: &Number<L>, f: i32, coefficients: &[f64], bits: i32) -> Number<L> {
    horner_between(z, f, coefficients, (FACTOR_BITS, bits))
}

/// [`horner`] with a number of fraction bits between its steps.
pub(in crate::scalar) fn horner_between<L: Clone>(
    z: &Number<L>,
    f: i32,
    coefficients: &[f64],
    (inner, bits): (i32, i32),
) -> Number<L> {
    let [rest @ .., last] = coefficients else { return Number { value: Scalar::int(0) } };
    let [constant, between @ ..] = rest else { return Number { value: Scalar::int(fixed(*last, bits)) } };
    let of_last = immediate_bits(*last);
    let mut below = f + of_last;
    let mut value = z.times(fixed(*last, of_last));
    for c in between.iter().rev() {
        value = value.shifted(below - inner).plus(behind_shift(*c, inner)).and(BinaryOp::Mul, z);
        below = f + inner;
    }
    value.shifted(below - bits).plus(behind_shift(*constant, bits))
}

/// Most fraction bits, and at most 15, with which a number is an immediate of the ALU.
pub(in crate::scalar) fn immediate_bits(value: f64) -> i32 {
    (-16..=15).rev().find(|bits| fixed(value, *bits).unsigned_abs() <= i16::MAX.unsigned_abs().into()).unwrap_or(-16)
}

/// A number shifted to the right and rounded to the nearest, or shifted to the left.
pub(in crate::scalar) fn rounded<L: Clone>(number: Number<L>, shift: i32) -> Number<L> {
    Shifted { number, shift, rounds: true }.above(0)
}

/// The nearest integer to a number times a power of two.
pub(in crate::scalar) fn fixed(value: f64, bits: i32) -> i32 {
    (value * 2f64.powi(bits)).round() as i32
}

/// The constant behind a shift that rounds down: half a unit more than the number.
pub(in crate::scalar) fn behind_shift(value: f64, bits: i32) -> i32 {
    (value * 2f64.powi(bits) + 1.0).floor() as i32
}

/// `-|u|`.
pub(in crate::scalar) fn minus_magnitude<L: Clone>(u: &Number<L>) -> Number<L> {
    u.with(BinaryOp::Max, 0).times(-2).and(BinaryOp::Add, u)
}
