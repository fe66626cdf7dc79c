//! Random streams on random machines: the model that jumps from event to event against the reference that steps every
//! cycle, and the attribution of every cycle to one state.

use crate::reference;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::cell::RefCell;
use tilewright_isa::{Alu, AluOpcode, Codec, Config, Gemm, Insn, Mem, MemoryType, Op, Params, Tokens};
use tilewright_sim::cycles::{
    CycleOptions, CycleReport, NEVER, Read, Span, State, Tables, Timing, Totals, attribute, simulate,
};
use tilewright_sim::{Stop, TokenCounts};

fn tokens() -> impl Strategy<Value = Tokens> {
    let flag = || prop::bool::weighted(0.35);
    (flag(), flag(), flag(), flag()).prop_map(|(pop_prev, pop_next, push_prev, push_next)| Tokens {
        pop_prev,
        pop_next,
        push_prev,
        push_next,
    })
}

const LOADED: [MemoryType; 4] = [MemoryType::Uop, MemoryType::Wgt, MemoryType::Inp, MemoryType::Acc];

/// Most elements that a transfer fills, pads included: as many as every scratchpad has.
const MOST_ELEMENTS: u64 = 1024;

/// Transfers of any shape: of one element, wide or high; with pads on any of the sides, up to the largest.
fn mem() -> impl Strategy<Value = Mem> {
    let pad = || prop_oneof![4 => Just(0u8), 3 => 1..4u8, 1 => 4..16u8];
    let sizes = prop_oneof![
        4 => (0..5u16, 0..20u16),
        1 => (1..40u16, 1..3u16),
        1 => (1..3u16, 1..60u16),
    ];
    let places = (0..80u16, 0..1000u32);
    (prop::sample::select(LOADED.to_vec()), sizes, places, (pad(), pad(), pad(), pad()))
        .prop_map(|(memory_type, (y_size, x_size), (x_stride, dram_base), (y_pad_0, y_pad_1, x_pad_0, x_pad_1))| Mem {
            y_size,
            x_size,
            x_stride,
            dram_base,
            y_pad_0,
            y_pad_1,
            x_pad_0,
            x_pad_1,
            ..Mem::noop(memory_type)
        })
        .prop_filter("it fits", |mem| mem.sram_rows() * mem.sram_row() <= MOST_ELEMENTS)
}

/// The sides on which a load pads, with its scratchpad, as one bit of 64; none for what moves nothing.
fn padded_sides(insn: &Insn) -> u64 {
    let Op::Load(mem) = insn.op else { return 0 };
    let Some(memory) = LOADED.into_iter().position(|memory| memory == mem.memory_type) else { return 0 };
    let pads = [mem.y_pad_0, mem.y_pad_1, mem.x_pad_0, mem.x_pad_1];
    let sides = pads.iter().fold(0, |sides, pad| sides << 1 | usize::from(*pad > 0));
    if insn.is_noop() || mem.y_size == 0 { 0 } else { 1 << (memory * 16 + sides) }
}

fn gemm() -> impl Strategy<Value = Gemm> {
    (any::<bool>(), 0..4u32, 0..6u32, 0..6u32).prop_map(|(reset, uop_end, iter_out, iter_in)| Gemm {
        reset,
        uop_bgn: 0,
        uop_end,
        iter_out,
        iter_in,
        dst_factor_out: 0,
        dst_factor_in: 0,
        src_factor_out: 0,
        src_factor_in: 0,
        wgt_factor_out: 0,
        wgt_factor_in: 0,
    })
}

fn alu(gemm: Gemm) -> Alu {
    Alu {
        reset: false,
        uop_bgn: gemm.uop_bgn,
        uop_end: gemm.uop_end,
        iter_out: gemm.iter_out,
        iter_in: gemm.iter_in,
        dst_factor_out: 0,
        dst_factor_in: 0,
        src_factor_out: 0,
        src_factor_in: 0,
        alu_opcode: AluOpcode::Add,
        use_imm: gemm.reset,
        imm: 0,
    }
}

fn store(mem: Mem) -> Mem {
    Mem { memory_type: MemoryType::Out, y_pad_0: 0, y_pad_1: 0, x_pad_0: 0, x_pad_1: 0, ..mem }
}

fn insn() -> impl Strategy<Value = Insn> {
    let op = prop_oneof![
        10 => mem().prop_map(Op::Load),
        6 => mem().prop_map(|mem| Op::Store(store(mem))),
        6 => gemm().prop_map(Op::Gemm),
        4 => gemm().prop_map(|gemm| Op::Alu(alu(gemm))),
        1 => Just(Op::Finish),
    ];
    (tokens(), op).prop_map(|(tokens, op)| Insn { tokens, op })
}

fn before() -> impl Strategy<Value = TokenCounts> {
    let count = || prop_oneof![0..12u64, 250..260u64];
    (count(), count(), count(), count()).prop_map(
        |(load_to_compute, compute_to_load, compute_to_store, store_to_compute)| TokenCounts {
            load_to_compute,
            compute_to_load,
            compute_to_store,
            store_to_compute,
        },
    )
}

/// Machines around the measured ones, most parameters small, so that every limit is met.
fn timing() -> impl Strategy<Value = Timing> {
    let bus = (prop::sample::select(vec![4, 8, 8, 16, 64]), prop::sample::select(vec![1, 2, 4, 16, 256]));
    let memory = (0..20u64, 1..17u64);
    let depth = prop_oneof![1..6u64, Just(512u64)];
    let compute = (1..8u64, 1..8u64, 1..3u64, 1..4u64);
    let moves = (2..5u64, 2..5u64, 0..5u64, 0..4u64);
    let random = (bus, memory, depth, compute, moves).prop_map(|(bus, memory, queue_depth, compute, moves)| Timing {
        bus_bytes: bus.0,
        burst_beats: bus.1,
        read_latency: memory.0,
        outstanding_reads: memory.1,
        queue_depth,
        gemm_depth: compute.0,
        alu_depth: compute.1,
        noop_cycles: compute.2,
        alu_reg_interval: compute.3,
        load_tail: moves.0,
        uop_tail: moves.1,
        store_burst_cycles: moves.2,
        store_tensor_cycles: moves.3,
        ..Timing::DE10
    });
    prop_oneof![2 => random, 1 => Just(Timing::DE10), 1 => Just(Timing::PYNQ)]
}

/// Spans are contiguous, cover the run, and an instruction that was done works in its last cycle.
fn check_spans(spans: &[Span], cycles: u64) {
    let mut at = 0;
    for span in spans {
        assert_eq!(span.cycles.start, at);
        assert!(span.cycles.end > at);
        at = span.cycles.end;
    }
    assert_eq!(at, cycles);
    assert_eq!(Totals::of(spans).sum(), cycles);
}

fn working_on(spans: &[Span], insn: usize, cycle: u64) -> bool {
    let at = spans.partition_point(|span| span.cycles.end <= cycle);
    spans[at].insn == Some(insn) && spans[at].state == State::Working
}

/// The reads of the tables as the reference writes them.
fn rows(tables: &Tables) -> Vec<reference::ReadRow> {
    let row = |read: &Read| {
        let times = [read.commanded, read.granted, read.first_beat, read.last_beat];
        [read.client.index() as u64, times[0], times[1], times[2], times[3], read.address, read.beats]
    };
    tables.reads.iter().map(row).collect()
}

/// A STORE is done when its last burst is acknowledged, and its bursts follow each other.
fn check_writes(insns: &[Insn], tables: &Tables) {
    for (index, (insn, times)) in insns.iter().zip(&tables.insns).enumerate() {
        let Op::Store(mem) = insn.op else { continue };
        if times.done == NEVER || insn.is_noop() || mem.y_size == 0 {
            continue;
        }
        let mut writes = tables.writes.iter().filter(|write| write.insn == index);
        let first = writes.next().expect("a store that moves something writes");
        let ends = writes.try_fold(first, |before, write| (write.commanded >= before.acknowledged).then_some(write));
        let last = ends.expect("a burst begins when the one before it is acknowledged");
        assert_eq!((first.commanded >= times.started, last.acknowledged), (true, times.done));
    }
}

/// One stream on both models; how it went.
fn compare(insns: &[Insn], timing: &Timing, tokens_before: TokenCounts) -> Result<Seen, TestCaseError> {
    let config = Config::default();
    let options = CycleOptions { tokens_before, ..CycleOptions::default() };
    let mut tables = Tables::new(insns.len());
    match simulate(&config, insns, timing, &options, &mut tables) {
        Ok(report) => {
            tables.finish(report.cycles);
            let expected = reference::run(&config, insns, timing, &options, report.cycles + 100);
            prop_assert!(expected.ended);
            prop_assert_eq!(report.cycles, expected.cycles);
            prop_assert_eq!(&tables.insns, &expected.times);
            prop_assert_eq!(rows(&tables), expected.reads);
            check_writes(insns, &tables);
            check_attribution(insns, &tables, &report, timing, &options);
            let contended = tables.reads.iter().any(|read| read.granted != NEVER && read.granted > read.commanded + 1);
            let lost = !report.overflows.is_empty();
            let done = insns.iter().zip(&tables.insns).filter(|(_, times)| times.done != NEVER);
            let padded = done.fold(0, |padded, (insn, _)| padded | padded_sides(insn));
            Ok(Seen { ended: true, long: report.executed > 20, contended, lost, padded, cycles: report.cycles })
        }
        Err(Stop::Deadlock(deadlock)) => {
            let times = tables.insns.iter().flat_map(|times| [times.queued, times.started, times.done]);
            let last = times.filter(|cycle| *cycle != NEVER).max().unwrap_or(0);
            let expected = reference::run(&config, insns, timing, &options, last + 1_000);
            prop_assert!(!expected.ended);
            prop_assert_eq!(&tables.insns, &expected.times);
            prop_assert!(!deadlock.waiting.is_empty());
            prop_assert_eq!(deadlock.executed, tables.insns.iter().filter(|times| times.done != NEVER).count());
            Ok(Seen::default())
        }
        Err(stop) => Err(TestCaseError::fail(stop.to_string())),
    }
}

/// Every cycle of every unit has one state.
fn check_attribution(insns: &[Insn], tables: &Tables, report: &CycleReport, timing: &Timing, options: &CycleOptions) {
    let attribution = attribute(insns, tables, report, timing, options);
    check_spans(&attribution.fetch, report.cycles);
    attribution.modules.iter().for_each(|spans| check_spans(spans, report.cycles));
    for (index, (insn, times)) in insns.iter().zip(&tables.insns).enumerate() {
        // The run's last cycle is the one in which its length is known; it has no state.
        let last = times.done.min(report.cycles.saturating_sub(1));
        if times.done != NEVER && times.started <= last {
            let spans = &attribution.modules[insn.module() as usize];
            assert!(working_on(spans, index, last), "instruction {index} in cycle {last}: {spans:?}");
        }
    }
}

/// What a random case has met.
#[derive(Clone, Copy, Default)]
struct Seen {
    ended: bool,
    long: bool,
    contended: bool,
    lost: bool,
    /// The bits of [`padded_sides`].
    padded: u64,
    cycles: u64,
}

#[test]
fn every_cycle_is_as_in_the_reference() {
    let cases = std::env::var("TILEWRIGHT_CASES").map_or(600, |cases| cases.parse().expect("a number of cases"));
    let settings = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new(settings);
    let streams = prop_oneof![prop::collection::vec(insn(), 0..20), prop::collection::vec(insn(), 40..80)];
    let seen = RefCell::new(Vec::new());
    let result = runner.run(&(streams, timing(), before()), |(insns, timing, tokens_before)| {
        seen.borrow_mut().push(compare(&insns, &timing, tokens_before)?);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    let seen = seen.into_inner();
    let share = |is: fn(&Seen) -> bool| seen.iter().filter(|case| is(case)).count() as f64 / f64::from(cases);
    let shares = [share(|seen| seen.ended), share(|seen| seen.long), share(|seen| seen.contended), share(|s| s.lost)];
    let cycles: u64 = seen.iter().map(|seen| seen.cycles).sum();
    println!("{cases} cases, {cycles} cycles; share that ended, was long, contended, lost tokens: {shares:.2?}");
    let padded = seen.iter().fold(0, |all, seen| all | seen.padded);
    assert_eq!(!padded, 0, "scratchpads and sides that no load padded");
    assert!(shares[0] > 0.2 && shares[1] > 0.1 && shares[2] > 0.1 && shares[3] > 0.01, "{shares:?}");
}

/// Any word; most have few bits set, so that fields are small and an instruction can be executed.
fn word() -> impl Strategy<Value = u128> {
    (any::<[u128; 4]>(), 0..3usize)
        .prop_map(|(words, thin)| words[..=thin + 1].iter().fold(u128::MAX, |all, word| all & word))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the words and the machine are, a run ends or stops, and its cycles add up.
    #[test]
    fn no_stream_is_too_strange(
        words in prop::collection::vec(word(), 0..24),
        logs in (0..3u32, 0..5u32, 0..5u32, 3..12u32),
        timing in timing(),
        tokens_before in before(),
    ) {
        let (log_batch, log_block_in, log_block_out, size) = logs;
        let params = Params {
            log_batch,
            log_block_in,
            log_block_out,
            log_uop_buff_size: size,
            log_inp_buff_size: size + log_batch + log_block_in,
            log_wgt_buff_size: size + log_block_in + log_block_out,
            log_acc_buff_size: size + log_batch + log_block_out,
            ..Params::default()
        };
        let Ok(config) = Config::new(params) else { return Ok(()) };
        let codec = Codec::new(&config);
        let insns: Vec<Insn> = words.iter().filter_map(|word| codec.decode(*word).ok()).collect();
        let options = CycleOptions { tokens_before, insn_base: u64::MAX, ..CycleOptions::default() };
        let mut tables = Tables::new(insns.len());
        if let Ok(report) = simulate(&config, &insns, &timing, &options, &mut tables) {
            tables.finish(report.cycles);
            check_attribution(&insns, &tables, &report, &timing, &options);
        }
    }
}
