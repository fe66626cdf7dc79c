//! Recordings ↔ folders of `trace.json`, `insns.bin`, `before.bin` and `after.bin`; the last two may be missing. Beside
//! them can stand tables of what happened when: `instructions.csv`, `reads.csv` and `writes.csv`.

use std::path::{Path, PathBuf};

use tilewright_sim::cycles::Tables;
use tilewright_sim::{Recording, RecordingError};
use tilewright_syntax::Diagnostic;

use crate::error::{DriverError, Failure};
use crate::files::{self, Staged};

const INSTRUCTIONS: &str = "instructions.csv";
const TABLES: [&str; 3] = [INSTRUCTIONS, "reads.csv", "writes.csv"];
/// The first that is read stands last: without it, the others are no recording.
const FILES: [&str; 4] = ["insns.bin", "before.bin", "after.bin", "trace.json"];

/// Where the files of a recording are, or would be.
pub fn files(folder: &Path) -> [PathBuf; 4] {
    FILES.map(|name| folder.join(name))
}

/// Where the tables of what happened when are, or would be.
pub fn tables(folder: &Path) -> [PathBuf; 3] {
    TABLES.map(|name| folder.join(name))
}

/// Reads a folder.
pub fn read(folder: &Path) -> Result<Recording, Failure> {
    let image = |name: &str| files::read_bytes_if_there(&folder.join(name));
    read_with(folder, image("before.bin")?, image("after.bin")?)
}

/// Reads a folder without its memory images, which are left alone.
pub fn read_stream(folder: &Path) -> Result<Recording, Failure> {
    read_with(folder, None, None)
}

fn read_with(folder: &Path, before: Option<Vec<u8>>, after: Option<Vec<u8>>) -> Result<Recording, Failure> {
    let trace = files::read_text(&folder.join("trace.json"))?;
    let insns = files::read_bytes(&folder.join("insns.bin"))?;
    Recording::from_parts(&trace, &insns, before, after).map_err(|error| malformed(folder, &error).into())
}

/// The folder's table of instructions, if it has one.
pub fn recorded_instructions(folder: &Path) -> Result<Option<String>, DriverError> {
    let path = folder.join(INSTRUCTIONS);
    if files::is_there(&path)? { files::read_text(&path).map(Some) } else { Ok(None) }
}

/// The table of instructions as it stands in a folder.
pub fn instructions(recording: &Recording, tables: &Tables) -> Vec<u8> {
    let mut bytes = Vec::new();
    tables.write_instructions(&recording.insns, &mut bytes).expect("memory can be written to");
    bytes
}

/// Writes the tables beside their folder, which is made if it does not exist.
pub fn stage_tables(folder: &Path, recording: &Recording, tables: &Tables) -> Result<Staged, DriverError> {
    let (mut reads, mut writes) = (Vec::new(), Vec::new());
    tables.write_reads(&mut reads).expect("memory can be written to");
    tables.write_writes(&mut writes).expect("memory can be written to");
    let contents = [instructions(recording, tables), reads, writes].map(Some);
    files::stage_folder(folder, &TABLES.map(str::to_owned).into_iter().zip(contents).collect::<Vec<_>>())
}

fn malformed(folder: &Path, error: &RecordingError) -> Diagnostic {
    Diagnostic::error(error.code(), error.to_string()).note(format!("in the recording `{}`", folder.display()))
}

/// Writes a recording's files beside its folder, which is made if it does not exist.
pub fn stage(folder: &Path, recording: &Recording) -> Result<Staged, Failure> {
    let parts = recording.to_parts().map_err(|error| malformed(folder, &error))?;
    let contents = [Some(parts.insns), parts.before, parts.after, Some(parts.trace_json.into_bytes())];
    Ok(files::stage_folder(folder, &FILES.map(str::to_owned).into_iter().zip(contents).collect::<Vec<_>>())?)
}
