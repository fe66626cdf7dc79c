//! From element indices to tiles: which loops walk the lanes, and where an access lies in tiles.

use crate::affine::{Affine, Interval};
use crate::gemm::Core;
use crate::loops::ir::{Buffer, BufferId, Index, Leaf, LoopId, LoopProgram, Scope, Store, TileRef};
use crate::loops::nest::NestLoop;

/// A loop whose variable runs over the lanes of tiles: `size` consecutive values lie in one tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneLoop {
    pub var: LoopId,
    pub size: i64,
}

/// Why an access has no place in tiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotWhole {
    pub dim: usize,
    pub size: i64,
}

/// Whether every buffer that a store accesses has tiles, which in a scratchpad are its elements. Without, no instruction is
/// matched: `layout` did not run, or nobody reads what is stored.
pub fn has_tiles(program: &LoopProgram, core: Core, store: &Store) -> bool {
    let has = |buffer: BufferId| {
        let Buffer { layout, scope, .. } = program.buffer(buffer);
        layout.as_ref().is_some_and(|l| scope.tile_size(core).is_none_or(|lanes| l.lane_count() == lanes))
    };
    let mut all = has(store.buffer);
    store.value.leaves(&mut |leaf| all &= !matches!(leaf, Leaf::Load(load) if !has(load.buffer)));
    all
}

/// Loops after their lanes were taken out: a loop over `n` elements in tiles of `size` counts `n / size` tiles.
/// A loop with one tile left disappears.
pub fn strip(program: &mut LoopProgram, lanes: &[LaneLoop]) -> Result<(), LoopId> {
    for lane in lanes {
        let extent = &mut program.loops[lane.var.0 as usize].extent;
        if *extent % lane.size != 0 {
            return Err(lane.var);
        }
        *extent /= lane.size;
    }
    Ok(())
}

/// Takes the lanes out of the loop that walks an index element by element, in tiles of `size`. A loop that ends with the
/// array that the nest writes runs to the end of the last tile. Where there is no such loop, or where it is no whole number
/// of tiles, nothing changes and the error is the loop's extent.
pub fn strip_walker(
    program: &mut LoopProgram,
    loops: &[NestLoop],
    index: &Index,
    size: i64,
    target: (BufferId, &[Index]),
) -> Result<LaneLoop, Option<i64>> {
    let walker = loops.iter().map(|l| l.var).find(|v| index.coefficient(*v) == Some(1));
    let lane = LaneLoop { var: walker.ok_or(None)?, size };
    let extent = program.loop_var(lane.var).extent;
    if extent % size != 0 && ends_with_array(program, lane.var, target) {
        program.loops[lane.var.0 as usize].extent = (extent + size - 1) / size * size;
    }
    strip(program, &[lane]).map_err(|_| Some(extent))?;
    Ok(lane)
}

/// Whether a loop's last iteration is the end of the array, in each iteration of the loops around it.
pub fn ends_with_array(program: &LoopProgram, l: LoopId, (buffer, indices): (BufferId, &[Index])) -> bool {
    let ends = |(index, extent): (&Index, &i64)| {
        let start = index.without(l).range(&|v| program.loop_range(v));
        index.coefficient(l) == Some(1) && start.min == start.max && start.max + program.loop_var(l).extent == *extent
    };
    indices.iter().zip(&program.buffer(buffer).array).any(ends)
}

/// Where an access lies for loops that `strip` has been applied to, in tiles of these lanes: row-major over the tiles of the
/// dimensions of its buffer, in the order of the layout.
///
/// The tiles of a buffer in DRAM may hold several of those of the lanes, which are part of one of its tiles then:
///
/// ```text
/// W[j, r] in tiles of 16 by 16, lanes of 16 over r     tile (j / 16 * (R / 16) + r / 16) * 16 + j % 16
/// ```
///
/// Proven for every lane, not only the first: neighbours in the tile of the lanes are neighbours in the buffer, and which tile
/// it is depends on no lane.
pub fn tile_ref(
    program: &LoopProgram,
    buffer: BufferId,
    indices: &[Index],
    lanes: &[LaneLoop],
) -> Result<TileRef, NotWhole> {
    let b = program.buffer(buffer);
    let layout = b.layout.clone().unwrap_or_default();
    let space = &Lanes { program, lanes };
    let indices: Vec<Index> = indices.iter().map(|e| e.substitute(&|l| space.split(l), &|l| space.range(l))).collect();
    let walks = |k: usize| move |l: LoopId| space.lane(l) == Some(k);
    let walking: Vec<usize> = (0..lanes.len()).filter(|k| indices.iter().any(|e| e.mentions(&walks(*k)))).collect();
    let elements = |walking: &[usize]| walking.iter().map(|k| lanes[*k].size).product::<i64>();
    let tile = if b.scope == Scope::Dram { lanes.iter().map(|l| l.size).product() } else { layout.lane_count() };
    let mut offset = Affine::constant(0);
    for (dim, (index, step)) in indices.iter().zip(layout.steps(&b.shape)).enumerate() {
        let lane_size = layout.lane_size(dim);
        let own = walking.iter().position(|k| index.mentions(&walks(*k)));
        let size = own.map_or(1, |at| lanes[walking[at]].size);
        let (part, lane) = (index.div(size, &|l| space.range(l)), index.modulo(size, &|l| space.range(l)));
        let is_whole = own.is_none_or(|at| {
            lane.as_var().and_then(|l| space.lane(l)) == Some(walking[at])
                && elements(&walking[at + 1..]) == layout.elements_behind(dim)
        });
        // How many tiles lie side by side in one of the buffer's along this dimension, and how many elements apart.
        let (parts, apart) = (lane_size / size, size * layout.elements_behind(dim));
        let fits = lane_size % size == 0 && (parts == 1 || apart % tile == 0);
        if !is_whole || !fits || part.mentions(&|l| space.lane(l).is_some()) {
            return Err(NotWhole { dim, size: lane_size });
        }
        let (outer, inner) = (part.div(parts, &|l| space.range(l)), part.modulo(parts, &|l| space.range(l)));
        offset = offset.plus(&outer.times(step * (layout.lane_count() / tile)).plus(&inner.times(apart / tile)));
    }
    match elements(&walking) == tile {
        true => Ok(TileRef { buffer, offset }),
        false => Err(NotWhole { dim: indices.len().saturating_sub(1), size: tile }),
    }
}

/// The loops of a program, and beside them a variable for each lane loop that counts inside a tile.
struct Lanes<'a> {
    program: &'a LoopProgram,
    lanes: &'a [LaneLoop],
}

impl Lanes<'_> {
    /// The position of a lane's variable; their numbers follow those of the program's loops.
    fn lane(&self, l: LoopId) -> Option<usize> {
        (l.0 as usize).checked_sub(self.program.loops.len())
    }

    fn range(&self, l: LoopId) -> Interval {
        match self.lane(l) {
            Some(k) => Interval::below(self.lanes[k].size),
            None => self.program.loop_range(l),
        }
    }

    /// A loop over elements as a loop over tiles and one over lanes. A loop that has one tile stands at its only value.
    fn split(&self, l: LoopId) -> Index {
        let tile = if self.range(l).max == 0 { Affine::constant(0) } else { Affine::var(l) };
        match self.lanes.iter().position(|lane| lane.var == l) {
            Some(k) => {
                let lane = LoopId((self.program.loops.len() + k) as u32);
                tile.times(self.lanes[k].size).plus(&Affine::var(lane))
            }
            None => tile,
        }
    }
}
