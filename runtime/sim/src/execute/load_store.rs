//! LOAD and STORE: rows of device memory ↔ scratchpad elements, with zero padding around loads.
//!
//! The scratchpad range and every row in device memory are checked before the first byte moves.

use super::Context;
use crate::memory::Dram;
use crate::report::Cause;
use crate::scratchpad::Scratchpads;
use std::ops::Range;
use tilewright_isa::{Config, Mem, MemoryType};

/// Executes a LOAD that is not a no-op.
pub(super) fn load(pads: &mut Scratchpads, mem: &Mem, cx: &mut Context<'_>) -> Result<(), Cause> {
    let memory = mem.memory_type;
    if memory == MemoryType::Out {
        return Err(Cause::LoadMemory);
    }
    check_sram(cx.config, mem)?;
    let rows = Rows::new(cx.config, mem, cx.dram)?;
    let bytes = rows.total_bytes();
    match memory {
        MemoryType::Inp => {
            cx.report.bytes.inp += bytes;
            fill(&mut pads.inp, mem, &rows, cx, copy_i8);
        }
        MemoryType::Wgt => {
            cx.report.bytes.wgt += bytes;
            fill(&mut pads.wgt, mem, &rows, cx, copy_i8);
        }
        MemoryType::Uop => {
            cx.report.bytes.uop += bytes;
            fill(&mut pads.uop, mem, &rows, cx, copy_u32);
        }
        MemoryType::Acc8Bit => {
            cx.report.bytes.acc += bytes;
            fill(&mut pads.acc, mem, &rows, cx, widen_i8);
        }
        MemoryType::Acc | MemoryType::Out => {
            cx.report.bytes.acc += bytes;
            fill(&mut pads.acc, mem, &rows, cx, copy_i32);
        }
    }
    Ok(())
}

/// Executes a STORE that is not a no-op.
pub(super) fn store(pads: &Scratchpads, mem: &Mem, cx: &mut Context<'_>) -> Result<(), Cause> {
    if mem.memory_type != MemoryType::Out {
        return Err(Cause::StoreMemory { memory: mem.memory_type });
    }
    check_pads(mem)?;
    check_sram(cx.config, mem)?;
    let rows = Rows::new(cx.config, mem, cx.dram)?;
    cx.report.bytes.out += rows.total_bytes();
    let start = usize::from(mem.sram_base) * rows.element_bytes;
    for (row, lanes) in pads.acc[start..].chunks_exact(rows.row_bytes).take(rows.count).enumerate() {
        let to = cx.dram.write(rows.address(row), rows.row_bytes).unwrap_or(&mut []);
        for (byte, &lane) in to.iter_mut().zip(lanes) {
            *byte = lane as u8;
        }
    }
    Ok(())
}

/// Writes pads and rows into `pad`, the array of the scratchpad. The range has been checked.
fn fill<T: Copy + Default>(pad: &mut [T], mem: &Mem, rows: &Rows, cx: &Context<'_>, convert: impl Fn(&mut [T], &[u8])) {
    let lanes = pad.len() / cx.config.depth(mem.memory_type);
    let elements = |count: u64| count as usize * lanes;
    let row = elements(mem.sram_row());
    let zero = T::default();
    let mut at = usize::from(mem.sram_base) * lanes;
    let mut zeros = |pad: &mut [T], count: usize| {
        pad[at..at + count].fill(zero);
        at += count;
        at
    };
    let mut position = zeros(pad, row * usize::from(mem.y_pad_0));
    for index in 0..rows.count {
        let (data, right) = (elements(mem.x_pad_0.into()), elements(mem.x_size.into()));
        let whole = &mut pad[position..position + row];
        whole[..data].fill(zero);
        let bytes = cx.dram.read(rows.address(index), rows.row_bytes).unwrap_or(&[]);
        convert(&mut whole[data..data + right], bytes);
        whole[data + right..].fill(zero);
        position += row;
    }
    pad[position..position + row * usize::from(mem.y_pad_1)].fill(zero);
}

fn copy_i8(to: &mut [i8], from: &[u8]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from as i8;
    }
}

fn widen_i8(to: &mut [i32], from: &[u8]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = i32::from(from as i8);
    }
}

fn copy_i32(to: &mut [i32], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from.as_chunks().0) {
        *to = i32::from_le_bytes(*from);
    }
}

fn copy_u32(to: &mut [u32], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from.as_chunks().0) {
        *to = u32::from_le_bytes(*from);
    }
}

/// The rows of a transfer in device memory, all of them mapped.
struct Rows {
    element_bytes: usize,
    row_bytes: usize,
    count: usize,
    base: u64,
    /// Bytes from row to row.
    stride: u64,
}

impl Rows {
    fn new(config: &Config, mem: &Mem, dram: &Dram) -> Result<Rows, Cause> {
        let element_bytes = config.element_bytes(mem.memory_type);
        let rows = Rows {
            element_bytes,
            row_bytes: usize::from(mem.x_size) * element_bytes,
            count: usize::from(mem.y_size),
            base: u64::from(mem.dram_base) * element_bytes as u64,
            stride: u64::from(mem.x_stride) * element_bytes as u64,
        };
        let hull = rows.hull();
        let len = usize::try_from(hull.end - hull.start).unwrap_or(usize::MAX);
        if dram.read(hull.start, len).is_none() {
            // Rows far apart may lie in segments of their own, with a gap between them that none of them touches.
            rows.check_each(mem, dram)?;
        }
        Ok(rows)
    }

    fn address(&self, row: usize) -> u64 {
        self.base + row as u64 * self.stride
    }

    fn total_bytes(&self) -> u64 {
        (self.count * self.row_bytes) as u64
    }

    /// From the first byte to behind the last.
    fn hull(&self) -> Range<u64> {
        let end = match self.count {
            0 => self.base,
            count => self.address(count - 1) + self.row_bytes as u64,
        };
        self.base..end
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

fn check_sram(config: &Config, mem: &Mem) -> Result<(), Cause> {
    let memory = mem.memory_type;
    let limit = config.depth(memory) as u64;
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
