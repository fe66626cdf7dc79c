//! Conversions: `i32(e)`, `i8(e)` and `sat8(e)` keep the fraction bits; `i32.q12(e)` and the like change the scale.
//!
//! Bits that are dropped round down, or to the nearest with `nearest` behind the value, halves going up. What is added
//! and shifted is added and shifted in `i32`, wrapping, but for conversions that saturate: what they round does not wrap before. A
//! constant takes the nearest value of the format.

use tilewright_syntax::Span;
use tilewright_syntax::ast::{Expr, ExprKind, Ident};

use super::Checked;
use super::quotient::divided;
use super::scope::Scope;
use super::value::{Value, fold, typed, widen};
use crate::scalar::{self, BinaryOp, CastMode, DType, Scalar};
use crate::tensor::Leaf;
use crate::tensor::error::TensorError;
use crate::tensor::format::{self, Format};
use crate::tensor::format_error::FormatError;
use crate::tensor::number::Number;
use crate::tensor::range::range;

/// The word behind a value that is rounded to the nearest.
pub(super) const NEAREST: &str = "nearest";

/// The type and the way of a conversion.
pub(super) fn conversion(name: &str) -> Option<(DType, CastMode)> {
    match name {
        "i32" => Some((DType::I32, CastMode::Wrap)),
        "i8" => Some((DType::I8, CastMode::Wrap)),
        "sat8" => Some((DType::I8, CastMode::Saturate)),
        _ => None,
    }
}

/// Whether the argument of a call at this place is the word `nearest`.
pub(super) fn is_rounding(at: usize, argument: &Expr) -> bool {
    at == 1 && matches!(&argument.kind, ExprKind::Name(name) if name == NEAREST)
}

/// Refuses a format behind a function that is no conversion.
pub(super) fn takes_format(function: &Ident, format: &Ident) -> Result<u8, FormatError> {
    if conversion(&function.name).is_none() {
        return Err(FormatError::NoConversion { function: function.name.clone(), span: format.span });
    }
    format::fraction(format)
}

impl Scope<'_> {
    /// `i32(e)`, or with a fraction `i32.q12(e)` and `i32.q12(e, nearest)`.
    pub(super) fn converted(
        &self,
        (name, format): (&Ident, Option<&Ident>),
        (to, mode): (DType, CastMode),
        args: &[Expr],
        span: Span,
    ) -> Checked<Value> {
        let wrong =
            |expected| TensorError::WrongArgumentCount { name: name.name.clone(), expected, found: args.len(), span };
        let fraction = format.map(|format| takes_format(name, format)).transpose()?;
        let (e, nearest) = match args {
            [e] => (e, false),
            [e, word] if is_rounding(1, word) && (fraction.is_some() || divided(e).is_some()) => (e, true),
            _ if fraction.is_some() => return Err(wrong("a value and perhaps `nearest`").into()),
            _ => return Err(wrong("one argument").into()),
        };
        if let Some((left, right)) = divided(e)
            && let Some(value) = self.quotient_in(left, right, fraction, nearest, mode)?
        {
            return Ok(converted_to(value, to, mode));
        }
        let (value, found) = match (self.value(e)?, fraction) {
            (Value::Constant(number), Some(fraction)) => {
                return constant(number, Format { dtype: to, fraction }, mode, e.span);
            }
            (value, _) => typed(value, Format::plain(DType::I32), e.span)?,
        };
        let fraction = fraction.unwrap_or(found.fraction);
        let (value, dtype) = match fraction == found.fraction {
            true => (value, found.dtype),
            false if nearest && mode == CastMode::Saturate && fraction < found.fraction => {
                (self.rounded(widen(value, found.dtype), found.fraction - fraction), DType::I32)
            }
            false => (scaled(widen(value, found.dtype), found.fraction, fraction, nearest), DType::I32),
        };
        Ok(converted_to((value, Format { dtype, fraction }), to, mode))
    }
}

/// The value in a type, with the fraction bits that it has.
fn converted_to((value, Format { dtype, fraction }): (Scalar<Leaf>, Format), to: DType, mode: CastMode) -> Value {
    let value = match value {
        value if dtype == to => value,
        Scalar::Const { value, .. } => Scalar::Const { value: scalar::cast(to, mode, value), dtype: to },
        value => Scalar::cast(to, mode, value),
    };
    Value::Typed(value, Format { dtype: to, fraction })
}

impl Scope<'_> {
    /// A value without its last bits, rounded to the nearest, for a conversion that saturates: what the addition of half of the last
    /// bit could wrap stays above the greatest `i8`. Where nothing can wrap it is that addition and a shift.
    ///
    /// ```text
    /// dropped 5    min(x, 4079) + 16 >> 5       all above 4079 rounds to 127 or more
    /// dropped 12   (x >> 11) + 1 >> 1           since that limit is no immediate of the ALU
    /// ```
    fn rounded(&self, value: Scalar<Leaf>, dropped: u8) -> Scalar<Leaf> {
        let half = 1_i64 << (dropped - 1);
        let beyond = (i64::from(i8::MAX) + 1) << dropped;
        let (bits, half_bit) = (Scalar::int(dropped.into()), Scalar::int(half as i32));
        if range(self.kernel, &value).max + half <= i64::from(i32::MAX) {
            return fold(BinaryOp::Shr, fold(BinaryOp::Add, value, half_bit), bits);
        }
        if let Ok(last) = i16::try_from(beyond - half - 1) {
            let lowered = fold(BinaryOp::Min, value, Scalar::int(last.into()));
            return fold(BinaryOp::Shr, fold(BinaryOp::Add, lowered, half_bit), bits);
        }
        let twice = fold(BinaryOp::Shr, value, Scalar::int(i32::from(dropped) - 1));
        fold(BinaryOp::Shr, fold(BinaryOp::Add, twice, Scalar::int(1)), Scalar::int(1))
    }
}

/// A number in a format, in which it has a place unless it is saturated.
fn constant(number: Number, format: Format, mode: CastMode, span: Span) -> Checked<Value> {
    let (least, greatest) = format.dtype.limits();
    let value = match mode {
        CastMode::Saturate => number.scaled(format.fraction).clamp(least.into(), greatest.into()) as i32,
        CastMode::Wrap | CastMode::Exact => format.value(number, span, None)?,
    };
    Ok(Value::Typed(Scalar::Const { value, dtype: format.dtype }, format))
}

/// An `i32` value with other fraction bits.
fn scaled(value: Scalar<Leaf>, from: u8, to: u8, nearest: bool) -> Scalar<Leaf> {
    if to > from {
        return fold(BinaryOp::Shl, value, Scalar::int((to - from).into()));
    }
    let dropped = from - to;
    let value = match nearest {
        true => fold(BinaryOp::Add, value, Scalar::int(1 << (dropped - 1))),
        false => value,
    };
    fold(BinaryOp::Shr, value, Scalar::int(dropped.into()))
}
