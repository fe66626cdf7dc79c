//! Lets an elementwise result take the storage of its operand where that dies there.
//!
//! ```text
//! before   alloc C @acc; ...; alloc S @acc; for i { S[i] = max(C[i], 0) }; for i { Y[i] = S[i] }
//! after    alloc C @acc; ...; for i { C[i] = max(C[i], 0) }; for i { Y[i] = C[i] }
//! ```
//!
//! The ALU writes over its first operand; without this, each stage of a chain would need a buffer and two instructions
//! more to fill it. Conditions: both are allocated in one block of statements, in `acc`; the operand's shape and type hold
//! the result; the nest writes each element once and reads the operand at that very element; the ALU can begin
//! with the operand and does not need it again; nothing behind it mentions the operand. A nest inside loops has the other
//! iterations before and behind it, so these must touch elements of their own.

use crate::legalize::iterations::are_apart;
use crate::legalize::match_alu::begins_with;
use crate::legalize::nest::{nest, repeating_loops, store_of_nest};
use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{Buffer, BufferId, For, Leaf, Load, LoopProgram, Role, Scope, Stmt, Store};
use crate::scalar::{CastMode, DType, Scalar};
use crate::select::Selections;

pub fn run(program: &mut LoopProgram, cx: &Cx) -> Result<(), LegalizeError> {
    let mut body = std::mem::take(&mut program.body);
    join_in_block(program, cx, &mut Selections::default(), &mut body);
    program.body = body;
    crate::loops::canonicalize(program);
    Ok(())
}

fn join_in_block(program: &mut LoopProgram, cx: &Cx, selections: &mut Selections, block: &mut Vec<Stmt>) {
    for stmt in block.iter_mut() {
        if let Stmt::For(f) = stmt {
            join_in_block(program, cx, selections, &mut f.body);
        }
    }
    while let Some((operand, result)) = joinable(program, cx, selections, block) {
        // Either of them may be still in use when the next iteration begins, if one of them was meant to.
        let slots = program.buffer(operand).slots.max(program.buffer(result).slots);
        program.buffers[operand.0 as usize].slots = slots;
        block.retain(|s| !matches!(s, Stmt::Alloc { buffer, .. } if *buffer == result));
        block.iter_mut().for_each(|s| rename(program, s, result, operand));
    }
}

/// An operand and a result in this block that can share the operand's storage.
fn joinable(
    program: &LoopProgram,
    cx: &Cx,
    selections: &mut Selections,
    block: &[Stmt],
) -> Option<(BufferId, BufferId)> {
    let allocated: Vec<BufferId> = block.iter().filter_map(allocation).collect();
    if allocated.len() < 2 {
        return None;
    }
    for Place { stmt, store, levels, around } in places(block) {
        let result = program.buffer(store.buffer);
        if result.scope != Scope::Acc
            || result.role != Role::Temporary
            || !allocated.contains(&store.buffer)
            || block.iter().any(|s| in_intrinsic(s, store.buffer))
        {
            continue;
        }
        let in_front = || levels.iter().flat_map(|(block, at)| &block[..*at]);
        let behind = || levels.iter().flat_map(|(block, at)| &block[at + 1..]);
        let unwritten = || in_front().all(|s| !s.mentions(store.buffer));
        let once = || nest(stmt).is_some_and(|nest| repeating_loops(program, &nest).is_empty());
        for operand in operands_at(store).into_iter().filter(|b| *b != store.buffer && allocated.contains(b)) {
            let o = program.buffer(operand);
            let keeps_values = o.dtype == result.dtype || o.dtype == DType::I32;
            let fits = o.scope == Scope::Acc && holds(o, result) && keeps_values;
            let dead = || {
                behind().all(|s| !s.mentions(operand))
                    && around.iter().all(|f| are_apart(program, f, &[operand, store.buffer]))
            };
            if fits && unwritten() && dead() && once() && begins_with(program, cx, selections, (store, operand)) {
                return Some((operand, store.buffer));
            }
        }
    }
    None
}

fn allocation(stmt: &Stmt) -> Option<BufferId> {
    if let Stmt::Alloc { buffer, .. } = stmt { Some(*buffer) } else { None }
}

/// A perfect nest somewhere in a block.
struct Place<'a> {
    stmt: &'a Stmt,
    store: &'a Store,
    /// The statements among which it stands, and those among which the loops around it do, with the place there.
    levels: Vec<(&'a [Stmt], usize)>,
    /// The loops around it.
    around: Vec<&'a For>,
}

/// The perfect nests of a block and of its loops.
fn places(block: &[Stmt]) -> Vec<Place<'_>> {
    let mut found = Vec::new();
    for (at, stmt) in block.iter().enumerate() {
        if let Some(store) = store_of_nest(stmt) {
            found.push(Place { stmt, store, levels: vec![(block, at)], around: Vec::new() });
        } else if let Stmt::For(f) = stmt {
            found.extend(places(&f.body).into_iter().map(|mut place| {
                place.levels.push((block, at));
                place.around.push(f);
                place
            }));
        }
    }
    found
}

/// Whether a buffer has an element for each of another.
fn holds(o: &Buffer, result: &Buffer) -> bool {
    o.shape.len() == result.shape.len() && o.shape.iter().zip(&result.shape).all(|(a, b)| a >= b)
}

/// The buffers that are read only at the element that the store writes.
fn operands_at(store: &Store) -> Vec<BufferId> {
    let (mut same, mut other) = (Vec::new(), Vec::new());
    store.value.leaves(&mut |leaf| {
        if let Leaf::Load(l) = leaf {
            if l.indices == store.indices { same.push(l.buffer) } else { other.push(l.buffer) }
        }
    });
    same.retain(|b| !other.contains(b));
    same
}

/// Whether an intrinsic mentions a buffer; one that was read back may stand beside stores, and is not renamed.
fn in_intrinsic(stmt: &Stmt, b: BufferId) -> bool {
    match stmt {
        Stmt::For(f) => f.body.iter().any(|s| in_intrinsic(s, b)),
        Stmt::Store(_) => false,
        other => other.mentions(b),
    }
}

/// Puts `to`, which can hold the values of both, in the place of `from`. Where their types differ, values are converted on
/// the way in and out.
fn rename(program: &LoopProgram, stmt: &mut Stmt, from: BufferId, to: BufferId) {
    let (own, shared) = (program.buffer(from).dtype, program.buffer(to).dtype);
    let converted = |dtype: DType, value: Scalar<Leaf>| match own == shared {
        true => value,
        false => Scalar::cast(dtype, CastMode::Wrap, value),
    };
    match stmt {
        Stmt::For(f) => f.body.iter_mut().for_each(|s| rename(program, s, from, to)),
        Stmt::Store(s) => {
            s.value = s.value.flat_map(&mut |leaf| match leaf {
                Leaf::Load(l) if l.buffer == from => {
                    converted(own, Scalar::Leaf(Leaf::Load(Load { buffer: to, indices: l.indices.clone() })))
                }
                other => Scalar::Leaf(other.clone()),
            });
            if s.buffer == from {
                s.buffer = to;
                s.value = converted(shared, s.value.clone());
            }
        }
        _ => {}
    }
}
