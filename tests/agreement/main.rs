//! Reference evaluation, loop interpreter and simulator give the same bits: on every example, over sizes and targets, and
//! on random programs.

mod approximations;
mod argmax;
mod automatic;
mod borders;
mod components;
mod computed_weights;
mod convolutions;
mod directives;
mod drawn;
mod elementwise;
mod examples;
mod gated;
mod grammar;
mod held;
mod layouts;
mod loop_programs;
mod overlap;
mod padding;
mod partial;
mod passes;
mod programs;
mod quotients;
mod random;
mod reductions;
mod reported;
mod rolling;
mod scan_directives;
mod scans;
mod sequence;
mod strided;
mod unscheduled;
mod wide;

/// How many programs each property draws: 96, or what `TILEWRIGHT_CASES` says.
fn cases() -> u32 {
    std::env::var("TILEWRIGHT_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(96)
}
