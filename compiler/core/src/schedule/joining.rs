//! Stages behind a scan that are computed in its steps (`reverse_compute_at` with the loop over the steps).
//!
//! ```text
//! for t { z[t] = ...; s[t + 1] = z[t] >> 1 }              for t {
//! for t { Y[t] = i8(z[t]) }                         →         z[t] = ...; Y[t] = i8(z[t]); s[t + 1] = z[t] >> 1
//!                                                         }
//! ```
//!
//! Such a stage becomes one of the scan's, as if it stood in it: it reads the tensors of its step, and need not wait until all
//! steps are kept. What it reads of a state is either the value before the step, or the one after it, `s[t + 1]`; the state holds
//! that only behind everything else in the step, so the stage computes it from what the step does.

use tilewright_syntax::Span;

use crate::affine::Affine;
use crate::scalar::Scalar;
use crate::schedule::follow::{FollowError, depends_on};
use crate::schedule::ops::value_at;
use crate::schedule::scans::ScanId;
use crate::schedule::{Attach, Schedule, StageAxisId, StageId};
use crate::tensor::{AxisId, Leaf, Read};

impl Schedule {
    /// The scan over whose steps a loop runs.
    pub(super) fn steps_of(&self, host: StageId, axis: StageAxisId) -> Option<ScanId> {
        let first = self.compute(host).axes.first().map(|a| self.stage(host).root_axis(*a));
        let in_steps = self.stands_in_steps(host) || self.hosted(host).is_some();
        self.running_in(host).filter(|_| in_steps && first == Some(axis))
    }

    /// Computes a stage that reads tensors of a scan in its steps.
    pub(super) fn join_steps(&mut self, stage: StageId, scan: ScanId, span: Span) -> Result<(), FollowError> {
        self.can_join(stage, scan)?;
        self.read_next_values(stage, scan)?;
        self.add_to_scan(self.stage(stage).tensor, scan);
        let steps = self.steps(scan);
        self.attach(stage, Some(Attach { stage: steps.stage, axis: steps.axis, follows: false, span }));
        Ok(())
    }

    /// Whether a stage could be computed in the steps of a scan.
    pub(super) fn can_join(&self, stage: StageId, scan: ScanId) -> Result<(), FollowError> {
        let compute = self.compute(stage);
        let member = |read: &Read| self.scan_of(read.tensor) == Some(scan);
        if self.scan_of(self.stage(stage).tensor).is_some() || !compute.reads().into_iter().any(member) {
            return Err(FollowError::Stranger);
        }
        let Some(first) = compute.axes.first().copied() else { return Err(FollowError::Stranger) };
        let host = self.host(scan);
        for read in compute.reads() {
            let name = || self.kernel.tensor(read.tensor).name.clone();
            let producer = self.stage_of(read.tensor);
            if member(read) {
                let is_of_step = match read.indices[0].as_var() {
                    Some(axis) => axis == first,
                    None => producer.is_some_and(|p| self.initial(p).is_some()) && is_next(&read.indices[0], first),
                };
                if !is_of_step {
                    return Err(FollowError::OtherStep { read: name() });
                }
            } else if producer
                .is_some_and(|producer| self.running_in(producer) != Some(scan) && depends_on(self, producer, host))
            {
                return Err(FollowError::Behind { read: name() });
            }
        }
        match self.kernel.axis(first).extent == self.kernel.scans[scan.0].steps {
            true => Ok(()),
            false => Err(FollowError::SomeSteps),
        }
    }

    /// Puts what a step computes for a state in the place of what is read of it after the step.
    fn read_next_values(&mut self, stage: StageId, scan: ScanId) -> Result<(), FollowError> {
        let mut compute = self.compute(stage).clone();
        let Some(first) = compute.axes.first().copied() else { return Ok(()) };
        let mut failed = None;
        compute.replace_leaves(&mut |leaf| match leaf {
            Leaf::Read(read) if self.scan_of(read.tensor) == Some(scan) && is_next(&read.indices[0], first) => {
                let of_step = Read { indices: [&[Affine::var(first)], &read.indices[1..]].concat(), ..read.clone() };
                let state = self.kernel.tensor(read.tensor);
                let next = state.compute().filter(|next| next.reduction.is_none());
                next.and_then(|next| value_at(&self.kernel, next, &of_step).ok()).unwrap_or_else(|| {
                    failed = Some(state.name.clone());
                    Scalar::Leaf(leaf.clone())
                })
            }
            other => Scalar::Leaf(other.clone()),
        });
        match failed {
            Some(read) => Err(FollowError::Behind { read }),
            None => {
                self.redefine(stage, |into| *into = compute);
                Ok(())
            }
        }
    }
}

/// Whether an index is the step behind that of an axis.
fn is_next(index: &Affine<AxisId>, axis: AxisId) -> bool {
    *index == Affine::var(axis).plus_constant(1)
}
