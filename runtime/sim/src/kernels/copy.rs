//! Copies between device memory and scratchpads, value by value in the vectors of the level.

use super::{Level, dispatch};

/// Copies bytes as signed values.
pub(crate) fn bytes(level: Level, to: &mut [i8], from: &[u8]) {
    dispatch!(level, bytes_body(to: &mut [i8], from: &[u8]));
}

#[inline(always)]
fn bytes_body(to: &mut [i8], from: &[u8]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from as i8;
    }
}

/// Copies bytes as signed values of 16 bits.
pub(crate) fn widen_16(level: Level, to: &mut [i16], from: &[u8]) {
    dispatch!(level, widen_16_body(to: &mut [i16], from: &[u8]));
}

#[inline(always)]
fn widen_16_body(to: &mut [i16], from: &[u8]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = i16::from(from as i8);
    }
}

/// Copies bytes as signed values of 32 bits.
pub(crate) fn widen_32(level: Level, to: &mut [i32], from: &[u8]) {
    dispatch!(level, widen_32_body(to: &mut [i32], from: &[u8]));
}

#[inline(always)]
fn widen_32_body(to: &mut [i32], from: &[u8]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = i32::from(from as i8);
    }
}

/// Copies little-endian words.
pub(crate) fn words(level: Level, to: &mut [i32], from: &[u8]) {
    dispatch!(level, words_body(to: &mut [i32], from: &[u8]));
}

#[inline(always)]
fn words_body(to: &mut [i32], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from.as_chunks().0) {
        *to = i32::from_le_bytes(*from);
    }
}

/// Copies the low byte of each value.
pub(crate) fn truncate(level: Level, to: &mut [u8], from: &[i32]) {
    dispatch!(level, truncate_body(to: &mut [u8], from: &[i32]));
}

#[inline(always)]
fn truncate_body(to: &mut [u8], from: &[i32]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from as u8;
    }
}
