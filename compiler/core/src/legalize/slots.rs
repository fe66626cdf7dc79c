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
//!
//! A loop that was cut has a buffer in each of its pieces. Those of one tensor, call and size in the loops of a block become one,
//! and iterations are counted from piece to piece; that too is free, since nothing lives from one iteration to the next.

use crate::legalize::{Cx, LegalizeError};
use crate::loops::access::{add_dimension, at_slot, rename};
use crate::loops::ir::{BufferId, Index, LoopProgram, Origin, Stmt, stem};

pub fn run(program: &mut LoopProgram, _: &Cx) -> Result<(), LegalizeError> {
    let mut body = std::mem::take(&mut program.body);
    for rotating in rotate_block(program, &mut body) {
        place(program, &mut body, rotating);
    }
    program.body = body;
    crate::loops::canonicalize(program);
    Ok(())
}

/// A buffer on its way out of loops.
struct Rotating {
    /// The buffers that become one, the first of which stays.
    parts: Vec<Part>,
    origin: Origin,
    /// The iterations of the loops that it has left together.
    count: i64,
}

/// A buffer in one piece of a loop.
struct Part {
    buffer: BufferId,
    /// The number of the iteration, over the loops that it has left.
    iteration: Index,
}

impl Rotating {
    fn buffer(&self) -> BufferId {
        self.parts[0].buffer
    }

    /// Whether the next iteration of the loop outside takes the slot that is next in turn.
    fn closes(&self, program: &LoopProgram) -> bool {
        self.count % program.buffer(self.buffer()).slots == 0
    }

    /// Whether another buffer, of a later piece, can become one with it. A smaller one ends in a tile that is filled up, which
    /// the larger one is not.
    fn continues_in(&self, program: &LoopProgram, other: &Rotating) -> bool {
        let (a, b) = (program.buffer(self.buffer()), program.buffer(other.buffer()));
        // What an automatic schedule adds has one place, that of its kernel, so a place does not tell the tensor.
        let same = stem(&a.name) == stem(&b.name)
            && (a.origin, a.scope, a.dtype, a.slots, &a.outside) == (b.origin, b.scope, b.dtype, b.slots, &b.outside);
        same && (&a.shape, &a.array, a.copies, &a.layout) == (&b.shape, &b.array, b.copies, &b.layout)
    }

    /// Counts on in a later piece.
    fn join(&mut self, later: Rotating) {
        let counted = self.count;
        let behind = |p: Part| Part { iteration: p.iteration.plus_constant(counted), ..p };
        self.parts.extend(later.parts.into_iter().map(behind));
        self.count = self.count.saturating_add(later.count);
    }
}

/// Rotates what is allocated in the loops of a block; returns what has to leave the block as well.
fn rotate_block(program: &mut LoopProgram, block: &mut Vec<Stmt>) -> Vec<Rotating> {
    let mut found: Vec<Rotating> = Vec::new();
    for stmt in block.iter_mut() {
        let Stmt::For(f) = stmt else { continue };
        let (var, extent) = (f.var, program.loop_var(f.var).extent);
        let mut rotating = rotate_block(program, &mut f.body);
        rotating.extend(take_allocs(program, &mut f.body));
        let earlier = found.len();
        let mut taken = vec![false; earlier];
        for mut r in rotating {
            for part in &mut r.parts {
                part.iteration = part.iteration.plus(&Index::var(var).times(r.count));
            }
            r.count = r.count.saturating_mul(extent);
            match (0..earlier).find(|n| !taken[*n] && found[*n].continues_in(program, &r)) {
                Some(n) => {
                    taken[n] = true;
                    found[n].join(r);
                }
                None => found.push(r),
            }
        }
    }
    let (closed, leaving): (Vec<Rotating>, Vec<Rotating>) = found.into_iter().partition(|r| r.closes(program));
    closed.into_iter().for_each(|r| place(program, block, r));
    leaving
}

/// Takes the allocations that rotate out of a block.
fn take_allocs(program: &LoopProgram, block: &mut Vec<Stmt>) -> Vec<Rotating> {
    let mut taken = Vec::new();
    block.retain(|stmt| match stmt {
        Stmt::Alloc { buffer, origin } if program.buffer(*buffer).slots > 1 => {
            let parts = vec![Part { buffer: *buffer, iteration: Index::constant(0) }];
            taken.push(Rotating { parts, origin: *origin, count: 1 });
            false
        }
        _ => true,
    });
    taken
}

/// Allocates a buffer in front of the first statement that uses it, and lets all accesses name their slots.
fn place(program: &mut LoopProgram, block: &mut Vec<Stmt>, rotating: Rotating) {
    let buffer = rotating.buffer();
    let slots = program.buffer(buffer).slots.min(rotating.count);
    let uses = |s: &Stmt| rotating.parts.iter().any(|p| s.mentions(p.buffer));
    let at = block.iter().position(uses).unwrap_or(0);
    for Part { buffer: part, iteration } in &rotating.parts {
        if slots > 1 {
            let slot = iteration.modulo(slots, &|l| program.loop_range(l));
            at_slot(program, block, *part, &slot);
        }
        rename(block, *part, buffer);
    }
    if slots > 1 {
        add_dimension(program, buffer, slots);
    }
    program.buffers[buffer.0 as usize].slots = 1;
    block.insert(at, Stmt::Alloc { buffer, origin: rotating.origin });
}
