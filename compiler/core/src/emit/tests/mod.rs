//! Tests of emission as a whole.

mod interleavings;
mod programs;
