//! Where the figures of many runs go (`--csv`, `--json`): to files, or to standard output in the place of the report.

use std::path::Path;

use crate::cli::Exports;
use crate::error::Failure;
use crate::files::{self, STANDARD, Staged};

/// The figures of a command, each form made when it is asked for.
pub struct Forms<'a> {
    pub csv: &'a dyn Fn() -> String,
    pub json: &'a dyn Fn() -> String,
    /// What is shown where standard output takes neither.
    pub report: &'a dyn Fn() -> String,
}

/// Refuses outputs that would replace what the command reads, or each other.
pub fn check<'a>(exports: &Exports, inputs: impl IntoIterator<Item = &'a Path> + Clone) -> Result<(), Failure> {
    let outputs: Vec<&Path> = exports.csv.as_deref().into_iter().chain(exports.json.as_deref()).collect();
    if outputs == [Path::new(STANDARD); 2] {
        let message = "`--csv` and `--json` would be mixed on standard output: give one of them a file";
        return Err(Failure::Usage(message.to_owned()));
    }
    for output in &outputs {
        files::keep_inputs(output, inputs.clone().into_iter())?;
    }
    Ok(files::keep_apart(&outputs)?)
}

/// Writes files first, so that one that cannot be written is told before the report.
pub fn write(exports: &Exports, forms: &Forms) -> Result<(), Failure> {
    let (mut staged, mut shown) = (Vec::new(), None);
    for (path, text) in [(&exports.csv, forms.csv), (&exports.json, forms.json)] {
        match path {
            Some(path) if path == Path::new(STANDARD) => shown = Some(text()),
            Some(path) => staged.push(files::stage(path, text().as_bytes())?),
            None => {}
        }
    }
    staged.into_iter().try_for_each(Staged::commit)?;
    Ok(files::print(&shown.unwrap_or_else(forms.report))?)
}
