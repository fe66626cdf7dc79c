//! A target: a VTA configuration file → [`Config`]; without a file, VTA's default machine.

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
    let told = Diagnostic::error(error.code(), error.to_string());
    let span = match error {
        ConfigError::Json { line, column, .. } => place(text, *line, *column),
        ConfigError::UnknownKey { key, .. }
        | ConfigError::DuplicateKey { key }
        | ConfigError::NotANumber { key, .. }
        | ConfigError::NotAString { key, .. } => last_key(text, key),
        ConfigError::TooLarge { key, .. }
        | ConfigError::TooShallow { key, .. }
        | ConfigError::Contradiction { key, .. } => last_key(text, key),
        _ => None,
    };
    match span {
        Some((start, end)) => told.primary(Span::new(file, start, end), "here"),
        None => told,
    }
}

/// The bytes of the key where it stands last, with its quotes.
fn last_key(text: &str, key: &str) -> Option<(usize, usize)> {
    let quoted = format!("\"{key}\"");
    text.rfind(&quoted).map(|start| (start, start + quoted.len()))
}

/// The byte at a line and a column, both counted from 1 as `serde_json` does: columns in bytes, 0 for a line's start.
fn place(text: &str, line: usize, column: usize) -> Option<(usize, usize)> {
    let before: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let at = (before + column.saturating_sub(1)).min(text.len());
    Some((at, at))
}
