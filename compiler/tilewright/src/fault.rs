//! Outputs and the reference → whether they are to be relied on; and why a run has no outputs.

use thiserror::Error;
use tilewright_core::legalize::LegalizeError;
use tilewright_sim::Stop;
use tilewright_syntax::Diagnostic;

use crate::Arrays;
use crate::text::index_text;

/// Findings of one kind that an error lists.
const MAX_NOTES: usize = 8;

/// Why the outputs of a run are not to be relied on. The compiler is to blame, never the program.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    #[error("output `{}` differs from the reference at {}", .0.output, index_text(&.0.index))]
    Differs(Mismatch),
    /// What the simulator found, one line each.
    #[error("the instruction stream does not order all its work")]
    Unordered(Vec<String>),
}

/// The first value in which an output differs from the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    pub output: String,
    pub index: Vec<usize>,
    pub expected: i32,
    pub got: i32,
    /// Values that differ, in all outputs.
    pub count: usize,
}

impl Fault {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Fault::Differs(_) => "E0650",
            Fault::Unordered(_) => "E0652",
        }
    }

    /// The fault as it is reported.
    pub fn diagnostic(&self) -> Diagnostic {
        let error = Diagnostic::error(self.code(), self.to_string());
        internal_error(match self {
            Fault::Differs(Mismatch { expected, got, count, .. }) => {
                error.note(format!("expected {expected}, got {got}")).note(format!("{count} values differ in all"))
            }
            Fault::Unordered(findings) => {
                findings.iter().take(MAX_NOTES).fold(error, |error, finding| error.note(finding.clone()))
            }
        })
    }
}

/// Compares every output with the reference.
pub(crate) fn mismatch(outputs: &Arrays, reference: &Arrays) -> Option<Mismatch> {
    let mut first: Option<Mismatch> = None;
    for (name, got) in outputs {
        let expected_array = &reference[name];
        if got == expected_array {
            continue;
        }
        let pairs = got.indexed_iter().zip(expected_array);
        for ((index, got), expected) in pairs.filter(|((_, got), expected)| got != expected) {
            let found = first.get_or_insert_with(|| Mismatch {
                output: name.clone(),
                index: (0..expected_array.ndim()).map(|d| index[d]).collect(),
                expected: *expected,
                got: *got,
                count: 0,
            });
            found.count += 1;
        }
    }
    first
}

/// Whether a program is refused only because a scratchpad is too small for it.
pub fn does_not_fit(errors: &[Diagnostic]) -> bool {
    errors.iter().all(|error| error.code == LegalizeError::CAPACITY)
}

/// Why a compiled stream did not run to its end. A limit of the simulation is nobody's fault; anything else is the compiler's.
pub(crate) fn stopped_run(stop: &Stop) -> Vec<Diagnostic> {
    let error = stopped(stop);
    vec![match stop.is_limit() {
        true => error.help("the simulation has this limit, not the machine: smaller parameters can be run"),
        false => internal_error(error),
    }]
}

/// Why a run did not end. A deadlock's modules have a note each.
pub fn stopped(stop: &Stop) -> Diagnostic {
    match stop {
        Stop::Deadlock(deadlock) => {
            let error = Diagnostic::error(stop.code(), format!("deadlock after {} instructions", deadlock.executed));
            deadlock.waiting.iter().fold(error, |error, waiting| error.note(waiting.to_string()))
        }
        Stop::Trap(_) | Stop::TooLong { .. } => Diagnostic::error(stop.code(), stop.to_string()),
    }
}

/// Adds that the user is not at fault.
pub fn internal_error(error: Diagnostic) -> Diagnostic {
    error.note("this is an internal compiler error; the program is not at fault")
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, IxDyn};

    use super::*;

    #[test]
    fn the_first_value_that_differs_is_found() {
        let values = ArrayD::from_shape_fn(IxDyn(&[2, 3]), |i| (i[0] * 3 + i[1]) as i32);
        let reference = Arrays::from([("Y".to_owned(), values.clone())]);
        assert_eq!(mismatch(&reference, &reference), None);
        let mut wrong = values;
        wrong[[0, 2]] = -1;
        wrong[[1, 1]] = -2;
        let found = mismatch(&Arrays::from([("Y".to_owned(), wrong)]), &reference);
        let (output, index) = ("Y".to_owned(), vec![0, 2]);
        assert_eq!(found, Some(Mismatch { output, index, expected: 2, got: -1, count: 2 }));
    }
}
