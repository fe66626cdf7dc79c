//! How a command ends: [`Exit`] and [`Failure`]; and [`DriverError`], what can be wrong outside of programs and streams:
//! files, arrays and arguments.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use thiserror::Error;
use tilewright::time::RecordedTimes;
use tilewright::{Fault, index_text, internal_error};
use tilewright_syntax::{Diagnostic, EXPLANATIONS, Span, nearest};

/// Findings of one kind that an error lists.
const MAX_NOTES: usize = 8;

/// The exit status of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Success = 0,
    /// The program or its input is wrong.
    Wrong = 1,
    /// Values differ from the reference, or memory from the recording.
    Differs = 3,
    /// Cycles differ from those of the hardware.
    CyclesDiffer = 4,
    /// Work was interrupted, and what it had done is shown: as a shell counts it.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub enum Failure {
    /// The arguments contradict each other; exit status 2.
    Usage(String),
    Reported {
        exit: Exit,
        diagnostics: Vec<Diagnostic>,
    },
}

impl Failure {
    /// The failure with its diagnostics changed, so that those that have no place get one.
    pub fn placed(self, place: impl FnMut(Diagnostic) -> Diagnostic) -> Failure {
        match self {
            Failure::Reported { exit, diagnostics } => {
                Failure::Reported { exit, diagnostics: diagnostics.into_iter().map(place).collect() }
            }
            usage => usage,
        }
    }
}

impl From<Vec<Diagnostic>> for Failure {
    fn from(diagnostics: Vec<Diagnostic>) -> Failure {
        Failure::Reported { exit: Exit::Wrong, diagnostics }
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Failure {
        vec![diagnostic].into()
    }
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Failure {
        let exit = match error {
            DriverError::Faulty { .. }
            | DriverError::RecordingDiffers { .. }
            | DriverError::Races { .. }
            | DriverError::NotExpected { .. }
            | DriverError::FarFromFloat { .. } => Exit::Differs,
            DriverError::CyclesDiffer { .. } => Exit::CyclesDiffer,
            DriverError::Interrupted { .. } => Exit::Interrupted,
            _ => Exit::Wrong,
        };
        Failure::Reported { exit, diagnostics: vec![error.diagnostic()] }
    }
}

/// What is wrong outside of programs and streams. Paths are shown as the user wrote them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DriverError {
    #[error("cannot read `{}`: {reason}", .path.display())]
    Unreadable { path: PathBuf, reason: String, near: Option<String> },
    #[error("`{}` is not UTF-8 text", .path.display())]
    NotText { path: PathBuf, offset: usize },
    #[error("`{}` is larger than {} bytes", .path.display(), .limit)]
    TooLarge { path: PathBuf, limit: u64 },
    #[error("`{}` is a directory", .path.display())]
    Directory { path: PathBuf },
    #[error("cannot write {}: {reason}", .to)]
    Unwritable { to: String, reason: String },
    #[error("{what} is not written to a terminal")]
    BinaryToTerminal { what: &'static str },
    #[error("refusing to overwrite the input `{}`", .path.display())]
    OutputIsInput { path: PathBuf },
    #[error("interrupted: {done} of {all} {what} are done")]
    Interrupted { done: usize, all: usize, what: &'static str },
    #[error("`{}` is named for two outputs", .path.display())]
    OutputTwice { path: PathBuf },
    #[error("`{}` is {form}, expected a program in source form", .path.display())]
    NotSource { path: PathBuf, form: &'static str },
    #[error("`{value}` is not a value for parameter `{name}`")]
    NotANumber { name: String, value: String, span: Span },
    #[error("`{}` is not an array: {reason}", .path.display())]
    Npy { path: PathBuf, reason: String },
    #[error("`{}` has `{found}` values, but {of} is `{expected}`", .path.display())]
    NpyType { path: PathBuf, of: String, found: String, expected: &'static str, declared: Option<Span> },
    #[error("`{}` has shape {}, but {of} has {}", .path.display(), shape(.found), shape(.expected))]
    NpyShape { path: PathBuf, of: String, found: Vec<u64>, expected: Vec<u64>, declared: Option<Span> },
    #[error("`{}` has NaN at {}, which {of} cannot represent", .path.display(), index_text(.index))]
    NpyNan { path: PathBuf, of: String, index: Vec<usize> },
    #[error("{what} is specified twice")]
    Twice { what: String, first: Span, second: Span },
    #[error("there is no pass `{name}`")]
    UnknownPass { name: String, known: Vec<&'static str> },
    #[error("{from} cannot be lowered to the form `{form}`")]
    NoWayBack { from: &'static str, form: String, possible: Vec<String> },
    #[error("after `{pass}`, the loop program violates a rule")]
    BrokenRule { pass: String, rules: Vec<String> },
    #[error("there is no error code `{code}`")]
    UnknownCode { code: String },
    #[error("{fault}")]
    Faulty { fault: Fault, recorded: Option<PathBuf> },
    #[error("output `{output}` does not match `{}`: it differs by {by} at {}, and at most {atol} is allowed", .path.display(), index_text(.index))]
    NotExpected { output: String, path: PathBuf, index: Vec<usize>, by: String, atol: String, notes: [String; 2] },
    #[error("output `{output}` differs by {by} from its computation in floating point at {}, and at most {atol} is allowed", index_text(.index))]
    FarFromFloat { output: String, index: Vec<usize>, by: String, atol: String, notes: [String; 2] },
    #[error("memory differs from the recording at address {address:#x}")]
    RecordingDiffers { address: u64, expected: u8, got: u8 },
    #[error("the stream has {}", if *.places == 1 { "a race".to_owned() } else { format!("races at {} places", .places) })]
    Races { places: u64 },
    #[error("the run takes {got} cycles, but the hardware took {expected}")]
    CyclesDiffer { timing: String, expected: u64, got: u64, times: Option<RecordedTimes> },
    #[error("`{}` has an unknown extension for {what}", .path.display())]
    WrongEnding { path: PathBuf, what: &'static str, endings: Vec<String> },
    #[error("there is no cycle in {}..{}", .cycles.start, .cycles.end)]
    NoCycles { cycles: Range<u64> },
    #[error("cycles {}..{} are outside the run, which takes {total}", .cycles.start, .cycles.end)]
    CyclesOutside { cycles: Range<u64>, total: u64 },
}

impl DriverError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            DriverError::Unreadable { .. } => "E0601",
            DriverError::NotText { .. } => "E0602",
            DriverError::TooLarge { .. } => "E0603",
            DriverError::Directory { .. } => "E0604",
            DriverError::Unwritable { .. } => "E0605",
            DriverError::BinaryToTerminal { .. } => "E0606",
            DriverError::OutputIsInput { .. } => "E0607",
            DriverError::NotSource { .. } => "E0608",
            DriverError::OutputTwice { .. } => "E0609",
            DriverError::NotANumber { .. } => "E0610",
            DriverError::Interrupted { .. } => "E0611",
            DriverError::Npy { .. } => "E0620",
            DriverError::NpyType { .. } => "E0621",
            DriverError::NpyShape { .. } => "E0622",
            DriverError::NpyNan { .. } => "E0626",
            DriverError::Twice { .. } => "E0625",
            DriverError::UnknownPass { .. } => "E0630",
            DriverError::NoWayBack { .. } => "E0631",
            DriverError::BrokenRule { .. } => "E0632",
            DriverError::UnknownCode { .. } => "E0640",
            DriverError::Faulty { fault, .. } => fault.code(),
            DriverError::RecordingDiffers { .. } => "E0651",
            DriverError::CyclesDiffer { .. } => "E0653",
            DriverError::NotExpected { .. } => "E0654",
            DriverError::FarFromFloat { .. } => "E0655",
            DriverError::Races { .. } => "E0656",
            DriverError::WrongEnding { .. } => "E0670",
            DriverError::NoCycles { .. } => "E0671",
            DriverError::CyclesOutside { .. } => "E0672",
        }
    }

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let told = Diagnostic::error(self.code(), self.to_string());
        match self {
            DriverError::Unreadable { near: Some(near), .. } => told.help(format!("did you mean `{near}`?")),
            DriverError::Unreadable { near: None, .. } | DriverError::Unwritable { .. } => told,
            DriverError::NotText { offset, .. } => told.note(format!("byte {offset} does not begin a character")),
            DriverError::TooLarge { .. } => told.help("such a file is never that large; is it the right one?"),
            DriverError::Directory { .. } => told.help("a file is expected here"),
            DriverError::BinaryToTerminal { .. } => {
                told.help("write it to a file, or to another program with `|`")
            }
            DriverError::OutputIsInput { .. } => told.help("give the output another name"),
            DriverError::Interrupted { .. } => told.help("interrupt it twice to end it without results"),
            DriverError::OutputTwice { .. } => told.help("give one of them another name"),
            DriverError::NotSource { path, form } => {
                let (path, is_artifact) = (path.display(), *form == "an artifact");
                told.help(match is_artifact {
                    true => format!("`tilewright run {path}` runs it"),
                    false => format!("`tilewright lower {path}` lowers it"),
                })
            }
            DriverError::NotANumber { span, .. } => told.primary(*span, "expected an integer").help(
                "numbers are decimal (`1_000`) or hexadecimal (`0x3e8`), from -9223372036854775808 to 9223372036854775807",
            ),
            DriverError::Npy { .. }
            | DriverError::NpyType { .. }
            | DriverError::NpyShape { .. }
            | DriverError::NpyNan { .. } => self.about_array(told),
            DriverError::Twice { first, second, .. } => told.primary(*second, "again").secondary(*first, "first here"),
            DriverError::UnknownPass { name, known } => told.offer(name, known, "passes"),
            DriverError::NoWayBack { possible, .. } => told.help(format!("it can be lowered to {}", possible.join(", "))),
            DriverError::BrokenRule { rules, .. } => {
                internal_error(rules.iter().take(MAX_NOTES).fold(told, |told, rule| told.note(rule.clone())))
            }
            DriverError::UnknownCode { code } => unknown_code(told, code),
            DriverError::Faulty { fault, recorded } => faulty(fault, recorded.as_deref()),
            DriverError::NotExpected { notes, .. } => noted(told, notes),
            DriverError::FarFromFloat { notes, .. } => noted(told, notes)
                .help("formats with more fraction bits or a better approximation reduce the error"),
            DriverError::RecordingDiffers { expected, got, .. } => {
                told.note(format!("expected {expected:#04x}, got {got:#04x}"))
            }
            DriverError::Races { .. } => {
                told.help("let the earlier instruction of each pair post a token that the later one waits for")
            }
            DriverError::CyclesDiffer { timing, times, .. } => other_cycles(told, timing, times.as_ref()),
            DriverError::WrongEnding { endings, .. } => ending(told, endings),
            DriverError::NoCycles { .. } => told.help("the first cycle comes before the last: `--cycles 1000..2000`"),
            DriverError::CyclesOutside { total, .. } => told.help(format!("`--cycles 0..{total}` is the whole run")),
        }
    }

    /// Adds what to do about the file of an array.
    fn about_array(&self, told: Diagnostic) -> Diagnostic {
        match self {
            DriverError::NpyType { expected, declared, .. } => at(told, *declared, format!("`{expected}` here"))
                .help(format!("convert the array where it is created: `.astype(numpy.{})`", numpy_name(expected)))
                .help("`float32` and `float64` values are converted when they are read"),
            DriverError::NpyShape { expected, declared, .. } => {
                at(told, *declared, format!("shape {} here", shape(expected)))
                    .help("parameters (`-p NAME=VALUE`) change the shape that the kernel has")
            }
            DriverError::NpyNan { .. } => told.help("replace it by a number: `numpy.nan_to_num`"),
            _ => told.help("arrays are files as `numpy.save` writes them, of `int8`, `int32`, `float32` or `float64`"),
        }
    }
}

/// Adds what became of the outputs, and where the run is recorded.
fn faulty(fault: &Fault, recorded: Option<&Path>) -> Diagnostic {
    fault.diagnostic().note("no output is written").help(match recorded {
        Some(folder) => format!("please report it with the recording in `{}`", folder.display()),
        None => "please report it with the recording that `--record DIR` writes".to_owned(),
    })
}

/// Adds where a tensor is declared, which only sources say.
fn at(told: Diagnostic, declared: Option<Span>, label: String) -> Diagnostic {
    declared.into_iter().fold(told, |told, span| told.primary(span, label.clone()))
}

fn noted(told: Diagnostic, notes: &[String]) -> Diagnostic {
    notes.iter().fold(told, |told, note| told.note(note.clone()))
}

fn other_cycles(told: Diagnostic, timing: &str, times: Option<&RecordedTimes>) -> Diagnostic {
    let told = told.note(format!("simulated with the timing `{timing}`"));
    times.into_iter().fold(told, |told, times| told.note(times.to_string()))
}

fn ending(told: Diagnostic, endings: &[String]) -> Diagnostic {
    told.help(format!("the extension determines the format: {}", endings.join(" or ")))
}

fn unknown_code(told: Diagnostic, code: &str) -> Diagnostic {
    let upper = code.to_ascii_uppercase();
    let known = EXPLANATIONS.iter().map(|explanation| explanation.code);
    told.did_you_mean(&upper, known).help("a code is `E` for an error or `W` for a warning, and four digits")
}

/// `(1, 256)`, `(256,)`, `()`: as Python writes shapes.
fn shape(dims: &[u64]) -> String {
    match dims {
        [one] => format!("({one},)"),
        dims => format!("({})", dims.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
    }
}

fn numpy_name(dtype: &str) -> &'static str {
    if dtype == "i8" { "int8" } else { "int32" }
}

/// The entry of the path's directory whose name is most like that of the path.
pub fn near_file(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let directory = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(directory).ok()?.take(1000);
    let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    let near = nearest(name, names.iter().map(|n| &**n))?;
    Some(path.with_file_name(near).display().to_string())
}
