//! One LOAD: its rectangle → read bursts, row by row, and from their beats the cycle in which the load is done.
//!
//! Rows are widened to whole beats and split at burst boundaries. Zeros are written one element per cycle, in cycles in
//! which no beat is written: the top rows, then both sides of each data row, then the bottom rows. They do not wait for
//! the data that they surround. A load with bottom rows and no side pads passes each data row in one cycle between them,
//! whether or not a beat is written in it.

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
        let client = Client::of(mem.memory_type);
        let tail = if mem.memory_type == MemoryType::Uop { timing.uop_tail } else { timing.load_tail };
        let rows = Rows::new(mem, sizes);
        let padding = Padding::new(mem, cycle + tail - 1);
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
        if self.padding.left() > 0 {
            self.padding.write(first + self.write_delay, last + self.write_delay);
        }
    }

    /// When the load is done, once all its beats are known; `last_beat` is 0 for a load without data.
    pub fn done(&self, started: u64, last_beat: u64) -> u64 {
        let data = if last_beat == 0 { started } else { last_beat + self.write_delay };
        // Zeros that are left behind the last beat follow without a gap.
        let left = self.padding.left();
        let zeros = if left == 0 { 0 } else { self.padding.from + left - 1 };
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

/// What is still to be done about padding, in this order.
#[derive(Debug)]
struct Padding {
    /// Zeros before the rows that are passed, and all zeros where none are.
    zeros: u64,
    /// Data rows without zeros of their own that bottom rows stand behind. Each takes a cycle, in which a beat may be
    /// written as well.
    passed_rows: u64,
    /// Zeros of the bottom rows behind rows that are passed.
    zeros_behind: u64,
    /// The first cycle in which something of it can be done, as far as the beats so far tell.
    from: u64,
}

impl Padding {
    /// That of a load, whose first zero can be written in cycle `from`.
    fn new(mem: &Mem, from: u64) -> Padding {
        let [top, bottom] = [mem.y_pad_0, mem.y_pad_1].map(|rows| u64::from(rows) * mem.sram_row());
        let rows = u64::from(mem.y_size);
        let sides = u64::from(mem.x_pad_0) + u64::from(mem.x_pad_1);
        match sides == 0 && bottom > 0 {
            true => Padding { zeros: top, passed_rows: rows, zeros_behind: bottom, from },
            false => Padding { zeros: top + rows * sides + bottom, passed_rows: 0, zeros_behind: 0, from },
        }
    }

    /// Cycles that are left of it if no beat is written.
    fn left(&self) -> u64 {
        self.zeros + self.passed_rows + self.zeros_behind
    }

    /// Beats are written in these cycles, in which no zero can be.
    fn write(&mut self, first: u64, last: u64) {
        self.from += take(&mut self.zeros, first.saturating_sub(self.from));
        if self.zeros == 0 {
            self.from += take(&mut self.passed_rows, (last + 1).saturating_sub(self.from));
        }
        if self.zeros + self.passed_rows == 0 {
            self.from += take(&mut self.zeros_behind, first.saturating_sub(self.from));
        }
        if self.left() > 0 {
            self.from = self.from.max(last + 1);
        }
    }
}

/// Takes up to so many; returns how many.
fn take(left: &mut u64, most: u64) -> u64 {
    let taken = most.min(*left);
    *left -= taken;
    taken
}
