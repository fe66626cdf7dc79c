//! Functions of positive numbers of any magnitude: `log2`, `reciprocal`, `sqrt` and `rsqrt`.
//!
//! ```text
//! x = m 2^e:    1/x = 1/m 2^-e     log2(x) = log2(m) + e     sqrt(x) = sqrt(m) 2^(e/2)
//! ```
//!
//! The argument is shifted to the left until its highest bit stands at the top, by half as much in each step: each looks whether
//! the number is small enough and shifts by what it finds, a tensor of amounts. What is left, the mantissa, goes through a
//! polynomial, and the sum of the amounts shifts the result. For roots amounts are even. Polynomials minimise the greatest
//! error, relative to the value but for the logarithm. An argument below the least one counts as that.

use super::number::{FACTOR_BITS, Number, behind_shift, horner};
use super::{Approx, Function, Method};
use crate::scalar::{BinaryOp, Scalar};

/// The exponent of two below which results stay: one bit is left for rounding.
const RESULT_BITS: i32 = 29;
/// Fraction bits of what a step of Newton's method corrects, and of what it yields.
const NEWTON_BITS: i32 = 15;
/// The bit above the top one, and the bits of a mantissa.
const TOP: i32 = 31;
const MANTISSA_BITS: i32 = 15;

/// A number as a mantissa and minus the amount by which it was shifted to the left, and how many bits it has at most.
struct Normal<L> {
    mantissa: Number<L>,
    /// Minus the amount of the steps, at most 0; [`TOP`] less `bits` comes on top.
    amount: Number<L>,
    bits: i32,
}

pub(super) fn expand<L: Clone>(approx: &Approx, x: &Scalar<L>) -> Number<L> {
    let q = i32::from(approx.fraction);
    let even = matches!(approx.function, Function::Sqrt | Function::Rsqrt);
    let bits = bit_length(approx.limit);
    // The top bit of a root's argument stands for an even power of two. One bit more, or where there is none, one bit less
    // behind the point.
    let (p, bits) = match even && (bits - q) % 2 != 0 {
        true if bits == TOP => (q - 1, bits),
        true => (q, bits + 1),
        false => (q, bits),
    };
    let limit = (approx.limit >> (q - p)).max(1);
    let least = least(&approx.function, p, q).min(limit);
    let x = Number { value: x.clone() }.shifted(q - p).with(BinaryOp::Max, least).with(BinaryOp::Min, limit);
    let normal = normalised(&x, bits, bit_length(least), even);
    match approx.function {
        Function::Log2 => logarithm(&normal, approx.method, p, q),
        Function::Reciprocal => reciprocal(&normal, approx.method, p, q),
        Function::Sqrt => root(&normal, approx.method, p, q),
        _ => reciprocal_root(&normal, approx.method, p, q),
    }
}

/// The least argument of a function, in units of the last of `q` fraction bits.
pub(super) fn least_argument(function: &Function, q: u8) -> i32 {
    least(function, q.into(), q.into())
}

/// The least argument, with `p` fraction bits, of which the result has a place with `q`.
fn least(function: &Function, p: i32, q: i32) -> i32 {
    match function {
        Function::Reciprocal => 1 << (p + q - RESULT_BITS).max(0),
        Function::Rsqrt => 1 << (p - 2 * (RESULT_BITS - q)).max(0),
        _ => 1,
    }
}

fn bit_length(value: i32) -> i32 {
    (i32::BITS - value.leading_zeros()) as i32
}

/// A number of at most `bits` bits and at least `from`, shifted to the left until the highest one, or one of the two
/// highest, is set.
fn normalised<L: Clone>(x: &Number<L>, bits: i32, from: i32, even: bool) -> Normal<L> {
    let mut value = x.shifted(bits - TOP);
    let mut amount: Option<Number<L>> = None;
    let last = if even { 2 } else { 1 };
    let mut step = 16;
    while step > bits - from {
        step /= 2;
    }
    while step >= last {
        // 1 where the number is large already.
        let large = value.shifted(TOP - step).with(BinaryOp::Min, 1);
        let shift = large.times(step).plus(-step);
        value = value.and(BinaryOp::Shr, &shift);
        amount = Some(match amount {
            Some(sum) => sum.and(BinaryOp::Add, &shift),
            None => shift,
        });
        step /= 2;
    }
    let amount = amount.unwrap_or(Number { value: Scalar::int(0) });
    Normal { mantissa: value.shifted(TOP - MANTISSA_BITS), amount, bits }
}

/// A mantissa's distance from its least, half of 1, with as many fraction bits as a factor: twice the mantissa less 1.
fn fraction<L: Clone>(normal: &Normal<L>) -> Number<L> {
    normal.mantissa.plus(-(1 << (MANTISSA_BITS - 1)))
}

/// A value with `bits` fraction bits, times two to the given power less the amount, with `q` fraction bits; rounded to the nearest.
fn scaled<L: Clone>(value: Number<L>, bits: i32, amount: &Number<L>, power: i32, q: i32) -> Number<L> {
    value.and(BinaryOp::Shr, &amount.plus(bits - q - power - 1)).plus(1).shifted(1)
}

/// `1 / (m 2^e)`: `x` is the mantissa in `[1, 2)` times two to the power of `bits - p - 1` plus the amount.
fn reciprocal<L: Clone>(normal: &Normal<L>, method: Method, p: i32, q: i32) -> Number<L> {
    let f = fraction(normal);
    let coefficients: &[f64] = match method {
        Method::Linear => &[0.941_176_5, -0.470_588_2],
        Method::Quadratic => &[0.989_899, -0.808_080_8, 0.323_232_3],
        _ => &[0.998_266_9, -0.942_807_6, 0.665_511_3, -0.221_837_1],
    };
    let value = horner(&f, FACTOR_BITS, coefficients, FACTOR_BITS);
    if method != Method::Newton {
        return scaled(value, FACTOR_BITS, &normal.amount, p + 1 - normal.bits, q);
    }
    // r (2 - m r), with m r near 1.
    let product = value.and(BinaryOp::Mul, &normal.mantissa).shifted(2 * FACTOR_BITS - NEWTON_BITS);
    let correction = product.times(-1).plus(2 << NEWTON_BITS);
    let value = value.and(BinaryOp::Mul, &correction).shifted(FACTOR_BITS);
    scaled(value, NEWTON_BITS, &normal.amount, p + 1 - normal.bits, q)
}

/// `log2(m) + e`.
fn logarithm<L: Clone>(normal: &Normal<L>, method: Method, p: i32, q: i32) -> Number<L> {
    let coefficients: &[f64] = match method {
        Method::Linear => &[0.043_035_7, 1.0],
        Method::Quadratic => &[0.004_939_8, 1.334_969, -0.344_848_5],
        Method::Cubic => &[0.000_637_1, 1.418_880_3, -0.577_129_2, 0.158_248_8],
        _ => &[0.000_087_6, 1.437_704_7, -0.674_944_2, 0.318_681, -0.081_616_5],
    };
    let mantissa = horner(&fraction(normal), FACTOR_BITS, coefficients, FACTOR_BITS);
    let mantissa = if q < FACTOR_BITS { mantissa.plus(1 << (FACTOR_BITS - q - 1)) } else { mantissa };
    let whole = normal.amount.plus(normal.bits - p - 1).shifted(-q);
    mantissa.shifted(FACTOR_BITS - q).and(BinaryOp::Add, &whole)
}

/// `sqrt(m) 2^(e/2)`, for a mantissa in `[1/4, 1)`: `x` is that times two to the power of `bits - p` plus the amount.
fn root<L: Clone>(normal: &Normal<L>, method: Method, p: i32, q: i32) -> Number<L> {
    let coefficients: &[f64] = match method {
        Method::Linear => &[0.343_145_7, 0.686_291_5],
        Method::Quadratic => &[0.259_277_3, 1.052_019_4, -0.316_320_9],
        Method::Cubic => &[0.217_019, 1.322_561_8, -0.825_885_1, 0.287_367_8],
        _ => &[0.190_452_6, 1.546_290_2, -1.475_856_6, 1.062_846_1, -0.323_983_3],
    };
    let value = horner(&normal.mantissa, MANTISSA_BITS, coefficients, FACTOR_BITS);
    // The amount is at most 0, and a shift to the right rounds towards the top; it is even, so that nothing is lost.
    let half = normal.amount.shifted(1).times(-1);
    scaled(value, FACTOR_BITS, &half, (normal.bits - p) / 2, q)
}

/// `1 / sqrt(m) 2^(-e/2)`, for a mantissa in `[1/4, 1)`.
fn reciprocal_root<L: Clone>(normal: &Normal<L>, method: Method, p: i32, q: i32) -> Number<L> {
    let coefficients: &[f64] = match method {
        Method::Linear => &[2.132_772_8, -1.218_727_3],
        Method::Quadratic => &[2.670_835_5, -3.285_356_9, 1.638_568_1],
        _ => &[3.112_374_5, -5.910_905_6, 6.229_944, -2.438_453_5],
    };
    // At most 2, and 8 between the steps of the polynomial.
    let bits = FACTOR_BITS - 1;
    let value = horner(&normal.mantissa.shifted(2), MANTISSA_BITS - 2, coefficients, bits);
    let (half, power) = (normal.amount.shifted(1), (p - normal.bits) / 2);
    if method != Method::Newton {
        return scaled(value, bits, &half, power, q);
    }
    // r (3 - m r r) / 2.
    let square = value.squared().shifted(bits);
    let product = square.and(BinaryOp::Mul, &normal.mantissa).shifted(bits + MANTISSA_BITS - NEWTON_BITS);
    let correction = product.times(-1).plus(behind_shift(3.0, NEWTON_BITS));
    let value = value.and(BinaryOp::Mul, &correction).shifted(bits + 1);
    scaled(value, NEWTON_BITS, &half, power, q)
}
