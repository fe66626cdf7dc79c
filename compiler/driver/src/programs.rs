//! The paths of a command that takes several programs → files; and what the worst of them says of all.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::error::{DriverError, Exit, Failure};
use crate::report::print_diagnostics;
use tilewright_syntax::Sources;

/// The files that are named, and those in folders and below whose names end in `.tw`, in the order of their names.
pub fn expanded(paths: &[PathBuf]) -> Result<Vec<PathBuf>, DriverError> {
    let mut files = Vec::new();
    for path in paths {
        match path.is_dir() {
            true => files.extend(in_folder(path)?),
            false => files.push(path.clone()),
        }
    }
    Ok(files)
}

fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, DriverError> {
    let unreadable = |reason: String| DriverError::Unreadable { path: folder.to_owned(), reason, near: None };
    let mut found = Vec::new();
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(|error| unreadable(error.to_string()))?;
        if !entry.file_type().is_dir() && entry.path().extension().is_some_and(|ending| ending == "tw") {
            found.push(entry.into_path());
        }
    }
    match found.is_empty() {
        true => Err(unreadable("it has no `.tw` files".to_owned())),
        false => Ok(found),
    }
}

/// Works on each file with sources of its own, and tells what is wrong with it. The exit status is that of the worst: values
/// that differ weigh more than programs that are wrong.
pub fn each(
    files: &[PathBuf],
    mut work: impl FnMut(&Path, &mut Sources) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    let mut worst = Exit::Success;
    for file in files {
        let mut sources = Sources::default();
        let exit = match work(file, &mut sources) {
            Err(Failure::Reported { exit, diagnostics }) => {
                print_diagnostics(&diagnostics, &sources);
                exit
            }
            outcome => outcome?,
        };
        worst = if (exit as u8) > worst as u8 { exit } else { worst };
    }
    Ok(worst)
}
