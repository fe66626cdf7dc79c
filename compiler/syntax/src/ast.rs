//! The program as it was written, names unresolved, every node with its span: kernels say what is computed, schedules
//! where and when; `fn` and `def` name parts of the one and of the other; programs join kernels; tests stand beside them.

use crate::decimal::Decimal;
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
    Function(Function),
    Def(Def),
    Use(Use),
    Program(Composition),
    Test(Test),
}

impl Item {
    /// From the keyword to the end: the closing brace, where the item has one.
    pub fn span(&self) -> Span {
        match self {
            Item::Kernel(kernel) => kernel.span,
            Item::Schedule(schedule) => schedule.span,
            Item::Function(function) => function.span,
            Item::Def(def) => def.span,
            Item::Use(import) => import.span,
            Item::Program(program) => program.span,
            Item::Test(test) => test.span,
        }
    }
}

/// `fn NAME(a, b) = value`: a scalar function. Arguments are values or constants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    pub name: Ident,
    pub params: Vec<Ident>,
    pub value: Expr,
    pub span: Span,
}

/// `use MODULE: a, b`: makes definitions of another place visible, all of them if none is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    pub source: UseSource,
    pub names: Vec<Ident>,
    pub span: Span,
}

/// Where a `use` finds what it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UseSource {
    /// A module of the standard library.
    Module(Ident),
    /// A file.
    File(Text),
}

/// `"conv.tw"`: what stands between the quotes, which the span includes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub text: String,
    pub span: Span,
}

/// `name = value` among the arguments of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedArg {
    pub name: Ident,
    pub value: Expr,
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
    Component(Component),
    Scan(Scan),
}

impl KernelStmt {
    pub fn span(&self) -> Span {
        match self {
            KernelStmt::Input(input) => input.span,
            KernelStmt::Define(define) => define.span,
            KernelStmt::Component(call) => call.span,
            KernelStmt::Scan(scan) => scan.span,
        }
    }
}

/// `scan t in steps { statements }`: a recurrence over the values of its axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    pub axis: Ident,
    pub steps: Expr,
    pub stmts: Vec<ScanStmt>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanStmt {
    State(State),
    /// Never an output.
    Define(Define),
    /// Its results are no outputs either.
    Component(Component),
    Next(Next),
}

impl ScanStmt {
    pub fn span(&self) -> Span {
        match self {
            ScanStmt::State(state) => state.span,
            ScanStmt::Define(define) => define.span,
            ScanStmt::Component(call) => call.span,
            ScanStmt::Next(next) => next.span,
        }
    }
}

/// `[output] h, c = cell(xs[t], hid, p = 4)`: what another kernel computes from tensors of this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    pub output: bool,
    /// Names for the kernel's outputs, in their order.
    pub results: Vec<Ident>,
    pub kernel: Ident,
    /// For each input of the kernel a tensor, by its name or behind leading indices.
    pub inputs: Vec<Expr>,
    /// Values of the kernel's parameters.
    pub params: Vec<NamedArg>,
    pub span: Span,
}

/// `state NAME[j < h]: i8 = value`: what one step leaves to the next, and its value before the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub name: Ident,
    pub axes: Vec<AxisDecl>,
    pub dtype: TypeName,
    pub value: Expr,
    pub span: Span,
}

/// `next NAME[j] = value`: the value of a state after the step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    pub name: Ident,
    pub axes: Vec<AxisDecl>,
    pub value: Expr,
    pub span: Span,
}

/// `i8`, or with fraction bits `i8.q7`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeName {
    pub name: Ident,
    pub format: Option<Ident>,
}

/// `input X: i8[m, k] outside 0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    pub name: Ident,
    pub dtype: TypeName,
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
    Directive {
        target: Option<Ident>,
        stage: Ident,
        call: Directive,
    },
    /// `NAME { directive(args); ... }`.
    Group {
        stage: Ident,
        calls: Vec<Directive>,
        span: Span,
    },
    /// `NAME(args) -> results`: the directives of a [`Def`].
    Call(Directive),
    /// `for x in [a, b] { ... }`: the directives once for each value.
    For(For),
    Use(Use),
}

impl ScheduleStmt {
    pub fn span(&self) -> Span {
        match self {
            ScheduleStmt::Directive { target: Some(target), call, .. } => target.span.to(call.span),
            ScheduleStmt::Directive { target: None, call, .. } => call.span,
            ScheduleStmt::Group { span, .. } => *span,
            ScheduleStmt::Call(call) => call.span,
            ScheduleStmt::For(repeat) => repeat.span,
            ScheduleStmt::Use(import) => import.span,
        }
    }
}

/// `def NAME(C, i, f = 16) -> io, ii { directives }`: directives by name. Parameters are stages, axes, scopes or sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Def {
    pub name: Ident,
    pub params: Vec<Param>,
    /// What is introduced inside and handed to the caller, who names it.
    pub results: Vec<Ident>,
    pub stmts: Vec<ScheduleStmt>,
    pub span: Span,
}

/// `for VARIABLE in VALUES { directives }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct For {
    pub variable: Ident,
    pub values: ForValues,
    pub stmts: Vec<ScheduleStmt>,
    pub span: Span,
}

/// What a `for` runs over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForValues {
    /// `[X_buf, W_buf]`; the span covers the brackets.
    List(Vec<Expr>, Span),
    /// `start..end`, without the end.
    Range(Box<Expr>, Box<Expr>),
}

/// `program NAME(params) { statements }`: several kernels in sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composition {
    pub name: Ident,
    pub params: Vec<Param>,
    pub stmts: Vec<ProgramStmt>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramStmt {
    Input(Input),
    Call(KernelCall),
}

impl ProgramStmt {
    pub fn span(&self) -> Span {
        match self {
            ProgramStmt::Input(input) => input.span,
            ProgramStmt::Call(call) => call.span,
        }
    }
}

/// `[output] A, B = KERNEL(X, W, p = 4) with SCHEDULE(f = 2)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelCall {
    pub output: bool,
    /// Names for the kernel's outputs, in their order.
    pub results: Vec<Ident>,
    pub kernel: Ident,
    /// The tensors for the kernel's inputs, in their order.
    pub inputs: Vec<Ident>,
    /// Values of the kernel's parameters.
    pub params: Vec<NamedArg>,
    pub schedule: Option<With>,
    pub span: Span,
}

/// `with SCHEDULE(f = 2)`, from the keyword on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct With {
    pub name: Ident,
    pub params: Vec<NamedArg>,
    pub span: Span,
}

/// `test NAME for SUBJECT(params) [with SCHEDULE(params)] { statements }`: what a kernel or program yields for an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    pub name: Ident,
    /// The kernel or program.
    pub subject: Ident,
    pub params: Vec<NamedArg>,
    pub schedule: Option<With>,
    pub stmts: Vec<TestStmt>,
    pub span: Span,
}

/// `X = value` gives an input, `expect Y = value` says what an output must be. A function's arguments are `x: i32.q12 =
/// value` or, where they are constants, `n = 3`, and what it yields is `expect value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestStmt {
    pub expect: bool,
    /// None for what a function yields.
    pub tensor: Option<Ident>,
    /// Of a function's argument.
    pub dtype: Option<TypeName>,
    pub value: TestValue,
    /// How far from the value an output may be.
    pub within: Option<Expr>,
    pub span: Span,
}

/// The elements of an array in a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestValue {
    pub kind: TestValueKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestValueKind {
    /// `[1, 2]`, or lists of lists.
    List(Vec<TestValue>),
    /// One number, or every element of an array.
    Fill(Expr),
    /// `"x.npy"`.
    File(Text),
    /// `random`: any values, the same in every run.
    Random,
}

/// One directive without its stage: `split(i, 4) -> io, ii`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    pub name: Ident,
    pub args: Vec<Expr>,
    /// Behind the others.
    pub named: Vec<NamedArg>,
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
    Decimal(Decimal),
    Name(String),
    /// `X[i, r]`.
    Index {
        tensor: Ident,
        indices: Vec<Expr>,
    },
    /// `i32(e)`, `max(a, b)`, `clip(e, 0, 127)`, or to another scale `i32.q12(e)`.
    Call {
        function: Ident,
        format: Option<Box<Ident>>,
        /// Of a function that they make, `approx(sigmoid, plan, 8)(e)`, what stands between its own parentheses.
        settings: Vec<Expr>,
        args: Vec<Expr>,
        /// Behind the others.
        named: Vec<NamedArg>,
    },
    /// `a < b`: stands only among the arguments of a call.
    Compare {
        op: CompareOp,
        left: Box<Expr>,
        right: Box<Expr>,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
}

impl CompareOp {
    pub fn symbol(self) -> &'static str {
        match self {
            CompareOp::Less => "<",
            CompareOp::LessEqual => "<=",
            CompareOp::Greater => ">",
            CompareOp::GreaterEqual => ">=",
            CompareOp::Equal => "==",
            CompareOp::NotEqual => "!=",
        }
    }
}
