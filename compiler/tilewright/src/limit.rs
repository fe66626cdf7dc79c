//! What runs take in arrays and device memory, known before any of it is allocated, and the limit that it is held to.

use std::sync::PoisonError;

use tilewright_syntax::Diagnostic;

use crate::parallel::cores;
use crate::{Artifact, Result, TensorInfo, grouped};

/// Bytes of a value in an array.
const VALUE: u64 = size_of::<i32>() as u64;

fn bytes<'a>(tensors: impl Iterator<Item = &'a TensorInfo>) -> u64 {
    let values = |tensor: &TensorInfo| tensor.shape.iter().fold(VALUE, |n, extent| n.saturating_mul(*extent as u64));
    tensors.map(values).fold(0, u64::saturating_add)
}

impl Artifact {
    /// Sets another limit than [`Options::memory`](crate::Options::memory), for all clones of the artifact: where it was read from
    /// a file, nothing limits its runs before.
    pub fn limit_memory(&self, bytes: Option<u64>) {
        *self.0.memory_limit.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
    }

    fn memory_limit(&self) -> Option<u64> {
        *self.0.memory_limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that so many runs take, besides the arrays that they are given: the outputs of all, and for each run that is at work
    /// the arrays of its inputs, those of every tensor by the reference, and device memory, as it is and as it was before the run.
    ///
    /// ```
    /// # use tilewright::{Options, Sources, compile};
    /// # let mut sources = Sources::default();
    /// # sources.add("k.tw", "kernel k {
    /// #     input x: i32[1024]
    /// #     output y[i] = i8(x[i] + 2)
    /// # }");
    /// let artifact = compile(&sources, &Options::default()).unwrap();
    /// assert!((4 * 4096..64 * 1024).contains(&artifact.memory_needed(1)));
    /// ```
    pub fn memory_needed(&self, runs: usize) -> u64 {
        let device: u64 = self.stream().segments.iter().map(|segment| segment.bytes as u64).sum();
        let arrays = bytes(self.tensors().iter()).saturating_add(bytes(self.inputs()));
        let at_work = arrays.saturating_add(device.saturating_mul(2)).saturating_mul(runs.min(cores()) as u64);
        // They are side by side in one array in the end.
        let kept = bytes(self.outputs()).saturating_mul(if runs == 1 { 1 } else { 2 });
        kept.saturating_mul(runs as u64).saturating_add(at_work)
    }

    /// Refuses runs that take more memory than [`Options::memory`](crate::Options::memory) allows, before anything is allocated for
    /// them.
    ///
    /// # Errors
    /// E0644, with the bytes and the limit.
    ///
    /// ```
    /// # use tilewright::{Options, Sources, compile};
    /// # let mut sources = Sources::default();
    /// # sources.add("k.tw", "kernel k {
    /// #     input x: i32[1024]
    /// #     output y[i] = i8(x[i] + 2)
    /// # }");
    /// let artifact = compile(&sources, &Options { memory: Some(4096), ..Options::default() }).unwrap();
    /// assert_eq!(artifact.fits_memory(1).unwrap_err()[0].code, "E0644");
    /// ```
    pub fn fits_memory(&self, runs: usize) -> Result<()> {
        let (needed, limit) = (self.memory_needed(runs), self.memory_limit());
        match limit.filter(|limit| needed > *limit) {
            None => Ok(()),
            Some(limit) => {
                let of = if runs == 1 { "a run".to_owned() } else { format!("{} runs", grouped(runs as u64)) };
                let (needed, limit) = (grouped(needed), grouped(limit));
                let message =
                    format!("{of} of `{}` would take {needed} bytes of memory; the limit is {limit}", self.name());
                let error = Diagnostic::error("E0644", message);
                Err(vec![
                    error.note("arrays of inputs, stages and outputs, and device memory, count").help(
                        "`--memory 8G` sets the limit; smaller parameters take less, and so does a smaller batch",
                    ),
                ])
            }
        }
    }
}
