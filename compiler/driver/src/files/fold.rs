//! Reports on a terminal: lines that are wider than it → lines that fit, broken where words or columns end.

/// The columns of the terminal that shows standard output; None where none does.
pub fn columns() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| width.0.into())
}

/// The columns of the terminal that shows standard error; None where none does.
pub fn columns_aside() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| width.0.into())
}

/// What stands before the rest of a line that was broken, besides what stands before all of it.
const HANGING: usize = 4;

/// The text with lines of at most so many columns. Escapes of colours take none, and a rule is cut.
pub fn folded(text: &str, columns: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        fold_line(line, columns.max(2 * HANGING), &mut out);
        out.push_str(end);
    }
    out
}

/// A diagnostic with its sentences in lines that fit; the lines of the source that it shows stay whole.
pub fn folded_diagnostic(text: &str, columns: usize) -> String {
    let is_sentence = |line: &str| {
        let plain = anstream::adapter::strip_str(line).to_string();
        let start = plain.trim_start();
        ["= ", "error", "warning"].iter().any(|word| start.starts_with(word))
    };
    let line = |line: &str| if is_sentence(line) { folded(line, columns) } else { line.to_owned() };
    text.split_inclusive('\n').map(line).collect()
}

fn fold_line(line: &str, columns: usize, out: &mut String) {
    let plain = anstream::adapter::strip_str(line).to_string();
    let before = plain.chars().take_while(|c| *c == ' ').count().min(columns / 2);
    let (mut rest, mut room) = (line, columns);
    while let Some(end) = end_within(rest, room) {
        let Some(at) = break_of(rest, end) else {
            // A word that is wider than the line, or a rule.
            match rest[end..].chars().find(|c| *c != '─') {
                Some('\u{1b}') | None => {
                    out.push_str(&rest[..end]);
                    rest = rest[end..].trim_start_matches('─');
                    continue;
                }
                Some(_) => break,
            }
        };
        out.push_str(rest[..at].trim_end());
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', before + HANGING));
        rest = rest[at..].trim_start();
        room = columns.saturating_sub(before + HANGING).max(1);
    }
    out.push_str(rest);
}

/// Where the characters that are seen take more than so many columns; None where they do not.
fn end_within(text: &str, columns: usize) -> Option<usize> {
    let (mut seen, mut in_escape) = (0, false);
    for (at, c) in text.char_indices() {
        match (in_escape, c) {
            (true, c) => in_escape = !c.is_ascii_alphabetic(),
            (false, '\u{1b}') => in_escape = true,
            (false, _) if seen == columns => return Some(at),
            (false, _) => seen += 1,
        }
    }
    None
}

/// The last place before `end` where a line may be broken: between columns if it is not far in front, else between words.
fn break_of(text: &str, end: usize) -> Option<usize> {
    let start = text.len() - text.trim_start().len();
    let head = text.get(start..end)?;
    let gap = head.rfind("  ").filter(|at| *at >= head.len() / 3).map(|at| start + at + 2);
    gap.or_else(|| head.rfind(' ').map(|at| start + at + 1))
}

#[cfg(test)]
mod tests {
    use super::{folded, folded_diagnostic};

    #[test]
    fn what_fits_stays() {
        assert_eq!(folded("a b\n\nc", 80), "a b\n\nc");
        let bold = format!("\u{1b}[1m{}\u{1b}[0m\n", "x".repeat(20));
        assert_eq!(folded(&bold, 20), bold);
    }

    #[test]
    fn words_are_moved_to_the_next_line() {
        assert_eq!(folded("  one two three four five\n", 16), "  one two three\n      four five\n");
        assert_eq!(folded("kernel k  schedule s  core 1", 20), "kernel k\n    schedule s\n    core 1");
        let long = "x".repeat(40);
        assert_eq!(folded(&format!("see {long}"), 20), format!("see\n    {long}"));
    }

    #[test]
    fn sentences_of_diagnostics_are_moved_and_sources_are_not() {
        let text = "error: one two three\n 1 | a source line that is long\n   = help: one two three\n";
        let shown = "error: one two\n    three\n 1 | a source line that is long\n   = help: one\n       two three\n";
        assert_eq!(folded_diagnostic(text, 16), shown);
    }

    #[test]
    fn rules_are_cut() {
        let rule = format!("\u{1b}[2m{}\u{1b}[0m\n", "─".repeat(100));
        assert_eq!(folded(&rule, 30), format!("\u{1b}[2m{}\u{1b}[0m\n", "─".repeat(30)));
    }
}
