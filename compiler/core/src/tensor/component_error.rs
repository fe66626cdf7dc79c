//! What can be wrong with the call of a kernel in a kernel, and how it is told.

use thiserror::Error;
use tilewright_syntax::ast::Ident;
use tilewright_syntax::{Diagnostic, Span};

/// Most tensors that a kernel may have, those of its components included.
pub const MAX_TENSORS: usize = 1 << 12;

/// Why a kernel is no component of another one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ComponentError {
    #[error("there is no kernel `{}` to call", name.name)]
    UnknownKernel { name: Ident, known: Vec<String> },
    #[error("`{kernel}` {takes}, but {found} {}", if *found == 1 { "is given" } else { "are given" })]
    Count { kernel: String, takes: String, found: usize, span: Span, declared: Span, form: String },
    #[error("this is `{found}`, and input `{input}` of `{kernel}` is `{expected}`")]
    WrongType {
        kernel: String,
        input: String,
        found: String,
        expected: String,
        span: Span,
        declared: Span,
        defined: Span,
    },
    #[error("input `{input}` of `{kernel}` is read outside its bounds")]
    Outside { kernel: String, input: String, value: i32, span: Span, declared: Span, defined: Span },
    #[error("`{kernel}` has a scan, and is called in one")]
    ScanInScan { kernel: String, span: Span, inner: Span },
    #[error("`{kernel}` calls itself")]
    CallsItself { kernel: String, span: Span, declared: Span },
    #[error("with this call the kernel has {tensors} tensors")]
    TooMany { tensors: usize, span: Span },
}

impl ComponentError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ComponentError::UnknownKernel { .. } => "E0270",
            ComponentError::Count { .. } => "E0271",
            ComponentError::WrongType { .. } => "E0272",
            ComponentError::Outside { .. } | ComponentError::ScanInScan { .. } | ComponentError::TooMany { .. } => {
                "E0273"
            }
            ComponentError::CallsItself { .. } => "E0274",
        }
    }

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let d = Diagnostic::error(self.code(), self.to_string());
        match self {
            ComponentError::UnknownKernel { name, known } => {
                d.primary(name.span, "no kernel has this name").offer(&name.name, known, "kernels")
            }
            ComponentError::Count { span, declared, form, .. } => {
                d.primary(*span, "this call").secondary(*declared, "this kernel").help(format!("write `{form}`"))
            }
            ComponentError::WrongType { found, expected, span, declared, defined, .. } => d
                .primary(*span, format!("`{found}`"))
                .secondary(*declared, format!("`{expected}` for this call"))
                .secondary(*defined, "the tensor comes from here")
                .help("pass a tensor of this format and shape, or a part of one with leading indices: `xs[t]`"),
            ComponentError::Outside { value, span, declared, defined, .. } => d
                .primary(*span, format!("is not `outside {value}`"))
                .secondary(*declared, "read outside its bounds")
                .secondary(*defined, "the tensor comes from here")
                .help(format!("pass an input that is `outside {value}`")),
            ComponentError::ScanInScan { span, inner, .. } => d
                .primary(*span, "a step calls it")
                .secondary(*inner, "has its own steps")
                .help("call a kernel that computes one step, or call this one outside the scan"),
            ComponentError::CallsItself { span, declared, .. } => d
                .primary(*span, "leads back to it")
                .secondary(*declared, "this kernel")
                .help("a call is replaced by the definitions of the kernel, so kernels cannot be recursive"),
            ComponentError::TooMany { span, .. } => d
                .primary(*span, "the limit is exceeded here")
                .help(format!("a kernel has at most {MAX_TENSORS} tensors: write a program of several kernels")),
        }
    }
}
