//! The way of a trace to its writer: bytes in a buffer of fixed size, written out whenever it is full.

use super::TraceSummary;
use std::io;

/// Bytes that are collected before they are written.
const CAPACITY: usize = 64 << 10;
/// More than any single event has.
const SPARE: usize = 4 << 10;

/// A buffered writer that counts. Events are appended to [`Output::bytes`] whole; [`Output::event`] follows each.
#[derive(Debug)]
pub(super) struct Output<W> {
    pub bytes: Vec<u8>,
    out: W,
    written: TraceSummary,
}

impl<W: io::Write> Output<W> {
    pub fn new(out: W) -> Output<W> {
        Output { bytes: Vec::with_capacity(CAPACITY + SPARE), out, written: TraceSummary::default() }
    }

    /// Counts the event that was appended.
    #[inline]
    pub fn event(&mut self) -> io::Result<()> {
        self.written.events += 1;
        if self.bytes.len() >= CAPACITY { self.spill() } else { Ok(()) }
    }

    /// Writes all out.
    pub fn finish(mut self) -> io::Result<TraceSummary> {
        self.spill()?;
        self.out.flush()?;
        Ok(self.written)
    }

    fn spill(&mut self) -> io::Result<()> {
        self.out.write_all(&self.bytes)?;
        self.written.bytes += self.bytes.len() as u64;
        self.bytes.clear();
        Ok(())
    }
}
