//! What each directive of a schedule changes in the loop nest, one after the other; in a program, call by call.

use tilewright::program::Context;
use tilewright::steps::{CallSteps, DirectiveStep, Nest};
use tilewright_syntax::Sources;

use crate::diff::diff;
use crate::report::{FAINT, HEADING};

/// The loop nest before the first directive of each call, then each directive with what it changed.
pub fn show(calls: &[CallSteps], sources: &Sources) -> String {
    calls.iter().map(|call| of_call(call, sources)).collect()
}

fn of_call(call: &CallSteps, sources: &Sources) -> String {
    let CallSteps { name, kernel, schedule, before, directives } = call;
    let name = name
        .as_ref()
        .map_or(String::new(), |name| format!("{HEADING}{name} = {kernel}, schedule {schedule}{HEADING:#}\n\n"));
    let mut before = text(before);
    let mut out = format!("{name}{HEADING}before the first directive{HEADING:#}\n\n{}", indented(&before));
    for step in directives {
        let after = text(&step.nest);
        out.push_str(&heading(step, sources));
        out.push_str(&match diff(&before, &after) {
            changes if changes.is_empty() => format!("    {FAINT}the loop nest is unchanged{FAINT:#}\n"),
            changes => changes,
        });
        before = after;
    }
    out
}

fn text(nest: &Nest) -> String {
    match nest {
        Ok(text) => text.clone(),
        Err(reason) => format!("no loop program: {reason}\n"),
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

/// The line and text of a directive's statement, and the calls and repetitions that it came from.
fn heading(step: &DirectiveStep, sources: &Sources) -> String {
    let directive = step.span;
    let text = &sources.file(directive.file).text;
    let start = text[..directive.start as usize].rfind('\n').map_or(0, |at| at + 1);
    let end = text[directive.end as usize..].find('\n').map_or(text.len(), |at| directive.end as usize + at);
    let lines: Vec<&str> = text[start..end].lines().map(str::trim).collect();
    let from = |c: &Context| format!(", {FAINT}{} on line {}{FAINT:#}", c.text, sources.line(c.span));
    let context: String = step.context.iter().rev().map(from).collect();
    format!("\n{HEADING}line {}: {}{HEADING:#}{context}\n\n", sources.line(directive), lines.join(" "))
}
