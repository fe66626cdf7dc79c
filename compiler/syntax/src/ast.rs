//! The program as it was written: kernels and schedules, names unresolved, every node with its span.

use crate::span::Span;

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ident {
    pub name: String,
    pub span: Span,
}

/// A source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub items: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    Kernel(Kernel),
    Schedule(Schedule),
}

impl Item {
    /// From the keyword to the closing brace.
    pub fn span(&self) -> Span {
        match self {
            Item::Kernel(kernel) => kernel.span,
            Item::Schedule(schedule) => schedule.span,
        }
    }
}

/// `kernel NAME(params) { statements }`: what is computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    pub name: Ident,
    pub params: Vec<Param>,
    pub stmts: Vec<KernelStmt>,
    pub span: Span,
}

/// `m = 1`: a parameter with an optional default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    pub name: Ident,
    pub default: Option<Expr>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KernelStmt {
    Input(Input),
    Define(Define),
}

impl KernelStmt {
    pub fn span(&self) -> Span {
        match self {
            KernelStmt::Input(input) => input.span,
            KernelStmt::Define(define) => define.span,
        }
    }
}

/// `input X: i8[m, k] outside 0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    pub name: Ident,
    pub dtype: Ident,
    pub dims: Vec<Expr>,
    /// The value that reads outside the array yield.
    pub outside: Option<Expr>,
    pub span: Span,
}

/// `[output] C[i, j < n] = value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Define {
    pub output: bool,
    pub name: Ident,
    pub axes: Vec<AxisDecl>,
    pub value: Expr,
    pub span: Span,
}

/// An axis where it is introduced: `i`, or `y < h` with its extent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AxisDecl {
    pub name: Ident,
    pub extent: Option<Expr>,
}

/// `schedule NAME(params) for KERNEL { statements }`: how it is computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub name: Ident,
    pub params: Vec<Param>,
    pub kernel: Ident,
    pub stmts: Vec<ScheduleStmt>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScheduleStmt {
    /// `NAME.directive(args) -> results`, or `NEW = NAME.directive(args)` with the new stage as `target`.
    Directive { target: Option<Ident>, stage: Ident, call: Directive },
    /// `NAME { directive(args); ... }`.
    Group { stage: Ident, calls: Vec<Directive>, span: Span },
}

impl ScheduleStmt {
    pub fn span(&self) -> Span {
        match self {
            ScheduleStmt::Directive { target: Some(target), call, .. } => target.span.to(call.span),
            ScheduleStmt::Directive { target: None, call, .. } => call.span,
            ScheduleStmt::Group { span, .. } => *span,
        }
    }
}

/// One directive without its stage: `split(i, 4) -> io, ii`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    pub name: Ident,
    pub args: Vec<Expr>,
    pub results: Vec<Ident>,
    /// From the stage's name, or from the directive's own where it stands in a group, to the end.
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExprKind {
    Int(i64),
    Name(String),
    /// `X[i, r]`.
    Index {
        tensor: Ident,
        indices: Vec<Expr>,
    },
    /// `i32(e)`, `max(a, b)`, `clip(e, 0, 127)`.
    Call {
        function: Ident,
        args: Vec<Expr>,
    },
    /// `sum(r, s: body)`: the only form that introduces axes inside an expression.
    Reduce {
        op: Ident,
        axes: Vec<AxisDecl>,
        body: Box<Expr>,
    },
    Binary {
        op: BinaryOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `-e`.
    Negate(Box<Expr>),
    /// Parentheses, kept so that `fmt` keeps what the author wrote.
    Paren(Box<Expr>),
}

/// Binary operators, from the loosest binding level to the tightest: shifts, then sums, then products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Shl,
    Shr,
    Add,
    Sub,
    Mul,
    /// Floor division.
    Div,
    /// Remainder of the floor division.
    Mod,
}

impl BinaryOp {
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Shl => "<<",
            BinaryOp::Shr => ">>",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Mod => "%",
        }
    }
}
