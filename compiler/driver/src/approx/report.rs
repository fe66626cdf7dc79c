//! The figures of all methods → a table for people, and the same as comma-separated values and as JSON.

use serde_json::json;
use tilewright::approx::{Domain, Measured, Method, Request};

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
    let row = |m: &Measured| {
        let mark = if m.on_front { format!("{GOOD}●{GOOD:#}") } else { String::new() };
        let (cycles, instructions) = (grouped(m.cycles), grouped(m.instructions));
        vec![m.method.name().to_owned(), cycles, instructions, error(m.errors.greatest), error(m.errors.mean), mark]
    };
    let headings = ["method", "cycles", "instructions", "max error", "mean error", "front"];
    let rows: Vec<Vec<String>> = measured.iter().map(row).collect();
    let note = "cycles of the vector ALU for each vector; ● no other method is as cheap and as accurate\n";
    format!("{heading}{}\n{FAINT}{note}{FAINT:#}", aligned(&[Left, Right, Right, Right, Right, Left], &headings, &rows))
}

/// `every number of [-16, 16): 131,072`.
pub fn tried(domain: &Domain) -> String {
    let Domain { end, step, count } = domain;
    let which = if *step == 1 { "every number".to_owned() } else { format!("one number in {step}") };
    format!("{which} of [-{end}, {end}): {}", grouped(*count))
}

/// An error with five digits after the point.
pub fn error(error: f64) -> String {
    format!("{error:.5}")
}

/// A line for each method after one that names the columns.
pub fn csv(measured: &[Measured]) -> String {
    let mut out = csv::Writer::from_writer(Vec::new());
    let names = ["method", "cycles", "instructions", "max_error", "max_error_at", "mean_error", "front"];
    out.write_record(names).expect("memory takes every line");
    for m in measured {
        let figures = [m.cycles.to_string(), m.instructions.to_string()];
        let errors = [m.errors.greatest, m.errors.at, m.errors.mean].map(|error| error.to_string());
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
            "mean_error": m.errors.mean,
            "front": m.on_front,
        })
    };
    let object = json!({
        "function": request.function().name(),
        "fraction": request.fraction(),
        "range": request.range(),
        "tried": {"end": domain.end, "step": domain.step, "count": domain.count},
        "methods": measured.iter().map(method).collect::<Vec<_>>(),
    });
    format!("{object:#}\n")
}
