//! The options of `tilewright build`.

use std::path::PathBuf;

use clap::Args;

use super::{Choice, Params, TargetOption};

#[derive(Debug, Args)]
pub struct BuildArgs {
    /// The program, or a loop program
    pub file: PathBuf,
    /// Where to write the artifact; `-` is standard output
    #[arg(short, long, value_name = "FILE.twm|-")]
    pub output: PathBuf,
    #[command(flatten)]
    pub params: Params,
    #[command(flatten)]
    pub choice: Choice,
    #[command(flatten)]
    pub target: TargetOption,
}
