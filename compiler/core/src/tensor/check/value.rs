//! Values: expression → typed scalar expression.
//!
//! Arithmetic is `i32`: `+ - * << >>` and negation widen `i8` operands, so `X[i] * W[i]` and `i32(X[i]) * i32(W[i])` become the
//! same expression. `min`, `max` and `clip` keep the type of their operands. Numbers and parameters have no type of their
//! own; they take that of the other operand, or `i32`. Operations on constants are carried out here.

use tilewright_syntax::Span;
use tilewright_syntax::ast::{self, Expr, ExprKind, Ident};

use super::scope::{Meaning, Scope};
use super::{Checked, reducer};
use crate::affine::Affine;
use crate::scalar::{self, BinaryOp, CastMode, CompareOp, DType, Scalar, SelectParts};
use crate::tensor::constants;
use crate::tensor::error::{Operand, TensorError};
use crate::tensor::{Leaf, Read, Reducer};

/// An expression with its type, or a constant that takes the type of what stands beside it.
#[derive(Clone)]
pub(super) enum Value {
    Constant(i64),
    Typed(Scalar<Leaf>, DType),
}

/// The constant in a type that can hold it. `beside` is the operand whose type it takes.
pub(super) fn fit(value: i64, dtype: DType, span: Span, beside: Option<Span>) -> Result<i32, TensorError> {
    let (min, max) = dtype.limits();
    if (min..=max).contains(&value) {
        return Ok(value as i32);
    }
    Err(TensorError::DoesNotFit { value, dtype, span, beside })
}

impl Scope<'_> {
    /// The value of a definition without a reduction, and the type that its tensor has. A number takes the type `number`.
    pub(super) fn stored_value(&self, e: &Expr, number: DType) -> Checked<(Scalar<Leaf>, DType)> {
        typed(self.value(e)?, number, e.span)
    }

    /// The value that a reduction joins, in the type of its result.
    pub(super) fn reduced_value(&self, reducer: Reducer, e: &Expr) -> Checked<(Scalar<Leaf>, DType)> {
        let (value, dtype) = self.stored_value(e, DType::I32)?;
        let result = reducer.result(dtype);
        Ok((if result == dtype { value } else { widen(value, dtype) }, result))
    }

    pub(super) fn value(&self, e: &Expr) -> Checked<Value> {
        match &e.kind {
            ExprKind::Int(value) => Ok(Value::Constant(*value)),
            ExprKind::Name(name) => self.named_value(name, e.span),
            ExprKind::Paren(inner) => self.value(inner),
            ExprKind::Negate(inner) => self.negated(inner, e.span),
            ExprKind::Binary { op, left, right } => self.binary(*op, left, right, e.span),
            ExprKind::Call { function, named, .. } if !named.is_empty() => {
                Err(TensorError::NoSuchArgument { function: function.name.clone(), span: named[0].name.span }.into())
            }
            ExprKind::Call { function, args, .. } => self.call(function, args, e.span),
            ExprKind::Compare { .. } => Err(TensorError::ComparisonAsValue { span: e.span }.into()),
            ExprKind::Index { tensor, indices } => self.read(tensor, indices, e.span),
            ExprKind::Reduce { op, .. } => {
                reducer(op)?;
                Err(TensorError::ReductionInside { reducer: op.name.clone(), span: e.span }.into())
            }
        }
    }

    fn named_value(&self, name: &str, span: Span) -> Checked<Value> {
        if let Some(argument) = self.bound.and_then(|bound| bound.argument(name)) {
            return Ok(argument);
        }
        match self.name(name, span)? {
            Meaning::Constant(value) => Ok(Value::Constant(value)),
            Meaning::Axis(axis) => {
                fit(self.range(axis).max, DType::I32, span, None)?;
                Ok(Value::Typed(Scalar::Leaf(Leaf::Axis(axis)), DType::I32))
            }
        }
    }

    fn read(&self, ident: &Ident, indices: &[Expr], span: Span) -> Checked<Value> {
        let tensor = self.tensor_with_rank(ident, indices.len(), span)?;
        let index = |(dimension, e)| self.index(e, tensor, dimension);
        let mut indices = indices.iter().enumerate().map(index).collect::<Checked<Vec<_>>>()?;
        if let Some(step) = self.step(tensor) {
            indices.insert(0, Affine::var(step));
        }
        let dtype = self.kernel.tensor(tensor).dtype;
        Ok(Value::Typed(Scalar::Leaf(Leaf::Read(Read { tensor, indices, span })), dtype))
    }

    fn negated(&self, inner: &Expr, span: Span) -> Checked<Value> {
        match self.value(inner)? {
            Value::Constant(value) => Ok(Value::Constant(constants::negate(value, span)?)),
            Value::Typed(value, dtype) => {
                Ok(Value::Typed(fold(BinaryOp::Sub, Scalar::int(0), widen(value, dtype)), DType::I32))
            }
        }
    }

    fn binary(&self, op: ast::BinaryOp, left: &Expr, right: &Expr, span: Span) -> Checked<Value> {
        let (a, b) = (self.value(left)?, self.value(right)?);
        if let (Value::Constant(a), Value::Constant(b)) = (&a, &b) {
            return Ok(Value::Constant(constants::apply(op, *a, *b, span)?));
        }
        let operation = match op {
            ast::BinaryOp::Add => BinaryOp::Add,
            ast::BinaryOp::Sub => BinaryOp::Sub,
            ast::BinaryOp::Mul => BinaryOp::Mul,
            ast::BinaryOp::Shl => return self.shift(BinaryOp::Shl, (a, left), (b, right)),
            ast::BinaryOp::Shr => return self.shift(BinaryOp::Shr, (a, left), (b, right)),
            ast::BinaryOp::Div | ast::BinaryOp::Mod => {
                return Err(TensorError::ValueDivision { operator: op.symbol(), span }.into());
            }
        };
        let (a, b, dtype) = unify(op.symbol(), (a, left), (b, right))?;
        Ok(Value::Typed(fold(operation, widen(a, dtype), widen(b, dtype)), DType::I32))
    }

    fn shift(&self, op: BinaryOp, (value, left): (Value, &Expr), (amount, right): (Value, &Expr)) -> Checked<Value> {
        let Value::Constant(amount) = amount else {
            return Err(TensorError::ShiftAmount { value: None, span: right.span }.into());
        };
        if !(0..32).contains(&amount) {
            return Err(TensorError::ShiftAmount { value: Some(amount), span: right.span }.into());
        }
        let (value, dtype) = typed(value, DType::I32, left.span)?;
        Ok(Value::Typed(fold(op, widen(value, dtype), Scalar::int(amount as i32)), DType::I32))
    }

    fn call(&self, function: &Ident, args: &[Expr], span: Span) -> Checked<Value> {
        let name = function.name.as_str();
        let wrong_count =
            |expected| TensorError::WrongArgumentCount { name: name.to_owned(), expected, found: args.len(), span };
        match (name, args) {
            ("i32", [e]) => self.converted(DType::I32, CastMode::Wrap, e),
            ("i8", [e]) => self.converted(DType::I8, CastMode::Wrap, e),
            ("sat8", [e]) => self.converted(DType::I8, CastMode::Saturate, e),
            ("min", [a, b]) => self.choice("min", BinaryOp::Min, (self.value(a)?, a), (self.value(b)?, b)),
            ("max", [a, b]) => self.choice("max", BinaryOp::Max, (self.value(a)?, a), (self.value(b)?, b)),
            ("clip", [e, low, high]) => self.clip(e, low, high, span),
            ("select", [condition, yes, no]) => self.select(condition, yes, no),
            ("i32" | "i8" | "sat8", _) => Err(wrong_count("one argument").into()),
            ("min" | "max", _) => Err(wrong_count("two arguments").into()),
            ("select", _) => Err(wrong_count("a comparison and two values").into()),
            ("clip", _) => Err(wrong_count("three arguments").into()),
            ("sum", _) => Err(wrong_count("axes and a value").into()),
            _ => self.inlined(function, args, span),
        }
    }

    fn converted(&self, to: DType, mode: CastMode, e: &Expr) -> Checked<Value> {
        let (value, dtype) = typed(self.value(e)?, DType::I32, e.span)?;
        let value = match value {
            value if dtype == to => value,
            Scalar::Const { value, .. } => Scalar::Const { value: scalar::cast(to, mode, value), dtype: to },
            value => Scalar::cast(to, mode, value),
        };
        Ok(Value::Typed(value, to))
    }

    /// `min` or `max`.
    fn choice(&self, name: &str, op: BinaryOp, left: (Value, &Expr), right: (Value, &Expr)) -> Checked<Value> {
        if let (Value::Constant(a), Value::Constant(b)) = (&left.0, &right.0) {
            return Ok(Value::Constant(if op == BinaryOp::Min { *a.min(b) } else { *a.max(b) }));
        }
        let (a, b, dtype) = unify(name, left, right)?;
        Ok(Value::Typed(fold(op, a, b), dtype))
    }

    /// `select(a < b, yes, no)`. What is compared has one type, and the values to choose from have one.
    fn select(&self, condition: &Expr, yes: &Expr, no: &Expr) -> Checked<Value> {
        let ExprKind::Compare { op, left, right } = &condition.kind else {
            return Err(TensorError::NotAComparison { span: condition.span }.into());
        };
        let (a, b) = (self.value(left)?, self.value(right)?);
        let (yes_value, no_value) = (self.value(yes)?, self.value(no)?);
        let op = comparison(*op);
        if let (Value::Constant(a), Value::Constant(b)) = (&a, &b) {
            let holds = op.eval((*a).cmp(b) as i32, 0);
            return Ok(if holds { yes_value } else { no_value });
        }
        let (left, right, _) = unify(op.symbol(), (a, left), (b, right))?;
        let (yes, no, dtype) = unify("select", (yes_value, yes), (no_value, no))?;
        Ok(Value::Typed(Scalar::select(op, SelectParts { left, right, yes, no }), dtype))
    }

    /// `clip(e, low, high)` is `min(max(e, low), high)`.
    fn clip(&self, e: &Expr, low: &Expr, high: &Expr, span: Span) -> Checked<Value> {
        let (low_value, high_value) = (self.value(low)?, self.value(high)?);
        if let (Value::Constant(low), Value::Constant(high)) = (&low_value, &high_value)
            && low > high
        {
            return Err(TensorError::EmptyClip { low: *low, high: *high, span }.into());
        }
        let raised = self.choice("clip", BinaryOp::Max, (self.value(e)?, e), (low_value, low))?;
        self.choice("clip", BinaryOp::Min, (raised, e), (high_value, high))
    }
}

fn comparison(op: ast::CompareOp) -> CompareOp {
    match op {
        ast::CompareOp::Less => CompareOp::Less,
        ast::CompareOp::LessEqual => CompareOp::LessEqual,
        ast::CompareOp::Greater => CompareOp::Greater,
        ast::CompareOp::GreaterEqual => CompareOp::GreaterEqual,
        ast::CompareOp::Equal => CompareOp::Equal,
        ast::CompareOp::NotEqual => CompareOp::NotEqual,
    }
}

/// Both operands in one type: constants take that of the other one.
fn unify(
    operator: &str,
    (a, left): (Value, &Expr),
    (b, right): (Value, &Expr),
) -> Checked<(Scalar<Leaf>, Scalar<Leaf>, DType)> {
    let constant = |value, dtype, at: &Expr, beside: &Expr| {
        let value = fit(value, dtype, at.span, Some(beside.span).filter(|_| dtype == DType::I8))?;
        Ok::<_, TensorError>(Scalar::Const { value, dtype })
    };
    match (a, b) {
        (Value::Typed(a, s), Value::Typed(b, t)) if s == t => Ok((a, b, s)),
        (Value::Typed(_, s), Value::Typed(_, t)) => {
            let operand = |e: &Expr, dtype| Operand { text: describe(e), dtype, span: e.span };
            let (left, right) = (operand(left, s), operand(right, t));
            Err(TensorError::TypeMismatch { operator: operator.to_owned(), left, right }.into())
        }
        (Value::Typed(a, t), Value::Constant(b)) => Ok((a, constant(b, t, right, left)?, t)),
        (Value::Constant(a), Value::Typed(b, t)) => Ok((constant(a, t, left, right)?, b, t)),
        (Value::Constant(a), Value::Constant(b)) => {
            let t = DType::I32;
            Ok((constant(a, t, left, right)?, constant(b, t, right, left)?, t))
        }
    }
}

/// A value with a type, which is `default` for a constant.
fn typed(value: Value, default: DType, span: Span) -> Checked<(Scalar<Leaf>, DType)> {
    match value {
        Value::Constant(value) => {
            Ok((Scalar::Const { value: fit(value, default, span, None)?, dtype: default }, default))
        }
        Value::Typed(value, dtype) => Ok((value, dtype)),
    }
}

/// The value as `i32`.
fn widen(value: Scalar<Leaf>, dtype: DType) -> Scalar<Leaf> {
    match (value, dtype) {
        (Scalar::Const { value, .. }, _) => Scalar::int(value),
        (value, DType::I32) => value,
        (value, DType::I8) => Scalar::cast(DType::I32, CastMode::Wrap, value),
    }
}

/// The operation, or its value where both operands are constants of one type.
fn fold(op: BinaryOp, left: Scalar<Leaf>, right: Scalar<Leaf>) -> Scalar<Leaf> {
    match (&left, &right) {
        (Scalar::Const { value: a, dtype }, Scalar::Const { value: b, .. }) => {
            Scalar::Const { value: op.eval(*a, *b), dtype: *dtype }
        }
        _ => Scalar::binary(op, left, right),
    }
}

/// A short text for an operand in a message: the whole of a simple one, the outermost form of others.
fn describe(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Int(value) => value.to_string(),
        ExprKind::Name(name) => name.clone(),
        ExprKind::Paren(inner) => describe(inner),
        ExprKind::Index { tensor, indices } => {
            let indices: Vec<String> = indices.iter().map(describe).collect();
            format!("{}[{}]", tensor.name, indices.join(", "))
        }
        ExprKind::Call { function, .. } => format!("{}(...)", function.name),
        ExprKind::Reduce { op, .. } => format!("{}(...)", op.name),
        ExprKind::Binary { .. } | ExprKind::Negate(_) | ExprKind::Compare { .. } => "...".to_owned(),
    }
}
