//! A target: a VTA configuration file → [`Config`]; without a file, VTA's default machine.

use std::ops::Range;
use std::path::Path;

use tilewright_isa::{Config, ConfigError};
use tilewright_syntax::{Diagnostic, FileId, Sources, Span};

use crate::error::Failure;
use crate::files::read_source;

/// Reads a target.
pub fn read(path: Option<&Path>, sources: &mut Sources) -> Result<Config, Failure> {
    let Some(path) = path else { return Ok(Config::default()) };
    let file = read_source(path, sources)?;
    let text = &sources.file(file).text;
    Config::from_json(text).map_err(|error| diagnostic(&error, file, text).into())
}

/// Shows an error at the place in the file that it is about, where it names one.
fn diagnostic(error: &ConfigError, file: FileId, text: &str) -> Diagnostic {
    let told = |message: String| Diagnostic::error(error.code(), message);
    let at = |told: Diagnostic, range: Option<Range<usize>>, label: &str| match range {
        Some(range) => told.primary(Span::new(file, range.start, range.end), label),
        None => told,
    };
    match error {
        ConfigError::Json { line, column, reason } => {
            at(told("the target is not JSON".to_owned()), place(text, *line, *column), reason)
        }
        ConfigError::UnknownKey { key, suggestion, choices } => {
            let told = at(told(format!("unknown key `{key}`")), last_key(text, key), "not a key of a target");
            let told = match suggestion {
                Some(near) => told.help(format!("did you mean `{near}`?")),
                None => told,
            };
            told.help(format!("keys that can stand here: {}", choices.join(", ")))
        }
        ConfigError::DuplicateKey { key }
        | ConfigError::NotANumber { key, .. }
        | ConfigError::NotAString { key, .. } => at(told(error.to_string()), last_key(text, key), "here"),
        ConfigError::TooLarge { key, .. }
        | ConfigError::TooShallow { key, .. }
        | ConfigError::Contradiction { key, .. } => at(told(error.to_string()), last_key(text, key), "here"),
        _ => at(told(error.to_string()), Some(0..0), "in this target"),
    }
}

/// The bytes of the key where it stands last, with its quotes.
fn last_key(text: &str, key: &str) -> Option<Range<usize>> {
    let quoted = format!("\"{key}\"");
    text.rfind(&quoted).map(|start| start..start + quoted.len())
}

/// The byte at a line and a column, both counted from 1 as `serde_json` does: columns in bytes, 0 for a line's start.
fn place(text: &str, line: usize, column: usize) -> Option<Range<usize>> {
    let before: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let at = (before + column.saturating_sub(1)).min(text.len());
    Some(at..at)
}
