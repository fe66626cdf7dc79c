//! `tilewright replay DIR`: a recorded stream on the simulated accelerator, and its memory afterwards against the
//! recording's.

use std::path::Path;

use serde_json::{Value, json};
use tilewright_sim::{Comparison, Options, Outcome, ReplayError, replay};
use tilewright_syntax::Diagnostic;

use crate::cli::ReplayArgs;
use crate::error::{DriverError, Exit, Failure};
use crate::report::{BAD, FAINT, GOOD, HEADING};
use crate::{files, recordings, stats};

pub fn run(args: &ReplayArgs) -> Result<Exit, Failure> {
    let recording = recordings::read(&args.dir)?;
    let failed = |error: ReplayError| {
        let told = Diagnostic::error(error.code(), error.to_string());
        Failure::from(told.note(format!("in the recording `{}`", args.dir.display())))
    };
    let mut outcome = replay(&recording, &Options::default()).map_err(failed)?;
    for _ in 1..args.repeat {
        let again = replay(&recording, &Options::default()).map_err(failed)?;
        outcome.host_time = outcome.host_time.min(again.host_time);
    }
    match args.stats {
        Some(_) => files::print(&format!("{:#}\n", json(&args.dir, &outcome)))?,
        None => files::print(&shown(&args.dir, &recording.description, &outcome))?,
    }
    match outcome.memory {
        Comparison::Equal | Comparison::NothingToCompare => Ok(Exit::Good),
        Comparison::Differs(difference) => {
            let tilewright_sim::Difference { address, expected, got } = difference;
            Err(DriverError::RecordingDiffers { address, expected, got }.into())
        }
    }
}

fn json(folder: &Path, outcome: &Outcome) -> Value {
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
    object.insert("host_seconds".to_owned(), json!(outcome.host_time.as_secs_f64()));
    object.into()
}

fn shown(folder: &Path, description: &str, outcome: &Outcome) -> String {
    let mut out = format!("{HEADING}{}{HEADING:#}", folder.display());
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
    for finding in stats::findings(&outcome.report) {
        out.push_str(&format!("\n{BAD}!{BAD:#} {finding}"));
    }
    if !stats::findings(&outcome.report).is_empty() {
        out.push('\n');
    }
    out
}
