//! What a kernel approximates: kernel and numbers → the same definitions computed in `f64`, on the numbers that the integers
//! stand for.
//!
//! Operations mean what they are there for. A shift multiplies or divides by a power of two and drops nothing, and half of
//! the divisor, which is added before a shift so that it rounds to the nearest, is left out. Conversions keep every number;
//! nothing wraps and nothing saturates, but `min`, `max` and `clip` do what they say. Approximated functions are the functions.

use ndarray::ArrayD;

use super::arithmetic::power_of_two;
use super::{EvaluateError, check_input, compute};
use crate::scalar::{BinaryOp, Scalar, SelectParts};
use crate::tensor::{Kernel, Leaf, TensorId};

/// The number of every element of every tensor of a kernel, the inputs included.
#[derive(Clone, Debug, PartialEq)]
pub struct RealEvaluation {
    arrays: Vec<ArrayD<f64>>,
}

impl RealEvaluation {
    pub fn get(&self, tensor: TensorId) -> &ArrayD<f64> {
        &self.arrays[tensor.0 as usize]
    }

    /// The numbers of all tensors, in the order of the kernel.
    pub fn into_arrays(self) -> Vec<ArrayD<f64>> {
        self.arrays
    }
}

/// Computes every tensor of a kernel from the numbers of its inputs, each of which is given once. They need not be numbers
/// that the inputs can hold.
pub fn evaluate_real(kernel: &Kernel, inputs: &[(TensorId, ArrayD<f64>)]) -> Result<RealEvaluation, EvaluateError> {
    inputs.iter().try_for_each(|(id, array)| check_input(kernel, *id, array.shape()))?;
    // Definitions speak of the integers that stand for numbers, so both are scaled as these are; that is exact.
    let scale = |id: TensorId| power_of_two(kernel.tensor(id).fraction.into());
    let scaled: Vec<(TensorId, ArrayD<f64>)> = inputs.iter().map(|(id, array)| (*id, array * scale(*id))).collect();
    let mut arrays = compute(&unrounded(kernel), &scaled)?;
    for (array, id) in arrays.iter_mut().zip(kernel.ids()) {
        *array /= scale(id);
    }
    Ok(RealEvaluation { arrays })
}

/// The kernel without what only rounds and converts.
fn unrounded(kernel: &Kernel) -> Kernel {
    let mut kernel = kernel.clone();
    for compute in kernel.tensors.iter_mut().filter_map(|tensor| tensor.compute_mut()) {
        compute.value = exact(&compute.value);
    }
    kernel
}

/// One more than the greatest `i8`.
const RAISED: i32 = 128;

fn exact(value: &Scalar<Leaf>) -> Scalar<Leaf> {
    match value {
        Scalar::Const { .. } | Scalar::Leaf(_) => value.clone(),
        Scalar::Cast { value, .. } => exact(value),
        Scalar::Approx { approx, value } => Scalar::approx(approx.clone(), exact(value)),
        Scalar::Binary { op: BinaryOp::Shr, left, right } => {
            Scalar::binary(BinaryOp::Shr, exact(rounded(left, right).unwrap_or(left)), exact(right))
        }
        Scalar::Binary { op, left, right } => Scalar::binary(*op, exact(left), exact(right)),
        Scalar::Select { op, parts } => {
            let [left, right, yes, no] = parts.each().map(exact);
            Scalar::select(*op, SelectParts { left, right, yes, no })
        }
    }
}

/// What a shift by `amount` divides, where `shifted` is that with half of the divisor added.
fn rounded<'a>(shifted: &'a Scalar<Leaf>, amount: &Scalar<Leaf>) -> Option<&'a Scalar<Leaf>> {
    let Scalar::Const { value: amount @ 1..32, .. } = amount else { return None };
    let is_half = |value: &Scalar<Leaf>| matches!(value, Scalar::Const { value, .. } if *value == 1 << (amount - 1));
    let last = i64::from(RAISED) << amount;
    let is_last = |value: &Scalar<Leaf>| matches!(value, Scalar::Const { value, .. } if i64::from(*value) == last - (1 << (amount - 1)) - 1);
    match shifted {
        Scalar::Binary { op: BinaryOp::Add, left, right } if is_half(right) => match &**left {
            // A conversion that saturates takes the last value that rounds to the greatest for all above.
            Scalar::Binary { op: BinaryOp::Min, left, right } if is_last(right) => Some(left),
            left => Some(left),
        },
        Scalar::Binary { op: BinaryOp::Add, left, right } if is_half(left) => Some(right),
        _ => None,
    }
}
