//! The values of any tensor of a program: their range, how many of them saturate, and how far they are from the
//! computation in floating point. They say where accuracy is lost.
//!
//! Values are those of the reference, which has every tensor, also one that is inlined or kept on chip. A run that is
//! verified has the same outputs bit for bit, so where the accelerator keeps the tensor it has these values.

use tilewright_syntax::Diagnostic;

use crate::distance::{Distance, distance};
use crate::{Array, Artifact, Numbers, Result, TensorInfo};

/// What is found of a tensor's values.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    pub tensor: TensorInfo,
    /// The memory in which the accelerator keeps a buffer of the tensor's name: `dram`, `inp`, `wgt` or `acc`. None for one that
    /// is inlined, or shares the buffer of another.
    pub memory: Option<&'static str>,
    /// How many values there are, in all runs.
    pub values: usize,
    /// The least and the greatest value, as the numbers that they denote; zeros where there are no values.
    pub least: f64,
    pub greatest: f64,
    /// Values at one of the limits of the type's range.
    pub saturated: usize,
    /// How far the values are from those in floating point, if these are given.
    pub error: Option<Distance>,
}

impl Probe {
    /// The share of the values that are at one of the limits of the type's range, from 0 to 1.
    pub fn saturated_share(&self) -> f64 {
        self.saturated as f64 / self.values.max(1) as f64
    }
}

impl Artifact {
    /// Looks at the values of a tensor: an input, a stage or an output, of one run or, with a dimension more, of many.
    /// `in_float` is the same tensor by [`Artifact::reference_in_float`].
    ///
    /// # Errors
    /// A name that no tensor has, with the ones that there are; numbers of another shape than the values.
    ///
    /// ```
    /// use tilewright::{Numbers, Options, Sources, compile};
    ///
    /// let mut sources = Sources::default();
    /// sources.add("k.tw", "kernel k {
    ///     input x: i32.q7[4]
    ///     s[i] = x[i] + x[i]
    ///     output y[i] = sat8.q7(s[i])
    /// }");
    /// let artifact = compile(&sources, &Options::default()).unwrap();
    /// let mut inputs = artifact.random_inputs(0);
    /// inputs.get_mut("x").unwrap().fill(100);
    /// let values = artifact.reference(&inputs).unwrap();
    /// let floats = artifact.reference_in_float(&artifact.numbers(&inputs)).unwrap();
    /// let probe = artifact.probe("y", &values["y"], Some(&floats["y"])).unwrap();
    /// assert_eq!((probe.greatest, probe.saturated_share()), (127.0 / 128.0, 1.0));
    /// assert_eq!(artifact.probe("t", &values["s"], None).unwrap_err()[0].code, "E0641");
    /// let other = Numbers::zeros(vec![3]);
    /// assert_eq!(artifact.probe("y", &values["y"], Some(&other)).unwrap_err()[0].code, "E0622");
    /// ```
    pub fn probe(&self, name: &str, values: &Array, in_float: Option<&Numbers>) -> Result<Probe> {
        let tensor = self.stage(name)?;
        if let Some(numbers) = in_float.filter(|numbers| numbers.shape() != values.shape()) {
            let (found, expected) = (numbers.shape(), values.shape());
            let message = format!("the numbers of `{name}` have shape {found:?}, and its values {expected:?}");
            return Err(vec![Diagnostic::error("E0622", message)]);
        }
        let (least, greatest) = tensor.format.dtype.limits();
        let is_limit = |value: &&i32| [least, greatest].contains(&i64::from(**value));
        let number = |value: Option<&i32>| value.map_or(0.0, |value| tensor.format.real(*value));
        Ok(Probe {
            memory: self.memory_of(name),
            values: values.len(),
            least: number(values.iter().min()),
            greatest: number(values.iter().max()),
            saturated: values.iter().filter(is_limit).count(),
            error: in_float.map(|wanted| distance(wanted, &tensor.numbers(values), f64::INFINITY)),
            tensor: tensor.clone(),
        })
    }

    fn memory_of(&self, name: &str) -> Option<&'static str> {
        let buffer = self.legal().program().buffers.iter().find(|buffer| buffer.name == name)?;
        Some(buffer.scope.name())
    }
}
