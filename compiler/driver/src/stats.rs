//! The figures of a run, as JSON and as the blocks of a report.

use serde_json::{Map, Value, json};
use tilewright_sim::cycles::{Client, CycleReport};
use tilewright_sim::{BytesMoved, Finish, InsnCounts, Overflow, Queue, Races, Report, TokenCounts};

use crate::cycles::Timed;
use crate::report::{Block, beside};

/// Each kind of instruction with its count, in the order in which reports show them.
pub fn kinds(counts: &InsnCounts) -> [(&'static str, u64); 11] {
    [
        ("load inp", counts.load_inp),
        ("load wgt", counts.load_wgt),
        ("load acc", counts.load_acc),
        ("load acc8", counts.load_acc8),
        ("load uop", counts.load_uop),
        ("gemm", counts.gemm),
        ("gemm reset", counts.gemm_reset),
        ("alu", counts.alu),
        ("store", counts.store),
        ("no-op", counts.noop),
        ("finish", counts.finish),
    ]
}

/// The bytes of each memory.
pub fn memories(bytes: &BytesMoved) -> [(&'static str, u64); 5] {
    [("inp", bytes.inp), ("wgt", bytes.wgt), ("acc", bytes.acc), ("uop", bytes.uop), ("out", bytes.out)]
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
    let used: Vec<_> = kinds(&report.instructions).iter().filter(|(_, n)| *n > 0).map(row).collect();
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
    let mut beats: Vec<_> = Client::ALL.iter().map(|c| (c.to_string(), work.read_beats[*c as usize])).collect();
    beats.push(("out".to_owned(), work.write_beats));
    beside(&[Block::figures("issue cycles", &issue), Block::bars("beats on the bus", &beats)])
}

/// What is wrong with a run that ended, one line each; nothing for a clean one.
pub fn findings(report: &Report) -> Vec<String> {
    let mut findings = Vec::new();
    match &report.finish {
        Finish::Missing => findings.push(NO_FINISH.to_owned()),
        Finish::Reached { insn, unordered, not_run, first_not_run } => {
            for other in unordered {
                findings.push(format!("FINISH (instruction {insn}) is not ordered after instruction {other}"));
            }
            if let Some(first) = first_not_run {
                findings.push(format!(
                    "FINISH (instruction {insn}) ends the run before {not_run} instructions, of which {first} is the first"
                ));
            }
        }
    }
    findings.extend(tokens(&report.overflows, &report.tokens_left));
    findings.extend(report.races.iter().flat_map(races));
    findings
}

/// What is wrong with a run in time that ended; `count` is that of the stream's instructions.
pub fn findings_in_time(report: &CycleReport, count: usize) -> Vec<String> {
    let mut findings = Vec::new();
    match report.finish {
        None => findings.push(NO_FINISH.to_owned()),
        Some(finish) if report.executed < count => {
            let undone = count - report.executed;
            findings.push(format!("FINISH (instruction {finish}) ends the run with {undone} instructions not done"));
        }
        Some(_) => {}
    }
    findings.extend(tokens(&report.overflows, &report.tokens_left));
    findings
}

const NO_FINISH: &str = "the stream has no FINISH: a machine would never report its end";

fn tokens(overflows: &[Overflow], left: &TokenCounts) -> Vec<String> {
    let lost = |overflow: &Overflow| {
        let (queue, insn) = (overflow.queue, overflow.insn);
        format!("instruction {insn} posts a token beyond the 255 that {queue} holds: a machine loses it")
    };
    let too_many = Queue::ALL.into_iter().filter(|queue| left.of(*queue) > 0);
    let remaining = too_many.map(|queue| format!("tokens left in {queue}: {}", left.of(queue)));
    overflows.iter().map(lost).chain(remaining).collect()
}

fn races(found: &Races) -> Vec<String> {
    let mut lines: Vec<String> = found.pairs.iter().map(|race| format!("race: {race}")).collect();
    if found.more > 0 {
        lines.push(format!("races at {} further places", found.more));
    }
    if found.dram_skipped {
        lines.push("device memory is too large to be searched for races".to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use tilewright_sim::{Race, SharedMemory};

    use super::*;

    #[test]
    fn a_clean_run_has_no_findings() {
        let finish = Finish::Reached { insn: 9, unordered: Vec::new(), not_run: 0, first_not_run: None };
        let races = Some(Races::default());
        assert_eq!(findings(&Report { finish, races, ..Report::default() }), Vec::<String>::new());
    }

    #[test]
    fn findings_in_time_are_told() {
        let clean = CycleReport { finish: Some(9), executed: 10, ..CycleReport::default() };
        assert_eq!(findings_in_time(&clean, 10), Vec::<String>::new());
        let tokens_left = TokenCounts { load_to_compute: 2, ..TokenCounts::default() };
        let report = CycleReport { tokens_left, ..clean };
        let expected =
            ["FINISH (instruction 9) ends the run with 3 instructions not done", "tokens left in load→compute: 2"];
        assert_eq!(findings_in_time(&report, 13), expected);
        assert_eq!(findings_in_time(&CycleReport::default(), 0), [NO_FINISH]);
    }

    #[test]
    fn every_kind_of_finding_is_told() {
        let race = Race { first: 3, second: 5, first_writes: true, memory: SharedMemory::Inp, region: 0..4, shared: 2 };
        let report = Report {
            finish: Finish::Reached { insn: 9, unordered: vec![8], not_run: 2, first_not_run: Some(10) },
            overflows: vec![Overflow { queue: Queue::LoadToCompute, insn: 7 }],
            tokens_left: TokenCounts { store_to_compute: 1, ..TokenCounts::default() },
            races: Some(Races { pairs: vec![race], more: 4, dram_skipped: true }),
            ..Report::default()
        };
        let expected = [
            "FINISH (instruction 9) is not ordered after instruction 8",
            "FINISH (instruction 9) ends the run before 2 instructions, of which 10 is the first",
            "instruction 7 posts a token beyond the 255 that load→compute holds: a machine loses it",
            "tokens left in store→compute: 1",
            "race: instruction 3 writes and instruction 5 reads inp elements 0..4 (2 of them), and no tokens order them",
            "races at 4 further places",
            "device memory is too large to be searched for races",
        ];
        assert_eq!(findings(&report), expected);
        let missing = findings(&Report::default());
        assert_eq!(missing, ["the stream has no FINISH: a machine would never report its end"]);
    }
}
