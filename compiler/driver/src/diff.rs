//! Two texts → the lines that differ, with some of those around them; removed lines red, added ones green.

use std::fmt::Write;

use similar::{ChangeTag, TextDiff};

use crate::report::{ADDED, FAINT, REMOVED};

/// Lines shown around a difference.
const CONTEXT: usize = 3;

/// The differences, each line indented by four columns; nothing for equal texts.
pub fn diff(before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let mut out = String::new();
    for (index, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if index > 0 {
            let _ = writeln!(out, "    {FAINT}  ⋮{FAINT:#}");
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (sign, style) = match change.tag() {
                ChangeTag::Delete => ('-', REMOVED),
                ChangeTag::Insert => ('+', ADDED),
                ChangeTag::Equal => (' ', FAINT),
            };
            let line = change.value().trim_end_matches('\n');
            let _ = writeln!(out, "    {style}{sign} {line}{style:#}");
        }
    }
    out
}
