//! Storage that rotates: a buffer that is allocated in a loop and has `slots` copies → one buffer outside of the loop, with
//! the slot as its first dimension, and in every access the slot that it means.
//!
//! ```text
//! before   for ro in 0..16 { alloc X_buf: i8[1, 16] @inp slots 2; ... X_buf[i, r] ... }
//! after    alloc X_buf: i8[2, 1, 16] @inp; for ro in 0..16 { ... X_buf[ro % 2, i, r] ... }
//! ```
//!
//! A slot is the number of the iteration, modulo the slots. The buffer leaves the innermost loop around it; where the
//! slots do not divide that loop's iterations, the next one could start in the slot that the last one used, so the buffer
//! leaves the loop outside too, and iterations are counted over both. Each iteration finds undefined content before and
//! after, so no value changes; what changes is that an iteration's loads need not wait for the products of the last one.

use crate::legalize::{Cx, LegalizeError};
use crate::loops::access::{add_dimension, at_slot};
use crate::loops::ir::{BufferId, Index, LoopProgram, Origin, Stmt};

pub fn run(program: &mut LoopProgram, _: &Cx) -> Result<(), LegalizeError> {
    let mut body = std::mem::take(&mut program.body);
    for rotating in rotate_block(program, &mut body) {
        place(program, &mut body, rotating);
    }
    program.body = body;
    *program = crate::loops::canonical(program);
    Ok(())
}

/// A buffer on its way out of loops.
struct Rotating {
    buffer: BufferId,
    origin: Origin,
    /// The number of the iteration, over the loops that it has left.
    iteration: Index,
    /// The iterations of those loops together.
    count: i64,
}

impl Rotating {
    /// Whether the next iteration of the loop outside takes the slot that is next in turn.
    fn closes(&self, program: &LoopProgram) -> bool {
        self.count % program.buffer(self.buffer).slots == 0
    }
}

/// Rotates what is allocated in the loops of a block; returns what has to leave the block as well.
fn rotate_block(program: &mut LoopProgram, block: &mut Vec<Stmt>) -> Vec<Rotating> {
    let mut leaving = Vec::new();
    let mut at = 0;
    while at < block.len() {
        if let Stmt::For(f) = &mut block[at] {
            let (var, extent) = (f.var, program.loop_var(f.var).extent);
            let mut rotating = rotate_block(program, &mut f.body);
            rotating.extend(take_allocs(program, &mut f.body));
            for mut r in rotating {
                r.iteration = r.iteration.plus(&Index::var(var).times(r.count));
                r.count = r.count.saturating_mul(extent);
                match r.closes(program) {
                    true => at += place_at(program, block, at, r),
                    false => leaving.push(r),
                }
            }
        }
        at += 1;
    }
    leaving
}

/// Takes the allocations that rotate out of a block.
fn take_allocs(program: &LoopProgram, block: &mut Vec<Stmt>) -> Vec<Rotating> {
    let mut taken = Vec::new();
    block.retain(|stmt| match stmt {
        Stmt::Alloc { buffer, origin } if program.buffer(*buffer).slots > 1 => {
            taken.push(Rotating { buffer: *buffer, origin: *origin, iteration: Index::constant(0), count: 1 });
            false
        }
        _ => true,
    });
    taken
}

/// Allocates a buffer that has left all loops, in front of the statement that uses it.
fn place(program: &mut LoopProgram, body: &mut Vec<Stmt>, rotating: Rotating) {
    let user = body.iter().position(|s| s.mentions(rotating.buffer)).unwrap_or(0);
    place_at(program, body, user, rotating);
}

/// Allocates a buffer in front of the loop at a position, and lets the accesses inside name their slots. Returns how many
/// statements are put in front.
fn place_at(program: &mut LoopProgram, block: &mut Vec<Stmt>, at: usize, rotating: Rotating) -> usize {
    let Rotating { buffer, origin, iteration, count } = rotating;
    let slots = program.buffer(buffer).slots.min(count);
    let slot = iteration.modulo(slots, &|l| program.loop_range(l));
    if slots > 1 {
        at_slot(program, &mut block[at..=at], buffer, &slot);
        add_dimension(program, buffer, slots);
    }
    program.buffers[buffer.0 as usize].slots = 1;
    block.insert(at, Stmt::Alloc { buffer, origin });
    1
}
