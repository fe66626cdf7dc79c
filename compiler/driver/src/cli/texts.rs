//! The options of the commands that work on texts: `check`, `fmt`, `test`, `list`, `init`, `explain`, `completions`, `man`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use clap_complete::Shell;

use super::{FiguresArgs, Params, TargetOption};

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The programs; of a folder, all `.tw` files in it and below; `-` is standard input
    #[arg(required = true, value_name = "FILE|FOLDER|-")]
    pub files: Vec<PathBuf>,
    /// How to tell what is wrong; `json` is one object on standard output
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = DiagnosticsFormat::Text)]
    pub format: DiagnosticsFormat,
    #[command(flatten)]
    pub params: Params,
    #[command(flatten)]
    pub target: TargetOption,
}

/// How diagnostics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DiagnosticsFormat {
    /// As a terminal shows them, on standard error
    Text,
    /// Codes, messages, places and help as one object
    Json,
}

#[derive(Debug, Args)]
pub struct FmtArgs {
    /// The programs, which are rewritten in place; of a folder, all `.tw` files in it and below; `-` is standard input, whose
    /// canonical form goes to standard output
    #[arg(required = true, value_name = "FILE|FOLDER|-")]
    pub files: Vec<PathBuf>,
    /// Write nothing; show what would change and exit with 1 if anything would
    #[arg(long)]
    pub check: bool,
}

#[derive(Debug, Args)]
pub struct TestArgs {
    /// The file with tests; of a folder, all `.tw` files in it and below; `-` is standard input
    #[arg(value_name = "FILE|FOLDER|-")]
    pub file: PathBuf,
    /// More files and folders, and the tests to run [default: all]
    #[arg(value_name = "FILE|FOLDER|NAME")]
    pub more: Vec<PathBuf>,
    #[command(flatten)]
    pub target: TargetOption,
    #[command(flatten)]
    pub figures: FiguresArgs,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// The program; `-` is standard input
    #[arg(value_name = "FILE|-")]
    pub file: PathBuf,
    /// Write one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// The file to write, which must not exist
    #[arg(default_value = "kernel.tw")]
    pub file: PathBuf,
}

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// As errors show it: E0102
    #[arg(required_unless_present = "list")]
    pub code: Option<String>,
    /// List all codes with their titles
    #[arg(long, conflicts_with = "code")]
    pub list: bool,
}

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder to write the pages to, one for each command
    pub folder: PathBuf,
}
