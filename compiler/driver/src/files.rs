//! Files and standard output: paths → contents, contents → paths, with every failure a [`DriverError`].
//!
//! Invariants: what is read is bounded before memory is taken for it, also where a file does not tell its size. A file
//! that is written holds either its former content or all of the new one.

use std::fs::{self, File};
use std::io::{self, ErrorKind, IsTerminal, Read, Seek, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use tilewright_syntax::{FileId, Sources};

use crate::error::{DriverError, near_file};

/// The path that stands for standard output.
pub const STANDARD: &str = "-";
/// Most bytes that a text may have.
const MAX_TEXT: u64 = 1 << 28;
/// Most bytes that any other file may have: as many as a device can address.
const MAX_BYTES: u64 = 1 << 32;

/// The contents of a file.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, DriverError> {
    read(path, MAX_BYTES)
}

/// The contents of a file, or `None` where there is none.
pub fn read_bytes_if_there(path: &Path) -> Result<Option<Vec<u8>>, DriverError> {
    if path.exists() { read_bytes(path).map(Some) } else { Ok(None) }
}

/// The text of a file.
pub fn read_text(path: &Path) -> Result<String, DriverError> {
    String::from_utf8(read(path, MAX_TEXT)?)
        .map_err(|error| DriverError::NotText { path: path.to_owned(), offset: error.utf8_error().valid_up_to() })
}

/// Reads a text and adds it to the sources under its path.
pub fn read_source(path: &Path, sources: &mut Sources) -> Result<FileId, DriverError> {
    Ok(sources.add(path.display().to_string(), read_text(path)?))
}

/// Reads a program in source form. The forms that have other languages are told from it by their names.
pub fn read_program(path: &Path, sources: &mut Sources) -> Result<FileId, DriverError> {
    let refused = |form| Err(DriverError::NotSource { path: path.to_owned(), form });
    let ending = path.extension().and_then(|e| e.to_str());
    if ending == Some("twm") && path.exists() {
        return refused("an artifact");
    }
    let file = read_source(path, sources)?;
    match ending {
        Some("loops" | "legal") => refused("a loop program"),
        Some("asm") => refused("an assembler text"),
        _ => Ok(file),
    }
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, DriverError> {
    let unreadable = |error: io::Error| match error.kind() {
        ErrorKind::IsADirectory => DriverError::Directory { path: path.to_owned() },
        ErrorKind::NotFound => DriverError::Unreadable {
            path: path.to_owned(),
            reason: "there is no such file".to_owned(),
            near: near_file(path),
        },
        _ => DriverError::Unreadable { path: path.to_owned(), reason: reason(&error), near: None },
    };
    let too_large = || DriverError::TooLarge { path: path.to_owned(), limit };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(DriverError::Directory { path: path.to_owned() });
    }
    if metadata.len() > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
}

/// The system's message without its number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

/// A file's new content, complete on disk beside its place but not in it yet.
///
/// A command that writes several files first stages all of them, so that one that cannot be written leaves the others
/// as they were.
#[derive(Debug)]
pub enum Staged {
    Beside {
        file: NamedTempFile,
        path: PathBuf,
    },
    /// Devices and pipes have no content to keep, and cannot be replaced; theirs waits in a file without a name.
    Stream {
        content: File,
        path: PathBuf,
    },
}

/// Writes the content beside the path. A symbolic link is followed; permissions stay as they are.
pub fn stage(path: &Path, bytes: &[u8]) -> Result<Staged, DriverError> {
    stage_with(path, |file| file.write_all(bytes))
}

/// As [`stage`], of content that is made while it is written.
pub fn stage_with(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<Staged, DriverError> {
    let place = place(path);
    let unwritable = |error: io::Error| unwritable(path, &error);
    let permissions = match fs::metadata(&place) {
        Ok(metadata) if metadata.is_dir() => return Err(DriverError::Directory { path: path.to_owned() }),
        Ok(metadata) if !metadata.is_file() => {
            let mut content = tempfile::tempfile().map_err(unwritable)?;
            write(&mut content).and_then(|()| content.rewind()).map_err(unwritable)?;
            return Ok(Staged::Stream { content, path: place });
        }
        Ok(metadata) if metadata.permissions().readonly() => {
            return Err(unwritable(io::Error::new(ErrorKind::PermissionDenied, "the file is read-only")));
        }
        Ok(metadata) => Some(metadata.permissions()),
        Err(_) => None,
    };
    let mut file = new_beside(parent(&place)).map_err(unwritable)?;
    write(file.as_file_mut()).map_err(unwritable)?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions).map_err(unwritable)?;
    }
    Ok(Staged::Beside { file, path: place })
}

/// The path without links and detours, also where the file itself does not exist.
fn place(path: &Path) -> PathBuf {
    let directory = || fs::canonicalize(parent(path)).ok();
    let of_new_file = || Some(directory()?.join(path.file_name()?));
    fs::canonicalize(path).ok().or_else(of_new_file).unwrap_or_else(|| path.to_owned())
}

/// The directory that the path lies in.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
}

/// Whether what is written to one path replaces what is written to or read from the other. Devices and pipes replace
/// nothing.
pub fn same_file(one: &Path, other: &Path) -> bool {
    let place = place(one);
    let keeps_content = fs::metadata(&place).map_or(true, |metadata| metadata.is_file());
    keeps_content && place == self::place(other)
}

/// Refuses an output that is one of the inputs.
pub fn keep_inputs<'a>(output: &Path, mut inputs: impl Iterator<Item = &'a Path>) -> Result<(), DriverError> {
    match inputs.any(|input| output != Path::new(STANDARD) && same_file(output, input)) {
        true => Err(DriverError::OutputIsInput { path: output.to_owned() }),
        false => Ok(()),
    }
}

/// Refuses outputs of which one would replace another.
pub fn keep_apart(outputs: &[&Path]) -> Result<(), DriverError> {
    let is_twice = |at: usize| outputs[..at].iter().any(|before| same_file(before, outputs[at]));
    match (0..outputs.len()).find(|at| outputs[*at] != Path::new(STANDARD) && is_twice(*at)) {
        Some(at) => Err(DriverError::OutputTwice { path: outputs[at].to_owned() }),
        None => Ok(()),
    }
}

/// A temporary file with the permissions of ordinary new files.
fn new_beside(directory: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tilewright-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(directory)
}

impl Staged {
    /// Puts the content into its place.
    pub fn commit(self) -> Result<(), DriverError> {
        match self {
            Staged::Beside { file, path } => {
                file.persist(&path).map(drop).map_err(|error| unwritable(&path, &error.error))
            }
            Staged::Stream { mut content, path } => {
                let opened = File::options().write(true).open(&path);
                let copied = opened.and_then(|mut file| io::copy(&mut content, &mut file));
                copied.map(drop).map_err(|error| unwritable(&path, &error))
            }
        }
    }
}

fn unwritable(path: &Path, error: &io::Error) -> DriverError {
    DriverError::Unwritable { to: format!("`{}`", path.display()), reason: reason(error) }
}

/// Replaces a file's content as a whole.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), DriverError> {
    stage(path, bytes)?.commit()
}

/// Makes a directory, and those above it, unless they exist.
pub fn make_directory(path: &Path) -> Result<(), DriverError> {
    fs::create_dir_all(path).map_err(|error| unwritable(path, &error))
}

/// Writes a text to a file, or to standard output for `-`.
pub fn write_text_to(path: &Path, text: &str) -> Result<(), DriverError> {
    if path == Path::new(STANDARD) { print(text) } else { write(path, text.as_bytes()) }
}

/// Writes bytes to a file, or to standard output for `-`, but never to a terminal.
pub fn write_bytes_to(path: &Path, bytes: &[u8], what: &'static str) -> Result<(), DriverError> {
    if path != Path::new(STANDARD) {
        return write(path, bytes);
    }
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        return Err(DriverError::BinaryToTerminal { what });
    }
    unless_closed(out.write_all(bytes).and_then(|()| out.flush()))
}

/// Writes a text to standard output; its colours only where they are shown.
pub fn print(text: &str) -> Result<(), DriverError> {
    let mut out = anstream::stdout().lock();
    unless_closed(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Writes a text to standard error; its colours only where they are shown.
pub fn print_aside(text: &str) -> Result<(), DriverError> {
    let mut err = anstream::stderr().lock();
    unless_closed(err.write_all(text.as_bytes()).and_then(|()| err.flush()))
}

/// A reader that has seen enough, as `head` has, is no error.
fn unless_closed(written: io::Result<()>) -> Result<(), DriverError> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(DriverError::Unwritable { to: "to standard output".to_owned(), reason: reason(&error) }),
        Ok(()) => Ok(()),
    }
}
