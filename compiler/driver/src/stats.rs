//! The figures of a run, as JSON and as the blocks of a report.

use serde_json::{Map, Value, json};
use tilewright::time::Timed;
use tilewright_isa::{MemoryType, PerMemory};
use tilewright_sim::cycles::{Client, CycleReport};
use tilewright_sim::{InsnCounts, Report};

use crate::report::{Block, beside};

/// Each kind of instruction with its count, in the order in which reports show them.
pub fn kinds(counts: &InsnCounts) -> Vec<(String, u64)> {
    let loads = MemoryType::LOADED.map(|memory| (format!("load {memory}"), counts.load[memory]));
    let others = [
        ("gemm", counts.gemm),
        ("gemm reset", counts.gemm_reset),
        ("alu", counts.alu),
        ("store", counts.store),
        ("no-op", counts.noop),
        ("finish", counts.finish),
    ];
    loads.into_iter().chain(others.map(|(kind, count)| (kind.to_owned(), count))).collect()
}

/// The bytes of each memory.
pub fn memories(bytes: &PerMemory<u64>) -> [(&'static str, u64); MemoryType::REPORTED.len()] {
    MemoryType::REPORTED.map(|memory| (memory.name(), bytes[memory]))
}

/// The figures: `instructions`, `instructions_by_kind`, `gemm_uops`, `reset_uops`, `alu_uops`, `bytes`.
pub fn json(report: &Report) -> Map<String, Value> {
    let by_kind: Map<String, Value> =
        kinds(&report.instructions).iter().map(|(kind, n)| (kind.replace([' ', '-'], "_"), json!(n))).collect();
    let bytes: Map<String, Value> = memories(&report.bytes).iter().map(|(m, n)| ((*m).to_owned(), json!(n))).collect();
    let mut figures = Map::new();
    figures.insert("instructions".to_owned(), json!(report.instructions.total()));
    figures.insert("instructions_by_kind".to_owned(), by_kind.into());
    figures.insert("gemm_uops".to_owned(), json!(report.gemm_uops));
    figures.insert("reset_uops".to_owned(), json!(report.reset_uops));
    figures.insert("alu_uops".to_owned(), json!(report.alu_uops));
    figures.insert("bytes".to_owned(), bytes.into());
    figures
}

/// The figures of a run in time: `cycles`, `timing`, `timing_basis`, `clock_mhz`, `seconds`, `gemm_utilisation`.
pub fn time_json(timed: &Timed) -> Map<String, Value> {
    let figures = [
        ("cycles", json!(timed.report.cycles)),
        ("timing", json!(timed.timing)),
        ("timing_basis", json!(timed.basis_name())),
        ("clock_mhz", json!(timed.clock_mhz)),
        ("seconds", json!(timed.seconds)),
        ("gemm_utilisation", json!(timed.gemm_utilisation())),
    ];
    figures.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The figures side by side. Kinds of instructions that do not occur are left out.
pub fn blocks(report: &Report) -> String {
    let row = |(name, n): &(&'static str, u64)| ((*name).to_owned(), *n);
    let used: Vec<_> = kinds(&report.instructions).into_iter().filter(|(_, n)| *n > 0).collect();
    let uops = [("gemm", report.gemm_uops), ("gemm reset", report.reset_uops), ("alu", report.alu_uops)];
    let uops: Vec<_> = uops.iter().map(row).collect();
    let bytes: Vec<_> = memories(&report.bytes).iter().map(row).collect();
    beside(&[
        Block::figures("instructions", &used),
        Block::figures("micro-ops", &uops),
        Block::bars("bytes moved", &bytes),
    ])
}

/// What the compute module and the bus were used for in time, side by side.
pub fn blocks_in_time(report: &CycleReport) -> String {
    let work = &report.work;
    let issue = [("gemm", work.gemm), ("gemm reset", work.reset), ("alu", work.alu)];
    let issue: Vec<_> = issue.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
    let mut beats: Vec<_> = Client::ALL.iter().map(|c| (c.to_string(), work.read_beats[c.index()])).collect();
    beats.push(("out".to_owned(), work.write_beats));
    beside(&[Block::figures("issue cycles", &issue), Block::bars("beats on the bus", &beats)])
}
