//! Device memory: the program's DRAM buffers → segments, one after the other.
//!
//! Invariants: no two segments overlap, none contains address 0, and each starts on a boundary of 4096 bytes and of its
//! own tiles, because an instruction counts a DRAM address in whole tiles.

use tilewright_isa::limits::ADDRESS_SPACE;

use super::{EmitError, Segment, SegmentKind};
use crate::loops::ir::{Buffer, BufferId, LoopProgram, Scope};

/// Where the first segment starts, and what every segment is aligned to, in bytes.
pub const SEGMENT_ALIGNMENT: u64 = 4096;

/// The segments that are assigned so far.
#[derive(Debug, Default)]
pub struct DramMap {
    pub segments: Vec<Segment>,
}

impl DramMap {
    /// Gives each DRAM buffer its segment, in the order of the buffers.
    pub fn new(program: &LoopProgram) -> Result<DramMap, EmitError> {
        let mut map = DramMap::default();
        for (id, buffer) in program.buffers.iter().enumerate() {
            if buffer.scope == Scope::Dram {
                let kind = SegmentKind::Tensor(BufferId(id as u32));
                map.append(&buffer.name, kind, bytes(buffer), tile_bytes(buffer))?;
            }
        }
        Ok(map)
    }

    /// Appends a segment behind all others; returns its address in bytes.
    pub fn append(&mut self, name: &str, kind: SegmentKind, bytes: u64, tile_bytes: u64) -> Result<u64, EmitError> {
        let end = self.segments.last().map_or(SEGMENT_ALIGNMENT, |s| u64::from(s.address) + s.bytes as u64);
        let address = end.next_multiple_of(SEGMENT_ALIGNMENT.max(tile_bytes));
        match address.checked_add(bytes) {
            Some(end) if end <= ADDRESS_SPACE => {}
            _ => return Err(EmitError::DeviceMemory { segment: name.to_string(), bytes, address }),
        }
        self.segments.push(Segment { name: name.to_string(), address: address as u32, bytes: bytes as usize, kind });
        Ok(address)
    }

    /// The address of a buffer's first byte.
    pub fn address(&self, buffer: BufferId) -> u64 {
        let found = self.segments.iter().find(|s| s.kind == SegmentKind::Tensor(buffer));
        found.map_or(0, |s| s.address.into())
    }
}

fn bytes(buffer: &Buffer) -> u64 {
    buffer.shape.iter().fold(buffer.dtype.bytes() as u64, |product, n| product.saturating_mul(*n as u64))
}

fn tile_bytes(buffer: &Buffer) -> u64 {
    buffer.dtype.bytes() as u64 * buffer.lane_count() as u64
}
