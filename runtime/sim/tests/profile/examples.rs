//! Streams whose figures can be worked out by hand.

use crate::streams::{NONE, finish, gemm, load, profiled};
use tilewright_isa::{MemoryType, Module, Tokens};
use tilewright_sim::cycles::{MemoryWait, State, Timing};
use tilewright_sim::profile::{Cause, Kind, Limit, Profile, Question, Step, Term, Unit, by_kind};
use tilewright_sim::{Queue, TokenCounts};

fn answer(profile: &Profile, question: Question) -> u64 {
    let found = profile.answers.iter().find(|answer| answer.question == question);
    found.expect("every question of a stream that ends has an answer").cycles
}

/// A load of 4 elements, queued in 25, started in 26, on the bus from 46 to 53, done in 56, and FINISH, which waits for
/// it and ends the run in 58.
#[test]
fn the_path_of_a_single_load() {
    let push = Tokens { push_next: true, ..NONE };
    let insns = [load(MemoryType::Inp, 4, push), finish(Tokens { pop_prev: true, ..NONE })];
    let profile = profiled(&insns, &Timing::DE10, TokenCounts::default());
    let step = |unit, cycles, state, insn, cause| Step { unit, cycles, state, insn, cause };
    let (load, compute) = (Unit::Module(Module::Load), Unit::Module(Module::Compute));
    let latency = State::Memory(MemoryWait::Latency);
    let bandwidth = State::Memory(MemoryWait::Bandwidth);
    let expected = [
        step(Unit::Fetch, 0..1, State::Working, 0, Cause::Next),
        step(Unit::Fetch, 1..20, latency, 0, Cause::Next),
        step(Unit::Fetch, 20..24, bandwidth, 0, Cause::Next),
        step(Unit::Fetch, 24..25, State::Working, 0, Cause::Next),
        step(Unit::Fetch, 25..26, State::Working, 0, Cause::Starved),
        step(load, 26..27, State::Working, 0, Cause::Next),
        step(load, 27..46, latency, 0, Cause::Next),
        step(load, 46..54, bandwidth, 0, Cause::Next),
        step(load, 54..57, State::Working, 0, Cause::Token),
        step(compute, 57..58, State::Working, 1, Cause::Next),
    ];
    assert_eq!(profile.path.steps, expected);
    assert_eq!([profile.bound.read, profile.bound.fetch, profile.bound.compute], [12, 4, 0]);
    assert_eq!((profile.bound.binding(), profile.bound.cycles()), (Term::Read, 12));
    assert_eq!((profile.charges[0].critical, profile.charges[1].critical), (57, 1));
}

/// 32 products of 10 micro-ops: 16 cycles and one to start for each, and fetch brings 8 in about 45 cycles, faster than
/// they run. Free instructions take 10 each.
#[test]
fn what_instructions_cost() {
    let mut insns = vec![gemm(10, NONE); 32];
    insns.push(finish(NONE));
    let profile = profiled(&insns, &Timing::DE10, TokenCounts::default());
    let first = 2 + 18 + 16 + 1 + 1;
    assert_eq!(profile.report.cycles, first + 32 * 17 + 1);
    assert_eq!(answer(&profile, Question::InstantFetch), 1 + 32 * 17 + 1);
    assert_eq!(answer(&profile, Question::NoTokenWaits), profile.report.cycles);
    // Fetch brings 8 instructions in 45 cycles, and 8 free ones take 80.
    assert_eq!(answer(&profile, Question::FreeInstructions), first + 32 * 10 + 1);
    assert_eq!(profile.bound.compute, 320);
    assert_eq!(profile.roofline.operations, 320 * 512);
    assert_eq!((profile.roofline.peak, profile.roofline.roof), (512.0, Limit::Compute));
    let kinds: Vec<_> = by_kind(&insns, &profile.charges).iter().map(|kind| (kind.kind, kind.count)).collect();
    assert_eq!(kinds, [(Kind::Gemm, 32), (Kind::Finish, 1)]);
}

/// Loads and products in turn; a load waits for the product that has read its buffer. `slots` of the buffer are free at
/// the start.
fn pipeline(slots: u64) -> Profile {
    let pop_push = |next: bool| Tokens { pop_prev: !next, pop_next: next, push_prev: !next, push_next: next };
    let mut insns = Vec::new();
    for _ in 0..16 {
        insns.push(load(MemoryType::Inp, 64, pop_push(true)));
        insns.push(gemm(150, pop_push(false)));
    }
    insns.push(finish(NONE));
    profiled(&insns, &Timing::DE10, TokenCounts { compute_to_load: slots, ..TokenCounts::default() })
}

#[test]
fn overlap_is_seen() {
    let (one, two) = (pipeline(1), pipeline(2));
    assert!(one.report.cycles > two.report.cycles * 3 / 2, "{} and {}", one.report.cycles, two.report.cycles);
    let waits = |profile: &Profile| {
        let [_, load, compute, _] = profile.totals();
        (load.token[Queue::ComputeToLoad as usize], compute.token[Queue::LoadToCompute as usize])
    };
    let (first, second) = (waits(&one), waits(&two));
    assert!(second.0 < first.0 / 2 && second.1 < first.1 / 5, "{first:?} and {second:?}");
    let gain = |profile: &Profile| profile.report.cycles - answer(profile, Question::NoTokenWaits);
    assert!(gain(&one) > 4 * gain(&two), "{} and {}", gain(&one), gain(&two));
    assert_eq!(one.answers[0].question, Question::NoTokenWaits);
    assert!(two.bound.share(two.report.cycles) > one.bound.share(one.report.cycles));
    assert!(one.overlap.load_compute == 0 && two.overlap.share() > 0.8, "{:?} and {:?}", one.overlap, two.overlap);
    // With overlap the path stays in compute; without, it alternates.
    let hops = |profile: &Profile| profile.path.steps.iter().filter(|step| step.cause == Cause::Token).count();
    assert!(hops(&one) >= 31 && hops(&two) < 8, "{} and {}", hops(&one), hops(&two));
}

/// 64 elements of 16 bytes are 8 bursts of 16 beats. With unlimited bandwidth they are one beat.
#[test]
fn what_the_bus_costs() {
    let push = Tokens { push_next: true, ..NONE };
    let insns = [load(MemoryType::Inp, 64, push), finish(Tokens { pop_prev: true, ..NONE })];
    let profile = profiled(&insns, &Timing::DE10, TokenCounts::default());
    let (cycles, beats) = (profile.report.cycles, 128);
    // The burst of instructions has 4 beats.
    assert_eq!(answer(&profile, Question::UnlimitedBandwidth), cycles - (beats - 1) - (4 - 1));
    assert_eq!(answer(&profile, Question::ZeroLatency), cycles - 2 * 16);
    let traffic = profile.traffic.map(|traffic| (traffic.bytes, traffic.distinct));
    assert_eq!(traffic, [(32, 32), (0, 0), (1024, 1024), (0, 0), (0, 0)]);
}

/// The path goes through a full queue to the instruction that made room.
#[test]
fn a_full_queue_is_on_the_path() {
    let timing = Timing { queue_depth: 1, ..Timing::DE10 };
    let insns = [gemm(200, NONE), gemm(1, NONE), load(MemoryType::Inp, 1, NONE), finish(NONE)];
    let late = [gemm(200, NONE), gemm(1, NONE), load(MemoryType::Inp, 64, Tokens { push_next: true, ..NONE })];
    let waits = [late.to_vec(), vec![finish(Tokens { pop_prev: true, ..NONE })]].concat();
    for insns in [insns.to_vec(), waits] {
        let profile = profiled(&insns, &timing, TokenCounts::default());
        assert_eq!(profile.path.cycles(), profile.report.cycles);
        let blocked = profile.path.steps.iter().any(|step| step.cause == Cause::Blocked && step.insn == 0);
        assert!(blocked, "{:?}", profile.path.steps);
    }
}

#[test]
fn an_empty_stream_has_a_profile() {
    let profile = profiled(&[], &Timing::DE10, TokenCounts::default());
    assert_eq!((profile.report.cycles, profile.path.steps.len(), profile.bound.cycles()), (0, 0, 0));
    assert_eq!((profile.roofline.attained, profile.bound.share(0)), (0.0, 0.0));
}
