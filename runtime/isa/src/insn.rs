//! Instructions and micro-ops as values, named and grouped as VTA has them. Each type's comment is its semantics as a
//! short loop; the encoding is in [`crate::encode`].
//!
//! Fields hold what their encoding can hold at most; whether a value fits a given configuration is checked on encoding.

use crate::alu::AluOpcode;
use crate::memory::MemoryType;
use std::fmt;

/// One of the three modules that execute instructions; each has its own queue and runs in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Module {
    Load,
    Compute,
    Store,
}

impl Module {
    pub const ALL: [Module; 3] = [Module::Load, Module::Compute, Module::Store];

    /// The name in the text form.
    pub fn name(self) -> &'static str {
        match self {
            Module::Load => "load",
            Module::Compute => "compute",
            Module::Store => "store",
        }
    }

    /// The neighbour on the side of `pop_prev` and `push_prev`; load has none.
    pub const fn prev(self) -> Option<Module> {
        match self {
            Module::Load => None,
            Module::Compute => Some(Module::Load),
            Module::Store => Some(Module::Compute),
        }
    }

    /// The neighbour on the side of `pop_next` and `push_next`; store has none.
    pub const fn next(self) -> Option<Module> {
        match self {
            Module::Load => Some(Module::Compute),
            Module::Compute => Some(Module::Store),
            Module::Store => None,
        }
    }
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The tokens that an instruction waits for before it starts and posts when it is done.
///
/// `prev` and `next` are the neighbours of the module that runs it ([`Module::prev`], [`Module::next`]). A flag on the
/// side where there is no neighbour has no effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tokens {
    pub pop_prev: bool,
    pub pop_next: bool,
    pub push_prev: bool,
    pub push_next: bool,
}

/// The operands of LOAD and STORE: a rectangle in DRAM, `x_stride` elements from row to row, and its dense image in a
/// scratchpad. All counts are elements of `memory_type`.
///
/// LOAD, with `row = x_pad_0 + x_size + x_pad_1`:
/// ```text
/// for y in 0 .. y_pad_0 + y_size + y_pad_1, x in 0 .. row:
///     sram[sram_base + y·row + x] = if (y, x) lies in a pad { 0 }
///                                   else { dram[dram_base + (y - y_pad_0)·x_stride + x - x_pad_0] }
/// ```
/// STORE (pads must be 0):
/// ```text
/// for y in 0 .. y_size, x in 0 .. x_size:
///     dram[dram_base + y·x_stride + x] = truncate(acc[sram_base + y·x_size + x])
/// ```
/// With `x_size = 0` neither moves anything; only its tokens are exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mem {
    pub memory_type: MemoryType,
    pub sram_base: u16,
    pub dram_base: u32,
    pub y_size: u16,
    pub x_size: u16,
    pub x_stride: u16,
    pub y_pad_0: u8,
    pub y_pad_1: u8,
    pub x_pad_0: u8,
    pub x_pad_1: u8,
}

impl Mem {
    /// A no-op: moves nothing and exchanges its tokens. `memory_type` decides which module runs it.
    pub fn noop(memory_type: MemoryType) -> Mem {
        Mem {
            memory_type,
            sram_base: 0,
            dram_base: 0,
            y_size: 0,
            x_size: 0,
            x_stride: 0,
            y_pad_0: 0,
            y_pad_1: 0,
            x_pad_0: 0,
            x_pad_1: 0,
        }
    }

    pub fn is_noop(&self) -> bool {
        self.x_size == 0
    }

    /// Elements of one row in the scratchpad, pads included.
    pub fn sram_row(&self) -> u64 {
        u64::from(self.x_pad_0) + u64::from(self.x_size) + u64::from(self.x_pad_1)
    }

    /// Rows in the scratchpad, pads included.
    pub fn sram_rows(&self) -> u64 {
        u64::from(self.y_pad_0) + u64::from(self.y_size) + u64::from(self.y_pad_1)
    }
}

/// Matrix products: each adds one INP element times one transposed WGT element to one ACC element, wrapping at the
/// accumulator's width.
///
/// ```text
/// for o in 0 .. iter_out, i in 0 .. iter_in, u in uop_bgn .. uop_end:
///     dst = uop[u].dst + o·dst_factor_out + i·dst_factor_in
///     src = uop[u].src + o·src_factor_out + i·src_factor_in
///     wgt = uop[u].wgt + o·wgt_factor_out + i·wgt_factor_in
///     for b in 0 .. BATCH, co in 0 .. BLOCK_OUT:
///         acc[dst][b][co] = if reset { 0 } else { acc[dst][b][co] + Σ ci: inp[src][b][ci] · wgt[wgt][co][ci] }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gemm {
    pub reset: bool,
    pub uop_bgn: u32,
    pub uop_end: u32,
    pub iter_out: u32,
    pub iter_in: u32,
    pub dst_factor_out: u32,
    pub dst_factor_in: u32,
    pub src_factor_out: u32,
    pub src_factor_in: u32,
    pub wgt_factor_out: u32,
    pub wgt_factor_in: u32,
}

impl Gemm {
    /// Micro-ops executed: none when the range is empty or runs backwards.
    pub fn uop_executions(&self) -> u64 {
        executions(self.uop_bgn, self.uop_end, self.iter_out, self.iter_in)
    }
}

/// Elementwise operations on ACC elements, wrapping at the accumulator's width.
///
/// ```text
/// for o in 0 .. iter_out, i in 0 .. iter_in, u in uop_bgn .. uop_end:
///     dst = uop[u].dst + o·dst_factor_out + i·dst_factor_in
///     src = uop[u].src + o·src_factor_out + i·src_factor_in
///     for each lane: acc[dst] = alu_opcode(acc[dst], if use_imm { imm } else { acc[src] })
/// ```
/// `reset` is a bit of the encoding without effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alu {
    pub reset: bool,
    pub uop_bgn: u32,
    pub uop_end: u32,
    pub iter_out: u32,
    pub iter_in: u32,
    pub dst_factor_out: u32,
    pub dst_factor_in: u32,
    pub src_factor_out: u32,
    pub src_factor_in: u32,
    pub alu_opcode: AluOpcode,
    pub use_imm: bool,
    pub imm: i16,
}

impl Alu {
    /// Micro-ops executed: none when the range is empty or runs backwards.
    pub fn uop_executions(&self) -> u64 {
        executions(self.uop_bgn, self.uop_end, self.iter_out, self.iter_in)
    }
}

fn executions(uop_bgn: u32, uop_end: u32, iter_out: u32, iter_in: u32) -> u64 {
    u64::from(uop_end.saturating_sub(uop_bgn)) * u64::from(iter_out) * u64::from(iter_in)
}

/// What an instruction does, besides exchanging tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    Load(Mem),
    Store(Mem),
    Gemm(Gemm),
    Alu(Alu),
    /// Ends the run: once it is done the host takes over.
    Finish,
}

/// One instruction. It starts when the tokens that it pops are there and posts the others when it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Insn {
    pub tokens: Tokens,
    pub op: Op,
}

impl Insn {
    /// The module that runs it: LOAD of INP and WGT in load, STORE in store, everything else in compute.
    #[inline]
    pub fn module(&self) -> Module {
        match &self.op {
            Op::Load(mem) => mem.memory_type.loaded_by(),
            Op::Store(_) => Module::Store,
            Op::Gemm(_) | Op::Alu(_) | Op::Finish => Module::Compute,
        }
    }

    /// Whether it only exchanges tokens: a LOAD or STORE with `x_size = 0`.
    pub fn is_noop(&self) -> bool {
        matches!(&self.op, Op::Load(mem) | Op::Store(mem) if mem.is_noop())
    }

    /// The name in the text form.
    pub fn mnemonic(&self) -> &'static str {
        match &self.op {
            Op::Load(_) => "load",
            Op::Store(_) => "store",
            Op::Gemm(_) => "gemm",
            Op::Alu(_) => "alu",
            Op::Finish => "finish",
        }
    }
}

/// One micro-op: the base indices of a GEMM or ALU step. ALU ignores `wgt`, and `src` too with an immediate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Uop {
    pub dst: u32,
    pub src: u32,
    pub wgt: u32,
}
