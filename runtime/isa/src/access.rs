//! What an instruction touches, exactly: (instruction, configuration, its micro-ops) → strided sets of scratchpad
//! elements and of DRAM bytes. No hulls: a set holds an address exactly when the instruction touches it.

use crate::config::Config;
use crate::insn::{Insn, Mem, MemoryType, Op, Uop};

/// A memory as a place for hazards. OUT is a view of ACC, so a STORE reads ACC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Space {
    Uop,
    Inp,
    Wgt,
    Acc,
    /// Addressed in bytes, unlike the scratchpads, which are addressed in elements.
    Dram,
}

impl Space {
    /// The scratchpad behind a memory type.
    pub fn of(memory: MemoryType) -> Space {
        match memory {
            MemoryType::Uop => Space::Uop,
            MemoryType::Wgt => Space::Wgt,
            MemoryType::Inp => Space::Inp,
            MemoryType::Acc | MemoryType::Out | MemoryType::Acc8Bit => Space::Acc,
        }
    }
}

/// `count` steps, `stride` addresses apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dim {
    pub count: u64,
    pub stride: u64,
}

impl Dim {
    const ONE: Dim = Dim { count: 1, stride: 0 };
}

/// The addresses `base + o·outer.stride + i·inner.stride + k` for o, i and k below `outer.count`, `inner.count` and
/// `len`. Addresses may occur more than once; it is a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    pub base: u64,
    pub outer: Dim,
    pub inner: Dim,
    pub len: u64,
}

impl Region {
    /// `len` addresses from `base`.
    pub fn contiguous(base: u64, len: u64) -> Region {
        Region { base, outer: Dim::ONE, inner: Dim::ONE, len }
    }

    /// The same set with repeated steps dropped and adjacent or overlapping ones merged, the longer dimension inside.
    pub fn simplified(mut self) -> Region {
        for _ in 0..2 {
            if self.outer.count == 1 || self.outer.stride == 0 && self.outer.count > 0 {
                self.outer = Dim::ONE;
            }
            if self.inner.count == 1 || self.inner.stride == 0 && self.inner.count > 0 {
                self.inner = Dim::ONE;
            }
            if self.inner.count > 1 && self.inner.stride <= self.len {
                self.len += (self.inner.count - 1) * self.inner.stride;
                self.inner = Dim::ONE;
            }
            if self.inner.count == 1 || self.outer.count > self.inner.count && self.inner.count > 0 {
                std::mem::swap(&mut self.outer, &mut self.inner);
            }
        }
        self
    }

    pub fn is_empty(&self) -> bool {
        self.outer.count == 0 || self.inner.count == 0 || self.len == 0
    }

    /// The address behind the last one; `base` for an empty region.
    pub fn end(&self) -> u64 {
        if self.is_empty() {
            return self.base;
        }
        self.base + (self.outer.count - 1) * self.outer.stride + (self.inner.count - 1) * self.inner.stride + self.len
    }

    /// The runs `start..end` that it consists of, in order of the loops; runs may overlap.
    pub fn runs(&self) -> impl Iterator<Item = (u64, u64)> + use<> {
        let Region { base, outer, inner, len } = *self;
        let (outer_count, inner_count) = if len == 0 { (0, 0) } else { (outer.count, inner.count) };
        (0..outer_count).flat_map(move |o| {
            (0..inner_count).map(move |i| {
                let start = base + o * outer.stride + i * inner.stride;
                (start, start + len)
            })
        })
    }

    /// Whether it holds an address of `start..end`.
    pub fn touches(&self, start: u64, end: u64) -> bool {
        if self.is_empty() || start >= end {
            return false;
        }
        (0..self.outer.count).any(|o| {
            let base = self.base + o * self.outer.stride;
            if base >= end {
                return false;
            }
            let stride = self.inner.stride.max(1);
            let first = (start + 1).saturating_sub(base + self.len).div_ceil(stride);
            let last = if self.inner.stride == 0 { 0 } else { (end - 1 - base) / stride };
            first <= last.min(self.inner.count - 1)
        })
    }

    /// Whether the two have an address in common.
    pub fn intersects(&self, other: &Region) -> bool {
        if self.is_empty() || other.is_empty() || self.end() <= other.base || other.end() <= self.base {
            return false;
        }
        let (a, b) = (self.simplified(), other.simplified());
        let steps = |region: &Region| region.outer.count * region.inner.count;
        let (few, many) = if steps(&a) * b.outer.count <= steps(&b) * a.outer.count { (a, b) } else { (b, a) };
        few.runs().any(|(start, end)| many.touches(start, end))
    }
}

/// One thing that an instruction does to a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    pub space: Space,
    pub write: bool,
    pub region: Region,
}

/// Calls `visit` with everything that the instruction reads and writes. `uops` are those of `uop_bgn .. uop_end`; the
/// instruction must have an encoding under the configuration.
///
/// One access per operand and micro-op; an accumulation is a read and a write. Regions may be empty, and may leave the
/// memory if the instruction does.
pub fn visit(config: &Config, insn: &Insn, uops: &[Uop], mut visit: impl FnMut(Access)) {
    let mut touch = |space, write, region| visit(Access { space, write, region });
    match &insn.op {
        _ if insn.is_noop() => {}
        Op::Load(mem) => {
            touch(Space::Dram, false, dram_region(config, mem));
            touch(Space::of(mem.memory_type), true, sram_region(mem));
        }
        Op::Store(mem) => {
            touch(Space::of(mem.memory_type), false, sram_region(mem));
            touch(Space::Dram, true, dram_region(config, mem));
        }
        Op::Gemm(gemm) => {
            touch(Space::Uop, false, uop_region(gemm.uop_bgn, gemm.uop_end));
            let nest = |base, out, inner| nest(base, (gemm.iter_out, out), (gemm.iter_in, inner));
            for uop in uops {
                let dst = nest(uop.dst, gemm.dst_factor_out, gemm.dst_factor_in);
                if !gemm.reset {
                    touch(Space::Inp, false, nest(uop.src, gemm.src_factor_out, gemm.src_factor_in));
                    touch(Space::Wgt, false, nest(uop.wgt, gemm.wgt_factor_out, gemm.wgt_factor_in));
                    touch(Space::Acc, false, dst);
                }
                touch(Space::Acc, true, dst);
            }
        }
        Op::Alu(alu) => {
            touch(Space::Uop, false, uop_region(alu.uop_bgn, alu.uop_end));
            let nest = |base, out, inner| nest(base, (alu.iter_out, out), (alu.iter_in, inner));
            for uop in uops {
                let dst = nest(uop.dst, alu.dst_factor_out, alu.dst_factor_in);
                if !alu.use_imm {
                    touch(Space::Acc, false, nest(uop.src, alu.src_factor_out, alu.src_factor_in));
                }
                touch(Space::Acc, false, dst);
                touch(Space::Acc, true, dst);
            }
        }
        Op::Finish => {}
    }
}

/// The scratchpad elements of a LOAD or STORE, pads included.
pub fn sram_region(mem: &Mem) -> Region {
    let len = if mem.is_noop() { 0 } else { mem.sram_rows() * mem.sram_row() };
    Region::contiguous(mem.sram_base.into(), len)
}

/// The DRAM bytes of a LOAD or STORE.
pub fn dram_region(config: &Config, mem: &Mem) -> Region {
    let element = config.element_bytes(mem.memory_type) as u64;
    Region {
        base: u64::from(mem.dram_base) * element,
        outer: Dim::ONE,
        inner: Dim { count: mem.y_size.into(), stride: u64::from(mem.x_stride) * element },
        len: u64::from(mem.x_size) * element,
    }
}

fn uop_region(uop_bgn: u32, uop_end: u32) -> Region {
    Region::contiguous(uop_bgn.into(), uop_end.saturating_sub(uop_bgn).into())
}

fn nest(base: u32, outer: (u32, u32), inner: (u32, u32)) -> Region {
    let dim = |(count, stride): (u32, u32)| Dim { count: count.into(), stride: stride.into() };
    Region { base: base.into(), outer: dim(outer), inner: dim(inner), len: 1 }
}

/// A set of elements of one scratchpad, as bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementSet {
    words: Vec<u64>,
    depth: usize,
}

impl ElementSet {
    /// The empty set of a scratchpad with this many elements.
    pub fn new(depth: usize) -> ElementSet {
        ElementSet { words: vec![0; depth.div_ceil(64)], depth }
    }

    /// Adds `base + o·outer.stride + i·inner.stride` for every base. Elements outside the scratchpad are left out.
    /// The cost depends on the depth and the number of bases, not on the counts.
    pub fn insert_nest(&mut self, bases: impl Iterator<Item = u32>, outer: Dim, inner: Dim) {
        if outer.count == 0 || inner.count == 0 || self.depth == 0 {
            return;
        }
        let mut pattern = ElementSet::new(self.depth);
        pattern.words[0] = 1;
        pattern.repeat(inner);
        pattern.repeat(outer);
        bases.for_each(|base| self.insert_shifted(&pattern, base.into()));
        self.words.last_mut().into_iter().for_each(|word| *word &= u64::MAX >> ((64 - self.depth % 64) % 64));
    }

    pub fn contains(&self, element: usize) -> bool {
        self.words.get(element / 64).is_some_and(|word| word >> (element % 64) & 1 == 1)
    }

    /// The elements, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(index * 64 + bit)
            })
        })
    }

    /// The union of `count` copies of itself, each shifted by `stride` more; doubles the copies in every step.
    fn repeat(&mut self, dim: Dim) {
        let mut have = 1;
        while have < dim.count {
            let add = have.min(dim.count - have);
            let shift = add.saturating_mul(dim.stride);
            if shift == 0 || shift >= self.depth as u64 {
                break;
            }
            let copy = self.clone();
            self.insert_shifted(&copy, shift);
            have += add;
        }
    }

    fn insert_shifted(&mut self, other: &ElementSet, shift: u64) {
        if shift >= self.depth as u64 {
            return;
        }
        let (skip, bits) = ((shift / 64) as usize, shift % 64);
        for (index, word) in other.words[..self.words.len() - skip].iter().enumerate() {
            self.words[index + skip] |= word << bits;
            if bits > 0 && index + skip + 1 < self.words.len() {
                self.words[index + skip + 1] |= word >> (64 - bits);
            }
        }
    }
}
