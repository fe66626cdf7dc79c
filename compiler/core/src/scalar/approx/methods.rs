//! The sigmoid and the hyperbolic tangent: what each method computes, as an expression of the operations that the vector ALU
//! has. `tanh(x) = 2 sigmoid(2x) - 1`, so as integers `tanh` at `q` bits is `sigmoid - 1/2` at `q - 1` bits.
//!
//! Each method states `sigmoid(x) - 1/2` for a number with `q` fraction bits, of which it works with `p`, the fewer of `q`
//! and a number of its own, and yields `q` bits. `x` is clipped first, to the range or to where the method itself is
//! constant. Below, `u` is the clipped number. Constants come from fits by linear programs, which minimise the greatest
//! error over a fine grid; what they reach is in `docs/approximations.md`, held by a test.

use super::number::{FACTOR_BITS, Number, Shifted, behind_shift, cut, fixed, minus_magnitude};
use super::tails::{self, TAIL_BITS, signs};
use super::{Approx, Method};
use crate::scalar::{BinaryOp, Scalar};

/// Bits that a constant of the machine's immediates leaves for a fraction, beside a number below 4 and below 8.
const BITS_BELOW_4: i32 = 13;
const BITS_BELOW_8: i32 = 12;

pub(super) fn sigmoid<L: Clone>(approx: &Approx, x: &Scalar<L>) -> Number<L> {
    let q = i32::from(approx.fraction);
    centred(approx, q, x).above(1 << (q - 1))
}

/// Of twice the argument, and twice as much as what is stated: four times as much with two bits more.
pub(super) fn tanh<L: Clone>(approx: &Approx, x: &Scalar<L>) -> Number<L> {
    let half = centred(approx, i32::from(approx.fraction) - 1, x);
    Shifted { shift: half.shift - 2, ..half }.above(0)
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
        _ => {
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
    // As it is, the magnitude has two bits more when it stands for a quarter of itself.
    let value = tails::power(&minus_magnitude(&u), p + 2, &coefficients, squarings);
    let number = value.plus(1 - (1 << (TAIL_BITS - 1))).and(BinaryOp::Mul, &signs(&u));
    Shifted { number, shift: TAIL_BITS - q, rounds: true }
}
