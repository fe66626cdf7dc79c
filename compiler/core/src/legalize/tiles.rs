//! From element indices to tiles: which loops walk the lanes, and where an access lies in tiles.

use crate::affine::Affine;
use crate::loops::ir::{BufferId, Index, LoopId, LoopProgram, TileRef};

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

/// Where an access starts, in tiles of its buffer, for loops that `strip` has been applied to: row-major over the tiles
/// of the dimensions.
pub fn tile_ref(
    program: &LoopProgram,
    buffer: BufferId,
    indices: &[Index],
    lanes: &[LaneLoop],
) -> Result<TileRef, NotWhole> {
    let b = program.buffer(buffer);
    let layout = b.layout.clone().unwrap_or_default();
    let tiles = layout.tiles(&b.shape);
    let ranges = |l: LoopId| program.loop_range(l);
    let stripped = |l: LoopId| {
        let size = lanes.iter().find(|x| x.var == l).map_or(1, |x| x.size);
        // A loop that has become one tile stands at its only value.
        if ranges(l).max == 0 { Affine::constant(0) } else { Affine::var(l).times(size) }
    };
    let mut offset = Affine::constant(0);
    for (dim, index) in indices.iter().enumerate() {
        let size = layout.lane_size(dim);
        let start = index.substitute(&stripped, &ranges);
        if start.modulo(size, &ranges).as_constant() != Some(0) {
            return Err(NotWhole { dim, size });
        }
        offset = offset.times(tiles[dim]).plus(&start.div(size, &ranges));
    }
    Ok(TileRef { buffer, offset })
}
