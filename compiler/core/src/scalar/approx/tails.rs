//! Functions that are a line on each side but for a tail: `erf`, `gelu`, `silu` and `softplus`.
//!
//! ```text
//! erf(x)      = ±(1 - 2 T(|x|))            T(u) = erfc(u) / 2
//! gelu(x)     = max(x, 0) - u T(u)         T(u) = erfc(u / sqrt(2)) / 2,   u = |x|
//! silu(x)     = max(x, 0) - u T(u)         T(u) = sigmoid(-u)
//! softplus(x) = max(x, 0) + T(u)           T(u) = ln(1 + exp(-u))
//! ```
//!
//! `T` falls faster than any polynomial of low degree follows; its second, fourth or eighth root is nearly a line. So `T` is
//! a polynomial in `-u/4`, squared once, twice or three times, and constant behind the method's end. The polynomials minimise
//! the greatest error of the function itself, by sequences of linear programs over a grid.

use super::number::{Number, fixed, horner, minus_magnitude, rounded};
use super::{Approx, Function, Method};
use crate::scalar::{BinaryOp, Scalar};

/// Most fraction bits of the argument: a number below 16 with them is a factor of 16 bits.
const ARGUMENT_BITS: i32 = 12;
/// Fraction bits of the tail, which is at most 1.
pub(super) const TAIL_BITS: i32 = 15;

/// A polynomial in `-u/4`, from the constant on, its end, and how often it is squared.
struct Tail {
    end: f64,
    squarings: usize,
    coefficients: &'static [f64],
}

const fn tail(end: f64, squarings: usize, coefficients: &'static [f64]) -> Tail {
    Tail { end, squarings, coefficients }
}

pub(super) fn expand<L: Clone>(approx: &Approx, x: &Scalar<L>) -> Number<L> {
    let (q, x) = (i32::from(approx.fraction), Number { value: x.clone() });
    let tail = coefficients(&approx.function, approx.method);
    let p = q.min(ARGUMENT_BITS);
    let limit = (approx.limit >> (q - p)).min(fixed(tail.end, p));
    let u = x.shifted(q - p).clipped(limit);
    let z = minus_magnitude(&u);
    let power = power(&z, p + 2, tail.coefficients, tail.squarings);
    let above_zero = x.with(BinaryOp::Max, 0);
    match approx.function {
        Function::Erf => {
            let centred = power.plus(-(1 << (TAIL_BITS - 1))).and(BinaryOp::Mul, &signs(&u));
            rounded(centred, TAIL_BITS - 1 - q)
        }
        Function::Softplus => {
            let tail = rounded(power, TAIL_BITS - q);
            // What is left of the tail at its end has to have a place above the greatest argument.
            let line = match rest(&tail) {
                0 => above_zero,
                rest => above_zero.with(BinaryOp::Min, i32::MAX - rest),
            };
            tail.and(BinaryOp::Add, &line)
        }
        _ => rounded(power.and(BinaryOp::Mul, &z), TAIL_BITS + p - q).and(BinaryOp::Add, &above_zero),
    }
}

/// The tail of the greatest argument, of the expression that computes it.
fn rest<L: Clone>(tail: &Number<L>) -> i32 {
    tail.value.eval(&mut |_| i32::MAX)
}

/// 1 where a number is below zero, -1 elsewhere.
pub(super) fn signs<L: Clone>(u: &Number<L>) -> Number<L> {
    u.shifted(31).times(-2).plus(-1)
}

/// A polynomial in a number with so many fraction bits, squared so often, with [`TAIL_BITS`].
pub(super) fn power<L: Clone>(z: &Number<L>, fraction: i32, coefficients: &[f64], squarings: usize) -> Number<L> {
    let mut value = horner(z, fraction, coefficients, TAIL_BITS);
    for _ in 0..squarings {
        value = value.squared().shifted(TAIL_BITS);
    }
    value
}

fn coefficients(function: &Function, method: Method) -> Tail {
    match function {
        Function::Erf => of_erf(method),
        Function::Gelu => of_gelu(method),
        Function::Silu => of_silu(method),
        _ => of_softplus(method),
    }
}

fn of_erf(method: Method) -> Tail {
    match method {
        Method::Linear2 => tail(1.5, 1, &[0.700_309_5, 1.640_989_8]),
        Method::Linear4 => tail(2.8125, 2, &[0.845_271_1, 1.201_472_3]),
        Method::Linear8 => tail(2.75, 3, &[0.920_805_2, 0.718_339_6]),
        Method::Quadratic4 => tail(2.375, 2, &[0.842_279_5, 1.049_533_9, -0.735_239_7]),
        Method::Quadratic8 => tail(3.75, 3, &[0.917_343_7, 0.540_918_6, -0.849_045_5]),
        Method::Cubic4 => tail(2.75, 2, &[0.840_862_5, 0.939_826_6, -1.824_376_1, -2.430_359_3]),
        _ => tail(3.25, 3, &[0.916_993_4, 0.515_643_8, -1.061_773_9, -0.168_129_3, 0.874_108_9]),
    }
}

fn of_gelu(method: Method) -> Tail {
    match method {
        Method::Linear2 => tail(2.375, 1, &[0.657_918_6, 1.018_790_8]),
        Method::Linear4 => tail(3.6875, 2, &[0.860_910_6, 0.931_591_1]),
        Method::Linear8 => tail(4.125, 3, &[0.939_987_5, 0.606_832_8]),
        Method::Quadratic4 => tail(2.875, 2, &[0.857_377_5, 0.895_963_1, -0.069_863_8]),
        Method::Quadratic8 => tail(4.25, 3, &[0.921_828_4, 0.429_636, -0.330_179_7]),
        Method::Cubic4 => tail(4.25, 2, &[0.843_158_3, 0.694_185_5, -0.811_680_5, -0.763_571_6]),
        _ => tail(4.5, 3, &[0.916_721_5, 0.358_040_9, -0.575_357_5, -0.168_190_1, 0.133_379]),
    }
}

fn of_silu(method: Method) -> Tail {
    match method {
        Method::Linear2 => tail(4.125, 1, &[0.623_833_8, 0.519_896_9]),
        Method::Linear4 => tail(5.125, 2, &[0.827_159_3, 0.466_566_3]),
        Method::Linear8 => tail(9.0, 3, &[0.927_030_3, 0.320_878_5]),
        Method::Quadratic4 => tail(6.5, 2, &[0.860_091_7, 0.597_356_3, 0.104_692_3]),
        Method::Quadratic8 => tail(9.75, 3, &[0.927_476_4, 0.322_521_4, 0.001_258_1]),
        Method::Cubic4 => tail(9.75, 2, &[0.856_572_2, 0.570_592_5, 0.054_769_9, -0.024_733]),
        _ => tail(9.25, 3, &[0.918_024_4, 0.237_387, -0.202_411, -0.161_335_8, -0.034_942]),
    }
}

fn of_softplus(method: Method) -> Tail {
    match method {
        Method::Linear2 => tail(3.5625, 1, &[0.814_317_9, 0.913_646_3]),
        Method::Linear4 => tail(5.875, 2, &[0.908_709_6, 0.616_323_7]),
        Method::Linear8 => tail(8.0, 3, &[0.955_493_6, 0.361_856]),
        Method::Quadratic4 => tail(6.125, 2, &[0.913_322_7, 0.694_414_9, 0.134_689_8]),
        Method::Quadratic8 => tail(7.125, 3, &[0.955_686_8, 0.363_570_3, 0.002_384_2]),
        Method::Cubic4 => tail(8.0, 2, &[0.913_022_5, 0.683_698_4, 0.090_027_8, -0.038_526_1]),
        _ => tail(8.0, 3, &[0.955_240_3, 0.345_045_7, -0.092_312_2, -0.119_524_7, -0.031_509_1]),
    }
}
