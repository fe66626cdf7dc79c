//! The loops of a stage that a user shaped, and what is left to do for the GEMM core. Stage → [`Shaped`].
//!
//! ```text
//! C.split(r, 64) -> ro, ri                 C.split(j, BLOCK_OUT) -> jo, ji
//! C.reorder(ro, i, j, ri)              →   C.split(ri, BLOCK_IN) -> rio, rii
//!                                          C.reorder(ro, i, jo, rio, ji, rii)
//! ```
//!
//! What was said stays: its loops are split further where a side of the core needs it, and stand in the order that they had.

use std::collections::BTreeSet;

use crate::gemm::Side;
use crate::schedule::auto::roles::Roles;
use crate::schedule::auto::write::Taken;
use crate::schedule::{AxisSource, Schedule, Stage, StageAxisId, StageId, checks, regions};
use crate::scope::Scope;
use crate::tensor::AxisId;

/// The loops of a stage that was shaped.
#[derive(Clone, Debug, Default)]
pub struct Shaped {
    /// The loops outside of the tile, from the outermost on, once `splits` are made.
    pub loops: Vec<String>,
    /// The loops of the tile where none is marked.
    pub tile: Vec<String>,
    /// Loops that are split by a side of the core, with the names of the halves.
    pub splits: Vec<(String, Side, [String; 2])>,
}

/// Whether a directive shaped the loops of a stage, or computes something in them.
pub fn is_shaped(s: &Schedule, stage: StageId) -> bool {
    let st = s.stage(stage);
    st.axes.iter().any(|axis| axis.shaped_by.is_some() || axis.peeled.is_some())
        || is_marked(st)
        || s.guests(stage).iter().any(|guest| is_placed(s, *guest))
}

fn is_marked(st: &Stage) -> bool {
    let marks = [st.tensorize, st.alu, st.dma_copy];
    marks.iter().any(Option::is_some) || !st.unrolled.is_empty() || !st.vthreads.is_empty()
}

/// Whether a directive says where a stage is computed.
pub fn is_placed(s: &Schedule, stage: StageId) -> bool {
    s.stage(stage).attach.is_some() && !s.stands_in_steps(stage)
}

/// Whether a stage is a copy on chip of what is in device memory, as far as a schedule says so: one that a directive made, or
/// one of the kernel that it gives a scope, a place or loops.
pub fn is_load(s: &Schedule, stage: StageId) -> bool {
    let st = s.stage(stage);
    let Some(from) = checks::is_copy(s, stage).map(|read| read.tensor) else { return false };
    let tensor = s.kernel.tensor(st.tensor);
    if s.scope(from) != Scope::Dram || tensor.output || s.scan_of(st.tensor).is_some() {
        return false;
    }
    let is_input = s.kernel.tensor(from).is_input();
    match s.is_own(stage) {
        true => is_input && (st.scope_span.is_some() || is_placed(s, stage) || is_shaped(s, stage)),
        // What is stored behind it is computed there, not loaded.
        false => {
            let in_dram = |reader: &StageId| s.stage(*reader).scope == Scope::Dram;
            st.scope != Scope::Dram && (is_input || !s.readers(st.tensor).iter().any(in_dram))
        }
    }
}

/// The roles among those found that agree with what a schedule says of the factors and of the tile.
pub fn agreeing(s: &Schedule, stage: StageId, mut found: Vec<Roles>) -> Vec<Roles> {
    let Some((a, b)) = checks::product(s, stage) else { return Vec::new() };
    let may = |tensor, operand| [Scope::Dram, operand].contains(&s.scope(tensor));
    let scopes = |roles: &Roles| {
        let weights = if roles.input.tensor == a.tensor { b.tensor } else { a.tensor };
        may(roles.input.tensor, Scope::Inp) && may(weights, Scope::Wgt)
    };
    found.retain(scopes);
    let st = s.stage(stage);
    if let Some(tile) = st.tensorize {
        let from = st.depth(tile.axis).unwrap_or(0);
        let said: BTreeSet<AxisId> = st.leaves[from..].iter().flat_map(|leaf| origins(st, *leaf)).collect();
        let alike = |roles: &Roles| roles.sides.iter().flatten().copied().collect::<BTreeSet<_>>() == said;
        if found.iter().any(alike) {
            found.retain(alike);
        }
    } else if is_shaped(s, stage) {
        found.retain(|roles| shaped(s, stage, Some(roles)).is_some());
    }
    found
}

/// The axes of the tensor that a loop is made of.
pub fn origins(st: &Stage, axis: StageAxisId) -> Vec<AxisId> {
    match st.axis(axis).source {
        AxisSource::Tensor(axis) => vec![axis],
        AxisSource::Outer(from) | AxisSource::Inner(from) => origins(st, from),
        AxisSource::Fused(outer, inner) => [origins(st, outer), origins(st, inner)].concat(),
    }
}

/// The axis of the tensor of which a loop steps through neighbouring elements.
fn consecutive(st: &Stage, axis: StageAxisId) -> Option<AxisId> {
    match st.axis(axis).source {
        AxisSource::Tensor(axis) => Some(axis),
        AxisSource::Inner(from) => consecutive(st, from),
        AxisSource::Outer(_) | AxisSource::Fused(..) => None,
    }
}

/// The loops of a stage, with what makes a tile of them where it has roles; None where that cannot be.
pub fn shaped(s: &Schedule, stage: StageId, roles: Option<&Roles>) -> Option<Shaped> {
    let st = s.stage(stage);
    let name = |leaf: &StageAxisId| st.axis(*leaf).name.clone();
    let Some(roles) = roles.filter(|_| st.tensorize.is_none()) else {
        let outside = st.leaves.iter().filter(|leaf| !st.in_tile(**leaf));
        return Some(Shaped { loops: outside.map(name).collect(), ..Shaped::default() });
    };
    let bounds = regions::infer(s);
    let mut taken: Taken = st.axes.iter().map(|axis| axis.name.clone()).collect();
    let mut found = Shaped { loops: st.leaves.iter().map(name).collect(), ..Shaped::default() };
    for side in [Side::Batch, Side::BlockOut, Side::BlockIn] {
        let Some(axis) = roles.sides[side as usize] else { continue };
        let leaf = *st.leaves.iter().find(|leaf| consecutive(st, **leaf) == Some(axis))?;
        let whole = matches!(st.axis(leaf).source, AxisSource::Tensor(_));
        let size = size_of(st, leaf).unwrap_or_else(|| bounds.extent(stage, leaf));
        let at = found.loops.iter().position(|l| *l == name(&leaf))?;
        if size == s.core.size(side) && !whole {
            found.tile.push(found.loops.remove(at));
            continue;
        }
        if !whole && size % s.core.size(side) != 0 {
            return None;
        }
        let halves = ["o", "i"].map(|part| taken.fresh(&format!("{}{part}", name(&leaf))));
        found.loops[at] = halves[0].clone();
        found.tile.push(halves[1].clone());
        found.splits.push((name(&leaf), side, halves));
    }
    Some(found)
}

/// The factor of the split that a loop runs inside of, however much of it is computed.
fn size_of(st: &Stage, leaf: StageAxisId) -> Option<i64> {
    match st.axis(leaf).source {
        AxisSource::Inner(from) => st.axis(from).split.map(|split| split.factor),
        _ => None,
    }
}
