//! Computes the recurrent part of a scan, step by step: tensors that depend on each other's values of earlier steps. What
//! a step computes is a definition of its own, in which the step is a number.

use ndarray::{ArrayD, Axis, IxDyn};

use super::arithmetic::{Functions, Number};
use super::rows;
use crate::affine::{Affine, Interval};
use crate::scalar::Scalar;
use crate::tensor::{AxisId, Compute, Kernel, Leaf, Read, TensorId};

/// Computes the tensors of a group, in the order of the source, which holds within a step.
pub(super) fn compute<N: Number>(kernel: &Kernel, functions: &Functions, group: &[TensorId], arrays: &mut [ArrayD<N>]) {
    for id in group {
        let shape: Vec<usize> = kernel.tensor(*id).shape.iter().map(|n| *n as usize).collect();
        arrays[id.0 as usize] = ArrayD::from_elem(IxDyn(&shape), N::of(0));
        if let Some(state) = kernel.tensor(*id).state() {
            let init = arrays[state.init.0 as usize].clone();
            arrays[id.0 as usize].index_axis_mut(Axis(0), 0).assign(&init);
        }
    }
    // A step computes what its states become behind all else, of which they are made.
    let (states, others): (Vec<TensorId>, Vec<TensorId>) =
        group.iter().partition(|id| kernel.tensor(**id).state().is_some());
    for step in 0..steps(kernel, group) {
        for id in others.iter().chain(&states) {
            let tensor = kernel.tensor(*id);
            let Some(whole) = tensor.compute() else { continue };
            let at = step + i64::from(tensor.state().is_some());
            let value = rows::compute(kernel, functions, (*id, &at_step(kernel, whole, step)), arrays);
            arrays[id.0 as usize].index_axis_mut(Axis(0), at as usize).assign(&value);
        }
    }
}

/// The extent of the first axis, which runs over the steps in every definition of a scan.
fn steps(kernel: &Kernel, group: &[TensorId]) -> i64 {
    let first = group.first().and_then(|id| kernel.tensor(*id).compute()).and_then(|c| c.axes.first());
    first.map_or(0, |axis| kernel.axis(*axis).extent)
}

/// The definition without its first axis, which stands at `step`.
fn at_step(kernel: &Kernel, compute: &Compute, step: i64) -> Compute {
    let time = compute.axes[0];
    let fixed = |a: AxisId| if a == time { Affine::constant(step) } else { Affine::var(a) };
    let ranges = |a: AxisId| Interval::below(kernel.axis(a).extent);
    let value = compute.value.flat_map(&mut |leaf| match leaf {
        Leaf::Axis(axis) if *axis == time => Scalar::int(step as i32),
        Leaf::Axis(axis) => Scalar::Leaf(Leaf::Axis(*axis)),
        Leaf::Read(read) => {
            let indices = read.indices.iter().map(|e| e.substitute(&fixed, &ranges)).collect();
            Scalar::Leaf(Leaf::Read(Read { tensor: read.tensor, indices, span: read.span }))
        }
    });
    Compute { axes: compute.axes[1..].to_vec(), reduction: compute.reduction.clone(), value }
}
