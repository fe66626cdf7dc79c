//! A buffer, the host that it would lie in, and the index map from its elements to the host's.

use crate::legalize::Cx;
use crate::loops::ir::{Buffer, BufferId, Index, LoopId, LoopProgram};
use crate::loops::nest::without_unit_loops;
use crate::scalar::DType;

pub struct Alias {
    pub buffer: BufferId,
    pub host: BufferId,
    /// One for each dimension of the host.
    pub map: Vec<Dimension>,
}

/// The index of one dimension of the host.
pub enum Dimension {
    /// That of a dimension of the buffer.
    Along(usize),
    /// The same for all elements of the buffer.
    At(Index),
}

impl Alias {
    /// Each element in that of the same indices.
    pub fn whole(program: &LoopProgram, buffer: BufferId, host: BufferId) -> Alias {
        let map = (0..program.buffer(host).shape.len()).map(Dimension::Along).collect();
        Alias { buffer, host, map }
    }

    /// The buffer as a slice of a host, where `own` and `hosted` are to be one element. Loops `inside` of the block that allocates
    /// the buffer move its elements; what stands still there is one element of the host, and of the buffer.
    pub fn slice(
        program: &LoopProgram,
        inside: &[LoopId],
        (buffer, own): (BufferId, &[Index]),
        (host, hosted): (BufferId, &[Index]),
    ) -> Option<Alias> {
        let own: Vec<Index> = own.iter().map(|index| without_unit_loops(program, index)).collect();
        let dimension = |index: &Index| {
            let index = without_unit_loops(program, index);
            match index.mentions(&|l| inside.contains(&l)) {
                true => own.iter().position(|o| *o == index).map(Dimension::Along),
                false => Some(Dimension::At(index)),
            }
        };
        let map = hosted.iter().map(dimension).collect::<Option<Vec<Dimension>>>()?;
        Some(Alias { buffer, host, map })
    }

    /// The host's element for an element of the buffer.
    pub fn element(&self, indices: &[Index]) -> Vec<Index> {
        let index = |dimension: &Dimension| match dimension {
            Dimension::Along(dim) => indices[*dim].clone(),
            Dimension::At(index) => index.clone(),
        };
        self.map.iter().map(index).collect()
    }

    /// Whether a buffer is its own host, with fewer elements.
    pub fn is_of_itself(&self) -> bool {
        self.buffer == self.host
    }

    /// Whether the host has an element for each of the buffer, wide enough and in the same lane.
    pub fn fits(&self, program: &LoopProgram, cx: &Cx) -> bool {
        let (b, h) = (program.buffer(self.buffer), program.buffer(self.host));
        let is_whole = self.map.iter().enumerate().all(|(d, to)| matches!(to, Dimension::Along(dim) if *dim == d));
        let keeps_values = h.dtype == b.dtype || h.dtype == DType::I32;
        let holds = match is_whole && b.shape.len() == h.shape.len() {
            true => holds(h, b, cx),
            // A slice is as long as its host, and rotates with nothing.
            false => self.is_slice(b, h) && b.slots == 1,
        };
        keeps_values && b.base.is_none() && holds && self.keeps_lanes(b, h)
    }

    /// The host's dimension for one of the buffer.
    fn of_host(&self, dim: usize) -> Option<usize> {
        self.map.iter().position(|to| matches!(to, Dimension::Along(d) if *d == dim))
    }

    /// Whether each dimension of the buffer is one of the host's, and as long, or has one element.
    fn is_slice(&self, b: &Buffer, h: &Buffer) -> bool {
        let along = self.map.iter().filter(|to| matches!(to, Dimension::Along(_))).count();
        let mapped = (0..b.shape.len()).filter(|dim| self.of_host(*dim).is_some()).count();
        let alike = (0..b.shape.len()).all(|dim| match self.of_host(dim) {
            Some(d) => (b.shape[dim], b.array[dim]) == (h.shape[d], h.array[d]),
            None => b.shape[dim] == 1,
        });
        alike && along == mapped
    }

    /// Whether the lanes of both are along the same dimensions.
    fn keeps_lanes(&self, b: &Buffer, h: &Buffer) -> bool {
        let (Some(own), Some(hosts)) = (&b.layout, &h.layout) else { return false };
        let lanes = own.lanes.iter().map(|l| Some((self.of_host(l.dim)?, l.size)));
        let lanes: Option<Vec<(usize, i64)>> = lanes.collect();
        lanes.is_some_and(|lanes| lanes.into_iter().eq(hosts.lanes.iter().map(|l| (l.dim, l.size))))
    }
}

/// Whether two lists of indices say the same element, whatever unit loops they mention.
pub fn same_element(program: &LoopProgram, a: &[Index], b: &[Index]) -> bool {
    let same = |a: &Index, b: &Index| a == b || without_unit_loops(program, a) == without_unit_loops(program, b);
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}

/// Whether a buffer has an element for each of another. One that ends inside a tile in which the host goes on would be computed
/// in a part of a tile; of one that is as long as the host in whole tiles, the host's elements beyond its end may be in use.
fn holds(host: &Buffer, b: &Buffer, cx: &Cx) -> bool {
    let pads = |whole: i64, part: i64| {
        let sides = [cx.core().batch, cx.core().block_out];
        whole > part && sides.iter().any(|side| (part + side - 1) / side * side == whole)
    };
    let ends_inside = |dim: usize| {
        let size = host.layout.as_ref().map_or(1, |layout| layout.lane_size(dim));
        host.array[dim] != b.array[dim] && b.array[dim] % size != 0
    };
    host.shape.iter().zip(&b.shape).all(|(whole, part)| whole >= part)
        && !host.array.iter().zip(&b.array).any(|(whole, part)| pads(*whole, *part))
        && !(0..b.array.len()).any(ends_inside)
}
