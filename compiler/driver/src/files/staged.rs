//! Contents → files and folders, complete beside their places, then in them.
//!
//! A command that writes several files first stages all of them, so that one that cannot be written leaves the others as
//! they were; an interrupt finds all of them in their places or none.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::{NamedTempFile, TempDir};

use super::places::{keep_read, parent, place};
use super::unwritable;
use crate::error::DriverError;
use crate::interrupt::{Aside, undisturbed};

/// New content, complete on disk beside its place but not in it yet.
#[derive(Debug)]
pub enum Staged {
    File {
        file: NamedTempFile,
        place: PathBuf,
        /// Dropped after the file, which removes itself where it is not put into its place.
        aside: Aside,
    },
    Folder(Folder),
    /// Devices and pipes have no content to keep, and cannot be replaced.
    Stream {
        content: Vec<u8>,
        place: PathBuf,
    },
}

/// A folder beside its place.
#[derive(Debug)]
pub struct Folder {
    /// Holds the new folder; gone with all that it holds when it is dropped.
    holder: TempDir,
    /// Dropped after the folder.
    _aside: Aside,
    place: PathBuf,
    /// The files that are written, the one without which nobody reads the others last.
    names: Vec<String>,
    /// The files that are not to stay.
    gone: Vec<String>,
    /// Whether the folder as a whole takes the place of the one that is there.
    whole: bool,
}

/// What the new folder is called while it is in its holder.
const NEW: &str = "new";

/// Writes the content beside the path. A symbolic link is followed; permissions stay as they are. What was read is not
/// replaced.
pub fn stage(path: &Path, bytes: &[u8]) -> Result<Staged, DriverError> {
    stage_with(path, |file| file.write_all(bytes))
}

/// As [`stage`], of content that is made while it is written.
pub fn stage_with(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Staged, DriverError> {
    let place = place(path);
    keep_read(path, &place)?;
    staged(path, place, write)
}

fn staged(
    path: &Path,
    place: PathBuf,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Staged, DriverError> {
    let unwritable = |error: io::Error| unwritable(path, &error);
    let target = Target::of(path, &place)?;
    if let Target::Stream = target {
        let mut content = Vec::new();
        write(&mut content).map_err(unwritable)?;
        return Ok(Staged::Stream { content, place });
    }
    let made = Aside::make(|| new_beside(parent(&place)), NamedTempFile::path);
    let (file, aside) = made.map_err(unwritable)?;
    let mut buffered = BufWriter::new(file.as_file());
    write(&mut buffered).and_then(|()| buffered.flush()).map_err(unwritable)?;
    drop(buffered);
    if let Target::File(permissions) = target {
        file.as_file().set_permissions(permissions).map_err(unwritable)?;
    }
    Ok(Staged::File { file, place, aside })
}

/// What is in a place.
enum Target {
    Nothing,
    File(fs::Permissions),
    /// Something that is not replaced but written to.
    Stream,
}

impl Target {
    fn of(path: &Path, place: &Path) -> Result<Target, DriverError> {
        match fs::metadata(place) {
            Ok(metadata) if metadata.is_dir() => Err(DriverError::Directory { path: path.to_owned() }),
            Ok(metadata) if !metadata.is_file() => Ok(Target::Stream),
            Ok(metadata) if metadata.permissions().readonly() => {
                Err(unwritable(path, &io::Error::new(ErrorKind::PermissionDenied, "the file is read-only")))
            }
            Ok(metadata) => Ok(Target::File(metadata.permissions())),
            Err(_) => Ok(Target::Nothing),
        }
    }
}

/// Refuses a path of which it is clear already that nothing can be written there.
pub(super) fn can_be_written(path: &Path) -> Result<(), DriverError> {
    staged(path, place(path), |_| Ok(())).map(drop)
}

/// A temporary file with the permissions of ordinary new files.
fn new_beside(directory: &Path) -> io::Result<NamedTempFile> {
    builder(0o666).tempfile_in(directory)
}

fn builder(mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tilewright-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    builder
}

/// Writes files of a folder beside it, which is made if it does not exist; those without content are removed. The last
/// one is that without which nobody reads the others.
///
/// The new folder takes the place of the old one as a whole, with the other files that stand there. Where that cannot be,
/// since the folder is a mount, holds folders or is the current one, its files are replaced one by one, and the last one
/// is missing meanwhile.
pub fn stage_folder(path: &Path, contents: &[(String, Option<Vec<u8>>)]) -> Result<Staged, DriverError> {
    let place = place(path);
    for (name, _) in contents {
        keep_read(&path.join(name), &place.join(name))?;
    }
    let unwritable = |error: io::Error| unwritable(path, &error);
    if fs::metadata(&place).is_ok_and(|metadata| !metadata.is_dir()) {
        return Err(unwritable(io::Error::new(ErrorKind::NotADirectory, "it is a file")));
    }
    let (written, gone): (Vec<_>, Vec<_>) = contents.iter().partition(|(_, content)| content.is_some());
    let names = |of: &[&(String, _)]| of.iter().map(|(name, _)| name.clone()).collect::<Vec<String>>();
    let (names, gone) = (names(&written), names(&gone));
    let files: Vec<(&String, &Vec<u8>)> = written.iter().filter_map(|(n, bytes)| Some((n, bytes.as_ref()?))).collect();
    again(|| filled(&place, &files, (&names, &gone))).map(Staged::Folder).map_err(unwritable)
}

/// What another process does to a folder is over at once, so it is tried again as long as something is missing.
fn again<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..20 {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            done => return done,
        }
    }
    attempt()
}

/// A folder beside its place, with files written into it.
fn filled(place: &Path, files: &[(&String, &Vec<u8>)], (names, gone): (&[String], &[String])) -> io::Result<Folder> {
    let whole = !place.exists() || can_be_exchanged(place);
    let beside = if whole { parent(topmost_missing(place)) } else { place };
    let (holder, aside) = Aside::make(|| builder(0o777).tempdir_in(beside), TempDir::path)?;
    let new = match place.strip_prefix(topmost_missing(place)) {
        Ok(below) if whole => holder.path().join(NEW).join(below),
        _ => holder.path().join(NEW),
    };
    fs::create_dir_all(&new)?;
    files.iter().try_for_each(|(name, bytes)| fs::write(new.join(name), bytes))?;
    if whole && place.exists() {
        take_over(place, &new, &[names, gone].concat())?;
    }
    let (place, names, gone) = (place.to_path_buf(), names.to_vec(), gone.to_vec());
    Ok(Folder { holder, _aside: aside, place, names, gone, whole })
}

/// Refuses a folder of which it is clear already that nothing can be written there.
pub fn check_folder(path: &Path) -> Result<(), DriverError> {
    stage_folder(path, &[]).map(drop)
}

/// The folder, or the uppermost of those above it, that has to be made.
fn topmost_missing(place: &Path) -> &Path {
    match place.parent() {
        Some(above) if !above.exists() && above != Path::new("") => topmost_missing(above),
        _ => place,
    }
}

/// Whether another folder can take the place of this one with all that is in it.
fn can_be_exchanged(place: &Path) -> bool {
    let is_current = std::env::current_dir().is_ok_and(|current| current.starts_with(place));
    let has_folders = fs::read_dir(place)
        .map_or(true, |mut entries| entries.any(|e| e.and_then(|e| e.file_type()).map_or(true, |kind| kind.is_dir())));
    !is_current && !has_folders && is_on_the_disk_of(place, parent(place))
}

#[cfg(unix)]
fn is_on_the_disk_of(place: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let disk = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    disk(place).is_some() && disk(place) == disk(other)
}

#[cfg(not(unix))]
fn is_on_the_disk_of(_place: &Path, _other: &Path) -> bool {
    true
}

/// Gives the new folder what stands in the old one beside the files that are written, and its permissions.
fn take_over(old: &Path, new: &Path, names: &[String]) -> io::Result<()> {
    for entry in fs::read_dir(old)? {
        let entry = entry?;
        if !names.iter().any(|name| entry.file_name() == OsStr::new(name)) {
            fs::hard_link(entry.path(), new.join(entry.file_name()))?;
        }
    }
    fs::set_permissions(new, fs::metadata(old)?.permissions())
}

/// Puts everything into its place.
pub fn commit(staged: Vec<Staged>) -> Result<(), DriverError> {
    // A pipe may have no reader yet, and who waits for one can be interrupted.
    commit_kept(staged)?.into_iter().try_for_each(Staged::commit)
}

/// Puts what is kept into its place, and leaves what goes into devices and pipes, of which one may be standard output.
pub fn commit_kept(staged: Vec<Staged>) -> Result<Vec<Staged>, DriverError> {
    let (streams, kept): (Vec<Staged>, Vec<Staged>) =
        staged.into_iter().partition(|staged| matches!(staged, Staged::Stream { .. }));
    let _whole = undisturbed();
    kept.into_iter().try_for_each(Staged::commit)?;
    Ok(streams)
}

impl Staged {
    fn commit(self) -> Result<(), DriverError> {
        match self {
            Staged::File { file, place, aside } => {
                let moved = file.persist(&place).map(drop).map_err(|error| unwritable(&place, &error.error));
                drop(aside);
                moved
            }
            Staged::Folder(folder) => again(|| folder.commit()).map_err(|error| unwritable(&folder.place, &error)),
            Staged::Stream { content, place } => {
                let opened = File::options().write(true).open(&place);
                opened.and_then(|mut file| file.write_all(&content)).map_err(|error| unwritable(&place, &error))
            }
        }
    }
}

impl Folder {
    fn commit(&self) -> io::Result<()> {
        let new = self.holder.path().join(NEW);
        match self.whole {
            true if self.place.exists() => exchange(&new, &self.place),
            true => fs::rename(&new, topmost_missing(&self.place)).or_else(|error| {
                // Somebody else made it meanwhile.
                if self.place.exists() { exchange(&new, &self.place) } else { Err(error) }
            }),
            false => self.one_by_one(&new),
        }
    }

    fn one_by_one(&self, new: &Path) -> io::Result<()> {
        for name in self.names.last().into_iter().chain(&self.gone) {
            match fs::remove_file(self.place.join(name)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.names.iter().try_for_each(|name| fs::rename(new.join(name), self.place.join(name)))
    }
}

/// Lets two folders change places, at once where the system can do that.
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        if renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).is_ok() {
            return Ok(());
        }
    }
    let old = one.with_extension("old");
    fs::rename(other, &old)?;
    fs::rename(one, other).inspect_err(|_| {
        let _ = fs::rename(&old, other);
    })
}

/// Replaces a file's content as a whole, unless it was read.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), DriverError> {
    commit(vec![stage(path, bytes)?])
}

/// Replaces the content of a file that was read to be rewritten.
pub fn rewrite(path: &Path, bytes: &[u8]) -> Result<(), DriverError> {
    commit(vec![staged(path, place(path), |file| file.write_all(bytes))?])
}

/// Lines that stand beside a file while it is made, so that nothing of long work is lost, however it ends.
#[derive(Debug)]
pub struct Partial {
    path: PathBuf,
    file: Mutex<File>,
}

/// Begins a file called `FILE.partial`. None where the path is no file.
pub fn partial(path: &Path) -> Result<Option<Partial>, DriverError> {
    let place = place(path);
    if !super::places::keeps_content(&place) {
        return Ok(None);
    }
    let mut name = place.into_os_string();
    name.push(".partial");
    let path = PathBuf::from(name);
    let file = File::create(&path).map_err(|error| unwritable(&path, &error))?;
    Ok(Some(Partial { path, file: Mutex::new(file) }))
}

impl Partial {
    /// Adds a line. That a disk is full is told when the whole file is written.
    pub fn add(&self, line: &[u8]) {
        let _ = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line);
    }

    /// Removes the file, which is of no use any more.
    pub fn remove(self) {
        let _ = fs::remove_file(self.path);
    }
}
