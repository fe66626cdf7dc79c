//! Questions: a stream → its cycles on machines to which something is free, each simulated.
//!
//! | question | differs from the machine in |
//! |---|---|
//! | no token waits | instructions start without their tokens |
//! | unlimited bandwidth | a row of a LOAD or STORE, and a burst of instructions, is one beat |
//! | zero latency | memory's counter is at its end at once, and write bursts have no protocol |
//! | free instructions | no gap between the micro-ops of GEMM and ALU instructions, the shortest tail behind a LOAD |
//! | instant fetch | all instructions are in their queues in cycle 0 |
//!
//! A run that is asked about ends when all instructions up to FINISH are done: FINISH must not overtake what it has
//! nothing to wait for any more.
//!
//! Values would be wrong without token waits, but time touches none. Machines like these have anomalies: what is free
//! can change the order of reads, so that an answer may be a little above the cycles that the run takes.

use super::TimedStream;
use crate::cycles::{CycleOptions, CycleReport, Timing, simulate};

/// What is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    NoTokenWaits,
    UnlimitedBandwidth,
    ZeroLatency,
    FreeInstructions,
    InstantFetch,
}

impl Question {
    pub const ALL: [Question; 5] = [
        Question::NoTokenWaits,
        Question::UnlimitedBandwidth,
        Question::ZeroLatency,
        Question::FreeInstructions,
        Question::InstantFetch,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Question::NoTokenWaits => "no token waits",
            Question::UnlimitedBandwidth => "unlimited bandwidth",
            Question::ZeroLatency => "zero latency",
            Question::FreeInstructions => "free instruction overhead",
            Question::InstantFetch => "instant fetch",
        }
    }

    /// The name in figures.
    pub fn key(self) -> &'static str {
        match self {
            Question::NoTokenWaits => "no_token_waits",
            Question::UnlimitedBandwidth => "unlimited_bandwidth",
            Question::ZeroLatency => "zero_latency",
            Question::FreeInstructions => "free_instruction_overhead",
            Question::InstantFetch => "instant_fetch",
        }
    }

    /// The machine that the question is about.
    fn machine(self, timing: &Timing, options: CycleOptions) -> (Timing, CycleOptions) {
        match self {
            Question::NoTokenWaits => (*timing, CycleOptions { wait_for_tokens: false, ..options }),
            Question::UnlimitedBandwidth => (*timing, CycleOptions { unlimited_bandwidth: true, ..options }),
            Question::ZeroLatency => (Timing { read_latency: 0, store_burst_cycles: 0, ..*timing }, options),
            Question::FreeInstructions => {
                let timing = Timing { noop_cycles: 1, load_tail: 2, uop_tail: 2, ..*timing };
                (timing, CycleOptions { free_instructions: true, ..options })
            }
            Question::InstantFetch => (*timing, CycleOptions { instant_fetch: true, ..options }),
        }
    }
}

/// What came of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub question: Question,
    /// What the run would take.
    pub cycles: u64,
    /// By how much that is less than what it takes; 0 if it is not.
    pub gain: u64,
}

/// Asks all questions about a run that ended. The answers are ordered by gain, equal ones as in
/// [`Question::ALL`].
pub(super) fn answers(stream: &TimedStream, timing: &Timing, ended: &CycleReport) -> Vec<Answer> {
    // What stands behind FINISH is in no run.
    let end = ended.finish.map_or(stream.insns.len(), |finish| finish + 1);
    let answer = |question: Question| {
        let options = CycleOptions { until_all_done: true, ..stream.options() };
        let (timing, options) = question.machine(timing, options);
        let report = simulate(stream.config, &stream.insns[..end], &timing, &options, &mut ()).ok()?;
        Some(Answer { question, cycles: report.cycles, gain: ended.cycles.saturating_sub(report.cycles) })
    };
    let mut answers: Vec<Answer> = Question::ALL.into_iter().filter_map(answer).collect();
    answers.sort_by_key(|answer| std::cmp::Reverse(answer.gain));
    answers
}
