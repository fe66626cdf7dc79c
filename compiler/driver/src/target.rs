//! A target: a VTA configuration file → [`Config`] and [`Timing`]; without a file, VTA's default machine. The text of a loop program for
//! another machine names it at its top: `// target: {"LOG_BLOCK": 5, ...}`.
//!
//! The timing stands in the file under `tilewright`, `timing`: an object of its parameters, or the name of a preset. A target
//! with a wrong timing is refused also where only its configuration is asked for.

use std::ops::Range;
use std::path::Path;

use serde_json::Value;
use tilewright::time::NamedTiming;
use tilewright_isa::{Config, ConfigError};
use tilewright_sim::cycles::{Timing, TimingError};
use tilewright_syntax::{Diagnostic, FileId, Sources, Span};

use crate::cli::MachineOptions;
use crate::error::{DriverError, Failure};
use crate::files::read_source;

/// What stands before the target in the text of a loop program.
const LINE: &str = "// target:";

/// The line that a loop program for this target begins with; none for the default machine.
pub fn line(config: &Config) -> String {
    match *config == Config::default() {
        true => String::new(),
        false => format!("{LINE} {}\n", config.to_json()),
    }
}

/// The target of a loop program: that of its first line, or else that of `--target`.
pub fn of_loops(file: FileId, path: Option<&Path>, sources: &mut Sources) -> Result<Config, Failure> {
    let text = &sources.file(file).text;
    let first = text.lines().next().filter(|line| line.starts_with(LINE));
    let Some(json) = first.map(|line| format!("{}{}", " ".repeat(LINE.len()), &line[LINE.len()..])) else {
        return read(path, sources);
    };
    // The spaces keep the places that errors name.
    let config = Config::from_json(&json).map_err(|error| diagnostic(&error, file, &json))?;
    agree(path, &config, "this loop program", sources)?;
    Ok(config)
}

/// Refuses a `--target` other than that of a text.
pub fn agree(path: Option<&Path>, config: &Config, text: &'static str, sources: &mut Sources) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    let given = read(Some(path), sources)?;
    let differing: Vec<String> = stated(config)
        .into_iter()
        .zip(stated(&given))
        .filter(|(own, given)| own != given)
        .map(|((key, own), (_, given))| format!("{key} is {own} in the text and {given} in `{}`", path.display()))
        .collect();
    match differing.is_empty() {
        true => Ok(()),
        false => Err(DriverError::OtherTarget { text, differing }.into()),
    }
}

/// All that a configuration says, by key.
fn stated(config: &Config) -> Vec<(&'static str, String)> {
    let numbers = config.params().named().map(|(key, value)| (key, value.to_string()));
    let capabilities = config.capabilities().named().map(|(key, value)| (key, value.to_string()));
    numbers.into_iter().chain(capabilities).collect()
}

/// Reads a target.
pub fn read(path: Option<&Path>, sources: &mut Sources) -> Result<Config, Failure> {
    Ok(read_timed(path, sources)?.0)
}

/// Reads what programs are compiled for and timed on: a timing that is given stands before the one that the target states.
pub fn machine(given: &MachineOptions, sources: &mut Sources) -> Result<(Config, NamedTiming), Failure> {
    let (config, stated) = read_timed(given.target.as_deref(), sources)?;
    let timing = given.timing.as_deref().map(|given| timing(given, sources)).transpose()?;
    Ok((config, timing.unwrap_or(stated)))
}

/// Reads a target with the timing that it states, the default where it states none.
pub fn read_timed(path: Option<&Path>, sources: &mut Sources) -> Result<(Config, NamedTiming), Failure> {
    let Some(path) = path else { return Ok((Config::default(), NamedTiming::default())) };
    let file = read_source(path, sources)?;
    let text = &sources.file(file).text;
    let config = Config::from_json(text).map_err(|error| diagnostic(&error, file, text))?;
    let timing = stated_timing(&parsed(text)).map_err(|error| timing_diagnostic(&error, file, text))?;
    Ok((config, NamedTiming::new(timing, &path.display().to_string())))
}

/// The timing that is asked for by the name of a preset or by a file: a target, or an object of timing parameters alone.
pub fn timing(given: &Path, sources: &mut Sources) -> Result<NamedTiming, Failure> {
    let timing = match given.to_str().map(Timing::named) {
        Some(Ok(timing)) => timing,
        Some(Err(error)) if is_name(given) && !given.exists() => return Err(unknown_name(&error, given).into()),
        _ => read_timing(given, sources)?,
    };
    Ok(NamedTiming::new(timing, &given.display().to_string()))
}

/// Whether this can only be meant as the name of a preset.
fn is_name(given: &Path) -> bool {
    given.extension().is_none() && given.components().count() == 1
}

fn unknown_name(error: &TimingError, given: &Path) -> Diagnostic {
    let told = Diagnostic::error(error.code(), error.to_string());
    told.offer(&given.display().to_string(), &Timing::NAMES, "timings").help("a target file is accepted as well")
}

fn read_timing(path: &Path, sources: &mut Sources) -> Result<Timing, Failure> {
    let file = read_source(path, sources)?;
    let text = &sources.file(file).text;
    let value = parsed(text);
    let alone = is_timing_alone(&value);
    // As part of a target, so that the rule of targets holds that no key stands twice.
    let target = if alone { format!("{{\"{OWN_KEY}\": {{\"{TIMING_KEY}\": {text}}}}}") } else { text.clone() };
    Config::from_json(&target).map_err(|error| diagnostic(&error, file, text))?;
    let timing = if alone { Timing::from_value(&value) } else { stated_timing(&value) };
    timing.map_err(|error| timing_diagnostic(&error, file, text).into())
}

const OWN_KEY: &str = "tilewright";
const TIMING_KEY: &str = "timing";

/// The text as JSON; null where it is none, which [`Config::from_json`] refuses.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// Timing parameters are in lower case; a target has VTA's keys, which are not, and our own.
fn is_timing_alone(value: &Value) -> bool {
    let is_parameter = |key: &String| key != OWN_KEY && key.chars().any(char::is_lowercase);
    value.as_object().is_some_and(|members| !members.is_empty() && members.keys().all(is_parameter))
}

/// The timing in a target, the default where it states none.
fn stated_timing(target: &Value) -> Result<Timing, TimingError> {
    match target.get(OWN_KEY).and_then(|own| own.get(TIMING_KEY)) {
        Some(timing) => Timing::from_value(timing),
        None => Ok(Timing::default()),
    }
}

/// Shows an error at the key or the name that it is about.
fn timing_diagnostic(error: &TimingError, file: FileId, text: &str) -> Diagnostic {
    let key = match error {
        TimingError::UnknownName { name } => name,
        TimingError::UnknownKey { key, .. } | TimingError::NotANumber { key, .. } => key,
        TimingError::Range { key, .. } | TimingError::PowerOfTwo { key, .. } => *key,
        TimingError::NotAnObject { .. } => TIMING_KEY,
    };
    let place = last_key(text, key).unwrap_or(0..0);
    Diagnostic::error(error.code(), error.to_string()).primary(Span::new(file, place.start, place.end), "here")
}

/// Shows an error at the place in the file that it is about, where it names one.
fn diagnostic(error: &ConfigError, file: FileId, text: &str) -> Diagnostic {
    let told = |message: String| Diagnostic::error(error.code(), message);
    let at = |told: Diagnostic, range: Option<Range<usize>>, label: &str| match range {
        Some(range) => told.primary(Span::new(file, range.start, range.end), label),
        None => told,
    };
    match error {
        ConfigError::Json { line, column, reason } => {
            at(told("the target is not JSON".to_owned()), place(text, *line, *column), reason)
        }
        ConfigError::UnknownKey { key, choices } => {
            at(told(format!("unknown key `{key}`")), last_key(text, key), "not a key of a target")
                .offer(key, choices, "keys")
        }
        ConfigError::DuplicateKey { key }
        | ConfigError::NotANumber { key, .. }
        | ConfigError::NotAString { key, .. } => at(told(error.to_string()), last_key(text, key), "here"),
        ConfigError::TooLarge { key, .. }
        | ConfigError::TooShallow { key, .. }
        | ConfigError::Contradiction { key, .. } => at(told(error.to_string()), last_key(text, key), "here"),
        _ => at(told(error.to_string()), Some(0..0), "in this target"),
    }
}

/// The bytes of the key where it stands last, with its quotes.
fn last_key(text: &str, key: &str) -> Option<Range<usize>> {
    let quoted = format!("\"{key}\"");
    text.rfind(&quoted).map(|start| start..start + quoted.len())
}

/// The byte at a line and a column, both counted from 1 as `serde_json` does: columns in bytes, 0 for a line's start.
fn place(text: &str, line: usize, column: usize) -> Option<Range<usize>> {
    let before: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let at = (before + column.saturating_sub(1)).min(text.len());
    Some(at..at)
}
