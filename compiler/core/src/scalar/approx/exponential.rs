//! `exp` and `exp2`: a power of two is a shift by the integer part of its exponent, and a polynomial in the rest.
//!
//! ```text
//! exp(x) = 2^-t,  t = -x log2(e) = k + f,  0 <= f < 1:    P(f) >> k
//! ```
//!
//! Degree 2 is a completed square, of what is left of the argument itself: `exp(x) = ((r + b)² a + c) >> k` with
//! `r = x + k ln(2)`, and `a` so short that nothing is dropped between the square and its product with it.
//!
//! `P` has the least greatest error of `2^-f` for `0 <= f < 1`. Beyond where a result would not fit in its format, or is less
//! than half of its last bit, the function is constant.

use super::number::{FACTOR_BITS, Number, behind_shift, fixed, horner};
use super::{Approx, Function, Method};
use crate::scalar::{BinaryOp, Scalar};

/// Fraction bits of the polynomial, which is at most 1.
const POWER_BITS: i32 = 15;
/// The power of two below which results stay: one bit is left for rounding.
const RESULT_BITS: i32 = 29;
/// Bits of the clipped argument beside its sign, so that the ends are immediates.
const ARGUMENT_BITS: i32 = 14;

pub(super) fn expand<L: Clone>(approx: &Approx, x: &Scalar<L>) -> Number<L> {
    let (q, x) = (i32::from(approx.fraction), Number { value: x.clone() });
    let unit = exponent_of(&approx.function);
    // The exponent of two from which on results are less than half of the last bit.
    let least = f64::from(q + 2) / unit;
    let (low, high) = (approx.range().min(least), greatest(approx));
    let p = (0..=q.min(ARGUMENT_BITS)).rev().find(|p| low.max(high) * 2f64.powi(*p) <= 32_768.0).unwrap_or(0);
    let high = fixed(high, p).min(i16::MAX.into());
    let x = x.shifted(q - p).with(BinaryOp::Max, -fixed(low, p)).with(BinaryOp::Min, high);
    if approx.method == Method::Quadratic {
        return square(&approx.function, &x, p, q);
    }
    // The exponent, negated, with as many fraction bits as a factor.
    let exponent = match approx.function {
        Function::Exp => x.times(-fixed(unit, FACTOR_BITS)).shifted(p),
        _ => x.times(-1).shifted(p - FACTOR_BITS),
    };
    let whole = exponent.shifted(FACTOR_BITS);
    let rest = whole.times(-(1 << FACTOR_BITS)).and(BinaryOp::Add, &exponent);
    // What an argument is without the bits that were dropped is half of the last one less in the mean.
    let dropped = if q > p { (0.5 * 2f64.powi(-p) * unit * std::f64::consts::LN_2) + 1.0 } else { 1.0 };
    let coefficients: Vec<f64> = coefficients(approx.method).iter().map(|c| c * dropped).collect();
    let power = horner(&rest, FACTOR_BITS, &coefficients, POWER_BITS);
    // One bit more, and half of the last one, so that the shift rounds to the nearest.
    let amount = whole.plus(POWER_BITS - q - 1);
    power.and(BinaryOp::Shr, &amount).plus(1).shifted(1)
}

/// How many powers of two a unit of the argument stands for.
fn exponent_of(function: &Function) -> f64 {
    match function {
        Function::Exp => std::f64::consts::LOG2_E,
        _ => 1.0,
    }
}

/// The greatest argument: the end of the range, or that of which the result has just a place.
pub(super) fn greatest(approx: &Approx) -> f64 {
    approx.range().min(f64::from(RESULT_BITS - i32::from(approx.fraction)) / exponent_of(&approx.function))
}

/// Fraction bits of what is squared, at most 2, so that the product of the square and its factor has a place.
const SQUARED_BITS: i32 = 12;
/// The fraction bits of the factor of the square.
const FACTOR_OF_SQUARE_BITS: i32 = 6;

/// `exp` or `exp2` of a clipped number with `p` fraction bits, by a square.
fn square<L: Clone>(function: &Function, x: &Number<L>, p: i32, q: i32) -> Number<L> {
    // The unit in which `k` counts; `a` in 64ths, `b` and `c`.
    let (unit, a, b, c) = match function {
        Function::Exp => (std::f64::consts::LN_2, 23, 1.345_530_3, 0.348_330_3),
        _ => (1.0, 11, 1.947_437_4, 0.346_916_4),
    };
    let whole = match function {
        Function::Exp => x.times(-fixed(1.0 / unit, FACTOR_BITS)).shifted(p + FACTOR_BITS),
        _ => x.times(-1).shifted(p),
    };
    let rest = whole.times(fixed(unit, SQUARED_BITS)).and(BinaryOp::Add, &x.shifted(p - SQUARED_BITS));
    let product = rest.plus(fixed(b, SQUARED_BITS)).squared().times(a);
    // As many bits as the result, where that is enough, need no more than the shift.
    let bits = q.clamp(SQUARED_BITS, FACTOR_BITS);
    let value = product.shifted(2 * SQUARED_BITS + FACTOR_OF_SQUARE_BITS - bits).plus(behind_shift(c, bits));
    match q == bits {
        true => value.and(BinaryOp::Shr, &whole),
        false => value.and(BinaryOp::Shr, &whole.plus(bits - q)),
    }
}

/// Of `2^-f`, from the constant on.
fn coefficients(method: Method) -> &'static [f64] {
    match method {
        Method::Linear => &[0.978_482_2, -0.5],
        Method::Cubic => &[0.999_946_5, -0.691_373_5, 0.230_975_6, -0.039_602_1],
        _ => &[0.999_998_2, -0.693_052, 0.239_446, -0.053_238_3, 0.006_848],
    }
}
