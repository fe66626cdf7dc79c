//! What documents show of the command is what the command prints.
//!
//! Blocks of output stand behind a program in the same document; they are made again and compared. With `INSTA_UPDATE=always`
//! they are written instead, as snapshots are: `INSTA_UPDATE=always cargo test -p tilewright-driver --test documents`.

mod commands;
mod directives;
mod markdown;
mod readme;
mod shown;
mod tutorial;

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
