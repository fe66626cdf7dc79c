//! The options of `tilewright run`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use tilewright_syntax::{Sources, Span};

use super::{
    Assignment, Choice, FiguresArgs, MachineOptions, MemoryOption, Params, PictureArgs, assignment, tolerance,
};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("checks").multiple(true), group = ArgGroup::new("written").multiple(true))]
pub struct RunArgs {
    /// The program
    pub file: PathBuf,
    #[command(flatten)]
    pub params: Params,
    #[command(flatten)]
    pub choice: Choice,
    /// An input array: integers as they are, or floating-point numbers, which are quantised; other inputs are random
    #[arg(long, value_name = "NAME=FILE.npy", value_parser = assignment)]
    pub input: Vec<Assignment>,
    /// Where to write an output array; with `-`, standard output is the array and the report goes to standard error
    #[arg(long, value_name = "NAME=FILE.npy|-", value_parser = assignment, group = "written")]
    pub output: Vec<Assignment>,
    /// Show the values of any tensor, also of a stage that is inlined: their range, how many saturate and, with --float,
    /// their error; with FILE.npy, write them
    #[arg(long, value_name = "NAME[=FILE.npy]", value_parser = probe, group = "written")]
    pub probe: Vec<ProbeArg>,
    /// Write arrays as the numbers that they represent, in `float32`
    #[arg(long, requires = "written")]
    pub float_outputs: bool,
    /// The expected output: floating-point numbers, or integers as they are in outputs
    #[arg(long, value_name = "NAME=FILE.npy", value_parser = assignment, group = "checks")]
    pub expect: Vec<Assignment>,
    /// Also compute the program in floating point, on the same inputs, and report the error of its outputs
    #[arg(long, group = "checks")]
    pub float: bool,
    /// The largest error allowed relative to --expect [default: 0] and to --float [default: any]
    #[arg(long, value_name = "NUMBER", value_parser = tolerance, requires = "checks")]
    pub atol: Option<f64>,
    #[command(flatten)]
    pub memory: MemoryOption,
    /// Seed for random inputs
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Run on many inputs, on all cores: an array with a dimension more than its input, in front, has one for each run, and
    /// so have the outputs. N is needed where no array says how many; random inputs of run K have the seed plus K
    #[arg(long, value_name = "N", num_args = 0..=1, conflicts_with = "record", value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: Option<Option<u32>>,
    #[command(flatten)]
    pub machine: MachineOptions,
    /// Compute values only, no cycles
    #[arg(long, conflicts_with_all = ["timing", "timeline", "trace"])]
    pub values_only: bool,
    #[command(flatten)]
    pub pictures: PictureArgs,
    #[command(flatten)]
    pub figures: FiguresArgs,
    /// Write the stream and the memory before and after it into a folder, for `replay` and for other simulators
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
}

/// `NAME` or `NAME=FILE` on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeArg {
    pub name: String,
    pub path: Option<PathBuf>,
}

fn probe(text: &str) -> Result<ProbeArg, String> {
    match text.split_once('=') {
        None if !text.is_empty() => Ok(ProbeArg { name: text.to_owned(), path: None }),
        Some((name, path)) if !name.is_empty() && !path.is_empty() => {
            Ok(ProbeArg { name: name.to_owned(), path: Some(PathBuf::from(path)) })
        }
        _ => Err("a name is expected, or a name and a file with `=` between them".to_owned()),
    }
}

impl ProbeArg {
    /// Shows the option as a line of its own, so that errors can point at the name.
    pub fn place(&self, sources: &mut Sources) -> Span {
        const OPTION: &str = "--probe ";
        let file = self.path.as_ref().map_or(String::new(), |path| format!("={}", path.display()));
        let id = sources.add("command line", format!("{OPTION}{}{file}", self.name));
        Span::new(id, OPTION.len(), OPTION.len() + self.name.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_a_name_with_or_without_a_file() {
        let arg =
            |name: &str, path: Option<&str>| Ok(ProbeArg { name: name.to_owned(), path: path.map(PathBuf::from) });
        assert_eq!((probe("c"), probe("c=a=b.npy")), (arg("c", None), arg("c", Some("a=b.npy"))));
        assert!(["", "=", "c=", "=x"].iter().all(|text| probe(text).is_err()));
    }
}
