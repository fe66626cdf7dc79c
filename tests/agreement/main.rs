//! Reference evaluation, loop interpreter and simulator give the same bits: on every example, over sizes and targets, and
//! on random programs.

mod examples;
mod random;
