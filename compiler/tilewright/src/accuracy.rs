//! A program that classifies, samples and their classes → what is decided on each of them, on the accelerator and in floating
//! point.
//!
//! Every sample is a run of a batch and is compared with the reference. The time does not depend on values, so that of one run is
//! that of all.
//!
//! ```
//! use tilewright::accuracy::Labels;
//! use tilewright::batch::BatchInputs;
//! use tilewright::time::NamedTiming;
//! use tilewright::{Array, Arrays, Options, Sources, compile};
//!
//! let mut sources = Sources::default();
//! sources.add("k.tw", "kernel k {
//!     input x: i32[3]
//!     output y[i] = i8(0 - x[i])
//! }");
//! let artifact = compile(&sources, &Options::default()).unwrap();
//! let samples = Array::from_shape_vec(vec![2, 3], vec![5, 1, 3, 1, 5, 3]).unwrap();
//! let inputs = BatchInputs::new(&artifact, Arrays::from([("x".to_owned(), samples)]), None).unwrap();
//! let labels = Labels::new(&[1, 2], artifact.deciding_output(None).unwrap()).unwrap();
//! let accuracy = artifact.accuracy(&inputs, &labels, &NamedTiming::default(), &()).unwrap();
//! assert_eq!((accuracy.right(), accuracy.share(accuracy.right()), accuracy.verified()), (1, 50.0, 2));
//! assert_eq!(accuracy.decisions[1].class, 0);
//! ```

use ndarray::{ArrayD, Axis};
use tilewright_syntax::Diagnostic;

use crate::batch::{BatchInputs, BatchOptions, disagree};
use crate::distance::{self, distance};
use crate::parallel::Progress;
use crate::time::{NamedTiming, Timed};
use crate::{Artifact, Fault, Result, TensorInfo};

/// The classes that samples have: indices of the values of the output that decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    output: String,
    classes: Vec<usize>,
}

impl Labels {
    /// # Errors
    /// The first label that is no index of the output's values.
    pub fn new(labels: &[i32], output: &TensorInfo) -> Result<Labels> {
        let classes = output.shape.iter().product();
        let class = |(index, label): (usize, &i32)| match usize::try_from(*label) {
            Ok(class) if class < classes => Ok(class),
            _ => {
                let name = &output.name;
                let message = format!("label {label} at [{index}] is no class: output `{name}` has {classes} values");
                let error = Diagnostic::error("E0697", message);
                Err(vec![error.help("the predicted class is the index of the greatest value, counted from 0")])
            }
        };
        let classes = labels.iter().enumerate().map(class).collect::<Result<_>>()?;
        Ok(Labels { output: output.name.clone(), classes })
    }
}

/// What is decided on one sample.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The class that it has.
    pub label: usize,
    /// The class on the accelerator.
    pub class: usize,
    /// The class of the program in floating point, on the numbers before they were quantised.
    pub float: usize,
    /// The greatest difference between the two in the output that decides.
    pub largest_error: f64,
    /// Why the values are not to be relied on.
    pub fault: Option<Fault>,
}

impl Decision {
    /// Whether all values are those of the reference, and not by chance.
    pub fn verified(&self) -> bool {
        self.fault.is_none()
    }
}

/// What is decided on all samples, in their order.
#[derive(Clone, Debug)]
pub struct Accuracy {
    /// At least one; fewer than there are samples where the progress stopped the runs.
    pub decisions: Vec<Decision>,
    /// The run of one sample in time.
    pub timed: Timed,
}

impl Accuracy {
    fn count(&self, holds: impl Fn(&Decision) -> bool) -> usize {
        self.decisions.iter().filter(|decision| holds(decision)).count()
    }

    /// Samples whose values are to be relied on.
    pub fn verified(&self) -> usize {
        self.count(Decision::verified)
    }

    /// Samples on which the accelerator is right.
    pub fn right(&self) -> usize {
        self.count(|decision| decision.class == decision.label)
    }

    /// Samples on which the program in floating point is right.
    pub fn right_in_float(&self) -> usize {
        self.count(|decision| decision.float == decision.label)
    }

    /// Samples on which the two decide differently.
    pub fn different(&self) -> usize {
        self.count(|decision| decision.class != decision.float)
    }

    /// The greatest difference between the two in the output that decides, over all samples.
    pub fn largest_error(&self) -> f64 {
        distance::greatest(self.decisions.iter().map(|decision| decision.largest_error))
    }

    /// So many samples in percent of all.
    pub fn share(&self, count: usize) -> f64 {
        count as f64 / self.decisions.len() as f64 * 100.0
    }
}

impl Artifact {
    /// Runs the program on every sample, on all cores, and in floating point. The greatest value of the labels' output decides; of
    /// several that are equal, the first.
    ///
    /// # Errors
    /// As [`Artifact::run_batch`]; labels of an output that the program does not have, and another number of labels than of samples.
    pub fn accuracy(
        &self,
        inputs: &BatchInputs,
        labels: &Labels,
        timing: &NamedTiming,
        progress: &dyn Progress,
    ) -> Result<Accuracy> {
        let output = self.output(&labels.output)?;
        let labels = &labels.classes;
        if labels.len() != inputs.runs() {
            return Err(vec![disagree(("the batch", inputs.runs()), ("the array of labels", labels.len()))]);
        }
        let options = BatchOptions { float: true, ..BatchOptions::default() };
        let mut batch = self.run_batch(inputs, &options, progress)?;
        let (got, float) = (&batch.outputs[&output.name], &batch.in_float[&output.name]);
        let mut faults = std::mem::take(&mut batch.faults).into_iter().peekable();
        let decide = |(sample, label): (usize, &usize)| {
            let (got, float) =
                (got.index_axis(Axis(0), sample).to_owned(), float.index_axis(Axis(0), sample).to_owned());
            Decision {
                label: *label,
                class: greatest(&got),
                float: greatest(&float),
                largest_error: distance(&float, &output.numbers(&got), 0.0).largest,
                fault: faults.next_if(|(run, _)| *run == sample).map(|(_, fault)| fault),
            }
        };
        let decisions = labels.iter().take(batch.runs).enumerate().map(decide).collect();
        Ok(Accuracy { decisions, timed: self.time(timing)? })
    }

    /// The output that decides: the one that is named, or the only one.
    ///
    /// # Errors
    /// A name that no output has; several outputs, of which none is named.
    pub fn deciding_output(&self, named: Option<&str>) -> Result<&TensorInfo> {
        let outputs: Vec<&TensorInfo> = self.outputs().collect();
        match (named, &outputs[..]) {
            (Some(named), _) => self.output(named),
            (None, [only]) => Ok(only),
            (None, _) => {
                let names: Vec<&str> = outputs.iter().map(|output| &*output.name).collect();
                let error = Diagnostic::error("E0698", "the program has several outputs, and none was chosen");
                Err(vec![error.help(format!("name one: {}", names.join(", ")))])
            }
        }
    }
}

/// The place of the greatest value, the first of several.
fn greatest<T: Copy + PartialOrd>(values: &ArrayD<T>) -> usize {
    let better = |best: Option<(usize, T)>, (at, value): (usize, &T)| match best {
        Some((_, greatest)) if *value <= greatest => best,
        _ => Some((at, *value)),
    };
    values.iter().enumerate().fold(None, better).map_or(0, |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::greatest;

    #[test]
    fn the_first_of_the_greatest_values_decides() {
        assert_eq!(greatest(&array![[3, 7], [7, -1]].into_dyn()), 1);
        assert_eq!(greatest(&array![-0.5, -0.25, -1.0].into_dyn()), 1);
    }
}
