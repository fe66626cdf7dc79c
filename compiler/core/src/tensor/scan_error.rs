//! What can be wrong with a scan, besides what can be wrong with any definition.

use thiserror::Error;
use tilewright_syntax::{Diagnostic, Span};

use super::format::Format;
use crate::scalar::DType;

/// Why a scan has no meaning.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScanError {
    #[error("state `{state}` has no next value")]
    WithoutNext { state: String, span: Span },
    #[error("state `{state}` has two next values")]
    NextTwice { state: String, span: Span, first: Span },
    #[error("`{name}` is not a state of this scan")]
    NextOfNoState { name: String, states: Vec<String>, span: Span },
    #[error("the next value of `{state}` has the wrong shape")]
    NextShape { state: String, expected: Vec<i64>, found: Vec<i64>, span: Span, declared: Span },
    #[error("state `{state}` is `{expected}`, and {what} is `{found}`")]
    Type { state: String, what: &'static str, expected: Format, found: Format, span: Span, declared: Span },
    #[error("the initial value of `{state}` is computed from the scan")]
    InitReadsScan { state: String, span: Span, declared: Span },
    #[error("this scan has no state")]
    WithoutState { span: Span },
}

impl ScanError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ScanError::WithoutNext { .. } => "E0242",
            ScanError::NextTwice { .. } => "E0243",
            ScanError::NextOfNoState { .. } => "E0244",
            ScanError::NextShape { .. } => "E0245",
            ScanError::Type { .. } => "E0246",
            ScanError::InitReadsScan { .. } => "E0247",
            ScanError::WithoutState { .. } => "E0248",
        }
    }

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let told = Diagnostic::error(self.code(), self.to_string());
        match self {
            ScanError::WithoutNext { state, span } => told
                .primary(*span, "its value after a step is missing")
                .help(format!("add to the scan: `next {state}[...] = ...`")),
            ScanError::NextTwice { span, first, .. } => told
                .primary(*span, "specified again")
                .secondary(*first, "first specified here")
                .help("a step has one next value: choose between two with `select`"),
            ScanError::NextOfNoState { name, states, span } => {
                told.primary(*span, "no `state` of this scan has this name").offer(name, states, "states")
            }
            ScanError::NextShape { expected, found, span, declared, .. } => told
                .primary(*span, format!("this has the extents {found:?}"))
                .secondary(*declared, format!("the state has {expected:?}"))
                .help("give both the same axes: the extents of `next` default to those of the state"),
            ScanError::Type { expected, found, span, declared, .. } => {
                // Without another scale a conversion keeps the one that is there.
                let scale = if expected.fraction == found.fraction {
                    String::new()
                } else {
                    format!(".q{}", expected.fraction)
                };
                let help = match expected.dtype {
                    DType::I8 => format!(
                        "convert it: `i8{scale}(e)` keeps the low 8 bits, `sat8{scale}(e)` takes the nearest value"
                    ),
                    DType::I32 => format!("convert it: `i32{scale}(e)`"),
                };
                told.primary(*span, "this value").secondary(*declared, "declared here").help(help)
            }
            ScanError::InitReadsScan { span, declared, .. } => told
                .primary(*span, "has values only when the scan runs")
                .secondary(*declared, "the state whose first value this is")
                .help("read tensors that are defined before the scan"),
            ScanError::WithoutState { span } => told.primary(*span, "its steps pass nothing to each other").help(
                "declare what one step passes to the next: `state s[j < n]: i8 = 0`; without a state, use an axis",
            ),
        }
    }
}
