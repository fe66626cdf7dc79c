//! What keeps a kernel from having an automatic schedule, and how it is told.

use thiserror::Error;
use tilewright_syntax::{Diagnostic, Span};

/// A kernel that the automatic schedule cannot serve.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AutomaticError {
    #[error(
        "there is no automatic schedule for this kernel: `{stage}` computes with `{operand}`, which is `i8` in device memory"
    )]
    NarrowOperand { stage: String, span: Span, operand: String, definition: Span },
    #[error("there is no automatic schedule for this kernel: both factors of `{stage}` are `{operand}`")]
    OneFactor { stage: String, span: Span, operand: String },
    #[error(
        "there is no automatic schedule for this kernel: the product `{stage}` has no axes for a tile of the GEMM core"
    )]
    NoTile { stage: String, span: Span, core: String },
    #[error("there is no automatic schedule for this kernel: it has a scan")]
    Scan { span: Span },
}

impl AutomaticError {
    /// The error's stable code.
    pub const CODE: &'static str = "E0331";

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let d = Diagnostic::error(Self::CODE, self.to_string());
        match self {
            AutomaticError::NarrowOperand { span, operand, definition, .. } => {
                let d = d.primary(*span, "computed here").secondary(*definition, "`i8`");
                d.help(format!("the accumulator is loaded with `i32` only: make `{operand}` an `i32` tensor"))
            }
            AutomaticError::OneFactor { span, operand, .. } => d.primary(*span, "computed here").help(format!(
                "one factor is loaded into `inp` and the other into `wgt`: copy one under a name of its own, \
                 `T[...] = {operand}[...]`, and write a schedule"
            )),
            AutomaticError::Scan { span } => d
                .primary(*span, "each step needs the previous one")
                .help("write a schedule: products of the scan in tiles of the GEMM core, the rest in `acc`"),
            AutomaticError::NoTile { span, core, .. } => d
                .primary(*span, "computed here")
                .note(format!("a tile has {core}"))
                .help("a product is `sum(r: i32(A[i, r]) * i32(B[j, r]))`, each axis alone in a dimension"),
        }
    }
}
