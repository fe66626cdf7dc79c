//! What can be wrong with a `use`, and how it is told.

use thiserror::Error;
use tilewright_syntax::ast::Ident;
use tilewright_syntax::{Diagnostic, Span, nearest};

/// Why a `use` brings in nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ModuleError {
    #[error("the library has no module `{}`", name.name)]
    UnknownModule { name: Ident, known: Vec<&'static str> },
    #[error("cannot read `{path}`: {reason}")]
    Unreadable { path: String, reason: String, span: Span },
    #[error("files that use each other in a circle")]
    Circle { way: Vec<Span>, span: Span },
    #[error("there is no `{}` there", name.name)]
    NotThere { name: Ident, known: Vec<String> },
}

impl ModuleError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ModuleError::UnknownModule { .. } => "E0350",
            ModuleError::Unreadable { .. } => "E0351",
            ModuleError::Circle { .. } => "E0352",
            ModuleError::NotThere { .. } => "E0353",
        }
    }

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let d = Diagnostic::error(self.code(), self.to_string());
        match self {
            ModuleError::UnknownModule { name, known } => d.primary(name.span, "no module has this name").help(
                format!("modules: {}; another file is named by its path: `use \"{}.tw\"`", known.join(", "), name.name),
            ),
            ModuleError::Unreadable { span, .. } => {
                d.primary(*span, "named here").help("a path starts at the folder of the file that names it")
            }
            ModuleError::Circle { way, span } => {
                let d = d.primary(*span, "leads back to a file that is being read");
                let d = way.iter().fold(d, |d, at| d.secondary(*at, "by way of this"));
                d.help("put what both need into a third file")
            }
            ModuleError::NotThere { name, known } => {
                let d = d.primary(name.span, "no item of the file has this name");
                match (nearest(&name.name, known.iter().map(String::as_str)), known.is_empty()) {
                    (Some(near), _) => d.help(format!("did you mean `{near}`?")),
                    (None, true) => d.note("the file defines nothing"),
                    (None, false) => d.help(format!("what it defines: {}", known.join(", "))),
                }
            }
        }
    }
}
