//! Approximated functions: `approx(sigmoid, plan, 8)(e)` → the integer function of that name, of an `i32` value with
//! fraction bits, which it keeps. The function is one that every program knows, or one that this program defines.

use tilewright_syntax::Span;
use tilewright_syntax::ast::{Expr, ExprKind, Ident};

use super::Checked;
use super::formula::{Around, formula};
use super::scope::Scope;
use super::value::{Value, operand, typed};
use crate::scalar::approx::{Approx, ApproxError, Function, Method};
use crate::scalar::{DType, Scalar};
use crate::tensor::approximation_error::ApproximationError;
use crate::tensor::error::TensorError;
use crate::tensor::format::Format;

/// Most operations of a value whose approximated functions are written out.
const MAX_EXPANDED: usize = 1 << 14;

/// The word in front of the settings.
pub(super) const APPROX: &str = "approx";

/// What settings say.
pub(super) struct Settings {
    pub(super) function: Function,
    method: Method,
    range: f64,
}

/// The function, the method and the range of `approx(sigmoid, plan, 8)`.
pub(super) fn approximation(name: &Ident, settings: &[Expr], around: Around) -> Result<Settings, TensorError> {
    if name.name != APPROX {
        return Err(ApproximationError::NoMaker { name: name.name.clone(), span: name.span }.into());
    }
    let [function, method, range] = settings else {
        return Err(ApproximationError::Settings { found: settings.len(), span: name.span }.into());
    };
    let function = function_named(function, around)?;
    let name = if let ExprKind::Name(name) = &method.kind { name.as_str() } else { "" };
    let method = match function.methods().iter().find(|method| method.name() == name) {
        Some(method) => *method,
        None => {
            let known = function.methods().iter().map(|method| method.name().to_owned()).collect();
            let name = name.to_owned();
            return Err(ApproximationError::Unknown { what: "method", name, span: method.span, known }.into());
        }
    };
    let number = around.constants.number(range)?.real();
    if number <= 0.0 {
        return Err(ApproximationError::Range { range: number.to_string(), span: range.span }.into());
    }
    Ok(Settings { function, method, range: number })
}

/// A function that every program knows, or one of this program.
pub(super) fn function_named(e: &Expr, around: Around) -> Result<Function, TensorError> {
    let name = if let ExprKind::Name(name) = &e.kind { name.as_str() } else { "" };
    if let Some(function) = Function::from_name(name) {
        return Ok(function);
    }
    if let Some(function) = formula(&Ident { name: name.to_owned(), span: e.span }, around)? {
        return Ok(function);
    }
    let mut known: Vec<String> = Function::ALL.iter().map(|function| function.name().to_owned()).collect();
    let of_program = around.modules.functions(e.span.file).into_iter().filter(|f| f.params.len() == 1);
    known.extend(of_program.map(|f| f.name.name.clone()));
    Err(ApproximationError::Unknown { what: "function", name: name.to_owned(), span: e.span, known }.into())
}

impl Scope<'_> {
    fn around(&self) -> Around<'_> {
        Around { constants: self.constants, modules: self.modules, open: None }
    }

    /// `approx(sigmoid, plan, 8)(e)`.
    pub(super) fn approximated(&self, name: &Ident, settings: &[Expr], args: &[Expr], span: Span) -> Checked<Value> {
        let Settings { function, method, range } = approximation(name, settings, self.around())?;
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
            ApproxError::Least { .. }
            | ApproxError::Method { .. }
            | ApproxError::NoValue { .. }
            | ApproxError::Values { .. } => {
                ApproximationError::Values { fault: error.to_string(), span: settings[2].span }
            }
        })?;
        let value = Scalar::approx(approx, value);
        if value.expanded_size() > MAX_EXPANDED {
            return Err(ApproximationError::Nested { span }.into());
        }
        Ok(Value::Typed(value, format))
    }
}
