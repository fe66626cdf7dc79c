//! The machine that options name: files → [`Target`]; without a file, VTA's default machine.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tilewright::target::{Target, agree as targets_agree, read_timing, warnings};
use tilewright::time::NamedTiming;
use tilewright_isa::Config;
use tilewright_sim::cycles::{Timing, TimingError};
use tilewright_syntax::{Diagnostic, FileId, Sources};

use crate::cli::MachineOptions;
use crate::error::Failure;
use crate::files::{self, read_source};
use crate::report::print_diagnostics;

/// Refuses a `--target` other than that of a text or an artifact.
pub fn agree(path: Option<&Path>, config: &Config, what: &str, sources: &mut Sources) -> Result<(), Failure> {
    match path {
        Some(_) => Ok(targets_agree(config, &read(path, sources)?, what)?),
        None => Ok(()),
    }
}

/// Reads the target of `--target`, if it is given.
pub fn given(path: Option<&Path>, sources: &mut Sources) -> Result<Option<Config>, Failure> {
    path.map(|path| read(Some(path), sources)).transpose()
}

/// Reads a target.
pub fn read(path: Option<&Path>, sources: &mut Sources) -> Result<Config, Failure> {
    Ok(read_timed(path, sources)?.config)
}

/// Reads a target with its timing.
pub fn read_timed(path: Option<&Path>, sources: &mut Sources) -> Result<Target, Failure> {
    let Some(path) = path else { return Ok(Target::default()) };
    let file = read_source(path, sources)?;
    let target = Target::read(sources, file)?;
    warn(path, file, sources);
    Ok(target)
}

/// Tells of what has no effect, once for a file: a command may read its target for every program, and its timing as well.
fn warn(path: &Path, file: FileId, sources: &Sources) {
    static TOLD: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if !told.iter().any(|known| known == path) {
        told.push(path.to_owned());
        print_diagnostics(&warnings(sources, file), sources);
    }
}

/// Reads what programs are compiled for and timed on: a timing that is given goes before the one that the target states.
pub fn machine(given: &MachineOptions, sources: &mut Sources) -> Result<Target, Failure> {
    let target = read_timed(given.target.as_deref(), sources)?;
    let timing = given.timing.as_deref().map(|given| timing(given, sources)).transpose()?;
    Ok(Target { timing: timing.unwrap_or(target.timing), ..target })
}

/// The timing that is asked for by the name of a preset or by a file: a target, or an object of timing parameters alone.
pub fn timing(given: &Path, sources: &mut Sources) -> Result<NamedTiming, Failure> {
    match given.to_str().map(Timing::named) {
        Some(Ok(timing)) => Ok(NamedTiming::new(timing, &given.display().to_string())),
        Some(Err(error)) if is_name(given) && !files::is_there(given)? => Err(unknown_name(&error, given).into()),
        _ => {
            let file = read_source(given, sources)?;
            let timing = read_timing(sources, file)?;
            warn(given, file, sources);
            Ok(timing)
        }
    }
}

/// Whether this can only be meant as the name of a preset.
fn is_name(given: &Path) -> bool {
    given.extension().is_none() && given.components().count() == 1
}

fn unknown_name(error: &TimingError, given: &Path) -> Diagnostic {
    let told = Diagnostic::error(error.code(), error.to_string());
    told.offer(&given.display().to_string(), &Timing::NAMES, "timings").help("a target file is accepted as well")
}
