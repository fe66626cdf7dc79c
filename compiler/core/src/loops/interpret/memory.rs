//! The content of one buffer: its cells in physical order, tile by tile where it has a layout, each written or not.

use ndarray::{ArrayD, IxDyn};

use crate::loops::ir::Buffer;

/// What a cell holds that was not written: no `i32` value.
const UNWRITTEN: i64 = i64::MIN;

/// Cells in physical order. One word holds a value and whether there is one, so that a read is one access.
#[derive(Debug)]
pub(super) struct Memory {
    cells: Vec<i64>,
    /// The cells that are no part of the array.
    filling: Vec<usize>,
    /// Cells of a tile; 1 without a layout.
    pub lanes: usize,
}

impl Memory {
    pub fn new(buffer: &Buffer) -> Memory {
        let lanes = buffer.lane_count();
        let mut memory =
            Memory { cells: vec![UNWRITTEN; elements(buffer)], lanes: lanes as usize, filling: filling(buffer) };
        memory.forget();
        memory
    }

    /// A memory with the values of the user's array.
    pub fn holding(buffer: &Buffer, array: &ArrayD<i32>) -> Memory {
        let mut memory = Memory::new(buffer);
        for (at, value) in array.iter().enumerate() {
            memory.write(physical(buffer, &unravel(&buffer.array, at as i64)), *value);
        }
        memory
    }

    /// The values of the user's array, or the first logical index that was never written.
    pub fn array(&self, buffer: &Buffer) -> Result<ArrayD<i32>, Vec<i64>> {
        let shape: Vec<usize> = buffer.array.iter().map(|n| *n as usize).collect();
        let mut array = ArrayD::zeros(IxDyn(&shape));
        for (at, element) in array.iter_mut().enumerate() {
            let index = unravel(&buffer.array, at as i64);
            *element = self.read(physical(buffer, &index)).ok_or(index)?;
        }
        Ok(array)
    }

    /// Makes every value undefined, and zero what is no part of the array.
    pub fn forget(&mut self) {
        self.cells.fill(UNWRITTEN);
        for cell in &self.filling {
            self.cells[*cell] = 0;
        }
    }

    #[inline]
    pub fn read(&self, cell: usize) -> Option<i32> {
        let word = self.cells[cell];
        (word != UNWRITTEN).then_some(word as i32)
    }

    #[inline]
    pub fn write(&mut self, cell: usize, value: i32) {
        self.cells[cell] = i64::from(value);
    }

    /// Reads consecutive cells, or names the first that was not written.
    pub fn read_all(&self, start: usize, values: &mut [i32]) -> Result<(), usize> {
        let cells = &self.cells[start..start + values.len()];
        for (value, word) in values.iter_mut().zip(cells) {
            *value = *word as i32;
        }
        match cells.iter().position(|word| *word == UNWRITTEN) {
            Some(at) => Err(start + at),
            None => Ok(()),
        }
    }

    pub fn write_all(&mut self, start: usize, values: &[i32]) {
        for (word, value) in self.cells[start..start + values.len()].iter_mut().zip(values) {
            *word = i64::from(*value);
        }
    }
}

fn elements(buffer: &Buffer) -> usize {
    buffer.shape.iter().product::<i64>() as usize
}

/// The cells of a buffer that are no part of its array.
fn filling(buffer: &Buffer) -> Vec<usize> {
    if buffer.array == buffer.shape {
        return Vec::new();
    }
    let indices = (0..elements(buffer)).map(|at| unravel(&buffer.shape, at as i64));
    let beyond = |index: &Vec<i64>| index.iter().zip(&buffer.array).any(|(i, n)| i >= n);
    indices.filter(beyond).map(|index| physical(buffer, &index)).collect()
}

/// The cell of an element.
fn physical(buffer: &Buffer, index: &[i64]) -> usize {
    let (tile, lane) = buffer.layout.clone().unwrap_or_default().locate(&buffer.shape, index);
    (tile * buffer.lane_count() + lane) as usize
}

/// The index of a row-major position.
pub(super) fn unravel(shape: &[i64], mut at: i64) -> Vec<i64> {
    let mut index = vec![0; shape.len()];
    for (i, n) in index.iter_mut().zip(shape).rev() {
        *i = at % n;
        at /= n;
    }
    index
}

/// The logical index of a cell: the inverse of [`physical`], for layouts with at most one lane for each dimension.
pub(super) fn logical(buffer: &Buffer, cell: usize) -> Vec<i64> {
    let Some(layout) = &buffer.layout else { return unravel(&buffer.shape, cell as i64) };
    let (tile, lane) = (cell as i64 / layout.lane_count(), cell as i64 % layout.lane_count());
    let (tiles, steps) = (layout.tiles(&buffer.shape), layout.steps(&buffer.shape));
    let mut index: Vec<i64> = (0..tiles.len()).map(|d| tile / steps[d] % tiles[d] * layout.lane_size(d)).collect();
    let sizes: Vec<i64> = layout.lanes.iter().map(|l| l.size).collect();
    for (l, at) in layout.lanes.iter().zip(unravel(&sizes, lane)) {
        index[l.dim] += at;
    }
    index
}
