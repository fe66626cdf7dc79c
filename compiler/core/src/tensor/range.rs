//! The range of a value of a kernel, from the definitions of what it reads. States of scans hold anything, and so do tensors that are
//! reached through many others: what is asked for is whether an operation just behind a few others can wrap.

use super::{Compute, Definition, Kernel, Leaf, Reducer, TensorId};
use crate::affine::Interval;
use crate::scalar::Scalar;
use crate::scalar::range::{hull, wrapped};

/// How many definitions are followed, one behind the other.
const DEPTH: u32 = 4;

/// The range of a value, which holds for all inputs.
pub fn range(kernel: &Kernel, value: &Scalar<Leaf>) -> Interval {
    of_value(kernel, value, DEPTH)
}

fn of_value(kernel: &Kernel, value: &Scalar<Leaf>, depth: u32) -> Interval {
    value.range(&mut |leaf| match leaf {
        Leaf::Axis(axis) => Interval::below(kernel.axis(*axis).extent),
        Leaf::Read(read) => of_tensor(kernel, read.tensor, depth),
    })
}

fn of_tensor(kernel: &Kernel, id: TensorId, depth: u32) -> Interval {
    let tensor = kernel.tensor(id);
    let inside = match &tensor.definition {
        Definition::Compute(compute) if depth > 0 => of_compute(kernel, compute, depth - 1),
        _ => tensor.dtype.range(),
    };
    let outside = tensor.outside.map(|value| Interval::new(value.into(), value.into()));
    outside.into_iter().fold(inside, hull)
}

fn of_compute(kernel: &Kernel, compute: &Compute, depth: u32) -> Interval {
    let each = of_value(kernel, &compute.value, depth);
    match &compute.reduction {
        Some(reduction) if reduction.reducer == Reducer::Sum => {
            let times = reduction.axes.iter().fold(1_i64, |n, axis| n.saturating_mul(kernel.axis(*axis).extent));
            wrapped(Interval::new(each.min.saturating_mul(times), each.max.saturating_mul(times)))
        }
        _ => each,
    }
}
