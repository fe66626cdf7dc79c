//! The scratchpads: flat typed arrays, sized from the configuration.
//!
//! Invariant: each array holds depth × element values of its memory, so an index below the depth is in bounds. OUT has
//! no array of its own: a store reads the low bytes of ACC.

use tilewright_isa::{Config, MemoryType};

/// Contents of every scratchpad. All zeros at power-on.
#[derive(Clone, Debug)]
pub(crate) struct Scratchpads {
    /// Encoded micro-ops.
    pub uop: Vec<u32>,
    /// `[depth][BATCH][BLOCK_IN]`.
    pub inp: Vec<i8>,
    /// `[depth][BLOCK_OUT][BLOCK_IN]`.
    pub wgt: Vec<i8>,
    /// `[depth][BATCH][BLOCK_OUT]`.
    pub acc: Vec<i32>,
}

impl Scratchpads {
    pub fn new(config: &Config) -> Scratchpads {
        let bytes = |memory| config.depth(memory) * config.element_bytes(memory);
        Scratchpads {
            uop: vec![0; config.depth(MemoryType::Uop)],
            inp: vec![0; bytes(MemoryType::Inp)],
            wgt: vec![0; bytes(MemoryType::Wgt)],
            acc: vec![0; bytes(MemoryType::Out)],
        }
    }
}
