//! Approximations of the sigmoid and the hyperbolic tangent for a machine that has neither: each is one integer function,
//! stated exactly by the operations that compute it.
//!
//! In: an `i32` number with `q` fraction bits. Out: a number of the same format. Outside of [-range, range] the function is
//! constant. Nothing overflows, for any input: what is multiplied was clipped before.
//!
//! `tanh(x) = 2 sigmoid(2x) - 1`, so one function serves both: as integers, `tanh` at `q` bits is `sigmoid - 1/2` at `q - 1`
//! bits. [`methods`] has it once for each method. Constants are literals, times powers of two, rounded: they have the same
//! bits on every machine.

mod error;
mod methods;
mod steps;
#[cfg(test)]
mod tests;

pub use error::ApproxError;
pub use steps::Steps;

use crate::scalar::Scalar;

/// The fraction bits for which every method is defined. With fewer a result is no approximation, with more the constants
/// have no place.
pub const FRACTIONS: std::ops::RangeInclusive<u8> = 5..=24;

/// What is approximated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Function {
    Sigmoid,
    Tanh,
}

impl Function {
    pub const ALL: [Function; 2] = [Function::Sigmoid, Function::Tanh];

    /// The name in the source language.
    pub fn name(self) -> &'static str {
        match self {
            Function::Sigmoid => "sigmoid",
            Function::Tanh => "tanh",
        }
    }

    pub fn from_name(name: &str) -> Option<Function> {
        Function::ALL.into_iter().find(|f| f.name() == name)
    }

    /// The function itself.
    pub fn real(self, x: f64) -> f64 {
        match self {
            Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Function::Tanh => x.tanh(),
        }
    }
}

/// How it is approximated, from the cheapest to the most accurate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// The line that touches the function in the middle, between two constants.
    Tangent,
    /// The line with the least error within the range, between two constants.
    Hard,
    /// The sum of two clipped lines: three segments on each side.
    Ramps,
    /// A parabola on each side.
    Parabola,
    /// The lines of Amin, Curtis and Hayes-Gill's PLAN, joined where they meet.
    Plan,
    /// An odd polynomial of degree 5.
    Quintic,
    /// The square of a polynomial of degree 4 in the magnitude.
    Quartic2,
    /// The eighth power of one.
    Quartic8,
}

impl Method {
    pub const ALL: [Method; 8] = [
        Method::Tangent,
        Method::Hard,
        Method::Ramps,
        Method::Parabola,
        Method::Plan,
        Method::Quintic,
        Method::Quartic2,
        Method::Quartic8,
    ];

    /// The name in the source language.
    pub fn name(self) -> &'static str {
        match self {
            Method::Tangent => "tangent",
            Method::Hard => "hard",
            Method::Ramps => "ramps",
            Method::Parabola => "parabola",
            Method::Plan => "plan",
            Method::Quintic => "quintic",
            Method::Quartic2 => "quartic2",
            Method::Quartic8 => "quartic8",
        }
    }

    pub fn from_name(name: &str) -> Option<Method> {
        Method::ALL.into_iter().find(|m| m.name() == name)
    }
}

/// One integer function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Approx {
    pub function: Function,
    pub method: Method,
    /// The range, in units of the argument's last bit; positive.
    pub limit: i32,
    /// Fraction bits of argument and result, in [`FRACTIONS`].
    pub fraction: u8,
}

impl Approx {
    /// The function for a range and as many fraction bits. Errors: a range that is not positive or beyond the format, and
    /// fraction bits for which there is none.
    pub fn new(function: Function, method: Method, range: f64, fraction: u8) -> Result<Approx, ApproxError> {
        if !FRACTIONS.contains(&fraction) {
            return Err(ApproxError::Fraction { fraction });
        }
        let limit = (range * f64::from(1u32 << fraction)).round();
        if !(1.0..=f64::from(i32::MAX)).contains(&limit) {
            return Err(ApproxError::Range { range, fraction });
        }
        Ok(Approx { function, method, limit: limit as i32, fraction })
    }

    /// The range as a number.
    pub fn range(&self) -> f64 {
        f64::from(self.limit) / f64::from(1u32 << self.fraction)
    }

    /// The operations that compute the function of an expression.
    pub fn expand<L: Clone>(&self, x: &Scalar<L>) -> Scalar<L> {
        methods::expand(self, x)
    }

    /// The value for one argument; [`Steps`] are for many.
    pub fn eval(&self, x: i32) -> i32 {
        Steps::of(self).eval(x)
    }
}

/// As it is written.
impl std::fmt::Display for Approx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "approx({}, {}, {})", self.function.name(), self.method.name(), self.range())
    }
}
