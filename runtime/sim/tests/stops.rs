//! What goes wrong, as it is told: every trap, the other stops, the findings of a run that ended, and the errors of
//! configurations and recordings.

use tilewright_isa::{Alu, AluOpcode, Codec, Config, Gemm, Insn, Mem, MemoryType, Op, Params, Tokens, Uop};
use tilewright_sim::{
    Dram, Finish, Level, Options, Queue, Recording, RecordingError, Report, Segment, SimError, Simulator, Stop,
    TokenCounts,
};

/// 4 KiB of micro-ops that all are `dst 3, src 5, wgt 7`, from address 0 on.
fn memory(config: &Config) -> Dram {
    let word = Codec::new(config).encode_uop(&Uop { dst: 3, src: 5, wgt: 7 }).unwrap();
    let bytes = word.to_le_bytes().repeat(1024);
    Dram::new(vec![Segment { address: 0, bytes }]).unwrap()
}

fn insn(op: Op) -> Insn {
    Insn { tokens: Tokens::default(), op }
}

fn run_with(insns: &[Insn], options: &Options) -> Result<Report, Stop> {
    let config = Config::default();
    Simulator::new(&config).unwrap().run(insns, &mut memory(&config), options)
}

fn run(insns: &[Insn]) -> Result<Report, Stop> {
    run_with(insns, &Options::default())
}

/// The text and code of what stops the last of the instructions.
fn stop(ops: &[Op]) -> String {
    let insns: Vec<Insn> = ops.iter().map(|&op| insn(op)).collect();
    let stop = run(&insns).unwrap_err();
    format!("{}: {stop}", stop.code())
}

fn mem(memory_type: MemoryType) -> Mem {
    Mem { y_size: 2, x_size: 4, x_stride: 4, ..Mem::noop(memory_type) }
}

/// Loads four micro-ops.
fn uops() -> Op {
    Op::Load(Mem { y_size: 1, x_size: 4, x_stride: 4, ..Mem::noop(MemoryType::Uop) })
}

fn gemm() -> Gemm {
    Gemm {
        reset: false,
        uop_bgn: 0,
        uop_end: 4,
        iter_out: 4,
        iter_in: 3,
        dst_factor_out: 0,
        dst_factor_in: 0,
        src_factor_out: 0,
        src_factor_in: 0,
        wgt_factor_out: 0,
        wgt_factor_in: 0,
    }
}

fn alu() -> Alu {
    Alu {
        reset: false,
        uop_bgn: 0,
        uop_end: 1,
        iter_out: 2,
        iter_in: 2,
        dst_factor_out: 0,
        dst_factor_in: 0,
        src_factor_out: 2043,
        src_factor_in: 0,
        alu_opcode: AluOpcode::Add,
        use_imm: false,
        imm: 0,
    }
}

#[test]
fn transfers_trap() {
    let past = Mem { sram_base: 2041, ..mem(MemoryType::Inp) };
    let unmapped = Mem { dram_base: 8, x_stride: 250, ..mem(MemoryType::Inp) };
    let padded = Mem { x_pad_1: 2, ..mem(MemoryType::Out) };
    let texts = [
        stop(&[Op::Load(past)]),
        stop(&[Op::Load(unmapped)]),
        stop(&[Op::Load(mem(MemoryType::Out))]),
        stop(&[Op::Store(mem(MemoryType::Acc))]),
        stop(&[Op::Store(padded)]),
    ];
    insta::assert_snapshot!(texts.join("\n"), @r#"
    E0921: instruction 0 (load): inp holds 2048 elements, and the 2 rows of 4 from 2041 end at 2049
    E0922: instruction 0 (load): row 1 needs inp element 0x102, 64 bytes at address 0x1020, but no segment holds 0x1020
    E0923: instruction 0 (load): out cannot be loaded
    E0923: instruction 0 (store): only out can be stored, not acc
    E0924: instruction 0 (store): a store cannot pad, but x_pad_1 is 2
    "#);
}

#[test]
fn indices_trap_at_the_first_offence() {
    let texts = [
        stop(&[Op::Gemm(Gemm { uop_end: 8193, ..gemm() })]),
        stop(&[uops(), Op::Gemm(Gemm { dst_factor_out: 1000, dst_factor_in: 30, ..gemm() })]),
        stop(&[uops(), Op::Gemm(Gemm { wgt_factor_out: 300, wgt_factor_in: 150, ..gemm() })]),
        stop(&[uops(), Op::Gemm(Gemm { src_factor_out: 1000, wgt_factor_out: 400, ..gemm() })]),
        stop(&[uops(), Op::Alu(alu())]),
    ];
    insta::assert_snapshot!(texts.join("\n"), @r#"
    E0925: instruction 0 (gemm): the micro-op buffer holds 8192, and uop_end is 8193
    E0926: instruction 1 (gemm): micro-op 0 at iter_out 2, iter_in 2: dst is 2063, but acc holds 2048 elements
    E0926: instruction 1 (gemm): micro-op 0 at iter_out 3, iter_in 1: wgt is 1057, but wgt holds 1024 elements
    E0926: instruction 1 (gemm): micro-op 0 at iter_out 3, iter_in 0: src is 3005, but inp holds 2048 elements
    E0926: instruction 1 (alu): micro-op 0 at iter_out 1, iter_in 0: src is 2048, but acc holds 2048 elements
    "#);
    // What is not read cannot be out of bounds.
    run(&[insn(uops()), insn(Op::Alu(Alu { use_imm: true, ..alu() }))]).unwrap();
    run(&[insn(uops()), insn(Op::Gemm(Gemm { reset: true, wgt_factor_out: 1000, ..gemm() }))]).unwrap();
}

#[test]
fn a_trap_leaves_what_came_before() {
    let config = Config::default();
    let mut dram = memory(&config);
    let store = Mem { y_size: 1, x_size: 1, x_stride: 1, ..Mem::noop(MemoryType::Out) };
    let insns = [insn(Op::Store(store)), insn(Op::Store(Mem { dram_base: 255, x_size: 2, ..store }))];
    Simulator::new(&config).unwrap().run(&insns, &mut dram, &Options::default()).unwrap_err();
    assert_eq!(dram.read(0, 16), Some(&[0; 16][..]));
    assert_ne!(dram.read(4080, 16), Some(&[0; 16][..]));
}

#[test]
fn work_is_bounded() {
    let endless = Gemm { iter_out: 16383, iter_in: 16383, ..gemm() };
    let insns = [insn(uops()), insn(Op::Gemm(endless))];
    let stop = run_with(&insns, &Options { max_work: 1 << 30, ..Options::default() }).unwrap_err();
    insta::assert_snapshot!(format!("{}: {stop}", stop.code()), @"E0927: instruction 1 (gemm): it would compute or move 274844353536 values, but the run may only spend 1073741808 more");
}

#[test]
fn deadlocks_name_who_waits() {
    let waits = |pop_prev, pop_next, op| Insn { tokens: Tokens { pop_prev, pop_next, ..Tokens::default() }, op };
    let post =
        Insn { tokens: Tokens { push_next: true, ..Tokens::default() }, op: Op::Load(Mem::noop(MemoryType::Inp)) };
    let noop = |memory| Op::Load(Mem::noop(memory));
    // The second take of one posted token, and a take of a token that nobody posts.
    let insns = [
        post,
        waits(true, false, noop(MemoryType::Uop)),
        waits(true, false, noop(MemoryType::Uop)),
        waits(true, false, Op::Store(Mem::noop(MemoryType::Out))),
    ];
    let stop = run(&insns).unwrap_err();
    insta::assert_snapshot!(format!("{}: {stop}", stop.code()), @"E0911: deadlock after 2 instructions: compute waits at instruction 2 for a token from load→compute; the nearest poster, instruction 0, has run and its token was consumed; store waits at instruction 3 for a token from compute→store, to which no instruction posts");
    let tokens_before = TokenCounts { load_to_compute: 1, compute_to_store: 1, ..TokenCounts::default() };
    run_with(&insns, &Options { tokens_before, ..Options::default() }).unwrap();
}

#[test]
fn a_run_that_ended_reports_what_is_left() {
    let finish = insn(Op::Finish);
    assert_eq!(run(&[]).unwrap().finish, Finish::Missing);

    // Nothing puts the store before FINISH; the load waits for a token that comes too late; an ALU stands behind.
    let store = insn(Op::Store(Mem { dram_base: 64, ..mem(MemoryType::Out) }));
    let late = Insn { tokens: Tokens { pop_next: true, ..Tokens::default() }, op: Op::Load(mem(MemoryType::Inp)) };
    let report = run(&[store, late, finish, insn(Op::Alu(alu()))]).unwrap();
    let expected = Finish::Reached { insn: 2, unordered: vec![0], not_run: 2, first_not_run: Some(1) };
    assert_eq!(report.finish, expected);
    assert!(!report.finish.is_clean());
}

#[test]
fn a_queue_beyond_its_counter_is_reported() {
    let post =
        Insn { tokens: Tokens { push_next: true, ..Tokens::default() }, op: Op::Load(Mem::noop(MemoryType::Wgt)) };
    let report = run(&[post; 300]).unwrap();
    assert_eq!((report.overflows.len(), report.overflows[0].queue), (1, Queue::LoadToCompute));
    assert_eq!(report.overflows[0].insn, 255);
    assert_eq!(report.tokens_left.load_to_compute, 300);
}

#[test]
fn machines_that_cannot_be_simulated_say_why() {
    let narrow = Config::new(Params { log_inp_width: 4, log_inp_buff_size: 16, ..Params::default() }).unwrap();
    let error = Simulator::new(&narrow).unwrap_err();
    insta::assert_snapshot!(error, @"values of 16, 8 and 32 bits (inp, wgt, acc) cannot be executed, only 8, 8 and 32");
    assert_eq!(error.code(), "E0903");
    let missing = SimError::Level { level: Level::Avx512Vnni };
    insta::assert_snapshot!(missing, @"this host does not have the instructions of level avx512-vnni");
    assert_eq!(missing.code(), "E0904");
}

#[test]
fn malformed_recordings_say_why() {
    let json = |segments: &str, rest: &str| {
        let config = Config::default().to_json();
        format!("{{\"config\": {config}, \"insn_count\": 1, \"segments\": [{segments}]{rest}}}")
    };
    let segment = r#"{"address": 16, "bytes": 8}"#;
    let finish = Codec::new(&Config::default()).encode_stream(&[insn(Op::Finish)]).unwrap();
    let read = |json: &str, insns: &[u8], before: Option<Vec<u8>>| {
        let error: RecordingError = Recording::from_parts(json, insns, before, None).unwrap_err();
        format!("{}: {error}", error.code())
    };
    let texts = [
        read("{", &finish, None),
        read(&json(segment, r#", "tokens_before": {"store_to_load": 1}"#), &finish, None),
        read(&json(r#"{"address": 16, "bytes": 8}, {"address": 20, "bytes": 1}"#, ""), &finish, None),
        read(&json(r#"{"address": 16, "bytes": 8589934592}"#, ""), &finish, None),
        read(&json(segment, ""), &finish, Some(vec![0; 7])),
        read(&json(segment, ""), &finish.repeat(2), None),
        read(&json(segment, ""), &finish[..15], None),
        read(&json(segment, ""), &[7; 16], None),
    ];
    insta::assert_snapshot!(texts.join("\n"), @r#"
    E0931: trace.json: EOF while parsing an object (line 1, column 1)
    E0931: trace.json: unknown field `store_to_load`, expected one of `load_to_compute`, `compute_to_load`, `compute_to_store`, `store_to_compute` (line 1, column 281)
    E0901: trace.json: segments overlap: one of 8 bytes at 0x10, the next at 0x14
    E0932: trace.json: the segments have 8589934592 bytes, more than the 4294967296 that can be simulated
    E0933: before.bin has 7 bytes, but the segments have 8
    E0934: insns.bin holds 2 instructions, but trace.json says insn_count 1
    E0724: insns.bin: instruction 0: 15 bytes are not a whole number of instructions of 16 bytes
    E0721: insns.bin: instruction 0: opcode is 7, but the highest is 4 (load 0, store 1, gemm 2, finish 3, alu 4)
    "#);
}
