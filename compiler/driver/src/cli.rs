//! The command line: names, options and their values, as `clap` reads them. Nothing here looks at a file.

mod accuracy;
mod approx;
mod build;
mod memory;
mod run;
mod sweep;
mod texts;

use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use tilewright_syntax::{Sources, Span};

pub use accuracy::AccuracyArgs;
pub use approx::ApproxArgs;
pub use build::BuildArgs;
pub use memory::MemoryOption;
pub use run::{ProbeArg, RunArgs};
pub use sweep::SweepArgs;
pub use texts::{
    CheckArgs, CompletionsArgs, DiagnosticsFormat, ExplainArgs, FmtArgs, InitArgs, ListArgs, ManArgs, TestArgs,
};

/// A tensor compiler with its own schedule language, for VTA-class accelerators, and their simulator.
#[derive(Debug, Parser)]
#[command(name = "tilewright", version, arg_required_else_help = true)]
#[command(
    after_help = "Exit status: 0 success, 1 error in the program or its input, 2 usage, 3 values differ, 4 cycles differ, \
                  130 interrupted."
)]
pub struct Cli {
    /// When to use colours
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Colour::Auto)]
    pub color: Colour,
    #[command(subcommand)]
    pub command: Command,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check every kernel and schedule of files
    Check(CheckArgs),
    /// Format files
    Fmt(FmtArgs),
    /// Lower a program and show it in any of its forms
    Lower(LowerArgs),
    /// Compile a program, execute it on the simulated accelerator and compare with the reference
    Run(RunArgs),
    /// Run the tests of files: directly, as loops and on the simulated accelerator
    Test(TestArgs),
    /// Compile a program into one file, which run, accuracy, profile and replay take in its place
    Build(BuildArgs),
    /// Measure the accuracy of a classifier on many samples
    Accuracy(AccuracyArgs),
    /// Show where the cycles of a program or a recorded stream go, and what could save some
    Profile(ProfileArgs),
    /// Run every combination of parameter values and list them, fastest first
    Sweep(SweepArgs),
    /// Benchmark the rows of a table: operators compared with another compiler's figures, recurrences per step
    Bench(BenchArgs),
    /// Find the first directive after which a program's result or legality changes
    Bisect(BisectArgs),
    /// List the methods of approximating a function, with their errors and their cost on the vector ALU
    Approx(ApproxArgs),
    /// Execute a recorded stream and compare memory and cycles with the recording
    Replay(ReplayArgs),
    /// Assemble a text into an instruction stream
    Asm(AsmArgs),
    /// Show an instruction stream as text
    Disasm(DisasmArgs),
    /// List what a file has: kernels, schedules, programs, definitions and tests, with their parameters
    List(ListArgs),
    /// Write a kernel with a schedule and a test to start from
    Init(InitArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Write the pages of the manual
    Man(ManArgs),
    /// Explain an error code, with an example and its fix
    Explain(ExplainArgs),
    /// Print a module of the standard library
    Std(StdArgs),
    /// Show the core, the scratchpads and the field widths of a target
    Target(TargetArgs),
}

/// What of a file to take.
#[derive(Debug, Default, Args)]
pub struct Choice {
    /// The program to use; may be omitted if the file has only one
    #[arg(long, value_name = "NAME", conflicts_with = "schedule")]
    pub program: Option<String>,
    /// The schedule to use, with its kernel alone; may be omitted if the file has only one, or a program
    #[arg(long, value_name = "NAME")]
    pub schedule: Option<String>,
}

#[derive(Debug, Args)]
pub struct LowerArgs {
    /// A program (.tw), a loop program (.loops, .legal) or an assembler text (.asm)
    pub file: PathBuf,
    /// The form to write [default: legal, or asm for an assembler text; none beside --step, --print-after or --time-passes]
    #[arg(long, value_enum, value_name = "FORM")]
    pub emit: Option<Form>,
    /// Print the loop program as it is after a pass, after each pass, or after each pass that changes it; with --emit,
    /// -o FILE takes only the form
    #[arg(long, value_name = "PASS|all|changed")]
    pub print_after: Option<String>,
    /// Print what each directive changes in the loop nest; with --emit, -o FILE takes only the form
    #[arg(long)]
    pub step: bool,
    /// Take schedules as they were written, without what completes them; a kernel without a schedule has its default loops
    #[arg(long)]
    pub as_written: bool,
    /// Show beside each instruction of the legal form which modules it waits for and lets go on, as comments
    #[arg(long)]
    pub tokens: bool,
    /// Show loops of one iteration as well, in the loop programs before legalisation
    #[arg(long)]
    pub full: bool,
    /// Check the rules of the loop IR after each pass
    #[arg(long)]
    pub verify_each: bool,
    /// Run only these passes, in the order of the compiler, and write the loop program that they leave
    #[arg(long, value_name = "PASS,...", value_delimiter = ',', conflicts_with = "emit")]
    pub passes: Option<Vec<String>>,
    /// Print on standard error how long each phase and each pass takes, and how much each leaves
    #[arg(long)]
    pub time_passes: bool,
    /// Where to write the form; `-` is standard output
    #[arg(short, long, value_name = "FILE|-", default_value = "-")]
    pub output: PathBuf,
    #[command(flatten)]
    pub params: Params,
    #[command(flatten)]
    pub choice: Choice,
    #[command(flatten)]
    pub target: TargetOption,
}

/// The forms of a program, in the order of lowering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Form {
    /// The source in canonical form
    Ast,
    /// The kernel with every extent and type
    Tensor,
    /// The stages with their scopes, attachments and loops
    Schedule,
    /// The loop program before legalisation
    Loops,
    /// The loop program in terms of the accelerator's instructions
    Legal,
    /// The instruction stream as text
    Asm,
    /// The instruction stream, 16 bytes an instruction
    Bin,
}

#[derive(Debug, Args)]
pub struct ProfileArgs {
    /// The program, or the folder of a recording
    pub file: PathBuf,
    #[command(flatten)]
    pub params: Params,
    #[command(flatten)]
    pub choice: Choice,
    #[command(flatten)]
    pub machine: MachineOptions,
    /// Show the differences from a schedule of the same file, another program or recording, or a file of figures
    #[arg(long, value_name = "SCHEDULE|FILE")]
    pub compare: Option<PathBuf>,
    #[command(flatten)]
    pub pictures: PictureArgs,
    #[command(flatten)]
    pub figures: FiguresArgs,
}

/// Where the figures of many runs go besides the terminal.
#[derive(Debug, Args)]
pub struct Exports {
    /// Write every figure as comma-separated values; on standard output instead of the report
    #[arg(long, value_name = "FILE|-", num_args = 0..=1, default_missing_value = "-")]
    pub csv: Option<PathBuf>,
    /// Write every figure as one JSON object; on standard output instead of the report
    #[arg(long, value_name = "FILE|-", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The program is tried with the first directives of its schedule, for every number of them: compiled, run and compared
with the reference. The directive at fault is, in this order:

1. the first one after which values are wrong;
2. one that cannot be applied where it stands;
3. where the whole schedule is refused, the one after the last legal prefix;
4. where no prefix is legal, the one without which the whole would be;
5. where there is none, the one with which the error of the whole begins.

Exit status: 0 nothing is wrong, 1 the schedule is refused, 3 values are wrong.")]
pub struct BisectArgs {
    /// The program
    pub file: PathBuf,
    #[command(flatten)]
    pub params: Params,
    #[command(flatten)]
    pub choice: Choice,
    /// Seed for random inputs
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    #[command(flatten)]
    pub machine: MachineOptions,
}

#[derive(Clone, Debug, Args)]
pub struct ReplayArgs {
    /// The recording: trace.json, insns.bin and, where they exist, before.bin and after.bin; or an artifact (.twm) or a loop
    /// program, for its cycles, or an assembler text
    pub dir: PathBuf,
    #[command(flatten)]
    pub figures: FiguresArgs,
    /// The machine whose cycles are simulated: de10, pynq, or a target file with `timing` under `tilewright`
    #[arg(long, value_name = "NAME|FILE", default_value = "de10", conflicts_with = "values_only")]
    pub timing: PathBuf,
    /// Simulate cycles only; no tensor data is read or computed
    #[arg(long, conflicts_with_all = ["values_only", "races"])]
    pub time_only: bool,
    /// Compute values only, no cycles
    #[arg(long, conflicts_with_all = ["timeline", "trace"])]
    pub values_only: bool,
    #[command(flatten)]
    pub pictures: PictureArgs,
    /// Write when every instruction, read and write happened: instructions.csv, reads.csv and writes.csv
    #[arg(long, value_name = "DIR", conflicts_with = "values_only")]
    pub events: Option<PathBuf>,
    /// Also detect races, which end with exit status 3
    #[arg(long)]
    pub races: bool,
    /// Execute the stream so many times and report the best host time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,
}

#[derive(Debug, Args)]
pub struct AsmArgs {
    /// The text
    pub file: PathBuf,
    /// Where to write the bytes; `-` is standard output
    #[arg(short, long, value_name = "FILE|-", default_value = "-")]
    pub output: PathBuf,
}

#[derive(Debug, Args)]
pub struct DisasmArgs {
    /// The instruction stream, 16 bytes an instruction, or the folder of a recording
    pub file: PathBuf,
    #[command(flatten)]
    pub target: TargetOption,
    /// Where to write the text; `-` is standard output
    #[arg(short, long, value_name = "FILE|-", default_value = "-")]
    pub output: PathBuf,
}

#[derive(Debug, Args)]
pub struct BenchArgs {
    /// The table: `operators`, `lstm` or `transformer`, which are built in, or a TOML file
    pub table: PathBuf,
    /// The rows to run, by name [default: all]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub rows: Vec<String>,
    #[command(flatten)]
    pub machine: MachineOptions,
    #[command(flatten)]
    pub exports: Exports,
}

#[derive(Debug, Args)]
pub struct StdArgs {
    /// The module; without it, list all modules
    pub module: Option<String>,
    /// Print the page of the documentation
    #[arg(long, conflicts_with = "module")]
    pub page: bool,
}

#[derive(Debug, Args)]
pub struct TargetArgs {
    /// A VTA configuration file [default: VTA's default machine]
    pub file: Option<PathBuf>,
}

#[derive(Debug, Default, Args)]
pub struct Params {
    /// A parameter: NAME is a kernel's, SCHEDULE.NAME a schedule's; the last of several values is used
    #[arg(short = 'p', long = "param", value_name = "NAME=VALUE", value_parser = assignment)]
    pub params: Vec<Assignment>,
}

#[derive(Debug, Args)]
pub struct TargetOption {
    /// A VTA configuration file [default: VTA's default machine]
    #[arg(long, value_name = "FILE")]
    pub target: Option<PathBuf>,
}

/// What programs are compiled for, and whose cycles are simulated.
#[derive(Debug, Default, Args)]
pub struct MachineOptions {
    /// A VTA configuration file [default: VTA's default machine]
    #[arg(long, value_name = "FILE")]
    pub target: Option<PathBuf>,
    /// The machine whose cycles are simulated: de10, pynq, or a target file with `timing` under `tilewright` [default: the
    /// timing of the target, or else de10]
    #[arg(long, value_name = "NAME|FILE")]
    pub timing: Option<PathBuf>,
}

impl MachineOptions {
    /// The files that are read for it; the name of a preset is among them as a path.
    pub fn files(&self) -> impl Iterator<Item = &Path> + Clone {
        self.target.iter().chain(&self.timing).map(PathBuf::as_path)
    }
}

/// What a run in time leaves for people to look at.
#[derive(Clone, Debug, Args)]
pub struct PictureArgs {
    /// Draw what fetch, load, compute and store do in each cycle; `-` draws it below the report
    #[arg(long, value_name = "FILE.svg|-")]
    pub timeline: Option<PathBuf>,
    /// The cycles of the timeline; either end may be omitted
    #[arg(long, value_name = "A..B", value_parser = cycle_range, requires = "timeline")]
    pub cycles: Option<CycleRange>,
    /// Write all events, for a trace viewer (Perfetto) or a waveform viewer
    #[arg(long, value_name = "FILE.pftrace|FILE.vcd")]
    pub trace: Option<PathBuf>,
}

/// A range of cycles, the end not included; a side that is left out is the run's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CycleRange {
    pub start: Option<u64>,
    pub end: Option<u64>,
}

fn cycle_range(text: &str) -> Result<CycleRange, String> {
    let side = |text: &str| match text.replace('_', "") {
        digits if digits.is_empty() => Ok(None),
        digits => digits.parse().map(Some),
    };
    let sides = text.split_once("..").map(|(start, end)| (side(start), side(end)));
    let Some((Ok(start), Ok(end))) = sides else {
        return Err("expected two cycles separated by `..`: `1000..2000`".to_owned());
    };
    Ok(CycleRange { start, end })
}

/// Where the figures of a run go besides the terminal.
#[derive(Clone, Debug, Default, Args)]
pub struct FiguresArgs {
    /// Write every figure as one JSON object; on standard output instead of the report
    #[arg(long, value_name = "FILE|-", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<PathBuf>,
    /// The same as `--json -`
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with = "json")]
    pub stats: Option<StatsFormat>,
}

impl FiguresArgs {
    /// Whether they go to standard output, instead of the report.
    pub fn replace_report(&self) -> bool {
        self.stats.is_some() || self.json.as_deref().is_some_and(|path| path == Path::new("-"))
    }

    /// The file that they go to.
    pub fn file(&self) -> Option<&Path> {
        self.json.as_deref().filter(|path| *path != Path::new("-"))
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum StatsFormat {
    /// One object
    Json,
}

/// `NAME=VALUE` on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    pub name: String,
    pub value: String,
}

fn assignment(text: &str) -> Result<Assignment, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok(Assignment { name: name.to_owned(), value: value.to_owned() })
        }
        _ => Err("expected a name and a value separated by `=`".to_owned()),
    }
}

fn tolerance(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "expected a non-negative number: `0.01`".to_owned())
}

impl Assignment {
    /// Shows the assignment as a line of its own, so that errors can point into it. Returns the spans of the name and of
    /// the value.
    pub fn place(&self, option: &str, sources: &mut Sources) -> (Span, Span) {
        let file = sources.add("command line", format!("{option} {}={}", self.name, self.value));
        let name = option.len() + 1..option.len() + 1 + self.name.len();
        let value = name.end + 1..name.end + 1 + self.value.len();
        let span = |r: Range<usize>| Span::new(file, r.start, r.end);
        (span(name), span(value))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn assignments_need_both_sides() {
        let value = Assignment { name: "n".to_owned(), value: "a=b".to_owned() };
        assert_eq!(assignment("n=a=b"), Ok(value));
        for text in ["n", "n=", "=1", "", "="] {
            assert!(assignment(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tolerances_are_numbers_from_0_on() {
        assert_eq!(["0", "0.01", "1e-3", "2"].map(tolerance), [Ok(0.0), Ok(0.01), Ok(0.001), Ok(2.0)]);
        for text in ["", "-0.1", "nan", "inf", "x", "0,1"] {
            assert!(tolerance(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ranges_of_cycles_have_two_sides_or_fewer() {
        let range = |start, end| Ok(CycleRange { start, end });
        assert_eq!(cycle_range("1_000..2000"), range(Some(1000), Some(2000)));
        assert_eq!(cycle_range("5.."), range(Some(5), None));
        assert_eq!(cycle_range("..5"), range(None, Some(5)));
        assert_eq!(cycle_range(".."), range(None, None));
        for text in ["", "5", "5-6", "-1..5", "5..=6", "a..b", "1...2", "18446744073709551616.."] {
            assert!(cycle_range(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_assignment_points_into_its_line() {
        let mut sources = Sources::default();
        let given = Assignment { name: "n".to_owned(), value: "abc".to_owned() };
        let (name, value) = given.place("-p", &mut sources);
        assert_eq!((sources.text(name), sources.text(value)), ("n", "abc"));
    }
}
