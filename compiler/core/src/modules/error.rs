//! What can be wrong with a `use`, and how it is told.

use thiserror::Error;
use tilewright_syntax::ast::Ident;
use tilewright_syntax::{Diagnostic, Span};

/// Most files of a circle that are shown.
const MAX_SHOWN: usize = 8;

/// Why a `use` brings in nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ModuleError {
    #[error("the library has no module `{}`", name.name)]
    UnknownModule { name: Ident, known: Vec<&'static str> },
    #[error("cannot read `{path}`: {reason}")]
    Unreadable { path: String, reason: String, span: Span },
    #[error("circular `use`")]
    Circle { way: Vec<Span>, span: Span },
    #[error("the file has no `{}`", name.name)]
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
            ModuleError::UnknownModule { name, known } => d
                .primary(name.span, "no module has this name")
                .offer(&name.name, known, "modules")
                .help(format!("another file is named by its path: `use \"{}.tw\"`", name.name)),
            ModuleError::Unreadable { span, .. } => {
                d.primary(*span, "named here").help("a path is relative to the folder of the file that names it")
            }
            ModuleError::Circle { way, span } => {
                let d = d.primary(*span, "leads back to a file that is being read");
                let d = way.iter().take(MAX_SHOWN).fold(d, |d, at| d.secondary(*at, "through this"));
                let d = match way.len().saturating_sub(MAX_SHOWN) {
                    0 => d,
                    more => d.note(format!("and through {more} more")),
                };
                d.help("move what both need into a third file")
            }
            ModuleError::NotThere { name, known } => {
                d.primary(name.span, "no item of the file has this name").offer(&name.name, known, "names in the file")
            }
        }
    }
}
