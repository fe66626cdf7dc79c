//! Why there is no such approximation.

use thiserror::Error;

use super::FRACTIONS;

#[derive(Clone, Debug, PartialEq, Error)]
pub enum ApproxError {
    #[error(
        "approximations are defined for {} to {} fraction bits, and the argument has {fraction}",
        FRACTIONS.start(),
        FRACTIONS.end()
    )]
    Fraction { fraction: u8 },
    #[error(
        "the range of an approximation is a positive number of its format, and {range} is none with {fraction} fraction bits"
    )]
    Range { range: f64, fraction: u8 },
    #[error("`{name}` of a number up to {range} has no place in an `i32` with {fraction} fraction bits")]
    Least { name: String, range: f64, fraction: u8 },
    #[error("`{name}` has no approximation `{method}`")]
    Method { name: String, method: &'static str },
    #[error("`{name}` has no value at {at}")]
    NoValue { name: String, at: f64 },
    #[error("`{name}` reaches {greatest}, which is beyond an `i32` with {fraction} fraction bits")]
    Values { name: String, greatest: f64, fraction: u8 },
}
