//! The values of a run, or of many → the report, and the same as JSON.

use serde_json::{Map, Value, json};
use tilewright::probe::Probe;
use tilewright::time::Timed;
use tilewright::{Artifact, Fault, Loss, Mismatch, TensorInfo, findings, index_text, unchecked};
use tilewright_sim::cycles::Basis;

use super::files::Files;
use super::values::Finished;
use crate::arrays::TensorFile;
use crate::checks::{self, Check};
use crate::cli::RunArgs;
use crate::report::{BAD, FAINT, GOOD, HEADING, duration, grouped, short};
use crate::{formats, stats};

pub fn report(args: &RunArgs, artifact: &Artifact, files: &Files, finished: &Finished) -> String {
    let mut out = heading(args, artifact, &files.inputs, finished.runs);
    let line = |(name, loss): &(String, Loss)| Some(formats::line(loss, artifact.tensor(name)?));
    out.extend(finished.losses.iter().filter_map(line));
    out.push_str(&verdict(artifact, finished));
    out.extend(unchecked(&finished.report).map(unchecked_line));
    out.extend(finished.checks.iter().map(Check::line));
    out.extend(finished.probes.iter().map(|(probe, _)| probe_line(probe)));
    out.extend(finished.timed.iter().map(|timed| time_line(timed, finished.runs)));
    out.push('\n');
    out.push_str(&stats::blocks(&finished.report));
    out
}

/// What nobody looked for, in a run or a replay.
pub fn unchecked_line(what: &str) -> String {
    format!("{HEADING}· unchecked{HEADING:#}  {what}\n")
}

fn heading(args: &RunArgs, artifact: &Artifact, files: &[TensorFile], runs: Option<usize>) -> String {
    let config = artifact.config();
    let origin = |input: &TensorInfo| match files.iter().find(|file| file.tensor == input.name) {
        Some(file) => format!("{} from {}", input.name, file.path.display()),
        None => format!("{} random", input.name),
    };
    let seed = match artifact.inputs().count() > files.len() {
        true => format!(" (seed {})", args.seed),
        false => String::new(),
    };
    let inputs: Vec<String> = artifact.inputs().map(origin).collect();
    let (batch, block_in, block_out) = (config.batch(), config.block_in(), config.block_out());
    let runs = runs.map_or(String::new(), |runs| format!("  {FAINT}runs{FAINT:#} {}", grouped(runs as u64)));
    let schedule = match artifact.schedule() {
        "" => String::new(),
        schedule => format!("  {FAINT}schedule{FAINT:#} {schedule}"),
    };
    format!(
        "{HEADING}{}{HEADING:#}{schedule}  {FAINT}core{FAINT:#} {batch}×{block_in}×{block_out}{runs}  \
         {FAINT}inputs{FAINT:#} {}{seed}\n\n",
        artifact.name(),
        inputs.join(", "),
    )
}

fn verdict(artifact: &Artifact, finished: &Finished) -> String {
    if let Some((run, fault)) = &finished.fault {
        let run = finished.runs.map_or(String::new(), |_| format!(" in run {run}"));
        return fault_line(fault, &run);
    }
    let line = |output: &TensorInfo| {
        let count = grouped(finished.outputs[&output.name].len() as u64);
        let of_runs = match finished.runs {
            None => String::new(),
            Some(1) => " of 1 run".to_owned(),
            Some(runs) => format!(" of {} runs", grouped(runs as u64)),
        };
        format!(
            "{GOOD}✔ verified{GOOD:#}   {}: {}   all {count} values{of_runs} equal the reference\n",
            output.name,
            output.type_name()
        )
    };
    artifact.outputs().map(line).collect()
}

/// `run` says which of several runs it is.
fn fault_line(fault: &Fault, run: &str) -> String {
    match fault {
        Fault::Differs(Mismatch { output, index: at, expected, got, .. }) => {
            format!("{BAD}✘ differs{BAD:#}   {output}{}{run}: expected {expected}, got {got}\n", index_text(at))
        }
        Fault::Unordered(findings) => {
            let first = findings.first().map(String::as_str).unwrap_or_default();
            format!("{BAD}✘ unordered{BAD:#}   {first}{run}\n")
        }
    }
}

/// `· probe      c: i32.q12[64]   from -3.2 to 4.1   2 of 64 values at the limits (3.1 %)   in acc   largest error 0.02 at [3]`
fn probe_line(probe: &Probe) -> String {
    let Probe { tensor, memory, values, least, greatest, saturated, error } = probe;
    let share = match saturated {
        0 => String::new(),
        _ => format!(" ({:.1} %)", probe.saturated_share() * 100.0),
    };
    let memory = memory.map_or(String::new(), |memory| format!("   in {memory}"));
    let error = error.as_ref().map_or(String::new(), |error| {
        let at = if error.largest > 0.0 { format!(" at {}", index_text(&error.index)) } else { String::new() };
        format!("   largest error {}{at}, mean {}", short(error.largest), short(error.mean))
    });
    format!(
        "{HEADING}· probe{HEADING:#}      {}: {}   from {} to {}   {} of {} values at the limits{share}{memory}{error}\n",
        tensor.name,
        tensor.type_name(),
        short(*least),
        short(*greatest),
        grouped(*saturated as u64),
        grouped(*values as u64),
    )
}

/// `· timed   4,000 cycles   40.0 µs at 100 MHz (de10)   GEMM utilisation 6.4 %`
fn time_line(timed: &Timed, runs: Option<usize>) -> String {
    let on = match timed.basis {
        Basis::Rtl => timed.timing.clone(),
        Basis::Extrapolated => format!("{}, {}", timed.timing, timed.basis_name()),
    };
    let each = if runs.is_some() { " a run" } else { "" };
    format!(
        "{HEADING}· timed{HEADING:#}      {} cycles{each}   {} at {} MHz ({on})   GEMM utilisation {:.1} %\n",
        grouped(timed.report.cycles),
        duration(timed.seconds),
        grouped(timed.clock_mhz),
        timed.gemm_utilisation() * 100.0,
    )
}

pub fn json(args: &RunArgs, artifact: &Artifact, finished: &Finished) -> Value {
    let mut object = Map::new();
    let mut insert = |key: &str, value: Value| object.insert(key.to_owned(), value);
    insert("file", json!(args.file.display().to_string()));
    insert("kernel", json!(artifact.name()));
    insert("schedule", json!(artifact.schedule()));
    insert("seed", json!(args.seed));
    if let Some(runs) = finished.runs {
        insert("runs", json!(runs));
    }
    insert("target", artifact.config().to_json());
    insert("verified", json!(finished.verified()));
    insert("mismatch", finished.mismatch().map_or(Value::Null, |mismatch| mismatch_json(finished, mismatch)));
    if !finished.losses.is_empty() {
        let loss = |(name, loss): &(String, Loss)| Some(formats::json(loss, artifact.tensor(name)?));
        insert("quantised", finished.losses.iter().filter_map(loss).collect());
    }
    if !args.expect.is_empty() {
        insert("expected", checks::json(&finished.checks, true));
    }
    if args.float {
        insert("float", checks::json(&finished.checks, false));
    }
    if !finished.probes.is_empty() {
        insert("probes", finished.probes.iter().map(|(probe, _)| probe_json(probe)).collect());
    }
    object.extend(stats::json(&finished.report));
    object.insert("findings".to_owned(), json!(findings(&finished.report)));
    object.insert("unchecked".to_owned(), json!(unchecked(&finished.report)));
    object.extend(finished.timed.iter().flat_map(stats::time_json));
    object.into()
}

fn mismatch_json(finished: &Finished, mismatch: &Mismatch) -> Value {
    let Mismatch { output, index, expected, got, count } = mismatch;
    let mut value = json!({"output": output, "index": index, "expected": expected, "got": got, "count": count});
    if let (Some(_), Some((run, _))) = (finished.runs, &finished.fault) {
        value["run"] = json!(run);
    }
    value
}

fn probe_json(probe: &Probe) -> Value {
    let mut value = json!({
        "name": probe.tensor.name, "type": probe.tensor.type_name(), "memory": probe.memory, "values": probe.values,
        "least": probe.least, "greatest": probe.greatest, "saturated": probe.saturated,
        "saturated_share": probe.saturated_share(),
    });
    if let Some(error) = &probe.error {
        value["largest_error"] = json!(error.largest);
        value["index"] = json!(error.index);
        value["wanted"] = json!(error.wanted);
        value["got"] = json!(error.got);
        value["mean_error"] = json!(error.mean);
    }
    value
}
