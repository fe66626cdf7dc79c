//! How results look on a terminal: aligned blocks with restrained colour; and how diagnostics are told.
//!
//! Text carries its colours as escapes until it is written; `files::print` and [`print_diagnostics`] take them out where they would
//! not be shown.

use anstyle::{AnsiColor, Style};
use tilewright_syntax::{Diagnostic, Sources, render};

use crate::files;

pub use tilewright::grouped;

pub const HEADING: Style = Style::new().bold();
pub const FAINT: Style = Style::new().dimmed();
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
pub const BAD: Style = AnsiColor::Red.on_default().bold();
pub const ADDED: Style = AnsiColor::Green.on_default();
pub const REMOVED: Style = AnsiColor::Red.on_default();
const BAR: Style = AnsiColor::Cyan.on_default();

/// Columns between blocks that stand side by side, and between the columns of a table.
const GAP: usize = 4;

/// Most diagnostics that are shown at once.
const MAX_TOLD: usize = 100;

/// Writes diagnostics to standard error.
pub fn print_diagnostics(diagnostics: &[Diagnostic], sources: &Sources) {
    if diagnostics.is_empty() {
        return;
    }
    let mut texts: Vec<String> = diagnostics.iter().take(MAX_TOLD).map(|d| render(d, sources, true)).collect();
    if let Some(more) = diagnostics.len().checked_sub(MAX_TOLD).filter(|more| *more > 0) {
        texts.push(format!("{HEADING}and {} more{HEADING:#}", grouped(more as u64)));
    }
    let text = texts.join("\n\n") + "\n";
    let folded = files::columns_aside().map(|columns| files::folded_diagnostic(&text, columns));
    // Where standard error is closed nobody can be told.
    let _ = files::print_aside(folded.as_deref().unwrap_or(&text));
}

/// A number of bytes in the largest unit that divides it: `32 KiB`, `96 bytes`.
pub fn size(bytes: u64) -> String {
    match bytes {
        b if b >= 1 << 20 && b.is_multiple_of(1 << 20) => format!("{} MiB", grouped(b >> 20)),
        b if b >= 1 << 10 && b.is_multiple_of(1 << 10) => format!("{} KiB", grouped(b >> 10)),
        b => format!("{} bytes", grouped(b)),
    }
}

/// A time with three digits or more, in the unit that suits it: `43.2 µs`, `1,204 s`.
pub fn duration(seconds: f64) -> String {
    const UNITS: [(f64, &str); 3] = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")];
    let (unit, name) = UNITS.into_iter().find(|(unit, _)| seconds >= *unit).unwrap_or((1e-9, "ns"));
    match seconds / unit {
        number if number < 10.0 => format!("{number:.2} {name}"),
        number if number < 100.0 => format!("{number:.1} {name}"),
        number => format!("{} {name}", grouped(number.round() as u64)),
    }
}

/// Lines of text under a heading, all of one width. The width counts characters that are seen.
#[derive(Clone, Debug)]
pub struct Block {
    lines: Vec<String>,
    width: usize,
}

/// Where a column's text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

impl Block {
    /// Figures with their names, and a sum below them.
    pub fn figures(heading: &str, rows: &[(String, u64)]) -> Block {
        Block::of_figures(heading, rows, false)
    }

    /// As [`Block::figures`], with a bar for each figure.
    pub fn bars(heading: &str, rows: &[(String, u64)]) -> Block {
        Block::of_figures(heading, rows, true)
    }

    fn of_figures(heading: &str, rows: &[(String, u64)], bars: bool) -> Block {
        let total: u64 = rows.iter().map(|(_, n)| n).sum();
        let greatest = rows.iter().map(|(_, n)| *n).max().unwrap_or(0);
        let names = rows.iter().map(|(name, _)| name.chars().count()).chain([5]).max().unwrap_or(0);
        let numbers = grouped(total).len();
        let bar = if bars { 2 + BAR_WIDTH } else { 0 };
        let width = (names + 2 + numbers + bar).max(heading.chars().count());
        let line = |name: &str, n: u64| format!("{name:names$}  {:>numbers$}", grouped(n));
        let rule = format!("{FAINT}{}{FAINT:#}", "─".repeat(width));
        let after = width - heading.chars().count();
        let mut lines = vec![format!("{HEADING}{heading}{HEADING:#}{:after$}", ""), rule.clone()];
        for (name, n) in rows {
            let text = line(name, *n);
            let drawn = if bars { draw_bar(*n, greatest) } else { String::new() };
            let missing = width - text.chars().count() - if drawn.is_empty() { 0 } else { 2 + drawn.chars().count() };
            let drawn = if drawn.is_empty() { drawn } else { format!("  {BAR}{drawn}{BAR:#}") };
            lines.push(format!("{text}{drawn}{:missing$}", ""));
        }
        lines.push(rule);
        lines.push(format!("{:width$}", line("total", total)));
        Block { lines, width }
    }
}

/// Columns of the longest bar.
const BAR_WIDTH: usize = 16;

/// A bar in eighths of a column; whatever is not zero is seen.
fn draw_bar(n: u64, greatest: u64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if n == 0 {
        return String::new();
    }
    let eighths = (u128::from(n) * (BAR_WIDTH as u128 * 8) / u128::from(greatest)).max(1) as usize;
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

/// Blocks from left to right, their headings on one line; on a terminal that is narrower, in several rows.
pub fn beside(blocks: &[Block]) -> String {
    let room = files::columns().unwrap_or(usize::MAX);
    let (mut rows, mut taken): (Vec<Vec<&Block>>, usize) = (Vec::new(), 0);
    for block in blocks {
        match rows.last_mut().filter(|_| taken + GAP + block.width <= room) {
            Some(row) => {
                row.push(block);
                taken += GAP + block.width;
            }
            None => {
                rows.push(vec![block]);
                taken = block.width;
            }
        }
    }
    rows.iter().map(|row| row_of(row)).collect::<Vec<_>>().join("\n")
}

fn row_of(blocks: &[&Block]) -> String {
    let height = blocks.iter().map(|block| block.lines.len()).max().unwrap_or(0);
    let mut out = String::new();
    for at in 0..height {
        let cells = blocks.iter().map(|block| block.lines.get(at).cloned().unwrap_or_else(|| " ".repeat(block.width)));
        let line = cells.collect::<Vec<_>>().join(&" ".repeat(GAP));
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The columns that a text takes on a terminal.
fn seen_width(text: &str) -> usize {
    anstream::adapter::strip_str(text).map(|part| part.chars().count()).sum()
}

/// Rows under a heading row, each column as wide as it needs to be. Cells may have colours.
pub fn table(aligns: &[Align], headings: &[&str], rows: &[Vec<String>]) -> String {
    table_with_gap(GAP, aligns, headings, rows)
}

/// As [`table`], with so many columns between those of the table. On a terminal that is narrower the table is folded: what does
/// not fit stands in further tables below, each with the first column.
pub fn table_with_gap(gap: usize, aligns: &[Align], headings: &[&str], rows: &[Vec<String>]) -> String {
    table_within(files::columns().unwrap_or(usize::MAX), gap, aligns, headings, rows)
}

fn table_within(room: usize, gap: usize, aligns: &[Align], headings: &[&str], rows: &[Vec<String>]) -> String {
    let width = |c: usize| {
        let cells = rows.iter().map(|row| row.get(c).map_or(0, |text| seen_width(text)));
        cells.chain([headings[c].chars().count()]).max().unwrap_or(0)
    };
    let mut parts: Vec<Vec<usize>> = Vec::new();
    let mut taken = 0;
    for column in 0..headings.len() {
        let own = width(column) + if column == 0 { 0 } else { gap };
        match parts.last_mut().filter(|part| taken + own <= room || part.len() < 2) {
            Some(part) => {
                part.push(column);
                taken += own;
            }
            None => {
                parts.push(if column == 0 { vec![0] } else { vec![0, column] });
                taken = width(0) + if column == 0 { 0 } else { own };
            }
        }
    }
    let part = |columns: &Vec<usize>| {
        let aligns: Vec<Align> = columns.iter().map(|c| aligns[*c]).collect();
        let headings: Vec<&str> = columns.iter().map(|c| headings[*c]).collect();
        let cells = |row: &Vec<String>| columns.iter().map_while(|c| row.get(*c).cloned()).collect();
        whole_table(gap, &aligns, &headings, &rows.iter().map(cells).collect::<Vec<_>>())
    };
    parts.iter().map(part).collect::<Vec<_>>().join("\n")
}

fn whole_table(gap: usize, aligns: &[Align], headings: &[&str], rows: &[Vec<String>]) -> String {
    let cell = |row: &Vec<String>, c: usize| row.get(c).map_or(0, |text| seen_width(text));
    let width = |c: usize| rows.iter().map(|row| cell(row, c)).chain([headings[c].chars().count()]).max().unwrap_or(0);
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let line = |texts: &mut dyn Iterator<Item = &str>| {
        let cells = texts.zip(aligns.iter().zip(&widths)).map(|(text, (align, width))| {
            let missing = " ".repeat(width.saturating_sub(seen_width(text)));
            match align {
                Align::Left => format!("{text}{missing}"),
                Align::Right => format!("{missing}{text}"),
            }
        });
        cells.collect::<Vec<_>>().join(&" ".repeat(gap)).trim_end().to_owned()
    };
    let total = widths.iter().sum::<usize>() + gap * widths.len().saturating_sub(1);
    let mut out = format!("{HEADING}{}{HEADING:#}\n", line(&mut headings.iter().copied()));
    out.push_str(&format!("{FAINT}{}{FAINT:#}\n", "─".repeat(total)));
    for row in rows {
        out.push_str(&line(&mut row.iter().map(|text| &**text)));
        out.push('\n');
    }
    out
}

/// A number with three digits that count, and without digits that say nothing: `0.0061`, `12.5`, `0`.
pub fn short(number: f64) -> String {
    let digits = match number.abs() {
        size if size == 0.0 || !size.is_finite() => 0,
        size => (2 - size.log10().floor() as i32).clamp(0, 12) as usize,
    };
    let text = format!("{number:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let numbers = [0, 7, 999, 1000, 65_792, 1_234_567, u64::MAX];
        let shown = ["0", "7", "999", "1,000", "65,792", "1,234,567", "18,446,744,073,709,551,615"];
        assert_eq!(numbers.map(grouped), shown);
    }

    #[test]
    fn sizes_take_the_largest_exact_unit() {
        assert_eq!(
            [96, 1024, 1025, 1 << 20, 3 << 19].map(size),
            ["96 bytes", "1 KiB", "1,025 bytes", "1 MiB", "1,536 KiB"]
        );
    }

    #[test]
    fn durations_have_three_digits() {
        let shown = [0.0, 1.2e-8, 4.321e-5, 0.000_205, 2.5, 1204.4].map(duration);
        assert_eq!(shown, ["0.00 ns", "12.0 ns", "43.2 µs", "205 µs", "2.50 s", "1,204 s"]);
    }

    #[test]
    fn bars_show_what_is_not_zero() {
        assert_eq!([0, 1, 500, 1000].map(|n| draw_bar(n, 1000)), ["", "▏", "████████", "████████████████"]);
        assert_eq!(draw_bar(u64::MAX, u64::MAX).chars().count(), BAR_WIDTH);
    }

    #[test]
    fn tables_align_their_columns() {
        let rows = [vec!["inp".to_owned(), "16".to_owned()], vec!["wgt".to_owned(), "256".to_owned()]];
        let text = table(&[Align::Left, Align::Right], &["memory", "bytes"], &rows);
        let seen = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(seen, "memory    bytes\n───────────────\ninp          16\nwgt         256\n");
    }

    #[test]
    fn a_table_that_is_wider_than_its_room_is_folded() {
        let rows = [["a", "1", "22", "3"].map(str::to_owned).to_vec(), vec!["bb".to_owned(), "9".to_owned()]];
        let aligns = [Align::Left, Align::Right, Align::Right, Align::Right];
        let text = table_within(14, 2, &aligns, &["row", "one", "two", "three"], &rows);
        let seen = anstream::adapter::strip_str(&text).to_string();
        let first = "row  one  two\n─────────────\na      1   22\nbb     9\n";
        assert_eq!(seen, format!("{first}\nrow  three\n──────────\na        3\nbb\n"));
        let narrow = table_within(3, 2, &aligns, &["row", "one", "two", "three"], &rows);
        assert_eq!(narrow.matches("row").count(), 3, "{narrow}");
    }

    #[test]
    fn colours_take_no_width() {
        let rows = [vec![format!("{GOOD}1{GOOD:#}"), "b".to_owned()], vec!["12".to_owned(), "c".to_owned()]];
        let text = table_with_gap(2, &[Align::Right, Align::Left], &["n", "x"], &rows);
        assert!(text.contains(&format!("\n {GOOD}1{GOOD:#}  b\n")), "{text:?}");
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 0.006_149, -1.0, 12.345, 0.5, 123_456.7, 2e-9, f64::INFINITY].map(short);
        assert_eq!(shown, ["0", "0.00615", "-1", "12.3", "0.5", "123457", "0.000000002", "inf"]);
    }
}
