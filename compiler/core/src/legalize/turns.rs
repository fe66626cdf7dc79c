//! A state that takes turns in two places of the accumulator → one place, where each step has read the old value before it
//! stores the new one.
//!
//! ```text
//! before   alloc cell: i32[2, 128] @acc; @serial for t { fc[j] = s[j] * cell[t % 2, j]; cell[(t + 1) % 2, j] = fc[j] }
//! after    alloc cell: i32[1, 128] @acc; @serial for t { fc[j] = s[j] * cell[0, j]; cell[0, j] = fc[j] }
//! ```
//!
//! The new value can then be computed over the old one, and need not be copied there. Device memory keeps both places, where a
//! store is free to overtake what is still being loaded.

use crate::legalize::nest::{is_intrinsic, nest, without_unit_loops};
use crate::legalize::{Cx, LegalizeError};
use crate::loops::access::{first_index, visit_elements};
use crate::loops::dependence::disjoint;
use crate::loops::ir::{BufferId, For, Index, LoopProgram, Mark, Role, Scope, Stmt};

/// Places of a state that takes turns.
const TURNS: i64 = 2;

pub fn run(program: &mut LoopProgram, _: &Cx) -> Result<(), LegalizeError> {
    if program.body.iter().any(is_intrinsic) {
        return Ok(());
    }
    let mut found = Vec::new();
    in_block(program, &program.body, &mut found);
    let mut body = std::mem::take(&mut program.body);
    for buffer in found {
        let alone = &mut program.buffers[buffer.0 as usize];
        (alone.shape[0], alone.array[0]) = (1, 1);
        first_index(&mut body, buffer, &mut |index| *index = Index::constant(0));
    }
    program.body = body;
    Ok(())
}

/// Finds the states of a block, and of its loops, that need one place only.
fn in_block(program: &LoopProgram, block: &[Stmt], found: &mut Vec<BufferId>) {
    for (at, stmt) in block.iter().enumerate() {
        match stmt {
            Stmt::For(f) => in_block(program, &f.body, found),
            Stmt::Alloc { buffer, .. } if takes_turns(program, *buffer, &block[at + 1..]) => found.push(*buffer),
            _ => {}
        }
    }
}

/// Whether a buffer holds what one step of a scan leaves to the next, in two places, and could do with one.
fn takes_turns(program: &LoopProgram, buffer: BufferId, behind: &[Stmt]) -> bool {
    let b = program.buffer(buffer);
    if b.scope != Scope::Acc || b.role != Role::Temporary || b.copies > 0 || b.shape.first() != Some(&TURNS) {
        return false;
    }
    let mut mentions = behind.iter().filter(|s| s.mentions(buffer)).peekable();
    // What stands before the steps sets the value that the first one finds.
    while let Some(stmt) = mentions.next_if(|s| !matches!(s, Stmt::For(f) if f.mark == Some(Mark::Serial))) {
        if !indices(program, stmt, buffer).iter().all(|(index, _)| index.as_constant() == Some(0)) {
            return false;
        }
    }
    mentions.all(|s| matches!(s, Stmt::For(f) if f.mark == Some(Mark::Serial) && reads_first(program, buffer, f)))
}

/// Whether the steps of a piece of a scan read the old value only before they store the new one, or where they store it.
fn reads_first(program: &LoopProgram, buffer: BufferId, steps: &For) -> bool {
    // The old value lies in one place, which is not that of the new one.
    let mut places: [Option<Index>; 2] = [None, None];
    let mut stored = false;
    let in_order = steps.body.iter().filter(|s| s.mentions(buffer)).all(|stmt| {
        let accesses = indices(program, stmt, buffer);
        let stores = accesses.iter().any(|(_, is_store)| *is_store);
        let before = !stored && (!stores || accesses.len() == 1 || is_in_place(program, stmt, buffer));
        stored |= stores;
        let known =
            |(index, is_store): (Index, bool)| *places[usize::from(is_store)].get_or_insert(index.clone()) == index;
        before && accesses.into_iter().all(known)
    });
    let [old, new] = places;
    in_order && old.zip(new).is_some_and(|(old, new)| disjoint(program, &[old], &[new], &[]))
}

/// Whether a nest stores each element once and reads the old value at that element alone.
fn is_in_place(program: &LoopProgram, stmt: &Stmt, buffer: BufferId) -> bool {
    nest(stmt).is_some_and(|nest| {
        let mut same = nest.carrying_loops(program).is_empty();
        visit_elements(stmt, &mut |b, indices, _| same &= b != buffer || indices[1..] == nest.store.indices[1..]);
        same
    })
}

/// The first index of each access, with unit loops at zero, and whether it stores.
fn indices(program: &LoopProgram, stmt: &Stmt, buffer: BufferId) -> Vec<(Index, bool)> {
    let mut found = Vec::new();
    visit_elements(stmt, &mut |b, indices, is_store| {
        if b == buffer {
            found.push((without_unit_loops(program, &indices[0]), is_store));
        }
    });
    found
}
