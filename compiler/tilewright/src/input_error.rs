//! The tensors of a program by their names; arrays that do not fit its inputs.

use std::collections::BTreeMap;

use ndarray::ArrayD;
use thiserror::Error;
use tilewright_core::tensor::Format;
use tilewright_syntax::{Diagnostic, Span};

use crate::text::index_text;
use crate::{Arrays, Artifact, Result, TensorInfo};

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

impl Artifact {
    /// The input with a name.
    ///
    /// # Errors
    /// A name that no input has, with the ones that there are.
    pub fn input(&self, name: &str) -> Result<&TensorInfo> {
        self.named(name, TensorInfo::is_input).ok_or_else(|| {
            let known = self.inputs().map(|input| input.name.clone()).collect();
            vec![InputError::Unknown { name: name.to_owned(), known }.diagnostic()]
        })
    }

    /// The output with a name.
    ///
    /// # Errors
    /// As [`Artifact::input`].
    pub fn output(&self, name: &str) -> Result<&TensorInfo> {
        self.named(name, TensorInfo::is_output).ok_or_else(|| {
            let known: Vec<&str> = self.outputs().map(|output| &*output.name).collect();
            let error = Diagnostic::error("E0624", format!("there is no output `{name}`"));
            vec![error.offer(name, &known, "outputs")]
        })
    }

    /// The tensor with a name: an input, a stage or an output.
    ///
    /// # Errors
    /// As [`Artifact::input`].
    ///
    /// ```
    /// # use tilewright::{Options, Sources, compile};
    /// # let mut sources = Sources::default();
    /// # sources.add("k.tw", "kernel k {
    /// #     input x: i32[4]
    /// #     output y[i] = i8(x[i])
    /// # }");
    /// let artifact = compile(&sources, &Options::default()).unwrap();
    /// assert_eq!(artifact.stage("y").unwrap().shape, [4]);
    /// let codes = ["z", "x"].map(|name| artifact.output(name).unwrap_err()[0].code);
    /// assert_eq!((codes, artifact.input("y").unwrap_err()[0].code), (["E0624"; 2], "E0623"));
    /// ```
    pub fn stage(&self, name: &str) -> Result<&TensorInfo> {
        self.tensor(name).ok_or_else(|| {
            let known: Vec<&str> = self.tensors().iter().map(|tensor| &*tensor.name).collect();
            let error = Diagnostic::error("E0641", format!("there is no stage `{name}`"));
            vec![error.offer(name, &known, "stages")]
        })
    }

    fn named(&self, name: &str, belongs: fn(&TensorInfo) -> bool) -> Option<&TensorInfo> {
        self.tensor(name).filter(|tensor| belongs(tensor))
    }
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
    inputs.keys().try_for_each(|name| artifact.input(name).map(drop))?;
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
