//! Assembly: operations, micro-op loads and relays, with their tokens → instructions.
//!
//! Widths of fields are no question here: a legal program has been checked against the configuration.

use tilewright_isa::config::UOP_BYTES;
use tilewright_isa::{Alu, Config, Gemm, Mem, MemoryType, Op};

use super::uops::UopLoad;
use super::walk::{Operation, Walk};
use crate::costs::{ALU_IMMEDIATE, ALU_REGISTER, BYTES_PER_BEAT, COMPUTE, LOAD, STORED_ROW, STORED_TILE};
use crate::loops::ir::{self, AluOperand, Direction, Dma, Insn, InsnLoop, LoopProgram, Stmt};
use crate::scalar::DType;

/// An instruction's place in the list: what it executes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// The operation with this number.
    Operation(u32),
    LoadUops(UopLoad),
    Finish,
}

/// The memory that a transfer names. STORE takes the low 8 bits, as OUT; an 8-bit array is widened on its way to ACC.
pub fn memory_type(program: &LoopProgram, dma: &Dma) -> MemoryType {
    let narrow = program.buffer(dma.dram.buffer).dtype == DType::I8;
    match (dma.direction, program.buffer(dma.sram.buffer).scope.memory()) {
        (Direction::Store, _) => MemoryType::Out,
        (Direction::Load, Some(MemoryType::Acc)) if narrow => MemoryType::Acc8Bit,
        (Direction::Load, Some(memory)) => memory,
        (Direction::Load, None) => unreachable!("loads fill scratchpads"),
    }
}

/// A load from the micro-op segment, whose first micro-op has this number in DRAM.
pub fn load_uops(load: &UopLoad, segment: u32) -> Op {
    Op::Load(Mem {
        sram_base: load.sram_base,
        dram_base: segment + load.offset,
        y_size: 1,
        x_size: load.count,
        x_stride: load.count,
        ..Mem::noop(MemoryType::Uop)
    })
}

/// The instruction of an operation. `segment` is the number of the first tile of the transfer's DRAM buffer.
pub fn operation(walk: &Walk, operation: &Operation, (uop_bgn, uop_end): (u32, u32), segment: u32) -> Op {
    match walk.statements[operation.statement as usize] {
        Stmt::Insn(Insn::Dma(dma)) => transfer(walk.program, dma, operation, segment),
        Stmt::Insn(Insn::Gemm(gemm)) => Op::Gemm(product(gemm, uop_bgn, uop_end)),
        Stmt::Insn(Insn::Alu(alu)) => Op::Alu(elementwise(alu, uop_bgn, uop_end)),
        Stmt::For(_) | Stmt::Alloc { .. } | Stmt::Store(_) => {
            unreachable!("only transfers, GEMM and ALU are operations")
        }
    }
}

/// About how many cycles an instruction takes where it waits for nothing.
pub fn cycles(walk: &Walk, item: &Item, config: &Config) -> u64 {
    let iterations = |outer: &InsnLoop, inner: &InsnLoop, uops: usize| {
        (outer.extent as u64).saturating_mul(inner.extent as u64).saturating_mul(uops as u64)
    };
    match item {
        Item::Finish => 1,
        Item::LoadUops(load) => u64::from(load.count) * UOP_BYTES as u64 / BYTES_PER_BEAT + LOAD,
        Item::Operation(k) => match walk.statements[walk.operations[*k as usize].statement as usize] {
            Stmt::Insn(Insn::Dma(d)) => {
                let tiles = d.y_size as u64 * d.x_size as u64;
                match d.direction {
                    Direction::Store => tiles * STORED_TILE + d.y_size as u64 * STORED_ROW,
                    Direction::Load => {
                        let bytes = config.element_bytes(memory_type(walk.program, d)) as u64;
                        tiles * bytes / BYTES_PER_BEAT + LOAD
                    }
                }
            }
            Stmt::Insn(Insn::Gemm(g)) => iterations(&g.outer, &g.inner, g.uops.len()) + COMPUTE,
            Stmt::Insn(Insn::Alu(a)) => {
                let each = if matches!(a.operand, AluOperand::Tile(_)) { ALU_REGISTER } else { ALU_IMMEDIATE };
                u64::from(each) * iterations(&a.outer, &a.inner, a.uops.len()) + COMPUTE
            }
            Stmt::For(_) | Stmt::Alloc { .. } | Stmt::Store(_) => 0,
        },
    }
}

fn transfer(program: &LoopProgram, dma: &Dma, operation: &Operation, segment: u32) -> Op {
    let mem = Mem {
        sram_base: operation.at[0] as u16,
        dram_base: segment + operation.at[1],
        y_size: dma.y_size as u16,
        x_size: dma.x_size as u16,
        x_stride: dma.x_stride as u16,
        y_pad_0: dma.pad.y[0] as u8,
        y_pad_1: dma.pad.y[1] as u8,
        x_pad_0: dma.pad.x[0] as u8,
        x_pad_1: dma.pad.x[1] as u8,
        ..Mem::noop(memory_type(program, dma))
    };
    match dma.direction {
        Direction::Load => Op::Load(mem),
        Direction::Store => Op::Store(mem),
    }
}

/// A reset reads neither input nor weights, so these do not move.
fn product(gemm: &ir::Gemm, uop_bgn: u32, uop_end: u32) -> Gemm {
    let moves = |factor: i64| if gemm.operands.is_some() { factor as u32 } else { 0 };
    Gemm {
        reset: gemm.operands.is_none(),
        uop_bgn,
        uop_end,
        iter_out: gemm.outer.extent as u32,
        iter_in: gemm.inner.extent as u32,
        dst_factor_out: gemm.outer.dst as u32,
        dst_factor_in: gemm.inner.dst as u32,
        src_factor_out: moves(gemm.outer.src),
        src_factor_in: moves(gemm.inner.src),
        wgt_factor_out: moves(gemm.outer.wgt),
        wgt_factor_in: moves(gemm.inner.wgt),
    }
}

fn elementwise(alu: &ir::Alu, uop_bgn: u32, uop_end: u32) -> Alu {
    let (use_imm, imm) = match alu.operand {
        AluOperand::Imm(imm) => (true, imm),
        AluOperand::Tile(_) => (false, 0),
    };
    let moves = |factor: i64| if use_imm { 0 } else { factor as u32 };
    Alu {
        reset: false,
        uop_bgn,
        uop_end,
        iter_out: alu.outer.extent as u32,
        iter_in: alu.inner.extent as u32,
        dst_factor_out: alu.outer.dst as u32,
        dst_factor_in: alu.inner.dst as u32,
        src_factor_out: moves(alu.outer.src),
        src_factor_in: moves(alu.inner.src),
        alu_opcode: alu.opcode,
        use_imm,
        imm,
    }
}
