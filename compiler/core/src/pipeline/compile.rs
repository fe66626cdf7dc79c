//! The order of the forms of a program, written once. Kernels and schedules, or loops → instructions.
//!
//! ```text
//! front ─► schedules ─► loops ─► passes ─► legal loops ─► stream
//!          Scheduled    Loops    Pass      Legal              (what `watch` sees, and where it may stop)
//! ```

use std::ops::ControlFlow;

use thiserror::Error;
use tilewright_syntax::Diagnostic;

use super::front::{Front, Scheduled};
use super::{PassReport, legalize_until};
use crate::emit::{EmitError, Stream, emit};
use crate::legalize::{Cx, LegalProgram, LegalizeError};
use crate::loops::ir::LoopProgram;
use crate::schedule::Warning;

/// A form that a program has come to.
#[derive(Debug)]
pub enum Progress<'a> {
    /// All directives of all schedules were applied.
    Scheduled(&'a Scheduled<'a>),
    /// The loops, as they were built.
    Loops(&'a LoopProgram),
    /// The loops after a pass.
    Pass(PassReport<'a>),
    Legal(&'a LegalProgram),
}

/// Sees each form, and stops the compilation where it breaks.
pub type Watch<'w> = dyn FnMut(Progress) -> ControlFlow<()> + 'w;

/// What kernels and schedules became.
#[derive(Debug)]
pub struct Compiled {
    /// What the schedules say without effect.
    pub warnings: Vec<Warning>,
    pub legal: LegalProgram,
    pub stream: Stream,
}

/// Why a loop program did not become instructions.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LowerError {
    #[error(transparent)]
    Legalize(#[from] LegalizeError),
    #[error(transparent)]
    Emit(#[from] EmitError),
}

impl LowerError {
    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            LowerError::Legalize(error) => error.diagnostic(),
            LowerError::Emit(error) => error.diagnostic(),
        }
    }
}

/// Why kernels and schedules did not become instructions.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub diagnostics: Vec<Diagnostic>,
    /// What keeps their loops from being legal, if it is that.
    pub legalize: Option<LegalizeError>,
}

impl From<Vec<Diagnostic>> for Refusal {
    fn from(diagnostics: Vec<Diagnostic>) -> Refusal {
        Refusal { diagnostics, legalize: None }
    }
}

/// Compiles kernels with their schedules. None where `watch` stopped it.
pub fn compile(front: &Front, watch: &mut Watch) -> Result<Option<Compiled>, Refusal> {
    compile_scheduled(&front.schedule()?, watch)
}

/// Compiles from schedules on whose directives were applied.
pub fn compile_scheduled(scheduled: &Scheduled, watch: &mut Watch) -> Result<Option<Compiled>, Refusal> {
    if watch(Progress::Scheduled(scheduled)).is_break() {
        return Ok(None);
    }
    let found = compile_loops(scheduled.loops()?, scheduled.cx(), watch).map_err(|error| match error {
        LowerError::Legalize(error) => Refusal { diagnostics: scheduled.refused(&error), legalize: Some(error) },
        LowerError::Emit(error) => vec![error.diagnostic()].into(),
    })?;
    Ok(found.map(|(legal, stream)| Compiled { warnings: scheduled.warnings().cloned().collect(), legal, stream }))
}

/// Compiles from loops on.
pub fn compile_loops(
    program: LoopProgram,
    cx: &Cx,
    watch: &mut Watch,
) -> Result<Option<(LegalProgram, Stream)>, LowerError> {
    if watch(Progress::Loops(&program)).is_break() {
        return Ok(None);
    }
    let Some(legal) = legalize_until(program, cx, &mut |pass| watch(Progress::Pass(pass)))? else { return Ok(None) };
    if watch(Progress::Legal(&legal)).is_break() {
        return Ok(None);
    }
    let stream = emit(&legal)?;
    Ok(Some((legal, stream)))
}
