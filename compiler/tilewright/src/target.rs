//! Targets: a VTA configuration file → [`Target`], the machine that programs are compiled for and timed on. The text of a loop
//! program for another machine than VTA's default one names it at its top: `// target: {"LOG_BLOCK": 5, ...}`.
//!
//! The timing stands in the file under `tilewright`, `timing`: an object of its parameters, or the name of a preset. A target
//! with a wrong timing is refused also where only its configuration is asked for.

use std::ops::Range;

use serde_json::Value;
use tilewright_isa::{Config, ConfigError, without_effect};
use tilewright_sim::cycles::{Timing, TimingError};
use tilewright_syntax::{Diagnostic, FileId, Sources, Span};

use crate::Result;
use crate::time::NamedTiming;

/// A machine, and how long things take on it.
///
/// ```
/// use tilewright::{Sources, Target};
///
/// let mut sources = Sources::default();
/// let file = sources.add("wide.json", r#"{"LOG_BLOCK": 5, "tilewright": {"timing": {"preset": "pynq", "clock_mhz": 50}}}"#);
/// let Target { config, timing } = Target::read(&sources, file).unwrap();
/// assert_eq!((config.block_in(), timing.timing.clock_mhz, &*timing.name), (32, 50, "wide.json"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    pub config: Config,
    /// The one that the file states, or else the default.
    pub timing: NamedTiming,
}

impl Target {
    /// Reads a target. Its timing is called as the file, unless it is a preset.
    ///
    /// # Errors
    /// A text that is no target, with the place of what is wrong.
    pub fn read(sources: &Sources, file: FileId) -> Result<Target> {
        let source = sources.file(file);
        let config = config(&source.text, file)?;
        let timing = stated_timing(&parsed(&source.text));
        let timing = timing.map_err(|error| timing_diagnostic(&error, file, &source.text))?.unwrap_or_default();
        Ok(Target { config, timing: NamedTiming::new(timing, &source.name) })
    }
}

/// What a target says without effect, in one warning: keys of the hardware's synthesis that older files of VTA have.
pub fn warnings(sources: &Sources, file: FileId) -> Vec<Diagnostic> {
    let text = &sources.file(file).text;
    let keys = without_effect(text);
    let Some(first) = keys.first().and_then(|key| last_key(text, key)) else { return Vec::new() };
    let named: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    let has = if keys.len() == 1 { "has" } else { "have" };
    let message = format!("{} {has} no effect", named.join(", "));
    let told = Diagnostic::warning("W0701", message).primary(Span::new(file, first.start, first.end), "here");
    vec![told.help("how long things take stands under `tilewright`, as `timing`: `clock_mhz`, `bus_bytes` and others")]
}

/// Reads a timing: that of a target, or an object of timing parameters alone.
///
/// # Errors
/// A text that is neither, with the place of what is wrong.
pub fn read_timing(sources: &Sources, file: FileId) -> Result<NamedTiming> {
    let source = sources.file(file);
    let text = &source.text;
    let value = parsed(text);
    let alone = is_timing_alone(&value);
    // As part of a target, so that the rule of targets holds that no key stands twice.
    let target = if alone { format!("{{\"{OWN_KEY}\": {{\"{TIMING_KEY}\": {text}}}}}") } else { text.clone() };
    Config::from_json(&target).map_err(|error| diagnostic(&error, file, text))?;
    let timing = if alone { Timing::from_value(&value) } else { stated_timing(&value).map(Option::unwrap_or_default) };
    let timing = timing.map_err(|error| timing_diagnostic(&error, file, text))?;
    Ok(NamedTiming::new(timing, &source.name))
}

/// What stands before the target in the text of a loop program.
const LINE: &str = "// target:";

/// The line that the text of a loop program for this machine begins with; none for the default machine.
pub fn loops_line(config: &Config) -> String {
    match *config == Config::default() {
        true => String::new(),
        false => format!("{LINE} {}\n", config.to_json()),
    }
}

/// The machine of a loop program: that of its first line, or else the one that is given, or the default one.
///
/// # Errors
/// A line that names no machine; a machine that is given and differs from that of the line.
pub fn of_loops(sources: &Sources, file: FileId, given: Option<&Config>) -> Result<Config> {
    let text = &sources.file(file).text;
    let Some(line) = text.lines().next().filter(|line| line.starts_with(LINE)) else {
        return Ok(given.copied().unwrap_or_default());
    };
    // The spaces keep the places that errors name.
    let config = config(&format!("{}{}", " ".repeat(LINE.len()), &line[LINE.len()..]), file)?;
    given.map_or(Ok(()), |given| agree(&config, given, "this loop program"))?;
    Ok(config)
}

/// Refuses a machine that is given and is not that of a text or a file, which errors call `what`.
///
/// # Errors
/// Every parameter that differs, in one error.
pub fn agree(own: &Config, given: &Config, what: &str) -> Result<()> {
    let pairs = stated(own).into_iter().zip(stated(given));
    let differing: Vec<String> = pairs
        .filter(|(own, given)| own != given)
        .map(|((key, own), (_, given))| format!("{key} is {own} there and {given} in the target"))
        .collect();
    if differing.is_empty() {
        return Ok(());
    }
    let error = Diagnostic::error("E0633", format!("the target differs from the one of {what}"));
    let error = differing.into_iter().fold(error, Diagnostic::note);
    Err(vec![error.help(format!("omit the target, or generate {what} again for the other one"))])
}

/// All that a configuration says, by key.
fn stated(config: &Config) -> Vec<(&'static str, String)> {
    let numbers = config.params().named().map(|(key, value)| (key, value.to_string()));
    let capabilities = config.capabilities().named().map(|(key, value)| (key, value.to_string()));
    numbers.into_iter().chain(capabilities).collect()
}

/// The configuration of a target.
fn config(text: &str, file: FileId) -> Result<Config> {
    Config::from_json(text).map_err(|error| diagnostic(&error, file, text))
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

/// The timing in a target, where it states one.
///
/// # Errors
/// What is no timing there.
pub fn stated_timing(target: &Value) -> std::result::Result<Option<Timing>, TimingError> {
    let stated = target.get(OWN_KEY).and_then(|own| own.get(TIMING_KEY));
    stated.map(Timing::from_value).transpose()
}

/// Shows an error at the key or the name that it is about.
fn timing_diagnostic(error: &TimingError, file: FileId, text: &str) -> Vec<Diagnostic> {
    let key = match error {
        TimingError::UnknownName { name } => name,
        TimingError::UnknownKey { key, .. } | TimingError::NotANumber { key, .. } => key,
        TimingError::Range { key, .. } | TimingError::PowerOfTwo { key, .. } => *key,
        TimingError::NotAnObject { .. } => TIMING_KEY,
    };
    let place = last_key(text, key).unwrap_or(0..0);
    let span = Span::new(file, place.start, place.end);
    vec![Diagnostic::error(error.code(), error.to_string()).primary(span, "here")]
}

/// Shows an error at the place in the file that it is about, where it names one.
fn diagnostic(error: &ConfigError, file: FileId, text: &str) -> Vec<Diagnostic> {
    let error_of = |message: String| Diagnostic::error(error.code(), message);
    let at = |error: Diagnostic, range: Option<Range<usize>>, label: &str| match range {
        Some(range) => error.primary(Span::new(file, range.start, range.end), label),
        None => error,
    };
    vec![match error {
        ConfigError::Json { line, column, reason } => {
            at(error_of("the target is not JSON".to_owned()), place(text, *line, *column), reason)
        }
        ConfigError::UnknownKey { key, choices } => {
            at(error_of(format!("unknown key `{key}`")), last_key(text, key), "not a key of a target")
                .offer(key, choices, "keys")
        }
        ConfigError::DuplicateKey { key }
        | ConfigError::NotANumber { key, .. }
        | ConfigError::NotAString { key, .. } => at(error_of(error.to_string()), last_key(text, key), "here"),
        ConfigError::TooLarge { key, .. }
        | ConfigError::TooShallow { key, .. }
        | ConfigError::Contradiction { key, .. } => at(error_of(error.to_string()), last_key(text, key), "here"),
        _ => at(error_of(error.to_string()), Some(0..0), "in this target"),
    }]
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
