//! What is approximated: real functions of one number, those with a name and those that a program writes down.

use std::sync::Arc;

use super::Method;
use super::formula::Formula;

/// What is approximated.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    Sigmoid,
    Tanh,
    Exp,
    /// `2^x`.
    Exp2,
    Log2,
    Reciprocal,
    /// `1 / sqrt(x)`.
    Rsqrt,
    Sqrt,
    Erf,
    /// `x (1 + erf(x / sqrt(2))) / 2`.
    Gelu,
    /// `x sigmoid(x)`.
    Silu,
    /// `ln(1 + exp(x))`.
    Softplus,
    /// A function of the program.
    Formula(Arc<Formula>),
}

/// For which arguments a function is approximated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// From minus the range to the range; beyond, it is constant.
    Between,
    /// All numbers: the function goes on beyond the range as it does at its ends.
    All,
    /// Positive numbers up to the range.
    Positive,
}

const ODD: &[Method] = &[
    Method::Tangent,
    Method::Hard,
    Method::Ramps,
    Method::Parabola,
    Method::Plan,
    Method::Quintic,
    Method::Quartic2,
    Method::Quartic8,
];
const TAILS: &[Method] = &[
    Method::Linear2,
    Method::Linear4,
    Method::Linear8,
    Method::Quadratic4,
    Method::Quadratic8,
    Method::Cubic4,
    Method::Quartic8,
];
const POLYNOMIALS: &[Method] = &[Method::Linear, Method::Quadratic, Method::Cubic, Method::Quartic];
const RECIPROCALS: &[Method] = &[Method::Linear, Method::Quadratic, Method::Cubic, Method::Newton];
const FITTED: &[Method] = &[
    Method::Lines4,
    Method::Lines8,
    Method::Lines16,
    Method::Linear,
    Method::Quadratic,
    Method::Cubic,
    Method::Quartic,
    Method::Quintic,
    Method::Sextic,
];

impl Function {
    /// Those with a name.
    pub const ALL: [Function; 12] = [
        Function::Sigmoid,
        Function::Tanh,
        Function::Exp,
        Function::Exp2,
        Function::Log2,
        Function::Reciprocal,
        Function::Rsqrt,
        Function::Sqrt,
        Function::Erf,
        Function::Gelu,
        Function::Silu,
        Function::Softplus,
    ];

    /// The name in the source language.
    pub fn name(&self) -> &str {
        match self {
            Function::Sigmoid => "sigmoid",
            Function::Tanh => "tanh",
            Function::Exp => "exp",
            Function::Exp2 => "exp2",
            Function::Log2 => "log2",
            Function::Reciprocal => "reciprocal",
            Function::Rsqrt => "rsqrt",
            Function::Sqrt => "sqrt",
            Function::Erf => "erf",
            Function::Gelu => "gelu",
            Function::Silu => "silu",
            Function::Softplus => "softplus",
            Function::Formula(formula) => formula.name(),
        }
    }

    /// The function of a name that every program knows.
    pub fn from_name(name: &str) -> Option<Function> {
        Function::ALL.into_iter().find(|f| f.name() == name)
    }

    /// The methods that it has, from the cheapest to the most accurate of each kind.
    pub fn methods(&self) -> &'static [Method] {
        match self {
            Function::Sigmoid | Function::Tanh => ODD,
            Function::Exp | Function::Exp2 | Function::Log2 | Function::Sqrt => POLYNOMIALS,
            Function::Reciprocal | Function::Rsqrt => RECIPROCALS,
            Function::Erf | Function::Gelu | Function::Silu | Function::Softplus => TAILS,
            Function::Formula(_) => FITTED,
        }
    }

    /// For which arguments it is approximated.
    pub fn domain(&self) -> Domain {
        match self {
            Function::Log2 | Function::Reciprocal | Function::Rsqrt | Function::Sqrt => Domain::Positive,
            Function::Exp | Function::Exp2 | Function::Formula(_) => Domain::Between,
            _ => Domain::All,
        }
    }

    /// Whether errors are told as shares of values above 1: those of a function that grows without bounds over a few numbers.
    pub fn grows(&self) -> bool {
        matches!(self, Function::Exp | Function::Exp2 | Function::Reciprocal | Function::Rsqrt)
    }

    /// The function itself. Computed from IEEE operations alone, so that it is the same on every machine.
    pub fn real(&self, x: f64) -> f64 {
        match self {
            Function::Sigmoid => 1.0 / (1.0 + libm::exp(-x)),
            Function::Tanh => libm::tanh(x),
            Function::Exp => libm::exp(x),
            Function::Exp2 => libm::exp2(x),
            Function::Log2 => libm::log2(x),
            Function::Reciprocal => 1.0 / x,
            Function::Rsqrt => 1.0 / x.sqrt(),
            Function::Sqrt => x.sqrt(),
            Function::Erf => libm::erf(x),
            Function::Gelu => x * 0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2),
            Function::Silu => x / (1.0 + libm::exp(-x)),
            Function::Softplus => x.max(0.0) + libm::log1p(libm::exp(-x.abs())),
            Function::Formula(formula) => formula.real(x),
        }
    }
}
