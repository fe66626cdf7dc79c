//! Timelines of random runs: nothing is left out, nothing is shown twice, and no picture is larger than its limit.

use proptest::prelude::*;
use tilewright_isa::{Codec, Config, Insn, Queue};
use tilewright_sim::cycles::{Client, MemoryWait, State};

use super::terminal::{Grid, dominating};
use super::*;

/// One instruction of each kind that a timeline tells apart: load wgt, gemm, gemm reset, alu, store.
fn insns() -> Vec<Insn> {
    let words: [u128; 5] = [1 << 7, 2, 2 | 1 << 7, 4, 1 | 4 << 7];
    let bytes: Vec<u8> = words.into_iter().flat_map(u128::to_le_bytes).collect();
    Codec::new(&Config::default()).decode_stream(&bytes).unwrap()
}

const STATES: [State; 9] = [
    State::Working,
    State::Working,
    State::Memory(MemoryWait::Latency),
    State::Memory(MemoryWait::Bandwidth),
    State::Memory(MemoryWait::Contention(Client::Fetch)),
    State::Token { queue: Queue::LoadToCompute, poster: Some(0) },
    State::Starved,
    State::Blocked(Module::Load),
    State::Finished,
];

/// Spans of these lengths, in any of the states.
fn spans(parts: &[(u64, usize, usize)]) -> Vec<Span> {
    let mut at = 0;
    let next = |&(len, state, insn): &(u64, usize, usize)| {
        at += len;
        Span { cycles: at - len..at, state: STATES[state], insn: Some(insn) }
    };
    parts.iter().map(next).collect()
}

/// Ends all units with the shortest of them.
fn attribution(units: [Vec<Span>; 4]) -> Attribution {
    let end = units.iter().map(|spans| spans.last().map_or(0, |span| span.cycles.end)).min().unwrap_or(0);
    let cut = |spans: Vec<Span>| -> Vec<Span> {
        let started = spans.into_iter().filter(|span| span.cycles.start < end);
        started.map(|span| Span { cycles: span.cycles.start..span.cycles.end.min(end), ..span }).collect()
    };
    let [fetch, load, compute, store] = units.map(cut);
    Attribution { fetch, modules: [load, compute, store] }
}

/// A run with spans of up to `longest` cycles, and a range of its cycles.
fn run(longest: u64) -> impl Strategy<Value = (Attribution, Range<u64>)> {
    let part = (1..=longest, 0..STATES.len(), 0..insns().len());
    let unit = prop::collection::vec(part, 1..60).prop_map(|parts| spans(&parts));
    let units = [unit.clone(), unit.clone(), unit.clone(), unit];
    (units, any::<[prop::sample::Index; 2]>()).prop_map(|(units, bounds)| {
        let attribution = attribution(units);
        let total = attribution.fetch.last().unwrap().cycles.end as usize;
        let [one, other] = bounds.map(|bound| bound.index(total) as u64);
        (attribution, one.min(other)..one.max(other) + 1)
    })
}

fn picture<'a>(insns: &'a [Insn], attribution: &'a Attribution, cycles: Range<u64>) -> Picture<'a> {
    Picture { title: "a <run> & more".to_owned(), insns, attribution, cycles }
}

/// The cycles of a lane by kind, counted one by one.
fn counts(picture: &Picture, lane: Lane, cycles: Range<u64>) -> ByKind {
    let mut counts = ByKind::default();
    for cycle in cycles {
        let span = lane.spans.iter().find(|span| span.cycles.contains(&cycle)).unwrap();
        counts[Kind::of(span, picture.insns, lane.module.is_none()) as usize] += 1;
    }
    counts
}

/// What the legend says of a kind in a lane, in percent.
fn told(picture: &Picture, kind: Kind, lane: usize) -> f64 {
    picture.legend().into_iter().find(|(told, _)| *told == kind).map_or(0.0, |(_, shares)| shares[lane])
}

/// The areas of an outline's rectangles in pixels: `Mx yhWvHh-Wz`, again and again.
fn area(outline: &str) -> f64 {
    let one = |rectangle: &str| {
        let numbers: Vec<&str> = rectangle.split(['M', ' ', 'h', 'v']).collect();
        let [_, _, _, width, height, _] = numbers[..] else { panic!("no rectangle: {rectangle}") };
        width.parse::<f64>().unwrap() * height.parse::<f64>().unwrap()
    };
    outline.split_terminator('z').map(one).sum()
}

/// The shares of each lane's area by kind, in percent, as the file has them.
fn areas(text: &str) -> Vec<Vec<(Kind, f64)>> {
    let document = roxmltree::Document::parse(text).unwrap();
    let lanes = document.descendants().filter(|node| node.attribute("class") == Some("cells"));
    let of_lane = |lane: roxmltree::Node| {
        let mut areas = [0.0; Kind::ALL.len()];
        for cell in lane.children().filter(roxmltree::Node::is_element) {
            let number = |name| cell.attribute(name).unwrap().parse::<f64>().unwrap();
            let kind = Kind::ALL.iter().position(|kind| Some(kind.fill()) == cell.attribute("fill")).unwrap();
            areas[kind] += match cell.attribute("d") {
                Some(outline) => area(outline),
                None => number("width") * number("height"),
            };
            assert!(cell.children().any(|child| child.has_tag_name("title")), "every cell has a tooltip");
        }
        let total: f64 = areas.iter().sum();
        Kind::ALL.into_iter().zip(areas.map(|area| area * 100.0 / total)).collect()
    };
    lanes.map(of_lane).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn cells_cover_the_range_exactly(start in 0..1u64 << 60, len in 1..1u64 << 60, columns in 1..400usize) {
        let cells = Grid::new(&(start..start + len), columns).cells;
        prop_assert_eq!((cells[0].start, cells[cells.len() - 1].end), (start, start + len));
        prop_assert!(cells.windows(2).all(|pair| pair[0].end == pair[1].start));
        prop_assert!(cells.iter().all(|cell| cell.start < cell.end) && cells.len() <= columns);
    }

    #[test]
    fn a_cell_shows_what_most_of_its_cycles_are((attribution, cycles) in run(40), columns in 1..120usize) {
        let insns = insns();
        let picture = picture(&insns, &attribution, cycles);
        let grid = Grid::new(&picture.cycles, columns);
        for lane in picture.lanes() {
            let shown = dominating(&picture, lane, &grid);
            prop_assert_eq!(shown.len(), grid.cells.len());
            for (cell, kind) in grid.cells.iter().zip(shown) {
                let counts = counts(&picture, lane, cell.clone());
                prop_assert_eq!(counts[kind as usize], *counts.iter().max().unwrap());
            }
        }
    }

    #[test]
    fn shares_are_those_of_the_cycles((attribution, cycles) in run(20)) {
        let insns = insns();
        let picture = picture(&insns, &attribution, cycles.clone());
        for (at, lane) in picture.lanes().into_iter().enumerate() {
            let counts = counts(&picture, lane, cycles.clone());
            for (kind, count) in Kind::ALL.into_iter().zip(counts) {
                let expected = count as f64 * 100.0 / picture.len() as f64;
                prop_assert!((told(&picture, kind, at) - expected).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn areas_of_a_file_are_the_shares((attribution, cycles) in prop_oneof![run(8), run(5000)]) {
        let insns = insns();
        let picture = picture(&insns, &attribution, cycles);
        let drawn = areas(&svg(&picture));
        prop_assert_eq!(drawn.len(), 4);
        for (at, lane) in drawn.into_iter().enumerate() {
            for (kind, area) in lane {
                let told = told(&picture, kind, at);
                prop_assert!((area - told).abs() < 0.2, "{} of {}: {area} and {told}", kind.name(), at);
            }
        }
    }
}

/// A run that changes its state in every cycle, in all units.
fn restless(cycles: u64) -> Attribution {
    let parts: Vec<_> = (0..cycles as usize).map(|at| (1, at * at % STATES.len(), at % 5)).collect();
    attribution([(); 4].map(|()| spans(&parts)))
}

#[test]
fn pictures_of_long_runs_are_small() {
    let (insns, attribution) = (insns(), restless(500_000));
    let picture = picture(&insns, &attribution, 0..500_000);
    let (file, drawn) = (svg(&picture), terminal(&picture, 200));
    assert!(file.len() < 1 << 20, "{} bytes", file.len());
    assert!(drawn.len() < 20_000, "{} bytes", drawn.len());
    for (at, lane) in areas(&file).into_iter().enumerate() {
        for (kind, area) in lane {
            let told = told(&picture, kind, at);
            assert!((area - told).abs() < 0.1, "{}: {area} and {told}", kind.name());
        }
    }
}

#[test]
fn titles_are_cut_to_what_a_file_can_hold() {
    let attribution = attribution([(); 4].map(|()| Vec::new()));
    let title = format!("a\u{0}b\u{ffff}c {}", "x".repeat(500));
    let text = svg(&Picture { title, ..picture(&[], &attribution, 0..0) });
    let document = roxmltree::Document::parse(&text).unwrap();
    let title = document.descendants().find(|node| node.attribute("class") == Some("title")).unwrap();
    let shown = title.text().unwrap().trim();
    assert!(shown.starts_with("a b c xxx") && shown.ends_with("xx…") && shown.chars().count() <= 110, "{shown}");
}

#[test]
fn a_run_without_cycles_has_a_picture() {
    let attribution = attribution([(); 4].map(|()| Vec::new()));
    let picture = picture(&[], &attribution, 0..0);
    assert!(terminal(&picture, 100).contains("cycles 0 to 0"));
    assert!(roxmltree::Document::parse(&svg(&picture)).is_ok());
}

#[test]
fn drawings_fit_their_columns() {
    let (insns, attribution) = (insns(), restless(5000));
    for (cycles, columns) in [(0..5000, 100), (7..4001, 63), (10..20, 100), (0..5000, 0)] {
        let drawn =
            anstream::adapter::strip_str(&terminal(&picture(&insns, &attribution, cycles), columns)).to_string();
        let lanes = drawn.lines().skip(2).take(6);
        assert!(lanes.map(|line| line.chars().count()).max().unwrap() <= columns.max(40), "{drawn}");
    }
}

#[test]
fn ticks_are_round_and_few() {
    assert_eq!(ticks(&(0..9478), 10), [0, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000]);
    assert_eq!(ticks(&(100_130..102_000), 5), [100_500, 101_000, 101_500, 102_000]);
    assert_eq!(ticks(&(7..9), 10), [7, 8, 9]);
    assert_eq!(ticks(&(0..1 << 60), 2), [0, 1_000_000_000_000_000_000]);
    assert_eq!((ticks(&(0..0), 10), ticks(&(3..9), 0)), (vec![0], vec![]));
}

#[test]
fn glyphs_and_colours_tell_kinds_apart() {
    for (at, kind) in Kind::ALL.into_iter().enumerate() {
        let others = &Kind::ALL[..at];
        assert!(others.iter().all(|other| other.glyph() != kind.glyph() && other.fill() != kind.fill()));
        assert_eq!(Kind::ALL[kind as usize], kind);
    }
}
