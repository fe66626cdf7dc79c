//! Decisions → the report, and the same as comma-separated values and as JSON.

use std::path::Path;

use serde_json::{Value, json};
use tilewright::accuracy::{Accuracy, Decision};
use tilewright::{Artifact, Loss, TensorInfo};
use tilewright_sim::cycles::Basis;

use super::samples::Samples;
use crate::report::{BAD, FAINT, GOOD, HEADING, duration, grouped, short};
use crate::{formats, stats};

/// All that is shown.
#[derive(Debug)]
pub struct Figures<'a> {
    pub file: &'a Path,
    pub artifact: &'a Artifact,
    pub samples: &'a Samples,
    pub accuracy: &'a Accuracy,
    /// The output that decides.
    pub output: &'a TensorInfo,
}

/// In percent.
fn accuracy(figures: &Figures) -> f64 {
    figures.accuracy.share(figures.accuracy.right())
}

/// In percent.
fn float_accuracy(figures: &Figures) -> f64 {
    figures.accuracy.share(figures.accuracy.right_in_float())
}

/// What the numbers of files lost, by input.
fn losses<'a>(figures: &'a Figures) -> impl Iterator<Item = (&'a TensorInfo, Loss)> {
    figures.samples.losses().filter_map(|(name, loss)| Some((figures.artifact.tensor(name)?, loss)))
}

pub fn report(figures: &Figures) -> String {
    let mut out = heading(figures);
    out.extend(losses(figures).map(|(input, loss)| formats::line(&loss, input)));
    out.push_str(&verified(figures));
    out.push_str(&time(figures));
    out.push('\n');
    out.push_str(&accuracies(figures));
    out
}

fn heading(figures: &Figures) -> String {
    let config = figures.artifact.config();
    format!(
        "{HEADING}{}{HEADING:#}  {FAINT}schedule{FAINT:#} {}  {FAINT}core{FAINT:#} {}×{}×{}  {FAINT}samples{FAINT:#} {}  \
         {FAINT}decided by{FAINT:#} {}\n\n",
        figures.artifact.name(),
        figures.artifact.schedule(),
        config.batch(),
        config.block_in(),
        config.block_out(),
        grouped(figures.accuracy.decisions.len() as u64),
        &figures.output.name,
    )
}

fn verified(figures: &Figures) -> String {
    let (verified, count) = (figures.accuracy.verified(), figures.accuracy.decisions.len());
    let (good, all) = (grouped(verified as u64), grouped(count as u64));
    match verified == count {
        true => format!("{GOOD}✔ verified{GOOD:#}   all values of every sample equal the reference, without races\n"),
        false => format!("{BAD}✘ verified{BAD:#}   {good} of {all} samples equal the reference, without races\n"),
    }
}

fn time(figures: &Figures) -> String {
    let timed = &figures.accuracy.timed;
    let on = match timed.basis {
        Basis::Rtl => timed.timing.clone(),
        Basis::Extrapolated => format!("{}, {}", timed.timing, timed.basis_name()),
    };
    let count = figures.accuracy.decisions.len();
    format!(
        "{HEADING}· timed{HEADING:#}      {} cycles a sample   {} at {} MHz ({on})   {} for {}\n",
        grouped(timed.report.cycles),
        duration(timed.seconds),
        grouped(timed.clock_mhz),
        duration(timed.seconds * count as f64),
        match count {
            1 => "it".to_owned(),
            count => format!("all {}", grouped(count as u64)),
        },
    )
}

fn accuracies(figures: &Figures) -> String {
    let line = |name: &str, right: usize| {
        let share = format!("{:.2} %", figures.accuracy.share(right));
        let (right, count) = (grouped(right as u64), grouped(figures.accuracy.decisions.len() as u64));
        format!("{HEADING}{name:<11}{HEADING:#}  {share:>8}   {right} of {count}\n")
    };
    let apart = accuracy(figures) - float_accuracy(figures);
    let (decided, output) = (grouped(figures.accuracy.different() as u64), &figures.output.name);
    line("accelerator", figures.accuracy.right())
        + &line("float", figures.accuracy.right_in_float())
        + &format!(
            "{HEADING}{:<11}{HEADING:#}  {apart:>+6.2} points   {decided} decided otherwise, {output} differs by at most {}\n",
            "difference",
            short(figures.accuracy.largest_error()),
        )
}

/// A line for each sample.
pub fn csv(figures: &Figures) -> String {
    let mut out = csv::Writer::from_writer(Vec::new());
    let mut line = |cells: [&str; 6]| out.write_record(cells).expect("memory takes every line");
    line(["sample", "label", "accelerator", "float", "largest_error", "verified"]);
    for (at, decision) in figures.accuracy.decisions.iter().enumerate() {
        let Decision { label, class, float, largest_error, .. } = decision;
        let cells = [at, *label, *class, *float].map(|number| number.to_string());
        let verified = decision.verified().to_string();
        line([&cells[0], &cells[1], &cells[2], &cells[3], &format!("{largest_error:.6}"), &verified]);
    }
    String::from_utf8(out.into_inner().expect("memory takes every line")).expect("cells are text")
}

pub fn json(figures: &Figures) -> Value {
    let losses = losses(figures).map(|(input, loss)| formats::json(&loss, input));
    let decision = |decision: &Decision| {
        let Decision { label, class, float, largest_error, .. } = decision;
        json!({
            "label": label, "accelerator": class, "float": float, "largest_error": largest_error,
            "verified": decision.verified(),
        })
    };
    let mut object = json!({
        "file": figures.file.display().to_string(),
        "kernel": figures.artifact.name(),
        "schedule": figures.artifact.schedule(),
        "target": figures.artifact.config().to_json(),
        "output": &figures.output.name,
        "quantised": losses.collect::<Vec<_>>(),
        "samples": figures.accuracy.decisions.len(),
        "verified": figures.accuracy.verified(),
        "right": figures.accuracy.right(),
        "right_in_float": figures.accuracy.right_in_float(),
        "accuracy": accuracy(figures),
        "float_accuracy": float_accuracy(figures),
        "decided_otherwise": figures.accuracy.different(),
        "largest_error": figures.accuracy.largest_error(),
        "decisions": figures.accuracy.decisions.iter().map(decision).collect::<Vec<_>>(),
    });
    let time = stats::time_json(&figures.accuracy.timed);
    object
        .as_object_mut()
        .expect("it is one")
        .extend(time.into_iter().map(|(key, value)| (format!("sample_{key}"), value)));
    object
}
