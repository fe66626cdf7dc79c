//! Copy coalescing: lets buffers of the accumulator share storage. Loop program → loop program with fewer buffers and copies.
//!
//! ```text
//! before   alloc z: [24, 4, 128]; for t { alloc ig: [1, 128]; for j { ig[0, j] = z[t, 0, j] * z[t, 3, j] } ... ig[0, j] ... }
//! after    alloc z: [24, 4, 128]; for t { for j { z[t, 0, j] = z[t, 0, j] * z[t, 3, j] } ... z[t, 0, j] ... }
//! ```
//!
//! The ALU writes over its first operand. Without this, each stage of a chain would need a buffer of its own and two
//! instructions more to fill it.
//!
//! A candidate is an [`Alias`](alias::Alias): a buffer, the host that it would lie in, and an index map from its elements to the
//! host's. There are three kinds, each a file:
//!
//! - [`takeover`]: a result takes the place of the operand that it is computed from, where that dies: the whole of a buffer in the
//!   same block, or in the steps of a scan a slice of what is kept for all of them;
//! - [`ahead`]: in the steps of a scan, an operand is computed where its last reader will put the result;
//! - [`ping_pong`]: a state that lies in two places in turn, one of which each step reads before it writes the other, lies in one.
//!
//! All are judged alike. The host holds the buffer's elements, tile by tile ([`Alias::fits`](alias::Alias::fits)). No access to the
//! host follows one to the buffer at the same element, by the analysis of dependences ([`legality`]). And where one is computed
//! from the other, it is at the element itself, once, by a selection that begins with the operand. All are rewritten alike: the
//! index map is put on every access, and what then copies an element to itself goes ([`sites::Sites::join`]).
//!
//! Device memory is left alone, where a store is free to overtake what is still being loaded, and so is what an instruction
//! mentions that was read back: it is addressed by tiles.

mod ahead;
mod alias;
mod legality;
mod ping_pong;
mod sites;
mod takeover;

use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::LoopProgram;
use crate::select::Selections;

pub fn run(program: &mut LoopProgram, cx: &Cx, selections: &mut Selections) -> Result<(), LegalizeError> {
    let mut coalescing = Coalescing { cx, sites: sites::Sites::of(program), selections };
    // What has lost a reader to one kind may be free for another.
    while ping_pong::join_all(program, &mut coalescing)
        | takeover::join_whole(program, &mut coalescing)
        | join_slices(program, &mut coalescing)
    {}
    coalescing.sites.write_back(program);
    crate::loops::canonicalize(program);
    Ok(())
}

/// What all kinds of candidates look at.
struct Coalescing<'a> {
    cx: &'a Cx,
    sites: sites::Sites,
    selections: &'a mut Selections,
}

/// Joins what the steps of scans allocate with slices of other buffers. Returns whether there were any.
fn join_slices(program: &mut LoopProgram, c: &mut Coalescing) -> bool {
    let mut joined = false;
    for buffer in c.sites.allocated_in_steps(program) {
        if let Some(alias) = ahead::alias(program, c, buffer).or_else(|| takeover::slice(program, c, buffer)) {
            c.sites.join(program, &alias);
            joined = true;
        }
    }
    joined
}
