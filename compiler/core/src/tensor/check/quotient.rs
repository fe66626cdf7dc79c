//! Quotients: `a / b` → the integer quotient, with the fraction bits of `a` less those of `b`.
//!
//! It is rounded down. Directly inside of a conversion it is rounded once, in the format of the conversion, and to the nearest
//! where that says `nearest`; one that saturates holds it first, so that nothing wraps.

use tilewright_syntax::ast::{self, Expr, ExprKind};

use super::Checked;
use super::scope::Scope;
use super::value::{Value, fold, operand, typed, widen};
use crate::scalar::quotient::{Quotient, SATURATED_BITS};
use crate::scalar::{BinaryOp, CastMode, DType, Scalar};
use crate::tensor::Leaf;
use crate::tensor::format::Format;
use crate::tensor::format_error::FormatError;
use crate::tensor::range::range;

/// A side of a quotient, and where it stands.
type Side<'a> = (Value, &'a Expr);

/// How a conversion around a quotient rounds it.
#[derive(Clone, Copy)]
pub(super) struct Rounding {
    /// The fraction bits of the result; those of the sides where a conversion keeps them.
    fraction: Option<u8>,
    nearest: bool,
    saturates: bool,
}

/// Both sides of an expression that is a quotient, whatever parentheses it has.
pub(super) fn divided(e: &Expr) -> Option<(&Expr, &Expr)> {
    match &e.kind {
        ExprKind::Paren(inner) => divided(inner),
        ExprKind::Binary { op: ast::BinaryOp::Div, left, right } => Some((left, right)),
        _ => None,
    }
}

impl Scope<'_> {
    /// The quotient directly inside of a conversion; none of two constants, which are one.
    pub(super) fn quotient_in(
        &self,
        left: &Expr,
        right: &Expr,
        fraction: Option<u8>,
        nearest: bool,
        mode: CastMode,
    ) -> Checked<Option<(Scalar<Leaf>, Format)>> {
        let (a, b) = (self.value(left)?, self.value(right)?);
        if let (Value::Constant(_), Value::Constant(_)) = (&a, &b) {
            return Ok(None);
        }
        let rounding = Rounding { fraction, nearest, saturates: mode == CastMode::Saturate };
        match self.divided((a, left), (b, right), Some(rounding))? {
            Value::Typed(value, format) => Ok(Some((value, format))),
            Value::Constant(_) => Ok(None),
        }
    }

    /// The quotient of two values, of which one is no constant.
    pub(super) fn divided(&self, (a, left): Side, (b, right): Side, rounding: Option<Rounding>) -> Checked<Value> {
        let int = Format::plain(DType::I32);
        let ((a, of_a), (b, of_b)) = (typed(a, int, left.span)?, typed(b, int, right.span)?);
        let (a, b) = (widen(a, of_a.dtype), widen(b, of_b.dtype));
        let own = i32::from(of_a.fraction) - i32::from(of_b.fraction);
        let fraction = match (rounding.and_then(|rounding| rounding.fraction), u8::try_from(own)) {
            (Some(fraction), _) | (None, Ok(fraction)) => fraction,
            (None, Err(_)) => {
                return Err(FormatError::Quotient { left: operand(left, of_a), right: operand(right, of_b) }.into());
            }
        };
        // The side that has too few bits gets them.
        let missing = i32::from(fraction) - own;
        let (a, b) = match missing {
            0 => (a, b),
            1.. => (fold(BinaryOp::Shl, a, Scalar::int(missing)), b),
            _ => (a, fold(BinaryOp::Shl, b, Scalar::int(-missing))),
        };
        let saturates = rounding.is_some_and(|rounding| rounding.saturates);
        let bits = if saturates { SATURATED_BITS } else { Quotient::ANY.bits };
        let nearest = rounding.is_some_and(|rounding| rounding.nearest);
        let quotient = Quotient { bits, nearest, ..Quotient::ANY };
        let quotient = quotient.of_ranges(range(self.kernel, &a), range(self.kernel, &b));
        Ok(Value::Typed(fold(BinaryOp::Div(quotient), a, b), Format { dtype: DType::I32, fraction }))
    }
}
