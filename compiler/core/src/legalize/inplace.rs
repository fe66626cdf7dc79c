//! Lets an elementwise result take the storage of its operand where that dies there.
//!
//! ```text
//! before   alloc C @acc; ...; alloc S @acc; for i { S[i] = max(C[i], 0) }; for i { Y[i] = S[i] }
//! after    alloc C @acc; ...; for i { C[i] = max(C[i], 0) }; for i { Y[i] = C[i] }
//! ```
//!
//! The ALU writes over its first operand; without this, each stage of a chain would need a buffer and two instructions
//! more to fill it. Conditions: both are allocated in one block of statements, in `acc`, and the text gives the result no base; the operand's shape and type hold
//! the result; each nest that computes one from the other, of which a cut loop has several, writes each element once and
//! reads the operand at that very element; the ALU can begin with the operand and does not need it again; and no element of
//! the operand is touched behind the result's, in later iterations of loops around them either.

use crate::legalize::match_alu::begins_with;
use crate::legalize::nest::{nest, store_of_nest};
use crate::legalize::{Cx, LegalizeError};
use crate::loops::dependence::{accesses, follows};
use crate::loops::ir::{Buffer, BufferId, Leaf, Load, LoopProgram, Role, Scope, Stmt, Store};
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
    let nests = nests(block);
    let mut tried = Vec::new();
    for (_, store) in &nests {
        let result = program.buffer(store.buffer);
        if result.scope != Scope::Acc
            || result.role != Role::Temporary
            || result.base.is_some()
            || !allocated.contains(&store.buffer)
            || block.iter().any(|s| in_intrinsic(s, store.buffer))
        {
            continue;
        }
        for operand in operands_at(store).into_iter().filter(|b| *b != store.buffer && allocated.contains(b)) {
            let pair = (operand, store.buffer);
            if tried.contains(&pair) {
                continue;
            }
            tried.push(pair);
            let o = program.buffer(operand);
            let keeps_values = o.dtype == result.dtype || o.dtype == DType::I32;
            let fits = o.scope == Scope::Acc && holds(o, result, cx) && keeps_values;
            let mut pieces = nests.iter().filter(|(_, store)| computes(store, pair));
            if fits
                && is_dead_behind(program, pair, block)
                && pieces.all(|(stmt, store)| {
                    let load = Load { buffer: operand, indices: store.indices.clone() };
                    is_in_place(program, stmt, pair) && begins_with(program, cx, selections, (store, &load))
                })
            {
                return Some(pair);
            }
        }
    }
    None
}

fn allocation(stmt: &Stmt) -> Option<BufferId> {
    if let Stmt::Alloc { buffer, .. } = stmt { Some(*buffer) } else { None }
}

/// The perfect nests of a block and of its loops, with their stores.
fn nests(block: &[Stmt]) -> Vec<(&Stmt, &Store)> {
    let mut found = Vec::new();
    for stmt in block {
        match (store_of_nest(stmt), stmt) {
            (Some(store), _) => found.push((stmt, store)),
            (None, Stmt::For(f)) => found.extend(nests(&f.body)),
            (None, _) => {}
        }
    }
    found
}

/// Whether a store writes the result and reads the operand.
fn computes(store: &Store, (operand, result): (BufferId, BufferId)) -> bool {
    let mut reads = false;
    store.value.leaves(&mut |leaf| reads |= matches!(leaf, Leaf::Load(l) if l.buffer == operand));
    store.buffer == result && reads
}

/// Whether a statement is a perfect nest that computes each element of the result once, from the operand's at that place.
fn is_in_place(program: &LoopProgram, stmt: &Stmt, pair: (BufferId, BufferId)) -> bool {
    nest(stmt).is_some_and(|nest| {
        computes(&nest.store, pair)
            && operands_at(&nest.store).contains(&pair.0)
            && nest.carrying_loops(program).is_empty()
    })
}

/// Whether each element of the operand is dead where the result's is first touched: taken for one buffer, no access to the
/// operand follows one to the result.
fn is_dead_behind(program: &LoopProgram, (operand, result): (BufferId, BufferId), block: &[Stmt]) -> bool {
    let (mut operands, mut results) = (Vec::new(), Vec::new());
    accesses(block, &mut |access| {
        if access.buffer == operand {
            operands.push(access);
        } else if access.buffer == result {
            results.push(access);
        }
    });
    !results.iter().any(|r| operands.iter().any(|o| follows(program, 0, r, o)))
}

/// Whether a buffer has an element for each of another. One that is filled up to whole tiles has elements in the last of them
/// that the other has not, and would be computed in a part of a tile.
fn holds(o: &Buffer, result: &Buffer, cx: &Cx) -> bool {
    let fills_up = |whole: i64, part: i64| {
        let sides = [cx.core().batch, cx.core().block_out];
        whole > part && sides.iter().any(|side| (part + side - 1) / side * side == whole)
    };
    o.shape.len() == result.shape.len()
        && o.shape.iter().zip(&result.shape).all(|(a, b)| a >= b)
        && !o.array.iter().zip(&result.array).any(|(a, b)| fills_up(*a, *b))
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
