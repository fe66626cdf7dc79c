//! Where the figures of many runs go (`--csv`, `--json`): to files, or to standard output instead of the report.

use std::path::Path;

use crate::cli::Exports;
use crate::error::{DriverError, Failure};
use crate::files::{self, STANDARD, Staged, is_standard};

/// The figures of a command, each form made when it is asked for.
pub struct Forms<'a> {
    pub csv: &'a dyn Fn() -> String,
    pub json: &'a dyn Fn() -> String,
    /// What is shown where standard output takes neither.
    pub report: &'a dyn Fn() -> String,
}

/// A text as a cell of comma-separated values: one that a spreadsheet would take for a formula begins with an apostrophe.
pub fn text_cell(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// Refuses outputs that would replace what the command reads, or each other, or cannot be written.
pub fn check<'a>(exports: &Exports, inputs: impl IntoIterator<Item = &'a Path> + Clone) -> Result<(), Failure> {
    let outputs: Vec<&Path> = exports.csv.as_deref().into_iter().chain(exports.json.as_deref()).collect();
    if outputs == [Path::new(STANDARD); 2] {
        let message = "`--csv` and `--json` would be mixed on standard output: give one of them a file";
        return Err(Failure::Usage(message.to_owned()));
    }
    Ok(files::check_outputs(&outputs, inputs)?)
}

/// Writes files, and then what standard output takes, also where a file cannot be written any more.
pub fn write(exports: &Exports, forms: &Forms) -> Result<(), Failure> {
    let given = [(&exports.csv, forms.csv), (&exports.json, forms.json)];
    let given = || given.iter().filter_map(|(path, text)| Some((path.as_deref()?, text)));
    let staged =
        given().filter(|(path, _)| !is_standard(path)).map(|(path, text)| files::stage(path, text().as_bytes()));
    let written = staged.collect::<Result<Vec<Staged>, DriverError>>().and_then(files::commit);
    match given().find(|(path, _)| is_standard(path)) {
        Some((_, text)) => files::print_data(&text())?,
        None => files::print(&(forms.report)())?,
    }
    Ok(written?)
}
