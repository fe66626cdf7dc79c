//! Diagnostics → JSON, for editors and other programs. docs/commands.md describes the keys; the version counts what changes or
//! goes, not what is added.

use serde_json::{Value, json};
use tilewright_syntax::{Diagnostic, Severity, Sources, Span};

/// The version of what is written.
pub const VERSION: u32 = 1;

/// One diagnostic.
pub fn json(diagnostic: &Diagnostic, sources: &Sources) -> Value {
    let Diagnostic { severity, code, message, labels, notes, help } = diagnostic;
    let severity = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let label = |label: &tilewright_syntax::Label| {
        let (start, end) = (place(sources, label.span, label.span.start), place(sources, label.span, label.span.end));
        json!({
            "file": sources.file(label.span.file).name,
            "start": start,
            "end": end,
            "text": label.text,
            "primary": label.primary,
        })
    };
    json!({
        "severity": severity,
        "code": code,
        "message": message,
        "labels": labels.iter().map(label).collect::<Vec<_>>(),
        "notes": notes,
        "help": help,
    })
}

/// A byte, with its line and its column in characters, both from 1.
fn place(sources: &Sources, span: Span, byte: u32) -> Value {
    let text = &sources.file(span.file).text;
    let mut at = (byte as usize).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    json!({"byte": at, "line": line, "column": before[line_start..].chars().count() + 1})
}
