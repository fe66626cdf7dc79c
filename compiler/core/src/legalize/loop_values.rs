//! Brings the values of loops to the accumulator, where the ALU reads them: device memory has the numbers in order.
//!
//! ```text
//! before   for i { for j in 0..32 { S[i, j] = A[i, j] * (j + 1) } }
//! after    counted(0) S_numbers: i32[32] @dram
//!          alloc S_number: i32[32] @acc
//!          for n in 0..32 { S_number[n] = S_numbers[n] }
//!          for i { for j in 0..32 { S[i, j] = A[i, j] * (S_number[j] + 1) } }
//! ```
//!
//! A nest gets what its own loops walk; what the loops around it add is the place from which that is loaded.

use crate::affine::Affine;
use crate::legalize::split_expressions::boxed;
use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{Buffer, Index, Leaf, Load, LoopProgram, Mark, Role, Scope, Stmt, Store};
use crate::loops::nest::{Nest, NestLoop, rewrite_stores};
use crate::scalar::{DType, Scalar};

pub fn run(program: &mut LoopProgram, _: &Cx) -> Result<(), LegalizeError> {
    let body = std::mem::take(&mut program.body);
    program.body = rewrite_stores(body, &mut |nest| Ok::<_, LegalizeError>(loaded(program, nest)))?;
    Ok(())
}

/// The statements in the place of a nest.
fn loaded(program: &mut LoopProgram, mut nest: Nest) -> Vec<Stmt> {
    let is_product = nest.loops.iter().any(|l| l.mark == Some(Mark::Gemm));
    let mut values: Vec<Index> = Vec::new();
    if program.buffer(nest.store.buffer).scope == Scope::Acc && !is_product {
        nest.store.value.leaves(&mut |leaf| match leaf {
            Leaf::Index(index) if !values.contains(index) => values.push(index.clone()),
            _ => {}
        });
    }
    let mut stmts = Vec::new();
    for index in values {
        let load = numbers(program, &nest, &index, &mut stmts);
        nest.store.value.leaves_mut(&mut |leaf| {
            if matches!(leaf, Leaf::Index(own) if *own == index) {
                *leaf = Leaf::Load(load.clone());
            }
        });
    }
    stmts.push(nest.into_stmt());
    stmts
}

/// Loads the values that an index takes in a nest. Returns the element that is its value.
fn numbers(program: &mut LoopProgram, nest: &Nest, index: &Index, stmts: &mut Vec<Stmt>) -> Load {
    let (shape, place) = boxed(program, &nest.loops, std::slice::from_ref(index));
    let range = index.range(&|l| program.loop_range(l));
    let (name, origin) = (program.buffer(nest.store.buffer).name.clone(), nest.store.origin);
    let role = Role::Counted(range.min as i32);
    let all = vec![range.max - range.min + 1];
    let all = Buffer::new(format!("{name}_numbers"), DType::I32, Scope::Dram, role, all);
    let all = program.fresh_buffer(Buffer { origin, ..all });
    let own = Buffer::new(format!("{name}_number"), DType::I32, Scope::Acc, Role::Temporary, shape.clone());
    let own = program.fresh_buffer(Buffer { origin, ..own });
    let walk = NestLoop { var: program.new_loop("n", shape[0]), mark: None, origin };
    let at = Affine::var(walk.var);
    let first = index.minus(&place[0]).plus_constant(-range.min);
    let value = Scalar::Leaf(Leaf::Load(Load { buffer: all, indices: vec![first.plus(&at)] }));
    stmts.push(Stmt::Alloc { buffer: own, origin });
    stmts.push(Nest { loops: vec![walk], store: Store { buffer: own, indices: vec![at], value, origin } }.into_stmt());
    Load { buffer: own, indices: place }
}
