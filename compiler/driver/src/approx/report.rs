//! The figures of all methods → a table for people, and the same as comma-separated values and as JSON.

use serde_json::json;
use tilewright::approx::{Domain, Errors, Measured, Method, Request};

use crate::report::Align::{Left, Right};
use crate::report::{FAINT, GOOD, HEADING, grouped, table as aligned};

pub fn table(request: &Request, measured: &[Measured]) -> String {
    let (function, fraction, range) = (request.function(), request.fraction(), request.range());
    let heading = format!(
        "{HEADING}{}{HEADING:#}  {FAINT}format{FAINT:#} i32.q{fraction}  {FAINT}range{FAINT:#} {range}  {FAINT}errors \
         over{FAINT:#} {}\n\n",
        function.name(),
        tried(&request.domain())
    );
    let bounded = measured.iter().any(|m| m.errors.bound.is_some());
    let row = |m: &Measured| {
        let mark = if m.on_front { format!("{GOOD}●{GOOD:#}") } else { String::new() };
        let (cycles, instructions) = (grouped(m.cycles), grouped(m.instructions));
        let bound = bounded.then(|| m.errors.bound.map(error).unwrap_or_default());
        let errors = [error(m.errors.greatest)].into_iter().chain(bound).chain([error(m.errors.mean), mark]);
        [m.method.name().to_owned(), cycles, instructions].into_iter().chain(errors).collect()
    };
    let headings = ["method", "cycles", "instructions", "max error", "at most", "mean error", "front"];
    let headings: Vec<&str> = headings.into_iter().filter(|name| bounded || *name != "at most").collect();
    let alignment: Vec<_> =
        headings.iter().map(|name| if matches!(*name, "method" | "front") { Left } else { Right }).collect();
    let rows: Vec<Vec<String>> = measured.iter().map(row).collect();
    let table = aligned(&alignment, &headings, &rows);
    format!("{heading}{table}\n{FAINT}{}{FAINT:#}", note(request, bounded))
}

/// What the figures of the table are.
fn note(request: &Request, bounded: bool) -> String {
    let mut note =
        "cycles of the vector ALU for each vector; ● no other method is as cheap and as accurate\n".to_owned();
    if request.function().grows() {
        note.push_str("errors of values above 1 are shares of them\n");
    }
    if bounded {
        note.push_str(
            "at most: what no number exceeds, those between the tried ones included, by interval arithmetic\n",
        );
    }
    note
}

/// `every number of [-16, 16): 131,072`.
pub fn tried(domain: &Domain) -> String {
    let Domain { start, end, step, count } = domain;
    let which = if *step == 1 { "every number".to_owned() } else { format!("one number in {step}") };
    format!("{which} of [{start}, {end}): {}", grouped(*count))
}

/// An error with five digits after the point.
pub fn error(error: f64) -> String {
    format!("{error:.5}")
}

/// A line for each method after one that names the columns.
pub fn csv(measured: &[Measured]) -> String {
    let mut out = csv::Writer::from_writer(Vec::new());
    let names =
        ["method", "cycles", "instructions", "max_error", "max_error_at", "max_error_bound", "mean_error", "front"];
    out.write_record(names).expect("memory takes every line");
    for m in measured {
        let figures = [m.cycles.to_string(), m.instructions.to_string()];
        let Errors { greatest, at, bound, mean } = m.errors;
        let errors = [Some(greatest), Some(at), bound, Some(mean)];
        let errors = errors.map(|error| error.map(|error| error.to_string()).unwrap_or_default());
        let record = [m.method.name().to_owned()].into_iter().chain(figures).chain(errors);
        out.write_record(record.chain([m.on_front.to_string()])).expect("memory takes every line");
    }
    String::from_utf8(out.into_inner().expect("memory takes every line")).expect("cells are text")
}

/// One object: what was measured, and the methods in the order of the table.
pub fn json(request: &Request, measured: &[Measured]) -> String {
    let domain = request.domain();
    let method = |m: &Measured| {
        json!({
            "method": Method::name(m.method),
            "cycles": m.cycles,
            "instructions": m.instructions,
            "max_error": m.errors.greatest,
            "max_error_at": m.errors.at,
            "max_error_bound": m.errors.bound,
            "mean_error": m.errors.mean,
            "front": m.on_front,
        })
    };
    let object = json!({
        "function": request.function().name(),
        "fraction": request.fraction(),
        "range": request.range(),
        "tried": {"start": domain.start, "end": domain.end, "step": domain.step, "count": domain.count},
        "methods": measured.iter().map(method).collect::<Vec<_>>(),
    });
    format!("{object:#}\n")
}
