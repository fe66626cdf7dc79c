//! `tilewright replay DIR`: a recorded stream on the simulated accelerator, and its memory afterwards and its cycles against
//! the recording's.
//!
//! Values come first: a stream that cannot run is told once, and a difference in values decides the exit status or a race before one
//! in cycles. The tables of `--events` are written for every run that ends, also one that differs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tilewright::assembler::{self, recorded_program};
use tilewright::time::{self, NamedTiming, RecordedTimes, Timed};
use tilewright::{executable, findings as findings_of, findings_in_time, stopped, unchecked};
use tilewright_isa::Finding;
use tilewright_sim::{Comparison, Difference, Options, Outcome, Recording, ReplayError, replay};
use tilewright_syntax::{Diagnostic, Sources};

use crate::cli::ReplayArgs;
use crate::error::{DriverError, Exit, Failure};
use crate::files::{self, Staged};
use crate::load::{Kind, Loaded, Wanted, load};
use crate::report::{BAD, FAINT, GOOD, HEADING, grouped};
use crate::run::report::unchecked_line;
use crate::{pictures, recordings, stats, target};

pub fn run(args: &ReplayArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let timing = target::timing(&args.timing, sources)?;
    if args.dir.is_dir() || Kind::of(&args.dir) == Kind::Source {
        // Tables that are there may be the hardware's.
        let read = recordings::files(&args.dir).into_iter().chain(recordings::tables(&args.dir));
        let read: Vec<PathBuf> = read.filter(|path| path.exists()).collect();
        check(args, read.iter().map(PathBuf::as_path).chain([&*args.timing]))?;
        let recording = if args.time_only { recordings::read_stream(&args.dir)? } else { recordings::read(&args.dir)? };
        return conclude(args, recording, &timing);
    }
    check(args, [&*args.dir, &*args.timing].into_iter())?;
    let (params, choice, machine) = Default::default();
    let wanted = Wanted { params: &params, choice: &choice, machine: &machine };
    match load(&args.dir, wanted, sources)?.0 {
        Loaded::Stream(recording) => conclude(args, *recording, &timing),
        Loaded::Program(_) if args.values_only || args.races => {
            let message = "the values of a program need inputs: `run` takes them, and `replay` its cycles alone";
            Err(Failure::Usage(message.to_owned()))
        }
        Loaded::Program(artifact) => {
            let args = ReplayArgs { time_only: true, ..args.clone() };
            conclude(&args, artifact.recording(String::new())?, &timing)
        }
    }
}

fn check<'a>(args: &ReplayArgs, inputs: impl Iterator<Item = &'a Path> + Clone) -> Result<(), Failure> {
    let tables: Vec<PathBuf> = args.events.iter().flat_map(|folder| recordings::tables(folder)).collect();
    let outputs: Vec<&Path> = tables.iter().map(PathBuf::as_path).collect();
    files::keep_inputs(&outputs, inputs.clone())?;
    files::check_outputs(&args.figures.file().into_iter().collect::<Vec<_>>(), inputs.clone())?;
    let outputs: Vec<&Path> = outputs.into_iter().chain(args.figures.file()).collect();
    args.events.iter().try_for_each(|folder| files::check_folder(folder))?;
    pictures::check(&args.pictures, args.figures.replace_report(), inputs, &outputs)
}

/// Replays a stream and reports on it. `timing` counts, whatever the arguments name.
pub fn conclude(args: &ReplayArgs, recording: Recording, timing: &NamedTiming) -> Result<Exit, Failure> {
    executable(&recording.config).map_err(|errors| in_recording(args, errors))?;
    let replayed = Replayed {
        values: if args.time_only { None } else { Some(values(args, &recording)?) },
        time: if args.values_only { None } else { Some(time(args, &recording, timing)?) },
        recording,
    };
    let mut staged = match &args.events {
        Some(folder) => vec![stage_tables(args, folder, &replayed.recording, timing)?],
        None => Vec::new(),
    };
    let title = title(args, &replayed.recording);
    let pictures = pictures::make(&args.pictures, title, &time::timed_stream(&replayed.recording), &timing.timing)?;
    staged.extend(pictures.staged);
    let figures = || format!("{:#}\n", json(args, &replayed));
    if let Some(path) = args.figures.file() {
        staged.push(files::stage(path, figures().as_bytes())?);
    }
    let written = files::commit_kept(staged);
    match args.figures.replace_report() {
        true => files::print_data(&figures())?,
        false => files::print(&(shown(args, &replayed) + &pictures.shown))?,
    }
    files::commit(written?)?;
    verdict(&replayed)
}

/// What came of a replay; at least one half is there.
struct Replayed {
    recording: Recording,
    values: Option<Values>,
    time: Option<Time>,
}

struct Values {
    outcome: Outcome,
    portability: Portability,
}

struct Time {
    timed: Timed,
    /// What the recorded table of instructions says where cycles differ.
    times: Option<RecordedTimes>,
}

fn values(args: &ReplayArgs, recording: &Recording) -> Result<Values, Failure> {
    let failed = |error: ReplayError| match error {
        ReplayError::Stop(stop) => in_recording(args, vec![stopped(&stop)]),
        ReplayError::Recording(_) => in_recording(args, vec![Diagnostic::error(error.code(), error.to_string())]),
    };
    let options = Options { detect_races: args.races, ..Options::default() };
    let mut outcome = replay(recording, &options).map_err(failed)?;
    for _ in 1..args.repeat {
        let again = replay(recording, &options).map_err(failed)?;
        outcome.host_time = outcome.host_time.min(again.host_time);
    }
    Ok(Values { outcome, portability: portability(recording)? })
}

fn time(args: &ReplayArgs, recording: &Recording, timing: &NamedTiming) -> Result<Time, Failure> {
    let timed = time::simulate(recording, timing, args.repeat).map_err(|errors| in_recording(args, errors))?;
    let is_comparable = timed.equal() == Some(false) && time::has_recorded_tables(&timing.timing);
    let recorded = if is_comparable { recordings::recorded_instructions(&args.dir)? } else { None };
    let Some(recorded) = recorded else { return Ok(Time { timed, times: None }) };
    let tables = time::tables(recording, &timing.timing).map_err(|errors| in_recording(args, errors))?;
    let found = recordings::instructions(recording, &tables);
    let times = time::compare_times(&recorded, &String::from_utf8_lossy(&found));
    Ok(Time { timed, times: Some(times) })
}

/// The recording's own words, or where it lies.
fn title(args: &ReplayArgs, recording: &Recording) -> String {
    match recording.description.is_empty() {
        true => args.dir.display().to_string(),
        false => recording.description.clone(),
    }
}

fn stage_tables(
    args: &ReplayArgs,
    folder: &std::path::Path,
    recording: &Recording,
    timing: &NamedTiming,
) -> Result<Staged, Failure> {
    let tables = time::tables(recording, &timing.timing).map_err(|errors| in_recording(args, errors))?;
    Ok(recordings::stage_tables(folder, recording, &tables)?)
}

fn in_recording(args: &ReplayArgs, errors: Vec<Diagnostic>) -> Failure {
    let place = |error: Diagnostic| error.note(format!("in the recording `{}`", args.dir.display()));
    Failure::from(errors).placed(place)
}

/// The exit status, with everything that differs.
fn verdict(replayed: &Replayed) -> Result<Exit, Failure> {
    let mut errors = Vec::new();
    if let Some(Comparison::Differs(difference)) = replayed.values.as_ref().map(|values| values.outcome.memory) {
        let Difference { address, expected, got } = difference;
        errors.push(DriverError::RecordingDiffers { address, expected, got });
    }
    let races = replayed.values.as_ref().and_then(|values| values.outcome.report.races.as_ref());
    let places = races.map_or(0, |races| races.pairs.len() as u64 + races.more);
    if places > 0 {
        errors.push(DriverError::Races { places });
    }
    if let Some(Time { timed, times }) = &replayed.time
        && timed.equal() == Some(false)
        && let Some(expected) = timed.rtl_cycles
    {
        let (timing, times, got) = (timed.timing.clone(), times.clone(), timed.report.cycles);
        errors.push(DriverError::CyclesDiffer { timing, expected, got, times });
    }
    let exit = match errors.first() {
        None => return Ok(Exit::Success),
        Some(DriverError::CyclesDiffer { .. }) => Exit::CyclesDiffer,
        Some(_) => Exit::Differs,
    };
    Err(Failure::Reported { exit, diagnostics: errors.iter().map(DriverError::diagnostic).collect() })
}

/// Reliances on what differs between implementations, by their code: how many instructions, and the first of them.
type Portability = BTreeMap<String, (usize, Finding)>;

fn portability(recording: &Recording) -> Result<Portability, Vec<Diagnostic>> {
    let program = recorded_program(recording)?;
    let mut found = Portability::new();
    for finding in assembler::portability(&program, &recording.tokens_before)? {
        found.entry(finding.code.to_string()).or_insert((0, finding)).0 += 1;
    }
    Ok(found)
}

fn json(args: &ReplayArgs, replayed: &Replayed) -> Value {
    let mut object = Map::new();
    object.insert("recording".to_owned(), json!(args.dir.display().to_string()));
    match &replayed.values {
        Some(values) => object.extend(values_json(values)),
        None => object.extend(stream_json(replayed)),
    }
    if let Some(time) = &replayed.time {
        object.extend(time_json(time));
    }
    object.into()
}

/// `equal`, `difference`, the figures, `findings`, `portability`, `host_seconds`.
fn values_json(Values { outcome, portability }: &Values) -> Map<String, Value> {
    let (equal, difference) = match outcome.memory {
        Comparison::Equal => (json!(true), Value::Null),
        Comparison::NothingToCompare => (Value::Null, Value::Null),
        Comparison::Differs(d) => (json!(false), json!({"address": d.address, "expected": d.expected, "got": d.got})),
    };
    let mut object = Map::new();
    object.insert("equal".to_owned(), equal);
    object.insert("difference".to_owned(), difference);
    object.extend(stats::json(&outcome.report));
    object.insert("findings".to_owned(), json!(findings_of(&outcome.report)));
    object.insert("unchecked".to_owned(), json!(unchecked(&outcome.report)));
    let portability: Map<String, Value> = portability
        .iter()
        .map(|(code, (count, first))| {
            (code.clone(), json!({"count": count, "first": first.insn, "message": first.message}))
        })
        .collect();
    object.insert("portability".to_owned(), portability.into());
    object.insert("host_seconds".to_owned(), json!(outcome.host_time.as_secs_f64()));
    object
}

/// What is known of a stream without values: `instructions` that were done, and `findings`.
fn stream_json(replayed: &Replayed) -> Map<String, Value> {
    let mut object = Map::new();
    if let Some(time) = &replayed.time {
        let report = &time.timed.report;
        object.insert("instructions".to_owned(), json!(report.executed));
        object.insert("findings".to_owned(), json!(findings(replayed)));
    }
    object
}

/// The figures in time, `rtl_cycles`, `cycles_equal`, `cycles_difference`, `cycles_host_seconds`.
fn time_json(Time { timed, times }: &Time) -> Map<String, Value> {
    let difference = match times {
        Some(RecordedTimes::Differ { insn, event, recorded, found }) => {
            json!({"instruction": insn, "event": event, "expected": recorded, "got": found})
        }
        _ => Value::Null,
    };
    let compared = [
        ("rtl_cycles", json!(timed.rtl_cycles)),
        ("cycles_equal", json!(timed.equal())),
        ("cycles_difference", difference),
        ("cycles_host_seconds", json!(timed.host_time.as_secs_f64())),
    ];
    let compared = compared.into_iter().map(|(key, value)| (key.to_owned(), value));
    stats::time_json(timed).into_iter().chain(compared).collect()
}

fn findings(replayed: &Replayed) -> Vec<String> {
    match (&replayed.values, &replayed.time) {
        (Some(values), _) => findings_of(&values.outcome.report),
        (None, Some(time)) => findings_in_time(&time.timed.report, replayed.recording.insns.len()),
        (None, None) => Vec::new(),
    }
}

fn shown(args: &ReplayArgs, replayed: &Replayed) -> String {
    let mut out = format!("{HEADING}{}{HEADING:#}", args.dir.display());
    if !replayed.recording.description.is_empty() {
        out.push_str(&format!("  {FAINT}{}{FAINT:#}", replayed.recording.description));
    }
    out.push_str("\n\n");
    out.extend(replayed.values.iter().map(|values| values_line(&values.outcome)));
    out.extend(replayed.time.iter().map(|time| time_line(&time.timed)));
    out.push('\n');
    match (&replayed.values, &replayed.time) {
        (Some(values), _) => out.push_str(&stats::blocks(&values.outcome.report)),
        (None, Some(time)) => out.push_str(&stats::blocks_in_time(&time.timed.report)),
        (None, None) => {}
    }
    let findings = findings(replayed);
    if !findings.is_empty() {
        out.push('\n');
    }
    for finding in findings {
        out.push_str(&format!("{BAD}!{BAD:#} {finding}\n"));
    }
    let report = replayed.values.as_ref().map(|values| &values.outcome.report);
    out.extend(report.and_then(unchecked).map(unchecked_line));
    out.extend(replayed.values.iter().map(|values| portability_lines(&values.portability)));
    out
}

fn values_line(outcome: &Outcome) -> String {
    let told = match outcome.memory {
        Comparison::Equal => format!("{GOOD}✔ equal{GOOD:#}   memory after the run equals the recording"),
        Comparison::NothingToCompare => format!("{HEADING}· ended{HEADING:#}   the recording has no memory to compare"),
        Comparison::Differs(d) => {
            format!("{BAD}✘ differs{BAD:#}   at {:#x}: expected {:#04x}, got {:#04x}", d.address, d.expected, d.got)
        }
    };
    format!("{told}   {FAINT}{:.3} ms{FAINT:#}\n", outcome.host_time.as_secs_f64() * 1e3)
}

fn time_line(timed: &Timed) -> String {
    let cycles = grouped(timed.report.cycles);
    let on = format!("{}, {}", timed.timing, timed.basis_name());
    let told = match timed.rtl_cycles {
        Some(rtl) if rtl == timed.report.cycles => {
            format!("{GOOD}✔ equal{GOOD:#}   {cycles} cycles, as on the hardware ({on})")
        }
        Some(rtl) => format!("{BAD}✘ differs{BAD:#}   {cycles} cycles; the hardware took {} ({on})", grouped(rtl)),
        None => format!("{HEADING}· timed{HEADING:#}   {cycles} cycles ({on})"),
    };
    format!("{told}   {FAINT}{:.3} ms{FAINT:#}\n", timed.host_time.as_secs_f64() * 1e3)
}

fn portability_lines(portability: &Portability) -> String {
    let mut out = String::new();
    if !portability.is_empty() {
        out.push_str(&format!("\n{HEADING}not the same on every implementation{HEADING:#}\n"));
    }
    for (code, (count, first)) in portability {
        let times = if *count == 1 { String::new() } else { format!(", {} in all", grouped(*count as u64)) };
        out.push_str(&format!("{code}  instruction {}{times}: {}\n", first.insn, first.message));
    }
    out
}
