//! The pictures that options ask for: a stream and a timing → staged timelines and traces, and what is drawn below a
//! report.
//!
//! Invariant: what can be told from the names of files is told before anything is simulated.

use std::path::Path;

use tilewright::{Artifact, time};
use tilewright_sim::cycles::trace::{self, TraceFormat, TracedRun};
use tilewright_sim::cycles::{CycleReport, Tables, Timing, attribute};
use tilewright_sim::profile::TimedStream;

use crate::cli::PictureArgs;
use crate::error::{DriverError, Failure};
use crate::files::{self, Staged, is_standard};
use crate::timeline::{self, Picture};

/// What was made; empty where nothing is asked for.
#[derive(Debug, Default)]
pub struct Pictures {
    /// What goes below the report, with an empty line between.
    pub shown: String,
    pub staged: Vec<Staged>,
}

/// What the pictures of a program are called.
pub fn title(artifact: &Artifact) -> String {
    match artifact.schedule() {
        "" => artifact.name().to_owned(),
        schedule => format!("{}, schedule {schedule}", artifact.name()),
    }
}

/// Refuses names of other kinds of files, files that would replace one of the `inputs` or be one of the command's other
/// `outputs`, and a drawing beside figures.
pub fn check<'a>(
    args: &PictureArgs,
    is_figures: bool,
    inputs: impl Iterator<Item = &'a Path> + Clone,
    outputs: &[&Path],
) -> Result<(), Failure> {
    if is_figures && args.timeline.as_deref().is_some_and(is_standard) {
        return Err(Failure::Usage(
            "figures and a timeline on `-` would be mixed on standard output: give the timeline a file".to_owned(),
        ));
    }
    let named_svg = |path: &Path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("svg"));
    let timeline = args.timeline.as_deref().filter(|path| !is_standard(path));
    if let Some(path) = timeline.filter(|path| !named_svg(path)) {
        return Err(wrong_ending(path, "a timeline", &["svg"]).into());
    }
    if let Some(path) = args.trace.as_deref().filter(|path| TraceFormat::of_path(path).is_none()) {
        return Err(wrong_ending(path, "a trace", &TraceFormat::ALL.map(TraceFormat::extension)).into());
    }
    let pictures: Vec<&Path> = timeline.into_iter().chain(args.trace.as_deref()).collect();
    files::check_outputs(&pictures, inputs)?;
    Ok(files::keep_apart(&[outputs, &pictures].concat())?)
}

fn wrong_ending(path: &Path, what: &'static str, endings: &[&str]) -> DriverError {
    let endings = endings.iter().map(|ending| format!("`.{ending}`")).collect();
    DriverError::WrongEnding { path: path.to_owned(), what, endings }
}

/// Makes what is asked for of a stream that runs to its end; `title` says what ran. The arguments have been checked.
pub fn make(args: &PictureArgs, title: String, stream: &TimedStream, timing: &Timing) -> Result<Pictures, Failure> {
    if args.timeline.is_none() && args.trace.is_none() {
        return Ok(Pictures::default());
    }
    let (tables, report) = time::tables_and_report(stream, timing)?;
    let mut pictures = Pictures::default();
    if let Some(path) = &args.timeline {
        let attribution = attribute(stream.insns, &tables, &report, timing, &stream.options());
        let cycles = timeline::window(args.cycles, report.cycles)?;
        let picture = Picture { title, insns: stream.insns, attribution: &attribution, cycles };
        match is_standard(path) {
            true => pictures.shown = format!("\n{}", timeline::terminal(&picture, timeline::columns())),
            false => pictures.staged.push(files::stage(path, timeline::svg(&picture).as_bytes())?),
        }
    }
    if let Some((path, format)) = args.trace.as_deref().and_then(|path| Some((path, TraceFormat::of_path(path)?))) {
        pictures.staged.push(stage_trace(path, format, stream, timing, (&tables, &report))?);
    }
    Ok(pictures)
}

fn stage_trace(
    path: &Path,
    format: TraceFormat,
    stream: &TimedStream,
    timing: &Timing,
    (tables, report): (&Tables, &CycleReport),
) -> Result<Staged, DriverError> {
    let options = &stream.options();
    let run = TracedRun { insns: stream.insns, tables, report, timing, options };
    files::stage_with(path, |mut file| trace::write(format, &run, &mut file).map(drop))
}
