//! The scratchpads: flat typed arrays, sized from the configuration, with INP and WGT as the kernels want them.
//!
//! Invariant: each array holds depth × element values of its memory, so an index below the depth is in bounds. OUT has
//! no array of its own: a store reads the low bytes of ACC.

use crate::kernels::{Level, pack};
use std::ops::{Deref, DerefMut};
use tilewright_isa::{Config, MemoryType};

/// Bytes of a cache line, and of the widest vector.
const ALIGNMENT: usize = 64;

/// A fixed number of values, the first on a cache line, so that no vector crosses one.
#[derive(Debug)]
pub(crate) struct Aligned<T> {
    store: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy> Aligned<T> {
    pub fn new(value: T, len: usize) -> Aligned<T>
    where
        T: Clone,
    {
        let store = vec![value; len + ALIGNMENT / size_of::<T>()];
        let start = store.as_ptr().align_offset(ALIGNMENT).min(store.len() - len);
        Aligned { store, start, len }
    }
}

impl<T: Copy + Default> Clone for Aligned<T> {
    fn clone(&self) -> Aligned<T> {
        let mut copy = Aligned::new(T::default(), self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.store[self.start..self.start + self.len]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.store[self.start..self.start + self.len]
    }
}

/// INP and WGT in the layout that the level's GEMM kernel reads; see [`pack`].
#[derive(Clone, Debug)]
pub(crate) enum Operands {
    /// As in device memory: INP is `[depth][BATCH][BLOCK_IN]`, WGT `[depth][BLOCK_OUT][BLOCK_IN]`.
    Natural {
        inp: Aligned<i8>,
        wgt: Aligned<i8>,
    },
    #[cfg(target_arch = "x86_64")]
    /// INP as in device memory, with the sums of its rows.
    Quads {
        inp: Aligned<i8>,
        sums: Aligned<i32>,
        wgt: Aligned<u8>,
        wide: bool,
    },
    Pairs {
        inp: Aligned<i16>,
        wgt: Aligned<i16>,
    },
}

/// Contents of every scratchpad. All zeros at power-on.
#[derive(Clone, Debug)]
pub(crate) struct Scratchpads {
    /// Encoded micro-ops.
    pub uop: Vec<u32>,
    pub operands: Operands,
    /// `[depth][BATCH][BLOCK_OUT]`.
    pub acc: Aligned<i32>,
}

impl Scratchpads {
    pub fn new(config: &Config, level: Level) -> Scratchpads {
        let bytes = |memory| config.depth(memory) * config.element_bytes(memory);
        let (inp, wgt) = (bytes(MemoryType::Inp), bytes(MemoryType::Wgt));
        let whole_tiles = config.block_in().is_multiple_of(pack::TILE) && config.block_out().is_multiple_of(pack::TILE);
        let operands = match level {
            #[cfg(target_arch = "x86_64")]
            Level::AvxVnni | Level::Avx512Vnni if whole_tiles => Operands::Quads {
                inp: Aligned::new(0, inp),
                sums: Aligned::new(0, inp / config.block_in()),
                wgt: Aligned::new(pack::ZERO_QUAD, wgt),
                wide: level == Level::Avx512Vnni,
            },
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 if whole_tiles => Operands::Pairs { inp: Aligned::new(0, inp), wgt: Aligned::new(0, wgt) },
            _ => Operands::Natural { inp: Aligned::new(0, inp), wgt: Aligned::new(0, wgt) },
        };
        let acc = Aligned::new(0, config.depth(MemoryType::Acc) * config.batch() * config.block_out());
        Scratchpads { uop: vec![0; config.depth(MemoryType::Uop)], operands, acc }
    }

    /// Sets every value to zero.
    pub fn clear(&mut self) {
        self.uop.fill(0);
        self.acc.fill(0);
        match &mut self.operands {
            Operands::Natural { inp, wgt } => {
                inp.fill(0);
                wgt.fill(0);
            }
            #[cfg(target_arch = "x86_64")]
            Operands::Quads { inp, sums, wgt, .. } => {
                inp.fill(0);
                sums.fill(0);
                wgt.fill(pack::ZERO_QUAD);
            }
            #[cfg(target_arch = "x86_64")]
            Operands::Pairs { inp, wgt } => {
                inp.fill(0);
                wgt.fill(0);
            }
        }
    }
}
