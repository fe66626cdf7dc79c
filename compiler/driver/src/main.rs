//! The `tilewright` command: arguments → one of the [`commands`], and what it says → terminal and exit status.
//!
//! This crate is the only one that reads and writes files; the compiler and the simulator work on what it hands them.

mod accuracy;
mod approx;
mod arrays;
mod bench;
mod bisect;
mod checks;
mod cli;
mod commands;
mod compile;
mod diagnostics;
mod diff;
mod error;
mod exports;
mod files;
mod formats;
mod interrupt;
mod load;
mod memory;
mod npy;
mod parallel;
mod pictures;
mod profile;
mod programs;
mod recordings;
mod report;
mod run;
mod stats;
mod steps;
mod sweep;
mod target;
mod timeline;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use tilewright_syntax::Sources;

use crate::cli::{Cli, Colour, Command};
use crate::error::{Exit, Failure};

/// A compilation makes many small values; this allocator gives them out faster than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    interrupt::watch();
    let cli = Cli::parse();
    match cli.color {
        Colour::Auto => {}
        Colour::Always => anstream::ColorChoice::Always.write_global(),
        Colour::Never => anstream::ColorChoice::Never.write_global(),
    }
    let mut sources = Sources::default();
    let outcome = match &cli.command {
        Command::Check(args) => commands::check::run(args),
        Command::Fmt(args) => commands::fmt::run(args),
        Command::Lower(args) => commands::lower::run(args, &mut sources),
        Command::Run(args) => commands::run::run(args, &mut sources),
        Command::Accuracy(args) => commands::accuracy::run(args, &mut sources),
        Command::Profile(args) => commands::profile::run(args, &mut sources),
        Command::Sweep(args) => commands::sweep::run(args, &mut sources),
        Command::Bench(args) => commands::bench::run(args, &mut sources),
        Command::Bisect(args) => commands::bisect::run(args, &mut sources),
        Command::Replay(args) => commands::replay::run(args, &mut sources),
        Command::Asm(args) => commands::asm::run(args, &mut sources),
        Command::Disasm(args) => commands::disasm::run(args, &mut sources),
        Command::List(args) => commands::list::run(args, &mut sources),
        Command::Init(args) => commands::init::run(args),
        Command::Completions(args) => commands::completions::run(args),
        Command::Man(args) => commands::man::run(args),
        Command::Explain(args) => commands::explain::run(args),
        Command::Build(args) => commands::build::run(args, &mut sources),
        Command::Test(args) => commands::test::run(args),
        Command::Approx(args) => commands::approx::run(args, &mut sources),
        Command::Std(args) => commands::library::run(args),
        Command::Target(args) => commands::target::run(args, &mut sources),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(Failure::Usage(message)) => {
            let mut command = Cli::command();
            command.build();
            let name = std::env::args().nth(1).unwrap_or_default();
            let command = command.find_subcommand_mut(&name).cloned().unwrap_or(command);
            // Ends the process with clap's status for usage, 2.
            command.clone().error(clap::error::ErrorKind::ArgumentConflict, message).exit()
        }
        Err(Failure::Reported { exit, diagnostics }) => {
            report::print_diagnostics(&diagnostics, &sources);
            Exit::into(exit)
        }
    }
}
