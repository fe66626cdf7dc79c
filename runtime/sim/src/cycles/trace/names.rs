//! The words of a Perfetto trace: every name of a slice, category and annotation has a number and is written once.

use crate::cycles::attribution::{MemoryWait, State};
use crate::cycles::memory::Client;
use crate::tokens::Queue;
use tilewright_isa::{AluOpcode, Gemm, Insn, Mem, MemoryType, Module, Op};

/// The kinds of slices, numbered from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Category {
    Instruction = 1,
    Fetch,
    Token,
    Memory,
    Starved,
    Blocked,
    Finished,
    Bus,
}

/// In the order of [`Category`].
pub(super) const CATEGORIES: [&str; 8] =
    ["instruction", "fetch", "token", "memory", "starved", "blocked", "finished", "bus"];

// The first number of each group of names. Groups have the order of what they are named after.
const LOADS: u64 = 1;
const STORE: u64 = LOADS + MemoryType::ALL.len() as u64;
const GEMM: u64 = STORE + 1;
const RESET: u64 = GEMM + 1;
const ALUS: u64 = RESET + 1;
const FINISH: u64 = ALUS + AluOpcode::ALL.len() as u64;
const NOOP: u64 = FINISH + 1;
const TOKENS: u64 = NOOP + 1;
const LATENCY: u64 = TOKENS + Queue::ALL.len() as u64;
const BANDWIDTH: u64 = LATENCY + 1;
const CONTENTION: u64 = BANDWIDTH + 1;
const STARVED: u64 = CONTENTION + Client::ALL.len() as u64;
const BLOCKED: u64 = STARVED + 1;
const FINISHED: u64 = BLOCKED + Module::ALL.len() as u64;
const FETCH: u64 = FINISHED + 1;
const ENQUEUE: u64 = FETCH + 1;
const READS: u64 = ENQUEUE + 1;
const WRITE: u64 = READS + Client::ALL.len() as u64;

/// All names of slices; the first has number 1.
pub(super) fn slices() -> Vec<String> {
    let text = |name: &str| vec![name.to_owned()];
    let groups = [
        MemoryType::ALL.iter().map(|memory| format!("load {memory}")).collect(),
        text("store"),
        text("gemm"),
        text("gemm reset"),
        AluOpcode::ALL.iter().map(|opcode| format!("alu {opcode}")).collect(),
        text("finish"),
        text("no-op"),
        Queue::ALL.iter().map(|queue| format!("token {queue}")).collect(),
        text("latency"),
        text("bandwidth"),
        Client::ALL.iter().map(|client| format!("contention {client}")).collect(),
        text("starved"),
        Module::ALL.iter().map(|module| format!("blocked {module}")).collect(),
        text("finished"),
        text("fetch"),
        text("enqueue"),
        Client::ALL.iter().map(|client| format!("read {client}")).collect(),
        text("write"),
    ];
    groups.into_iter().flat_map(|group: Vec<String>| group).collect()
}

/// The name of the slice of an instruction.
#[inline]
pub(super) fn instruction(insn: &Insn) -> u64 {
    match &insn.op {
        Op::Load(mem) | Op::Store(mem) if mem.is_noop() => NOOP,
        Op::Load(mem) => LOADS + mem.memory_type as u64,
        Op::Store(_) => STORE,
        Op::Gemm(gemm) if gemm.reset => RESET,
        Op::Gemm(_) => GEMM,
        Op::Alu(alu) => ALUS + alu.alu_opcode as u64,
        Op::Finish => FINISH,
    }
}

/// Category and name of a slice that is no module's instruction; `queued` is whether fetch works on one.
#[inline]
pub(super) fn state(state: State, queued: bool) -> (Category, u64) {
    match state {
        State::Working if queued => (Category::Fetch, ENQUEUE),
        State::Working => (Category::Fetch, FETCH),
        State::Token { queue, .. } => (Category::Token, TOKENS + queue as u64),
        State::Memory(MemoryWait::Latency) => (Category::Memory, LATENCY),
        State::Memory(MemoryWait::Bandwidth) => (Category::Memory, BANDWIDTH),
        State::Memory(MemoryWait::Contention(client)) => (Category::Memory, CONTENTION + client.index() as u64),
        State::Starved => (Category::Starved, STARVED),
        State::Blocked(module) => (Category::Blocked, BLOCKED + module as u64),
        State::Finished => (Category::Finished, FINISHED),
    }
}

/// The name of a burst's slice; writes have no client.
#[inline]
pub(super) fn burst(client: Option<Client>) -> u64 {
    client.map_or(WRITE, |client| READS + client.index() as u64)
}

/// What slices are annotated with, numbered from 1. Fields of instructions have VTA's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Insn = 1,
    Poster,
    Address,
    Beats,
    SramBase,
    DramBase,
    YSize,
    XSize,
    XStride,
    YPad0,
    YPad1,
    XPad0,
    XPad1,
    UopBgn,
    UopEnd,
    IterOut,
    IterIn,
    DstFactorOut,
    DstFactorIn,
    SrcFactorOut,
    SrcFactorIn,
    WgtFactorOut,
    WgtFactorIn,
    Imm,
}

/// In the order of [`Key`].
pub(super) const KEYS: [&str; 24] = [
    "insn",
    "poster",
    "address",
    "beats",
    "sram_base",
    "dram_base",
    "y_size",
    "x_size",
    "x_stride",
    "y_pad_0",
    "y_pad_1",
    "x_pad_0",
    "x_pad_1",
    "uop_bgn",
    "uop_end",
    "iter_out",
    "iter_in",
    "dst_factor_out",
    "dst_factor_in",
    "src_factor_out",
    "src_factor_in",
    "wgt_factor_out",
    "wgt_factor_in",
    "imm",
];

/// The fields of an instruction. Pads and factors of 0 are left out; they are most.
#[inline]
pub(super) fn fields(op: &Op, put: &mut impl FnMut(Key, u64)) {
    match op {
        Op::Load(mem) | Op::Store(mem) if mem.is_noop() => {}
        Op::Load(mem) | Op::Store(mem) => mem_fields(mem, put),
        Op::Gemm(gemm) => gemm_fields(gemm, put),
        Op::Alu(alu) => {
            let loops = [alu.uop_bgn, alu.uop_end, alu.iter_out, alu.iter_in];
            put_loops(loops, put);
            put_set(Key::DstFactorOut, alu.dst_factor_out, put);
            put_set(Key::DstFactorIn, alu.dst_factor_in, put);
            put_set(Key::SrcFactorOut, alu.src_factor_out, put);
            put_set(Key::SrcFactorIn, alu.src_factor_in, put);
        }
        Op::Finish => {}
    }
}

fn mem_fields(mem: &Mem, put: &mut impl FnMut(Key, u64)) {
    put(Key::SramBase, mem.sram_base.into());
    put(Key::DramBase, mem.dram_base.into());
    put(Key::YSize, mem.y_size.into());
    put(Key::XSize, mem.x_size.into());
    put(Key::XStride, mem.x_stride.into());
    put_set(Key::YPad0, mem.y_pad_0.into(), put);
    put_set(Key::YPad1, mem.y_pad_1.into(), put);
    put_set(Key::XPad0, mem.x_pad_0.into(), put);
    put_set(Key::XPad1, mem.x_pad_1.into(), put);
}

fn gemm_fields(gemm: &Gemm, put: &mut impl FnMut(Key, u64)) {
    put_loops([gemm.uop_bgn, gemm.uop_end, gemm.iter_out, gemm.iter_in], put);
    put_set(Key::DstFactorOut, gemm.dst_factor_out, put);
    put_set(Key::DstFactorIn, gemm.dst_factor_in, put);
    put_set(Key::SrcFactorOut, gemm.src_factor_out, put);
    put_set(Key::SrcFactorIn, gemm.src_factor_in, put);
    put_set(Key::WgtFactorOut, gemm.wgt_factor_out, put);
    put_set(Key::WgtFactorIn, gemm.wgt_factor_in, put);
}

fn put_loops([uop_bgn, uop_end, iter_out, iter_in]: [u32; 4], put: &mut impl FnMut(Key, u64)) {
    put(Key::UopBgn, uop_bgn.into());
    put(Key::UopEnd, uop_end.into());
    put(Key::IterOut, iter_out.into());
    put(Key::IterIn, iter_in.into());
}

fn put_set(key: Key, value: u32, put: &mut impl FnMut(Key, u64)) {
    if value != 0 {
        put(key, value.into());
    }
}
