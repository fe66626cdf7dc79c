//! Samples → what is decided on each of them, on the accelerator and in floating point.
//!
//! Every sample is a run of a batch and is compared with the reference. The time does not depend on values, so that of one run is
//! that of all.

use ndarray::{ArrayD, Axis};
use tilewright::batch::BatchOptions;
use tilewright::distance::distance;
use tilewright::time::{NamedTiming, Timed};
use tilewright::{Artifact, Fault, TensorInfo};

use super::samples::Samples;
use crate::error::Failure;
use crate::queue::Bar;

/// What is decided on one sample.
#[derive(Clone, Debug)]
pub struct Decision {
    pub label: usize,
    /// The class on the accelerator.
    pub class: usize,
    /// The class of the program in floating point, on the numbers that files give.
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
#[derive(Debug)]
pub struct Measured {
    pub decisions: Vec<Decision>,
    /// The run of one sample in time.
    pub timed: Timed,
}

/// Runs the program on every sample, on all cores. The greatest value of `output` decides.
pub fn run(
    artifact: &Artifact,
    samples: &Samples,
    output: &TensorInfo,
    timing: &NamedTiming,
) -> Result<Measured, Failure> {
    let options = BatchOptions { float: true, ..BatchOptions::default() };
    let mut batch = artifact.run_batch(&samples.inputs(artifact)?, &options, &Bar::default())?;
    let (got, float) = (&batch.outputs[&output.name], &batch.in_float[&output.name]);
    let mut faults = std::mem::take(&mut batch.faults).into_iter().peekable();
    let decide = |(sample, label): (usize, &usize)| {
        let (got, float) = (got.index_axis(Axis(0), sample).to_owned(), float.index_axis(Axis(0), sample).to_owned());
        Decision {
            label: *label,
            class: greatest(&got),
            float: greatest(&float),
            largest_error: distance(&float, &output.numbers(&got), 0.0).largest,
            fault: faults.next_if(|(run, _)| *run == sample).map(|(_, fault)| fault),
        }
    };
    let decisions = samples.labels.iter().enumerate().map(decide).collect();
    Ok(Measured { decisions, timed: artifact.time(timing)? })
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
