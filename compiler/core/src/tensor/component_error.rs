//! What can be wrong with the call of a kernel in a kernel, and how it is told.

use thiserror::Error;
use tilewright_syntax::ast::Ident;
use tilewright_syntax::{Diagnostic, Span, nearest};

/// Most tensors that a kernel may have, those of its components included.
pub const MAX_TENSORS: usize = 1 << 12;

/// Why a kernel is no component of another one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ComponentError {
    #[error("there is no kernel `{}` to call", name.name)]
    UnknownKernel { name: Ident, known: Vec<String> },
    #[error("`{kernel}` {takes}, and {found} {}", if *found == 1 { "stands here" } else { "stand here" })]
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
    #[error("input `{input}` of `{kernel}` is read beyond its edges")]
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
                let d = d.primary(name.span, "no kernel has this name");
                match nearest(&name.name, known.iter().map(String::as_str)) {
                    Some(near) => d.help(format!("perhaps `{near}`")),
                    None => d.help(format!("kernels here: {}", known.join(", "))),
                }
            }
            ComponentError::Count { span, declared, form, .. } => {
                d.primary(*span, "this call").secondary(*declared, "this kernel").help(format!("write `{form}`"))
            }
            ComponentError::WrongType { found, expected, span, declared, defined, .. } => d
                .primary(*span, format!("`{found}`"))
                .secondary(*declared, format!("`{expected}` for this call"))
                .secondary(*defined, "the tensor comes from here")
                .help("hand over a tensor of this format and shape, or a part of one behind leading indices: `xs[t]`"),
            ComponentError::Outside { value, span, declared, defined, .. } => d
                .primary(*span, format!("does not say that {value} stands there"))
                .secondary(*declared, "read beyond its edges")
                .secondary(*defined, "the tensor comes from here")
                .help(format!("hand over an input that is `outside {value}`")),
            ComponentError::ScanInScan { span, inner, .. } => d
                .primary(*span, "a step calls it")
                .secondary(*inner, "has steps of its own")
                .help("call a kernel that computes one step, or call this one outside of the scan"),
            ComponentError::CallsItself { span, declared, .. } => d
                .primary(*span, "leads back to it")
                .secondary(*declared, "this kernel")
                .help("a call stands for what the kernel computes: leave it out"),
            ComponentError::TooMany { span, .. } => d
                .primary(*span, "the limit is passed here")
                .help(format!("a kernel has at most {MAX_TENSORS} tensors: make a program of several kernels")),
        }
    }
}
