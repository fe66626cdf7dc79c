//! How many elements of an input are read.
//!
//! An index depends on some axes only, so what one read touches is the product of what groups of its indices touch, which
//! share axes. Several reads are laid over each other in a map of the whole tensor.

use std::collections::BTreeSet;

use ndarray::{ArrayD, IxDyn, indices};

use super::starts_a_state;
use crate::tensor::{AxisId, Kernel, Read, TensorId};

/// Dimensions whose indices share axes, and the different values that these indices have together.
struct Group {
    dims: Vec<usize>,
    values: BTreeSet<Vec<i64>>,
}

/// The elements of a tensor that definitions of needed tensors read.
pub fn read(kernel: &Kernel, id: TensorId, needed: &BTreeSet<TensorId>) -> u64 {
    let shape = &kernel.tensor(id).shape;
    let whole = shape.iter().product::<i64>() as u64;
    if starts_a_state(kernel, id, needed) {
        return whole;
    }
    let reads = needed.iter().filter_map(|t| kernel.tensor(*t).compute()).flat_map(|c| c.reads());
    let mut reads = reads.filter(|r| r.tensor == id).map(|read| groups(kernel, read)).collect::<Vec<_>>();
    let count = |read: &Vec<Group>| read.iter().map(|g| g.values.len() as u64).product::<u64>();
    if let Some(all) = reads.iter().position(|read| count(read) == whole) {
        reads.swap(0, all);
        reads.truncate(1);
    }
    match reads.as_slice() {
        [] => 0,
        [read] => count(read),
        reads => several(shape, reads),
    }
}

fn groups(kernel: &Kernel, read: &Read) -> Vec<Group> {
    let shares = |a: usize, b: usize| {
        (0..kernel.axes.len() as u32)
            .map(AxisId)
            .any(|axis| read.indices[a].mentions(&|v| v == axis) && read.indices[b].mentions(&|v| v == axis))
    };
    let mut open: Vec<usize> = (0..read.indices.len()).collect();
    let mut groups = Vec::new();
    while let Some(first) = open.pop() {
        let mut dims = vec![first];
        let mut at = 0;
        while at < dims.len() {
            dims.extend(open.extract_if(.., |d| shares(dims[at], *d)).collect::<Vec<_>>());
            at += 1;
        }
        dims.sort_unstable();
        let values = values(kernel, read, &dims);
        groups.push(Group { dims, values });
    }
    groups
}

/// The different values inside of the tensor.
fn values(kernel: &Kernel, read: &Read, dims: &[usize]) -> BTreeSet<Vec<i64>> {
    let used = |axis: &AxisId| dims.iter().any(|d| read.indices[*d].mentions(&|v| v == *axis));
    let axes: Vec<AxisId> = (0..kernel.axes.len() as u32).map(AxisId).filter(used).collect();
    let extents: Vec<usize> = axes.iter().map(|a| kernel.axis(*a).extent as usize).collect();
    let shape = &kernel.tensor(read.tensor).shape;
    let at = |point: IxDyn| {
        let value = |axis: AxisId| point[axes.iter().position(|a| *a == axis).expect("axes are those used")] as i64;
        dims.iter().map(|d| read.indices[*d].eval(&value)).collect::<Vec<i64>>()
    };
    let inside = |index: &Vec<i64>| index.iter().zip(dims).all(|(i, d)| (0..shape[*d]).contains(i));
    indices(IxDyn(&extents)).into_iter().map(at).filter(inside).collect()
}

fn several(shape: &[i64], reads: &[Vec<Group>]) -> u64 {
    let extents: Vec<usize> = shape.iter().map(|d| *d as usize).collect();
    let mut touched = ArrayD::from_elem(IxDyn(&extents), false);
    for read in reads {
        let counts: Vec<usize> = read.iter().map(|g| g.values.len()).collect();
        let lists: Vec<Vec<&Vec<i64>>> = read.iter().map(|g| g.values.iter().collect()).collect();
        for point in indices(IxDyn(&counts)) {
            let mut index = vec![0; shape.len()];
            for (at, group) in read.iter().enumerate() {
                for (dim, value) in group.dims.iter().zip(lists[at][point[at]]) {
                    index[*dim] = *value as usize;
                }
            }
            touched[IxDyn(&index)] = true;
        }
    }
    touched.iter().filter(|t| **t).count() as u64
}
