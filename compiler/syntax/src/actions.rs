//! The grammar's actions: pieces that were parsed → AST nodes.
//!
//! Every expression on the parser's stack carries its height, so that a tree too deep for the recursive functions of
//! later stages (its own destructor among them) is refused before it is built.

use crate::ast::{AxisDecl, BinaryOp, Define, Directive, Expr, ExprKind, Ident, KernelStmt, ScheduleStmt};
use crate::error::{MAX_EXPRESSION_DEPTH, SyntaxError};
use crate::span::{FileId, Span};

/// An expression and the number of nodes on the longest way down from it.
pub(crate) struct Tall {
    pub expr: Expr,
    pub height: u32,
}

/// What may stand between the parentheses of a call or a reduction: `e`, or `i < e` in a reduction only.
pub(crate) struct Argument {
    pub value: Tall,
    pub extent: Option<Tall>,
}

/// The bracketed part behind a name: `(a, b)`, or `(r, s: body)`.
pub(crate) struct Arguments {
    pub list: Vec<Argument>,
    pub body: Option<Tall>,
}

pub(crate) fn ident(file: FileId, start: usize, name: &str, end: usize) -> Ident {
    Ident { name: name.to_owned(), span: Span::new(file, start, end) }
}

/// A node without children.
pub(crate) fn leaf(kind: ExprKind, span: Span) -> Tall {
    Tall { expr: Expr { kind, span }, height: 1 }
}

/// A node above children of which the tallest has `height`; too tall is an error at `blame`.
fn above(height: u32, kind: ExprKind, span: Span, blame: Span) -> Result<Tall, SyntaxError> {
    if height >= MAX_EXPRESSION_DEPTH {
        return Err(SyntaxError::ExpressionTooDeep { span: blame });
    }
    Ok(Tall { expr: Expr { kind, span }, height: height + 1 })
}

pub(crate) fn binary(left: Tall, (op, blame): (BinaryOp, Span), right: Tall) -> Result<Tall, SyntaxError> {
    let span = left.expr.span.to(right.expr.span);
    let height = left.height.max(right.height);
    let kind = ExprKind::Binary { op, left: Box::new(left.expr), right: Box::new(right.expr) };
    above(height, kind, span, blame)
}

pub(crate) fn negate(minus: Span, inner: Tall) -> Result<Tall, SyntaxError> {
    let span = minus.to(inner.expr.span);
    above(inner.height, ExprKind::Negate(Box::new(inner.expr)), span, minus)
}

pub(crate) fn paren(span: Span, inner: Tall) -> Result<Tall, SyntaxError> {
    above(inner.height, ExprKind::Paren(Box::new(inner.expr)), span, span)
}

pub(crate) fn index(tensor: Ident, indices: Vec<Tall>, span: Span) -> Result<Tall, SyntaxError> {
    let blame = tensor.span;
    let height = tallest(&indices);
    above(height, ExprKind::Index { tensor, indices: exprs(indices) }, span, blame)
}

/// A call without a body, a reduction with one.
pub(crate) fn call(function: Ident, arguments: Arguments, span: Span) -> Result<Tall, SyntaxError> {
    let blame = function.span;
    let Some(body) = arguments.body else {
        let args = plain_arguments(arguments.list)?;
        let height = tallest(&args);
        return above(height, ExprKind::Call { function, args: exprs(args) }, span, blame);
    };
    let (axes, height) = reduction_axes(arguments.list)?;
    let kind = ExprKind::Reduce { op: function, axes, body: Box::new(body.expr) };
    above(height.max(body.height), kind, span, blame)
}

fn plain_arguments(list: Vec<Argument>) -> Result<Vec<Tall>, SyntaxError> {
    let plain = |argument: Argument| match argument.extent {
        None => Ok(argument.value),
        Some(extent) => Err(SyntaxError::Unexpected {
            expected: "an argument".to_owned(),
            found: "the extent of an axis".to_owned(),
            span: argument.value.expr.span.to(extent.expr.span),
            continued_by: None,
            help: Some("only a reduction has axes: `sum(r < n: body)`; there are no comparisons".to_owned()),
        }),
    };
    list.into_iter().map(plain).collect()
}

/// The axes, and the height of the tallest extent.
fn reduction_axes(list: Vec<Argument>) -> Result<(Vec<AxisDecl>, u32), SyntaxError> {
    let height = list.iter().filter_map(|a| a.extent.as_ref()).map(|e| e.height).max().unwrap_or(0);
    let axis = |argument: Argument| match argument.value.expr {
        Expr { kind: ExprKind::Name(name), span } => {
            Ok(AxisDecl { name: Ident { name, span }, extent: argument.extent.map(|e| e.expr) })
        }
        Expr { span, .. } => Err(SyntaxError::Unexpected {
            expected: "the name of an axis".to_owned(),
            found: "an expression".to_owned(),
            span,
            continued_by: None,
            help: Some("what stands before the `:` of a reduction are its axes: `sum(r, s < 3: body)`".to_owned()),
        }),
    };
    Ok((list.into_iter().map(axis).collect::<Result<_, _>>()?, height))
}

fn tallest(list: &[Tall]) -> u32 {
    list.iter().map(|e| e.height).max().unwrap_or(0)
}

pub(crate) fn exprs(list: Vec<Tall>) -> Vec<Expr> {
    list.into_iter().map(|e| e.expr).collect()
}

pub(crate) fn define(output: bool, name: Ident, axes: Vec<AxisDecl>, value: Tall, span: Span) -> KernelStmt {
    KernelStmt::Define(Define { output, name, axes, value: value.expr, span })
}

/// `STAGE.call`, whose span begins at the stage.
pub(crate) fn on_stage(target: Option<Ident>, stage: Ident, mut call: Directive) -> ScheduleStmt {
    call.span = stage.span.to(call.span);
    ScheduleStmt::Directive { target, stage, call }
}
