//! What each directive of a schedule changes in the loop nest, one after the other; in a program, call by call.

use tilewright_core::loops::print::{PrintOptions, print};
use tilewright_core::lower::build;
use tilewright_core::pipeline::{Call, Front, Scheduled};
use tilewright_core::schedule::{Context, Schedule, Step};
use tilewright_syntax::{Diagnostic, Sources};

use crate::diff::diff;
use crate::report::{FAINT, HEADING};

/// The loop nest before the first directive, then each directive with what it changed; and the schedule with all of them
/// applied, or why one of them cannot be.
pub fn show<'a>(front: &'a Front, sources: &Sources) -> (String, Result<Scheduled<'a>, Vec<Diagnostic>>) {
    let mut out = String::new();
    let mut schedules = Vec::new();
    for call in front.calls() {
        let (shown, schedule) = show_call(front, call, sources);
        out.push_str(&shown);
        match schedule {
            Ok(schedule) => schedules.push(schedule),
            Err(told) => return (out, Err(told)),
        }
    }
    (out, Ok(front.scheduled(schedules)))
}

fn show_call(front: &Front, call: &Call, sources: &Sources) -> (String, Result<Schedule, Vec<Diagnostic>>) {
    let mut before = nest(&front.unscheduled(call));
    let of_call = call.name().map_or(String::new(), |name| {
        format!("{HEADING}{name} = {}, schedule {}{HEADING:#}\n\n", call.kernel.name, call.schedule.name.name)
    });
    let mut out = format!("{of_call}{HEADING}before the first directive{HEADING:#}\n\n{}", indented(&before));
    let schedule = front.schedule_call(call, &mut |step: Step| {
        let after = nest(step.after);
        out.push_str(&heading(&step, sources));
        out.push_str(&match diff(&before, &after) {
            changes if changes.is_empty() => format!("    {FAINT}the loop nest is unchanged{FAINT:#}\n"),
            changes => changes,
        });
        before = after;
    });
    (out, schedule)
}

/// The loop program of a schedule, or in its place why there is none.
fn nest(schedule: &Schedule) -> String {
    match build(schedule) {
        Ok(program) => print(&program, &PrintOptions::default()),
        Err(error) => format!("no loop program: {error}\n"),
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

/// The line and text of a directive's statement, and the calls and repetitions that it came from.
fn heading(step: &Step, sources: &Sources) -> String {
    let directive = step.span;
    let text = &sources.file(directive.file).text;
    let start = text[..directive.start as usize].rfind('\n').map_or(0, |at| at + 1);
    let end = text[directive.end as usize..].find('\n').map_or(text.len(), |at| directive.end as usize + at);
    let lines: Vec<&str> = text[start..end].lines().map(str::trim).collect();
    let from = |c: &Context| format!(", {FAINT}{} on line {}{FAINT:#}", c.text, sources.line(c.span));
    let context: String = step.context.iter().rev().map(from).collect();
    format!("\n{HEADING}line {}: {}{HEADING:#}{context}\n\n", sources.line(directive), lines.join(" "))
}
