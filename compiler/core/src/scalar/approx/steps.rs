//! An approximation as a list of operations, each of which is computed once: what is evaluated for many arguments.

use std::collections::HashMap;

use super::Approx;
use crate::affine::Interval;
use crate::scalar::{BinaryOp, Scalar};

/// The operations of an approximation; the last one yields its value.
#[derive(Clone, Debug)]
pub struct Steps {
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Argument,
    Const(i32),
    /// Of the values of two earlier steps.
    Binary(BinaryOp, usize, usize),
}

impl Steps {
    pub fn of(approx: &Approx) -> Steps {
        let mut list = List { steps: Vec::new(), known: HashMap::new() };
        list.step(&approx.expand(&Scalar::Leaf(())));
        Steps { steps: list.steps }
    }

    /// The value for one argument.
    pub fn eval(&self, x: i32) -> i32 {
        self.eval_with(x, &mut Vec::with_capacity(self.steps.len()))
    }

    /// The value computed in 64 bits; none where some step leaves 32.
    #[cfg(test)]
    pub(super) fn eval_wide(&self, x: i64) -> Option<i64> {
        let mut values: Vec<i64> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let value = match step {
                Step::Argument => x,
                Step::Const(value) => i64::from(*value),
                Step::Binary(op, a, b) => wide(*op, values[*a], values[*b]),
            };
            values.push(i32::try_from(value).ok()?.into());
        }
        values.last().copied()
    }

    /// A range that holds the values for all arguments of one.
    pub fn range(&self, arguments: Interval) -> Interval {
        let mut ranges: Vec<Interval> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            ranges.push(match step {
                Step::Argument => arguments,
                Step::Const(value) => Interval::new(i64::from(*value), i64::from(*value)),
                Step::Binary(op, a, b) => op.range(ranges[*a], ranges[*b]),
            });
        }
        ranges.last().copied().unwrap_or(arguments)
    }

    /// The values for many arguments, behind what `out` holds.
    pub fn eval_all(&self, arguments: &[i32], out: &mut Vec<i32>) {
        let mut values = Vec::with_capacity(self.steps.len());
        out.extend(arguments.iter().map(|x| self.eval_with(*x, &mut values)));
    }

    /// `values` is memory for those of the steps.
    fn eval_with(&self, x: i32, values: &mut Vec<i32>) -> i32 {
        values.clear();
        for step in &self.steps {
            values.push(match step {
                Step::Argument => x,
                Step::Const(value) => *value,
                Step::Binary(op, a, b) => op.eval(values[*a], values[*b]),
            });
        }
        values.last().copied().unwrap_or(x)
    }
}

#[cfg(test)]
fn wide(op: BinaryOp, a: i64, b: i64) -> i64 {
    let shifted = |by: i64| if by >= 0 { a >> by.min(63) } else { a.checked_shl((-by) as u32).unwrap_or(0) };
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Min => a.min(b),
        BinaryOp::Max => a.max(b),
        BinaryOp::Shr => shifted(b),
        BinaryOp::Shl => shifted(-b),
        BinaryOp::Div(_) => unreachable!("approximations divide by shifts"),
    }
}

struct List {
    steps: Vec<Step>,
    known: HashMap<Scalar<()>, usize>,
}

impl List {
    /// The number of the step that computes a value.
    fn step(&mut self, value: &Scalar<()>) -> usize {
        if let Some(known) = self.known.get(value) {
            return *known;
        }
        let step = match value {
            Scalar::Const { value, .. } => Step::Const(*value),
            Scalar::Binary { op, left, right } => {
                let (a, b) = (self.step(left), self.step(right));
                Step::Binary(*op, a, b)
            }
            // The methods use operations on 32 bits alone.
            Scalar::Leaf(()) | Scalar::Cast { .. } | Scalar::Select { .. } | Scalar::Approx { .. } => Step::Argument,
        };
        self.steps.push(step);
        self.known.insert(value.clone(), self.steps.len() - 1);
        self.steps.len() - 1
    }
}
