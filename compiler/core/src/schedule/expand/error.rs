//! What can be wrong with a call of a definition or a repetition, and how it is told.

use thiserror::Error;
use tilewright_syntax::ast::Ident;
use tilewright_syntax::{Diagnostic, Span};

use crate::tensor::TensorError;

/// Why statements do not become directives.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExpandError {
    #[error("there is no definition `{}`", name.name)]
    UnknownDef { name: Ident, known: Vec<String> },
    #[error("`{}` cannot be called like this: {reason}", call.name)]
    Arguments { call: Ident, reason: String, usage: String, defined: Span },
    #[error("`{}` is recursive", call.name)]
    CallsItself { call: Ident, defined: Span },
    #[error("`{}` is returned but never defined", result.name)]
    NotIntroduced { result: Ident, call: Span },
    #[error("`{}` is a size here, not a stage or an axis", name.name)]
    NotAName { name: Ident, value: Span },
    #[error("more than {most} directives")]
    TooMany { span: Span, most: usize },
    #[error("this schedule has more than {most} directives, calls and repetitions")]
    TooManySteps { span: Span, most: usize },
    #[error("calls and loops are nested too deeply")]
    TooDeep { span: Span, most: usize },
    #[error(transparent)]
    Constant(Box<TensorError>),
}

impl ExpandError {
    /// The code of what is more than a schedule may have.
    pub const TOO_MANY: &'static str = "E0359";

    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ExpandError::UnknownDef { .. } => "E0354",
            ExpandError::Arguments { .. } => "E0355",
            ExpandError::CallsItself { .. } => "E0356",
            ExpandError::NotIntroduced { .. } => "E0357",
            ExpandError::NotAName { .. } => "E0358",
            ExpandError::TooMany { .. } | ExpandError::TooManySteps { .. } | ExpandError::TooDeep { .. } => {
                ExpandError::TOO_MANY
            }
            ExpandError::Constant(error) => error.code(),
        }
    }

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        if let ExpandError::Constant(error) = self {
            return error.diagnostic();
        }
        let d = Diagnostic::error(self.code(), self.to_string());
        match self {
            ExpandError::UnknownDef { name, known } => {
                let d = d.primary(name.span, "no visible `def` has this name");
                match known.is_empty() {
                    false => d.offer(&name.name, known, "visible definitions"),
                    true => d.help(
                        "a directive follows its stage: `C.split(i, 4)`; the library's definitions need `use vta`",
                    ),
                }
            }
            ExpandError::Arguments { call, usage, defined, .. } => d
                .primary(call.span, "called here")
                .secondary(*defined, "defined here")
                .help(format!("call it as `{usage}`")),
            ExpandError::CallsItself { call, defined } => d
                .primary(call.span, "called while it is being expanded")
                .secondary(*defined, "defined here")
                .help("repeat directives with `for`"),
            ExpandError::NotIntroduced { result, call } => d
                .primary(result.span, "no directive inside names this")
                .secondary(*call, "called here")
                .help("return the name of an axis or a stage that a directive creates"),
            ExpandError::NotAName { name, value } => d
                .primary(name.span, "has to be a stage or an axis")
                .secondary(*value, "a size")
                .help("give the definition a name here"),
            ExpandError::TooMany { span, .. } | ExpandError::TooManySteps { span, .. } => {
                d.primary(*span, "exceeds the limit").help("a shorter `for`, or fewer of them inside each other")
            }
            ExpandError::TooDeep { span, most } => {
                d.primary(*span, format!("at most {most} levels")).help("call fewer definitions in a chain")
            }
            ExpandError::Constant(_) => d,
        }
    }
}
