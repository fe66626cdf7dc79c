//! Where the values of a row are found: a read of a tensor, or an axis → an offset for each point of the row.
//!
//! The points of a definition are the combinations of its axes, reduced axes last, in row-major order. The inner axes make
//! up a row; the outer ones are stepped through. Offsets split into a part that the outer axes fix and a part that is the
//! same for every row, unless a division holds axes of both kinds. An array that is read beyond its edges is extended by
//! what stands there, so that these reads are like all others.

use std::collections::BTreeMap;

use ndarray::{ArrayD, IxDyn, Slice};

use super::arithmetic::Number;
use crate::affine::{Affine, Interval};
use crate::tensor::{AxisId, Compute, Kernel, Leaf, Read, TensorId};

/// Rows are at least this long where there are enough points, ...
const ROW_MIN: i64 = 1 << 10;
/// ... grow to at most this, ...
const ROW_GOOD: i64 = 1 << 16;
/// ... and exceed this only if the innermost axis does.
const ROW_MAX: i64 = 1 << 24;
/// Most elements of an extended array.
const EXTENDED_MAX: i64 = 1 << 28;

/// The points of a definition, split into rows.
pub(super) struct Space {
    /// Axes and their extents, from the outermost to the innermost.
    pub outer: Vec<(AxisId, i64)>,
    pub row: Vec<(AxisId, i64)>,
}

impl Space {
    pub fn new(kernel: &Kernel, compute: &Compute) -> Space {
        let reduced = compute.reduction.iter().flat_map(|r| &r.axes);
        let mut outer: Vec<(AxisId, i64)> =
            compute.axes.iter().chain(reduced).map(|a| (*a, kernel.axis(*a).extent)).collect();
        let (mut first, mut points) = (outer.len(), 1);
        while first > 0 {
            let larger = points * outer[first - 1].1;
            let limit = if points < ROW_MIN { ROW_MAX } else { ROW_GOOD };
            if larger > limit && points > 1 {
                break;
            }
            (first, points) = (first - 1, larger);
        }
        let row = outer.split_off(first);
        Space { outer, row }
    }

    pub fn points_in_row(&self) -> usize {
        self.row.iter().map(|(_, n)| *n as usize).product()
    }

    fn is_in_row(&self, axis: AxisId) -> bool {
        self.row.iter().any(|(a, _)| *a == axis)
    }

    /// The value of an axis at a point of the row. `outer` has a value for each of the outer axes.
    pub fn value(&self, axis: AxisId, outer: &[i64], mut point: i64) -> i64 {
        if let Some(at) = self.outer.iter().position(|(a, _)| *a == axis) {
            return outer[at];
        }
        for (a, extent) in self.row.iter().rev() {
            if *a == axis {
                return point % extent;
            }
            point /= extent;
        }
        unreachable!("a definition names only its own axes")
    }

    fn range(&self, axis: AxisId) -> Interval {
        let extent = self.outer.iter().chain(&self.row).find(|(a, _)| *a == axis).map_or(1, |(_, n)| *n);
        Interval::below(extent)
    }
}

/// A leaf of a definition's value.
pub(super) enum Access<'a, N> {
    /// The value at a point is that of `data` at `base` (over the outer axes) plus the point's part of the offset.
    Read { data: &'a [N], base: Affine<AxisId>, within: Pattern },
    /// The value at a point is the sum itself.
    Axis { base: Affine<AxisId>, within: Pattern },
    /// A read whose offsets do not split.
    Scattered { data: &'a [N], read: Read, shape: &'a [i64], outside: N },
}

/// The part of an offset that the axes of the row make up.
pub(super) enum Pattern {
    /// A multiple of the point's number.
    Stride(i64),
    Table(Vec<i32>),
}

/// The least and greatest index of each dimension.
type Region = Vec<Interval>;

/// Builds the accesses of one definition.
pub(super) struct Accesses<'a, N> {
    kernel: &'a Kernel,
    space: &'a Space,
    arrays: &'a [ArrayD<N>],
    /// Arrays extended by what stands outside of them, for each tensor that the definition reads there.
    extended: BTreeMap<TensorId, (Region, ArrayD<N>)>,
}

impl<'a, N: Number> Accesses<'a, N> {
    pub fn new(kernel: &'a Kernel, space: &'a Space, arrays: &'a [ArrayD<N>], compute: &Compute) -> Accesses<'a, N> {
        let mut accesses = Accesses { kernel, space, arrays, extended: BTreeMap::new() };
        for (tensor, region) in accesses.regions(compute) {
            if let Some(array) = accesses.extend(tensor, &region) {
                accesses.extended.insert(tensor, (region, array));
            }
        }
        accesses
    }

    /// What all reads of a tensor cover together with the tensor, where that is more than the tensor.
    fn regions(&self, compute: &Compute) -> BTreeMap<TensorId, Region> {
        let mut regions = BTreeMap::<TensorId, Region>::new();
        for read in compute.reads() {
            let shape = &self.kernel.tensor(read.tensor).shape;
            let region =
                regions.entry(read.tensor).or_insert_with(|| shape.iter().map(|n| Interval::below(*n)).collect());
            for (covered, index) in region.iter_mut().zip(&read.indices) {
                let range = index.range(&|a| self.space.range(a));
                *covered = Interval::new(covered.min.min(range.min), covered.max.max(range.max));
            }
        }
        regions.retain(|tensor, region| *region != self.whole(*tensor));
        regions
    }

    fn whole(&self, tensor: TensorId) -> Region {
        self.kernel.tensor(tensor).shape.iter().map(|n| Interval::below(*n)).collect()
    }

    /// `None` if the region is too large to be worth it.
    fn extend(&self, tensor: TensorId, region: &Region) -> Option<ArrayD<N>> {
        let shape: Vec<i64> = extents(region);
        let elements = shape.iter().try_fold(1i64, |n, e| n.checked_mul(*e))?;
        let array = &self.arrays[tensor.0 as usize];
        if elements > EXTENDED_MAX.min(4 * array.len() as i64 + ROW_GOOD) {
            return None;
        }
        let shape: Vec<usize> = shape.iter().map(|n| *n as usize).collect();
        let mut extended = ArrayD::from_elem(IxDyn(&shape), self.outside(tensor));
        let inner = |dimension: usize| {
            let start = -region[dimension].min;
            Slice::from(start as isize..start as isize + array.shape()[dimension] as isize)
        };
        extended.slice_each_axis_mut(|axis| inner(axis.axis.index())).assign(array);
        Some(extended)
    }

    /// What a read outside of a tensor yields; of no meaning where the tensor is not read there.
    fn outside(&self, tensor: TensorId) -> N {
        N::of(self.kernel.tensor(tensor).outside.unwrap_or(0))
    }

    pub fn access(&'a self, leaf: &Leaf) -> Access<'a, N> {
        match leaf {
            Leaf::Axis(axis) => {
                let (within, base) = self.split(Affine::var(*axis));
                Access::Axis { base, within: self.pattern(&within) }
            }
            Leaf::Read(read) => self.read(read),
        }
    }

    fn read(&'a self, read: &Read) -> Access<'a, N> {
        let array = &self.arrays[read.tensor.0 as usize];
        let whole = self.whole(read.tensor);
        let (region, array) = match self.extended.get(&read.tensor) {
            Some((region, array)) => (region, array),
            None => (&whole, array),
        };
        let data = array.as_slice().expect("arrays are kept in standard layout");
        let stays_inside = read.indices.iter().zip(region).all(|(index, covered)| {
            let range = index.range(&|a| self.space.range(a));
            covered.min <= range.min && range.max <= covered.max
        });
        let splits = read.indices.iter().all(|index| self.splits(index));
        if stays_inside && splits {
            let (within, base) = self.split(flatten(&read.indices, region));
            return Access::Read { data, base, within: self.pattern(&within) };
        }
        let original = self.arrays[read.tensor.0 as usize].as_slice().expect("arrays are kept in standard layout");
        let shape = &self.kernel.tensor(read.tensor).shape;
        Access::Scattered { data: original, read: read.clone(), shape, outside: self.outside(read.tensor) }
    }

    /// The part of the row, and the part of the outer axes, which keeps the constant.
    fn split(&self, offset: Affine<AxisId>) -> (Affine<AxisId>, Affine<AxisId>) {
        offset.partition(&|a| self.space.is_in_row(a))
    }

    /// Whether no part of an index holds both outer axes and axes of the row.
    fn splits(&self, index: &Affine<AxisId>) -> bool {
        let (within, _) = index.partition(&|a| self.space.is_in_row(a));
        !within.mentions(&|a| !self.space.is_in_row(a))
    }

    fn pattern(&self, within: &Affine<AxisId>) -> Pattern {
        let row = &self.space.row;
        let coefficients: Option<Vec<i64>> = row.iter().map(|(a, _)| within.coefficient(*a)).collect();
        let Some(coefficients) = coefficients else {
            let points = self.space.points_in_row() as i64;
            let offset = |point| within.eval(&|a| self.space.value(a, &[], point)) as i32;
            return Pattern::Table((0..points).map(offset).collect());
        };
        let parts: Vec<(i64, i64)> =
            coefficients.iter().zip(row).filter(|(_, (_, n))| *n > 1).map(|(c, (_, n))| (*c, *n)).collect();
        match stride(&parts) {
            Some(stride) => Pattern::Stride(stride),
            None => Pattern::Table(linear_table(&parts)),
        }
    }
}

/// The place of the element that is read, or `None` outside of the array.
pub(super) fn locate(read: &Read, shape: &[i64], value: &dyn Fn(AxisId) -> i64) -> Option<usize> {
    let mut at = 0;
    for (index, extent) in read.indices.iter().zip(shape) {
        let i = index.eval(value);
        if !(0..*extent).contains(&i) {
            return None;
        }
        at = at * extent + i;
    }
    Some(at as usize)
}

/// Indices into a region → the offset in its array.
fn flatten(indices: &[Affine<AxisId>], region: &[Interval]) -> Affine<AxisId> {
    indices.iter().zip(region).zip(extents(region)).fold(Affine::constant(0), |offset, ((index, covered), extent)| {
        offset.times(extent).plus(index).plus_constant(-covered.min)
    })
}

fn extents(region: &[Interval]) -> Vec<i64> {
    region.iter().map(|r| r.max - r.min + 1).collect()
}

/// The one step from each point to the next, for axes with (coefficient, extent) from the outermost to the innermost.
fn stride(parts: &[(i64, i64)]) -> Option<i64> {
    let Some((stride, _)) = parts.last() else { return Some(0) };
    let mut expected = *stride;
    for (coefficient, extent) in parts.iter().rev() {
        if *coefficient != expected {
            return None;
        }
        expected *= extent;
    }
    Some(*stride)
}

fn linear_table(parts: &[(i64, i64)]) -> Vec<i32> {
    let mut table = Vec::with_capacity(parts.iter().map(|(_, extent)| *extent as usize).product());
    table.push(0);
    // From the innermost: the table so far, moved, for each further value of the axis around it.
    for (coefficient, extent) in parts.iter().rev() {
        let inner = table.len();
        for value in 1..*extent {
            let start = table.len();
            table.extend_from_within(..inner);
            table[start..].iter_mut().for_each(|offset| *offset += (value * coefficient) as i32);
        }
    }
    table
}
