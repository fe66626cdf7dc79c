//! What can be wrong with number formats, and how it is told.

use thiserror::Error;
use tilewright_syntax::{Diagnostic, Span};

use super::format::{Format, MAX_FRACTION};
use super::number::Number;
use crate::scalar::DType;

/// Why numbers of some formats do not go together.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FormatError {
    #[error("mismatched operand types of `{operator}`: `{}` and `{}`", .left.format, .right.format)]
    Mismatch { operator: String, left: Operand, right: Operand },
    #[error("the product of an `{}` and an `{}` has {} fraction bits", .left.format, .right.format, bits(left, right))]
    Product { left: Operand, right: Operand },
    #[error(
        "the quotient of an `{}` and an `{}` would have {} fraction bits",
        .left.format,
        .right.format,
        i32::from(.left.format.fraction) - i32::from(.right.format.fraction)
    )]
    Quotient { left: Operand, right: Operand },
    #[error("`{number}` has no format")]
    DecimalAlone { number: Number, span: Span },
    #[error("`{number}` is a factor without a format")]
    DecimalFactor { number: Number, span: Span },
    #[error("`{number}` is not an integer, but the type is `{}`", .dtype.name())]
    DecimalInteger { number: Number, dtype: DType, span: Span, beside: Option<Span> },
    #[error("there is no format `{name}`")]
    Unknown { name: String, span: Span },
    #[error("`{function}` cannot have a format")]
    NoConversion { function: String, span: Span },
}

/// An operand, how a message calls it, and its format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operand {
    pub text: String,
    pub format: Format,
    pub span: Span,
}

fn bits(left: &Operand, right: &Operand) -> u8 {
    left.format.fraction + right.format.fraction
}

impl FormatError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            FormatError::Mismatch { .. } => "E0250",
            FormatError::Product { .. } | FormatError::Quotient { .. } => "E0251",
            FormatError::DecimalAlone { .. }
            | FormatError::DecimalFactor { .. }
            | FormatError::DecimalInteger { .. } => "E0252",
            FormatError::Unknown { .. } | FormatError::NoConversion { .. } => "E0253",
        }
    }

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let told = Diagnostic::error(self.code(), self.to_string());
        let both = |told: Diagnostic, left: &Operand, right: &Operand| {
            told.primary(left.span, format!("`{}`", left.format)).primary(right.span, format!("`{}`", right.format))
        };
        match self {
            FormatError::Mismatch { left, right, .. } => fix(both(told, left, right), left, right),
            FormatError::Product { left, right } => both(told, left, right)
                .note(format!("a product has the fraction bits of both, and a number at most {MAX_FRACTION}"))
                .help(format!("drop bits of one of them: `{}`", rescaled(wider(left, right), 12))),
            FormatError::Quotient { left, right } => both(told, left, right)
                .note("a quotient has the fraction bits of the first less those of the second")
                .help("say how many it is to have: `i32.q12(a / b, nearest)`"),
            FormatError::DecimalAlone { number, span } => told
                .primary(*span, "the number of its fraction bits is unknown")
                .help(format!("give it a format: `i32.q12({number})`")),
            FormatError::DecimalFactor { number, span } => told
                .primary(*span, "a product adds the fraction bits of its factors, and this has none")
                .help(format!("give it a format: `i32.q8({number})`")),
            FormatError::DecimalInteger { number, dtype, span, beside } => {
                let told = told.primary(*span, format!("expected an `{}`", dtype.name()));
                match beside {
                    Some(place) => told.secondary(*place, "its type is that of this operand").help(format!(
                        "give both a format: `i32.q12(...)` here, and the number takes it; or write `i32.q12({number})`"
                    )),
                    None => told.help(format!("write an integer, or give it a format: `i32.q12({number})`")),
                }
            }
            FormatError::Unknown { span, .. } => told
                .primary(*span, "not a number of fraction bits")
                .help(format!("write `q` and the number of fraction bits, 0 to {MAX_FRACTION}: `i32.q12`")),
            FormatError::NoConversion { span, .. } => {
                told.primary(*span, "only conversions have one").help("convert the result: `i32.q12(...)`")
            }
        }
    }
}

/// What to write where two formats meet: the narrower type takes all of the other's format, and of equal types each may
/// take the other's bits.
fn fix(told: Diagnostic, left: &Operand, right: &Operand) -> Diagnostic {
    if left.format.dtype != right.format.dtype {
        let (narrow, wide) = if left.format.dtype == DType::I8 { (left, right) } else { (right, left) };
        return told.help(format!("give both one format: `{}({})`", wide.format, narrow.text));
    }
    let (coarse, fine) = if left.format.fraction < right.format.fraction { (left, right) } else { (right, left) };
    let fewer = format!("`{}`", rescaled(fine, coarse.format.fraction));
    match left.format.dtype {
        DType::I32 => told.help(format!(
            "give both one format: `{}` keeps all bits, {fewer} drops some",
            Conversion(coarse, fine.format.fraction)
        )),
        DType::I8 => told.help(format!("give both one format: {fewer}")),
    }
}

struct Conversion<'a>(&'a Operand, u8);

impl std::fmt::Display for Conversion<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Conversion(Operand { text, format, .. }, fraction) = self;
        write!(f, "{}.q{fraction}({text})", format.dtype.name())
    }
}

/// `i32.q12(e, nearest)`.
fn rescaled(operand: &Operand, fraction: u8) -> String {
    let Operand { text, format, .. } = operand;
    format!("{}.q{fraction}({text}, nearest)", format.dtype.name())
}

fn wider<'a>(left: &'a Operand, right: &'a Operand) -> &'a Operand {
    if left.format.fraction >= right.format.fraction { left } else { right }
}
