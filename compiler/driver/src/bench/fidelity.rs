//! The table of rows that are compared with floating point: cycles, the share in which products are issued, bytes, and how near the
//! results are.

use super::figures::{Figures, RowFigures};
use super::report::{GAP, mark, measured_cycles, percent};
use crate::report::{Align, FAINT, grouped, table_with_gap};

/// None where no row is compared with floating point.
pub fn table(figures: &Figures) -> Option<String> {
    let headings = ["", "kernel", "", "cycles", "GEMM", "DRAM bytes", "SNR"];
    let mut aligns = [Align::Right; 7];
    aligns[..3].fill(Align::Left);
    let compared = figures.rows.iter().filter(|row| row.measured.row.float.is_some());
    let rows: Vec<Vec<String>> = compared.map(line).collect();
    (!rows.is_empty()).then(|| table_with_gap(GAP, &aligns, &headings, &rows))
}

fn line(row: &RowFigures) -> Vec<String> {
    let own = &row.measured.row;
    let named = |mark: String| vec![mark, own.name.clone(), own.title.clone()];
    let Some(run) = &row.run else {
        return match row.measured.does_not_fit() {
            Some(_) => [named(format!("{FAINT}·{FAINT:#}")), vec!["too large".to_owned()]].concat(),
            None => [named(mark(false)), vec!["not run".to_owned()]].concat(),
        };
    };
    let noise = run.outcome.signal_to_noise.map(|decibels| format!("{decibels:.2} dB"));
    let figures = vec![
        measured_cycles(run),
        run.gemm_share().map(percent).unwrap_or_default(),
        grouped(run.total_bytes()),
        noise.unwrap_or_default(),
    ];
    [named(mark(run.outcome.verified())), figures].concat()
}
