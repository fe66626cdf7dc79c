//! Operands in the layouts that the GEMM kernels read, made once when they are loaded.
//!
//! | layout | of | contents |
//! |---|---|---|
//! | quads | a WGT tile of 16×16 | `[ci / 4][co][ci % 4]`, each plus 128 so that it is unsigned |
//! | pairs | a WGT tile of 16×16 | `[ci / 2][co][ci % 2]`, widened to 16 bits |
//! | sums | an INP group of 16 | −128 times their sum: what the 128 added to the weights contributes too much |
//! | wide | an INP group of 16 | widened to 16 bits |
//!
//! A WGT element is `[co / 16][ci / 16]` tiles.

use super::{Level, dispatch};

/// Rows and columns of a tile.
pub(crate) const TILE: usize = 16;
/// Values of a tile.
pub(crate) const TILE_VALUES: usize = TILE * TILE;

/// A zero weight in quads.
pub(crate) const ZERO_QUAD: u8 = 0x80;

/// Packs WGT elements, each `[BLOCK_OUT][BLOCK_IN]` bytes of device memory, into quads.
pub(crate) fn quads(level: Level, to: &mut [u8], from: &[u8], block_in: usize) {
    dispatch!(level, quads_body(to: &mut [u8], from: &[u8], block_in: usize));
}

#[inline(always)]
fn quads_body(to: &mut [u8], from: &[u8], block_in: usize) {
    for_tiles(to, from, block_in, |to, from| {
        let words: [[u32; 4]; TILE] = from.map(|row| {
            let quads: &[[u8; 4]] = row.as_chunks().0;
            std::array::from_fn(|quad| u32::from_le_bytes(quads[quad]) ^ 0x8080_8080)
        });
        for (quad, to) in to.as_chunks_mut::<64>().0.iter_mut().enumerate() {
            for (co, to) in to.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                *to = words[co][quad].to_le_bytes();
            }
        }
    });
}

/// Packs WGT elements into pairs.
pub(crate) fn pairs(level: Level, to: &mut [i16], from: &[u8], block_in: usize) {
    dispatch!(level, pairs_body(to: &mut [i16], from: &[u8], block_in: usize));
}

#[inline(always)]
fn pairs_body(to: &mut [i16], from: &[u8], block_in: usize) {
    for_tiles(to, from, block_in, |to, from| {
        for (pair, to) in to.as_chunks_mut::<{ 2 * TILE }>().0.iter_mut().enumerate() {
            for (co, to) in to.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                *to = [i16::from(from[co][2 * pair] as i8), i16::from(from[co][2 * pair + 1] as i8)];
            }
        }
    });
}

/// Walks the tiles of WGT elements, each with the 16 rows it comes from. Tiles follow one another in whole rows of an
/// element, whatever its height, so the elements need not be told apart.
#[inline(always)]
fn for_tiles<T>(to: &mut [T], from: &[u8], block_in: usize, pack: impl Fn(&mut [T; TILE_VALUES], [[u8; TILE]; TILE])) {
    let tiles_in = block_in / TILE;
    for (index, tile) in to.as_chunks_mut::<TILE_VALUES>().0.iter_mut().enumerate() {
        let first = index / tiles_in * TILE * block_in + index % tiles_in * TILE;
        let rows = std::array::from_fn(|co| {
            let mut row = [0; TILE];
            row.copy_from_slice(&from[first + co * block_in..][..TILE]);
            row
        });
        pack(tile, rows);
    }
}

/// Sums of the groups of INP values.
pub(crate) fn sums(level: Level, to: &mut [i32], from: &[i8]) {
    dispatch!(level, sums_body(to: &mut [i32], from: &[i8]));
}

#[inline(always)]
fn sums_body(to: &mut [i32], from: &[i8]) {
    for (to, group) in to.iter_mut().zip(from.as_chunks::<TILE>().0) {
        *to = -128 * group.iter().map(|&value| i32::from(value)).sum::<i32>();
    }
}
