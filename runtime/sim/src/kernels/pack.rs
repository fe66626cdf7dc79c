//! Operands in the layouts that the GEMM kernels read, made once when they are loaded.
//!
//! | layout | of | contents |
//! |---|---|---|
//! | quads | a WGT tile of 16×16 | `[ci / 4][co][ci % 4]`, each plus 128 so that it is unsigned |
//! | pairs | a WGT tile of 16×16 | `[ci / 2][co][ci % 2]`, widened to 16 bits |
//! | sums | an INP row of BLOCK_IN values | −128 times their sum: what the 128 added to the weights contributes too much |
//! //!
//! A WGT element is `[co / 16][ci / 16]` tiles.

#[cfg(target_arch = "x86_64")]
use super::pack_x86;

/// Rows and columns of a tile.
pub(crate) const TILE: usize = 16;
/// Values of a tile.
pub(crate) const TILE_VALUES: usize = TILE * TILE;

/// A zero weight in quads.
pub(crate) const ZERO_QUAD: u8 = 0x80;

/// Packs WGT elements, each `[BLOCK_OUT][BLOCK_IN]` bytes of device memory, into quads. The host must have AVX2.
#[cfg(target_arch = "x86_64")]
pub(crate) fn quads(to: &mut [u8], from: &[u8], block_in: usize) {
    // SAFETY: quads are the layout of levels that include AVX2, and a simulator's level is available.
    unsafe { pack_x86::quads(to, from, block_in) }
}

/// Packs WGT elements into pairs. The host must have AVX2.
#[cfg(target_arch = "x86_64")]
pub(crate) fn pairs(to: &mut [i16], from: &[u8], block_in: usize) {
    // SAFETY: pairs are the layout of a level that includes AVX2, and a simulator's level is available.
    unsafe { pack_x86::pairs(to, from, block_in) }
}

/// Sums of rows of INP values, each times −128. The host must have AVX2.
#[cfg(target_arch = "x86_64")]
pub(crate) fn sums(to: &mut [i32], from: &[i8], block_in: usize) {
    // SAFETY: sums belong to levels that include AVX2, and a simulator's level is available.
    unsafe { pack_x86::sums(to, from, block_in) }
}

/// As [`sums`], one value after the other.
pub(super) fn sums_scalar(to: &mut [i32], from: &[i8], block_in: usize) {
    for (to, row) in to.iter_mut().zip(from.chunks_exact(block_in)) {
        *to = -128 * row.iter().map(|&value| i32::from(value)).sum::<i32>();
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use crate::kernels::Level;

    #[test]
    fn vectors_pack_like_the_definition() {
        if !Level::Avx2.is_available() {
            eprintln!("SKIPPED: this host has no AVX2");
            return;
        }
        let block_in = 32;
        let from: Vec<u8> =
            (0..4 * block_in * TILE as u32).map(|i| (i.wrapping_mul(0x9E37_79B1) >> 24) as u8).collect();
        let mut to = vec![0; from.len()];
        quads(&mut to, &from, block_in as usize);
        for (tile, packed) in to.chunks(TILE_VALUES).enumerate() {
            let corner = tile / 2 * TILE * block_in as usize + tile % 2 * TILE;
            for (co, ci) in (0..TILE).flat_map(|co| (0..TILE).map(move |ci| (co, ci))) {
                let expected = from[corner + co * block_in as usize + ci] ^ 0x80;
                assert_eq!(packed[ci / 4 * 64 + co * 4 + ci % 4], expected, "tile {tile}, co {co}, ci {ci}");
            }
        }
        let mut to = vec![0; from.len()];
        pairs(&mut to, &from, block_in as usize);
        for (tile, packed) in to.chunks(TILE_VALUES).enumerate() {
            let corner = tile / 2 * TILE * block_in as usize + tile % 2 * TILE;
            for (co, ci) in (0..TILE).flat_map(|co| (0..TILE).map(move |ci| (co, ci))) {
                let expected = from[corner + co * block_in as usize + ci] as i8;
                assert_eq!(packed[ci / 2 * 32 + co * 2 + ci % 2], i16::from(expected), "tile {tile}, co {co}, ci {ci}");
            }
        }
        let values: Vec<i8> = from[..7 * TILE].iter().map(|&byte| byte as i8).collect();
        for (rows, block_in) in [(7, TILE), (3, 2 * TILE), (1, 4 * TILE)] {
            let (mut by_vector, mut by_value) = (vec![0; rows], vec![0; rows]);
            sums(&mut by_vector, &values, block_in);
            sums_scalar(&mut by_value, &values, block_in);
            assert_eq!(by_vector, by_value);
        }
    }
}
