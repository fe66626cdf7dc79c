//! Files and standard output: paths → contents, contents → paths, with every failure a [`DriverError`].
//!
//! | file | in → out |
//! |---|---|
//! | `read` | a path → what it holds |
//! | `places` | paths → whether they name one file, and whether an output may be written |
//! | `staged` | contents → files and folders, complete beside their places, then in them |
//! | `standard` | texts → standard output and standard error |
//! | `fold` | a text → the same in lines that fit a terminal |
//!
//! Invariants: what is read is bounded before memory is taken for it, also where a file does not tell its size. A file
//! or folder that is written holds either its former content or all of the new one, and nothing that was read is replaced.

mod fold;
mod places;
mod read;
mod staged;
mod standard;

pub use fold::{columns, columns_aside, folded_diagnostic};
pub use places::{check_outputs, is_standard, keep_apart, keep_inputs, same_file};
pub use read::{is_there, read_bytes, read_bytes_if_there, read_program, read_source, read_text};
pub use staged::{
    Partial, Staged, check_folder, commit, commit_kept, partial, rewrite, stage, stage_folder, stage_with, write,
};
pub use standard::{print, print_aside, print_data, write_bytes_to, write_text_to};

use std::io;

use crate::error::DriverError;

/// The path that stands for standard output.
pub const STANDARD: &str = "-";

/// The system's message without its number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

fn unwritable(path: &std::path::Path, error: &io::Error) -> DriverError {
    DriverError::Unwritable { to: format!("`{}`", path.display()), reason: reason(error) }
}
