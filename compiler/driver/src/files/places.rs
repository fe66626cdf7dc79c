//! Paths → the places that they name, and whether an output may be written there.

use std::fs;
use std::path::{Path, PathBuf};

use super::read::was_read;
use super::{STANDARD, staged};
use crate::error::DriverError;

/// Most links that are followed to a file that does not exist yet, as many as systems follow.
const MAX_LINKS: usize = 40;

/// The path without links and detours, also where the file itself does not exist.
pub(super) fn place(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        if let Ok(place) = fs::canonicalize(&path) {
            return place;
        }
        match fs::read_link(&path) {
            // A pipe has no path, and so is found where the link is.
            Ok(target) if fs::metadata(&path).is_err() => path = parent(&path).join(target),
            _ => break,
        }
    }
    let of_new_file = || Some(fs::canonicalize(parent(&path)).ok()?.join(path.file_name()?));
    of_new_file().unwrap_or(path)
}

/// The directory that the path lies in.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
}

/// Devices and pipes have no content that another one could replace.
pub(super) fn keeps_content(place: &Path) -> bool {
    fs::metadata(place).map_or(true, |metadata| metadata.is_file())
}

/// Whether what is written to one path replaces what is written to or read from the other. Devices and pipes replace
/// nothing.
pub fn same_file(one: &Path, other: &Path) -> bool {
    let place = place(one);
    keeps_content(&place) && place == self::place(other)
}

/// Refuses outputs before anything is computed for them: those that would replace one of the inputs or whatever else has
/// been read so far, those of which one would replace another, and those that cannot be written.
pub fn check_outputs<'a>(
    outputs: &[&Path],
    inputs: impl IntoIterator<Item = &'a Path> + Clone,
) -> Result<(), DriverError> {
    keep_inputs(outputs, inputs)?;
    keep_apart(outputs)?;
    outputs.iter().filter(|output| !is_standard(output)).try_for_each(|output| staged::can_be_written(output))
}

/// Refuses outputs that would replace one of the inputs or whatever else has been read so far.
pub fn keep_inputs<'a>(
    outputs: &[&Path],
    inputs: impl IntoIterator<Item = &'a Path> + Clone,
) -> Result<(), DriverError> {
    outputs.iter().filter(|output| !is_standard(output)).try_for_each(|output| {
        keep_read(output, &place(output))?;
        match inputs.clone().into_iter().any(|input| same_file(output, input)) {
            true => Err(DriverError::OutputIsInput { path: output.to_path_buf() }),
            false => Ok(()),
        }
    })
}

/// Refuses outputs of which one would replace another.
pub fn keep_apart(outputs: &[&Path]) -> Result<(), DriverError> {
    let is_twice = |at: &usize| outputs[..*at].iter().any(|before| same_file(before, outputs[*at]));
    match (0..outputs.len()).filter(|at| !is_standard(outputs[*at])).find(is_twice) {
        Some(at) => Err(DriverError::OutputTwice { path: outputs[at].to_owned() }),
        None => Ok(()),
    }
}

/// Whether the path stands for standard output.
pub fn is_standard(path: &Path) -> bool {
    path == Path::new(STANDARD)
}

/// Refuses an output that would replace what was read.
pub(super) fn keep_read(path: &Path, place: &Path) -> Result<(), DriverError> {
    match was_read(place) && keeps_content(place) {
        true => Err(DriverError::OutputIsInput { path: path.to_owned() }),
        false => Ok(()),
    }
}
