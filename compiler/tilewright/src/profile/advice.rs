//! Answers → advice: what in a schedule would bring the gain that a free resource was simulated to give.
//!
//! A sentence names what the run shows (who waits for whom, what fills the bus, how small instructions are), so that it is
//! about this run and not about machines in general. It proposes nothing that the program has: what is double buffered, and
//! what is loaded outside of all loops, is known from the legal program; of a recording nothing is known.

use tilewright_isa::{Insn, MemoryType, Module, Op, Queue};
use tilewright_sim::cycles::{Client, Timing};
use tilewright_sim::profile::{Kind, Profile, Question, Traffic};

use super::figures::Advice;
use super::slots::{Slots, Transferred};
use crate::text::grouped;

/// The share of the cycles from which on a gain is worth a sentence.
const WORTH: f64 = 0.01;

/// The advice, the largest gain first.
pub(super) fn of(insns: &[Insn], profile: &Profile, timing: &Timing, slots: Option<&Slots>) -> Vec<Advice> {
    let cycles = profile.report.cycles;
    let advice = profile.answers.iter().map(|answer| {
        let is_worth = answer.gain as f64 >= cycles as f64 * WORTH && answer.gain > 0;
        Advice {
            question: answer.question.key().to_owned(),
            cycles: answer.cycles,
            gain: answer.gain,
            advice: if is_worth {
                sentence(answer.question, insns, (profile, timing), slots)
            } else {
                NOTHING.to_owned()
            },
        }
    });
    advice.collect()
}

const NOTHING: &str = "little or nothing to gain";

fn sentence(
    question: Question,
    insns: &[Insn],
    (profile, timing): (&Profile, &Timing),
    slots: Option<&Slots>,
) -> String {
    match question {
        Question::NoTokenWaits => tokens(profile, slots),
        Question::UnlimitedBandwidth => bandwidth(profile),
        Question::ZeroLatency => latency(insns, profile, timing),
        Question::FreeInstructions => instructions(insns),
        Question::InstantFetch => fetch(insns, timing),
    }
}

/// Names the wait that costs most, and the buffer whose second slot would end it.
fn tokens(profile: &Profile, slots: Option<&Slots>) -> String {
    let totals = profile.totals();
    // Fetch has no tokens; the others come after it.
    let waits = Module::ALL
        .into_iter()
        .flat_map(|module| Queue::ALL.map(|queue| (totals[1 + module as usize].token[queue as usize], module, queue)));
    // That store waits for results costs nothing by itself.
    let own = waits.filter(|(_, module, _)| *module != Module::Store);
    let Some((cycles, module, queue)) = own.max_by_key(|(cycles, ..)| *cycles).filter(|(cycles, ..)| *cycles > 0)
    else {
        return "store waits for results: store them in smaller pieces, each as soon as it is complete".to_owned();
    };
    let fix = match queue {
        Queue::LoadToCompute => earlier(slots.map(|slots| &slots.copies)),
        Queue::ComputeToLoad => {
            "load may not overwrite what compute still reads: ".to_owned()
                + &second_slot(slots.map(|slots| &slots.copies), "copies")
        }
        Queue::StoreToCompute => {
            "compute may not overwrite what is still being stored: ".to_owned()
                + &second_slot(slots.map(|slots| &slots.results), "results")
        }
        Queue::ComputeToStore => "store results in smaller pieces, each as soon as it is complete".to_owned(),
    };
    format!("{module} waits {} cycles for {queue} tokens; {fix}", grouped(cycles))
}

/// How operands come earlier.
fn earlier(copies: Option<&Transferred>) -> String {
    let outside = "copies attached further outside with `compute_at`";
    match copies {
        None => format!(
            "bring the operands of the next iteration while this one computes: a second slot for the copies (double buffering), or {outside}"
        ),
        Some(Transferred { single, .. }) if !single.is_empty() => format!(
            "bring the operands of the next iteration while this one computes: `double_buffer` for {}, or {outside}",
            named(single)
        ),
        Some(Transferred { rotates: true, .. }) => {
            format!(
                "the copies are double buffered, and loading them takes longer than what is computed meanwhile: {outside}"
            )
        }
        Some(_) => {
            "all operands are loaded before the loops: copies inside of a loop let the first products begin earlier"
                .to_owned()
        }
    }
}

/// What lets a buffer be filled while it is still read.
fn second_slot(buffers: Option<&Transferred>, what: &str) -> String {
    match buffers {
        None => format!("double buffer these {what}"),
        Some(Transferred { single, .. }) if !single.is_empty() => format!("`double_buffer` for {}", named(single)),
        Some(Transferred { rotates: true, .. }) => {
            format!("the {what} are double buffered, and both slots are in use: more slots, or smaller {what}")
        }
        Some(_) => format!("{what} in a loop of their own can be double buffered"),
    }
}

fn named(buffers: &[String]) -> String {
    buffers.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Names what fills the bus, and whether it has to.
fn bandwidth(profile: &Profile) -> String {
    let all: u64 = profile.traffic.iter().map(|traffic| traffic.bytes).sum();
    if profile.bound.store > profile.bound.read {
        return "writing takes longer than reading: store rows of many elements, so that a burst is long".to_owned();
    }
    let bytes = |client: &Client| profile.traffic[client.index()].bytes;
    let most = Client::ALL.into_iter().max_by_key(bytes).unwrap_or(Client::Fetch);
    let Traffic { bytes, distinct } = profile.traffic[most.index()];
    let times = bytes as f64 / distinct.max(1) as f64;
    let fix = match most {
        Client::Fetch => "use fewer and larger instructions, with more loops inside each",
        Client::Load(MemoryType::Uop) => {
            "instructions share micro-ops if they work on the same addresses with the same inner loops"
        }
        Client::Load(_) if times < 1.05 => "each byte once, so only more work per byte helps: more rows in one run",
        Client::Load(_) => {
            "attach its copy further outside with `compute_at`, or order the loops so that what is on chip is used up before \
             it is replaced"
        }
    };
    let often = if times < 1.05 { String::new() } else { format!(", each byte {times:.1} times") };
    format!("{} % of what is read is {most}{often}; {fix}", 100 * bytes / all.max(1))
}

/// Names the size of transfers.
fn latency(insns: &[Insn], profile: &Profile, timing: &Timing) -> String {
    let loads = insns.iter().filter(|insn| matches!(insn.op, Op::Load(_)) && !insn.is_noop()).count() as u64;
    let bytes = (profile.bound.read - profile.bound.fetch) * timing.bus_bytes;
    format!(
        "{} loads bring {} bytes each; fewer and larger transfers wait less often: attach copies further outside with \
         `compute_at`, and let their rows be contiguous in device memory",
        grouped(loads),
        grouped(bytes / loads.max(1)),
    )
}

/// Names how much an instruction does.
fn instructions(insns: &[Insn]) -> String {
    let issuing = insns.iter().filter(|insn| matches!(insn.op, Op::Gemm(_) | Op::Alu(_)));
    let (count, uops) = issuing.fold((0, 0), |(count, uops), insn| (count + 1, uops + size(insn)));
    format!(
        "{} GEMM and ALU instructions do {} micro-ops each; larger tiles, with more loops inside each instruction, need \
         fewer of them",
        grouped(count),
        grouped(uops / count.max(1)),
    )
}

/// Names how instructions come.
fn fetch(insns: &[Insn], timing: &Timing) -> String {
    format!(
        "{} instructions come {} at a time, and modules wait for them; fewer and larger instructions, or a machine with \
         longer bursts",
        grouped(insns.len() as u64),
        (timing.burst_bytes() / tilewright_isa::config::INSN_BYTES as u64).max(1),
    )
}

/// What an instruction does: micro-ops for GEMM and ALU, elements for LOAD and STORE.
pub(super) fn size(insn: &Insn) -> u64 {
    match (&insn.op, Kind::of(insn)) {
        (_, Kind::Noop | Kind::Finish) => 0,
        (Op::Gemm(gemm), _) => gemm.uop_executions(),
        (Op::Alu(alu), _) => alu.uop_executions(),
        (Op::Load(mem) | Op::Store(mem), _) => u64::from(mem.y_size) * u64::from(mem.x_size),
        (Op::Finish, _) => 0,
    }
}
