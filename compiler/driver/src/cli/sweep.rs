//! The options of `tilewright sweep`.

use std::path::PathBuf;

use clap::Args;

use super::{Assignment, Exports, MachineOptions, assignment};

#[derive(Debug, Args)]
pub struct SweepArgs {
    /// The program
    pub file: PathBuf,
    /// A parameter and its values: NAME is a kernel's, SCHEDULE.NAME a schedule's. Values are numbers and ranges, separated
    /// by commas: `4,8,12`, `0..4` (ends with 3), `4..=16:4` (in steps of 4), `8..=64:x2` (doubled)
    #[arg(short = 'p', long = "param", value_name = "NAME=VALUES", value_parser = assignment)]
    pub params: Vec<Assignment>,
    /// The program to use; may be omitted if the file has only one
    #[arg(long, value_name = "NAME", conflicts_with = "schedule")]
    pub program: Option<String>,
    /// The schedules to use, each with its kernel alone; may be omitted if the file has only one, or a program
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub schedule: Vec<String>,
    /// Seed for random inputs
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    #[command(flatten)]
    pub machine: MachineOptions,
    #[command(flatten)]
    pub exports: Exports,
}
