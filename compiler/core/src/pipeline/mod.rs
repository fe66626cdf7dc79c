//! The compiler from end to end: source → kernels and schedules ([`front`]) → loops → legal loops → instructions.
//! [`compile`] is the order of these, and [`PASSES`] the list of what happens to the loop program, each with the reason why it
//! stands there.

mod compile;
mod front;

use std::ops::ControlFlow;

use crate::legalize::{self, Cx, LegalProgram, LegalizeError};
use crate::loops::ir::LoopProgram;
use crate::loops::verify::verify;
use crate::select::Selections;

pub use compile::{Compiled, LowerError, Progress, Refusal, Watch, compile, compile_loops, compile_scheduled};
pub use front::{
    Call, ChoiceError, Front, Made, Request, Scheduled, Test, check, executable, front, front_as_written, function,
    kernel, kernels, target_constants, tests,
};

/// A pass over the loop program.
pub struct Pass {
    pub name: &'static str,
    /// Why the pass stands where it does.
    pub reason: &'static str,
    pub run: Run,
}

type Outcome = Result<(), LegalizeError>;

/// What a pass takes besides the program.
#[derive(Clone, Copy)]
pub enum Run {
    Alone(fn(&mut LoopProgram, &Cx) -> Outcome),
    /// The selections that were made so far: several passes ask for those of the same expressions.
    Selecting(fn(&mut LoopProgram, &Cx, &mut Selections) -> Outcome),
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Run::Alone(_)) { "Alone" } else { "Selecting" })
    }
}

impl std::fmt::Debug for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pass({})", self.name)
    }
}

/// What legalisation does, in order.
pub const PASSES: [Pass; 18] = [
    Pass {
        name: "unfuse",
        reason: "first: all that follows wants to see which loop walks which dimension, and by what step",
        run: Run::Alone(legalize::unfuse::run),
    },
    Pass {
        name: "normalize",
        reason: "early, so that every later pass sees copies and elementwise nests as boxes, whatever loops made them",
        run: Run::Alone(legalize::normalize::run),
    },
    Pass {
        name: "shrink",
        reason: "once copies are boxes, which it shortens; before buffers are joined, which have their final elements then",
        run: Run::Alone(legalize::shrink::run),
    },
    Pass {
        name: "borders",
        reason: "once copies are boxes, which it cuts, and no longer than what is read; before tiles, since constants get some too",
        run: Run::Alone(legalize::borders::run),
    },
    Pass {
        name: "planes",
        reason: "before temporaries and tiles, which the digits of a value take; once nests are boxes, each of which one of them takes",
        run: Run::Alone(legalize::planes::run),
    },
    Pass {
        name: "loop_values",
        reason: "once nests are boxes, which are what is loaded; before their values are split, which reads the accumulator alone",
        run: Run::Alone(legalize::loop_values::run),
    },
    Pass {
        name: "split_expressions",
        reason: "once nests are boxes, whose extents the temporaries take; before tiles, which these get like any buffer",
        run: Run::Selecting(legalize::split_expressions::run),
    },
    Pass {
        name: "layout",
        reason: "while nests show element by element who walks which dimension of what; before slots, which are no dimension",
        run: Run::Alone(legalize::layout::run),
    },
    Pass {
        name: "padding",
        reason: "once tiles are given, which are padded, and while products still name what they read",
        run: Run::Alone(legalize::padding::run),
    },
    Pass {
        name: "coalesce",
        reason: "once tiles are given, in which a buffer and its host have to agree; while buffers are where they are used",
        run: Run::Selecting(legalize::coalesce::run),
    },
    Pass {
        name: "vthread",
        reason: "once buffers are joined, which compares whole ones; before slots, so that each thread's copies rotate",
        run: Run::Alone(legalize::vthread::run),
    },
    Pass {
        name: "slots",
        reason: "before stores are matched, whose tiles are counted with all slots; shapes are final from here on",
        run: Run::Alone(legalize::slots::run),
    },
    Pass {
        name: "match_gemm",
        reason: "before the other matches, since an accumulating nest is neither elementwise nor a copy",
        run: Run::Alone(legalize::match_gemm::run),
    },
    Pass {
        name: "match_alu",
        reason: "takes what computes in the accumulator, so that only copies remain",
        run: Run::Selecting(legalize::match_alu::run),
    },
    Pass {
        name: "match_dma",
        reason: "last of the matches: a store that is no copy by here can run nowhere, and says so",
        run: Run::Alone(legalize::match_dma::run),
    },
    Pass {
        name: "distribute",
        reason: "right before `fold`, which draws loops into an instruction that stands alone in them",
        run: Run::Alone(legalize::distribute::run),
    },
    Pass {
        name: "fold",
        reason: "once all instructions are there, since it draws the loops around them into them",
        run: Run::Alone(legalize::fold::run),
    },
    Pass {
        name: "allocate",
        reason: "last: only here the tiles and lifetimes of all buffers are final",
        run: Run::Alone(legalize::allocate::run),
    },
];

/// What a pass did.
#[derive(Debug)]
pub struct PassReport<'a> {
    pub name: &'static str,
    /// The program after the pass.
    pub program: &'a LoopProgram,
}

impl PassReport<'_> {
    /// The rules of the IR that the program breaks, for `--verify-each`; one line each.
    pub fn broken_rules(&self) -> Vec<String> {
        verify(self.program).err().into_iter().flatten().map(|e| e.to_string()).collect()
    }
}

/// Runs some passes over a loop program; `watch` sees the program after each.
pub fn run_passes<'a>(
    passes: impl IntoIterator<Item = &'a Pass>,
    program: &mut LoopProgram,
    cx: &Cx,
    watch: &mut dyn FnMut(PassReport),
) -> Result<(), LegalizeError> {
    let watch = &mut |pass: PassReport| {
        watch(pass);
        ControlFlow::Continue(())
    };
    run_passes_until(passes, program, cx, watch).map(|_| ())
}

/// Runs passes until `watch` breaks.
fn run_passes_until<'a>(
    passes: impl IntoIterator<Item = &'a Pass>,
    program: &mut LoopProgram,
    cx: &Cx,
    watch: &mut dyn FnMut(PassReport) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, LegalizeError> {
    let mut selections = Selections::default();
    for pass in passes {
        match pass.run {
            Run::Alone(run) => run(program, cx)?,
            Run::Selecting(run) => run(program, cx, &mut selections)?,
        }
        if watch(PassReport { name: pass.name, program }).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Takes the place of `borders` where a transfer cannot pad with zeros.
static FILLING: Pass = Pass {
    name: "borders",
    reason: "as `borders`, for what `match_dma` and the fields of a transfer refuse otherwise",
    run: Run::Alone(legalize::borders::fill_zeros),
};

/// Runs [`PASSES`] over a loop program and seals the result; `watch` sees the program after each pass.
pub fn legalize(
    program: LoopProgram,
    cx: &Cx,
    watch: &mut dyn FnMut(PassReport),
) -> Result<LegalProgram, LegalizeError> {
    let watch = &mut |pass: PassReport| {
        watch(pass);
        ControlFlow::Continue(())
    };
    legalize_until(program, cx, watch).map(|legal| legal.expect("nothing breaks"))
}

/// Runs [`PASSES`] and seals the result. Where a transfer cannot pad, all passes run again, with borders that are filled. None
/// where `watch` broke.
fn legalize_until(
    program: LoopProgram,
    cx: &Cx,
    watch: &mut dyn FnMut(PassReport) -> ControlFlow<()>,
) -> Result<Option<LegalProgram>, LegalizeError> {
    let before = program.buffers.iter().any(|b| b.outside.is_some()).then(|| program.clone());
    match (legalize_by(&mut PASSES.iter(), program, cx, watch), before) {
        (Err(error), Some(before)) if error.is_about_padding() => {
            let mut filling = PASSES.iter().map(|pass| if pass.name == FILLING.name { &FILLING } else { pass });
            let second = legalize_by(&mut filling, before, cx, watch);
            second.map_err(|other| if matches!(other, LegalizeError::Capacity { .. }) { other } else { error })
        }
        (outcome, _) => outcome,
    }
}

/// Runs some passes and seals the result.
fn legalize_by(
    passes: &mut dyn Iterator<Item = &'static Pass>,
    mut program: LoopProgram,
    cx: &Cx,
    watch: &mut dyn FnMut(PassReport) -> ControlFlow<()>,
) -> Result<Option<LegalProgram>, LegalizeError> {
    match run_passes_until(passes, &mut program, cx, watch)? {
        ControlFlow::Break(()) => Ok(None),
        ControlFlow::Continue(()) => legalize::seal(program, cx).map(Some),
    }
}
