//! Number formats: an element type and how many of its bits stand behind the binary point. `i32.q12` is an `i32` that
//! denotes its integer divided by 2^12.

use std::fmt;

use tilewright_syntax::Span;
use tilewright_syntax::ast::{Ident, TypeName};

use super::Tensor;
use super::error::TensorError;
use super::format_error::FormatError;
use super::number::Number;
use crate::scalar::DType;

/// Most bits behind the binary point.
pub const MAX_FRACTION: u8 = 31;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Format {
    pub dtype: DType,
    /// At most [`MAX_FRACTION`].
    pub fraction: u8,
}

/// Integers are in no format: `i8`, and otherwise `i8.q7`.
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.fraction {
            0 => f.write_str(self.dtype.name()),
            bits => write!(f, "{}.q{bits}", self.dtype.name()),
        }
    }
}

impl Format {
    /// Integers of a type.
    pub const fn plain(dtype: DType) -> Format {
        Format { dtype, fraction: 0 }
    }

    /// What a declaration names.
    pub fn named(name: &TypeName) -> Result<Format, TensorError> {
        let Ident { name: dtype, span } = &name.name;
        let dtype =
            DType::from_name(dtype).ok_or_else(|| TensorError::UnknownType { name: dtype.clone(), span: *span })?;
        let fraction = name.format.as_ref().map_or(Ok(0), fraction)?;
        Ok(Format { dtype, fraction })
    }

    /// The numbers that the least and the greatest value denote.
    pub fn limits(self) -> (f64, f64) {
        let (least, greatest) = self.dtype.limits();
        (self.real(least as i32), self.real(greatest as i32))
    }

    /// The number that a value denotes.
    pub fn real(self, value: i32) -> f64 {
        f64::from(value) / self.unit()
    }

    /// How many values lie between a whole number and the next.
    pub fn unit(self) -> f64 {
        (1u64 << self.fraction) as f64
    }

    /// The value that denotes a number, or the nearest to it, halves going up. `beside` is an operand whose format it is.
    ///
    /// A plain integer takes whole numbers only, since one that is rounded to it was hardly meant.
    pub fn value(self, number: Number, span: Span, beside: Option<Span>) -> Result<i32, TensorError> {
        if self.fraction == 0 && !number.is_whole() {
            return Err(FormatError::DecimalInteger { number, dtype: self.dtype, span, beside }.into());
        }
        let value = number.scaled(self.fraction);
        let (least, greatest) = self.dtype.limits();
        match (i128::from(least)..=i128::from(greatest)).contains(&value) {
            true => Ok(value as i32),
            false => Err(TensorError::DoesNotFit { value: number, format: self, span, beside }),
        }
    }
}

impl Tensor {
    /// What its elements denote.
    pub fn format(&self) -> Format {
        Format { dtype: self.dtype, fraction: self.fraction }
    }
}

/// The bits that a name behind a type gives: `q7` is 7.
pub(super) fn fraction(name: &Ident) -> Result<u8, FormatError> {
    let digits = name.name.strip_prefix('q').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    let bits = digits.and_then(|digits| digits.parse().ok()).filter(|bits| *bits <= MAX_FRACTION);
    bits.ok_or_else(|| FormatError::Unknown { name: name.name.clone(), span: name.span })
}
