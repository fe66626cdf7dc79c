//! One STORE: its rectangle → write bursts, one after the other. Writes have their own way to memory and never wait for
//! reads.
//!
//! A burst is a command, an address and its acceptance, then the beats of its tensors with a pause between two of them
//! to read the scratchpad, then the acknowledgement.

use super::Timing;
use super::loader::Rows;
use super::observe::Write;
use super::sizes::Sizes;
use tilewright_isa::Mem;

/// The cycle in which a STORE that starts in `cycle` is done, if it moves something, and its beats.
pub(super) fn run(mem: &Mem, cycle: u64, sizes: &Sizes, timing: &Timing) -> (u64, u64) {
    let mut rows = Rows::new(mem, sizes);
    let (mut now, mut beats) = (cycle, 0);
    while let Some(row) = rows.next_row() {
        let (row_beats, bursts) = ((row.1 - row.0) >> sizes.log_beat, rows.bursts(row));
        // Bursts and tensors are both aligned, so a row has as many of one in the other as all its bursts together.
        let tensors = tensors(row_beats, sizes).min(sizes.beat_limit).max(bursts);
        beats += row_beats;
        now += row_beats.min(sizes.beat_limit)
            + tensors * timing.store_tensor_cycles
            + bursts * (1 + timing.store_burst_cycles);
        now -= bursts * timing.store_tensor_cycles;
    }
    (now.max(cycle + 1), beats)
}

/// The bursts of the same STORE, with all their cycles.
pub(super) fn writes(
    insn: usize,
    mem: &Mem,
    cycle: u64,
    sizes: &Sizes,
    timing: &Timing,
) -> impl Iterator<Item = Write> {
    let (overhead, pause) = (timing.store_burst_cycles, timing.store_tensor_cycles);
    let (rows, sizes) = (Rows::new(mem, sizes), *sizes);
    let mut now = cycle;
    rows.map(move |burst| {
        let first_beat = now + overhead + 1;
        let tensors = tensors(burst.beats, &sizes).min(sizes.beat_limit);
        let acknowledged = first_beat + burst.beats.min(sizes.beat_limit) + (tensors - 1) * pause;
        let accepted = (first_beat - 1).max(now);
        let commanded = first_beat.saturating_sub(2).max(now);
        now = acknowledged;
        let last_beat = acknowledged - 1;
        let (address, beats) = (burst.address, burst.beats);
        Write { insn, commanded, accepted, first_beat, last_beat, acknowledged, address, beats }
    })
}

/// Elements of OUT that so many beats hold, the last one possibly in part.
fn tensors(beats: u64, sizes: &Sizes) -> u64 {
    (beats + (1 << sizes.log_tensor) - 1) >> sizes.log_tensor
}
