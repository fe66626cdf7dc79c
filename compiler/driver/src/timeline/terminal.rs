//! The picture for a terminal: a line of characters for each lane, an axis below and a legend with shares.
//!
//! A cell stands for the cycles of one column, or one cycle for several columns where there are few; it shows the kind
//! in which most of its cycles were spent, the first of equal ones.

use std::fmt::Write;
use std::ops::Range;

use super::{ByKind, Kind, Lane, Picture, share, ticks};
use crate::files;
use crate::report::{FAINT, HEADING, grouped};

/// Columns where the output is no terminal.
const COLUMNS: usize = 100;
/// Columns that a picture takes at least, and of them those left of its cells.
const LEAST: usize = 40;
const MARGIN: usize = 9;

/// The columns of the terminal that standard output is.
pub fn columns() -> usize {
    files::columns().unwrap_or(COLUMNS)
}

/// The picture with colours as escapes, so many columns wide.
pub fn terminal(picture: &Picture, columns: usize) -> String {
    let grid = Grid::new(&picture.cycles, columns.max(LEAST) - MARGIN);
    let mut out = heading(picture, &grid);
    for lane in picture.lanes() {
        let _ = writeln!(out, "{HEADING}{:MARGIN$}{HEADING:#}{}", lane.name, row(picture, lane, &grid));
    }
    out.push_str(&axis(picture, &grid));
    out.push('\n');
    out.push_str(&legend(picture));
    out
}

/// The cycles of each cell, and how many columns a cell takes.
#[derive(Debug)]
pub(super) struct Grid {
    pub cells: Vec<Range<u64>>,
    repeat: usize,
}

impl Grid {
    /// Divides the range into as many parts as there are columns, or into its single cycles if they are fewer.
    pub fn new(cycles: &Range<u64>, columns: usize) -> Grid {
        let len = cycles.end - cycles.start;
        let count = len.min(columns as u64);
        let bound = |cell: u64| cycles.start + (u128::from(len) * u128::from(cell) / u128::from(count)) as u64;
        let cells: Vec<Range<u64>> = (0..count).map(|cell| bound(cell)..bound(cell + 1)).collect();
        Grid { repeat: columns / cells.len().max(1), cells }
    }

    fn columns(&self) -> usize {
        self.cells.len() * self.repeat
    }

    /// The first column that shows this cycle.
    fn column(&self, cycle: u64) -> usize {
        self.cells.partition_point(|cell| cell.end <= cycle) * self.repeat
    }
}

fn heading(picture: &Picture, grid: &Grid) -> String {
    let scale = match picture.len() as f64 / grid.cells.len().max(1) as f64 {
        1.0 => "each cell is one cycle".to_owned(),
        width if width < 100.0 => format!("each cell is {width:.1} cycles and shows what most of them are"),
        width => format!("each cell is {} cycles and shows what most of them are", grouped(width.round() as u64)),
    };
    format!("{HEADING}{}{HEADING:#}   {FAINT}{scale}{FAINT:#}\n\n", picture.range())
}

/// A lane's characters, with an escape wherever the kind changes; nothing after what is seen.
fn row(picture: &Picture, lane: Lane, grid: &Grid) -> String {
    let mut out = String::new();
    let kinds = dominating(picture, lane, grid);
    let seen = kinds.iter().rposition(|kind| *kind != Kind::Finished).map_or(0, |last| last + 1);
    for same in kinds[..seen].chunk_by(|a, b| a == b) {
        let (kind, style) = (same[0], same[0].style());
        let glyphs = kind.glyph().to_string().repeat(same.len() * grid.repeat);
        let _ = write!(out, "{style}{glyphs}{style:#}");
    }
    out
}

/// The kind of each cell.
pub(super) fn dominating(picture: &Picture, lane: Lane, grid: &Grid) -> Vec<Kind> {
    let mut pieces = picture.pieces(lane).peekable();
    let kind = |cell: &Range<u64>| {
        let mut sums = ByKind::default();
        while let Some(piece) = pieces.next_if(|piece| piece.cycles.end <= cell.end) {
            sums[piece.kind as usize] += piece.cycles.end - piece.cycles.start.max(cell.start);
        }
        if let Some(piece) = pieces.peek().filter(|piece| piece.cycles.start < cell.end) {
            sums[piece.kind as usize] += cell.end - piece.cycles.start.max(cell.start);
        }
        let most = sums.iter().max().copied().unwrap_or(0);
        Kind::ALL[sums.iter().position(|sum| *sum == most).unwrap_or(0)]
    };
    grid.cells.iter().map(kind).collect()
}

/// A line with ticks, and below it their cycles.
fn axis(picture: &Picture, grid: &Grid) -> String {
    let columns = grid.columns();
    let room = grouped(picture.cycles.end).len() + 2;
    let (mut line, mut labels) = (vec!['─'; columns], String::new());
    for tick in ticks(&picture.cycles, (columns / room) as u64) {
        let (at, label) = (grid.column(tick), grouped(tick));
        if at + label.len() <= columns {
            line[at] = '┬';
            let before = at.saturating_sub(labels.len());
            let _ = write!(labels, "{:before$}{label}", "");
        }
    }
    let line: String = line.into_iter().collect();
    format!("{:MARGIN$}{FAINT}{line}{FAINT:#}\n{:MARGIN$}{FAINT}{labels}{FAINT:#}\n", "", "")
}

/// The kinds that occur with their shares, a column for each lane.
fn legend(picture: &Picture) -> String {
    let rows = picture.legend();
    let names = rows.iter().map(|(kind, _)| kind.name().len()).max().unwrap_or(0);
    let line = |texts: [String; 4]| texts.map(|text| format!("{text:>10}")).concat();
    let heads = line(picture.lanes().map(|lane| lane.name.to_owned()));
    let mut out = format!("{HEADING}{:1$}{heads}{HEADING:#}\n", "", names + 2);
    for (kind, shares) in rows {
        let (style, glyph) = (kind.style(), kind.glyph());
        let shares = line(shares.map(share));
        let _ = writeln!(out, "{style}{glyph}{style:#} {:names$}{}", kind.name(), shares.trim_end());
    }
    out
}
