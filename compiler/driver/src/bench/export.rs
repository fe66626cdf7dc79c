//! Every figure of a bench, as CSV with a line for each row and as one JSON object.

use serde_json::{Map, Value, json};
use tilewright::Fault;
use tilewright::recurrence::StepFigures;
use tilewright_isa::MemoryType;

use super::figures::{Figures, RowFigures, RunFigures};
use super::measure::Machine;
use super::table::Row;
use crate::exports::text_cell;
use crate::stats;

/// The table with a line of headings. Cells without a figure are empty.
pub fn csv(figures: &Figures) -> String {
    let rows: Vec<Vec<(String, Option<String>)>> = figures.rows.iter().map(cells).collect();
    let mut out = csv::Writer::from_writer(Vec::new());
    let mut line = |cells: Vec<&str>| out.write_record(cells).expect("memory takes every line");
    if let Some(first) = rows.first() {
        line(first.iter().map(|(name, _)| &**name).collect());
    }
    for row in &rows {
        line(row.iter().map(|(_, cell)| cell.as_deref().unwrap_or_default()).collect());
    }
    String::from_utf8(out.into_inner().expect("memory takes every line")).expect("cells are text")
}

/// The columns of a row with their names, which are the same for every row.
fn cells(row: &RowFigures) -> Vec<(String, Option<String>)> {
    let run = row.run.as_ref();
    let number = |n: Option<u64>| n.map(|n| n.to_string());
    let share = |share: Option<f64>| share.map(|share| format!("{share:.4}"));
    let answer = |answer: Option<bool>| answer.map(|answer| answer.to_string());
    let report = run.map(|run| &run.outcome.report);
    let tvm = run.and_then(|run| run.tvm);
    let bytes = |prefix: &str, of: &dyn Fn(MemoryType) -> Option<u64>| {
        MemoryType::REPORTED.map(|memory| (format!("{prefix}{memory}_bytes"), number(of(memory))))
    };
    let named = |cells: Vec<(&str, Option<String>)>| -> Vec<(String, Option<String>)> {
        cells.into_iter().map(|(name, cell)| (name.to_owned(), cell)).collect()
    };
    let mut cells = named(vec![
        ("row", Some(text_cell(&row.measured.row.name))),
        ("operator", Some(text_cell(&row.measured.row.title))),
        ("verified", answer(run.map(|run| run.outcome.verified()))),
        ("instructions", number(report.map(|report| report.instructions.total()))),
        ("gemm_uops", number(report.map(|report| report.gemm_uops))),
        ("reset_uops", number(report.map(|report| report.reset_uops))),
        ("alu_uops", number(report.map(|report| report.alu_uops))),
    ]);
    cells.extend(bytes("", &|memory| run.map(|run| run.bytes()[memory])));
    cells.extend(named(vec![
        ("bytes", number(run.map(RunFigures::total_bytes))),
        ("cycles", number(run.map(RunFigures::cycles))),
        ("timing_basis", run.map(|run| run.outcome.timed.basis_name().to_owned())),
        ("least_cycles", number(run.and_then(|run| Some(run.outcome.nominal?.cycles())))),
        ("share_of_least", share(run.and_then(RunFigures::share))),
        ("aim", number(run.and_then(|run| run.aim))),
        ("reached", answer(run.and_then(RunFigures::reached))),
        ("tvm_instructions", number(tvm.map(|tvm| tvm.instructions))),
        ("tvm_gemm_uops", number(tvm.map(|tvm| tvm.gemm))),
        ("tvm_alu_uops", number(tvm.map(|tvm| tvm.alu))),
    ]));
    cells.extend(bytes("tvm_", &|memory| tvm.map(|tvm| tvm.bytes()[memory])));
    cells.extend(named(vec![
        ("tvm_bytes", number(run.and_then(RunFigures::tvm_bytes))),
        ("bytes_ratio", share(run.and_then(RunFigures::bytes_ratio))),
        ("tvm_cycles", number(run.and_then(RunFigures::tvm_cycles))),
        ("cycles_ratio", share(run.and_then(RunFigures::cycles_ratio))),
    ]));
    cells.extend(named(recurrence_cells(run)));
    cells.extend(named(vec![
        ("gemm_share", share(run.and_then(RunFigures::gemm_share))),
        ("snr_db", run.and_then(|run| run.outcome.signal_to_noise).map(|decibels| format!("{decibels:.4}"))),
    ]));
    let told = row.measured.outcome.as_ref().err().and_then(|told| told.first());
    cells.extend(named(vec![("error", told.map(|told| format!("{}: {}", told.code, told.message)))]));
    cells
}

fn recurrence_cells(run: Option<&RunFigures>) -> Vec<(&'static str, Option<String>)> {
    let step = run.and_then(|run| run.outcome.step.as_ref());
    let cell = |of: &dyn Fn(&StepFigures) -> String| step.map(of);
    vec![
        ("steps", cell(&|s| s.steps.to_string())),
        ("cycles_per_step", cell(&|s| format!("{:.1}", s.cycles))),
        ("seconds_per_step", cell(&|s| format!("{:.9}", s.seconds))),
        ("gemm_utilisation_of_step", cell(&|s| format!("{:.4}", s.gemm_utilisation()))),
        ("tops", cell(&|s| format!("{:.6}", s.tops()))),
        ("largest_error", cell(&|s| format!("{:.6}", s.largest_error))),
        ("mean_error", cell(&|s| format!("{:.6}", s.mean_error))),
    ]
}

/// All figures as one object; `table` is what the command was given.
pub fn json(table: &str, figures: &Figures) -> Value {
    let aims = figures.aims();
    let pair = |sums: Option<(u64, u64)>| sums.map(|(own, tvm)| json!({"own": own, "tvm": tvm}));
    json!({
        "table": table,
        "target": figures.machine.config.to_json(),
        "timing": figures.machine.timing.name,
        "rows": figures.rows.iter().map(|row| self::row(figures.machine, row)).collect::<Vec<_>>(),
        "summary": {
            "rows": figures.rows.len(),
            "verified": figures.verified(),
            "extrapolated": figures.extrapolated(),
            "aims": aims.count,
            "aims_reached": aims.count - aims.missed.len(),
            "bytes": pair(figures.sums(|run| Some((run.total_bytes(), run.tvm_bytes()?)))),
            "cycles": pair(figures.sums(|run| Some((run.cycles(), run.tvm_cycles()?)))),
            "compile_seconds": figures.compile_seconds,
        },
    })
}

fn row(machine: &Machine, row: &RowFigures) -> Value {
    let Row { name, title, file, schedule, program, .. } = &row.measured.row;
    let parameters = row.measured.row.parameters_with(1).into_iter();
    let parameters: Map<String, Value> = parameters.map(|(name, value)| (name, json!(value))).collect();
    let mut object = Map::new();
    let mut insert = |key: &str, value: Value| object.insert(key.to_owned(), value);
    insert("name", json!(name));
    insert("title", json!(title));
    insert("file", json!(file));
    insert("schedule", json!(schedule));
    insert("program", json!(program));
    insert("parameters", parameters.into());
    insert("target", json!(row.measured.row.target.as_ref().map(|target| target.config.to_json())));
    insert("timing", json!(machine.timing_of(&row.measured.row).name));
    let told = row.measured.outcome.as_ref().err();
    let told = told.map(|told| told.iter().map(|d| json!({"code": d.code, "message": d.message})).collect::<Vec<_>>());
    insert("errors", json!(told.unwrap_or_default()));
    object.extend(row.run.iter().flat_map(run));
    object.into()
}

fn run(run: &RunFigures) -> Map<String, Value> {
    let outcome = run.outcome;
    let mut object = Map::new();
    let (mismatch, findings) = match &outcome.fault {
        Some(Fault::Differs(mismatch)) => (Some(mismatch), &[][..]),
        Some(Fault::Unordered(findings)) => (None, &findings[..]),
        None => (None, &[][..]),
    };
    let mismatch = mismatch
        .map(|m| json!({"output": m.output, "index": m.index, "expected": m.expected, "got": m.got, "count": m.count}));
    object.insert("verified".to_owned(), json!(outcome.verified()));
    object.insert("mismatch".to_owned(), json!(mismatch));
    object.insert("findings".to_owned(), json!(findings));
    object.insert("gemm_share".to_owned(), json!(run.gemm_share()));
    object.insert("snr_db".to_owned(), json!(outcome.signal_to_noise));
    object.extend(stats::json(&outcome.report));
    object.extend(stats::time_json(&outcome.timed));
    let nominal =
        outcome.nominal.map(|n| json!({"compute": n.compute, "read": n.read, "write": n.write, "cycles": n.cycles()}));
    let tvm = run.tvm.map(|tvm| {
        let bytes = stats::memories(&tvm.bytes()).map(|(memory, n)| (memory.to_owned(), json!(n)));
        let bytes: Map<String, Value> = bytes.into_iter().collect();
        json!({
            "instructions": tvm.instructions, "gemm_uops": tvm.gemm, "alu_uops": tvm.alu, "bytes": bytes,
            "cycles": tvm.cycles,
        })
    });
    let recurrence = outcome.step.as_ref().map(|s| {
        json!({
            "steps": s.steps, "cycles_per_step": s.cycles, "seconds_per_step": s.seconds,
            "gemm_utilisation_of_step": s.gemm_utilisation(), "tops": s.tops(),
            "largest_error": s.largest_error, "mean_error": s.mean_error,
        })
    });
    for (key, value) in [
        ("recurrence", json!(recurrence)),
        ("total_bytes", json!(run.total_bytes())),
        ("least", json!(nominal)),
        ("share_of_least", json!(run.share())),
        ("aim", json!(run.aim)),
        ("reached", json!(run.reached())),
        ("tvm", json!(tvm)),
        ("bytes_ratio", json!(run.bytes_ratio())),
        ("cycles_ratio", json!(run.cycles_ratio())),
    ] {
        object.insert(key.to_owned(), value);
    }
    object
}
