//! The report of a bench: a table of cycles, one of recurrences, one of instructions and bytes, and what all rows come to.
//!
//! All tables fit into 120 columns. Bytes are in thousands there; `export` has every figure in full. What comes after
//! a stroke is the other compiler's.

use tilewright::Fault;
use tilewright_isa::MemoryType;
use tilewright_sim::cycles::Basis;

use super::figures::{Figures, RowFigures, RunFigures};
use super::{fidelity, recurrence};
use crate::report::{Align, BAD, FAINT, GOOD, HEADING, duration, grouped, table_with_gap};

/// Columns between those of the tables.
pub const GAP: usize = 2;
/// Most that a row's bytes may be of the other compiler's before they stand out.
const MANY_BYTES: f64 = 1.2;

pub fn report(figures: &Figures) -> String {
    let tables =
        [cycles(figures), recurrence::table(figures), fidelity::table(figures), work(figures)].into_iter().flatten();
    let tables: String = tables.map(|table| table + "\n").collect();
    format!("{}\n{tables}{}", heading(figures), summary(figures))
}

fn heading(figures: &Figures) -> String {
    let (config, timing) = (&figures.machine.config, &figures.machine.timing);
    let on = match figures.extrapolated() {
        n if n > 0 && n == figures.runs().count() => format!("{}, extrapolated", timing.name),
        _ => timing.name.clone(),
    };
    format!(
        "{HEADING}{}{HEADING:#}  {FAINT}core{FAINT:#} {}×{}×{}  {FAINT}timing{FAINT:#} {on}\n",
        counted(figures.rows.len(), figures.kind()),
        config.batch(),
        config.block_in(),
        config.block_out(),
    )
}

/// None where all rows are recurrences.
fn cycles(figures: &Figures) -> Option<String> {
    let comparable = figures.is_comparable();
    let mut headings = vec!["", "operator", "", "cycles", "nominal", "reached"];
    let mut aligns = vec![Align::Left, Align::Left, Align::Left, Align::Right, Align::Right, Align::Right];
    if comparable {
        headings.extend(["aim", "", "TVM", "ratio"]);
        aligns.extend([Align::Right, Align::Left, Align::Right, Align::Right]);
    }
    let operators = figures.rows.iter().filter(|row| row.measured.row.is_operator());
    let rows: Vec<Vec<String>> = operators.map(|row| cycles_row(row, comparable)).collect();
    figures.has_operators().then(|| table_with_gap(GAP, &aligns, &headings, &rows))
}

fn cycles_row(row: &RowFigures, comparable: bool) -> Vec<String> {
    let name = |mark: String| vec![mark, row.measured.row.name.clone(), row.measured.row.title.clone()];
    let Some(run) = &row.run else {
        let mut cells = name(format!("{BAD}✘{BAD:#}"));
        cells.push("not run".to_owned());
        return cells;
    };
    let mut cells = name(mark(run.outcome.verified()));
    cells.push(measured_cycles(run));
    cells.push(number(run.outcome.nominal.map(|nominal| nominal.cycles())));
    cells.push(run.share().map(percent).unwrap_or_default());
    if comparable {
        cells.push(number(run.aim));
        cells.push(run.reached().map(mark).unwrap_or_default());
        cells.push(number(run.tvm_cycles()));
        cells.push(run.cycles_ratio().map(|r| ratio(r, 1.0)).unwrap_or_default());
    }
    cells
}

/// Cycles that no hardware was measured for are marked.
pub fn measured_cycles(run: &RunFigures) -> String {
    let sign = if run.outcome.timed.basis == Basis::Extrapolated { "~" } else { "" };
    format!("{sign}{}", grouped(run.cycles()))
}

/// None where no row ran.
fn work(figures: &Figures) -> Option<String> {
    let comparable = figures.is_comparable();
    let mut headings = vec!["", "instructions", "GEMM", "ALU"];
    let memories = MemoryType::REPORTED.map(|memory| format!("{memory} kB"));
    headings.extend(memories.iter().map(String::as_str));
    headings.push("all kB");
    let mut aligns = vec![Align::Right; headings.len()];
    aligns[0] = Align::Left;
    if comparable {
        headings.push("ratio");
        aligns.push(Align::Right);
    }
    let ran = figures.runs().map(|(name, run)| work_row(name, run));
    let rows: Vec<Vec<String>> = ran.collect();
    Some(table_with_gap(GAP, &aligns, &headings, &rows))
}

fn work_row(name: &str, run: &RunFigures) -> Vec<String> {
    let report = &run.outcome.report;
    let pair = |own: String, tvm: Option<String>| match tvm {
        None => own,
        Some(tvm) => format!("{own}{FAINT}/{tvm}{FAINT:#}"),
    };
    let mut cells = vec![name.to_owned()];
    cells.push(pair(grouped(report.instructions.total()), run.tvm.map(|tvm| grouped(tvm.instructions))));
    cells.push(grouped(report.gemm_uops));
    cells.push(grouped(report.alu_uops));
    let memory = |memory| pair(thousands(run.bytes()[memory]), run.tvm.map(|tvm| thousands(tvm.bytes()[memory])));
    cells.extend(MemoryType::REPORTED.map(memory));
    cells.push(pair(thousands(run.total_bytes()), run.tvm_bytes().map(thousands)));
    cells.extend(run.bytes_ratio().map(|r| ratio(r, MANY_BYTES)));
    cells
}

fn summary(figures: &Figures) -> String {
    let rows = figures.rows.len();
    let mut lines = vec![verified(figures)];
    lines.extend(aims(figures));
    let bytes = figures.sums(|run| Some((run.total_bytes(), run.tvm_bytes()?)));
    if let Some(((own, tvm), (name, most))) = bytes.zip(figures.most_bytes()) {
        let all = own as f64 / tvm as f64;
        lines.push(format!("DRAM bytes: {all:.2} of TVM's over the rows with its figures, at most {most:.2} ({name})"));
    }
    if let Some((own, tvm)) = figures.sums(|run| Some((run.cycles(), run.tvm_cycles()?))) {
        let all = own as f64 / tvm as f64;
        lines.push(format!("cycles: {all:.2} of TVM's over the rows with its figures"));
    }
    match figures.extrapolated() {
        0 => {}
        n => lines.push(format!("~ extrapolated: no hardware was measured that does this, in {}", counted(n, "row"))),
    }
    let time = duration(figures.compile_seconds);
    lines.push(format!("{} compiled in {time}, one thread", counted(rows, "row")));
    lines.join("\n") + "\n"
}

fn verified(figures: &Figures) -> String {
    let unfit = || figures.rows.iter().filter_map(|row| Some((&row.measured.row.name, row.measured.does_not_fit()?)));
    let (verified, rows) = (figures.verified(), figures.rows.len() - unfit().count());
    let text = format!("{verified} of {} verified", counted(rows, "row"));
    let mut text = if verified == rows { format!("{GOOD}{text}{GOOD:#}") } else { format!("{BAD}{text}{BAD:#}") };
    for (name, run) in figures.runs().filter(|(_, run)| !run.outcome.verified()) {
        let told = match &run.outcome.fault {
            Some(Fault::Differs(m)) => format!("{} differs in {} values", m.output, grouped(m.count as u64)),
            Some(Fault::Unordered(findings)) => findings.first().cloned().unwrap_or_default(),
            None => String::new(),
        };
        text.push_str(&format!("\n  {name}: {told}"));
    }
    text.extend(unfit().map(|(name, told)| format!("\n  {name} does not fit: {}", told.message)));
    text
}

fn aims(figures: &Figures) -> Option<String> {
    let aims = figures.aims();
    let reached = aims.count - aims.missed.len();
    let text = format!("{reached} of {} reached", counted(aims.count, "aim"));
    let furthest = aims.missed.iter().max_by(|(_, a), (_, b)| a.total_cmp(b));
    match (aims.count, furthest) {
        (0, _) => None,
        (_, None) => Some(format!("{GOOD}{text}{GOOD:#}")),
        (_, Some((name, share))) => {
            Some(format!("{BAD}{text}{BAD:#}; furthest beyond its own: {name}, by {}", percent(*share)))
        }
    }
}

/// `1 row`, `2 rows`.
fn counted(count: usize, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}

pub fn mark(good: bool) -> String {
    if good { format!("{GOOD}✔{GOOD:#}") } else { format!("{BAD}✘{BAD:#}") }
}

fn number(number: Option<u64>) -> String {
    number.map(grouped).unwrap_or_default()
}

pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn ratio(ratio: f64, most: f64) -> String {
    if ratio > most { format!("{BAD}{ratio:.2}{BAD:#}") } else { format!("{ratio:.2}") }
}

/// Thousands of bytes; one decimal where there are few.
fn thousands(bytes: u64) -> String {
    match bytes {
        0 => "0".to_owned(),
        few if few < 9_950 => format!("{:.1}", few as f64 / 1e3),
        many => grouped((many + 500) / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn thousands_of_bytes_keep_two_digits() {
        let shown = [0, 8, 480, 9_949, 9_950, 487_424, 8_388_608].map(thousands);
        assert_eq!(shown, ["0", "0.0", "0.5", "9.9", "10", "487", "8,389"]);
    }
}
