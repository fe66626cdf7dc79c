//! What definitions are computed in: `i32`, as the accelerator does, or `f64`, for which expressions are rewritten first
//! (`real`).

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::scalar::approx::{Approx, Steps};
use crate::scalar::{self, BinaryOp, CastMode, CompareOp, DType};
use crate::tensor::Reducer;

/// The approximated functions that an evaluation has met, as lists of operations: a scan asks for the same in each step.
#[derive(Default)]
pub(super) struct Functions {
    known: RefCell<HashMap<Approx, Rc<Steps>>>,
}

impl Functions {
    fn steps(&self, approx: &Approx) -> Rc<Steps> {
        self.known.borrow_mut().entry(approx.clone()).or_insert_with(|| Rc::new(Steps::of(approx))).clone()
    }
}

/// A value of an element, and what operations do to it.
pub(super) trait Number: Copy {
    fn of(value: i32) -> Self;

    fn binary(op: BinaryOp, a: Self, b: Self) -> Self;

    fn holds(op: CompareOp, a: Self, b: Self) -> bool;

    fn cast(to: DType, mode: CastMode, value: Self) -> Self;

    /// An approximated function of values, each the integer that stands for a number.
    fn approximate(functions: &Functions, approx: &Approx, values: &[Self], out: &mut Vec<Self>);

    /// What joins with every value of a type to that value.
    fn start(reducer: Reducer, dtype: DType) -> Self;
}

impl Number for i32 {
    #[inline(always)]
    fn of(value: i32) -> i32 {
        value
    }

    #[inline(always)]
    fn binary(op: BinaryOp, a: i32, b: i32) -> i32 {
        op.eval(a, b)
    }

    #[inline(always)]
    fn holds(op: CompareOp, a: i32, b: i32) -> bool {
        op.eval(a, b)
    }

    #[inline(always)]
    fn cast(to: DType, mode: CastMode, value: i32) -> i32 {
        scalar::cast(to, mode, value)
    }

    fn approximate(functions: &Functions, approx: &Approx, values: &[i32], out: &mut Vec<i32>) {
        functions.steps(approx).eval_all(values, out);
    }

    fn start(reducer: Reducer, dtype: DType) -> i32 {
        reducer.start(dtype)
    }
}

impl Number for f64 {
    #[inline(always)]
    fn of(value: i32) -> f64 {
        value.into()
    }

    #[inline(always)]
    fn binary(op: BinaryOp, a: f64, b: f64) -> f64 {
        match op {
            BinaryOp::Add => a + b,
            BinaryOp::Sub => a - b,
            BinaryOp::Mul => a * b,
            BinaryOp::Min => a.min(b),
            BinaryOp::Max => a.max(b),
            BinaryOp::Shr => a * exactly_two_to(-b),
            BinaryOp::Shl => a * exactly_two_to(b),
            // A divisor of 0 counts as 1, as it does for integers.
            BinaryOp::Div(_) => {
                if b == 0.0 {
                    a
                } else {
                    a / b
                }
            }
        }
    }

    #[inline(always)]
    fn holds(op: CompareOp, a: f64, b: f64) -> bool {
        match op {
            CompareOp::Less => a < b,
            CompareOp::LessEqual => a <= b,
            CompareOp::Greater => a > b,
            CompareOp::GreaterEqual => a >= b,
            CompareOp::Equal => a == b,
            CompareOp::NotEqual => a != b,
        }
    }

    #[inline(always)]
    fn cast(_: DType, _: CastMode, value: f64) -> f64 {
        value
    }

    fn approximate(_: &Functions, approx: &Approx, values: &[f64], out: &mut Vec<f64>) {
        let scale = power_of_two(approx.fraction.into());
        out.extend(values.iter().map(|value| approx.function.real(value / scale) * scale));
    }

    fn start(reducer: Reducer, _: DType) -> f64 {
        match reducer {
            Reducer::Sum => 0.0,
            Reducer::Max => f64::NEG_INFINITY,
            Reducer::Min => f64::INFINITY,
        }
    }
}

/// `2^b`, exact where `b` is an integer. Amounts beyond those of `i32` values count as these.
fn exactly_two_to(b: f64) -> f64 {
    let b = b.clamp(-64.0, 64.0);
    if b.fract() == 0.0 { power_of_two(b as i32) } else { b.exp2() }
}

/// Exactly `2^n`, for `n` from -1022 to 1023.
pub(super) fn power_of_two(n: i32) -> f64 {
    f64::from_bits(((1023 + n) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::power_of_two;

    #[test]
    fn powers_of_two_are_exact() {
        assert_eq!(
            [-1022, -7, -1, 0, 1, 31, 1023].map(power_of_two),
            [-1022, -7, -1, 0, 1, 31, 1023].map(|n| 2f64.powi(n))
        );
    }
}
