//! What is known of an array that goes into a program, comes out of it or is computed on the way.

use ndarray::ArrayD;
use tilewright_core::loops::ir::{Buffer, Role};
use tilewright_core::tensor::{Format, Tensor};
use tilewright_syntax::Span;

use crate::quantise::{Quantised, numbers, quantise};
use crate::{Array, Numbers};

/// What a tensor is to its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TensorRole {
    Input,
    /// Computed on the way; it need not exist on the accelerator.
    Stage,
    Output,
}

/// A tensor of a program: its name, its format and its shape.
///
/// ```
/// use tilewright::{Options, Sources, compile};
///
/// let mut sources = Sources::default();
/// sources.add("double.tw", "kernel double {
///     input x: i32.q7[16]
///     output y[i] = sat8.q7(x[i] + x[i])
/// }");
/// let artifact = compile(&sources, &Options::default()).unwrap();
/// let x = artifact.inputs().next().unwrap();
/// assert_eq!((x.name.as_str(), x.type_name().as_str()), ("x", "i32.q7[16]"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    pub name: String,
    /// The element type, and how many of its bits are fraction bits.
    pub format: Format,
    /// The extent of each dimension, in elements.
    pub shape: Vec<usize>,
    pub role: TensorRole,
    /// Where it is declared; none in a program that was not read from a source.
    pub span: Option<Span>,
}

impl TensorInfo {
    pub(crate) fn of_tensor(tensor: &Tensor) -> TensorInfo {
        TensorInfo {
            name: tensor.name.clone(),
            format: tensor.format(),
            shape: tensor.shape.iter().map(|n| *n as usize).collect(),
            role: match (tensor.is_input(), tensor.output) {
                (true, _) => TensorRole::Input,
                (false, true) => TensorRole::Output,
                (false, false) => TensorRole::Stage,
            },
            span: Some(tensor.span),
        }
    }

    /// What a loop program says of a buffer that its user fills or reads; none for the others.
    pub(crate) fn of_buffer(buffer: &Buffer) -> Option<TensorInfo> {
        let role = match buffer.role {
            Role::Input if buffer.image_of.is_some() => return None,
            Role::Input => TensorRole::Input,
            Role::Output => TensorRole::Output,
            Role::Constant(_) | Role::Counted(_) | Role::Temporary => return None,
        };
        let (name, format) = (buffer.name.clone(), Format::plain(buffer.user_dtype()));
        let shape = buffer.user_shape().iter().map(|n| *n as usize).collect();
        Some(TensorInfo { name, format, shape, role, span: None })
    }

    pub fn is_input(&self) -> bool {
        self.role == TensorRole::Input
    }

    pub fn is_output(&self) -> bool {
        self.role == TensorRole::Output
    }

    /// Format and shape as reports show them: `i8.q7[1, 256]`.
    pub fn type_name(&self) -> String {
        let extents: Vec<String> = self.shape.iter().map(usize::to_string).collect();
        format!("{}[{}]", self.format, extents.join(", "))
    }

    /// The numbers that integers of this tensor denote: each divided by 2 to the power of the fraction bits.
    pub fn numbers(&self, array: &Array) -> Numbers {
        numbers(array, self.format)
    }

    /// The integers that denote numbers in the format of this tensor: the nearest ones, the even of two that are as near;
    /// numbers beyond the range of the type saturate.
    ///
    /// # Errors
    /// The index of the first NaN.
    pub fn quantise(&self, numbers: &ArrayD<f64>) -> Result<Quantised, Vec<usize>> {
        quantise(numbers, self.format)
    }
}
