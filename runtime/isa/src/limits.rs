//! What instructions can say at most, in every configuration: widths of fields → the largest values that they hold.
//!
//! The layout of instructions takes its widths from here; legalisation, emission, the simulator and lint take the
//! limits. Widths that depend on the configuration are in [`crate::FieldWidths`].

/// Bits of the counter of a token queue.
pub const TOKENS_WIDTH: u32 = 8;
/// Tokens that a queue's counter can hold in hardware; a further one is lost.
pub const MAX_TOKENS: usize = largest(TOKENS_WIDTH) as usize;

/// Bits of the iteration counts of GEMM and ALU.
pub const ITER_WIDTH: u32 = 14;
/// The largest iteration count.
pub const MAX_ITER: u32 = largest(ITER_WIDTH);

/// Bits of `x_size`, `y_size`, `x_stride` and `sram_base` of LOAD and STORE.
pub const SIZE_WIDTH: u32 = 16;
/// The largest of each of them.
pub const MAX_SIZE: u32 = largest(SIZE_WIDTH);

/// Bits of the padding on one side of a LOAD.
pub const PAD_WIDTH: u32 = 4;
/// The largest padding on one side.
pub const MAX_PAD: u32 = largest(PAD_WIDTH);

/// Bits of `dram_base`, which counts elements, and of an address in device memory.
pub const DRAM_WIDTH: u32 = 32;
/// Bytes of device memory that an instruction can reach.
pub const ADDRESS_SPACE: u64 = 1 << DRAM_WIDTH;

/// Bits of the immediate of ALU.
pub const IMM_WIDTH: u32 = 16;

/// The largest value of so many bits.
const fn largest(width: u32) -> u32 {
    (1 << width) - 1
}
