//! Instructions of the loop IR: transfers, products and ALU operations on tiles.
//!
//! What an instruction touches is asked of [`Insn::operands`], whatever it is. An operand's position is the place in which
//! loops and micro-ops move it: 0 for `dst`, 1 for `src`, 2 for `wgt`.

use tilewright_isa::AluOpcode;

use super::ir::{Origin, TileRef};

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Insn {
    Dma(Dma),
    Gemm(Gemm),
    Alu(Alu),
}

/// What an instruction reads or writes: tiles of a buffer, counted from an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operand<'a> {
    pub tile: &'a TileRef,
    /// Whether it is the one that is written. A product or operation also reads that.
    pub written: bool,
}

impl Insn {
    /// The operands by position: scratchpad and DRAM of a transfer, else the destination and what is read beside it.
    ///
    /// ```text
    /// load A_buf[0] <- A[i]     A_buf (written), A
    /// gemm C[0] += A[i] * B[j]  C (written), A, B
    /// alu add C[0], 3           C (written)
    /// ```
    pub fn operands(&self) -> impl Iterator<Item = Operand<'_>> {
        let tiles = match self {
            Insn::Dma(s) => [Some(&s.sram), Some(&s.dram), None],
            Insn::Gemm(s) => {
                let (src, wgt) = s.operands.as_ref().map(|(src, wgt)| (src, wgt)).unzip();
                [Some(&s.dst), src, wgt]
            }
            Insn::Alu(s) => [Some(&s.dst), s.operand.tile(), None],
        };
        let target = self.target();
        tiles.into_iter().flatten().map(move |tile| Operand { tile, written: std::ptr::eq(tile, target) })
    }

    /// The tiles of the operands, to be changed.
    pub fn tiles_mut(&mut self) -> impl Iterator<Item = &mut TileRef> {
        let tiles = match self {
            Insn::Dma(s) => [Some(&mut s.sram), Some(&mut s.dram), None],
            Insn::Gemm(s) => {
                let (src, wgt) = s.operands.as_mut().map(|(src, wgt)| (src, wgt)).unzip();
                [Some(&mut s.dst), src, wgt]
            }
            Insn::Alu(s) => match &mut s.operand {
                AluOperand::Imm(_) => [Some(&mut s.dst), None, None],
                AluOperand::Tile(tile) => [Some(&mut s.dst), Some(tile), None],
            },
        };
        tiles.into_iter().flatten()
    }

    /// The tile that is written.
    pub fn target(&self) -> &TileRef {
        match self {
            Insn::Dma(s) if s.direction == Direction::Store => &s.dram,
            Insn::Dma(s) => &s.sram,
            Insn::Gemm(s) => &s.dst,
            Insn::Alu(s) => &s.dst,
        }
    }

    /// The outer and the inner loop, and the micro-ops; none for a transfer.
    pub fn walk(&self) -> Option<(&InsnLoop, &InsnLoop, &[MicroOp])> {
        match self {
            Insn::Dma(_) => None,
            Insn::Gemm(s) => Some((&s.outer, &s.inner, &s.uops)),
            Insn::Alu(s) => Some((&s.outer, &s.inner, &s.uops)),
        }
    }

    /// Replaces what [`Insn::walk`] returns. A transfer has none of it.
    pub fn set_walk(&mut self, loops: (InsnLoop, InsnLoop), list: Vec<MicroOp>) {
        let (outer, inner, uops) = match self {
            Insn::Dma(_) => return,
            Insn::Gemm(s) => (&mut s.outer, &mut s.inner, &mut s.uops),
            Insn::Alu(s) => (&mut s.outer, &mut s.inner, &mut s.uops),
        };
        (*outer, *inner) = loops;
        *uops = list;
    }

    pub fn origin(&self) -> Origin {
        match self {
            Insn::Dma(s) => s.origin,
            Insn::Gemm(s) => s.origin,
            Insn::Alu(s) => s.origin,
        }
    }

    pub fn origin_mut(&mut self) -> &mut Origin {
        match self {
            Insn::Dma(s) => &mut s.origin,
            Insn::Gemm(s) => &mut s.origin,
            Insn::Alu(s) => &mut s.origin,
        }
    }
}

impl AluOperand {
    /// The tile, if it is one.
    pub fn tile(&self) -> Option<&TileRef> {
        match self {
            AluOperand::Imm(_) => None,
            AluOperand::Tile(tile) => Some(tile),
        }
    }
}

/// The direction of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// DRAM to scratchpad.
    Load,
    /// Scratchpad to DRAM; keeps the low bits that the DRAM buffer's type has.
    Store,
}

/// Tiles of zeros that a load writes around its rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pad {
    /// Rows before the first and behind the last.
    pub y: [i64; 2],
    /// Tiles before the first and behind the last of each row.
    pub x: [i64; 2],
}

impl Pad {
    /// Rows before and behind, tiles before and behind: the order of the text.
    pub fn tiles(&self) -> [i64; 4] {
        [self.y[0], self.y[1], self.x[0], self.x[1]]
    }
}

/// `y_size` rows of `x_size` tiles: contiguous in the scratchpad, `x_stride` tiles apart in DRAM. A load writes zeros
/// around them. Both sides are counted in tiles of the scratchpad's buffer. Those of the buffer in DRAM hold as many elements
/// or several times as many, as where results of products are stored that are read as weights.
///
/// ```text
/// width = pad.x[0] + x_size + pad.x[1]
/// sram[sram.offset .. + (pad.y[0] + y_size + pad.y[1]) * width] = 0
/// for y in 0..y_size { for x in 0..x_size {
///     sram[sram.offset + (pad.y[0] + y) * width + pad.x[0] + x] <-> dram[dram.offset + y * x_stride + x]
/// }}
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dma {
    pub direction: Direction,
    pub sram: TileRef,
    pub dram: TileRef,
    pub y_size: i64,
    pub x_size: i64,
    pub x_stride: i64,
    /// Zero for a store.
    pub pad: Pad,
    pub origin: Origin,
}

impl Dma {
    /// Tiles of a row in the scratchpad.
    pub fn width(&self) -> i64 {
        self.pad.x[0] + self.x_size + self.pad.x[1]
    }

    /// Tiles that are written to the scratchpad or read from it.
    pub fn sram_tiles(&self) -> i64 {
        (self.pad.y[0] + self.y_size + self.pad.y[1]) * self.width()
    }
}

/// One of an instruction's two loops: its extent, and by how many tiles each operand moves in one iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsnLoop {
    pub extent: i64,
    pub dst: i64,
    pub src: i64,
    pub wgt: i64,
}

impl InsnLoop {
    /// The loop that does nothing: one iteration.
    pub const ONCE: InsnLoop = InsnLoop { extent: 1, dst: 0, src: 0, wgt: 0 };
}

/// A micro-op: displacements of the operands, in tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MicroOp {
    pub dst: i64,
    pub src: i64,
    pub wgt: i64,
}

/// Matrix products of tiles, accumulated, or zeroing of tiles.
///
/// ```text
/// for o in 0..outer.extent { for i in 0..inner.extent { for u in uops {
///     d = dst + u.dst + o * outer.dst + i * inner.dst        (src and wgt likewise)
///     acc[d][b][co] += sum(ci: inp[s][b][ci] * wgt[w][co][ci])
/// }}}
/// ```
/// Without operands (`None`) it is the reset: `acc[d] = 0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gemm {
    pub dst: TileRef,
    /// The input's and the weights' tiles; `None` for a reset.
    pub operands: Option<(TileRef, TileRef)>,
    pub outer: InsnLoop,
    pub inner: InsnLoop,
    pub uops: Vec<MicroOp>,
    pub origin: Origin,
}

/// An operation of the vector ALU on tiles of the accumulator, in place: `acc[d] = op(acc[d], operand)`, with loops and
/// micro-ops as in [`Gemm`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alu {
    pub opcode: AluOpcode,
    pub dst: TileRef,
    pub operand: AluOperand,
    pub outer: InsnLoop,
    pub inner: InsnLoop,
    pub uops: Vec<MicroOp>,
    pub origin: Origin,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AluOperand {
    /// The immediate has 16 bits.
    Imm(i16),
    Tile(TileRef),
}
