//! The options of `tilewright accuracy`.

use std::path::PathBuf;

use clap::Args;

use super::{Assignment, Choice, Exports, MachineOptions, MemoryOption, Params, assignment, tolerance};

#[derive(Debug, Args)]
#[command(after_help = "\
The arrays of inputs are files of the folder that has the program's name: digits/NAME.npy for digits.tw. An array of
its input's shape is the same for all samples; one with a dimension more, in front, has one for each. The place of the
greatest value of the output is the class that the program decides on.

Exit status: 0 all values equal the reference, 1 the program or its input is wrong, 3 values are wrong, or the accuracy
is below what --max-loss allows.")]
pub struct AccuracyArgs {
    /// The program
    pub file: PathBuf,
    /// The folder with NAME.npy for every input, and labels.npy [default: the one with the program's name, next to it]
    #[arg(long, value_name = "DIR")]
    pub inputs: Option<PathBuf>,
    /// An input array from elsewhere
    #[arg(long, value_name = "NAME=FILE.npy", value_parser = assignment)]
    pub input: Vec<Assignment>,
    /// The classes of the samples, from 0 on: `int32` or `int8` [default: labels.npy in the folder]
    #[arg(long, value_name = "FILE.npy")]
    pub labels: Option<PathBuf>,
    /// The output that gives the class; may be omitted if the program has only one
    #[arg(long, value_name = "NAME")]
    pub output: Option<String>,
    /// Run the first N samples only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub samples: Option<u32>,
    /// The largest loss of accuracy allowed relative to floating point, in percentage points [default: any]
    #[arg(long, value_name = "POINTS", value_parser = tolerance)]
    pub max_loss: Option<f64>,
    #[command(flatten)]
    pub params: Params,
    #[command(flatten)]
    pub choice: Choice,
    #[command(flatten)]
    pub machine: MachineOptions,
    #[command(flatten)]
    pub memory: MemoryOption,
    #[command(flatten)]
    pub exports: Exports,
}
