//! `tilewright completions SHELL`: the script with which a shell completes commands and options.

use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArgs};
use crate::error::{Exit, Failure};
use crate::files;

pub fn run(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tilewright", &mut script);
    files::print_data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}
