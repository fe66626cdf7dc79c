//! The grammar's actions: pieces that were parsed → AST nodes.
//!
//! Every expression on the parser's stack carries its height, so that a tree too deep for the recursive functions of
//! later stages (its own destructor among them) is refused before it is built.

use crate::ast::{
    AxisDecl, BinaryOp, CompareOp, Component, Define, Directive, Expr, ExprKind, Ident, NamedArg, ScheduleStmt,
};
use crate::ast::{TestValue, TestValueKind, Text};
use crate::error::{MAX_EXPRESSION_DEPTH, SyntaxError};
use crate::span::{FileId, Span};

/// An expression and the number of nodes on the longest way down from it.
pub(crate) struct Tall {
    pub expr: Expr,
    pub height: u32,
}

/// What may stand between the parentheses of a call or a reduction: `i < e` is an axis in the one and a comparison in the
/// other.
pub(crate) enum Argument {
    Value(Tall),
    Compared(Tall, CompareOp, Tall),
    Named(Ident, Tall),
}

impl Argument {
    fn span(&self) -> Span {
        match self {
            Argument::Value(value) => value.expr.span,
            Argument::Compared(left, _, right) => left.expr.span.to(right.expr.span),
            Argument::Named(name, value) => name.span.to(value.expr.span),
        }
    }
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
pub(crate) fn call(
    function: Ident,
    format: Option<Ident>,
    arguments: Arguments,
    span: Span,
) -> Result<Tall, SyntaxError> {
    let blame = function.span;
    let Some(body) = arguments.body else {
        let height = arguments.list.iter().map(height).max().unwrap_or(0);
        let (args, named) = plain_and_named(arguments.list)?;
        let (format, settings, args) = (format.map(Box::new), Vec::new(), exprs(args));
        return above(height, ExprKind::Call { function, format, settings, args, named }, span, blame);
    };
    if let Some(format) = format {
        return Err(unexpected("`(`", "a format", format.span, "a reduction keeps the format of its values"));
    }
    let height = arguments.list.iter().map(height).max().unwrap_or(0);
    let axes = arguments.list.into_iter().map(reduction_axis).collect::<Result<_, _>>()?;
    let kind = ExprKind::Reduce { op: function, axes, body: Box::new(body.expr) };
    above(height.max(body.height), kind, span, blame)
}

/// A call of a function that its settings make: `approx(sigmoid, plan, 8)(e)`.
pub(crate) fn call_with_settings(
    function: Ident,
    settings: Arguments,
    arguments: Arguments,
    span: Span,
) -> Result<Tall, SyntaxError> {
    let blame = function.span;
    let height = settings.list.iter().chain(&arguments.list).map(height).max().unwrap_or(0);
    let values = |list: Arguments| match list.body {
        Some(body) => Err(unexpected("`)`", "`:`", body.expr.span, "only a reduction has a body")),
        None => plain_and_named(list.list),
    };
    let (settings, not_settings) = values(settings)?;
    let (args, named) = values(arguments)?;
    if let Some(named) = not_settings.first() {
        return Err(unexpected("`)`", "a name", named.name.span, "the settings of a function are positional"));
    }
    if settings.is_empty() {
        return Err(unexpected(
            "a function",
            "`()`",
            blame,
            "write how it is constructed: `approx(sigmoid, plan, 8)(e)`",
        ));
    }
    let (settings, args) = (exprs(settings), exprs(args));
    above(height, ExprKind::Call { function, format: None, settings, args, named }, span, blame)
}

/// The height that an argument adds below its call.
fn height(argument: &Argument) -> u32 {
    match argument {
        Argument::Value(value) | Argument::Named(_, value) => value.height,
        Argument::Compared(left, _, right) => left.height.max(right.height) + 1,
    }
}

/// The arguments of a call: values and comparisons first, named ones behind them.
pub(crate) fn plain_and_named(list: Vec<Argument>) -> Result<(Vec<Tall>, Vec<NamedArg>), SyntaxError> {
    let (mut plain, mut named) = (Vec::new(), Vec::new());
    for argument in list {
        let span = argument.span();
        match argument {
            Argument::Named(name, value) => named.push(NamedArg { name, value: value.expr }),
            _ if !named.is_empty() => return Err(behind_named(span)),
            Argument::Value(value) => plain.push(value),
            Argument::Compared(left, op, right) => {
                let height = left.height.max(right.height);
                let kind = ExprKind::Compare { op, left: Box::new(left.expr), right: Box::new(right.expr) };
                plain.push(above(height, kind, span, span)?);
            }
        }
    }
    Ok((plain, named))
}

/// The arguments of a kernel's call: names of tensors first, parameters behind them.
pub(crate) fn tensors_and_named(list: Vec<Argument>) -> Result<(Vec<Ident>, Vec<NamedArg>), SyntaxError> {
    let (plain, named) = plain_and_named(list)?;
    let name = |value: Tall| match value.expr {
        Expr { kind: ExprKind::Name(name), span } => Ok(Ident { name, span }),
        Expr { span, .. } => Err(unexpected(
            "the name of a tensor",
            "an expression",
            span,
            "kernels are called with tensors, then parameters: `conv(X, F, h = 14)`",
        )),
    };
    Ok((plain.into_iter().map(name).collect::<Result<_, _>>()?, named))
}

/// The arguments of a kernel's call in a kernel: tensors or parts of them first, parameters behind them.
pub(crate) fn parts_and_named(list: Vec<Argument>) -> Result<(Vec<Expr>, Vec<NamedArg>), SyntaxError> {
    let (plain, named) = plain_and_named(list)?;
    let part = |value: Tall| match value.expr {
        expr @ Expr { kind: ExprKind::Name(_) | ExprKind::Index { .. }, .. } => Ok(expr),
        Expr { span, .. } => Err(unexpected(
            "a tensor or a part of one",
            "an expression",
            span,
            "kernels are called with tensors, then parameters: `cell(xs[t], hid, h = 128)`",
        )),
    };
    Ok((plain.into_iter().map(part).collect::<Result<_, _>>()?, named))
}

fn behind_named(span: Span) -> SyntaxError {
    let help = "named arguments follow positional ones";
    unexpected("`name = value`", "a positional argument", span, help)
}

fn unexpected(expected: &str, found: &str, span: Span, help: &str) -> SyntaxError {
    SyntaxError::Unexpected {
        expected: expected.to_owned(),
        found: found.to_owned(),
        span,
        continued_by: None,
        help: Some(help.to_owned()),
    }
}

fn reduction_axis(argument: Argument) -> Result<AxisDecl, SyntaxError> {
    let span = argument.span();
    let (value, extent) = match argument {
        Argument::Value(value) => (value.expr, None),
        Argument::Compared(axis, CompareOp::Less, extent) => (axis.expr, Some(extent.expr)),
        Argument::Compared(..) => {
            return Err(unexpected("an axis", "a comparison", span, "the extent of an axis is written `r < n`"));
        }
        Argument::Named(..) => {
            return Err(unexpected("an axis", "a named argument", span, "the extent of an axis is written `r < n`"));
        }
    };
    match value {
        Expr { kind: ExprKind::Name(name), span } => Ok(AxisDecl { name: Ident { name, span }, extent }),
        Expr { span, .. } => Err(unexpected(
            "the name of an axis",
            "an expression",
            span,
            "before the `:` of a reduction are its axes: `sum(r, s < 3: body)`",
        )),
    }
}

fn tallest(list: &[Tall]) -> u32 {
    list.iter().map(|e| e.height).max().unwrap_or(0)
}

pub(crate) fn exprs(list: Vec<Tall>) -> Vec<Expr> {
    list.into_iter().map(|e| e.expr).collect()
}

/// A definition behind `output`, which begins at the byte `start`.
pub(crate) fn output(file: FileId, start: usize, define: Define) -> Define {
    let span = Span::new(file, start, start).to(define.span);
    Define { output: true, span, ..define }
}

/// A call behind `output`, which begins at the byte `start`.
pub(crate) fn output_of(file: FileId, start: usize, call: Component) -> Component {
    let span = Span::new(file, start, start).to(call.span);
    Component { output: true, span, ..call }
}

/// Words that mean something in one place only are names elsewhere, and are told apart here.
pub(crate) fn word(wanted: &str, found: &Ident) -> Result<(), SyntaxError> {
    if found.name == wanted {
        return Ok(());
    }
    Err(SyntaxError::Unexpected {
        expected: format!("`{wanted}`"),
        found: format!("`{}`", found.name),
        span: found.span,
        continued_by: None,
        help: None,
    })
}

pub(crate) fn test_list(elements: Vec<TestValue>, span: Span) -> TestValue {
    TestValue { kind: TestValueKind::List(elements), span }
}

pub(crate) fn test_fill(value: Tall) -> TestValue {
    let Expr { kind, span } = value.expr;
    let kind = match kind {
        ExprKind::Name(name) if name == "random" => TestValueKind::Random,
        kind => TestValueKind::Fill(Expr { kind, span }),
    };
    TestValue { kind, span }
}

pub(crate) fn test_file(text: Text) -> TestValue {
    TestValue { span: text.span, kind: TestValueKind::File(text) }
}

/// `STAGE.call`, whose span begins at the stage.
pub(crate) fn on_stage(target: Option<Ident>, stage: Ident, mut call: Directive) -> ScheduleStmt {
    call.span = stage.span.to(call.span);
    ScheduleStmt::Directive { target, stage, call }
}
