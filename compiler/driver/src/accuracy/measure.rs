//! Samples → what is decided on each of them, on the accelerator and in floating point.
//!
//! Every sample runs with a search for races and is compared with the reference. The time does not depend on values, so the
//! first sample's is that of all.

use ndarray::ArrayD;
use tilewright_core::tensor::{Array, TensorId, evaluate, evaluate_real};
use tilewright_syntax::Diagnostic;

use super::samples::Samples;
use crate::compile::Compiled;
use crate::cycles::Timed;
use crate::distance::distance;
use crate::formats::numbers;
use crate::simulate::{self, Mismatch};
use crate::target::NamedTiming;
use crate::{queue, stats};

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
    pub mismatch: Option<Mismatch>,
    /// What is wrong with the order of the stream's work, one line each.
    pub findings: Vec<String>,
}

impl Decision {
    /// Whether all values are those of the reference, and not by chance.
    pub fn verified(&self) -> bool {
        self.mismatch.is_none() && self.findings.is_empty()
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
    compiled: &Compiled,
    samples: &Samples,
    output: TensorId,
    timing: &NamedTiming,
) -> Result<Measured, Diagnostic> {
    let (first, timed) = one(compiled, samples, output, 0, Some(timing))?;
    let rest: Vec<usize> = (1..samples.count()).collect();
    let decide = |at: &usize| Ok(one(compiled, samples, output, *at, None)?.0);
    let rest = queue::run(&rest, "samples", decide);
    let decisions = std::iter::once(Ok(first)).chain(rest).collect::<Result<_, Diagnostic>>()?;
    Ok(Measured { decisions, timed: timed.expect("a timing was given") })
}

fn one(
    compiled: &Compiled,
    samples: &Samples,
    output: TensorId,
    sample: usize,
    timing: Option<&NamedTiming>,
) -> Result<(Decision, Option<Timed>), Diagnostic> {
    let kernel = &compiled.front.kernel;
    let inputs = samples.integers(sample);
    let reference = evaluate(kernel, &inputs).expect("inputs have their kernel's types and shapes");
    let real = evaluate_real(kernel, &samples.numbers(sample)).expect("inputs have their kernel's shapes");
    let run = simulate::run(compiled, &inputs, String::new(), timing)?;
    let got = found(&run.outputs, output);
    let decision = Decision {
        label: samples.labels[sample],
        class: greatest(got),
        float: greatest(real.get(output)),
        largest_error: distance(real.get(output), &numbers(got, kernel.tensor(output)), 0.0).largest,
        mismatch: simulate::compare(kernel, &run.outputs, &reference),
        findings: stats::findings(&run.report),
    };
    Ok((decision, run.timed))
}

fn found(outputs: &[(TensorId, Array)], output: TensorId) -> &Array {
    let found = outputs.iter().find(|(id, _)| *id == output);
    &found.expect("every output has a segment").1
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
