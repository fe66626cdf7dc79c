//! What is refused, what stops a run, and what a run says of itself: each error with its text.

use insta::assert_snapshot;
use serde_json::json;
use tilewright_isa::{Alu, AluOpcode, Config, Gemm, Insn, Mem, MemoryType, Op, Params, Tokens};
use tilewright_sim::cycles::{
    Basis, CycleOptions, CycleReport, MemoryWait, NEVER, State, Tables, Timing, TimingError, Totals, attribute, basis,
    insn_base, simulate,
};
use tilewright_sim::{Dram, Options, Queue, Simulator, Stop, TokenCounts};

const NONE: Tokens = Tokens { pop_prev: false, pop_next: false, push_prev: false, push_next: false };

fn load(memory_type: MemoryType, x_size: u16, tokens: Tokens) -> Insn {
    Insn { tokens, op: Op::Load(Mem { y_size: 1, x_size, x_stride: x_size, ..Mem::noop(memory_type) }) }
}

fn noop(memory_type: MemoryType, tokens: Tokens) -> Insn {
    Insn { tokens, op: Op::Load(Mem::noop(memory_type)) }
}

fn finish(tokens: Tokens) -> Insn {
    Insn { tokens, op: Op::Finish }
}

fn gemm(executions: u32) -> Insn {
    let gemm = Gemm {
        reset: false,
        uop_bgn: 0,
        uop_end: 1,
        iter_out: executions,
        iter_in: 1,
        dst_factor_out: 0,
        dst_factor_in: 0,
        src_factor_out: 0,
        src_factor_in: 0,
        wgt_factor_out: 0,
        wgt_factor_in: 0,
    };
    Insn { tokens: NONE, op: Op::Gemm(gemm) }
}

fn run(insns: &[Insn], options: &CycleOptions) -> Result<(CycleReport, Tables), Stop> {
    let mut tables = Tables::new(insns.len());
    let report = simulate(&Config::default(), insns, &Timing::DE10, options, &mut tables)?;
    tables.finish(report.cycles);
    Ok((report, tables))
}

fn stops(insns: &[Insn]) -> String {
    let stop = run(insns, &CycleOptions::default()).expect_err("the stream cannot run");
    format!("{}: {stop}", stop.code())
}

fn refused(value: serde_json::Value) -> String {
    let error: TimingError = Timing::from_value(&value).expect_err("the parameters are wrong");
    format!("{}: {error}", error.code())
}

#[test]
fn timing_is_read_by_name_and_from_json() {
    assert_eq!(Timing::default(), Timing::named("de10").unwrap());
    assert_eq!(Timing::from_value(&json!("pynq")), Ok(Timing::PYNQ));
    assert_eq!(Timing::from_value(&json!({"preset": "pynq", "burst_beats": 16})), Ok(Timing::DE10));
    let changed = Timing { read_latency: 40, clock_mhz: 250, ..Timing::DE10 };
    assert_eq!(Timing::from_value(&json!({"read_latency": 40, "clock_mhz": 250})), Ok(changed));
    assert_eq!(Timing::from_value(&changed.to_value()), Ok(changed));
    assert_eq!((Timing::PYNQ.name(), changed.name()), (Some("pynq"), None));
    assert_eq!(changed.seconds(500_000), 0.002);
}

#[test]
fn wrong_timing_is_refused() {
    let named = Timing::named("de-10").unwrap_err();
    assert_snapshot!(format!("{}: {named}", named.code()), @r#"E0941: unknown timing "de-10": expected de10 or pynq"#);
    assert_snapshot!(refused(json!(16)), @"E0942: timing must be a JSON object, but is 16");
    assert_snapshot!(refused(json!({"preset": 1})), @r#"E0941: unknown timing "1": expected de10 or pynq"#);
    assert_snapshot!(
        refused(json!({"burst_beets": 16})),
        @r#"E0943: timing: unknown key "burst_beets" (did you mean `burst_beats`?)"#
    );
    assert_snapshot!(refused(json!({"width": 16})), @r#"E0943: timing: unknown key "width""#);
    assert_snapshot!(
        refused(json!({"bus_bytes": "8"})),
        @r#"E0942: timing: bus_bytes must be an integer, but is "8""#
    );
    assert_snapshot!(
        refused(json!({"outstanding_reads": 0})),
        @"E0944: timing: outstanding_reads must be from 1 to 65536, but is 0"
    );
    assert_snapshot!(
        refused(json!({"burst_beats": 24})),
        @"E0944: timing: burst_beats must be a power of two, but is 24"
    );
}

#[test]
fn a_deadlock_is_told_as_by_the_functional_simulator() {
    let insns = [noop(MemoryType::Inp, NONE), gemm(3), finish(Tokens { pop_prev: true, ..NONE })];
    assert_snapshot!(stops(&insns), @"E0911: deadlock after 2 instructions: compute waits at instruction 2 for a token from load→compute, to which no instruction posts");
    let mut simulator = Simulator::new(&Config::default()).unwrap();
    let functional = simulator.run(&insns, &mut Dram::new(Vec::new()).unwrap(), &Options::default());
    assert_eq!(run(&insns, &CycleOptions::default()).err(), functional.err());
}

/// 512 instructions fill the queue of load, and the token that its head waits for lies behind them.
#[test]
fn a_full_queue_can_deadlock() {
    let mut insns = vec![noop(MemoryType::Inp, Tokens { pop_next: true, ..NONE })];
    insns.extend([noop(MemoryType::Inp, NONE); 512]);
    insns.push(noop(MemoryType::Acc, Tokens { push_prev: true, ..NONE }));
    insns.push(finish(NONE));
    assert_snapshot!(stops(&insns), @"E0911: deadlock after 0 instructions: load waits at instruction 0 for a token from compute→load, which instruction 513 would post but cannot run");
    insns.remove(1);
    assert!(run(&insns, &CycleOptions::default()).is_ok());
}

#[test]
fn what_leaves_a_scratchpad_is_a_trap() {
    assert_snapshot!(
        stops(&[load(MemoryType::Inp, 2049, NONE), finish(NONE)]),
        @"E0921: instruction 0 (load): inp holds 2048 elements, and the 1 rows of 2049 from 0 end at 2049"
    );
    assert_snapshot!(stops(&[load(MemoryType::Out, 1, NONE)]), @"E0923: instruction 0 (load): out cannot be loaded");
    let store = |mem| Insn { tokens: NONE, op: Op::Store(mem) };
    let one = Mem { x_size: 1, y_size: 1, ..Mem::noop(MemoryType::Out) };
    assert_snapshot!(
        stops(&[store(Mem { memory_type: MemoryType::Acc, ..one })]),
        @"E0923: instruction 0 (store): only out can be stored, not acc"
    );
    assert_snapshot!(
        stops(&[store(Mem { x_pad_1: 2, ..one })]),
        @"E0924: instruction 0 (store): a store cannot pad, but x_pad_1 is 2"
    );
    let Op::Gemm(wide) = gemm(1).op else { unreachable!("gemm makes a GEMM") };
    let wide = Insn { tokens: NONE, op: Op::Gemm(Gemm { uop_end: 8193, ..wide }) };
    assert_snapshot!(
        stops(&[gemm(1), wide]),
        @"E0925: instruction 1 (gemm): the micro-op buffer holds 8192, and uop_end is 8193"
    );
}

/// 300 posts meet a counter of 255: the first lost one is named, and 255 tokens are left.
#[test]
fn posts_beyond_the_counter_are_lost() {
    let mut insns = vec![noop(MemoryType::Inp, Tokens { push_next: true, ..NONE }); 300];
    insns.extend(vec![gemm(2_000); 2]);
    insns.push(finish(NONE));
    let (report, _) = run(&insns, &CycleOptions::default()).unwrap();
    assert_eq!((report.overflows.len(), report.overflows[0].queue), (1, Queue::LoadToCompute));
    assert_eq!((report.overflows[0].insn, report.tokens_left.load_to_compute), (255, 255));
}

#[test]
fn a_stream_ends_with_finish_or_with_its_last_instruction() {
    let (report, _) = run(&[], &CycleOptions::default()).unwrap();
    assert_eq!((report.cycles, report.finish, report.executed), (0, None, 0));
    let (open, _) = run(&[gemm(10)], &CycleOptions::default()).unwrap();
    assert_eq!((open.finish, open.executed, open.work.gemm), (None, 1, 10));
    let (report, tables) = run(&[gemm(10), finish(NONE), gemm(10), gemm(1)], &CycleOptions::default()).unwrap();
    assert_eq!((report.finish, report.executed), (Some(1), 2));
    assert_eq!((tables.insns[2].started, tables.insns[3].done), (NEVER, NEVER));
    let mut csv = Vec::new();
    tables.write_instructions(&[gemm(10), finish(NONE), gemm(10), gemm(1)], &mut csv).unwrap();
    assert_snapshot!(String::from_utf8(csv).unwrap(), @r"
    index,module,queued,started,done
    0,compute,29,30,46
    1,compute,30,47,48
    2,compute,31,-1,-1
    3,compute,32,-1,-1
    ");
}

/// What the end of the run leaves in a command queue or in memory stands in the table, with -1 for what is missing.
#[test]
fn reads_that_the_end_cuts_off_are_in_the_table() {
    let reads = |y_pad_0| {
        let mem = Mem { y_pad_0, y_size: 1, x_size: 2, ..Mem::noop(MemoryType::Wgt) };
        let insns = [Insn { tokens: NONE, op: Op::Load(mem) }, finish(NONE)];
        let (report, tables) = run(&insns, &CycleOptions::default()).unwrap();
        assert_eq!(report.cycles, 28);
        let mut csv = Vec::new();
        tables.write_reads(&mut csv).unwrap();
        String::from_utf8(csv).unwrap()
    };
    assert_snapshot!(reads(0), @r"
    client,commanded,granted,first_beat,last_beat,address,beats
    fetch,1,2,20,23,4096,4
    wgt,27,28,-1,-1,0,16
    ");
    assert_snapshot!(reads(1), @r"
    client,commanded,granted,first_beat,last_beat,address,beats
    fetch,1,2,20,23,4096,4
    wgt,28,-1,-1,-1,0,16
    ");
    assert_snapshot!(reads(2), @r"
    client,commanded,granted,first_beat,last_beat,address,beats
    fetch,1,2,20,23,4096,4
    ");
}

#[test]
fn instructions_lie_behind_the_last_segment() {
    assert_eq!(insn_base([(4096, 5_238_784)]), 5_246_976);
    assert_eq!(insn_base([(8192, 1), (0, 100)]), 16_384);
    assert_eq!(insn_base([]), 4096);
}

/// Without tokens a stream that waits for ever runs, as fast as its modules allow.
#[test]
fn tokens_can_be_ignored() {
    let insns = [gemm(100), finish(Tokens { pop_next: true, ..NONE })];
    let options = CycleOptions { wait_for_tokens: false, ..CycleOptions::default() };
    let tokens_before = TokenCounts { store_to_compute: 1, ..TokenCounts::default() };
    let with_token = CycleOptions { tokens_before, ..CycleOptions::default() };
    assert!(run(&insns, &CycleOptions::default()).is_err());
    assert_eq!(run(&insns, &options).unwrap().0.cycles, run(&insns, &with_token).unwrap().0.cycles);
}

#[test]
fn cycles_say_what_they_rest_on() {
    let (config, de10) = (Config::default(), Timing::DE10);
    let insns = [gemm(4), finish(NONE)];
    assert_eq!(basis(&config, &insns, &de10), Basis::Rtl);
    assert_eq!(basis(&config, &insns, &Timing { clock_mhz: 200, ..Timing::PYNQ }), Basis::Rtl);
    assert_eq!(basis(&config, &insns, &Timing { read_latency: 17, ..de10 }), Basis::Extrapolated);
    let batch = Params { log_batch: 1, log_inp_buff_size: 16, log_acc_buff_size: 18, ..Params::default() };
    assert_eq!(basis(&Config::new(batch).unwrap(), &insns, &de10), Basis::Extrapolated);
    assert_eq!(basis(&config, &[load(MemoryType::Acc8Bit, 1, NONE)], &de10), Basis::Extrapolated);
    assert_eq!(basis(&config, &[gemm(0)], &de10), Basis::Extrapolated);
    let alu = |alu_opcode| {
        let Op::Gemm(loops) = gemm(4).op else { unreachable!("gemm makes a GEMM") };
        let alu = Alu {
            reset: false,
            uop_bgn: 0,
            uop_end: 1,
            iter_out: loops.iter_out,
            iter_in: 1,
            dst_factor_out: 0,
            dst_factor_in: 0,
            src_factor_out: 0,
            src_factor_in: 0,
            alu_opcode,
            use_imm: true,
            imm: 1,
        };
        Insn { tokens: NONE, op: Op::Alu(alu) }
    };
    assert_eq!(basis(&config, &[alu(AluOpcode::Mul)], &de10), Basis::Extrapolated);
    assert_eq!(basis(&config, &[alu(AluOpcode::Add)], &de10), Basis::Rtl);
    assert_eq!(Basis::Extrapolated.to_string(), "extrapolated");
}

/// A load of 4 elements, 8 beats, alone: queued in 25, started in 26, commanded in 27, on the bus from 46 to 53, done in
/// 56. FINISH waits for its token and is done in 58, which is the length of the run.
#[test]
fn states_of_a_run_that_can_be_followed_by_hand() {
    let push = Tokens { push_next: true, ..NONE };
    let insns = [load(MemoryType::Inp, 4, push), finish(Tokens { pop_prev: true, ..NONE })];
    let (report, tables) = run(&insns, &CycleOptions::default()).unwrap();
    assert_eq!(report.cycles, 58);
    let attribution = attribute(&insns, &tables, &report, &Timing::DE10, &CycleOptions::default());
    let spans = |spans: &[tilewright_sim::cycles::Span]| {
        spans.iter().map(|span| (span.cycles.clone(), span.state, span.insn)).collect::<Vec<_>>()
    };
    let memory = |wait| State::Memory(wait);
    let [load, compute, store] = &attribution.modules;
    assert_eq!(
        spans(load),
        [
            (0..26, State::Starved, Some(0)),
            (26..27, State::Working, Some(0)),
            (27..46, memory(MemoryWait::Latency), Some(0)),
            (46..54, memory(MemoryWait::Bandwidth), Some(0)),
            (54..57, State::Working, Some(0)),
            (57..58, State::Finished, None),
        ]
    );
    let token = State::Token { queue: Queue::LoadToCompute, poster: Some(0) };
    assert_eq!(
        spans(compute),
        [(0..27, State::Starved, Some(1)), (27..57, token, Some(1)), (57..58, State::Working, Some(1))]
    );
    assert_eq!(spans(store), [(0..58, State::Finished, None)]);
    assert_eq!(
        spans(&attribution.fetch),
        [
            (0..1, State::Working, None),
            (1..20, memory(MemoryWait::Latency), None),
            (20..24, memory(MemoryWait::Bandwidth), None),
            (24..25, State::Working, None),
            (25..26, State::Working, Some(0)),
            (26..27, State::Working, Some(1)),
            (27..58, State::Finished, None),
        ]
    );
    let totals = Totals::of(load);
    assert_eq!((totals.latency, totals.bandwidth, totals.sum()), (19, 8, 58));
}
