//! Device memory: segments (address, bytes) → byte ranges that instructions may read and write.
//!
//! Invariants: segments do not overlap and are kept in order of address; segments that touch are one range to
//! instructions, as they are to the machine. Nothing outside a segment can be read or written.

use std::ops::Range;
use thiserror::Error;

/// Why a list of segments is not a memory.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MemoryError {
    #[error("segments overlap: one of {first_bytes} bytes at {first:#x}, the next at {second:#x}")]
    Overlap { first: u64, first_bytes: u64, second: u64 },
    #[error("the segment of {bytes} bytes at {address:#x} ends past the last address")]
    PastAddressSpace { address: u64, bytes: u64 },
}

impl MemoryError {
    /// The stable code that `explain` takes.
    pub fn code(&self) -> &'static str {
        match self {
            MemoryError::Overlap { .. } => "E0901",
            MemoryError::PastAddressSpace { .. } => "E0902",
        }
    }
}

/// A piece of device memory with its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Address of the first byte.
    pub address: u64,
    pub bytes: Vec<u8>,
}

/// Segments that touch, as one run of bytes.
#[derive(Debug, PartialEq, Eq)]
struct Extent {
    address: u64,
    bytes: Vec<u8>,
}

impl Clone for Extent {
    fn clone(&self) -> Extent {
        Extent { address: self.address, bytes: self.bytes.clone() }
    }

    fn clone_from(&mut self, from: &Extent) {
        self.address = from.address;
        self.bytes.clone_from(&from.bytes);
    }
}

/// Device memory of an accelerator. [`Clone::clone_from`] of a memory with the same segments copies their bytes and
/// allocates nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Dram {
    /// In order of address, with at least one unmapped byte between neighbours.
    extents: Vec<Extent>,
    /// Address and length of each segment as given, in order of address.
    segments: Vec<(u64, usize)>,
}

impl Clone for Dram {
    fn clone(&self) -> Dram {
        Dram { extents: self.extents.clone(), segments: self.segments.clone() }
    }

    fn clone_from(&mut self, from: &Dram) {
        self.extents.clone_from(&from.extents);
        self.segments.clone_from(&from.segments);
    }
}

impl Dram {
    /// A memory of these segments, in any order. Empty segments are allowed and map nothing.
    pub fn new(mut segments: Vec<Segment>) -> Result<Dram, MemoryError> {
        check_places(segments.iter().map(|segment| (segment.address, segment.bytes.len() as u64)))?;
        segments.sort_by_key(|segment| segment.address);
        let mut dram = Dram::default();
        for Segment { address, bytes } in segments {
            dram.segments.push((address, bytes.len()));
            match dram.extents.last_mut() {
                _ if bytes.is_empty() => {}
                Some(last) if address == last.end() => last.bytes.extend_from_slice(&bytes),
                _ => dram.extents.push(Extent { address, bytes }),
            }
        }
        Ok(dram)
    }

    /// Address and bytes of each segment, in order of address.
    pub fn segments(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.segments.iter().map(|&(address, len)| (address, self.read(address, len).unwrap_or(&[])))
    }

    /// The `len` bytes at `address`, or `None` if one of them lies in no segment.
    pub fn read(&self, address: u64, len: usize) -> Option<&[u8]> {
        if len == 0 {
            return Some(&[]);
        }
        let extent = &self.extents[self.extent_at(address)?];
        let start = usize::try_from(address - extent.address).ok()?;
        extent.bytes.get(start..start.checked_add(len)?)
    }

    /// As [`Dram::read`], to be written.
    pub fn write(&mut self, address: u64, len: usize) -> Option<&mut [u8]> {
        if len == 0 {
            return Some(&mut []);
        }
        let index = self.extent_at(address)?;
        let extent = &mut self.extents[index];
        let start = usize::try_from(address - extent.address).ok()?;
        extent.bytes.get_mut(start..start.checked_add(len)?)
    }

    /// The ranges of addresses that can be accessed, in order and apart from each other.
    pub fn mapped(&self) -> impl Iterator<Item = Range<u64>> {
        self.extents.iter().map(|extent| extent.address..extent.end())
    }

    /// The first address from `address` on that lies in no segment.
    pub fn mapped_until(&self, address: u64) -> u64 {
        self.extent_at(address).map_or(address, |index| self.extents[index].end().max(address))
    }

    /// The last extent that starts at or before `address`, whether or not it reaches that far.
    fn extent_at(&self, address: u64) -> Option<usize> {
        self.extents.partition_point(|extent| extent.address <= address).checked_sub(1)
    }
}

/// Checks whether segments, by address and length, can be one memory; their contents are not needed for that.
pub(crate) fn check_places(segments: impl Iterator<Item = (u64, u64)>) -> Result<(), MemoryError> {
    let mut segments: Vec<(u64, u64)> = segments.collect();
    segments.sort_by_key(|(address, _)| *address);
    let mut before: Option<(u64, u64)> = None;
    for (address, bytes) in segments {
        if address.checked_add(bytes).is_none() {
            return Err(MemoryError::PastAddressSpace { address, bytes });
        }
        match before {
            _ if bytes == 0 => {}
            Some((first, first_bytes)) if address < first + first_bytes => {
                return Err(MemoryError::Overlap { first, first_bytes, second: address });
            }
            _ => before = Some((address, bytes)),
        }
    }
    Ok(())
}

impl Extent {
    fn end(&self) -> u64 {
        self.address + self.bytes.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(address: u64, bytes: &[u8]) -> Segment {
        Segment { address, bytes: bytes.to_vec() }
    }

    #[test]
    fn reads_inside_and_across_touching_segments_only() {
        let dram = Dram::new(vec![segment(16, &[3, 4]), segment(10, &[9; 4]), segment(18, &[5])]).unwrap();
        assert_eq!(dram.read(16, 3), Some(&[3, 4, 5][..]));
        assert_eq!(dram.read(13, 2), None);
        assert_eq!(dram.read(18, 2), None);
        assert_eq!(dram.read(0, 1), None);
        assert_eq!(dram.read(u64::MAX, 1), None);
        assert_eq!(dram.read(5, 0), Some(&[][..]));
        assert_eq!((dram.mapped_until(11), dram.mapped_until(14), dram.mapped_until(16)), (14, 14, 19));
    }

    #[test]
    fn returns_the_segments_as_given() {
        let dram = Dram::new(vec![segment(16, &[3, 4]), segment(18, &[5])]).unwrap();
        assert_eq!(dram.segments().collect::<Vec<_>>(), [(16, &[3, 4][..]), (18, &[5][..])]);
    }

    #[test]
    fn refuses_overlap_and_overflow() {
        let overlap = Dram::new(vec![segment(10, &[0; 4]), segment(13, &[0])]).unwrap_err();
        assert_eq!(overlap.to_string(), "segments overlap: one of 4 bytes at 0xa, the next at 0xd");
        let past = Dram::new(vec![segment(u64::MAX, &[0; 4])]).unwrap_err();
        assert_eq!(past.to_string(), "the segment of 4 bytes at 0xffffffffffffffff ends past the last address");
        assert_eq!((overlap.code(), past.code()), ("E0901", "E0902"));
    }
}
