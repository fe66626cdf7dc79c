//! What an instruction must fulfil to have a time: it fits its scratchpads. Nothing is known of device memory here, and
//! micro-ops are not read, so their indices are not looked at.

use super::sizes::Sizes;
use crate::report::Cause;
use tilewright_isa::{Mem, MemoryType, Op};

/// The longest run, in cycles; it keeps all sums of cycles far from overflow.
pub(super) const MAX_CYCLES: u64 = 1 << 60;

/// Checks one instruction, as the functional simulator does for the same cause.
pub(super) fn check(op: &Op, sizes: &Sizes) -> Result<(), Cause> {
    match op {
        Op::Load(mem) | Op::Store(mem) if mem.is_noop() => Ok(()),
        Op::Load(mem) if mem.memory_type == MemoryType::Out => Err(Cause::LoadMemory),
        Op::Load(mem) => check_sram(mem, sizes),
        Op::Store(mem) if mem.memory_type != MemoryType::Out => Err(Cause::StoreMemory { memory: mem.memory_type }),
        Op::Store(mem) => check_pads(mem).and_then(|()| check_sram(mem, sizes)),
        Op::Gemm(gemm) => check_uops(gemm.uop_executions(), gemm.uop_end, sizes),
        Op::Alu(alu) => check_uops(alu.uop_executions(), alu.uop_end, sizes),
        Op::Finish => Ok(()),
    }
}

fn check_sram(mem: &Mem, sizes: &Sizes) -> Result<(), Cause> {
    let (limit, base) = (sizes.depth(mem.memory_type), u64::from(mem.sram_base));
    let (rows, row) = (mem.sram_rows(), mem.sram_row());
    let end = base + rows * row;
    if end > limit {
        return Err(Cause::SramOverrun { memory: mem.memory_type, limit, base, rows, row, end });
    }
    Ok(())
}

fn check_pads(mem: &Mem) -> Result<(), Cause> {
    let pads = [("y_pad_0", mem.y_pad_0), ("y_pad_1", mem.y_pad_1), ("x_pad_0", mem.x_pad_0), ("x_pad_1", mem.x_pad_1)];
    match pads.into_iter().find(|(_, pad)| *pad != 0) {
        Some((field, pad)) => Err(Cause::StorePad { field, value: pad.into() }),
        None => Ok(()),
    }
}

fn check_uops(executions: u64, uop_end: u32, sizes: &Sizes) -> Result<(), Cause> {
    let (value, limit) = (u64::from(uop_end), sizes.depth(MemoryType::Uop));
    if executions > 0 && value > limit { Err(Cause::UopOverrun { value, limit }) } else { Ok(()) }
}
