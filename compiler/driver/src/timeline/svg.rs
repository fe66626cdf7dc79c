//! The picture as an SVG that needs nothing else: lanes of rectangles, an axis, arrows for tokens and a legend.
//!
//! A stretch that is a pixel wide or more is a rectangle with a tooltip. Shorter ones are collected until they make a
//! pixel together, and stand on each other in it with heights as their shares, work at the bottom. So the area of a
//! colour is its share in either case, and a lane has at most three such places for each of its pixels. Arrows are left
//! out where they would hide each other.

use std::fmt::Write;

use svg::Document;
use svg::node::element::{Group, Line, Path, Rectangle, Style, Text, Title};
use tilewright_sim::cycles::{MemoryWait, State};

use super::kind::label;
use super::{ByKind, Kind, Lane, Picture, Piece, share, ticks};
use crate::report::grouped;

const WIDTH: f64 = 1200.0;
const MARGIN: f64 = 32.0;
/// The cells begin here and are this wide.
const LEFT: f64 = 108.0;
const PLOT: f64 = WIDTH - LEFT - MARGIN;
const TOP: f64 = 76.0;
const LANE: f64 = 44.0;
/// Between lanes; arrows lie in it.
const GAP: f64 = 20.0;
const BOTTOM: f64 = TOP + 4.0 * LANE + 3.0 * GAP;
const LEGEND: f64 = BOTTOM + 84.0;
const LEGEND_ROW: f64 = 24.0;
/// Least pixels between two ticks.
const TICK: f64 = 90.0;
/// Characters of the longest title.
const TITLE: usize = 100;
const MOST_ARROWS: usize = 150;

const LOOK: &str = "\
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-size: 18px; font-weight: 600 }
.faint { fill: #6b7280 }
.lane, .head { font-weight: 600 }
.number { text-anchor: end; font-variant-numeric: tabular-nums }
.tick { text-anchor: middle; font-size: 12px; fill: #6b7280 }
.grid { stroke: #d5d9df; stroke-width: 1 }
.token { stroke: #24292f; stroke-width: 1.2; fill: none }
.cells { shape-rendering: crispEdges }
";

/// The picture as the text of a file.
pub fn svg(picture: &Picture) -> String {
    let rows = picture.legend();
    let height = LEGEND + LEGEND_ROW * rows.len() as f64 + MARGIN;
    let document = Document::new()
        .set("viewBox", (0, 0, WIDTH, height))
        .set("width", WIDTH)
        .set("height", height)
        .add(Style::new(LOOK))
        .add(Rectangle::new().set("width", "100%").set("height", "100%").set("fill", "#ffffff"))
        .add(text(MARGIN, 34.0, "title", &heading(&picture.title)))
        .add(axis(picture));
    let lanes = picture.lanes();
    let named = |(row, lane): (usize, &Lane)| text(MARGIN, lane_top(row) + LANE / 2.0 + 5.0, "lane", lane.name);
    let document = lanes.iter().enumerate().map(named).fold(document, Document::add);
    let drawings: Vec<Drawing> = (0..).zip(lanes).map(|(row, lane)| cells(picture, lane, row)).collect();
    let arrows = arrows(picture, &lanes);
    let notes = notes(picture, drawings.iter().any(Drawing::has_stacks), !arrows.is_empty());
    let document = document.add(text(MARGIN, 56.0, "faint", &notes));
    let document = drawings.into_iter().map(Drawing::finish).fold(document, Document::add);
    let document = arrows.into_iter().fold(document, Document::add);
    let document = legend(picture, &rows).into_iter().fold(document, Document::add);
    format!("{document}\n")
}

/// A title as long as there is room for it, in characters that XML knows.
fn heading(title: &str) -> String {
    let known = |c: char| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { ' ' } else { c };
    match title.char_indices().nth(TITLE) {
        Some((end, _)) => title[..end].chars().map(known).chain(['…']).collect(),
        None => title.chars().map(known).collect(),
    }
}

/// What is shown, and how to read it.
fn notes(picture: &Picture, has_stacks: bool, has_arrows: bool) -> String {
    let stacks = "stacked colours: shares of what is too short to be seen".to_owned();
    let arrows = "arrows: tokens that ended a wait".to_owned();
    let notes = [Some(picture.range()), has_stacks.then_some(stacks), has_arrows.then_some(arrows)];
    notes.into_iter().flatten().collect::<Vec<_>>().join("  ·  ")
}

fn lane_top(row: usize) -> f64 {
    TOP + row as f64 * (LANE + GAP)
}

/// Where a cycle begins.
fn x(picture: &Picture, cycle: u64) -> f64 {
    LEFT + PLOT * (cycle - picture.cycles.start) as f64 / picture.len().max(1) as f64
}

/// In hundredths of a pixel, which is as exact as it need be and short.
fn rounded(pixels: f64) -> f64 {
    (pixels * 100.0).round() / 100.0
}

fn text(x: f64, y: f64, class: &str, content: &str) -> Text {
    Text::new(content).set("x", rounded(x)).set("y", rounded(y)).set("class", class)
}

/// The rectangles of a lane.
fn cells<'a>(picture: &'a Picture<'a>, lane: Lane<'a>, row: usize) -> Drawing<'a> {
    let mut drawing = Drawing { picture, lane, top: lane_top(row), wide: Vec::new(), short: Default::default() };
    let mut pending: Vec<Piece> = Vec::new();
    for piece in picture.pieces(lane) {
        if drawing.pixels(&piece) >= 1.0 {
            drawing.flush(&mut pending);
            drawing.wide(&piece);
            continue;
        }
        pending.push(piece);
        if x(picture, pending[pending.len() - 1].cycles.end) - x(picture, pending[0].cycles.start) >= 1.0 {
            drawing.flush(&mut pending);
        }
    }
    drawing.flush(&mut pending);
    drawing
}

/// The cells of a lane so far.
struct Drawing<'a> {
    picture: &'a Picture<'a>,
    lane: Lane<'a>,
    top: f64,
    wide: Vec<Rectangle>,
    /// For each kind, the outlines of its short stretches.
    short: [String; Kind::ALL.len()],
}

impl Drawing<'_> {
    fn pixels(&self, piece: &Piece) -> f64 {
        x(self.picture, piece.cycles.end) - x(self.picture, piece.cycles.start)
    }

    fn wide(&mut self, piece: &Piece) {
        let (left, right) = (rounded(x(self.picture, piece.cycles.start)), rounded(x(self.picture, piece.cycles.end)));
        let rectangle = Rectangle::new()
            .set("x", left)
            .set("y", self.top)
            .set("width", rounded(right - left))
            .set("height", LANE)
            .set("class", class(piece.kind))
            .set("fill", piece.kind.fill())
            .add(Title::new(tooltip(self.picture, self.lane, piece)));
        self.wide.push(rectangle);
    }

    /// Draws neighbouring pieces on each other.
    fn flush(&mut self, pending: &mut Vec<Piece>) {
        let [first, .., last] = &pending[..] else {
            pending.drain(..).for_each(|piece| self.wide(&piece));
            return;
        };
        let (left, right) = (rounded(x(self.picture, first.cycles.start)), rounded(x(self.picture, last.cycles.end)));
        let len = (last.cycles.end - first.cycles.start) as f64;
        let mut sums = ByKind::default();
        pending.drain(..).for_each(|piece| sums[piece.kind as usize] += piece.len());
        let (mut below, width) = (0, rounded(right - left));
        for (outline, sum) in self.short.iter_mut().zip(sums).filter(|(_, sum)| *sum > 0) {
            let level = |sum: u64| rounded(self.top + LANE * (1.0 - sum as f64 / len));
            let (bottom, top) = (level(below), level(below + sum));
            let _ = write!(outline, "M{left} {top}h{width}v{}h-{width}z", rounded(bottom - top));
            below += sum;
        }
    }

    fn has_stacks(&self) -> bool {
        self.short.iter().any(|outline| !outline.is_empty())
    }

    fn finish(self) -> Group {
        let group = Group::new().set("class", "cells");
        let short = Kind::ALL.into_iter().zip(self.short).filter(|(_, outline)| !outline.is_empty());
        let group = short.fold(group, |group, (kind, outline)| {
            let title = format!("{}: {}, in many short stretches", self.lane.name, kind.name());
            let path = Path::new().set("d", outline).set("class", class(kind)).set("fill", kind.fill());
            group.add(path.add(Title::new(title)))
        });
        self.wide.into_iter().fold(group, Group::add)
    }
}

/// The kind as a word, for those who restyle or read the picture.
fn class(kind: Kind) -> String {
    kind.name().replace(' ', "-")
}

/// `compute: gemm, cycles 100 to 132 (32), instruction 7 (gemm)`.
fn tooltip(picture: &Picture, lane: Lane, piece: &Piece) -> String {
    let (start, end) = (piece.span.cycles.start, piece.span.cycles.end);
    let what = match piece.span.state {
        State::Token { queue, poster } => {
            let by = poster.map_or("that is never posted".to_owned(), |poster| format!("of instruction {poster}"));
            format!("waits for a token {by} in {queue}")
        }
        State::Memory(MemoryWait::Contention(client)) => format!("bus taken by {client}"),
        State::Blocked(module) => format!("queue of {} full", module.name()),
        _ => piece.kind.name().to_owned(),
    };
    let cycles = format!("cycles {} to {} ({})", grouped(start), grouped(end), grouped(end - start));
    let insn = piece.span.insn.map(|at| format!(", instruction {at} ({})", label(&picture.insns[at])));
    format!("{}: {what}, {cycles}{}", lane.name, insn.unwrap_or_default())
}

/// The tokens that ended a wait in the picture, from the lane that posted them to the one that had waited.
fn arrows(picture: &Picture, lanes: &[Lane; 4]) -> Vec<Path> {
    let mut found = Vec::new();
    for (to, lane) in lanes.iter().enumerate() {
        for piece in picture.pieces(*lane).filter(|piece| piece.cycles.end == piece.span.cycles.end) {
            let State::Token { poster: Some(poster), .. } = piece.span.state else { continue };
            let producer = Some(picture.insns[poster].module());
            let Some(from) = lanes.iter().position(|lane| lane.module == producer) else { continue };
            found.push(arrow(x(picture, piece.cycles.end), from, to, poster));
            if found.len() > MOST_ARROWS {
                return Vec::new();
            }
        }
    }
    found
}

fn arrow(x: f64, from: usize, to: usize, poster: usize) -> Path {
    let (start, end, back) = match from < to {
        true => (lane_top(from) + LANE + 1.0, lane_top(to) - 1.0, -5.0),
        false => (lane_top(from) - 1.0, lane_top(to) + LANE + 1.0, 5.0),
    };
    let line = format!("M{0} {start}V{end}m-3 {back}l3 {1}l3 {back}", rounded(x), -back);
    Path::new().set("d", line).set("class", "token").add(Title::new(format!("token of instruction {poster}")))
}

/// Lines through the lanes with their cycles below.
fn axis(picture: &Picture) -> Group {
    ticks(&picture.cycles, (PLOT / TICK) as u64).into_iter().fold(Group::new(), |group, tick| {
        let at = rounded(x(picture, tick));
        let line = Line::new().set("x1", at).set("x2", at).set("y1", TOP - 8.0).set("y2", BOTTOM + 8.0);
        group.add(line.set("class", "grid")).add(text(at, BOTTOM + 24.0, "tick", &grouped(tick)))
    })
}

/// The kinds that occur with their shares, a column for each lane.
fn legend(picture: &Picture, rows: &[(Kind, [f64; 4])]) -> Vec<Group> {
    let column = |lane: usize| LEFT + 160.0 + 100.0 * lane as f64;
    let heads =
        picture.lanes().iter().enumerate().fold(Group::new(), |group, (at, lane)| {
            group.add(text(column(at), LEGEND - 22.0, "number head", lane.name))
        });
    let row = |(at, (kind, shares)): (usize, &(Kind, [f64; 4]))| {
        let y = LEGEND + LEGEND_ROW * at as f64;
        let swatch = Rectangle::new().set("x", MARGIN).set("y", y - 12.0).set("width", 16).set("height", 16);
        let named = Group::new().add(swatch.set("fill", kind.fill()).set("stroke", "#d5d9df")).add(text(
            MARGIN + 26.0,
            y,
            "name",
            kind.name(),
        ));
        let shares = shares.iter().enumerate();
        shares.fold(named, |group, (lane, percent)| group.add(text(column(lane), y, "number", &share(*percent))))
    };
    std::iter::once(heads).chain(rows.iter().enumerate().map(row)).collect()
}
