//! Figures → the report, in blocks from the whole to the parts; what is zero everywhere is left out.

use tilewright::profile::{Comparison, Line, LoopLine, Measure, Part, ProfileFigures, Row, StateFigures};

use crate::report::{Align, BAD, FAINT, GOOD, HEADING, duration, grouped, table};

/// The report of a profile.
pub fn report(figures: &ProfileFigures) -> String {
    let mut blocks = vec![heading(figures) + &summary(figures), states(figures)];
    blocks.extend(figures.source.as_ref().map(|lines| source(lines)));
    blocks.extend(figures.loops.as_ref().map(|lines| loops(lines, figures.cycles)));
    if figures.source.is_none() {
        blocks.push(kinds(figures));
        blocks.push(top(figures));
    }
    blocks.push(path(figures));
    blocks.push(advice(figures));
    blocks.retain(|block| !block.is_empty());
    let findings = figures.findings.iter().map(|finding| format!("{BAD}!{BAD:#} {finding}\n")).collect::<String>();
    blocks.join("\n") + &if findings.is_empty() { findings } else { format!("\n{findings}") }
}

fn heading(figures: &ProfileFigures) -> String {
    let timing = format!("{}, {}", figures.timing, figures.timing_basis);
    let what = match (&figures.kernel, &figures.schedule) {
        (Some(kernel), Some(schedule)) => {
            format!("{HEADING}{kernel}{HEADING:#}  {FAINT}schedule{FAINT:#} {schedule}")
        }
        _ => format!("{HEADING}{}{HEADING:#}", figures.subject),
    };
    format!(
        "{what}  {FAINT}timing{FAINT:#} {timing}  {FAINT}instructions{FAINT:#} {}\n\n",
        grouped(figures.instructions)
    )
}

/// A figure with its name and what it consists of.
type Named = (&'static str, String, String);

fn summary(figures: &ProfileFigures) -> String {
    let lines =
        [of_time(figures), of_bound(figures), of_nominal(figures), of_roofline(figures), of_overlap(figures)].concat();
    let width = |text: fn(&Named) -> &str| lines.iter().map(|line| text(line).chars().count()).max().unwrap_or(0);
    let (names, figures) = (width(|line| line.0), width(|line| &line.1));
    let line = |(name, figure, what): &Named| format!("{name:names$}   {figure:>figures$}   {what}\n");
    lines.iter().map(line).collect()
}

fn of_time(figures: &ProfileFigures) -> Vec<Named> {
    let time = format!("{} at {} MHz", duration(figures.seconds), grouped(figures.clock_mhz));
    vec![
        ("cycles", grouped(figures.cycles), time),
        ("GEMM utilisation", percent(figures.gemm_utilisation), "of the cycles issue a product".to_owned()),
    ]
}

/// The term that binds stands out.
fn of_bound(figures: &ProfileFigures) -> Vec<Named> {
    let bound = &figures.bound;
    let terms = [("compute", bound.compute), ("read", bound.read), ("store", bound.store)];
    let terms = terms.map(|(name, cycles)| match bound.binding == name {
        true => format!("{HEADING}{name} {}{HEADING:#}", grouped(cycles)),
        false => format!("{name} {}", grouped(cycles)),
    });
    vec![
        ("bound", grouped(bound.cycles), terms.join(" · ")),
        ("reached", percent(bound.share), format!("of the cycles; bound by {}", bound.binding)),
    ]
}

/// What the definitions name, whatever the schedule makes of it.
fn of_nominal(figures: &ProfileFigures) -> Vec<Named> {
    let Some(nominal) = &figures.nominal else { return Vec::new() };
    let terms = [("compute", nominal.compute), ("read", nominal.read), ("store", nominal.store)];
    let terms = terms.map(|(name, cycles)| format!("{name} {}", grouped(cycles))).join(" · ");
    let of_all = format!("{terms}, as the kernel is written: {} of the cycles", percent(nominal.share));
    vec![("nominal", grouped(nominal.cycles), of_all)]
}

fn of_roofline(figures: &ProfileFigures) -> Vec<Named> {
    let roofline = &figures.roofline;
    let limit = match roofline.limit.as_str() {
        "neither" => format!("neither roof is reached; {} is the lower", roofline.roof),
        limit => format!("{limit} bounds"),
    };
    let [read, written] = [roofline.bytes_read, roofline.bytes_written].map(grouped);
    let intensity = format!("{} per byte; {read} bytes read, {written} written", number(roofline.intensity));
    let attained = format!(
        "{} GOPS; {} of {}/cycle attainable ({limit})",
        number(roofline.attained_gops),
        percent(roofline.share),
        number(roofline.attainable),
    );
    vec![
        ("operations", grouped(roofline.operations), intensity),
        ("attained", format!("{}/cycle", number(roofline.attained)), attained),
    ]
}

fn of_overlap(figures: &ProfileFigures) -> Vec<Named> {
    let overlap = &figures.overlap;
    let [load_compute, compute_store] = [overlap.load_compute, overlap.compute_store].map(grouped);
    let cycles =
        format!("load and compute are busy at once in {load_compute} cycles, compute and store in {compute_store}");
    vec![("overlap", percent(overlap.share), format!("of what could be: {cycles}"))]
}

/// The cycles of each unit by state.
fn states(figures: &ProfileFigures) -> String {
    let units = figures.units();
    let columns = units.map(|(_, states)| states.rows());
    let [first, ..] = &columns;
    let mut rows = Vec::new();
    for (at, (name, _)) in first.iter().enumerate() {
        let cycles = [0, 1, 2, 3].map(|unit: usize| columns[unit][at].1);
        if cycles.iter().any(|cycles| *cycles > 0) {
            rows.push(state_row(name, cycles));
        }
    }
    rows.push(state_row("all", units.map(|(_, states)| sum(states))));
    let aligns = [Align::Left, Align::Right, Align::Right, Align::Right, Align::Right];
    table(&aligns, &["cycles of", "fetch", "load", "compute", "store"], &rows)
}

fn sum(states: &StateFigures) -> u64 {
    states.rows().iter().map(|(_, cycles)| cycles).sum()
}

fn state_row(name: &str, cycles: [u64; 4]) -> Vec<String> {
    let cells = cycles.map(|cycles| if cycles == 0 { "·".to_owned() } else { grouped(cycles) });
    std::iter::once(name.to_owned()).chain(cells).collect()
}

/// The program with its cycles; each half has its sum.
fn source(lines: &[Line]) -> String {
    let mut rows = Vec::new();
    let several = lines.iter().any(|line| line.file != lines[0].file);
    for part in [Part::Kernel, Part::Schedule] {
        let of_part = || lines.iter().filter(move |line| line.part == part);
        let all: u64 = of_part().map(|line| line.charge.critical).sum();
        rows.extend(of_part().map(|line| source_row(line, all, several)));
        let (working, waiting) =
            (of_part().map(|line| line.charge.working).sum(), of_part().map(|line| line.charge.waiting()).sum());
        rows.push(vec![grouped(all), String::new(), grouped(working), grouped(waiting), String::new(), String::new()]);
        rows.push(Vec::new());
    }
    rows.pop();
    let aligns = [Align::Right, Align::Right, Align::Right, Align::Right, Align::Right, Align::Left];
    table(&aligns, &["critical", "%", "working", "waiting", "line", "source"], &rows)
}

/// A line, with its file where the program has lines of `several`.
fn source_row(line: &Line, all: u64, several: bool) -> Vec<String> {
    let mut row = match line.is_charged() {
        true => charge_cells(line.charge.critical, all, line.charge.working, line.charge.waiting()),
        false => vec![String::new(); 4],
    };
    let place = if several { format!("{}:{}", line.file, line.line) } else { line.line.to_string() };
    row.extend([place, line.text.clone()]);
    row
}

/// The loop program with its cycles; a loop has those of what is in it.
fn loops(lines: &[LoopLine], cycles: u64) -> String {
    let rows = lines.iter().map(|line| {
        let mut row = charge_cells(line.charge.critical, cycles, line.charge.working, line.charge.waiting());
        row.push("    ".repeat(line.depth) + &line.text);
        row
    });
    let aligns = [Align::Right, Align::Right, Align::Right, Align::Right, Align::Left];
    table(&aligns, &["critical", "%", "working", "waiting", "loops"], &rows.collect::<Vec<_>>())
}

fn charge_cells(critical: u64, all: u64, working: u64, waiting: u64) -> Vec<String> {
    let share = if critical == 0 { String::new() } else { format!("{:.1}", ratio(critical, all) * 100.0) };
    vec![grouped(critical), share, grouped(working), grouped(waiting)]
}

fn kinds(figures: &ProfileFigures) -> String {
    let rows = figures.by_kind.iter().map(|kind| {
        let waiting = kind.token + kind.memory + kind.starved;
        let mut row = vec![kind.kind.clone(), grouped(kind.count)];
        row.extend(charge_cells(kind.critical, figures.cycles, kind.working, waiting));
        row
    });
    let aligns = [Align::Left, Align::Right, Align::Right, Align::Right, Align::Right, Align::Right];
    table(&aligns, &["instructions", "count", "critical", "%", "working", "waiting"], &rows.collect::<Vec<_>>())
}

/// The instructions with the most cycles on the critical path.
fn top(figures: &ProfileFigures) -> String {
    if figures.top.is_empty() {
        return String::new();
    }
    let rows = figures.top.iter().map(|insn| {
        let waiting = insn.token + insn.memory + insn.starved;
        let mut row = charge_cells(insn.critical, figures.cycles, insn.working, waiting);
        row.extend([insn.insn.to_string(), insn.kind.clone(), grouped(insn.size)]);
        row
    });
    let aligns = [Align::Right, Align::Right, Align::Right, Align::Right, Align::Right, Align::Left, Align::Right];
    let headings = ["critical", "%", "working", "waiting", "insn", "most expensive", "size"];
    table(&aligns, &headings, &rows.collect::<Vec<_>>())
}

/// The critical path by unit, kind and state.
fn path(figures: &ProfileFigures) -> String {
    let range = |first: usize, last: usize| if first == last { first.to_string() } else { format!("{first}..{last}") };
    let mut rows: Vec<Vec<String>> = figures
        .path
        .iter()
        .map(|segment| {
            vec![
                grouped(segment.cycles),
                format!("{:.1}", ratio(segment.cycles, figures.cycles) * 100.0),
                segment.unit.clone(),
                segment.kind.clone().unwrap_or_default(),
                segment.state.clone(),
                grouped(segment.steps),
                range(segment.first, segment.last),
            ]
        })
        .collect();
    let all: u64 = figures.path.iter().map(|segment| segment.cycles).sum();
    rows.push(vec![grouped(all)]);
    let aligns = [Align::Right, Align::Right, Align::Left, Align::Left, Align::Left, Align::Right, Align::Left];
    table(&aligns, &["critical path", "%", "unit", "kind", "state", "steps", "insns"], &rows)
}

/// What would be gained, each line with its sentence.
fn advice(figures: &ProfileFigures) -> String {
    let mut out = format!("{HEADING}if it were free{HEADING:#}\n");
    for advice in &figures.advice {
        let name = advice.question.replace('_', " ");
        let gain = ratio(advice.gain, figures.cycles) * 100.0;
        out.push_str(&format!("{gain:>5.1} %  {HEADING}{name}{HEADING:#}: {} cycles\n", grouped(advice.cycles)));
        out.push_str(&wrapped(&advice.advice, 9));
    }
    out
}

/// Columns that a sentence may take.
const WIDTH: usize = 110;

/// A sentence in lines that are indented.
fn wrapped(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column == 0 || column + 1 + length > WIDTH {
            out.push_str(if column == 0 { "" } else { "\n" });
            out.push_str(&" ".repeat(indent));
            column = indent + length;
        } else {
            out.push(' ');
            column += 1 + length;
        }
        out.push_str(word);
    }
    out.push('\n');
    out
}

/// The differences, those of a group under its name. Cycles of units and lines that did not change are left out.
pub fn comparison(figures: &ProfileFigures, comparison: &Comparison) -> String {
    let mut out = heading(figures);
    out.push_str(&format!("{FAINT}compared with{FAINT:#} {}\n", comparison.other));
    if !comparison.same_machine {
        out.push_str(&format!("{BAD}!{BAD:#} the two runs are on different machines\n"));
    }
    let mut rows = Vec::new();
    let mut group = "";
    for row in &comparison.rows {
        let is_summary = ["run", "bound", "roofline", "overlap"].contains(&row.group.as_str());
        if !is_summary && row.difference == 0.0 && row.this == row.other {
            continue;
        }
        if row.group != group {
            if !group.is_empty() {
                rows.push(Vec::new());
            }
            group = &row.group;
        }
        rows.push(compared(row));
    }
    out.push('\n');
    let aligns = [Align::Left, Align::Left, Align::Right, Align::Right, Align::Right, Align::Right];
    out.push_str(&table(&aligns, &["", "", "other", "this", "difference", "%"], &rows));
    out.push_str(&verdict(comparison));
    out
}

fn compared(row: &Row) -> Vec<String> {
    let shown = |value: f64| match row.measure {
        Measure::Count => grouped(value as u64),
        Measure::Seconds => duration(value),
        Measure::Share => percent(value),
        Measure::Ratio => number(value),
    };
    let cell = |value: Option<f64>| value.map_or("—".to_owned(), shown);
    let sign = if row.difference > 0.0 {
        "+"
    } else if row.difference < 0.0 {
        "−"
    } else {
        ""
    };
    let percentage = match row.other {
        Some(other) if other != 0.0 && row.difference != 0.0 => {
            format!("{sign}{:.1}", (row.difference / other).abs() * 100.0)
        }
        _ => String::new(),
    };
    let difference = match row.difference == 0.0 {
        true => "·".to_owned(),
        false => format!("{sign}{}", shown(row.difference.abs())),
    };
    vec![row.group.clone(), row.name.clone(), cell(row.other), cell(row.this), difference, percentage]
}

/// Which of the two is faster.
fn verdict(comparison: &Comparison) -> String {
    let cycles = comparison.rows.iter().find(|row| row.name == "cycles");
    let Some(Row { this: Some(this), other: Some(other), .. }) = cycles else { return String::new() };
    let factor = other / this.max(1.0);
    match this.total_cmp(other) {
        std::cmp::Ordering::Less => format!("\n{GOOD}✔ faster{GOOD:#}   {} times\n", number(factor)),
        std::cmp::Ordering::Greater => format!("\n{BAD}✘ slower{BAD:#}   {} times\n", number(1.0 / factor.max(1e-9))),
        std::cmp::Ordering::Equal => format!("\n{HEADING}· as fast{HEADING:#}\n"),
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A number with three digits or more.
fn number(value: f64) -> String {
    match value.abs() {
        small if small < 10.0 => format!("{value:.2}"),
        middle if middle < 100.0 => format!("{value:.1}"),
        large => grouped(large.round() as u64),
    }
}
