//! Recordings ↔ folders of `trace.json`, `insns.bin`, `before.bin` and `after.bin`; the last two may be missing.

use std::path::Path;

use tilewright_sim::{Recording, RecordingError};
use tilewright_syntax::Diagnostic;

use crate::error::{DriverError, Failure};
use crate::files::{self, Staged};

/// Reads a folder.
pub fn read(folder: &Path) -> Result<Recording, Failure> {
    let trace = files::read_text(&folder.join("trace.json"))?;
    let insns = files::read_bytes(&folder.join("insns.bin"))?;
    let image = |name: &str| files::read_bytes_if_there(&folder.join(name));
    Recording::from_parts(&trace, &insns, image("before.bin")?, image("after.bin")?)
        .map_err(|error| malformed(folder, &error).into())
}

fn malformed(folder: &Path, error: &RecordingError) -> Diagnostic {
    Diagnostic::error(error.code(), error.to_string()).note(format!("in the recording `{}`", folder.display()))
}

/// Writes a recording's files beside their places in the folder, which is made if it does not exist.
pub fn stage(folder: &Path, recording: &Recording) -> Result<Vec<Staged>, Failure> {
    let parts = recording.to_parts().map_err(|error| malformed(folder, &error))?;
    files::make_directory(folder)?;
    let contents = [
        ("trace.json", Some(parts.trace_json.into_bytes())),
        ("insns.bin", Some(parts.insns)),
        ("before.bin", parts.before),
        ("after.bin", parts.after),
    ];
    let present = contents.into_iter().filter_map(|(name, bytes)| Some((name, bytes?)));
    let staged: Result<Vec<Staged>, DriverError> =
        present.map(|(name, bytes)| files::stage(&folder.join(name), &bytes)).collect();
    Ok(staged?)
}
