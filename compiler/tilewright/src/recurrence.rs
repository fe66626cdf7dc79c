//! What one step of a recurrence takes when it is under way: by how much a run of more steps is longer.

use tilewright_core::scalar::{BinaryOp, Scalar};
use tilewright_core::tensor::{Kernel, Reducer};

use crate::distance::{Distance, distance, greatest};
use crate::time::{NamedTiming, Timed};
use crate::{Arrays, Artifact, Result};

/// The figures of a step, and how far all steps are from their computation in floating point.
#[derive(Clone, Debug, PartialEq)]
pub struct StepFigures {
    pub steps: u64,
    /// Cycles of one step.
    pub cycles: f64,
    /// Of them, those in which GEMM issues micro-ops, resets not included.
    pub gemm_cycles: f64,
    /// Products of two values that the definitions name in one step.
    pub products: f64,
    /// The time of one step.
    pub seconds: f64,
    /// The greatest difference of all outputs, in the numbers that they denote.
    pub largest_error: f64,
    /// The mean difference of all outputs.
    pub mean_error: f64,
}

impl StepFigures {
    /// The share of a step's cycles in which GEMM issues micro-ops.
    pub fn gemm_utilisation(&self) -> f64 {
        self.gemm_cycles / self.cycles.max(1.0)
    }

    /// Operations in 10^12 a second, a product and its sum being two of them.
    pub fn tops(&self) -> f64 {
        2.0 * self.products / self.seconds / 1e12
    }
}

impl Artifact {
    /// The figures of a step of this program, which has `steps` of them, and `doubled` twice as many. `outputs` are those of a run
    /// on `inputs`.
    ///
    /// # Errors
    /// What [`Artifact::reference_in_float`] and [`Artifact::time`] refuse.
    ///
    /// ```
    /// use tilewright::time::NamedTiming;
    /// use tilewright::{Options, RunOptions, Sources, compile};
    ///
    /// let mut sources = Sources::default();
    /// sources.add("k.tw", "kernel k(steps = 4) {
    ///     input x: i32[steps, 16]
    ///     scan t in steps {
    ///         state s[i < 16]: i32 = 0
    ///         next s[i] = s[i] + x[t, i]
    ///     }
    ///     output y[i] = i8(s[steps, i])
    /// }");
    /// let of = |steps| compile(&sources, &Options { params: vec![("steps".to_owned(), steps)], ..Options::default() });
    /// let (artifact, doubled) = (of(4).unwrap(), of(8).unwrap());
    /// let inputs = artifact.random_inputs(0);
    /// let run = artifact.run(&inputs, &RunOptions::default()).unwrap();
    /// let step = artifact.step(&doubled, 4, (&inputs, &run.outputs), &NamedTiming::default()).unwrap();
    /// assert!(step.cycles > 0.0);
    /// ```
    pub fn step(
        &self,
        doubled: &Artifact,
        steps: u64,
        (inputs, outputs): (&Arrays, &Arrays),
        timing: &NamedTiming,
    ) -> Result<StepFigures> {
        let (timed, doubled) = (self.time(timing)?, doubled.time(timing)?);
        let per_step = |of: &dyn Fn(&Timed) -> u64| (of(&doubled) as f64 - of(&timed) as f64) / steps.max(1) as f64;
        let wanted = self.reference_in_float(&self.numbers(inputs))?;
        let got = self.numbers(outputs);
        let distances: Vec<Distance> = got.iter().map(|(name, got)| distance(&wanted[name], got, 0.0)).collect();
        let values: usize = distances.iter().map(|distance| distance.values).sum();
        let cycles = per_step(&|timed| timed.report.cycles);
        Ok(StepFigures {
            steps,
            cycles,
            gemm_cycles: per_step(&|timed| timed.report.work.gemm),
            products: self.kernel().map_or(0, products) as f64 / steps.max(1) as f64,
            seconds: cycles / (timed.clock_mhz as f64 * 1e6),
            largest_error: greatest(distances.iter().map(|distance| distance.largest)),
            mean_error: distances.iter().map(|d| d.mean * d.values as f64).sum::<f64>() / values.max(1) as f64,
        })
    }
}

/// The products that sums of a kernel add up.
fn products(kernel: &Kernel) -> u64 {
    let computes = kernel.tensors.iter().filter_map(|tensor| tensor.compute());
    let sums = computes.filter_map(|compute| {
        let reduction = compute.reduction.as_ref().filter(|reduction| reduction.reducer == Reducer::Sum)?;
        let axes = compute.axes.iter().chain(&reduction.axes);
        let is_product = matches!(compute.value, Scalar::Binary { op: BinaryOp::Mul, .. });
        is_product.then(|| axes.map(|axis| kernel.axis(*axis).extent as u64).product::<u64>())
    });
    sums.sum()
}
