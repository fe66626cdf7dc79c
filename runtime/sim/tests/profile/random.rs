//! Random streams on random machines: what must add up, and what no figure may exceed.

use crate::streams::{finish, gemm, profiled};
use proptest::prelude::*;
use std::cell::Cell;
use tilewright_isa::{Config, Gemm, Insn, Mem, MemoryType, Module, Op, Tokens};
use tilewright_sim::TokenCounts;
use tilewright_sim::cycles::{CycleOptions, State, Timing, Totals, simulate};
use tilewright_sim::profile::{Charge, Profile, Question, by_kind};

fn tokens() -> impl Strategy<Value = Tokens> {
    let flag = || prop::bool::weighted(0.3);
    (flag(), flag(), flag(), flag()).prop_map(|(pop_prev, pop_next, push_prev, push_next)| Tokens {
        pop_prev,
        pop_next,
        push_prev,
        push_next,
    })
}

fn op() -> impl Strategy<Value = Op> {
    let memory = prop::sample::select(vec![MemoryType::Uop, MemoryType::Wgt, MemoryType::Inp, MemoryType::Acc]);
    let size = || (0..4u16, 0..24u16, 0..1000u32);
    let mem = |(y_size, x_size, dram_base): (u16, u16, u32), memory_type| Mem {
        y_size,
        x_size,
        dram_base,
        x_stride: x_size + 3,
        ..Mem::noop(memory_type)
    };
    let executions = || prop_oneof![3 => 0..40u32, 1 => 100..400u32];
    let issue = |executions: u32, reset: bool| match gemm(executions, Tokens::default()).op {
        Op::Gemm(product) => Op::Gemm(Gemm { reset, ..product }),
        op => op,
    };
    prop_oneof![
        4 => (size(), memory).prop_map(move |(size, memory)| Op::Load(mem(size, memory))),
        2 => size().prop_map(move |size| Op::Store(mem(size, MemoryType::Out))),
        4 => (executions(), any::<bool>()).prop_map(move |(executions, reset)| issue(executions, reset)),
    ]
}

/// Streams with FINISH at the end, or without it.
fn stream() -> impl Strategy<Value = Vec<Insn>> {
    let insn = (tokens(), op()).prop_map(|(tokens, op)| Insn { tokens, op });
    (prop::collection::vec(insn, 0..60), prop::option::weighted(0.8, tokens())).prop_map(|(mut insns, end)| {
        insns.extend(end.map(finish));
        insns
    })
}

/// Enough tokens for most streams to end, and few enough for some to wait.
fn before() -> impl Strategy<Value = TokenCounts> {
    let count = || prop_oneof![0..4u64, 20..60u64];
    (count(), count(), count(), count()).prop_map(
        |(load_to_compute, compute_to_load, compute_to_store, store_to_compute)| TokenCounts {
            load_to_compute,
            compute_to_load,
            compute_to_store,
            store_to_compute,
        },
    )
}

fn timing() -> impl Strategy<Value = Timing> {
    let bus = (prop::sample::select(vec![4, 8, 16]), prop::sample::select(vec![2, 16, 256]));
    let random = (bus, 0..20u64, 1..6u64, 1..4u64, 0..5u64).prop_map(
        |((bus_bytes, burst_beats), read_latency, queue_depth, gemm_depth, store_burst_cycles)| Timing {
            bus_bytes,
            burst_beats,
            read_latency,
            queue_depth,
            gemm_depth,
            store_burst_cycles,
            ..Timing::DE10
        },
    );
    prop_oneof![1 => random, 1 => Just(Timing::DE10), 1 => Just(Timing::PYNQ)]
}

fn check_path(profile: &Profile) {
    let mut at = 0;
    for step in &profile.path.steps {
        assert_eq!(step.cycles.start, at, "{:?}", profile.path.steps);
        assert!(step.cycles.end > at);
        let runs = matches!(step.state, State::Working | State::Memory(_));
        assert!(runs, "every wait has a cause, which is on the path in its place: {step:?}");
        at = step.cycles.end;
    }
    assert_eq!((at, profile.path.cycles()), (profile.report.cycles, profile.report.cycles));
}

fn check_charges(insns: &[Insn], profile: &Profile) {
    let mut all = Charge::default();
    profile.charges.iter().for_each(|charge| all.add(charge));
    assert_eq!(all.critical, profile.report.cycles);
    let [_, modules @ ..] = profile.totals();
    let sum = |of: fn(&Totals) -> u64| modules.iter().map(of).sum::<u64>();
    assert_eq!(all.working, sum(|totals| totals.working));
    assert_eq!(all.starved, sum(|totals| totals.starved));
    assert_eq!(all.token, sum(|totals| totals.token.iter().sum()));
    assert_eq!(all.waiting() + all.working, sum(|totals| totals.sum() - totals.finished));
    let mut kinds = Charge::default();
    by_kind(insns, &profile.charges).iter().for_each(|kind| kinds.add(&kind.charge));
    assert_eq!(kinds, all);
}

/// What is free in a question cannot take the run below what it leaves.
fn check_answers(insns: &[Insn], profile: &Profile) {
    let questions: Vec<Question> = profile.answers.iter().map(|answer| answer.question).collect();
    assert!(Question::ALL.iter().all(|question| questions.contains(question)), "{questions:?}");
    assert!(profile.answers.is_sorted_by_key(|answer| std::cmp::Reverse(answer.gain)));
    let everything_is_done = profile.report.executed == insns.len();
    for answer in &profile.answers {
        assert_eq!(answer.gain, profile.report.cycles.saturating_sub(answer.cycles));
        let floor = match answer.question {
            Question::NoTokenWaits => profile.bound.cycles(),
            Question::ZeroLatency => profile.bound.compute.max(profile.bound.read),
            Question::FreeInstructions => profile.bound.cycles(),
            Question::InstantFetch => profile.bound.compute.max(profile.bound.read - profile.bound.fetch),
            Question::UnlimitedBandwidth => profile.bound.compute,
        };
        assert!(!everything_is_done || answer.cycles >= floor, "{answer:?} is below {floor}");
    }
}

#[test]
fn every_profile_adds_up() {
    let cases = std::env::var("TILEWRIGHT_CASES").map_or(400, |cases| cases.parse().expect("a number of cases"));
    let settings = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let (ended, waited) = (Cell::new(0), Cell::new(0));
    let result = proptest::test_runner::TestRunner::new(settings).run(
        &(stream(), timing(), before()),
        |(insns, timing, tokens_before)| {
            let options = CycleOptions { tokens_before, ..CycleOptions::default() };
            if simulate(&Config::default(), &insns, &timing, &options, &mut ()).is_err() {
                return Ok(());
            }
            let profile = profiled(&insns, &timing, tokens_before);
            check_path(&profile);
            check_charges(&insns, &profile);
            check_answers(&insns, &profile);
            assert!(profile.bound.cycles() <= profile.report.cycles, "{:?}", profile.bound);
            assert!((0.0..=1.0).contains(&profile.overlap.share()), "{:?}", profile.overlap);
            assert!(profile.roofline.share() <= 1.0 + 1e-9, "{:?}", profile.roofline);
            ended.set(ended.get() + 1);
            let has_waited = |module: Module| profile.totals()[1 + module as usize].token.iter().sum::<u64>() > 0;
            waited.set(waited.get() + u32::from(Module::ALL.into_iter().any(has_waited)));
            Ok(())
        },
    );
    result.unwrap_or_else(|error| panic!("{error}"));
    let (ended, waited) = (ended.get(), waited.get());
    println!("{cases} cases, of which {ended} ended and {waited} waited for tokens");
    assert!(ended > cases / 5 && waited > cases / 25, "{ended} ended, {waited} waited");
}
