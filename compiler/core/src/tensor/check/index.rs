//! Indices: expression → canonical quasi-affine form over the axes, proven to stay inside its dimension.

use tilewright_syntax::Span;
use tilewright_syntax::ast::{BinaryOp, Expr, ExprKind};

use super::scope::{Meaning, Scope};
use super::{Checked, MAX_INDEX};
use crate::affine::{Affine, Interval};
use crate::tensor::constants;
use crate::tensor::error::{ConstantFault, OutsideRead, TensorError};
use crate::tensor::{AxisId, Number, TensorId};

impl Scope<'_> {
    /// One index of a read, within dimension `dimension` of `tensor` unless the tensor says what stands outside.
    pub(super) fn index(&self, e: &Expr, tensor: TensorId, dimension: usize) -> Checked<Affine<AxisId>> {
        let index = self.affine(e)?;
        let read = self.kernel.tensor(tensor);
        let size = self.written_shape(tensor)[dimension];
        let range = index.range(&|a| self.range(a));
        let is_guarded = read.outside.is_some();
        if is_guarded || (range.min >= 0 && range.max < size) {
            return Ok(index);
        }
        let occurring = self.axes.iter().filter(|a| index.mentions(&|b| b == **a));
        let axes = occurring.map(|a| self.kernel.axis(*a)).map(|a| (a.name.clone(), a.extent)).collect();
        let outside = OutsideRead {
            tensor: read.name.clone(),
            is_input: read.is_input(),
            dimension,
            size,
            range: (range.min, range.max),
            axes,
            index: e.span,
            declared: read.span,
        };
        Err(TensorError::ReadOutside(Box::new(outside)).into())
    }

    fn affine(&self, e: &Expr) -> Checked<Affine<AxisId>> {
        let index = match &e.kind {
            ExprKind::Int(value) => Affine::constant(*value),
            ExprKind::Decimal(value) => {
                return Err(not_affine(format!("`{value}`"), e.span, "an index is an integer"));
            }
            ExprKind::Name(name) => match self.name(name, e.span)? {
                Meaning::Axis(axis) => Affine::var(axis),
                Meaning::Constant(value) => Affine::constant(value),
            },
            ExprKind::Paren(inner) => self.affine(inner)?,
            ExprKind::Negate(inner) => self.affine(inner)?.times(-1),
            ExprKind::Binary { op, left, right } => self.affine_binary(*op, left, right, e.span)?,
            ExprKind::Call { .. } => self.affine_call(e)?,
            ExprKind::Compare { .. } => return Err(TensorError::ComparisonAsValue { span: e.span }.into()),
            ExprKind::Index { tensor, .. } => {
                return Err(not_affine(
                    format!("an element of `{}`", tensor.name),
                    e.span,
                    "which element is read cannot depend on values",
                ));
            }
            ExprKind::Reduce { op, .. } => {
                return Err(not_affine(format!("a reduction `{}`", op.name), e.span, "reduce values, not indices"));
            }
        };
        self.within_limits(index, e.span)
    }

    /// Functions of constants may stand in an index, and what holds an index between two of them.
    fn affine_call(&self, e: &Expr) -> Checked<Affine<AxisId>> {
        if let Ok(value) = self.constants.eval(e) {
            return Ok(Affine::constant(value));
        }
        let ExprKind::Call { function, format: None, settings, args, named } = &e.kind else {
            return Err(function_of_axis(e.span));
        };
        if !settings.is_empty() || !named.is_empty() {
            return Err(function_of_axis(e.span));
        }
        match (function.name.as_str(), args.as_slice()) {
            ("clip", [index, low, high]) => self.held_between(index, low, high, e.span),
            ("min", [a, b]) => {
                let (index, bound) = self.index_and_bound(a, b, e.span)?;
                Ok(self.at_most(&index, bound))
            }
            ("max", [a, b]) => {
                let (index, bound) = self.index_and_bound(a, b, e.span)?;
                Ok(self.at_least(&index, bound))
            }
            _ => Err(function_of_axis(e.span)),
        }
    }

    fn held_between(&self, index: &Expr, low: &Expr, high: &Expr, span: Span) -> Checked<Affine<AxisId>> {
        let (Some(least), Some(greatest)) = (self.affine(low)?.as_constant(), self.affine(high)?.as_constant()) else {
            return Err(function_of_axis(span));
        };
        if least > greatest {
            let (low, high) = (Number::from(least), Number::from(greatest));
            return Err(TensorError::EmptyClip { low, high, span }.into());
        }
        Ok(self.affine(index)?.clip(Interval::new(least, greatest), &|a| self.range(a)))
    }

    /// The operands of `min` or `max`, of which one is a constant.
    fn index_and_bound(&self, a: &Expr, b: &Expr, span: Span) -> Checked<(Affine<AxisId>, i64)> {
        let (a, b) = (self.affine(a)?, self.affine(b)?);
        match (a.as_constant(), b.as_constant()) {
            (_, Some(bound)) => Ok((a, bound)),
            (Some(bound), None) => Ok((b, bound)),
            (None, None) => Err(function_of_axis(span)),
        }
    }

    fn at_most(&self, index: &Affine<AxisId>, bound: i64) -> Affine<AxisId> {
        let ranges = |a| self.range(a);
        index.clip(Interval::new(index.range(&ranges).min.min(bound), bound), &ranges)
    }

    fn at_least(&self, index: &Affine<AxisId>, bound: i64) -> Affine<AxisId> {
        let ranges = |a| self.range(a);
        index.clip(Interval::new(bound, index.range(&ranges).max.max(bound)), &ranges)
    }

    fn affine_binary(&self, op: BinaryOp, left: &Expr, right: &Expr, span: Span) -> Checked<Affine<AxisId>> {
        let (a, b) = (self.affine(left)?, self.affine(right)?);
        if let (Some(a), Some(b)) = (a.as_constant(), b.as_constant()) {
            let value = constants::apply(op, a.into(), b.into(), span)?;
            return Ok(Affine::constant(value.integer().expect("integers make integers")));
        }
        let ranges = |axis| self.range(axis);
        match (op, a.as_constant(), b.as_constant()) {
            (BinaryOp::Add, ..) => Ok(a.plus(&b)),
            (BinaryOp::Sub, ..) => Ok(a.minus(&b)),
            (BinaryOp::Mul, Some(factor), _) => Ok(b.times(factor)),
            (BinaryOp::Mul, _, Some(factor)) => Ok(a.times(factor)),
            (BinaryOp::Mul, ..) => {
                Err(not_affine("a product of axes".to_owned(), span, "one factor must be a constant"))
            }
            (BinaryOp::Div | BinaryOp::Mod, _, Some(divisor)) if divisor < 1 => {
                Err(TensorError::ConstantFault { fault: ConstantFault::Divisor(divisor), span: right.span }.into())
            }
            (BinaryOp::Div, _, Some(divisor)) => Ok(a.div(divisor, &ranges)),
            (BinaryOp::Mod, _, Some(divisor)) => Ok(a.modulo(divisor, &ranges)),
            (BinaryOp::Div | BinaryOp::Mod, ..) => {
                Err(not_affine("a division by an axis".to_owned(), right.span, "the divisor must be a constant"))
            }
            (BinaryOp::Shl | BinaryOp::Shr, ..) => {
                Err(not_affine("a shift of an axis".to_owned(), span, "write `* 2`, `/ 2` and so on"))
            }
        }
    }

    /// Keeps every later computation with this index inside `i64`.
    fn within_limits(&self, index: Affine<AxisId>, span: Span) -> Checked<Affine<AxisId>> {
        let range = index.range(&|a| self.range(a));
        let small = |n: i64| (-MAX_INDEX..=MAX_INDEX).contains(&n);
        let parts_are_small = index.terms().iter().all(|(_, c)| small(*c)) && small(index.offset());
        if parts_are_small && small(range.min) && small(range.max) {
            return Ok(index);
        }
        Err(TensorError::IndexTooLarge { span }.into())
    }
}

fn function_of_axis(span: Span) -> super::Fault {
    let help = "hold an index between constants with `min`, `max` and `clip`; what stands outside of an array can be a value as \
                well: `outside 0`";
    not_affine("a function of an axis".to_owned(), span, help)
}

fn not_affine(what: String, span: Span, help: &str) -> super::Fault {
    TensorError::NotQuasiAffine { what, span, help: help.to_owned() }.into()
}
