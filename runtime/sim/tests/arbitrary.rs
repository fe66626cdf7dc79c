//! Arbitrary streams on arbitrary machines and memories: a run ends with a report or a stop, never with a panic, and
//! every level of the host computes the same, also on a machine that has run before.
//!
//! `TILEWRIGHT_CASES` sets the number of cases, 2,000 by default.

use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use std::cell::Cell;
use tilewright_isa::{Codec, Config, Insn, MemoryType, Params};
use tilewright_sim::{Dram, Level, Options, Report, Segment, Simulator, TokenCounts};

/// A small machine: scratchpads of a few to a few hundred elements.
fn machine() -> impl Strategy<Value = Config> {
    let block = || prop::sample::select(vec![0, 2, 3, 4, 4, 4, 5, 5u32]);
    let logs = (0..3u32, block(), block(), 1..6u32, 2..7u32, 2..7u32, 2..7u32);
    logs.prop_filter_map("no valid machine", |(batch, block_in, block_out, uop, inp, wgt, acc)| {
        let params = Params {
            log_inp_width: 3,
            log_wgt_width: 3,
            log_acc_width: 5,
            log_batch: batch,
            log_block_in: block_in,
            log_block_out: block_out,
            log_uop_buff_size: 2 + uop,
            log_inp_buff_size: batch + block_in + inp,
            log_wgt_buff_size: block_out + block_in + wgt,
            log_acc_buff_size: 2 + batch + block_out + acc,
        };
        Config::new(params).ok()
    })
}

/// Words whose fields are mostly small, so that many instructions get past the checks. `thin` is anded in where its
/// choice says so.
fn word() -> impl Strategy<Value = u128> {
    // Loads, stores, GEMM and ALU about alike; FINISH seldom, as it ends the run.
    let opcode = prop::sample::select(vec![0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 3u8]);
    let small_fields = (any::<[u8; 16]>(), opcode, any::<bool>());
    small_fields.prop_map(|(bytes, opcode, thin)| {
        let word = u128::from_le_bytes(bytes);
        let fields = if thin { word & word.rotate_left(64) & word.rotate_right(32) } else { word };
        fields & !7 | u128::from(opcode)
    })
}

fn memory() -> impl Strategy<Value = Vec<Segment>> {
    let segment = (0..3u64, prop::collection::vec(any::<u8>(), 0..8192));
    prop::collection::vec(segment, 1..4).prop_map(|segments| {
        let mut address = 0;
        let place = |(gap, bytes): (u64, Vec<u8>)| {
            let segment = Segment { address: address + gap * 64, bytes };
            address = segment.address + segment.bytes.len() as u64;
            segment
        };
        segments.into_iter().map(place).collect()
    })
}

/// An instruction's fields cut down to what the machine can hold, so that it is likely to run.
fn tame(insn: Insn, config: &Config) -> Insn {
    use tilewright_isa::Op;
    let depth = |memory| config.depth(memory) as u32;
    let op = match insn.op {
        Op::Load(mem) | Op::Store(mem) => {
            let limit = config.depth(mem.memory_type) as u16;
            let store = matches!(insn.op, Op::Store(_));
            let pad = |pad: u8| if store { 0 } else { pad % 3 };
            let mut mem = mem;
            mem.memory_type = if store { MemoryType::Out } else { mem.memory_type };
            mem.sram_base %= (limit / 4).max(1);
            mem.x_size = mem.x_size % 4 % limit.max(1);
            if mem.memory_type == MemoryType::Uop || limit > 8 {
                mem.x_size *= 2;
            }
            mem.y_size %= 3;
            mem.x_stride %= 8;
            mem.dram_base %= (1024 / config.element_bytes(mem.memory_type) as u32).max(2);
            (mem.y_pad_0, mem.y_pad_1) = (pad(mem.y_pad_0) / 2, pad(mem.y_pad_1) / 2);
            (mem.x_pad_0, mem.x_pad_1) = (pad(mem.x_pad_0) / 2, pad(mem.x_pad_1) / 2);
            if store { Op::Store(mem) } else { Op::Load(mem) }
        }
        Op::Gemm(mut gemm) => {
            gemm.iter_out = (gemm.iter_out % 5).min(2);
            gemm.iter_in = (gemm.iter_in % 5).min(2);
            gemm.uop_bgn %= depth(MemoryType::Uop);
            gemm.uop_end = (gemm.uop_bgn + gemm.uop_end % 9).min(depth(MemoryType::Uop));
            for factor in [&mut gemm.dst_factor_out, &mut gemm.dst_factor_in, &mut gemm.src_factor_out] {
                *factor %= 2;
            }
            for factor in [&mut gemm.src_factor_in, &mut gemm.wgt_factor_out, &mut gemm.wgt_factor_in] {
                *factor %= 2;
            }
            Op::Gemm(gemm)
        }
        Op::Alu(mut alu) => {
            alu.iter_out = (alu.iter_out % 5).min(2);
            alu.iter_in = (alu.iter_in % 5).min(2);
            alu.uop_bgn %= depth(MemoryType::Uop);
            alu.uop_end = (alu.uop_bgn + alu.uop_end % 9).min(depth(MemoryType::Uop));
            for factor in [&mut alu.dst_factor_out, &mut alu.dst_factor_in] {
                *factor %= 2;
            }
            for factor in [&mut alu.src_factor_out, &mut alu.src_factor_in] {
                *factor %= 2;
            }
            Op::Alu(alu)
        }
        Op::Finish => Op::Finish,
    };
    Insn { op, ..insn }
}

fn insns(config: &Config, words: &[u128], wild: bool) -> Vec<Insn> {
    let codec = Codec::new(config);
    let decoded = words.iter().filter_map(|&word| codec.decode(word).ok());
    decoded.map(|insn| if wild { insn } else { tame(insn, config) }).collect()
}

fn run(
    level: Level,
    config: &Config,
    insns: &[Insn],
    segments: &[Segment],
    tokens: u64,
) -> (Result<Report, String>, Dram) {
    let tokens_before = TokenCounts {
        load_to_compute: tokens,
        compute_to_load: tokens,
        compute_to_store: tokens,
        store_to_compute: tokens,
    };
    let options = Options { tokens_before, max_work: 1 << 22, detect_races: true };
    let image = Dram::new(segments.to_vec()).unwrap();
    let mut dram = image.clone();
    let mut simulator = Simulator::with_level(config, level).unwrap();
    let mut run = |dram: &mut Dram| {
        simulator.reset();
        simulator.run(insns, dram, &options).map_err(|stop| stop.to_string())
    };
    let first = run(&mut dram);
    let after = dram.clone();
    dram.clone_from(&image);
    assert_eq!(run(&mut dram), first, "a machine that has run before");
    assert!(dram == after, "memory differs on a machine that has run before");
    (first, dram)
}

#[test]
fn nothing_panics_and_levels_agree() {
    let cases = std::env::var("TILEWRIGHT_CASES").map_or(2_000, |cases| cases.parse().expect("a number of cases"));
    let mut runner = TestRunner::new(Cases { cases, ..Cases::default() });
    let words = prop::collection::vec(word(), 0..16);
    let inputs = (machine(), words, memory(), 0..30u64, prop::bool::weighted(0.25));
    // How many cases ran to their end, multiplied and stored something.
    let (ended, multiplied, stored) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let levels: Vec<Level> = Level::ALL.into_iter().filter(|level| level.is_available()).collect();
    let result = runner.run(&inputs, |(config, words, segments, tokens, wild)| {
        let insns = insns(&config, &words, wild);
        let expected = run(Level::Portable, &config, &insns, &segments, tokens);
        if let Ok(report) = &expected.0 {
            ended.set(ended.get() + 1);
            multiplied.set(multiplied.get() + u32::from(report.gemm_uops > 0));
            stored.set(stored.get() + u32::from(report.bytes[MemoryType::Out] > 0));
        }
        for &level in &levels[1..] {
            let found = run(level, &config, &insns, &segments, tokens);
            prop_assert_eq!(&found.0, &expected.0, "{}", level);
            prop_assert!(found.1 == expected.1, "memory differs on {}", level);
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    let shares = [ended, multiplied, stored].map(|count| f64::from(count.get()) / f64::from(cases));
    println!("{cases} cases; share that ended, multiplied, stored: {shares:.2?}");
    assert!(shares[0] > 0.2 && shares[1] > 0.05 && shares[2] > 0.05, "{shares:?}");
}
