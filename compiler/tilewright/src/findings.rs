//! Reports → what is wrong with a run that ended, one line each, and what it was not checked for.

use tilewright_sim::cycles::CycleReport;
use tilewright_sim::{Finish, Overflow, Queue, Races, Report, TokenCounts};

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

/// What a run was not checked for, if something was left out; that says nothing about the stream.
pub fn unchecked(report: &Report) -> Option<&'static str> {
    let skipped = report.races.as_ref().is_some_and(|races| races.dram_skipped);
    skipped.then_some("races in device memory, which is too large to be followed")
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

const NO_FINISH: &str = "the stream has no FINISH: hardware would never report its end";

fn tokens(overflows: &[Overflow], left: &TokenCounts) -> Vec<String> {
    let lost = |overflow: &Overflow| {
        let (queue, insn) = (overflow.queue, overflow.insn);
        format!("instruction {insn} posts a token beyond the 255 that {queue} holds: hardware loses it")
    };
    let too_many = Queue::ALL.into_iter().filter(|queue| left.of(*queue) > 0);
    let remaining = too_many.map(|queue| format!("tokens left in {queue}: {}", left.of(queue)));
    overflows.iter().map(lost).chain(remaining).collect()
}

fn races(found: &Races) -> Vec<String> {
    let mut lines: Vec<String> = found.pairs.iter().map(|race| format!("race: {race}")).collect();
    if found.more > 0 {
        lines.push(format!("races at {} more places", found.more));
    }
    lines
}

#[cfg(test)]
mod tests {
    use tilewright_isa::MemoryType;
    use tilewright_sim::{Race, SharedMemory};

    use super::*;

    #[test]
    fn a_clean_run_has_no_findings() {
        let finish = Finish::Reached { insn: 9, unordered: Vec::new(), not_run: 0, first_not_run: None };
        let races = Some(Races::default());
        assert_eq!(findings(&Report { finish, races, ..Report::default() }), Vec::<String>::new());
    }

    #[test]
    fn what_is_not_checked_is_no_finding() {
        let finish = Finish::Reached { insn: 9, unordered: Vec::new(), not_run: 0, first_not_run: None };
        let races = Some(Races { dram_skipped: true, ..Races::default() });
        let report = Report { finish, races, ..Report::default() };
        assert_eq!(findings(&report), Vec::<String>::new());
        assert_eq!(unchecked(&report), Some("races in device memory, which is too large to be followed"));
        assert_eq!(unchecked(&Report { races: Some(Races::default()), ..report }), None);
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
        let race = Race {
            first: 3,
            second: 5,
            first_writes: true,
            memory: SharedMemory::Scratchpad(MemoryType::Inp),
            region: 0..4,
            shared: 2,
        };
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
            "instruction 7 posts a token beyond the 255 that load→compute holds: hardware loses it",
            "tokens left in store→compute: 1",
            "race: instruction 3 writes and instruction 5 reads inp elements 0..4 (2 of them), and no tokens order them",
            "races at 4 more places",
        ];
        assert_eq!(findings(&report), expected);
        let missing = findings(&Report::default());
        assert_eq!(missing, ["the stream has no FINISH: hardware would never report its end"]);
    }
}
