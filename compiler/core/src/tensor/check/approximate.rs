//! Approximated functions: `approx(sigmoid, plan, 8)(e)` → the integer function of that name, of an `i32` value with
//! fraction bits, which it keeps.

use tilewright_syntax::Span;
use tilewright_syntax::ast::{Expr, ExprKind, Ident};

use super::Checked;
use super::scope::Scope;
use super::value::{Value, operand, typed};
use crate::scalar::approx::{Approx, ApproxError, Function, Method};
use crate::scalar::{DType, Scalar};
use crate::tensor::approximation_error::ApproximationError;
use crate::tensor::constants::Constants;
use crate::tensor::error::TensorError;
use crate::tensor::format::Format;

/// The word in front of the settings.
pub(super) const APPROX: &str = "approx";

/// What settings say.
pub(super) struct Settings {
    function: Function,
    method: Method,
    range: f64,
}

/// The function, the method and the range of `approx(sigmoid, plan, 8)`.
pub(super) fn approximation(name: &Ident, settings: &[Expr], constants: &Constants) -> Result<Settings, TensorError> {
    if name.name != APPROX {
        return Err(ApproximationError::NoMaker { name: name.name.clone(), span: name.span }.into());
    }
    let [function, method, range] = settings else {
        return Err(ApproximationError::Settings { found: settings.len(), span: name.span }.into());
    };
    let function = named(function, "function", Function::from_name, &Function::ALL.map(Function::name))?;
    let method = named(method, "method", Method::from_name, &Method::ALL.map(Method::name))?;
    let number = constants.number(range)?.real();
    if number <= 0.0 {
        return Err(ApproximationError::Range { range: number.to_string(), span: range.span }.into());
    }
    Ok(Settings { function, method, range: number })
}

fn named<T>(
    e: &Expr,
    what: &'static str,
    find: impl Fn(&str) -> Option<T>,
    known: &[&'static str],
) -> Result<T, ApproximationError> {
    let name = if let ExprKind::Name(name) = &e.kind { name.as_str() } else { "" };
    let unknown = || ApproximationError::Unknown { what, name: name.to_owned(), span: e.span, known: known.to_vec() };
    find(name).ok_or_else(unknown)
}

impl Scope<'_> {
    /// `approx(sigmoid, plan, 8)(e)`.
    pub(super) fn approximated(&self, name: &Ident, settings: &[Expr], args: &[Expr], span: Span) -> Checked<Value> {
        let Settings { function, method, range } = approximation(name, settings, self.constants)?;
        let [e] = args else {
            let (name, expected) = (APPROX.to_owned(), "one argument after its settings");
            return Err(TensorError::WrongArgumentCount { name, expected, found: args.len(), span }.into());
        };
        let (value, format) = typed(self.value(e)?, Format::plain(DType::I32), e.span)?;
        if format.dtype != DType::I32 {
            return Err(ApproximationError::Argument { argument: operand(e, format) }.into());
        }
        let approx = Approx::new(function, method, range, format.fraction).map_err(|error| match error {
            ApproxError::Fraction { .. } => ApproximationError::Argument { argument: operand(e, format) },
            ApproxError::Range { range, .. } => {
                ApproximationError::Range { range: range.to_string(), span: settings[2].span }
            }
        })?;
        Ok(Value::Typed(Scalar::approx(approx, value), format))
    }
}
