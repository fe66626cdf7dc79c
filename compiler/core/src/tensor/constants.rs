//! Names with values known before anything runs, and expressions of them: parameters and the target's sizes.
//!
//! Arithmetic is in `i64` and checked: what does not fit is an error, never another value.

use std::collections::{BTreeMap, HashMap, HashSet};

use tilewright_syntax::Span;
use tilewright_syntax::ast::{BinaryOp, Expr, ExprKind, Ident, Param};

use super::error::{ConstantFault, TensorError};
use super::number::Number;

/// Values by name: a target's `BATCH`, `BLOCK_IN`, `BLOCK_OUT`, and parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Constants {
    values: BTreeMap<String, i64>,
}

impl<S: Into<String>> FromIterator<(S, i64)> for Constants {
    fn from_iter<I: IntoIterator<Item = (S, i64)>>(values: I) -> Constants {
        Constants { values: values.into_iter().map(|(name, value)| (name.into(), value)).collect() }
    }
}

impl Constants {
    pub fn get(&self, name: &str) -> Option<i64> {
        self.values.get(name).copied()
    }

    pub fn insert(&mut self, name: impl Into<String>, value: i64) {
        self.values.insert(name.into(), value);
    }

    /// In alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The value of an expression of whole numbers and these names, by `+ - * / % << >>`, `min` and `max`.
    /// Division is floor division, by at least 1.
    pub fn eval(&self, e: &Expr) -> Result<i64, TensorError> {
        let decimal = || TensorError::ConstantFault { fault: ConstantFault::Decimal, span: e.span };
        self.number(e)?.integer().ok_or_else(decimal)
    }

    /// As [`Constants::eval`], with decimals among the numbers, which are added, multiplied and compared.
    pub fn number(&self, e: &Expr) -> Result<Number, TensorError> {
        const HELP: &str = "use numbers, parameters and the target's sizes";
        match &e.kind {
            ExprKind::Int(value) => Ok(Number::from(*value)),
            ExprKind::Decimal(value) => Ok(Number::from(*value)),
            ExprKind::Name(name) => self.get(name).map(Number::from).ok_or_else(|| self.unknown(name, e.span)),
            ExprKind::Paren(inner) => self.number(inner),
            ExprKind::Negate(inner) => negate(self.number(inner)?, e.span),
            ExprKind::Binary { op, left, right } => apply(*op, self.number(left)?, self.number(right)?, e.span),
            ExprKind::Call { function, args, named, settings, .. }
                if matches!(function.name.as_str(), "min" | "max")
                    && args.len() == 2
                    && named.is_empty()
                    && settings.is_empty() =>
            {
                let (a, b) = (self.number(&args[0])?, self.number(&args[1])?);
                Ok(if function.name == "min" { a.min(b) } else { a.max(b) })
            }
            ExprKind::Call { function, .. } => {
                Err(not_constant(format!("a call of `{}`", function.name), e.span, HELP))
            }
            ExprKind::Index { tensor, .. } => {
                Err(not_constant(format!("an element of `{}`", tensor.name), e.span, HELP))
            }
            ExprKind::Reduce { op, .. } => Err(not_constant(format!("a reduction `{}`", op.name), e.span, HELP)),
            ExprKind::Compare { .. } => Err(TensorError::ComparisonAsValue { span: e.span }),
        }
    }

    /// The names of `self` that occur in an expression, with their values, each once and in order of occurrence.
    pub fn used_in(&self, e: &Expr) -> Vec<(String, i64)> {
        let mut used = Vec::new();
        self.collect_used(e, &mut used);
        used
    }

    fn collect_used(&self, e: &Expr, used: &mut Vec<(String, i64)>) {
        match &e.kind {
            ExprKind::Name(name) => {
                if let Some(value) = self.get(name)
                    && !used.iter().any(|(n, _)| n == name)
                {
                    used.push((name.clone(), value));
                }
            }
            ExprKind::Paren(inner) | ExprKind::Negate(inner) => self.collect_used(inner, used),
            ExprKind::Binary { left, right, .. } | ExprKind::Compare { left, right, .. } => {
                self.collect_used(left, used);
                self.collect_used(right, used);
            }
            ExprKind::Call { settings, args, .. } => {
                settings.iter().chain(args).for_each(|arg| self.collect_used(arg, used));
            }
            ExprKind::Int(_) | ExprKind::Decimal(_) | ExprKind::Index { .. } | ExprKind::Reduce { .. } => {}
        }
    }

    fn unknown(&self, name: &str, span: Span) -> TensorError {
        TensorError::UnknownName { name: name.to_owned(), known: self.names().map(str::to_owned).collect(), span }
    }
}

/// Gives each parameter its value: the one in `overrides`, or its default, in which `outer` and the parameters before it
/// may occur. The result holds `outer` as well. `owner` is the kernel or schedule that has the parameters.
pub fn bind_parameters(
    owner: &Ident,
    params: &[Param],
    overrides: &[(String, i64)],
    outer: &Constants,
) -> Result<Constants, Vec<TensorError>> {
    let mut errors = unknown_overrides(owner, params, overrides);
    let mut bound = outer.clone();
    let mut named: HashMap<&str, Span> = HashMap::new();
    // The last override wins, as with other options of a command line.
    let given: HashMap<&str, i64> = overrides.iter().map(|(name, value)| (&**name, *value)).collect();
    for param in params {
        let Ident { name, span } = &param.name;
        let first = named.get(&**name).copied();
        named.entry(name).or_insert(*span);
        if first.is_some() || outer.get(name).is_some() {
            let what = if first.is_some() { "a parameter" } else { "a constant" };
            errors.push(TensorError::NameTaken { name: name.clone(), what, span: *span, first });
            continue;
        }
        match parameter_value(param, given.get(&**name).copied(), &bound) {
            Ok(value) => bound.insert(name, value),
            Err(error) => {
                errors.push(error);
                // A value must stand here so that whatever names the parameter is no second error.
                bound.insert(name, 1);
            }
        }
    }
    if errors.is_empty() { Ok(bound) } else { Err(errors) }
}

fn unknown_overrides(owner: &Ident, params: &[Param], overrides: &[(String, i64)]) -> Vec<TensorError> {
    let known: HashSet<&str> = params.iter().map(|p| &*p.name.name).collect();
    let unknown = overrides.iter().filter(|(name, _)| !known.contains(&**name));
    unknown
        .map(|(name, _)| TensorError::UnknownParameter {
            owner: owner.name.clone(),
            name: name.clone(),
            known: params.iter().map(|p| p.name.name.clone()).collect(),
            span: owner.span,
        })
        .collect()
}

fn parameter_value(param: &Param, given: Option<i64>, bound: &Constants) -> Result<i64, TensorError> {
    let Ident { name, span } = &param.name;
    match (given, &param.default) {
        (Some(value), _) => Ok(value),
        (None, Some(default)) => bound.eval(default),
        (None, None) => Err(TensorError::ParameterWithoutValue { name: name.clone(), span: *span }),
    }
}

/// Applies an operator to constants.
pub(super) fn apply(op: BinaryOp, a: Number, b: Number, span: Span) -> Result<Number, TensorError> {
    Number::apply(op, a, b).map_err(|fault| TensorError::ConstantFault { fault, span })
}

pub(super) fn negate(value: Number, span: Span) -> Result<Number, TensorError> {
    value.negated().map_err(|fault| TensorError::ConstantFault { fault, span })
}

fn not_constant(what: String, span: Span, help: &str) -> TensorError {
    TensorError::NotConstant { what, span, help: help.to_owned() }
}
