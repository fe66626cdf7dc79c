//! The methods: what each computes, as an expression of the operations that the vector ALU has.
//!
//! Each method states `sigmoid(x) - 1/2` for a number with `q` fraction bits, of which it works with `p`, the fewer of `q`
//! and a number of its own, and yields `q` bits. `x` is clipped first, to the range or to where the method itself is
//! constant. Below, `u` is the clipped number. Constants come from fits by linear programs, which minimise the greatest
//! error over a fine grid; what they reach is in `docs/approximations.md`, held by a test.
//!
//! Shifts to the right round down. Where a constant is added behind one, it has half a unit more than its value, which
//! makes up for that.

use super::{Approx, Function, Method};
use crate::scalar::{BinaryOp, Scalar};

/// Bits that a constant of the machine's immediates leaves for a fraction, beside a number below 4 and below 8.
const BITS_BELOW_4: i32 = 13;
const BITS_BELOW_8: i32 = 12;

/// Fraction bits of the factors of a product that has to fit in 32 bits.
const FACTOR_BITS: i32 = 14;

pub fn expand<L: Clone>(approx: &Approx, x: &Scalar<L>) -> Scalar<L> {
    let q = i32::from(approx.fraction);
    match approx.function {
        Function::Sigmoid => centred(approx, q, x).above(1 << (q - 1)),
        // Of twice the argument, and twice as much as what is stated: four times as much with two bits more.
        Function::Tanh => {
            let half = centred(approx, q - 1, x);
            Shifted { shift: half.shift - 2, ..half }.above(0)
        }
    }
    .value
}

/// An expression and the operations on it. Shifts by negative amounts are shifts to the left.
#[derive(Clone)]
struct Number<L> {
    value: Scalar<L>,
}

/// `sigmoid - 1/2`, still with a shift to be done behind it: what is added may stand before it.
struct Shifted<L> {
    number: Number<L>,
    shift: i32,
    /// Whether half a unit is added before the shift, where the constant that is added then is an immediate.
    rounds: bool,
}

impl<L: Clone> Number<L> {
    fn with(&self, op: BinaryOp, constant: i32) -> Number<L> {
        Number { value: Scalar::binary(op, self.value.clone(), Scalar::int(constant)) }
    }

    fn plus(&self, constant: i32) -> Number<L> {
        if constant == 0 { self.clone() } else { self.with(BinaryOp::Add, constant) }
    }

    fn times(&self, constant: i32) -> Number<L> {
        self.with(BinaryOp::Mul, constant)
    }

    fn shifted(&self, right: i32) -> Number<L> {
        match right {
            0 => self.clone(),
            1.. => self.with(BinaryOp::Shr, right),
            _ => self.with(BinaryOp::Shl, -right),
        }
    }

    fn clipped(&self, limit: i32) -> Number<L> {
        self.with(BinaryOp::Max, -limit).with(BinaryOp::Min, limit)
    }

    fn and(&self, op: BinaryOp, other: &Number<L>) -> Number<L> {
        Number { value: Scalar::binary(op, self.value.clone(), other.value.clone()) }
    }

    fn squared(&self) -> Number<L> {
        self.and(BinaryOp::Mul, self)
    }
}

impl<L: Clone> Shifted<L> {
    /// The number with a constant added.
    fn above(self, constant: i32) -> Number<L> {
        let half = if self.rounds && self.shift > 0 { 1 << (self.shift - 1) } else { 0 };
        match self.rounds && self.shift > 0 {
            true => self.number.plus((constant << self.shift) + half).shifted(self.shift),
            false => self.number.shifted(self.shift).plus(constant),
        }
    }
}

fn cut<L>(number: Number<L>, shift: i32) -> Shifted<L> {
    Shifted { number, shift, rounds: false }
}

/// The nearest integer to a number times a power of two.
fn fixed(value: f64, bits: i32) -> i32 {
    (value * 2f64.powi(bits)).round() as i32
}

/// The constant behind a shift that rounds down: half a unit more than the number.
fn behind_shift(value: f64, bits: i32) -> i32 {
    (value * 2f64.powi(bits) + 1.0).floor() as i32
}

/// `sigmoid(x) - 1/2` of a number with `q` fraction bits.
fn centred<L: Clone>(approx: &Approx, q: i32, x: &Scalar<L>) -> Shifted<L> {
    let x = Number { value: x.clone() };
    // A number of at most `bits` fraction bits, clipped to the range or to `end`, whichever is nearer.
    let clipped = |bits: i32, end: f64| {
        let p = q.min(bits);
        let limit = (approx.limit >> (q - p)).min(fixed(end, p));
        (x.shifted(q - p).clipped(limit), p)
    };
    match approx.method {
        Method::Tangent => tangent(approx, q, &x),
        Method::Hard => hard(clipped(BITS_BELOW_4, 2.4136), approx, q),
        Method::Ramps => ramps(clipped(BITS_BELOW_4, 2.93405), q),
        Method::Parabola => parabola(clipped(BITS_BELOW_8, 3.42686), q),
        Method::Plan => plan(clipped(BITS_BELOW_8, 5.0), q),
        Method::Quintic => quintic(clipped(BITS_BELOW_8, 4.55), q),
        Method::Quartic2 => {
            let coefficients = [0.707_835_8, 0.735_465_2, -0.215_633_7, -0.580_925_2, -0.204_032];
            power(clipped(BITS_BELOW_8, 6.25), q, coefficients, 1)
        }
        Method::Quartic8 => {
            let coefficients = [0.916_983_8, 0.226_888_2, -0.232_346_6, -0.191_886_7, -0.044_728_8];
            power(clipped(BITS_BELOW_8, 7.9995), q, coefficients, 3)
        }
    }
}

/// `u / 4`, for |u| <= 2. It is clipped behind the shift, which joins one that stands before.
fn tangent<L: Clone>(approx: &Approx, q: i32, x: &Number<L>) -> Shifted<L> {
    let p = q.min(BITS_BELOW_4);
    let limit = (approx.limit >> (q - p)).min(2 << p);
    cut(x.shifted(q - p + 2).clipped(limit >> 2), p - q)
}

/// In 1024ths, the slopes of the lines that have the least error up to 0, 1/4, 1/2 and so on.
const SLOPES: [i32; 11] = [256, 255, 252, 247, 241, 234, 226, 218, 209, 200, 192];

/// `s/1024 u`, for |u| <= 2.4136, with the slope that has the least error within the range: between two of [`SLOPES`] as
/// far as the range is. 195 for the whole of it, where the error is as great in the middle as behind the ends.
fn hard<L: Clone>((u, p): (Number<L>, i32), approx: &Approx, q: i32) -> Shifted<L> {
    let quarter = 1 << (p - 2);
    let limit = (approx.limit >> (q - p)).min(fixed(2.4136, p));
    let (at, rest) = ((limit / quarter) as usize, limit % quarter);
    let between = SLOPES[at] * (quarter - rest) + SLOPES[at + 1] * rest;
    cut(u.times((between + quarter / 2) / quarter), 10 + p - q)
}

/// `(clip(u, 0.86508) + u) / 8`, for |u| <= 2.93405.
fn ramps<L: Clone>((u, p): (Number<L>, i32), q: i32) -> Shifted<L> {
    let steep = u.clipped(fixed(0.86508, p));
    cut(u.and(BinaryOp::Add, &steep), 3 + p - q)
}

/// `u (7.94917 - |u|) / 32`, for |u| <= 3.42686.
fn parabola<L: Clone>((u, p): (Number<L>, i32), q: i32) -> Shifted<L> {
    let factor = minus_magnitude(&u).plus(fixed(7.94917, p));
    cut(u.and(BinaryOp::Mul, &factor), 2 * p + 5 - q)
}

/// `(u + 3 clip(u, 7/3) + 4 clip(u, 1)) / 32`, for |u| <= 5: slopes of 1/4, 1/8 and 1/32.
fn plan<L: Clone>((u, p): (Number<L>, i32), q: i32) -> Shifted<L> {
    let second = u.clipped(fixed(7.0 / 3.0, p));
    let first = second.clipped(1 << p);
    let sum = u.and(BinaryOp::Add, &second.times(3)).and(BinaryOp::Add, &first.times(4));
    cut(sum, 5 + p - q)
}

/// `u ((u²/16 - 1.41816)² + 1.71680) / 16`, for |u| <= 4.55: an odd polynomial with its square completed.
fn quintic<L: Clone>((u, p): (Number<L>, i32), q: i32) -> Shifted<L> {
    let second_bits = FACTOR_BITS - 1;
    let inner = u.squared().shifted(2 * p + 4 - FACTOR_BITS).plus(behind_shift(-1.418_158_1, FACTOR_BITS));
    let factor = inner.squared().shifted(2 * FACTOR_BITS - second_bits).plus(behind_shift(1.716_796_7, second_bits));
    cut(u.and(BinaryOp::Mul, &factor), second_bits + p + 4 - q)
}

/// `±(P(-|u|/4)^(2^squarings) - 1/2)`, where the power is the sigmoid of `-|u|`, with the sign of `-u`. `P` has the given
/// coefficients, from the constant to that of the fourth power.
fn power<L: Clone>((u, p): (Number<L>, i32), q: i32, coefficients: [f64; 5], squarings: usize) -> Shifted<L> {
    // The power is at most 1/2, and what is squared below 1.
    let bits = FACTOR_BITS + 1;
    let [c0, c1, c2, c3, c4] = coefficients;
    // As it is, the magnitude has two bits more when it stands for a quarter of itself.
    let (z, f) = (minus_magnitude(&u), p + 2);
    let mut value = z.times(fixed(c4, bits)).shifted(f + 1).plus(behind_shift(c3, FACTOR_BITS));
    for c in [c2, c1] {
        value = value.and(BinaryOp::Mul, &z).shifted(f).plus(behind_shift(c, FACTOR_BITS));
    }
    value = value.and(BinaryOp::Mul, &z).shifted(f - 1).plus(behind_shift(c0, bits));
    for _ in 0..squarings {
        value = value.squared().shifted(bits);
    }
    // 1 below zero, -1 elsewhere.
    let sign = u.shifted(31).times(-2).plus(-1);
    let number = value.plus(1 - (1 << (bits - 1))).and(BinaryOp::Mul, &sign);
    Shifted { number, shift: bits - q, rounds: true }
}

/// `-|u|`.
fn minus_magnitude<L: Clone>(u: &Number<L>) -> Number<L> {
    u.with(BinaryOp::Max, 0).times(-2).and(BinaryOp::Add, u)
}
