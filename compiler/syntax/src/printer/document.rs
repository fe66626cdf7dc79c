//! One statement or header → a `pretty` document, with the comments inside it at their places.
//!
//! Parts are visited in the order of the source, and a comment is written before the first part behind it. A comment
//! ends its line, so every place where one can be written must be one where a newline ends no statement: inside
//! brackets or behind a token that cannot end a statement.

mod items;

use pretty::{Arena, DocAllocator, DocBuilder};

use crate::ast::Schedule;
use crate::ast::{AxisDecl, BinaryOp, Define, Directive, Expr, ExprKind, Ident, Input, Kernel, Param, TypeName};
use crate::trivia::{Comment, Trivia};

use super::INDENT;

pub(super) type Doc<'d> = DocBuilder<'d, Arena<'d>>;

/// Builds documents in an arena and knows which comments they hold already.
pub(super) struct Documents<'d> {
    arena: &'d Arena<'d>,
    trivia: &'d Trivia,
    comments: &'d [Comment],
    written: usize,
}

/// How tightly an operator binds its operands; the loosest is 0.
fn tightness(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Shl | BinaryOp::Shr => 0,
        BinaryOp::Add | BinaryOp::Sub => 1,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod => 2,
    }
}

impl<'d> Documents<'d> {
    /// `comments` are those not written yet, in order.
    pub(super) fn new(arena: &'d Arena<'d>, trivia: &'d Trivia, comments: &'d [Comment]) -> Documents<'d> {
        Documents { arena, trivia, comments, written: 0 }
    }

    /// How many of the comments stand in the documents built so far.
    pub(super) fn written(&self) -> usize {
        self.written
    }

    /// Without the brace, which stands at the byte `brace`.
    pub(super) fn kernel_header(&mut self, kernel: &Kernel, brace: u32) -> Doc<'d> {
        let name = self.text("kernel ").append(self.name(&kernel.name));
        name.append(self.params(&kernel.params, brace))
    }

    pub(super) fn schedule_header(&mut self, schedule: &Schedule) -> Doc<'d> {
        let name = self.text("schedule ").append(self.name(&schedule.name));
        let params = self.params(&schedule.params, schedule.kernel.span.start);
        name.append(params).append(" for ").append(self.name(&schedule.kernel))
    }

    /// `[TARGET = ]STAGE.directive(args)[ -> results]`.
    pub(super) fn directive(&mut self, target: Option<&Ident>, stage: &Ident, call: &Directive) -> Doc<'d> {
        let target = match target {
            Some(target) => {
                let target = self.name(target).append(" =");
                target.append(self.gap(stage.span.start, " "))
            }
            None => self.arena.nil(),
        };
        let stage = target.append(self.name(stage)).append(".");
        let gap = self.gap(call.name.span.start, "");
        stage.append(gap).append(self.call(call))
    }

    /// A directive without its stage, as it stands in a group.
    pub(super) fn call(&mut self, call: &Directive) -> Doc<'d> {
        let end = if call.results.is_empty() { call.span.end } else { 0 };
        let name = self.name(&call.name);
        let args = self.call_arguments(&call.args, &call.named, end);
        name.append(args).append(self.results(&call.results))
    }

    pub(super) fn input(&mut self, input: &Input) -> Doc<'d> {
        let end = if input.outside.is_none() { input.span.end } else { 0 };
        let gap = self.gap(input.name.span.start, " ");
        let name = self.text("input").append(gap).append(self.name(&input.name)).append(":");
        let dtype = self.gap(input.dtype.name.span.start, " ").append(self.type_name(&input.dtype));
        let dims = self.exprs("[", &input.dims, "]", end);
        let outside = match &input.outside {
            Some(value) => {
                let gap = self.gap(value.span.start, " ");
                self.text(" outside").append(gap).append(self.expr(value))
            }
            None => self.arena.nil(),
        };
        name.append(dtype).append(dims).append(outside)
    }

    pub(super) fn type_name(&mut self, dtype: &TypeName) -> Doc<'d> {
        self.with_format(&dtype.name, dtype.format.as_ref())
    }

    /// `i8`, or `i8.q7`.
    fn with_format(&mut self, name: &Ident, format: Option<&Ident>) -> Doc<'d> {
        let Some(format) = format else { return self.name(name) };
        let name = self.name(name).append(".");
        let gap = self.gap(format.span.start, "");
        name.append(gap).append(self.name(format))
    }

    pub(super) fn define(&mut self, define: &Define) -> Doc<'d> {
        let output = match define.output {
            true => self.text("output").append(self.gap(define.name.span.start, " ")),
            false => self.arena.nil(),
        };
        let name = output.append(self.name(&define.name));
        let axes = self.list("[", &define.axes, "]", 0, |axis| axis.name.span.start, Self::axis);
        let gap = self.gap(define.value.span.start, " ");
        name.append(axes).append(" =").append(gap).append(self.expr(&define.value))
    }

    fn axis(&mut self, axis: &AxisDecl) -> Doc<'d> {
        let name = self.name(&axis.name);
        match &axis.extent {
            Some(extent) => {
                let gap = self.gap(extent.span.start, " ");
                name.append(" <").append(gap).append(self.expr(extent))
            }
            None => name,
        }
    }

    fn params(&mut self, params: &[Param], end: u32) -> Doc<'d> {
        if params.is_empty() {
            return self.arena.nil();
        }
        self.list("(", params, ")", end, |param| param.name.span.start, Self::param)
    }

    fn param(&mut self, param: &Param) -> Doc<'d> {
        let name = self.name(&param.name);
        match &param.default {
            Some(default) => {
                let gap = self.gap(default.span.start, " ");
                name.append(" =").append(gap).append(self.expr(default))
            }
            None => name,
        }
    }

    fn number(&self, expr: &Expr, value: &dyn ToString) -> Doc<'d> {
        let notation = self.trivia.notation(expr.span.start);
        self.text(notation.map_or_else(|| value.to_string(), str::to_owned))
    }

    fn expr(&mut self, expr: &Expr) -> Doc<'d> {
        match &expr.kind {
            ExprKind::Binary { .. } => self.chain(expr).group(),
            ExprKind::Int(value) => self.number(expr, value),
            ExprKind::Decimal(value) => self.number(expr, value),
            ExprKind::Name(name) => self.text(name.clone()),
            ExprKind::Index { tensor, indices } => {
                let tensor = self.name(tensor);
                tensor.append(self.exprs("[", indices, "]", expr.span.end))
            }
            ExprKind::Compare { op, left, right } => {
                let left = self.expr(left).append(format!(" {}", op.symbol()));
                let gap = self.gap(right.span.start, " ");
                left.append(gap).append(self.expr(right))
            }
            ExprKind::Call { function, format, settings, args, named } => {
                let function = self.with_format(function, format.as_deref());
                let function = match settings.last() {
                    Some(last) => function.append(self.exprs("(", settings, ")", last.span.end)),
                    None => function,
                };
                function.append(self.call_arguments(args, named, expr.span.end))
            }
            ExprKind::Reduce { op, axes, body } => self.reduce(op, axes, body, expr.span.end),
            ExprKind::Negate(inner) => {
                let gap = self.gap(inner.span.start, "");
                let is_sum = matches!(inner.kind, ExprKind::Binary { .. });
                self.text("-").append(gap).append(self.operand(inner, is_sum))
            }
            ExprKind::Paren(inner) => {
                let open = self.gap_or(inner.span.start, self.arena.line_());
                let inner = open.append(self.expr(inner));
                self.brackets("(", inner, expr.span.end, ")")
            }
        }
    }

    /// Operators of one level of binding, left to right. If they do not fit, each begins a line.
    fn chain(&mut self, expr: &Expr) -> Doc<'d> {
        let ExprKind::Binary { op, left, right } = &expr.kind else { return self.expr(expr) };
        let level = tightness(*op);
        let left = match &left.kind {
            ExprKind::Binary { op, .. } if tightness(*op) == level => self.chain(left),
            ExprKind::Binary { op, .. } => self.operand(left, tightness(*op) < level),
            _ => self.expr(left),
        };
        let operator = match self.comments_before(right.span.start) {
            Some(comments) => self.text(format!(" {}", op.symbol())).append(comments),
            None => self.arena.line().append(format!("{} ", op.symbol())),
        };
        let needs_parens = matches!(&right.kind, ExprKind::Binary { op, .. } if tightness(*op) <= level);
        left.append(operator.append(self.operand(right, needs_parens)).nest(INDENT as isize))
    }

    /// An operand, in parentheses where a tree that was not parsed lacks those that the text needs.
    fn operand(&mut self, expr: &Expr, needs_parens: bool) -> Doc<'d> {
        let operand = self.expr(expr);
        if needs_parens { self.text("(").append(operand).append(")") } else { operand }
    }

    fn reduce(&mut self, op: &Ident, axes: &[AxisDecl], body: &Expr, end: u32) -> Doc<'d> {
        let mut inner = self.arena.nil();
        for (index, axis) in axes.iter().enumerate() {
            let (mark, space) = if index == 0 { ("", "") } else { (",", " ") };
            let space = self.text(space);
            let gap = self.gap_or(axis.name.span.start, space);
            inner = inner.append(mark).append(gap).append(self.axis(axis));
        }
        let gap = self.gap_or(body.span.start, self.arena.line());
        let inner = inner.append(":").append(gap).append(self.expr(body));
        let op = self.name(op);
        op.append(self.brackets("(", inner, end, ")"))
    }

    fn exprs(&mut self, open: &'static str, list: &[Expr], close: &'static str, end: u32) -> Doc<'d> {
        self.list(open, list, close, end, |expr| expr.span.start, Self::expr)
    }

    /// A bracketed list on one line, or one element a line with a comma behind each. Comments before the byte `end` go
    /// before the closing bracket.
    fn list<T>(
        &mut self,
        open: &'static str,
        elements: &[T],
        close: &'static str,
        end: u32,
        start: impl Fn(&T) -> u32,
        build: impl Fn(&mut Self, &T) -> Doc<'d>,
    ) -> Doc<'d> {
        let mut inner = self.arena.nil();
        for (index, element) in elements.iter().enumerate() {
            let (mark, line) = if index == 0 { ("", self.arena.line_()) } else { (",", self.arena.line()) };
            let gap = self.gap_or(start(element), line);
            inner = inner.append(mark).append(gap).append(build(self, element));
        }
        if !elements.is_empty() {
            inner = inner.append(self.text(",").flat_alt(self.arena.nil()));
        }
        self.brackets(open, inner, end, close)
    }

    fn brackets(&mut self, open: &'static str, inner: Doc<'d>, end: u32, close: &'static str) -> Doc<'d> {
        let last = match self.comments(end) {
            Some(comments) => (comments, self.arena.hardline()),
            None => (self.arena.nil(), self.arena.line_()),
        };
        let inner = inner.append(last.0).nest(INDENT as isize);
        self.text(open).append(inner).append(last.1).append(close).group()
    }

    /// As [`gap_or`](Self::gap_or) for a place outside of brackets, whose next line is indented.
    fn gap(&mut self, start: u32, otherwise: &'static str) -> Doc<'d> {
        let otherwise = self.text(otherwise);
        self.gap_or(start, otherwise).nest(INDENT as isize)
    }

    /// The comments before the byte `start`, or `otherwise` if there are none.
    fn gap_or(&mut self, start: u32, otherwise: Doc<'d>) -> Doc<'d> {
        self.comments_before(start).unwrap_or(otherwise)
    }

    /// The comments before the byte `start`, and the newline that ends the last of them.
    fn comments_before(&mut self, start: u32) -> Option<Doc<'d>> {
        self.comments(start).map(|comments| comments.append(self.arena.hardline()))
    }

    /// The comments before the byte `end`, each behind a newline, or behind what stands before the first of them.
    fn comments(&mut self, end: u32) -> Option<Doc<'d>> {
        let mut document = None;
        while let Some(comment) = self.comments.get(self.written)
            && comment.span.start < end
        {
            let behind = document.is_none() && !comment.own_line;
            let before = if behind { self.text(" ") } else { self.arena.hardline() };
            let comment = before.append(comment.text.clone());
            document = Some(document.unwrap_or_else(|| self.arena.nil()).append(comment));
            self.written += 1;
        }
        document
    }

    fn name(&self, ident: &Ident) -> Doc<'d> {
        self.text(ident.name.clone())
    }

    fn text(&self, text: impl Into<std::borrow::Cow<'d, str>>) -> Doc<'d> {
        self.arena.text(text)
    }
}
