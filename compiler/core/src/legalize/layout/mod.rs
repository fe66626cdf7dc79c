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
//! Accumulators that no product reaches take tiles of their last dimension, or of the last one with which everything that is
//! read and written lies in whole tiles: pooling, which walks rows and columns by steps, leaves the channels. Where the
//! operands of a nest do not have the dimension along which its tiles lie, each of their elements fills a tile
//! ([`Place::Repeated`]), and where two nests want a buffer in different tiles there are two of it ([`versions`]).
//!
//! [`carry`] says what a nest asks of its operands, [`search`] finds tiles for all buffers, [`versions`] rewrites the program.
//! The order of the tiles is the schedule's choice; see `order`.

mod carry;
mod freedom;
mod search;
mod versions;

use crate::gemm::TileLane;
use crate::legalize::match_alu::foreign_operand;
use crate::legalize::match_gemm::product;
use crate::legalize::order::orders;
use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{Buffer, BufferId, Index, Lane, Layout, LoopId, LoopProgram, Mark, Scope};
use crate::loops::nest::{Nest, stores};

use search::{Asked, Tilings};

/// Where the lanes of one side of a tile lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    /// Consecutive indices of a dimension.
    Dim(usize),
    /// All lanes hold the same element.
    Repeated,
}

/// How the elements of a buffer lie in tiles: for each side of a tile that has more than one lane, from the outermost to the
/// innermost, where its lanes lie, and how many there are.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
struct Tiling(Vec<(Place, i64)>);

impl Tiling {
    fn of(lanes: &[TileLane<LoopId>]) -> Tiling {
        Tiling(lanes.iter().filter(|l| l.size > 1).map(|l| (Place::Dim(l.dim), l.size)).collect())
    }

    /// How many of the lanes lie along a dimension.
    fn lane_size(&self, dim: usize) -> i64 {
        self.0.iter().filter(|(place, _)| *place == Place::Dim(dim)).map(|(_, size)| size).product()
    }

    /// Whether tiles of another kind are parts of these, in which their elements follow each other in the same order.
    fn contains(&self, part: &Tiling) -> bool {
        let Some(outermost) = part.0.first() else { return self.repeated() == 0 };
        let Some(rest) = self.0.len().checked_sub(part.0.len()) else { return false };
        let (place, size) = self.0[rest];
        let same = self.repeated() == 0 || self == part;
        same && self.0[rest + 1..] == part.0[1..] && place == outermost.0 && size % outermost.1 == 0
    }

    /// How many sides of the tile hold the same element.
    fn repeated(&self) -> usize {
        self.0.iter().filter(|(place, _)| *place == Place::Repeated).count()
    }

    /// The lanes of a buffer of this many dimensions, of which the last ones are those along which elements are repeated.
    fn lanes(&self, rank: usize) -> Vec<Lane> {
        let mut repeated = rank - self.repeated()..;
        let dim = |place: &Place| match place {
            Place::Dim(dim) => *dim,
            Place::Repeated => repeated.next().unwrap_or(rank),
        };
        let dims: Vec<usize> = self.0.iter().map(|(place, _)| place).map(dim).collect();
        dims.into_iter().zip(&self.0).map(|(dim, (_, size))| Lane { dim, size: *size }).collect()
    }
}

pub fn run(program: &mut LoopProgram, cx: &Cx) -> Result<(), LegalizeError> {
    let mut nests = all_nests(program);
    for nest in &nests {
        untensorized(program, cx, nest)?;
    }
    let mut found = search::tilings(program, cx, &asked(program, cx, &nests)?)?;
    if !versions::are_plain(&found) {
        found = versions::rewrite(program, cx, found)?;
        nests = all_nests(program);
    }
    let maps: Vec<&Nest> = nests.iter().filter(|n| !is_product(n)).collect();
    let inside = program.buffer_ids().map(|buffer| inside_tiles(program, buffer, &found, &nests)).collect::<Vec<_>>();
    let orders = orders(program, &maps, &inside);
    for ((buffer, tilings), order) in program.buffers.iter_mut().zip(found).zip(orders) {
        let rank = buffer.shape.len();
        let layout = Layout { lanes: tilings.first().map_or(Vec::new(), |tiling| tiling.lanes(rank)), order };
        for lane in &layout.lanes {
            buffer.shape[lane.dim] = (buffer.shape[lane.dim] + lane.size - 1) / lane.size * lane.size;
        }
        buffer.layout = Some(layout);
    }
    Ok(())
}

/// Along which dimensions several tiles of what is stored in a buffer lie side by side inside of one of its own.
fn inside_tiles(program: &LoopProgram, buffer: BufferId, found: &Tilings, nests: &[Nest]) -> Vec<usize> {
    if program.buffer(buffer).scope != Scope::Dram {
        return Vec::new();
    }
    let [tiling] = found[buffer.0 as usize].as_slice() else { return Vec::new() };
    let stored = nests.iter().filter(|nest| nest.store.buffer == buffer).flat_map(Nest::loads);
    let stored = stored.filter(|load| program.buffer(load.buffer).scope == Scope::Acc);
    let Some([part]) = stored.map(|load| found[load.buffer.0 as usize].as_slice()).next() else { return Vec::new() };
    let outer = tiling.0.len().saturating_sub(part.0.len());
    let larger = |at: &usize| *at < outer || tiling.0[*at].1 > part.0[*at - outer].1;
    let dims = (0..tiling.0.len()).filter(larger).map(|at| match tiling.0[at].0 {
        Place::Dim(dim) => Some(dim),
        Place::Repeated => None,
    });
    dims.flatten().collect()
}

fn all_nests(program: &LoopProgram) -> Vec<Nest> {
    let mut nests = Vec::new();
    stores(&program.body, &mut |nest| nests.push(nest));
    nests
}

/// What each nest asks of the tiles: products fix those of all three operands, others carry them on.
fn asked<'n>(program: &LoopProgram, cx: &Cx, nests: &'n [Nest]) -> Result<Vec<Asked<'n>>, LegalizeError> {
    let asked = |nest: &'n Nest| {
        let marked = is_marked(nest);
        Ok(match if marked { product(program, cx, nest)? } else { None } {
            Some(p) => {
                let operands = [(p.dst.buffer, &p.tile.dst), (p.src.buffer, &p.tile.src), (p.wgt.buffer, &p.tile.wgt)];
                let [target, operands @ ..] = operands.map(|(buffer, lanes)| (buffer, Tiling::of(lanes)));
                Asked { nest, product: Some((target.1, operands)), loads: Vec::new() }
            }
            // An accumulation that is no product by itself is refused when it is matched.
            None if is_product(nest) => Asked { nest, product: None, loads: Vec::new() },
            None => Asked { nest, product: None, loads: nest.loads().into_iter().cloned().collect() },
        })
    };
    nests.iter().map(asked).collect()
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

fn is_marked(nest: &Nest) -> bool {
    nest.loops.iter().any(|l| l.mark == Some(Mark::Gemm))
}

/// Whether a nest adds products to what it writes.
fn is_product(nest: &Nest) -> bool {
    nest.loads().iter().any(|l| l.buffer == nest.store.buffer && l.indices == nest.store.indices) && is_marked(nest)
}

/// Refuses sums over operands that only the GEMM core can read, where no tile is marked for it.
fn untensorized(program: &LoopProgram, cx: &Cx, nest: &Nest) -> Result<(), LegalizeError> {
    let loads = nest.loads();
    let sums =
        program.buffer(nest.store.buffer).scope == Scope::Acc && loads.iter().any(|l| l.buffer == nest.store.buffer);
    match loads.iter().find(|l| program.buffer(l.buffer).scope != Scope::Acc) {
        Some(foreign) if sums && !is_marked(nest) => Err(foreign_operand(program, cx, nest, foreign)),
        _ => Ok(()),
    }
}

/// The tiles that a buffer has already, in a program that was read back.
fn stated(buffer: &Buffer) -> Option<Tiling> {
    let lanes = buffer.layout.as_ref().map(|l| &l.lanes).filter(|lanes| !lanes.is_empty())?;
    Some(Tiling(lanes.iter().map(|l| (Place::Dim(l.dim), l.size)).collect()))
}
