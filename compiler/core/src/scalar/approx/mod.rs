//! Approximations of functions for a machine that has none of them: each is one integer function, stated exactly by the
//! operations that compute it.
//!
//! In: an `i32` number with `q` fraction bits. Out: a number of the same format. Nothing overflows, for any input: what is
//! multiplied was clipped before. [`Function::domain`] says what the range means.
//!
//! | module | functions |
//! |---|---|
//! | [`methods`] | `sigmoid`, `tanh` |
//! | [`tails`] | `erf`, `gelu`, `silu`, `softplus`: lines but for a tail |
//! | [`exponential`] | `exp`, `exp2`: a shift and a polynomial |
//! | [`normalised`] | `log2`, `reciprocal`, `sqrt`, `rsqrt`: of numbers of any magnitude |
//! | [`fitted`] | those that a program writes down |
//!
//! Constants are literals, times powers of two, rounded; those of fits come from IEEE operations in a fixed order. They have
//! the same bits on every machine.

mod error;
mod exponential;
mod fitted;
pub mod formula;
mod function;
mod methods;
mod normalised;
pub(super) mod number;
mod steps;
mod tails;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use error::ApproxError;
pub use fitted::Fit;
pub use function::{Domain, Function};
pub use steps::Steps;

use crate::scalar::Scalar;

/// The fraction bits for which every method is defined. With fewer a result is no approximation, with more the constants
/// have no place.
pub const FRACTIONS: std::ops::RangeInclusive<u8> = 5..=24;

/// How it is approximated.
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
    /// The square of a line, and its fourth and eighth power.
    Linear2,
    Linear4,
    Linear8,
    /// The fourth and the eighth power of a polynomial of degree 2.
    Quadratic4,
    Quadratic8,
    /// The fourth power of a polynomial of degree 3.
    Cubic4,
    /// A polynomial of degree 1 of what is left of the argument when the range is reduced, and of higher degrees.
    Linear,
    Quadratic,
    Cubic,
    Quartic,
    Sextic,
    /// The one of degree 3, and a step of Newton's method.
    Newton,
    /// So many joined lines.
    Lines4,
    Lines8,
    Lines16,
}

impl Method {
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
            Method::Linear2 => "linear2",
            Method::Linear4 => "linear4",
            Method::Linear8 => "linear8",
            Method::Quadratic4 => "quadratic4",
            Method::Quadratic8 => "quadratic8",
            Method::Cubic4 => "cubic4",
            Method::Linear => "linear",
            Method::Quadratic => "quadratic",
            Method::Cubic => "cubic",
            Method::Quartic => "quartic",
            Method::Sextic => "sextic",
            Method::Newton => "newton",
            Method::Lines4 => "lines4",
            Method::Lines8 => "lines8",
            Method::Lines16 => "lines16",
        }
    }
}

/// One integer function.
#[derive(Clone, Debug)]
pub struct Approx {
    pub function: Function,
    pub method: Method,
    /// The range, in units of the argument's last bit; positive.
    pub limit: i32,
    /// Fraction bits of argument and result, in [`FRACTIONS`].
    pub fraction: u8,
    /// What a function of the program is computed with; it follows from the others.
    fit: Option<Arc<Fit>>,
}

impl Approx {
    /// The function for a range and as many fraction bits. Errors: a range that is not positive or beyond the format, fraction
    /// bits or a method for which there is none, and a function of the program that has no values in the range, or too
    /// great ones.
    pub fn new(function: Function, method: Method, range: f64, fraction: u8) -> Result<Approx, ApproxError> {
        if !FRACTIONS.contains(&fraction) {
            return Err(ApproxError::Fraction { fraction });
        }
        if !function.methods().contains(&method) {
            return Err(ApproxError::Method { name: function.name().to_owned(), method: method.name() });
        }
        let limit = (range * f64::from(1u32 << fraction)).round();
        if !(1.0..=f64::from(i32::MAX)).contains(&limit) {
            return Err(ApproxError::Range { range, fraction });
        }
        if function.domain() == Domain::Positive && limit <= f64::from(normalised::least_argument(&function, fraction))
        {
            return Err(ApproxError::Least { name: function.name().to_owned(), range, fraction });
        }
        let mut approx = Approx { function, method, limit: limit as i32, fraction, fit: None };
        if let Function::Formula(_) = &approx.function {
            approx.fit = Some(Arc::new(fitted::fit(&approx.function, method, approx.range(), fraction)?));
        }
        Ok(approx)
    }

    /// What two of the same function, method, range and format have in common: everything.
    fn key(&self) -> (&Function, Method, i32, u8) {
        (&self.function, self.method, self.limit, self.fraction)
    }

    /// The range as a number.
    pub fn range(&self) -> f64 {
        f64::from(self.limit) / f64::from(1u32 << self.fraction)
    }

    /// The arguments, in units of the last bit, between which the function approximates: from the first up to the last, without
    /// it. Twice the range where it goes on beyond; of one that grows, those whose results have a place.
    pub fn arguments(&self) -> (i64, i64) {
        let limit = i64::from(self.limit);
        match self.function.domain() {
            Domain::All => (-(2 * limit).min(1 << 30), (2 * limit).min(1 << 30)),
            Domain::Positive => (normalised::least_argument(&self.function, self.fraction).into(), limit),
            Domain::Between if self.function.grows() => {
                let greatest = (exponential::greatest(self) * f64::from(1u32 << self.fraction)) as i64;
                (-limit, greatest)
            }
            Domain::Between => (-limit, limit),
        }
    }

    /// The operations that compute the function of an expression.
    pub fn expand<L: Clone>(&self, x: &Scalar<L>) -> Scalar<L> {
        let number = match &self.function {
            Function::Sigmoid => methods::sigmoid(self, x),
            Function::Tanh => methods::tanh(self, x),
            Function::Exp | Function::Exp2 => exponential::expand(self, x),
            Function::Log2 | Function::Reciprocal | Function::Rsqrt | Function::Sqrt => normalised::expand(self, x),
            Function::Erf | Function::Gelu | Function::Silu | Function::Softplus => tails::expand(self, x),
            Function::Formula(_) => {
                let fit = self.fit.as_deref().expect("a function of the program is fitted when it is made");
                fitted::expand(self, fit, x)
            }
        };
        number.value
    }

    /// How many operations the function expands to, each written out as often as it is read, and how often they read the
    /// argument.
    pub fn size(&self) -> (usize, usize) {
        let expanded = self.expand(&Scalar::Leaf(()));
        let mut reads = 0;
        expanded.leaves(&mut |()| reads += 1);
        (expanded.height_and_size().1, reads)
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

impl PartialEq for Approx {
    fn eq(&self, other: &Approx) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Approx {}

impl std::hash::Hash for Approx {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}
