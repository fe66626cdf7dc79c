//! Arrays that do not fit the inputs of their program.

use std::collections::BTreeMap;

use ndarray::ArrayD;
use thiserror::Error;
use tilewright_core::tensor::Format;
use tilewright_syntax::{Diagnostic, Span};

use crate::text::index_text;
use crate::{Arrays, Artifact, Result};

#[derive(Clone, Debug, PartialEq, Eq, Error)]
enum InputError {
    #[error("there is no input `{name}`")]
    Unknown { name: String, known: Vec<String> },
    #[error("input `{name}` has no values")]
    Missing { name: String, declared: Option<Span> },
    #[error("the array for input `{name}` has shape {found:?}, and the input has {expected:?}")]
    Shape { name: String, expected: Vec<usize>, found: Vec<usize>, declared: Option<Span> },
    #[error("input `{name}` is `{format}`, which cannot hold the {value} at {}", index_text(.index))]
    OutOfRange { name: String, format: Format, value: i32, index: Vec<usize>, declared: Option<Span> },
}

impl InputError {
    fn code(&self) -> &'static str {
        match self {
            InputError::Shape { .. } => "E0622",
            InputError::Unknown { .. } => "E0623",
            InputError::Missing { .. } => "E0627",
            InputError::OutOfRange { .. } => "E0628",
        }
    }

    fn diagnostic(&self) -> Diagnostic {
        let error = Diagnostic::error(self.code(), self.to_string());
        let (error, declared) = match self {
            InputError::Unknown { name, known } => (error.offer(name, known, "inputs"), None),
            InputError::Missing { declared, .. } => (error.help("every input needs an array"), *declared),
            InputError::Shape { declared, .. } => {
                (error.help("parameters change the shape that the kernel has"), *declared)
            }
            InputError::OutOfRange { format, declared, .. } => {
                let (least, greatest) = format.dtype.limits();
                (error.help(format!("its integers are {least} to {greatest}")), *declared)
            }
        };
        declared.into_iter().fold(error, |error, span| error.secondary(span, "declared here"))
    }
}

/// Refuses inputs that are missing or unknown, of another shape, or beyond the range of their type.
pub(crate) fn check_inputs(artifact: &Artifact, inputs: &Arrays) -> Result<()> {
    check_shapes(artifact, inputs)?;
    artifact.inputs().try_for_each(|input| {
        let (least, greatest) = input.format.dtype.limits();
        let is_outside = |value: &i32| !(least..=greatest).contains(&i64::from(*value));
        let array = &inputs[&input.name];
        // Most arrays are fine, which a plain loop says fastest.
        if !array.iter().any(is_outside) {
            return Ok(());
        }
        let (at, value) = array.indexed_iter().find(|(_, value)| is_outside(value)).expect("there is one");
        let index = (0..array.ndim()).map(|d| at[d]).collect();
        let (name, format, declared) = (input.name.clone(), input.format, input.span);
        Err(vec![InputError::OutOfRange { name, format, value: *value, index, declared }.diagnostic()])
    })
}

/// Refuses inputs that are missing or unknown, or of another shape.
pub(crate) fn check_shapes<T>(artifact: &Artifact, inputs: &BTreeMap<String, ArrayD<T>>) -> Result<()> {
    let known = || artifact.inputs().map(|input| input.name.clone()).collect::<Vec<_>>();
    let unknown = inputs.keys().find(|name| !artifact.inputs().any(|input| input.name == **name));
    if let Some(name) = unknown {
        return Err(vec![InputError::Unknown { name: name.clone(), known: known() }.diagnostic()]);
    }
    artifact.inputs().try_for_each(|input| {
        let (name, declared) = (input.name.clone(), input.span);
        match inputs.get(&input.name) {
            None => Err(vec![InputError::Missing { name, declared }.diagnostic()]),
            Some(array) if array.shape() != input.shape => {
                let (expected, found) = (input.shape.clone(), array.shape().to_vec());
                Err(vec![InputError::Shape { name, expected, found, declared }.diagnostic()])
            }
            Some(_) => Ok(()),
        }
    })
}
