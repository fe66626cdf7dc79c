//! The table of recurrences: what a step takes when it is under way, and how far the results are from floating point.

use super::figures::{Figures, RowFigures};
use super::report::{GAP, mark, measured_cycles, percent};
use crate::report::{Align, FAINT, duration, grouped, short, table_with_gap};

/// None where no row is a recurrence.
pub fn table(figures: &Figures) -> Option<String> {
    let headings = ["", "recurrence", "", "core", "steps", "cycles", "a step", "", "GEMM", "TOPS", "error", "mean"];
    let mut aligns = [Align::Right; 12];
    aligns[..4].fill(Align::Left);
    let recurrences = figures.rows.iter().filter(|row| row.measured.row.steps.is_some());
    let rows: Vec<Vec<String>> = recurrences.map(|row| line(figures, row)).collect();
    (!rows.is_empty()).then(|| table_with_gap(GAP, &aligns, &headings, &rows))
}

fn line(figures: &Figures, row: &RowFigures) -> Vec<String> {
    let own = &row.measured.row;
    let config = figures.machine.config_of(own);
    let core = format!("{}×{}×{}", config.batch(), config.block_in(), config.block_out());
    let named = |mark: String| vec![mark, own.name.clone(), own.title.clone(), core];
    let step = row.run.as_ref().and_then(|run| Some((run, run.outcome.step.as_ref()?)));
    let Some((run, step)) = step else {
        return match row.measured.does_not_fit() {
            Some(_) => [named(format!("{FAINT}·{FAINT:#}")), vec![String::new(), "too large".to_owned()]].concat(),
            None => [named(mark(false)), vec![String::new(), "not run".to_owned()]].concat(),
        };
    };
    let figures = vec![
        grouped(step.steps),
        measured_cycles(run),
        grouped(step.cycles.round() as u64),
        duration(step.seconds),
        percent(step.gemm_utilisation()),
        short(step.tops()),
        short(step.largest_error),
        short(step.mean_error),
    ];
    [named(mark(run.outcome.verified())), figures].concat()
}
