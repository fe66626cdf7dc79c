//! The compiler from end to end: source → kernels and schedules ([`front`]) → loops → legal loops → instructions.
//! [`compile`] is the order of these, and [`PASSES`] the list of what happens to the loop program, each with the reason why it
//! stands there.

mod compile;
mod front;

use std::ops::ControlFlow;

use crate::legalize::{self, Cx, LegalProgram, LegalizeError};
use crate::loops::ir::LoopProgram;
use crate::loops::verify::verify;

pub use compile::{Compiled, LowerError, Progress, Refusal, Watch, compile, compile_loops, compile_scheduled};
pub use front::{Call, ChoiceError, Front, Request, Scheduled, Test, check, front, kernel, target_constants, tests};

/// A pass over the loop program.
pub struct Pass {
    pub name: &'static str,
    /// Why the pass stands where it does.
    pub reason: &'static str,
    pub run: fn(&mut LoopProgram, &Cx) -> Result<(), LegalizeError>,
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
        run: legalize::unfuse::run,
    },
    Pass {
        name: "normalize",
        reason: "early, so that every later pass sees copies and elementwise nests as boxes, whatever loops made them",
        run: legalize::normalize::run,
    },
    Pass {
        name: "shrink",
        reason: "once copies are boxes, which it shortens; before buffers are joined, which have their final elements then",
        run: legalize::shrink::run,
    },
    Pass {
        name: "temporaries",
        reason: "once nests are boxes, whose extents the temporaries take; before buffers are joined, which they are then",
        run: legalize::temporaries::run,
    },
    Pass {
        name: "turns",
        reason: "before buffers are joined, which a state in one place can be and one in two cannot",
        run: legalize::turns::run,
    },
    Pass {
        name: "inplace",
        reason: "before tiles and places are given, which a joined buffer needs once; it compares normalized indices",
        run: legalize::inplace::run,
    },
    Pass {
        name: "conversions",
        reason: "once buffers are joined: what is read from one of a wider type is converted, which may take a temporary again",
        run: legalize::temporaries::run,
    },
    Pass {
        name: "vthread",
        reason: "once buffers are joined, which compares whole ones; before slots, so that each thread's copies rotate",
        run: legalize::vthread::run,
    },
    Pass {
        name: "slots",
        reason: "before tiles are given, which a buffer with all its slots needs; its shape is final from here on",
        run: legalize::slots::run,
    },
    Pass {
        name: "layout",
        reason: "while nests still show element by element who walks which dimension of what",
        run: legalize::layout::run,
    },
    Pass {
        name: "padding",
        reason: "once tiles are given, which are padded, and while products still name what they read",
        run: legalize::padding::run,
    },
    Pass {
        name: "parts",
        reason: "once tiles are given, in which a part and the buffer around it have to agree; before stores are matched",
        run: legalize::parts::run,
    },
    Pass {
        name: "match_gemm",
        reason: "before the other matches, since an accumulating nest is neither elementwise nor a copy",
        run: legalize::match_gemm::run,
    },
    Pass {
        name: "match_alu",
        reason: "takes what computes in the accumulator, so that only copies remain",
        run: legalize::match_alu::run,
    },
    Pass {
        name: "match_dma",
        reason: "last of the matches: a store that is no copy by here can run nowhere, and says so",
        run: legalize::match_dma::run,
    },
    Pass {
        name: "distribute",
        reason: "right before `fold`, which draws loops into an instruction that stands alone in them",
        run: legalize::distribute::run,
    },
    Pass {
        name: "fold",
        reason: "once all instructions are there, since it draws the loops around them into them",
        run: legalize::fold::run,
    },
    Pass {
        name: "allocate",
        reason: "last: only here the tiles and lifetimes of all buffers are final",
        run: legalize::allocate::run,
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
    for pass in passes {
        (pass.run)(program, cx)?;
        if watch(PassReport { name: pass.name, program }).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Runs [`PASSES`] over a loop program and seals the result; `watch` sees the program after each pass.
pub fn legalize(
    mut program: LoopProgram,
    cx: &Cx,
    watch: &mut dyn FnMut(PassReport),
) -> Result<LegalProgram, LegalizeError> {
    run_passes(&PASSES, &mut program, cx, watch)?;
    legalize::seal(program, cx)
}
