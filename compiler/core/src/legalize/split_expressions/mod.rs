//! Cuts elementwise values that are no chain of ALU operations in one tile: each part gets a temporary in the accumulator.
//!
//! ```text
//! before   for i { for j { S[i, j] = (A[i, j] >> 1) + max(B[i, j], 0) * B[i, j] } }
//! after    alloc S_part: i32[8, 16] @acc
//!          for i { for j { S_part[i, j] = max(B[i, j], 0) } }
//!          for i { for j { S_part[i, j] = S_part[i, j] * B[i, j] } }
//!          for i { for j { S[i, j] = (A[i, j] >> 1) + S_part[i, j] } }
//! ```
//!
//! `select::cut` says what the parts are. A temporary has the extents of the box that the nest computes, and the dimensions
//! of its target, so that tiles follow as for any stage. Where the target is not read and the last part can begin with a
//! temporary, that one lives in the target itself. Loops that do not choose the element, and those that a schedule marks,
//! stay around all parts. A value that has a chain stays as it is. Quotients become
//! what computes them ([`quotients`]). What is the same for several tiles is computed once
//! ([`invariant`]), and summands where an operand is that dies with them ([`in_place`]).

mod in_place;
mod invariant;
mod quotients;

use crate::legalize::match_alu::{Operands, begins_with, is_usable, operands_of, reads_elsewhere, with_request};
use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{Buffer, BufferId, For, Index, Leaf, Load, LoopProgram, Mark, Role, Scope, Stmt, Store};
use crate::loops::nest::{Nest, NestLoop, rewrite_stores, wrap};
use crate::scalar::{DType, Scalar};
use crate::select::{self, Part, Selection, Selections};

use in_place::{Uses, summands};
use invariant::{Invariant, take_out};

pub fn run(program: &mut LoopProgram, cx: &Cx, selections: &mut Selections) -> Result<(), LegalizeError> {
    let uses = Uses::of(program);
    let body = std::mem::take(&mut program.body);
    program.body = rewrite_stores(body, &mut |nest| Ok::<_, LegalizeError>(cut(program, cx, selections, &uses, nest)))?;
    crate::loops::canonicalize(program);
    Ok(())
}

/// The statements in the place of a nest. What cannot be computed stays, and `match_alu` says why.
fn cut(program: &mut LoopProgram, cx: &Cx, selections: &mut Selections, uses: &Uses, nest: Nest) -> Vec<Stmt> {
    let Some(operands) = elementwise(program, &nest) else { return vec![nest.into_stmt()] };
    if nest.store.value.has_quotient()
        && let Some(stmts) = divided(program, cx, selections, uses, &nest)
    {
        return stmts;
    }
    if let Some((around, stmts)) = once(program, cx, selections, uses, &nest) {
        return wrapped(&nest.loops[..around], stmts);
    }
    let target = Load { buffer: nest.store.buffer, indices: nest.store.indices.clone() };
    let first = operands.loads.len() as u32;
    let usable = |s: &Selection| is_usable(s, &operands.loads, &target);
    let parts = with_request(program, cx, &operands, |request| select::cut(request, first, selections, &usable));
    match parts {
        // One part may be the value in a form that has a chain.
        Ok(parts) if parts.len() > 1 || parts.iter().any(|part| part.value != operands.value) => {
            let begins = &mut |program: &LoopProgram, store: &Store, load: &Load| {
                begins_with(program, cx, selections, (store, load))
            };
            if let Some(nests) = summands(program, uses, &nest, begins) {
                return nests.into_iter().flat_map(|nest| cut(program, cx, selections, uses, nest)).collect();
            }
            let mut parts = stored(program, &nest, operands.loads, parts);
            live_in_target(program, cx, selections, &nest, &mut parts);
            statements(program, nest, parts)
        }
        _ => vec![nest.into_stmt()],
    }
}

/// The statements in the place of a nest that computes a quotient.
fn divided(
    program: &mut LoopProgram,
    cx: &Cx,
    selections: &mut Selections,
    uses: &Uses,
    nest: &Nest,
) -> Option<Vec<Stmt>> {
    let around = around(program, nest);
    let nests = quotients::computed(program, nest, around)?;
    let mut stmts = Vec::new();
    for each in nests {
        if each.store.buffer != nest.store.buffer {
            stmts.push(Stmt::Alloc { buffer: each.store.buffer, origin: each.store.origin });
        }
        stmts.extend(cut(program, cx, selections, uses, each));
    }
    Some(wrapped(&nest.loops[..around], stmts))
}

/// The statements in the place of a nest, inside of so many of its loops, where part of its value is computed for fewer of the
/// others.
fn once(
    program: &mut LoopProgram,
    cx: &Cx,
    selections: &mut Selections,
    uses: &Uses,
    nest: &Nest,
) -> Option<(usize, Vec<Stmt>)> {
    let around = around(program, nest);
    let mut rest = Nest { loops: nest.loops[around..].to_vec(), store: nest.store.clone() };
    let mut store = None;
    let mut part = |program: &mut LoopProgram, found: &Invariant| {
        let own = of_loops(program, nest, &found.loops, found.value.clone());
        let leaf = Leaf::Load(Load { buffer: own.buffer, indices: own.indices.clone() });
        store = Some(own);
        leaf
    };
    let found = take_out(program, cx.core(), &nest.loops[around..], &mut rest.store.value, &mut part)?;
    let store = store?;
    let mut stmts = vec![Stmt::Alloc { buffer: store.buffer, origin: store.origin }];
    let first = Nest { loops: found.loops, store }.with_fresh_loops(program);
    stmts.extend(cut(program, cx, selections, uses, first));
    stmts.extend(cut(program, cx, selections, uses, rest));
    Some((around, stmts))
}

/// The value of a nest that the ALU is to compute, over numbered operands.
fn elementwise(program: &LoopProgram, nest: &Nest) -> Option<Operands> {
    let in_acc = |b: BufferId| program.buffer(b).scope == Scope::Acc;
    if !in_acc(nest.store.buffer) || nest.loops.iter().any(|l| l.mark == Some(Mark::Gemm)) {
        return None;
    }
    let mut has_index = false;
    let operands = operands_of(&nest.store, &mut has_index);
    let reachable = operands.loads.iter().all(|l| in_acc(l.buffer));
    (reachable && !has_index && !reads_elsewhere(program, nest, &operands.loads)).then_some(operands)
}

/// A store for each part, into new buffers for all but the last.
fn stored(program: &mut LoopProgram, nest: &Nest, mut loads: Vec<Load>, parts: Vec<Part>) -> Vec<Store> {
    let around = around(program, nest);
    let (shape, indices) = boxed(program, &nest.loops[around..], &nest.store.indices);
    let last = parts.len() - 1;
    let mut stores = Vec::new();
    for (at, part) in parts.into_iter().enumerate() {
        let value = part.value.map(&mut |k| Leaf::Load(loads[*k as usize].clone()));
        let (buffer, indices) = match at == last {
            true => (nest.store.buffer, nest.store.indices.clone()),
            false => (temporary(program, nest, &shape, program.dtype_of(&value)), indices.clone()),
        };
        loads.push(Load { buffer, indices: indices.clone() });
        stores.push(Store { buffer, indices, value, origin: nest.store.origin });
    }
    stores
}

/// How many of the outer loops stay around all parts: up to the last one that is marked or does not choose the element.
pub(super) fn around(program: &LoopProgram, nest: &Nest) -> usize {
    let carrying = nest.carrying_loops(program);
    nest.loops.iter().rposition(|l| l.mark.is_some() || carrying.contains(&l.var)).map_or(0, |at| at + 1)
}

/// The extents of what loops walk in each dimension, and the place in a buffer of these extents.
pub(super) fn boxed(program: &LoopProgram, loops: &[NestLoop], indices: &[Index]) -> (Vec<i64>, Vec<Index>) {
    let inner = |v| loops.iter().any(|l| l.var == v);
    let dims = indices.iter().map(|index| {
        let (walk, _) = index.partition(&inner);
        let range = walk.range(&|l| program.loop_range(l));
        (range.max - range.min + 1, walk.plus_constant(-range.min))
    });
    dims.unzip()
}

/// A store of a value into a new buffer, in the box that the loops walk.
fn of_loops(program: &mut LoopProgram, nest: &Nest, loops: &[NestLoop], value: Scalar<Leaf>) -> Store {
    let (shape, indices) = boxed(program, loops, &nest.store.indices);
    // Without the dimensions in which it is one element, such as an operand that dies here has them.
    let walked = |dim: &usize| shape[*dim] > 1 || !indices[*dim].terms().is_empty();
    let dims: Vec<usize> = (0..shape.len()).filter(walked).collect();
    let dims = if dims.is_empty() && !shape.is_empty() { vec![0] } else { dims };
    let shape: Vec<i64> = dims.iter().map(|dim| shape[*dim]).collect();
    let indices = dims.iter().map(|dim| indices[*dim].clone()).collect();
    let buffer = temporary(program, nest, &shape, program.dtype_of(&value));
    Store { buffer, indices, value, origin: nest.store.origin }
}

pub(super) fn temporary(program: &mut LoopProgram, nest: &Nest, shape: &[i64], dtype: DType) -> BufferId {
    let name = format!("{}_part", program.buffer(nest.store.buffer).name);
    let buffer = Buffer::new(name, dtype, Scope::Acc, Role::Temporary, shape.to_vec());
    program.fresh_buffer(Buffer { origin: nest.store.origin, ..buffer })
}

/// Puts the target in the place of a temporary with which the last part can begin, if no part reads the target and no
/// iteration writes an element of it again.
fn live_in_target(program: &LoopProgram, cx: &Cx, selections: &mut Selections, nest: &Nest, parts: &mut [Store]) {
    let target = program.buffer(nest.store.buffer);
    let reads = |s: &Store, buffer: BufferId| {
        let mut found = false;
        s.value.leaves(&mut |leaf| found |= matches!(leaf, Leaf::Load(l) if l.buffer == buffer));
        found
    };
    if parts.iter().any(|s| reads(s, nest.store.buffer)) || !nest.carrying_loops(program).is_empty() {
        return;
    }
    let Some((last, before)) = parts.split_last() else { return };
    let lives = |s: &&Store| {
        let mut read = None;
        last.value.leaves(&mut |leaf| match leaf {
            Leaf::Load(l) if l.buffer == s.buffer => read = Some(l),
            _ => {}
        });
        let same = program.buffer(s.buffer).dtype == target.dtype;
        same && read.is_some_and(|load| begins_with(program, cx, selections, (last, load)))
    };
    let Some(from) = before.iter().rev().find(lives).map(|s| s.buffer) else { return };
    let (buffer, indices) = (nest.store.buffer, nest.store.indices.clone());
    for store in parts {
        if store.buffer == from {
            (store.buffer, store.indices) = (buffer, indices.clone());
        }
        store.value.leaves_mut(&mut |leaf| match leaf {
            Leaf::Load(l) if l.buffer == from => *l = Load { buffer, indices: indices.clone() },
            _ => {}
        });
    }
}

/// The allocations of the temporaries, and a nest for each part, inside the loops around them.
pub(super) fn statements(program: &mut LoopProgram, nest: Nest, parts: Vec<Store>) -> Vec<Stmt> {
    let around = around(program, &nest);
    let (outer, inner) = nest.loops.split_at(around);
    let mut stmts = Vec::new();
    for store in &parts {
        let known = stmts.iter().any(|s| matches!(s, Stmt::Alloc { buffer, .. } if *buffer == store.buffer));
        if store.buffer != nest.store.buffer && !known {
            stmts.push(Stmt::Alloc { buffer: store.buffer, origin: store.origin });
        }
    }
    for (at, store) in parts.into_iter().enumerate() {
        stmts.push(nest_of(program, inner, store, at == 0));
    }
    wrapped(outer, stmts)
}

/// Statements inside of loops.
fn wrapped(loops: &[NestLoop], stmts: Vec<Stmt>) -> Vec<Stmt> {
    let Some((innermost, outer)) = loops.split_last() else { return stmts };
    let NestLoop { var, mark, origin } = *innermost;
    vec![wrap(outer, Stmt::For(For { var, mark, body: stmts, origin }))]
}

/// A store inside of loops, which are those of the original nest for the first part and like them for the others.
fn nest_of(program: &mut LoopProgram, loops: &[NestLoop], store: Store, first: bool) -> Stmt {
    let nest = Nest { loops: loops.to_vec(), store };
    if first { nest.into_stmt() } else { nest.with_fresh_loops(program).into_stmt() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::legalize::testing::printed_after;

    fn cut_text(update: &str) -> String {
        let text = format!(
            "program p {{
    input X: i32[4, 32] @dram
    output Y: i32[4, 32] @dram
    alloc A: i32[4, 32] @acc
    alloc S: i32[4, 32] @acc
    for a in 0..4 {{ for b in 0..32 {{ A[a, b] = X[a, b] }} }}
    {update}
    for c in 0..4 {{ for d in 0..32 {{ Y[c, d] = S[c, d] }} }}
}}
"
        );
        printed_after(&text, |program, cx| run(program, cx, &mut Selections::default()))
    }

    #[test]
    fn what_the_last_part_begins_with_lives_in_the_target() {
        let u = "min(max(A[i, j], -50), 50)";
        let update = format!("for i in 0..4 {{ for j in 0..32 {{ S[i, j] = ({u} >> 1) * (100 - max({u}, 3)) }} }}");
        insta::assert_snapshot!(cut_text(&update));
    }

    #[test]
    fn a_target_that_is_read_keeps_its_value() {
        let update = "for i in 0..4 { for j in 0..32 { S[i, j] = 7 } }
            for t in 0..3 { for k in 0..4 { for l in 0..32 {
                S[k, l] = max(S[k, l] >> 1, 3) + max(A[k, l], S[k, l] >> 2) } } }";
        insta::assert_snapshot!(cut_text(update));
    }

    #[test]
    fn a_chain_stays_as_it_is() {
        let update = "for i in 0..4 { for j in 0..32 { S[i, j] = max((A[i, j] >> 3) + 5, 0) } }";
        assert!(!cut_text(update).contains("S_part"), "{}", cut_text(update));
    }

    #[test]
    fn what_is_the_same_for_several_tiles_is_computed_once() {
        let update = "for i in 0..4 { for j in 0..32 { S[i, j] = A[i, j] - (A[i, 0] >> 1) } }";
        insta::assert_snapshot!(cut_text(update));
    }

    /// A sum from a start on, of an operand `B` that is read for nothing else, times a factor.
    fn sum_from(start: i32, factor: &str) -> String {
        cut_text(&format!(
            "for h in 0..4 {{ for i in 0..32 {{ S[h, i] = {start} }} }}
            alloc B: i32[4, 3, 32] @acc
            for k in 0..4 {{ for l in 0..3 {{ for m in 0..32 {{ B[k, l, m] = X[l, m] }} }} }}
            for o in 0..4 {{ for p in 0..3 {{ for q in 0..32 {{
                S[o, q] = S[o, q] + B[o, p, q] * {factor} }} }} }}"
        ))
    }

    #[test]
    fn summands_are_computed_where_an_operand_dies() {
        insta::assert_snapshot!(sum_from(0, "A[p, q]"));
    }

    /// Each step reads what the one before has written.
    #[test]
    fn summands_that_read_the_sum_stay_in_their_steps() {
        assert!(!sum_from(1, "S[o, q]").contains("B[o, p, q] = B"));
    }
}
