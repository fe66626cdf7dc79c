//! `tilewright profile FILE`: where the cycles of a program or of a recorded stream go, and what would save some.
//!
//! Time alone is simulated; no tensor data is read or computed.

use std::path::Path;

use tilewright::profile::{Comparison, ProfileFigures, VERSION, compare};
use tilewright::time::NamedTiming;
use tilewright_syntax::Sources;

use crate::cli::{Choice, ProfileArgs};
use crate::compile::read_program;
use crate::error::{Exit, Failure};
use crate::load::Kind;
use crate::pictures::{self, Pictures};
use crate::profile::error::CompareError;
use crate::profile::load::{self, Loaded};
use crate::profile::report;
use crate::{files, target};

pub fn run(args: &ProfileArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    check(args)?;
    let timing = args.machine.timing.as_deref().map(|given| target::timing(given, sources)).transpose()?;
    let loaded = load::load(&args.file, args, sources)?;
    let mut figures = figures(&loaded, timing.as_ref())?;
    figures.comparison = match &args.compare {
        Some(other) => Some(compared(&loaded, &figures, other, args, timing.as_ref(), sources)?),
        None => None,
    };
    let mut pictures = pictures(args, &loaded, timing.as_ref())?;
    let in_json = || format!("{:#}\n", serde_json::to_value(&figures).expect("figures are JSON"));
    if let Some(path) = args.figures.file() {
        pictures.staged.push(files::stage(path, in_json().as_bytes())?);
    }
    let written = files::commit_kept(pictures.staged);
    let shown = &pictures.shown;
    match (args.figures.replace_report(), &figures.comparison) {
        (true, _) => files::print_data(&in_json())?,
        (false, Some(comparison)) => files::print(&(report::comparison(&figures, comparison) + shown))?,
        (false, None) => files::print(&(report::report(&figures) + shown))?,
    }
    files::commit(written?)?;
    Ok(Exit::Success)
}

/// The pictures of what is profiled, not of what it is compared with.
fn pictures(args: &ProfileArgs, loaded: &Loaded, timing: Option<&NamedTiming>) -> Result<Pictures, Failure> {
    let timing = timing.unwrap_or(&loaded.timing);
    pictures::make(&args.pictures, loaded.title(), &loaded.timed_stream(), &timing.timing)
}

/// Refuses options of programs for a recording, and pictures instead of something else.
fn check(args: &ProfileArgs) -> Result<(), Failure> {
    let given = [&*args.file].into_iter().chain(args.machine.files()).chain(args.compare.as_deref());
    let figures: Vec<&Path> = args.figures.file().into_iter().collect();
    files::check_outputs(&figures, given.clone())?;
    pictures::check(&args.pictures, args.figures.replace_report(), given, &figures)?;
    let has_options = args.choice.program.is_some()
        || args.choice.schedule.is_some()
        || args.machine.target.is_some()
        || !args.params.params.is_empty();
    match load::is_recording(&args.file) && has_options {
        true => {
            let message = "a recording has its own target, no program and no schedule: omit `-p`, `--program`, `--schedule` and `--target`";
            Err(Failure::Usage(message.to_owned()))
        }
        false => Ok(()),
    }
}

fn figures(loaded: &Loaded, timing: Option<&NamedTiming>) -> Result<ProfileFigures, Failure> {
    loaded.profile(timing.unwrap_or(&loaded.timing))
}

/// Compares with a schedule of the same file, a program, a recording or a file of figures. A schedule goes before a path of
/// the same name.
fn compared(
    loaded: &Loaded,
    figures: &ProfileFigures,
    other: &Path,
    args: &ProfileArgs,
    timing: Option<&NamedTiming>,
    sources: &mut Sources,
) -> Result<Comparison, Failure> {
    let schedules = if Kind::of(&args.file) == Kind::Source { loaded.schedules() } else { Vec::new() };
    let name = other.display().to_string();
    if schedules.contains(&name) {
        let file = read_program(&args.file, sources)?;
        let choice = Choice { program: None, schedule: Some(name) };
        let other = load::program(&args.file, file, &choice, args, sources)?;
        return Ok(compare(figures, &self::figures(&other, timing)?));
    }
    if other.extension().is_none() && other.components().count() == 1 && !other.exists() {
        return Err(CompareError::Unknown { name, schedules }.into());
    }
    if !load::is_recording(other) && other.extension().is_some_and(|extension| extension == "json") {
        return Ok(compare(figures, &read(other)?));
    }
    let other = load::load(other, args, sources)?;
    Ok(compare(figures, &self::figures(&other, timing)?))
}

/// Reads a file of figures.
fn read(path: &Path) -> Result<ProfileFigures, Failure> {
    let refused = |reason: String| CompareError::NotFigures { path: path.to_owned(), reason };
    let text = files::read_text(path)?;
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| refused(error.to_string()))?;
    match value.get("version") {
        None => return Err(refused("it has no `version`".to_owned()).into()),
        Some(version) if *version != VERSION => {
            return Err(CompareError::Version { path: path.to_owned(), found: version.to_string() }.into());
        }
        Some(_) => {}
    }
    Ok(serde_json::from_value(value).map_err(|error| refused(error.to_string()))?)
}
