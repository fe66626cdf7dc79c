//! What the compiler tells a user: one type for all stages. Each stage has its own typed error enum and turns it into
//! a [`Diagnostic`] at its edge; `render` draws it.

use crate::span::Span;

/// How serious a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
}

/// A place in the source with a text of its own. The primary one is what the message is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub span: Span,
    pub text: String,
    pub primary: bool,
}

/// An error or a warning, ready to be rendered.
///
/// `code` is stable (`E0203`) and is what `tilewright explain` takes. `notes` give reasons, `help` gives what would be
/// legal instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    pub code: &'static str,
    pub message: String,
    pub labels: Vec<Label>,
    pub notes: Vec<String>,
    pub help: Vec<String>,
}

impl Diagnostic {
    pub fn error(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code,
            message: message.into(),
            labels: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, message) }
    }

    /// Adds the place that the message is about.
    pub fn primary(self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.label(span, text, true)
    }

    /// Adds a place that explains the primary one.
    pub fn secondary(self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.label(span, text, false)
    }

    pub fn note(mut self, text: impl Into<String>) -> Diagnostic {
        self.notes.push(text.into());
        self
    }

    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.help.push(text.into());
        self
    }

    fn label(mut self, span: Span, text: impl Into<String>, primary: bool) -> Diagnostic {
        self.labels.push(Label { span, text: text.into(), primary });
        self
    }
}
