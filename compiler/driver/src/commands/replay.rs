//! `tilewright replay DIR`: a recorded stream on the simulated accelerator, and its memory afterwards against the
//! recording's.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use tilewright_isa::{Finding, lint};
use tilewright_sim::{Comparison, Options, Outcome, Recording, ReplayError, replay};
use tilewright_syntax::Diagnostic;

use crate::cli::ReplayArgs;
use crate::error::{DriverError, Exit, Failure};
use crate::forms::{in_queues, recorded_program};
use crate::report::{BAD, FAINT, GOOD, HEADING, grouped};
use crate::simulate::stopped;
use crate::{files, recordings, stats};

pub fn run(args: &ReplayArgs) -> Result<Exit, Failure> {
    let recording = recordings::read(&args.dir)?;
    let failed = |error: ReplayError| {
        let told = match &error {
            ReplayError::Stop(stop) => stopped(stop),
            ReplayError::Recording(_) => Diagnostic::error(error.code(), error.to_string()),
        };
        Failure::from(told.note(format!("in the recording `{}`", args.dir.display())))
    };
    let options = Options { detect_races: args.races, ..Options::default() };
    let mut outcome = replay(&recording, &options).map_err(failed)?;
    for _ in 1..args.repeat {
        let again = replay(&recording, &options).map_err(failed)?;
        outcome.host_time = outcome.host_time.min(again.host_time);
    }
    match args.stats {
        Some(_) => files::print(&format!("{:#}\n", json(&args.dir, &outcome, &portability(&recording)?)))?,
        None => files::print(&shown(args, &recording.description, &outcome, &portability(&recording)?))?,
    }
    match outcome.memory {
        Comparison::Equal | Comparison::NothingToCompare => Ok(Exit::Good),
        Comparison::Differs(difference) => {
            let tilewright_sim::Difference { address, expected, got } = difference;
            Err(DriverError::RecordingDiffers { address, expected, got }.into())
        }
    }
}

/// Reliances on what differs between implementations, by their code: how many instructions, and the first of them.
type Portability = BTreeMap<String, (usize, Finding)>;

fn portability(recording: &Recording) -> Result<Portability, Diagnostic> {
    let program = recorded_program(recording)?;
    let mut found = Portability::new();
    for finding in
        lint(&recording.config, &recording.insns, |index| program.uop_word(index), in_queues(&recording.tokens_before))
    {
        found.entry(finding.code.to_string()).or_insert((0, finding)).0 += 1;
    }
    Ok(found)
}

fn json(folder: &Path, outcome: &Outcome, portability: &Portability) -> Value {
    let mut object = serde_json::Map::new();
    object.insert("recording".to_owned(), json!(folder.display().to_string()));
    let (equal, difference) = match outcome.memory {
        Comparison::Equal => (json!(true), Value::Null),
        Comparison::NothingToCompare => (Value::Null, Value::Null),
        Comparison::Differs(d) => (json!(false), json!({"address": d.address, "expected": d.expected, "got": d.got})),
    };
    object.insert("equal".to_owned(), equal);
    object.insert("difference".to_owned(), difference);
    object.extend(stats::json(&outcome.report));
    object.insert("findings".to_owned(), json!(stats::findings(&outcome.report)));
    let portability: serde_json::Map<String, Value> = portability
        .iter()
        .map(|(code, (count, first))| {
            (code.clone(), json!({"count": count, "first": first.insn, "message": first.message}))
        })
        .collect();
    object.insert("portability".to_owned(), portability.into());
    object.insert("host_seconds".to_owned(), json!(outcome.host_time.as_secs_f64()));
    object.into()
}

fn shown(args: &ReplayArgs, description: &str, outcome: &Outcome, portability: &Portability) -> String {
    let mut out = format!("{HEADING}{}{HEADING:#}", args.dir.display());
    if !description.is_empty() {
        out.push_str(&format!("  {FAINT}{description}{FAINT:#}"));
    }
    out.push_str("\n\n");
    out.push_str(&match outcome.memory {
        Comparison::Equal => format!("{GOOD}✔ equal{GOOD:#}   memory after the run is the recording's"),
        Comparison::NothingToCompare => format!("{HEADING}· ended{HEADING:#}   the recording has no memory to compare"),
        Comparison::Differs(d) => {
            format!("{BAD}✘ differs{BAD:#}   at {:#x}: expected {:#04x}, got {:#04x}", d.address, d.expected, d.got)
        }
    });
    out.push_str(&format!("   {FAINT}{:.3} ms{FAINT:#}\n\n", outcome.host_time.as_secs_f64() * 1e3));
    out.push_str(&stats::blocks(&outcome.report));
    let findings = stats::findings(&outcome.report);
    if !findings.is_empty() {
        out.push('\n');
    }
    for finding in findings {
        out.push_str(&format!("{BAD}!{BAD:#} {finding}\n"));
    }
    if !portability.is_empty() {
        out.push_str(&format!("\n{HEADING}not the same on every implementation{HEADING:#}\n"));
    }
    for (code, (count, first)) in portability {
        let times = if *count == 1 { String::new() } else { format!(", {} in all", grouped(*count as u64)) };
        out.push_str(&format!("{code}  instruction {}{times}: {}\n", first.insn, first.message));
    }
    out
}
