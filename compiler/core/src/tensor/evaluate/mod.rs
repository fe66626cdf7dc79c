//! The reference: kernel and inputs → the value of every tensor. What a kernel means is what this computes; the loop
//! interpreter and the simulator must agree with it bit for bit.
//!
//! A definition is computed in rows of points, not point by point: `access` says where a read finds the values of a row,
//! `rows` applies the definition's expression to them. The recurrent part of a scan is computed step by step (`steps`). What
//! numbers all of this computes in is left open (`arithmetic`): `real` computes what kernels approximate.

mod access;
mod arithmetic;
mod real;
mod rows;
mod steps;

use ndarray::{ArrayD, IxDyn};
use thiserror::Error;

use super::graph::Graph;
use super::{Kernel, TensorId};
use crate::scalar::DType;
use arithmetic::{Functions, Number};

pub use real::{RealEvaluation, evaluate_real};

/// The values of a tensor in its shape, each within the limits of its type.
pub type Array = ArrayD<i32>;

/// Inputs that do not fit their kernel.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EvaluateError {
    #[error("input `{name}` is missing")]
    MissingInput { name: String },
    #[error("`{name}` is given but is not an input")]
    NotAnInput { name: String },
    #[error("input `{name}` has shape {expected:?}, but an array of shape {found:?} is given")]
    WrongShape { name: String, expected: Vec<i64>, found: Vec<usize> },
    #[error("input `{name}` is `{}`, which cannot hold {value}", .dtype.name())]
    OutOfRange { name: String, dtype: DType, value: i32 },
}

/// The value of every tensor of a kernel, the inputs included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    arrays: Vec<Array>,
}

impl Evaluation {
    pub fn get(&self, tensor: TensorId) -> &Array {
        &self.arrays[tensor.0 as usize]
    }

    /// The values of all tensors, in the order of the kernel.
    pub fn into_arrays(self) -> Vec<Array> {
        self.arrays
    }
}

/// Computes every tensor of a kernel from its inputs, each of which is given once.
///
/// Intermediate tensors are returned as well, so that a wrong output can be traced to the first tensor that differs.
pub fn evaluate(kernel: &Kernel, inputs: &[(TensorId, Array)]) -> Result<Evaluation, EvaluateError> {
    for (id, array) in inputs {
        check_input(kernel, *id, array.shape())?;
        check_values(kernel, *id, array)?;
    }
    Ok(Evaluation { arrays: compute(kernel, inputs)? })
}

/// The arrays of all tensors, from those of the inputs, which have their shapes.
fn compute<N: Number>(kernel: &Kernel, inputs: &[(TensorId, ArrayD<N>)]) -> Result<Vec<ArrayD<N>>, EvaluateError> {
    let mut arrays: Vec<ArrayD<N>> = vec![ArrayD::from_elem(IxDyn(&[0]), N::of(0)); kernel.tensors.len()];
    for (id, array) in inputs {
        arrays[id.0 as usize] = array.as_standard_layout().into_owned();
    }
    let functions = Functions::default();
    for group in Graph::new(kernel).groups() {
        if group.iter().any(|id| kernel.tensor(*id).state().is_some()) {
            steps::compute(kernel, &functions, &group, &mut arrays);
            continue;
        }
        for id in group {
            match kernel.tensor(id).compute() {
                Some(compute) => arrays[id.0 as usize] = rows::compute(kernel, &functions, (id, compute), &arrays),
                None if inputs.iter().any(|(given, _)| *given == id) => {}
                None => return Err(EvaluateError::MissingInput { name: kernel.tensor(id).name.clone() }),
            }
        }
    }
    Ok(arrays)
}

fn check_input(kernel: &Kernel, id: TensorId, shape: &[usize]) -> Result<(), EvaluateError> {
    let tensor = kernel.tensor(id);
    let name = || tensor.name.clone();
    if !tensor.is_input() {
        return Err(EvaluateError::NotAnInput { name: name() });
    }
    if !shape.iter().map(|n| *n as i64).eq(tensor.shape.iter().copied()) {
        return Err(EvaluateError::WrongShape { name: name(), expected: tensor.shape.clone(), found: shape.to_vec() });
    }
    Ok(())
}

fn check_values(kernel: &Kernel, id: TensorId, array: &Array) -> Result<(), EvaluateError> {
    let (name, dtype) = (&kernel.tensor(id).name, kernel.tensor(id).dtype);
    let (min, max) = dtype.limits();
    match array.iter().find(|v| !(min..=max).contains(&i64::from(**v))) {
        Some(value) => Err(EvaluateError::OutOfRange { name: name.clone(), dtype, value: *value }),
        None => Ok(()),
    }
}
