//! Everything that can be wrong with a kernel, one variant for each kind, and how each is told to the user.

use thiserror::Error;
use tilewright_syntax::{Diagnostic, Span, elsewhere};

use super::Reducer;
use super::approximation_error::ApproximationError;
use super::check::argmax::INDICES;
use super::check::{MAX_DIMENSIONS, MAX_ELEMENTS, MAX_INDEX, MAX_KERNEL_ELEMENTS, MAX_WORK};
use super::component_error::ComponentError;
use super::format::Format;
use super::format_error::{FormatError, Operand};
use super::number::Number;
use super::scan_error::ScanError;
use crate::scalar::DType;

/// Why a kernel has no meaning.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TensorError {
    #[error("`{owner}` has no parameter `{name}`")]
    UnknownParameter { owner: String, name: String, known: Vec<String>, span: Span },
    #[error("parameter `{name}` has no value")]
    ParameterWithoutValue { name: String, span: Span },
    #[error("not a constant: {what}")]
    NotConstant { what: String, span: Span, help: String },
    #[error("{fault}")]
    ConstantFault { fault: ConstantFault, span: Span },
    #[error("`{name}` is already {what}")]
    NameTaken { name: String, what: &'static str, span: Span, first: Option<Span> },
    #[error("unknown element type `{name}`")]
    UnknownType { name: String, span: Span },
    #[error("{what} is {value}")]
    BadExtent { what: String, value: i64, span: Span, values: Vec<(String, i64)> },
    #[error("`{name}` has too many elements")]
    TooManyElements { name: String, shape: Vec<i64>, span: Span },
    #[error("`{name}` has too many dimensions")]
    TooManyDimensions { name: String, count: usize, span: Span },
    #[error("the tensors of `{kernel}` have too many elements together")]
    KernelTooLarge { kernel: String, span: Span },
    #[error("computing `{name}` takes too many steps")]
    TooMuchWork { name: String, axes: Vec<(String, i64)>, span: Span },
    #[error("unknown name `{name}`")]
    UnknownName { name: String, known: Vec<String>, span: Span },
    #[error("tensor `{name}` has no indices")]
    WithoutIndices { name: String, rank: usize, span: Span },
    #[error("unknown tensor `{name}`")]
    UnknownTensor { name: String, known: Vec<String>, span: Span },
    #[error("`{name}` is read before it is defined")]
    ReadTooEarly { name: String, span: Span, defined: Span },
    #[error("`{name}` reads itself")]
    ReadsItself { name: String, span: Span, defined: Span },
    #[error("unknown function `{name}`")]
    UnknownFunction { name: String, span: Span, known: Vec<String> },
    #[error("`{name}` takes {expected}, but {found} {} given", if *.found == 1 { "is" } else { "are" })]
    WrongArgumentCount { name: String, expected: &'static str, found: usize, span: Span },
    #[error("`{tensor}` has {}, but {found} {} given", count(*.rank, "dimension", "dimensions"), if *.found == 1 { "index is" } else { "indices are" })]
    WrongIndexCount { tensor: String, rank: usize, found: usize, span: Span, declared: Span },
    #[error("not an index: {what}")]
    NotQuasiAffine { what: String, span: Span, help: String },
    #[error("index too large")]
    IndexTooLarge { span: Span },
    #[error("axis `{axis}` has two extents")]
    ExtentConflict { axis: String, sources: Box<[ExtentSource; 2]> },
    #[error("axis `{axis}` has no extent")]
    ExtentMissing { axis: String, span: Span },
    #[error("`{}` is read outside its bounds", .0.tensor)]
    ReadOutside(Box<OutsideRead>),
    #[error("mismatched operand types of `{operator}`: `{}` and `{}`", .left.format, .right.format)]
    TypeMismatch { operator: String, left: Operand, right: Operand },
    #[error("{value} does not fit in `{format}`")]
    DoesNotFit { value: Number, format: Format, span: Span, beside: Option<Span> },
    #[error("shift amount out of range")]
    ShiftAmount { value: Option<i64>, span: Span },
    #[error("values have no remainders: `%`")]
    ValueRemainder { span: Span },
    #[error("`{reducer}` is not the whole value of a definition")]
    ReductionInside { reducer: String, span: Span },
    #[error("unknown reduction `{name}`")]
    UnknownReducer { name: String, span: Span },
    #[error("kernel `{kernel}` has no output")]
    NoOutput { kernel: String, span: Span, last: Option<String> },
    #[error("`clip` to an empty range")]
    EmptyClip { low: Number, high: Number, span: Span },
    #[error("a comparison is not a value")]
    ComparisonAsValue { span: Span },
    #[error("`{function}` has no argument of this name")]
    NoSuchArgument { function: String, span: Span },
    #[error("`select` takes a comparison")]
    NotAComparison { span: Span },
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error(transparent)]
    Component(#[from] ComponentError),
    #[error(transparent)]
    Approximation(#[from] ApproximationError),
    #[error("`{name}` takes {}, but {found} {} given", count(*.expected, "argument", "arguments"), if *.found == 1 { "is" } else { "are" })]
    FunctionArguments { name: String, expected: usize, found: usize, span: Span, defined: Span },
    #[error("`{name}` calls itself")]
    CallsItself { name: String, call: Span, defined: Span },
    #[error("not in a function: {what}")]
    NotInFunction { what: String, span: Span, function: Span },
    #[error("this call of `{name}` expands to too many operations")]
    CallTooLarge { name: String, span: Span },
    /// An error in a function's body, and the call that led there.
    #[error("{error}")]
    InCall { error: Box<TensorError>, name: String, call: Span },
}

/// What goes wrong in a constant expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ConstantFault {
    #[error("constant too large")]
    Overflow,
    #[error("division by {0}")]
    Divisor(i64),
    #[error("shift by {0}")]
    Shift(i64),
    #[error("decimal operand of `{0}`")]
    OfDecimals(&'static str),
    #[error("decimal number instead of an integer")]
    Decimal,
}

/// A place that gives an axis its extent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtentSource {
    pub extent: i64,
    pub span: Span,
    /// The dimension (counted from 0) and the tensor that the axis indexes; none where it is written `axis < extent`.
    pub dimension: Option<(usize, String)>,
}

/// A read whose index can leave the array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideRead {
    pub tensor: String,
    pub is_input: bool,
    /// Counted from 0.
    pub dimension: usize,
    pub size: i64,
    /// Least and greatest value of the index.
    pub range: (i64, i64),
    pub axes: Vec<(String, i64)>,
    pub index: Span,
    pub declared: Span,
}

impl TensorError {
    /// The stable code, as `tilewright explain` takes it.
    pub fn code(&self) -> &'static str {
        match self {
            TensorError::UnknownParameter { .. } | TensorError::ParameterWithoutValue { .. } => "E0201",
            TensorError::NotConstant { .. } => "E0202",
            TensorError::ConstantFault { .. } => "E0203",
            TensorError::NameTaken { .. } => "E0204",
            TensorError::UnknownType { .. } => "E0205",
            TensorError::BadExtent { .. } => "E0206",
            TensorError::TooManyElements { .. }
            | TensorError::TooManyDimensions { .. }
            | TensorError::KernelTooLarge { .. } => "E0207",
            TensorError::TooMuchWork { .. } => "E0208",
            TensorError::UnknownName { .. } => "E0209",
            TensorError::WithoutIndices { .. } => "E0210",
            TensorError::UnknownTensor { .. } => "E0211",
            TensorError::ReadTooEarly { .. } | TensorError::ReadsItself { .. } => "E0212",
            TensorError::UnknownFunction { .. } => "E0213",
            TensorError::WrongArgumentCount { .. } => "E0214",
            TensorError::WrongIndexCount { .. } => "E0215",
            TensorError::NotQuasiAffine { .. } => "E0216",
            TensorError::IndexTooLarge { .. } => "E0217",
            TensorError::ExtentConflict { .. } => "E0218",
            TensorError::ExtentMissing { .. } => "E0219",
            TensorError::ReadOutside(_) => "E0220",
            TensorError::TypeMismatch { .. } => "E0221",
            TensorError::DoesNotFit { .. } => "E0222",
            TensorError::ShiftAmount { .. } => "E0223",
            TensorError::ValueRemainder { .. } => "E0224",
            TensorError::ReductionInside { .. } => "E0225",
            TensorError::UnknownReducer { .. } => "E0226",
            TensorError::NoOutput { .. } => "E0227",
            TensorError::EmptyClip { .. } => "E0228",
            TensorError::ComparisonAsValue { .. } => "E0240",
            TensorError::NoSuchArgument { .. } => "E0241",
            TensorError::NotAComparison { .. } => "E0249",
            TensorError::Scan(error) => error.code(),
            TensorError::Format(error) => error.code(),
            TensorError::Component(error) => error.code(),
            TensorError::Approximation(error) => error.code(),
            TensorError::FunctionArguments { .. } => "E0214",
            TensorError::CallsItself { .. } => "E0260",
            TensorError::NotInFunction { .. } => "E0261",
            TensorError::CallTooLarge { .. } => "E0262",
            TensorError::InCall { error, .. } => error.code(),
        }
    }

    /// How many calls led to it, as far as they are shown.
    pub fn calls(&self) -> usize {
        match self {
            TensorError::InCall { error, .. } => 1 + error.calls(),
            _ => 0,
        }
    }

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let told = Diagnostic::error(self.code(), self.to_string());
        match self {
            TensorError::UnknownParameter { name, known, span, .. } => {
                let told = told.primary(*span, format!("has no `{name}`"));
                told.offer(name, known, "parameters")
            }
            TensorError::ParameterWithoutValue { name, span } => told
                .primary(*span, "it has no default, and none was given")
                .help(format!("give it a value with `-p {name}=VALUE`, or a default: `{name} = 16`")),
            TensorError::NotConstant { span, help, .. } => {
                told.primary(*span, "has no value before the kernel runs").help(help.clone())
            }
            TensorError::ConstantFault { fault, span } => match fault {
                ConstantFault::Overflow => told.primary(*span, "does not fit in 64 bits"),
                ConstantFault::Divisor(_) => told.primary(*span, "the divisor must be at least 1"),
                ConstantFault::Shift(_) => told.primary(*span, "the amount must be in 0..63"),
                ConstantFault::Decimal => told.primary(*span, "sizes are integers"),
                ConstantFault::OfDecimals(_) => told.primary(*span, "only integers can be divided and shifted"),
            },
            TensorError::NameTaken { span, first, what, .. } => {
                let told = told.primary(*span, "already in use").help("choose another name");
                match first {
                    Some(first) => told.secondary(*first, "first used here"),
                    None if what == &"a constant" => told.note("the target defines it"),
                    None => told,
                }
            }
            TensorError::UnknownType { name, span } => {
                let told = told.primary(*span, "no such type");
                let known: Vec<String> = DType::ALL.iter().map(|t| t.name().to_owned()).collect();
                told.offer_or(elsewhere::type_hint(name), name, &known, "types")
            }
            TensorError::BadExtent { span, values, .. } => {
                let told = told.primary(*span, "must be at least 1");
                if values.is_empty() { told } else { told.note(format!("here {}", list_values(values))) }
            }
            TensorError::TooManyElements { shape, span, .. } => told
                .primary(*span, format!("has {} = {} elements", product(shape), count_elements(shape)))
                .note(format!("a tensor has at most {MAX_ELEMENTS} elements")),
            TensorError::TooManyDimensions { count, span, .. } => told
                .primary(*span, format!("has {count} axes"))
                .note(format!("a definition has at most {MAX_DIMENSIONS} axes, those that it reduces among them")),
            TensorError::KernelTooLarge { span, .. } => told
                .primary(*span, "the limit is exceeded here")
                .note(format!("the tensors of a kernel have at most {MAX_KERNEL_ELEMENTS} elements")),
            TensorError::TooMuchWork { axes, span, .. } => {
                let extents: Vec<i64> = axes.iter().map(|(_, n)| *n).collect();
                told.primary(*span, format!("takes {} = {} steps", product(&extents), count_elements(&extents)))
                    .note(format!("its axes: {}", list_ranges(axes)))
                    .note(format!("a definition takes at most {MAX_WORK} steps"))
            }
            TensorError::UnknownName { name, known, span } => {
                told.primary(*span, "neither an axis nor a parameter").offer(name, known, "visible names")
            }
            TensorError::WithoutIndices { name, rank, span } => told
                .primary(*span, format!("a tensor of {}", count(*rank, "dimension", "dimensions")))
                .help(format!("name an element: `{name}[{}]`", vec!["..."; *rank].join(", "))),
            TensorError::UnknownTensor { name, known, span } => {
                told.primary(*span, "no such tensor").offer(name, known, "tensors before this line")
            }
            TensorError::ReadTooEarly { name, span, defined } => told
                .primary(*span, "read here")
                .secondary(*defined, "defined here")
                .help(format!("move the definition of `{name}` before this line")),
            TensorError::ReadsItself { name, span, defined } => told
                .primary(*span, "read here")
                .secondary(*defined, format!("while this defines `{name}`"))
                .help("to add up values, write `sum(r: ...)`"),
            TensorError::UnknownFunction { name, span, known } => {
                let hint = elsewhere::function_hint(name);
                told.primary(*span, "no such function").offer_or(hint, name, known, "functions")
            }
            TensorError::WrongArgumentCount { name, span, .. } => {
                let told = told.primary(*span, "wrong number of arguments");
                match name.as_str() {
                    "clip" => told.help("write `clip(value, low, high)`"),
                    "sum" => told.help("write `sum(axis: value)`"),
                    _ => told,
                }
            }
            TensorError::WrongIndexCount { rank, span, declared, .. } => told
                .primary(*span, format!("needs {}", count(*rank, "index", "indices")))
                .secondary(*declared, format!("has {}", count(*rank, "dimension", "dimensions"))),
            TensorError::NotQuasiAffine { span, help, .. } => told
                .primary(*span, "not allowed in an index")
                .note("an index combines axes and constants with `+`, `-`, `* constant`, `/ constant` and `% constant`")
                .help(help.clone()),
            TensorError::IndexTooLarge { span } => {
                told.primary(*span, "too large").note(format!("the parts of an index stay within {MAX_INDEX}"))
            }
            TensorError::ExtentConflict { axis, sources } => told_conflict(told, axis, sources),
            TensorError::ExtentMissing { axis, span } => told
                .primary(*span, "no tensor is indexed by this axis alone, so its extent is unknown")
                .help(format!("write its extent: `{axis} < 16`")),
            TensorError::ReadOutside(read) => told_outside(told, read),
            TensorError::TypeMismatch { left, right, .. } => {
                let told = told
                    .primary(left.span, format!("`{}`", left.format))
                    .primary(right.span, format!("`{}`", right.format));
                let narrow = if left.format.dtype == DType::I8 { left } else { right };
                told.help(format!("widen the `i8` operand: `i32({})`", narrow.text))
            }
            TensorError::DoesNotFit { format, span, beside, .. } => {
                let (min, max) = format.limits();
                let told = told.primary(*span, format!("`{format}` holds {min} to {max}"));
                let help = match format.dtype {
                    DType::I8 => "widen this operand with `i32(...)`",
                    DType::I32 => "give this operand fewer fraction bits: `i32.q12(...)`",
                };
                match beside {
                    Some(place) => {
                        told.secondary(*place, format!("an `{format}`, whose type the number takes")).help(help)
                    }
                    None => told,
                }
            }
            TensorError::ShiftAmount { value, span } => match value {
                Some(value) => told.primary(*span, format!("this is {value}")),
                None => told.primary(*span, "not an integer"),
            }
            .note("a shift amount is an integer, and from -31 to 31 where it is a constant; a negative one turns the direction"),
            TensorError::ValueRemainder { span } => told.primary(*span, "of a value").help(
                "subtract the multiple instead: `e - ((e >> n) << n)` is e mod 2^n, `a - (a / b) * b` is a mod b",
            ),
            TensorError::ReductionInside { span, .. } => told
                .primary(*span, "inside an expression")
                .help("give the reduction a separate tensor, and read that here: `S[i] = sum(r: ...)`"),
            TensorError::UnknownReducer { name, span } => {
                let known: Vec<&str> = Reducer::ALL.iter().map(|r| r.name()).chain(INDICES.map(|(name, _)| name)).collect();
                told.primary(*span, "no such reduction").offer(name, &known, "reductions")
            }
            TensorError::NoOutput { span, last, .. } => {
                let told = told.primary(*span, "computes nothing that is returned");
                match last {
                    Some(name) => told.help(format!("mark what it computes: `output {name}[...] = ...`")),
                    None => told.help("add a definition: `output Y[i] = ...`"),
                }
            }
            TensorError::EmptyClip { low, high, span } => {
                told.primary(*span, format!("the lower limit {low} is above the upper limit {high}"))
            }
            TensorError::ComparisonAsValue { span } => told
                .primary(*span, "true or false, not a number")
                .help("a comparison chooses between two values: `select(a < b, x, y)`"),
            TensorError::NoSuchArgument { span, .. } => {
                told.primary(*span, "its arguments are positional").help("write the value without a name")
            }
            TensorError::NotAComparison { span } => {
                told.primary(*span, "not a comparison").help("compare it with something: `select(e != 0, x, y)`")
            }
            TensorError::FunctionArguments { span, defined, .. } => {
                told.primary(*span, "wrong number of arguments").secondary(*defined, "defined here")
            }
            TensorError::CallsItself { call, defined, .. } => told
                .primary(*call, "leads back to it")
                .secondary(*defined, "defined here")
                .note("a call is replaced by the body of the function, so functions cannot be recursive"),
            TensorError::NotInFunction { span, function, .. } => told
                .primary(*span, "a function can only use numbers")
                .secondary(*function, "inside this function")
                .help("give the function a parameter for it"),
            TensorError::CallTooLarge { span, .. } => told
                .primary(*span, "expands too much")
                .help("give a part of it a separate tensor, which is computed once"),
            TensorError::InCall { error, name, call } => {
                error.diagnostic().secondary(*call, format!("in this call of `{name}`"))
            }
            TensorError::Scan(error) => error.diagnostic(),
            TensorError::Format(error) => error.diagnostic(),
            TensorError::Component(error) => error.diagnostic(),
            TensorError::Approximation(error) => error.diagnostic(),
        }
    }
}

fn told_conflict(told: Diagnostic, axis: &str, sources: &[ExtentSource; 2]) -> Diagnostic {
    let [first, second] = sources;
    let tell = |source: &ExtentSource| match &source.dimension {
        Some((dimension, tensor)) => {
            format!("{} here: dimension {dimension} of `{tensor}`", source.extent)
        }
        None => format!("{} here", source.extent),
    };
    let told = told.primary(second.span, tell(second)).secondary(first.span, tell(first));
    match sources.iter().any(|s| s.dimension.is_none()) {
        true => told
            .note("an axis that is an index by itself runs over the whole dimension")
            .help(format!("remove `< ...`; to read a part of the dimension only, write the index as `0 + {axis}`")),
        false => told.note("an axis that is an index by itself runs over the whole dimension"),
    }
}

fn told_outside(told: Diagnostic, read: &OutsideRead) -> Diagnostic {
    let (min, max) = read.range;
    let told = told
        .primary(read.index, format!("from {min} to {max}"))
        .secondary(read.declared, format!("dimension {} has indices 0 to {}", read.dimension, read.size - 1));
    let told = if read.axes.is_empty() { told } else { told.note(format!("the axes: {}", list_ranges(&read.axes))) };
    match read.is_input {
        true => told.help(format!(
            "specify the values outside: `input {}: ... outside 0`, or make the axes shorter",
            read.tensor
        )),
        false => told.help("make the axes shorter; only inputs can have values outside their bounds"),
    }
}

fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// `4 x 256`.
fn product(extents: &[i64]) -> String {
    extents.iter().map(i64::to_string).collect::<Vec<_>>().join(" x ")
}

/// The number of elements in words, if it is too large for 64 bits.
fn count_elements(extents: &[i64]) -> String {
    match extents.iter().try_fold(1i64, |n, e| n.checked_mul(*e)) {
        Some(n) => n.to_string(),
        None => "more than 2^63".to_owned(),
    }
}

/// `m = 1, k = 256`.
fn list_values(values: &[(String, i64)]) -> String {
    values.iter().map(|(name, value)| format!("`{name}` = {value}")).collect::<Vec<_>>().join(", ")
}

/// `i` in 0..4, `j` in 0..8.
fn list_ranges(axes: &[(String, i64)]) -> String {
    axes.iter().map(|(name, extent)| format!("`{name}` in 0..{extent}")).collect::<Vec<_>>().join(", ")
}
