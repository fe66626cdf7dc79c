//! The shape of the GEMM core, and the one place that decides whether loops around a product are one of its micro-ops.
//!
//! In: the loops of a tile and the index vectors of three accesses. Out: which loop is which side of the core, and the
//! lanes that each operand's array must have; or the first part that differs. Generic over the loop variables, so that
//! a schedule is checked on its own axes and legalisation on loops, by the same rules.

use crate::affine::{Affine, Variable};

pub use tilewright_isa::Side;

/// Sides of the GEMM core, in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Core {
    pub batch: i64,
    pub block_in: i64,
    pub block_out: i64,
}

impl Core {
    /// Values along a side, and so the extent of the loop that has its role in a micro-op.
    pub fn size(self, side: Side) -> i64 {
        match side {
            Side::Batch => self.batch,
            Side::BlockOut => self.block_out,
            Side::BlockIn => self.block_in,
        }
    }
}

/// The indices of the three accesses of a product `dst += src * wgt`.
#[derive(Clone, Debug)]
pub struct Accesses<'a, V> {
    pub dst: &'a [Affine<V>],
    pub src: &'a [Affine<V>],
    pub wgt: &'a [Affine<V>],
}

/// A loop of the tile.
#[derive(Clone, Copy, Debug)]
pub struct TileLoop<V> {
    pub var: V,
    pub extent: i64,
}

/// `size` consecutive indices of dimension `dim` are the lanes of one side of the core; `var` runs over them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileLane<V> {
    pub dim: usize,
    pub size: i64,
    pub var: V,
}

/// The lanes of each operand, outermost first; sides of size 1 have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match<V> {
    pub dst: Vec<TileLane<V>>,
    pub src: Vec<TileLane<V>>,
    pub wgt: Vec<TileLane<V>>,
}

/// The part in which a nest differs from a micro-op.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch<V> {
    /// The loop takes part in the accesses in a way that no side of the core does.
    NoSide { var: V },
    /// The loop has the role of a side, but another extent.
    Extent { var: V, side: Side, extent: i64, expected: i64 },
    /// No loop has the role of a side whose size is not 1.
    Missing { side: Side, expected: i64 },
    /// Two loops have the role of one side.
    Twice { first: V, second: V, side: Side },
    /// The loop does not walk one dimension of an operand element by element.
    NotConsecutive { var: V, side: Side },
}

/// Decides whether the loops are one micro-op of the core.
pub fn match_tile<V: Variable>(
    core: Core,
    loops: &[TileLoop<V>],
    accesses: &Accesses<V>,
) -> Result<Match<V>, Mismatch<V>> {
    let mut sides: [Option<V>; 3] = [None; 3];
    for l in loops.iter().filter(|l| l.extent > 1) {
        let side = side_of(l.var, accesses).ok_or(Mismatch::NoSide { var: l.var })?;
        let expected = core.size(side);
        if l.extent != expected {
            return Err(Mismatch::Extent { var: l.var, side, extent: l.extent, expected });
        }
        let slot = &mut sides[side as usize];
        if let Some(first) = slot.replace(l.var) {
            return Err(Mismatch::Twice { first, second: l.var, side });
        }
    }
    for side in Side::ALL {
        let expected = core.size(side);
        if expected > 1 && sides[side as usize].is_none() {
            return Err(Mismatch::Missing { side, expected });
        }
    }
    let lanes = |indices: &[Affine<V>], order: [Side; 2]| -> Result<Vec<TileLane<V>>, Mismatch<V>> {
        let present = order.into_iter().filter_map(|side| sides[side as usize].map(|var| (side, var)));
        present.map(|(side, var)| lane(core, side, var, indices)).collect()
    };
    Ok(Match {
        dst: lanes(accesses.dst, [Side::Batch, Side::BlockOut])?,
        src: lanes(accesses.src, [Side::Batch, Side::BlockIn])?,
        wgt: lanes(accesses.wgt, [Side::BlockOut, Side::BlockIn])?,
    })
}

fn side_of<V: Variable>(var: V, accesses: &Accesses<V>) -> Option<Side> {
    let within = |indices: &[Affine<V>]| indices.iter().any(|e| e.mentions(&|v| v == var));
    match (within(accesses.dst), within(accesses.src), within(accesses.wgt)) {
        (true, true, false) => Some(Side::Batch),
        (true, false, true) => Some(Side::BlockOut),
        (false, true, true) => Some(Side::BlockIn),
        _ => None,
    }
}

/// The dimension that the variable walks with step 1; it may occur in no other.
fn lane<V: Variable>(core: Core, side: Side, var: V, indices: &[Affine<V>]) -> Result<TileLane<V>, Mismatch<V>> {
    let mut dims = indices.iter().enumerate().filter(|(_, e)| e.mentions(&|v| v == var));
    match (dims.next(), dims.next()) {
        (Some((dim, e)), None) if e.coefficient(var) == Some(1) => Ok(TileLane { dim, size: core.size(side), var }),
        _ => Err(Mismatch::NotConsecutive { var, side }),
    }
}
