//! Cycles that the compiler reckons with where it chooses between programs that compute the same. They are those of the
//! build of VTA that was measured, [`Timing::DE10`]; a target's own timing changes its times and not its program, so that a
//! program is the same wherever it is compiled.

use tilewright_isa::Timing;

const MACHINE: Timing = Timing::DE10;

/// What a GEMM or ALU instruction takes besides its micro-ops, where the next one waits for it.
pub const COMPUTE: u64 = MACHINE.gemm_depth;

/// The same with the cycle in which the module takes its next instruction.
pub const CYCLES_PER_INSTRUCTION: i64 = COMPUTE as i64 + 1;

/// A micro-op of ALU with an immediate, and with a register operand, which is read in a cycle of its own.
pub const ALU_IMMEDIATE: u32 = MACHINE.alu_imm_interval as u32;
pub const ALU_REGISTER: u32 = MACHINE.alu_reg_interval as u32;

/// A micro-op that clears a tile.
pub const RESET: u32 = MACHINE.gemm_interval as u32;

/// What the memory bus brings in a cycle.
pub const BYTES_PER_BEAT: u64 = MACHINE.bus_bytes;

/// A load besides its beats: three cycles until its first request is granted, the latency, and what follows the last beat.
pub const LOAD: u64 = 3 + MACHINE.read_latency + MACHINE.load_tail;

/// A load of micro-ops besides its beats. The compute module waits for it, and it waits for the bus.
pub const UOP_LOAD: u64 = 40;

/// A row of a store, and each of its tiles: two beats, and the cycle in which the tile is read.
pub const STORED_ROW: u64 = MACHINE.store_burst_cycles;
pub const STORED_TILE: u64 = 2 + MACHINE.store_tensor_cycles;
