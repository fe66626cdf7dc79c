//! Summands that are computed in the place of what they are computed from: a nest that joins them to what it writes → a nest
//! that computes all of them where an operand is that nothing else reads, and one that joins.
//!
//! ```text
//! for i, j { Q[i] = Q[i] + X_acc[i, j] * W_acc[i, j] }
//!     →     for i, j { X_acc[i, j] = X_acc[i, j] * W_acc[i, j] };  for i, j { Q[i] = Q[i] + X_acc[i, j] }
//! ```
//!
//! Both are one instruction each, where a temporary for the summands of one iteration makes several for each.

use std::collections::HashMap;

use crate::loops::ir::{BufferId, Index, Leaf, Load, LoopId, LoopProgram, Role, Scope, Stmt, Store};
use crate::loops::nest::{Nest, stores};
use crate::scalar::{BinaryOp, DType, Scalar};

/// Where buffers are allocated and loops stand, and how often each buffer is read.
#[derive(Debug, Default)]
pub struct Uses {
    /// The loops around each `Alloc`, and around each loop.
    allocs: HashMap<BufferId, Vec<LoopId>>,
    around: HashMap<LoopId, Vec<LoopId>>,
    reads: HashMap<BufferId, usize>,
}

impl Uses {
    pub fn of(program: &LoopProgram) -> Uses {
        let mut uses = Uses::default();
        uses.visit(&program.body, &mut Vec::new());
        stores(&program.body, &mut |nest| {
            nest.loads().iter().for_each(|load| *uses.reads.entry(load.buffer).or_default() += 1);
        });
        uses
    }

    fn visit(&mut self, stmts: &[Stmt], around: &mut Vec<LoopId>) {
        for stmt in stmts {
            match stmt {
                Stmt::For(f) => {
                    self.around.insert(f.var, around.clone());
                    around.push(f.var);
                    self.visit(&f.body, around);
                    around.pop();
                }
                Stmt::Alloc { buffer, .. } => drop(self.allocs.insert(*buffer, around.clone())),
                Stmt::Store(_) | Stmt::Insn(_) => {}
            }
        }
    }

    /// Whether a buffer is filled anew wherever a nest runs, which alone reads it, and each of its elements once.
    fn is_spent(&self, program: &LoopProgram, nest: &Nest, load: &Load) -> bool {
        let buffer = program.buffer(load.buffer);
        let kind = (buffer.scope, buffer.role, buffer.dtype);
        let plain = kind == (Scope::Acc, Role::Temporary, DType::I32) && buffer.base.is_none();
        let outer = nest.loops.first().and_then(|l| self.around.get(&l.var));
        plain
            && (buffer.slots, buffer.copies) == (1, 0)
            && self.reads.get(&load.buffer) == Some(&1)
            && outer.is_some_and(|outer| self.allocs.get(&load.buffer) == Some(outer))
            && is_one_to_one(program, nest, &load.indices)
    }
}

/// Whether each loop alone is one of the indices, and all others stand still.
fn is_one_to_one(program: &LoopProgram, nest: &Nest, indices: &[Index]) -> bool {
    let moving = |l: LoopId| program.loop_var(l).extent > 1;
    let alone = |l: LoopId| {
        let mentioning = indices.iter().filter(|e| e.mentions(&|v| v == l));
        mentioning.map(Index::as_var).eq([Some(l)])
    };
    nest.loops.iter().all(|l| l.mark.is_none() && (!moving(l.var) || alone(l.var)))
}

/// The two nests; none where no operand can take the summands. `begins` says whether a store can begin with an operand.
pub fn summands(
    program: &mut LoopProgram,
    uses: &Uses,
    nest: &Nest,
    begins: &mut dyn FnMut(&LoopProgram, &Store, &Load) -> bool,
) -> Option<[Nest; 2]> {
    let Scalar::Binary { op, left, right } = &nest.store.value else { return None };
    let own = |e: &Scalar<Leaf>| matches!(e, Scalar::Leaf(Leaf::Load(l)) if l.buffer == nest.store.buffer && l.indices == nest.store.indices);
    // Summands that read what they are joined to are those of one iteration only.
    let mut reads_target = false;
    right.leaves(&mut |leaf| reads_target |= matches!(leaf, Leaf::Load(l) if l.buffer == nest.store.buffer));
    let joins = matches!(op, BinaryOp::Add | BinaryOp::Min | BinaryOp::Max);
    if !own(left) || !joins || reads_target || nest.carrying_loops(program).is_empty() {
        return None;
    }
    let place = |load: &Load| {
        let Load { buffer, indices } = load.clone();
        Store { buffer, indices, value: (**right).clone(), origin: nest.store.origin }
    };
    let spent: Vec<Load> = nest.loads().into_iter().filter(|l| uses.is_spent(program, nest, l)).cloned().collect();
    let load = spent.into_iter().find(|load| begins(program, &place(load), load))?;
    let computed = Nest { loops: nest.loops.clone(), store: place(&load) };
    let value = Scalar::binary(*op, (**left).clone(), Scalar::Leaf(Leaf::Load(load)));
    // Where bytes are joined, an operand of words is no place for them.
    if program.dtype_of(&value) > program.buffer(nest.store.buffer).dtype {
        return None;
    }
    let joined = Nest { loops: nest.loops.clone(), store: Store { value, ..nest.store.clone() } };
    Some([computed, joined.with_fresh_loops(program)])
}
