//! What a bisection tried → a table: each directive with what the schedule is up to it.

use std::path::Path;

use tilewright::bisect::{Finding, Scan, Verdict};
use tilewright::program::{Call, Directive};
use tilewright_syntax::{Diagnostic, Sources, Span};

use crate::report::Align::{Left, Right};
use crate::report::{BAD, FAINT, GOOD, HEADING, grouped, table};

/// The table of one call, under its name.
pub fn shown(scan: &Scan, call: &Call, sources: &Sources) -> String {
    let name = call.name().map_or(String::new(), |name| format!("{name} = "));
    let heading = format!(
        "{HEADING}{name}{}{HEADING:#}  {FAINT}schedule{FAINT:#} {}\n\n",
        call.kernel.name, call.schedule.name.name
    );
    let rows: Vec<Vec<String>> = (0..=scan.directives.len()).map(|length| row(scan, length, sources)).collect();
    let aligns = [Left, Left, Left, Right, Right, Left];
    heading + &table(&aligns, &["", "line", "directive", "cycles", "instructions", "up to here"], &rows)
}

/// The prefix of a length.
fn row(scan: &Scan, length: usize, sources: &Sources) -> Vec<String> {
    let (line, directive) = match length.checked_sub(1).map(|at| &scan.directives[at]) {
        Some(directive) => (lines(directive, sources), directive.text()),
        None => (String::new(), "before the first directive".to_owned()),
    };
    let is_at_fault = scan.finding != Finding::Nothing && scan.finding.directive() == length.checked_sub(1);
    let mark = if is_at_fault { format!("{BAD}▶{BAD:#}") } else { String::new() };
    let figures = match scan.verdicts.get(length) {
        Some(Verdict::Legal { cycles, instructions }) => [grouped(*cycles), grouped(*instructions)],
        _ => [String::new(), String::new()],
    };
    let [cycles, instructions] = figures;
    vec![mark, line, directive, cycles, instructions, state(scan, length)]
}

/// What the schedule is up to a length. A refusal is said once for all consecutive prefixes that it holds for.
fn state(scan: &Scan, length: usize) -> String {
    match scan.verdicts.get(length) {
        Some(Verdict::Legal { .. }) => format!("{GOOD}✔{GOOD:#} values verified"),
        Some(Verdict::Wrong(told)) => format!("{BAD}✘{BAD:#} {}", told.message),
        Some(Verdict::NotRun(told)) => format!("{FAINT}·{FAINT:#} not run: {}", first_line(told)),
        Some(Verdict::Refused(told)) => {
            let before = length.checked_sub(1).and_then(|before| scan.verdicts.get(before));
            let is_same = matches!(before, Some(Verdict::Refused(other)) if first_line(other) == first_line(told));
            if is_same { format!("{FAINT}the same{FAINT:#}") } else { first_line(told) }
        }
        None if length == scan.verdicts.len() => {
            format!("{BAD}✘{BAD:#} {}", scan.inapplicable.as_deref().map(first_line).unwrap_or_default())
        }
        None => format!("{FAINT}not reached{FAINT:#}"),
    }
}

fn first_line(told: &[Diagnostic]) -> String {
    told.first().map(|told| format!("{}: {}", told.code, told.message)).unwrap_or_default()
}

/// The lines of the calls and repetitions that led to a directive, from the outermost on, and its own: `15 › std:vta:67`.
/// Those of another file than the one before have its name in front.
fn lines(directive: &Directive, sources: &Sources) -> String {
    let places = directive.context.iter().map(|context| context.span).chain([directive.span()]);
    let mut file = None;
    let line = |span: Span| {
        let is_other = file.replace(span.file).is_some_and(|before| before != span.file);
        let name = if is_other { format!("{}:", stem(&sources.file(span.file).name)) } else { String::new() };
        format!("{name}{}", sources.line(span))
    };
    places.map(line).collect::<Vec<_>>().join(" › ")
}

/// The name of a file without folders and ending.
fn stem(name: &str) -> String {
    Path::new(name).file_stem().map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned())
}
