//! Values: expression → typed scalar expression.
//!
//! Arithmetic is `i32`: `+ - * << >>` and negation widen `i8` operands, so `X[i] * W[i]` and `i32(X[i]) * i32(W[i])` become the
//! same expression. `min`, `max` and `clip` keep the type of their operands. Numbers and parameters have no type of their
//! own; they take that of the other operand, or `i32`. Operations on constants are carried out here.

use tilewright_syntax::Span;
use tilewright_syntax::ast::{self, Expr, ExprKind, Ident};

use super::approximate::APPROX;
use super::argmax::INDICES;
use super::convert::{conversion, takes_format};
use super::scope::{Meaning, Scope};
use super::{Checked, reducer};
use crate::affine::Affine;
use crate::scalar::{BinaryOp, CastMode, CompareOp, DType, Scalar, SelectParts};
use crate::tensor::constants;
use crate::tensor::error::TensorError;
use crate::tensor::format::{Format, MAX_FRACTION};
use crate::tensor::format_error::{FormatError, Operand};
use crate::tensor::number::Number;
use crate::tensor::{Leaf, Read, Reducer};

/// An expression with its format, or a constant that takes the format of what stands beside it.
#[derive(Clone)]
pub(super) enum Value {
    Constant(Number),
    Typed(Scalar<Leaf>, Format),
}

/// What integers are computed in.
const INT: Format = Format::plain(DType::I32);

impl Scope<'_> {
    /// The value of a definition without a reduction, and the type that its tensor has. A number takes the type `number`.
    pub(super) fn stored_value(&self, e: &Expr, number: Format) -> Checked<(Scalar<Leaf>, Format)> {
        typed(self.value(e)?, number, e.span)
    }

    /// The value that a reduction joins, in the type of its result.
    pub(super) fn reduced_value(&self, reducer: Reducer, e: &Expr) -> Checked<(Scalar<Leaf>, Format)> {
        let (value, Format { dtype, fraction }) = self.stored_value(e, INT)?;
        let result = reducer.result(dtype);
        let value = if result == dtype { value } else { widen(value, dtype) };
        Ok((value, Format { dtype: result, fraction }))
    }

    pub(super) fn value(&self, e: &Expr) -> Checked<Value> {
        match &e.kind {
            ExprKind::Int(value) => Ok(Value::Constant((*value).into())),
            ExprKind::Decimal(value) => Ok(Value::Constant((*value).into())),
            ExprKind::Name(name) => self.named_value(name, e.span),
            ExprKind::Paren(inner) => self.value(inner),
            ExprKind::Negate(inner) => self.negated(inner, e.span),
            ExprKind::Binary { op, left, right } => self.binary(*op, left, right, e.span),
            ExprKind::Call { function, named, .. } if !named.is_empty() => {
                Err(TensorError::NoSuchArgument { function: function.name.clone(), span: named[0].name.span }.into())
            }
            ExprKind::Call { function, settings, args, .. } if !settings.is_empty() || function.name == APPROX => {
                self.approximated(function, settings, args, e.span)
            }
            ExprKind::Call { function, format, args, .. } => self.call((function, format.as_deref()), args, e.span),
            ExprKind::Compare { .. } => Err(TensorError::ComparisonAsValue { span: e.span }.into()),
            ExprKind::Index { tensor, indices } => self.read(tensor, indices, e.span),
            ExprKind::Reduce { op, .. } => {
                if INDICES.iter().all(|(name, _)| *name != op.name) {
                    reducer(op)?;
                }
                Err(TensorError::ReductionInside { reducer: op.name.clone(), span: e.span }.into())
            }
        }
    }

    fn named_value(&self, name: &str, span: Span) -> Checked<Value> {
        if let Some(argument) = self.bound.and_then(|bound| bound.argument(name)) {
            return Ok(argument);
        }
        match self.name(name, span)? {
            Meaning::Constant(value) => Ok(Value::Constant(value.into())),
            Meaning::Axis(axis) => {
                INT.value(self.range(axis).max.into(), span, None)?;
                Ok(Value::Typed(Scalar::Leaf(Leaf::Axis(axis)), INT))
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
        let format = self.kernel.tensor(tensor).format();
        Ok(Value::Typed(Scalar::Leaf(Leaf::Read(Read { tensor, indices, span })), format))
    }

    fn negated(&self, inner: &Expr, span: Span) -> Checked<Value> {
        match self.value(inner)? {
            Value::Constant(value) => Ok(Value::Constant(constants::negate(value, span)?)),
            Value::Typed(value, format) => {
                Ok(Value::Typed(fold(BinaryOp::Sub, Scalar::int(0), widen(value, format.dtype)), wide(format)))
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
            ast::BinaryOp::Mul => return product((a, left), (b, right)),
            ast::BinaryOp::Shl => return self.shift(BinaryOp::Shl, (a, left), (b, right)),
            ast::BinaryOp::Shr => return self.shift(BinaryOp::Shr, (a, left), (b, right)),
            ast::BinaryOp::Div => return self.divided((a, left), (b, right), None),
            ast::BinaryOp::Mod => return Err(TensorError::ValueRemainder { span }.into()),
        };
        let (a, b, format) = unify(op.symbol(), (a, left), (b, right))?;
        Ok(Value::Typed(fold(operation, widen(a, format.dtype), widen(b, format.dtype)), wide(format)))
    }

    fn shift(&self, op: BinaryOp, (value, left): (Value, &Expr), (amount, right): (Value, &Expr)) -> Checked<Value> {
        let wrong = |value| TensorError::ShiftAmount { value, span: right.span };
        let (value, format) = typed(value, INT, left.span)?;
        let (amount, of_amount) = match amount {
            Value::Constant(amount) => {
                (Scalar::int(shift_amount(amount.integer().ok_or(wrong(None))?, right.span)?), INT)
            }
            Value::Typed(Scalar::Const { value, .. }, format) => {
                (Scalar::int(shift_amount(value.into(), right.span)?), format)
            }
            Value::Typed(amount, format) => (widen(amount, format.dtype), format),
        };
        if of_amount.fraction != 0 {
            return Err(wrong(None).into());
        }
        let (op, amount) = match (op, amount) {
            (BinaryOp::Shr, Scalar::Const { value: by @ ..0, .. }) => (BinaryOp::Shl, Scalar::int(-by)),
            (BinaryOp::Shl, Scalar::Const { value: by @ ..0, .. }) => (BinaryOp::Shr, Scalar::int(-by)),
            other => other,
        };
        Ok(Value::Typed(fold(op, widen(value, format.dtype), amount), wide(format)))
    }

    fn call(&self, (function, format): (&Ident, Option<&Ident>), args: &[Expr], span: Span) -> Checked<Value> {
        if let Some(to) = conversion(&function.name) {
            return self.converted((function, format), to, args, span);
        }
        if let Some(format) = format {
            takes_format(function, format)?;
        }
        let name = function.name.as_str();
        let wrong_count =
            |expected| TensorError::WrongArgumentCount { name: name.to_owned(), expected, found: args.len(), span };
        match (name, args) {
            ("min", [a, b]) => self.choice("min", BinaryOp::Min, (self.value(a)?, a), (self.value(b)?, b)),
            ("max", [a, b]) => self.choice("max", BinaryOp::Max, (self.value(a)?, a), (self.value(b)?, b)),
            ("clip", [e, low, high]) => self.clip(e, low, high, span),
            ("select", [condition, yes, no]) => self.select(condition, yes, no),
            ("min" | "max", _) => Err(wrong_count("two arguments").into()),
            ("select", _) => Err(wrong_count("a comparison and two values").into()),
            ("clip", _) => Err(wrong_count("three arguments").into()),
            ("sum", _) => Err(wrong_count("axes and a value").into()),
            _ => self.inlined(function, args, span),
        }
    }

    /// `min` or `max`.
    fn choice(&self, name: &str, op: BinaryOp, left: (Value, &Expr), right: (Value, &Expr)) -> Checked<Value> {
        if let (Value::Constant(a), Value::Constant(b)) = (&left.0, &right.0) {
            return Ok(Value::Constant(if op == BinaryOp::Min { *a.min(b) } else { *a.max(b) }));
        }
        let (a, b, format) = unify(name, left, right)?;
        Ok(Value::Typed(fold(op, a, b), format))
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
            let holds = op.eval(a.cmp(b) as i32, 0);
            return Ok(if holds { yes_value } else { no_value });
        }
        let (left, right, _) = unify(op.symbol(), (a, left), (b, right))?;
        let (yes, no, format) = unify("select", (yes_value, yes), (no_value, no))?;
        Ok(Value::Typed(Scalar::select(op, SelectParts { left, right, yes, no }), format))
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

pub(super) fn comparison(op: ast::CompareOp) -> CompareOp {
    match op {
        ast::CompareOp::Less => CompareOp::Less,
        ast::CompareOp::LessEqual => CompareOp::LessEqual,
        ast::CompareOp::Greater => CompareOp::Greater,
        ast::CompareOp::GreaterEqual => CompareOp::GreaterEqual,
        ast::CompareOp::Equal => CompareOp::Equal,
        ast::CompareOp::NotEqual => CompareOp::NotEqual,
    }
}

/// The product, whose fraction bits are those of both factors. An integer has none, whatever stands beside it.
fn product((a, left): (Value, &Expr), (b, right): (Value, &Expr)) -> Checked<Value> {
    let formats = [&a, &b].map(|value| if let Value::Typed(_, format) = value { Some(*format) } else { None });
    let factor = |value: Value, at: &Expr, beside: Option<Format>, place: &Expr| match (value, beside) {
        (Value::Typed(value, format), _) => Ok::<_, super::Fault>((value, format)),
        (Value::Constant(number), _) if number.integer().is_none() => {
            Err(FormatError::DecimalFactor { number, span: at.span }.into())
        }
        (Value::Constant(number), beside) => {
            let format = Format::plain(beside.map_or(DType::I32, |f| f.dtype));
            Ok((constant(number, format, at, place)?, format))
        }
    };
    let (a, s) = factor(a, left, formats[1], right)?;
    let (b, t) = factor(b, right, formats[0], left)?;
    let operands = || (operand(left, s), operand(right, t));
    if s.dtype != t.dtype {
        let (left, right) = operands();
        return Err(TensorError::TypeMismatch { operator: "*".to_owned(), left, right }.into());
    }
    let fraction = s.fraction + t.fraction;
    if fraction > MAX_FRACTION {
        let (left, right) = operands();
        return Err(FormatError::Product { left, right }.into());
    }
    let value = fold(BinaryOp::Mul, widen(a, s.dtype), widen(b, t.dtype));
    Ok(Value::Typed(value, Format { dtype: DType::I32, fraction }))
}

/// Both operands in one format: constants take that of the other one.
fn unify(
    operator: &str,
    (a, left): (Value, &Expr),
    (b, right): (Value, &Expr),
) -> Checked<(Scalar<Leaf>, Scalar<Leaf>, Format)> {
    match (a, b) {
        (Value::Typed(a, s), Value::Typed(b, t)) if s == t => Ok((a, b, s)),
        (Value::Typed(_, s), Value::Typed(_, t)) => {
            let (operator, left, right) = (operator.to_owned(), operand(left, s), operand(right, t));
            Err(match s.fraction == t.fraction {
                true => TensorError::TypeMismatch { operator, left, right }.into(),
                false => FormatError::Mismatch { operator, left, right }.into(),
            })
        }
        (Value::Typed(a, t), Value::Constant(b)) => Ok((a, constant(b, t, right, left)?, t)),
        (Value::Constant(a), Value::Typed(b, t)) => Ok((constant(a, t, left, right)?, b, t)),
        (a @ Value::Constant(_), b @ Value::Constant(_)) => {
            let ((a, _), (b, _)) = (typed(a, INT, left.span)?, typed(b, INT, right.span)?);
            Ok((a, b, INT))
        }
    }
}

/// A number in the format of what stands beside it.
fn constant(number: Number, format: Format, at: &Expr, beside: &Expr) -> Result<Scalar<Leaf>, TensorError> {
    let shown = format.dtype == DType::I8 || format.fraction > 0 || !number.is_whole();
    let value = format.value(number, at.span, Some(beside.span).filter(|_| shown))?;
    Ok(Scalar::Const { value, dtype: format.dtype })
}

pub(super) fn operand(e: &Expr, format: Format) -> Operand {
    Operand { text: describe(e), format, span: e.span }
}

/// A value with a format, which is `default` for a constant. What only defaults to integers takes no decimal.
pub(super) fn typed(value: Value, default: Format, span: Span) -> Checked<(Scalar<Leaf>, Format)> {
    match value {
        Value::Constant(number) if default == INT && number.integer().is_none() => {
            Err(FormatError::DecimalAlone { number, span }.into())
        }
        Value::Constant(number) => {
            let value = default.value(number, span, None)?;
            Ok((Scalar::Const { value, dtype: default.dtype }, default))
        }
        Value::Typed(value, format) => Ok((value, format)),
    }
}

/// The format of a value that is widened to `i32`.
fn wide(format: Format) -> Format {
    Format { dtype: DType::I32, ..format }
}

/// The value as `i32`.
pub(super) fn widen(value: Scalar<Leaf>, dtype: DType) -> Scalar<Leaf> {
    match (value, dtype) {
        (Scalar::Const { value, .. }, _) => Scalar::int(value),
        (value, DType::I32) => value,
        (value, DType::I8) => Scalar::cast(DType::I32, CastMode::Wrap, value),
    }
}

/// The operation, or its value where both operands are constants of one type.
pub(super) fn fold(op: BinaryOp, left: Scalar<Leaf>, right: Scalar<Leaf>) -> Scalar<Leaf> {
    match (&left, &right) {
        (Scalar::Const { value: a, dtype }, Scalar::Const { value: b, .. }) => {
            Scalar::Const { value: op.eval(*a, *b), dtype: *dtype }
        }
        _ => Scalar::binary(op, left, right),
    }
}

/// A constant amount of a shift. What it would leave beyond is the sign or zero, which nobody writes as a shift.
fn shift_amount(amount: i64, span: Span) -> Checked<i32> {
    match amount {
        -31..=31 => Ok(amount as i32),
        _ => Err(TensorError::ShiftAmount { value: Some(amount), span }.into()),
    }
}

/// A short text for an operand in a message: the whole of a simple one, the outermost form of others.
fn describe(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Int(value) => value.to_string(),
        ExprKind::Decimal(value) => value.to_string(),
        ExprKind::Name(name) => name.clone(),
        ExprKind::Paren(inner) => describe(inner),
        ExprKind::Index { tensor, indices } => {
            let indices: Vec<String> = indices.iter().map(describe).collect();
            format!("{}[{}]", tensor.name, indices.join(", "))
        }
        ExprKind::Call { function, format, .. } => {
            let format = format.as_ref().map(|f| format!(".{}", f.name)).unwrap_or_default();
            format!("{}{format}(...)", function.name)
        }
        ExprKind::Reduce { op, .. } => format!("{}(...)", op.name),
        ExprKind::Binary { .. } | ExprKind::Negate(_) | ExprKind::Compare { .. } => "...".to_owned(),
    }
}
