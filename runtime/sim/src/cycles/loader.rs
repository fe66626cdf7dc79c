//! One LOAD: its rectangle → read bursts, row by row, and from their beats the cycle in which the load is done.
//!
//! Rows are widened to whole beats and split at burst boundaries. Zeros are written one element per cycle, in cycles in
//! which no beat is written: the top rows, then both sides of each data row, then the bottom rows. They do not wait for
//! the data that they surround. A load with bottom rows and no side pads spends one such cycle on each data row.

use super::Timing;
use super::memory::{Burst, Client};
use super::sizes::Sizes;
use tilewright_isa::{Mem, MemoryType};

/// A LOAD that is running.
#[derive(Debug)]
pub(super) struct Loader {
    pub client: Client,
    pub insn: usize,
    rows: Rows,
    padding: Padding,
    /// From a beat on the bus until it is written.
    write_delay: u64,
}

impl Loader {
    /// A LOAD that starts in `cycle`, with the cycle of its first command. The instruction moves something.
    pub fn new(insn: usize, mem: &Mem, cycle: u64, sizes: &Sizes, timing: &Timing) -> (Loader, u64) {
        let client = match mem.memory_type {
            MemoryType::Uop => Client::Uop,
            MemoryType::Inp => Client::Inp,
            MemoryType::Wgt => Client::Wgt,
            MemoryType::Acc | MemoryType::Acc8Bit | MemoryType::Out => Client::Acc,
        };
        let tail = if client == Client::Uop { timing.uop_tail } else { timing.load_tail };
        let rows = Rows::new(mem, sizes);
        let padding = Padding { left: padding_cycles(mem), from: cycle + tail - 1 };
        let loader = Loader { client, insn, rows, padding, write_delay: tail - 1 };
        (loader, cycle + 1 + u64::from(mem.y_pad_0))
    }

    /// The next burst to command.
    #[inline]
    pub fn next_burst(&mut self) -> Option<Burst> {
        self.rows.next()
    }

    /// Learns when the beats of a burst are on the bus. Bursts come in order.
    #[inline]
    pub fn beats(&mut self, first: u64, last: u64) {
        if self.padding.left > 0 {
            self.padding.write(first + self.write_delay, last + self.write_delay);
        }
    }

    /// When the load is done, once all its beats are known; `last_beat` is 0 for a load without data.
    pub fn done(&self, started: u64, last_beat: u64) -> u64 {
        let data = if last_beat == 0 { started } else { last_beat + self.write_delay };
        // Zeros that are left behind the last beat follow without a gap.
        let zeros = if self.padding.left == 0 { 0 } else { self.padding.from + self.padding.left - 1 };
        data.max(zeros) + 1
    }
}

/// The rows of a rectangle, as bursts.
#[derive(Debug)]
pub(super) struct Rows {
    /// What is left of the present row, in bytes.
    at: u64,
    end: u64,
    /// Start of the row behind it, in bytes and not widened.
    next_row: u64,
    rows_left: u64,
    row_bytes: u64,
    row_stride: u64,
    log_beat: u32,
    log_burst: u32,
}

impl Rows {
    /// The rows of a LOAD or STORE.
    pub fn new(mem: &Mem, sizes: &Sizes) -> Rows {
        let element = sizes.element_bytes(mem.memory_type);
        Rows {
            at: 0,
            end: 0,
            next_row: u64::from(mem.dram_base) * element,
            rows_left: mem.y_size.into(),
            row_bytes: u64::from(mem.x_size) * element,
            row_stride: u64::from(mem.x_stride) * element,
            log_beat: sizes.log_beat,
            log_burst: sizes.log_burst,
        }
    }

    /// The next row as its first byte and the byte behind it, widened to whole beats.
    #[inline]
    pub fn next_row(&mut self) -> Option<(u64, u64)> {
        self.rows_left = self.rows_left.checked_sub(1)?;
        let (start, end) = (self.next_row, self.next_row + self.row_bytes);
        self.next_row += self.row_stride;
        let beat = (1 << self.log_beat) - 1;
        Some((start & !beat, (end + beat) & !beat))
    }

    /// Bursts of a row from [`Rows::next_row`].
    pub fn bursts(&self, (start, end): (u64, u64)) -> u64 {
        ((end - 1) >> self.log_burst) - (start >> self.log_burst) + 1
    }
}

impl Iterator for Rows {
    type Item = Burst;

    #[inline]
    fn next(&mut self) -> Option<Burst> {
        if self.at == self.end {
            (self.at, self.end) = self.next_row()?;
        }
        let address = self.at;
        self.at = self.end.min(((address >> self.log_burst) + 1) << self.log_burst);
        Some(Burst { address, beats: (self.at - address) >> self.log_beat })
    }
}

/// Zeros that are still to be written.
#[derive(Debug)]
struct Padding {
    left: u64,
    /// The first cycle in which one can be written, as far as the beats so far tell.
    from: u64,
}

impl Padding {
    /// Beats are written in these cycles, which no zero can have.
    fn write(&mut self, first: u64, last: u64) {
        let free = first.saturating_sub(self.from);
        if self.left > free {
            self.left -= free;
            self.from = last + 1;
        } else {
            self.from += self.left;
            self.left = 0;
        }
    }
}

/// Cycles that the zeros of a load need.
fn padding_cycles(mem: &Mem) -> u64 {
    let [top, bottom] = [mem.y_pad_0, mem.y_pad_1].map(u64::from);
    let sides = u64::from(mem.x_pad_0) + u64::from(mem.x_pad_1);
    let per_row = if sides == 0 && bottom > 0 { 1 } else { sides };
    (top + bottom) * mem.sram_row() + u64::from(mem.y_size) * per_row
}
