//! Gives every buffer the tiles in which it lies. The GEMM core fixes those of its operands and results; copies and
//! elementwise nests carry them on to what they touch, and so to the arrays in DRAM, which the runtime packs.
//!
//! ```text
//! @gemm for ii { for ji { for ri { C[ii, jo * 16 + ji] += X_buf[ii, ri] * W_buf[jo * 16 + ji, ri] } } }
//!     C: tile(0: BATCH, 1: BLOCK_OUT)   X_buf: tile(0: BATCH, 1: BLOCK_IN)   W_buf: tile(0: BLOCK_OUT, 1: BLOCK_IN)
//! X_buf[i, r] = X[i, ro * 16 + r]
//!     X: as X_buf
//! ```
//!
//! Accumulators that no product reaches take tiles of their last dimension, or of the last one that all nests around them
//! walk alike: pooling, which walks rows and columns by steps, leaves the channels. An array that ends inside a tile gets a
//! buffer that ends with it. The order of the tiles is the schedule's choice; see `order`.

use crate::gemm::TileLane;
use crate::legalize::match_alu::foreign_operand;
use crate::legalize::match_gemm::{Product, product};
use crate::legalize::nest::{Nest, stores};
use crate::legalize::order::orders;
use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{Buffer, BufferId, Index, Lane, Layout, Leaf, Load, LoopId, LoopProgram, Mark, Origin, Scope};

pub fn run(program: &mut LoopProgram, cx: &Cx) -> Result<(), LegalizeError> {
    let mut nests = Vec::new();
    stores(&program.body, &mut |nest| nests.push(nest));
    // A program that was read back may have layouts already. Orders are a matter of their own.
    let known = |b: &Buffer| {
        let lanes = b.layout.as_ref().map(|l| l.lanes.clone()).filter(|lanes| !lanes.is_empty())?;
        Some((Layout::of(lanes), b.origin))
    };
    let mut found = Found { layouts: program.buffers.iter().map(known).collect() };
    for nest in nests.iter().filter(|n| n.loops.iter().any(|l| l.mark == Some(Mark::Gemm))) {
        if let Some(product) = product(program, cx, nest)? {
            found.set_product(program, nest, &product)?;
        }
    }
    for nest in &nests {
        untensorized(program, cx, nest)?;
    }
    found.carry(program, &nests)?;
    for nest in &nests {
        let buffer = program.buffer(nest.store.buffer);
        if buffer.scope == Scope::Acc && found.layouts[nest.store.buffer.0 as usize].is_none() {
            found = found.with_default(program, cx, nest, &nests)?;
        }
    }
    let maps: Vec<&Nest> = nests.iter().filter(|n| !accumulates(n)).collect();
    let orders = orders(program, &maps);
    for ((buffer, layout), order) in program.buffers.iter_mut().zip(found.layouts).zip(orders) {
        let layout = Layout { order, ..layout.map(|(layout, _)| layout).unwrap_or_default() };
        for lane in &layout.lanes {
            buffer.shape[lane.dim] = (buffer.shape[lane.dim] + lane.size - 1) / lane.size * lane.size;
        }
        buffer.layout = Some(layout);
    }
    Ok(())
}

/// The layouts found so far, each with the nest that asked for it.
#[derive(Clone)]
struct Found {
    layouts: Vec<Option<(Layout, Origin)>>,
}

impl Found {
    fn set_product(&mut self, program: &LoopProgram, nest: &Nest, p: &Product) -> Result<(), LegalizeError> {
        let operands = [(p.dst.buffer, &p.tile.dst), (p.src.buffer, &p.tile.src), (p.wgt.buffer, &p.tile.wgt)];
        for (buffer, lanes) in operands {
            self.set(program, buffer, layout_of(lanes), nest.origin())?;
        }
        Ok(())
    }

    /// Gives the accumulator that a nest writes the first of its possible layouts that can be carried on. The error is that
    /// of the usual layout, which has the tiles in the last dimension.
    fn with_default(
        &self,
        program: &LoopProgram,
        cx: &Cx,
        nest: &Nest,
        nests: &[Nest],
    ) -> Result<Found, LegalizeError> {
        let attempt = |layout: Layout| {
            let mut found = self.clone();
            found.set(program, nest.store.buffer, layout, nest.origin())?;
            found.carry(program, nests)?;
            Ok(found)
        };
        let mut layouts = possible_layouts(program, cx, nest)?.into_iter();
        let usual = attempt(layouts.next().unwrap_or_default());
        usual.or_else(|error| layouts.find_map(|layout| attempt(layout).ok()).ok_or(error))
    }

    /// Records a layout. Returns whether it says something that was not known.
    fn set(
        &mut self,
        program: &LoopProgram,
        b: BufferId,
        layout: Layout,
        origin: Origin,
    ) -> Result<bool, LegalizeError> {
        let buffer = program.buffer(b);
        match &self.layouts[b.0 as usize] {
            Some((known, _)) if *known == layout => return Ok(false),
            Some((known, first_origin)) => {
                return Err(LegalizeError::LayoutConflict {
                    buffer: buffer.name.clone(),
                    scope: buffer.scope,
                    first: describe(known),
                    second: describe(&layout),
                    first_origin: *first_origin,
                    second_origin: origin,
                });
            }
            None => {}
        }
        self.layouts[b.0 as usize] = Some((layout, origin));
        Ok(true)
    }

    /// Carries layouts along copies and elementwise nests until nothing changes.
    fn carry(&mut self, program: &LoopProgram, nests: &[Nest]) -> Result<(), LegalizeError> {
        let maps: Vec<&Nest> = nests.iter().filter(|n| !accumulates(n)).collect();
        let mut changed = true;
        while changed {
            changed = false;
            for nest in &maps {
                for load in loads(nest) {
                    changed |= self.carry_along(program, nest, &load)?;
                }
            }
        }
        Ok(())
    }

    fn carry_along(&mut self, program: &LoopProgram, nest: &Nest, load: &Load) -> Result<bool, LegalizeError> {
        let (dst, src) = (nest.store.buffer, load.buffer);
        let known = |b: BufferId| self.layouts[b.0 as usize].as_ref().map(|(l, _)| l.clone());
        let (from, to, layout) = match (known(dst), known(src)) {
            (Some(layout), _) => (&nest.store.indices, &load.indices, (src, layout)),
            (None, Some(layout)) => (&load.indices, &nest.store.indices, (dst, layout)),
            (None, None) => return Ok(false),
        };
        let vars: Vec<LoopId> = nest.loops.iter().map(|l| l.var).collect();
        let mut lanes = Vec::new();
        for lane in &layout.1.lanes {
            match partner(&vars, (lane.dim, &from[lane.dim]), to) {
                Some(dim) => lanes.push(Lane { dim, size: lane.size }),
                None => {
                    return Err(LegalizeError::Shape {
                        buffer: program.buffer(dst).name.clone(),
                        what: "operations on tiles",
                        reason: format!(
                            "dimension {} of `{}` is tiled, and no dimension of `{}` is indexed in the same way",
                            lane.dim,
                            program.buffer(if layout.0 == src { dst } else { src }).name,
                            program.buffer(layout.0).name
                        ),
                        origin: nest.origin(),
                        help: "index both with the same axes, each alone in a dimension".to_string(),
                    });
                }
            }
        }
        self.set(program, layout.0, Layout::of(lanes), nest.origin())
    }
}

/// The dimension of `others` that the nest's loops walk as they walk `index`. Of several in which nothing moves, it is the
/// one at the same place.
pub fn partner(vars: &[LoopId], (at, index): (usize, &Index), others: &[Index]) -> Option<usize> {
    let inner = |l: LoopId| vars.contains(&l);
    let (walk, _) = index.partition(&inner);
    let same: Vec<usize> = (0..others.len()).filter(|d| others[*d].partition(&inner).0 == walk).collect();
    match same.as_slice() {
        [dim] => Some(*dim),
        several => (walk.terms().is_empty() && several.contains(&at)).then_some(at),
    }
}

fn layout_of(lanes: &[TileLane<LoopId>]) -> Layout {
    Layout::of(lanes.iter().map(|l| Lane { dim: l.dim, size: l.size }).collect())
}

/// Every choice of dimensions for the lanes of an accumulator, those with the fewest tiles first; among equals, later
/// dimensions first, and the output lanes behind the batch.
fn possible_layouts(program: &LoopProgram, cx: &Cx, nest: &Nest) -> Result<Vec<Layout>, LegalizeError> {
    let buffer = program.buffer(nest.store.buffer);
    let core = cx.core();
    let rank = buffer.shape.len();
    if core.batch > 1 && rank < 2 {
        let reason = format!("a tile has {} rows, and the tensor has one dimension", core.batch);
        let (buffer, what, origin) = (buffer.name.clone(), "operations on tiles", nest.origin());
        let help = "give the tensor a dimension for the rows of a tile".to_string();
        return Err(LegalizeError::Shape { buffer, what, reason, origin, help });
    }
    let dims = |size: i64| -> Vec<Option<usize>> {
        if size > 1 && rank > 0 { (0..rank).rev().map(Some).collect() } else { vec![None] }
    };
    let lane = |dim: Option<usize>, size| dim.map(|dim| Lane { dim, size });
    let mut layouts = Vec::new();
    for inner in dims(core.block_out) {
        let outer = dims(core.batch).into_iter().filter(|outer| outer.is_none() || *outer != inner);
        layouts.extend(outer.map(|outer| {
            let lanes = lane(outer, core.batch).into_iter().chain(lane(inner, core.block_out));
            Layout::of(lanes.collect())
        }));
    }
    let tiles = |layout: &Layout| -> i64 {
        let extents = buffer.shape.iter().enumerate();
        extents.map(|(dim, n)| (n - 1) / layout.lane_size(dim) + 1).product()
    };
    layouts.sort_by_key(tiles);
    Ok(layouts)
}

fn accumulates(nest: &Nest) -> bool {
    loads(nest).iter().any(|l| l.buffer == nest.store.buffer && l.indices == nest.store.indices)
        && nest.loops.iter().any(|l| l.mark == Some(Mark::Gemm))
}

/// Refuses sums over operands that only the GEMM core can read, where no tile is marked for it.
fn untensorized(program: &LoopProgram, cx: &Cx, nest: &Nest) -> Result<(), LegalizeError> {
    let loads = loads(nest);
    let sums =
        program.buffer(nest.store.buffer).scope == Scope::Acc && loads.iter().any(|l| l.buffer == nest.store.buffer);
    let marked = nest.loops.iter().any(|l| l.mark == Some(Mark::Gemm));
    match loads.iter().find(|l| program.buffer(l.buffer).scope != Scope::Acc) {
        Some(foreign) if sums && !marked => Err(foreign_operand(program, cx, nest, foreign)),
        _ => Ok(()),
    }
}

fn loads(nest: &Nest) -> Vec<Load> {
    let mut found = Vec::new();
    nest.store.value.leaves(&mut |leaf| {
        if let Leaf::Load(l) = leaf {
            found.push(l.clone());
        }
    });
    found
}

fn describe(layout: &Layout) -> String {
    let lanes: Vec<String> = layout.lanes.iter().map(|l| format!("{} of dimension {}", l.size, l.dim)).collect();
    match lanes.is_empty() {
        true => "without tiles".to_string(),
        false => format!("in tiles of {}", lanes.join(" by ")),
    }
}
