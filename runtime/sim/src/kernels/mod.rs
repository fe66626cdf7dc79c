//! Inner loops over lanes: slices of scratchpads → the same slices with one operation applied.
pub(crate) mod portable;
