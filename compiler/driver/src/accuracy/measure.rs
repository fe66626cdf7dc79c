//! Samples → what is decided on each of them, on the accelerator and in floating point.
//!
//! Every sample runs with a search for races and is compared with the reference. The time does not depend on values, so the
//! first sample's is that of all.

use ndarray::ArrayD;
use tilewright::distance::distance;
use tilewright::time::{NamedTiming, Timed};
use tilewright::{Artifact, Fault, RunOptions, TensorInfo};
use tilewright_syntax::Diagnostic;

use super::samples::Samples;
use crate::queue;

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
) -> Result<Measured, Vec<Diagnostic>> {
    let all: Vec<usize> = (0..samples.count()).collect();
    let decisions = queue::run(&all, "samples", |at| one(artifact, samples, output, *at));
    let decisions = decisions.into_iter().collect::<Result<_, Vec<Diagnostic>>>()?;
    Ok(Measured { decisions, timed: artifact.time(timing)? })
}

fn one(
    artifact: &Artifact,
    samples: &Samples,
    output: &TensorInfo,
    sample: usize,
) -> Result<Decision, Vec<Diagnostic>> {
    let inputs = samples.integers(sample);
    let reference = artifact.reference(&inputs)?;
    let real = &artifact.reference_in_float(&samples.numbers(sample))?[&output.name];
    let run = artifact.run(&inputs, &RunOptions::default())?;
    let got = &run.outputs[&output.name];
    Ok(Decision {
        label: samples.labels[sample],
        class: greatest(got),
        float: greatest(real),
        largest_error: distance(real, &output.numbers(got), 0.0).largest,
        fault: run.fault(&reference),
    })
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
