//! LOAD and STORE: rows of device memory ↔ scratchpad elements, with zero padding around loads.
//!
//! The scratchpad range and every row in device memory are checked before the first byte moves.

use super::{Context, Depths};
use crate::kernels::{Level, copy, pack};
use crate::memory::Dram;
use crate::report::Cause;
use crate::scratchpad::{Operands, Scratchpads};
use std::ops::Range;
use tilewright_isa::{Config, Mem, MemoryType};

/// Executes a LOAD that is not a no-op.
pub(super) fn load(pads: &mut Scratchpads, mem: &Mem, cx: &mut Context<'_>) -> Result<(), Cause> {
    if mem.memory_type == MemoryType::Out {
        return Err(Cause::LoadMemory);
    }
    check_sram(cx.depths, mem)?;
    let rows = Rows::unchecked(cx.config, mem);
    let source = Source::new(&rows, mem, cx.dram)?;
    cx.work.spend(mem.sram_rows() * mem.sram_row(), rows.element_bytes)?;
    let bytes = rows.total_bytes();
    let transfer = Transfer { mem, rows: &rows, source };
    let level = cx.level;
    cx.report.bytes[mem.memory_type.scratchpad()] += bytes;
    match mem.memory_type {
        MemoryType::Uop => {
            transfer.fill(&mut pads.uop, 1, 0, |to, from| {
                for (to, from) in to.iter_mut().zip(from.as_chunks().0) {
                    *to = u32::from_le_bytes(*from);
                }
            });
        }
        MemoryType::Inp => {
            load_inp(&mut pads.operands, &transfer, level, cx.config.block_in());
        }
        MemoryType::Wgt => {
            load_wgt(&mut pads.operands, &transfer, level, cx.config.block_in());
        }
        MemoryType::Acc | MemoryType::Out => {
            let lanes = rows.element_bytes / 4;
            transfer.fill(&mut pads.acc, lanes, 0, |to, from| copy::words(level, to, from));
        }
        MemoryType::Acc8Bit => {
            transfer.fill(&mut pads.acc, rows.element_bytes, 0, |to, from| copy::widen_32(level, to, from));
        }
    }
    Ok(())
}

fn load_inp(operands: &mut Operands, transfer: &Transfer<'_>, level: Level, block_in: usize) {
    let values = transfer.rows.element_bytes;
    match operands {
        Operands::Natural { inp, .. } => transfer.fill(inp, values, 0, |to, from| copy::bytes(level, to, from)),
        #[cfg(target_arch = "x86_64")]
        Operands::Pairs { inp, .. } => transfer.fill(inp, values, 0, |to, from| copy::widen_16(level, to, from)),
        #[cfg(target_arch = "x86_64")]
        Operands::Quads { inp, sums, .. } => {
            transfer.fill(inp, values, 0, |to, from| copy::bytes(level, to, from));
            let written = transfer.sram_range(values / block_in);
            let rows = written.start * block_in..written.end * block_in;
            pack::sums(&mut sums[written], &inp[rows], block_in);
        }
    }
}

fn load_wgt(operands: &mut Operands, transfer: &Transfer<'_>, level: Level, block_in: usize) {
    let values = transfer.rows.element_bytes;
    match operands {
        Operands::Natural { wgt, .. } => transfer.fill(wgt, values, 0, |to, from| copy::bytes(level, to, from)),
        #[cfg(target_arch = "x86_64")]
        Operands::Quads { wgt, .. } => transfer.fill(wgt, values, pack::ZERO_QUAD, |to, from| {
            pack::quads(to, from, block_in);
        }),
        #[cfg(target_arch = "x86_64")]
        Operands::Pairs { wgt, .. } => transfer.fill(wgt, values, 0, |to, from| {
            pack::pairs(to, from, block_in);
        }),
    }
}

/// Executes a STORE that is not a no-op.
pub(super) fn store(pads: &Scratchpads, mem: &Mem, cx: &mut Context<'_>) -> Result<(), Cause> {
    if mem.memory_type != MemoryType::Out {
        return Err(Cause::StoreMemory { memory: mem.memory_type });
    }
    check_pads(mem)?;
    check_sram(cx.depths, mem)?;
    let rows = Rows::unchecked(cx.config, mem);
    rows.check(mem, cx.dram)?;
    cx.work.spend(rows.count as u64, rows.row_bytes)?;
    cx.report.bytes[MemoryType::Out] += rows.total_bytes();
    let lanes = &pads.acc[usize::from(mem.sram_base) * rows.element_bytes..];
    let hull = rows.hull();
    if rows.is_dense() {
        let len = rows.count * rows.row_bytes;
        copy::truncate(cx.level, cx.dram.write(hull.start, len).unwrap_or_default(), &lanes[..len]);
        return Ok(());
    }
    for (row, lanes) in lanes.chunks_exact(rows.row_bytes).take(rows.count).enumerate() {
        let to = cx.dram.write(rows.address(row), rows.row_bytes).unwrap_or_default();
        copy::truncate(cx.level, to, lanes);
    }
    Ok(())
}

/// The rows of a load in device memory, which have been checked.
enum Source<'a> {
    /// The bytes from the first row to the last, as one run of mapped memory.
    Run(&'a [u8]),
    /// Rows that lie in segments of their own, with a gap that none of them touches.
    Apart(&'a Dram),
}

impl<'a> Source<'a> {
    fn new(rows: &Rows, mem: &Mem, dram: &'a Dram) -> Result<Source<'a>, Cause> {
        match dram.read(rows.base, rows.hull_len()) {
            Some(bytes) => Ok(Source::Run(bytes)),
            None => rows.check_each(mem, dram).map(|()| Source::Apart(dram)),
        }
    }

    fn row(&self, rows: &Rows, row: usize) -> &'a [u8] {
        match self {
            Source::Run(bytes) => &bytes[row * rows.stride as usize..][..rows.row_bytes],
            Source::Apart(dram) => dram.read(rows.address(row), rows.row_bytes).unwrap_or_default(),
        }
    }
}

/// A load that has been checked.
struct Transfer<'a> {
    mem: &'a Mem,
    rows: &'a Rows,
    source: Source<'a>,
}

impl Transfer<'_> {
    /// The part of a scratchpad that is written, pads included, in units of which an element has `per_element`.
    fn sram_range(&self, per_element: usize) -> Range<usize> {
        let start = usize::from(self.mem.sram_base) * per_element;
        start..start + (self.mem.sram_rows() * self.mem.sram_row()) as usize * per_element
    }

    /// Writes pads and rows into `pad`, of which an element has `values`; `convert` writes the values of bytes.
    fn fill<T: Copy>(&self, pad: &mut [T], values: usize, zero: T, convert: impl Fn(&mut [T], &[u8])) {
        let to = &mut pad[self.sram_range(values)];
        let row = self.mem.sram_row() as usize * values;
        if let Source::Run(bytes) = self.source
            && row == usize::from(self.mem.x_size) * values
            && self.rows.is_dense()
        {
            let data = usize::from(self.mem.y_pad_0) * row..to.len() - usize::from(self.mem.y_pad_1) * row;
            convert(&mut to[data.clone()], bytes);
            to[..data.start].fill(zero);
            to[data.end..].fill(zero);
            return;
        }
        let (top, left) = (usize::from(self.mem.y_pad_0), usize::from(self.mem.x_pad_0) * values);
        let right = left + usize::from(self.mem.x_size) * values;
        let (above, to) = to.split_at_mut(top * row);
        let (inside, below) = to.split_at_mut(self.rows.count * row);
        above.fill(zero);
        for (y, to) in inside.chunks_exact_mut(row).enumerate() {
            to[..left].fill(zero);
            convert(&mut to[left..right], self.source.row(self.rows, y));
            to[right..].fill(zero);
        }
        below.fill(zero);
    }
}

/// The rows of a transfer in device memory.
pub(crate) struct Rows {
    element_bytes: usize,
    row_bytes: usize,
    count: usize,
    base: u64,
    /// Bytes from row to row.
    stride: u64,
}

impl Rows {
    /// The rows of an instruction, which may lie anywhere.
    pub fn unchecked(config: &Config, mem: &Mem) -> Rows {
        let element_bytes = config.element_bytes(mem.memory_type);
        Rows {
            element_bytes,
            row_bytes: usize::from(mem.x_size) * element_bytes,
            count: usize::from(mem.y_size),
            base: u64::from(mem.dram_base) * element_bytes as u64,
            stride: u64::from(mem.x_stride) * element_bytes as u64,
        }
    }

    /// Checks that every byte of the rows is mapped.
    fn check(&self, mem: &Mem, dram: &Dram) -> Result<(), Cause> {
        match dram.read(self.base, self.hull_len()) {
            Some(_) => Ok(()),
            // Rows far apart may lie in segments of their own, with a gap between them that none of them touches.
            None => self.check_each(mem, dram),
        }
    }

    fn address(&self, row: usize) -> u64 {
        self.base + row as u64 * self.stride
    }

    fn total_bytes(&self) -> u64 {
        (self.count * self.row_bytes) as u64
    }

    /// Whether the rows lie one behind the other without a gap.
    fn is_dense(&self) -> bool {
        self.count <= 1 || self.stride == self.row_bytes as u64
    }

    /// From the first byte to behind the last.
    pub fn hull(&self) -> Range<u64> {
        let end = match self.count {
            0 => self.base,
            count => self.address(count - 1) + self.row_bytes as u64,
        };
        self.base..end
    }

    /// Bytes from the first to behind the last.
    fn hull_len(&self) -> usize {
        let hull = self.hull();
        usize::try_from(hull.end - hull.start).unwrap_or(usize::MAX)
    }

    /// The addresses of each row; rows without a gap between them are one.
    pub fn ranges(&self) -> impl Iterator<Item = Range<u64>> {
        let (count, len) = match self.is_dense() {
            true => (self.count.min(1), self.count * self.row_bytes),
            false => (self.count, self.row_bytes),
        };
        (0..count).map(move |row| self.address(row)..self.address(row) + len as u64)
    }

    fn check_each(&self, mem: &Mem, dram: &Dram) -> Result<(), Cause> {
        let bad = (0..self.count).find(|&row| dram.read(self.address(row), self.row_bytes).is_none());
        let Some(row) = bad else { return Ok(()) };
        let address = self.address(row);
        Err(Cause::DramUnmapped {
            memory: mem.memory_type,
            row: row as u64,
            element: address / self.element_bytes as u64,
            bytes: self.row_bytes as u64,
            address,
            unmapped: dram.mapped_until(address),
        })
    }
}

fn check_sram(depths: &Depths, mem: &Mem) -> Result<(), Cause> {
    let memory = mem.memory_type;
    let limit = depths.of(memory);
    let (base, rows, row) = (u64::from(mem.sram_base), mem.sram_rows(), mem.sram_row());
    let end = base + rows * row;
    if end > limit { Err(Cause::SramOverrun { memory, limit, base, rows, row, end }) } else { Ok(()) }
}

fn check_pads(mem: &Mem) -> Result<(), Cause> {
    let pads = [("y_pad_0", mem.y_pad_0), ("y_pad_1", mem.y_pad_1), ("x_pad_0", mem.x_pad_0), ("x_pad_1", mem.x_pad_1)];
    match pads.into_iter().find(|&(_, value)| value != 0) {
        Some((field, value)) => Err(Cause::StorePad { field, value: value.into() }),
        None => Ok(()),
    }
}
