//! Recorded device runs as test inputs: those copied into `tests/data`, and those beside the repository where they are.

use std::fs;
use std::path::{Path, PathBuf};
use tilewright_sim::Recording;

/// Reads a trace folder.
pub fn load(folder: &Path) -> Recording {
    let read = |name: &str| fs::read(folder.join(name)).ok();
    let json = fs::read_to_string(folder.join("trace.json")).unwrap();
    Recording::from_parts(&json, &read("insns.bin").unwrap(), read("before.bin"), read("after.bin"))
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
}

/// The trace folders in a folder, in order of name.
pub fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.join("trace.json").exists()).collect();
    folders.sort();
    folders
}

/// The recordings beside the repository, or `None` with a message.
pub fn shared() -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vta-traces");
    if !shared.exists() {
        eprintln!("SKIPPED: {} does not exist", shared.display());
    }
    shared.exists().then_some(shared)
}

/// The recordings copied into the repository.
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}
