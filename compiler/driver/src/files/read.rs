//! A path → what it holds. Everything that is read is noted down, so that no output replaces it.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tilewright::file_name;
use tilewright_syntax::{FileId, Sources};

use super::places::{is_standard, place};
use super::{STANDARD, reason};
use crate::error::{DriverError, near_file};

/// Most bytes that a text may have.
const MAX_TEXT: u64 = 1 << 28;
/// Most bytes that any other file may have: as many as a device can address.
const MAX_BYTES: u64 = 1 << 32;

/// The places of all files that this process has read.
static READ: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Whether a file in this place was read. The place is without links and detours.
pub(super) fn was_read(place: &Path) -> bool {
    READ.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|read| read == place)
}

/// The contents of a file.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, DriverError> {
    read(path, MAX_BYTES)
}

/// The contents of a file, or `None` where there is none.
pub fn read_bytes_if_there(path: &Path) -> Result<Option<Vec<u8>>, DriverError> {
    if is_there(path)? { read_bytes(path).map(Some) } else { Ok(None) }
}

/// Whether the path names something, be it only a link that leads nowhere. A folder that does not let us look is an error.
pub fn is_there(path: &Path) -> Result<bool, DriverError> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// The text of a file.
pub fn read_text(path: &Path) -> Result<String, DriverError> {
    String::from_utf8(read(path, MAX_TEXT)?)
        .map_err(|error| DriverError::NotText { path: path.to_owned(), offset: error.utf8_error().valid_up_to() })
}

/// Reads a text and adds it to the sources under its path.
pub fn read_source(path: &Path, sources: &mut Sources) -> Result<FileId, DriverError> {
    let name = if is_standard(path) { STANDARD_NAME.to_owned() } else { file_name(path.display().to_string()) };
    Ok(sources.add(name, read_text(path)?))
}

/// Reads a program in source form. The forms that have other languages are told from it by their names.
pub fn read_program(path: &Path, sources: &mut Sources) -> Result<FileId, DriverError> {
    let refused = |form| Err(DriverError::NotSource { path: path.to_owned(), form });
    let ending = path.extension().and_then(|e| e.to_str());
    if ending == Some("twm") && is_there(path)? {
        return refused("an artifact");
    }
    let file = read_source(path, sources)?;
    match ending {
        Some("loops" | "legal") => refused("a loop program"),
        Some("asm") => refused("an assembler text"),
        _ => Ok(file),
    }
}

/// What stands in the sources for standard input.
const STANDARD_NAME: &str = "standard input";

/// Standard input, which is there once.
fn read_standard(limit: u64) -> Result<Vec<u8>, DriverError> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let path = || PathBuf::from(STANDARD);
    if TAKEN.swap(true, Ordering::Relaxed) {
        let reason = "standard input has been read already".to_owned();
        return Err(DriverError::Unreadable { path: path(), reason, near: None });
    }
    let mut bytes = Vec::new();
    io::stdin().lock().take(limit + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&path(), &error))?;
    if bytes.len() as u64 > limit { Err(DriverError::TooLarge { path: path(), limit }) } else { Ok(bytes) }
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, DriverError> {
    if is_standard(path) {
        return read_standard(limit);
    }
    let unreadable = |error: io::Error| unreadable(path, &error);
    let too_large = || DriverError::TooLarge { path: path.to_owned(), limit };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(DriverError::Directory { path: path.to_owned() });
    }
    if metadata.len() > limit {
        return Err(too_large());
    }
    READ.lock().unwrap_or_else(PoisonError::into_inner).push(place(path));
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
}

fn unreadable(path: &Path, error: &io::Error) -> DriverError {
    match error.kind() {
        ErrorKind::IsADirectory => DriverError::Directory { path: path.to_owned() },
        ErrorKind::NotFound => {
            let reason = match path.is_symlink() {
                true => "it is a link to a file that does not exist",
                false => "there is no such file",
            };
            DriverError::Unreadable { path: path.to_owned(), reason: reason.to_owned(), near: near_file(path) }
        }
        _ => DriverError::Unreadable { path: path.to_owned(), reason: reason(error), near: None },
    }
}
