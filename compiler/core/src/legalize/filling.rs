//! Holds that what fills up tiles is taken for nothing. Nests with layouts → nothing, or the sum that could add something
//! else than zeros, or the read that could find something else than what stands outside of an array.
//!
//! ```text
//! C[i, j] += X_buf[i, r] * W_buf[j, r]      r in 0..256 of 250: X_buf[i, 250..] and W_buf[j, 250..] are loaded with the tile
//! ```
//!
//! An input is filled up with zeros. What a program computed and stored in DRAM is not: its last tile has the results of
//! lanes that are no part of the array. A product with zero is zero, so one factor that comes from an input is enough.

use crate::legalize::LegalizeError;
use crate::legalize::layout::partner;
use crate::legalize::match_gemm::Product;
use crate::legalize::nest::Nest;
use crate::loops::ir::{BufferId, Leaf, LoopId, LoopProgram, Role, Scope};

/// Checks one product. Buffers have the extents of their tiles.
pub fn adds_zeros(program: &LoopProgram, nests: &[Nest], nest: &Nest, p: &Product) -> Result<(), LegalizeError> {
    let reduced = p.tile.src.iter().find_map(|a| p.tile.wgt.iter().find(|b| a.var == b.var).map(|b| (a.dim, b.dim)));
    let Some((src_dim, wgt_dim)) = reduced else { return Ok(()) };
    let anything = |b: BufferId, dim: usize| holds_anything(program, nests, b, dim, program.buffers.len());
    if !anything(p.src.buffer, src_dim) || !anything(p.wgt.buffer, wgt_dim) {
        return Ok(());
    }
    Err(LegalizeError::Shape {
        buffer: program.buffer(p.dst.buffer).name.clone(),
        what: "products of the GEMM core",
        reason: "both factors are computed, and what fills up the last tile of the sum is not zero in them".to_string(),
        origin: nest.origin(),
        help: "make the size that is summed over a multiple of BLOCK_IN, or let one of the factors be an input"
            .to_string(),
    })
}

/// Checks the reads of one nest that reach beyond an array which says what stands there. In a dimension that lies in lanes
/// they would find what fills up the last tile. Tiles of operands reach beyond their arrays as well, from the first one on;
/// of these [`adds_zeros`] takes care.
pub fn reads_outside(program: &LoopProgram, nest: &Nest) -> Result<(), LegalizeError> {
    let is_operand = matches!(program.buffer(nest.store.buffer).scope, Scope::Inp | Scope::Wgt);
    let mut found = Ok(());
    nest.store.value.leaves(&mut |leaf| {
        let Leaf::Load(load) = leaf else { return };
        let buffer = program.buffer(load.buffer);
        let is_zero = buffer.role == Role::Input && buffer.outside == Some(0);
        if buffer.outside.is_none() || is_zero || buffer.scope != Scope::Dram {
            return;
        }
        for (dim, index) in load.indices.iter().enumerate().filter(|(dim, _)| buffer.array[*dim] < buffer.shape[*dim]) {
            let range = index.range(&|l| program.loop_range(l));
            let in_tiles = is_operand && range.min == 0 && range.max < buffer.shape[dim];
            if range.max >= buffer.array[dim] && !in_tiles {
                found = Err(LegalizeError::Shape {
                    buffer: buffer.name.clone(),
                    what: "reads beyond the edge of an array",
                    reason: format!(
                        "dimension {dim} ends inside of a tile, which is filled up with something else than the {} \
                         outside of it",
                        buffer.outside.unwrap_or(0)
                    ),
                    origin: nest.origin(),
                    help: format!("make its size, {}, a multiple of the tile's", buffer.array[dim]),
                });
            }
        }
    });
    found
}

/// Whether a dimension ends with a tile that is filled up with something else than zeros. Copies pass on what they load.
fn holds_anything(program: &LoopProgram, nests: &[Nest], b: BufferId, dim: usize, depth: usize) -> bool {
    let buffer = program.buffer(b);
    if buffer.scope == Scope::Dram {
        return buffer.role != Role::Input && buffer.array[dim] < buffer.shape[dim];
    }
    if depth == 0 {
        return true;
    }
    nests.iter().filter(|n| n.store.buffer == b).any(|n| {
        let vars: Vec<LoopId> = n.loops.iter().map(|l| l.var).collect();
        let mut anything = false;
        n.store.value.leaves(&mut |leaf| {
            if let Leaf::Load(l) = leaf {
                let from = partner(&vars, (dim, &n.store.indices[dim]), &l.indices);
                anything |= from.is_none_or(|from| holds_anything(program, nests, l.buffer, from, depth - 1));
            }
        });
        anything
    })
}
