//! Leaves out what nobody reads: statements, and elements of what is on chip. Loop program → loop program.
//!
//! ```text
//! before   for a in 0..16 { for b in 0..16 { X_buf[a, b] = X[a, b - 1] } }; for x in 0..7 { ... X_buf[c, x * 2 + 1] ... }
//! after    for a in 0..16 { for b in 0..7 { X_buf[a, b] = X[a, b * 2] } };  for x in 0..7 { ... X_buf[c, x] ... }
//! ```
//!
//! Bounds inference gives a buffer the whole hull of what is read, since regions are boxes, and products with zeros are left out
//! only when loops are built. Here indices that all readers have are known. Of each dimension those between the first and the
//! last that are read stay, and of these every `step`-th, where the others are not read; with the others go the iterations that
//! wrote them: of copies, which then load less, and of computed stages, which compute less. Without the border of an image a
//! transfer has no zeros to write either, and rows follow each other without a gap.
//!
//! What a stage does not compute it does not read, so readers come before writers: one walk against the data flow settles each
//! buffer once. In a circle, which states of scans are, what is read by a statement that has not been shortened counts whole.
//!
//! An element keeps its value, or nobody reads it, so any loops may stand around. What must hold is that each writer has a loop
//! of its own to shorten. Left whole are dimensions that the lanes of a tile could walk, and what a copy fills from beyond the
//! edge of an array between elements that are read: transfers pad whole rows with zeros. The ends of what the ALU works on stay
//! too, since its tiles have not been laid yet. The pieces of a loop that was cut have a buffer each, which share storage as long
//! as they are equal (`slots`); so what one of them needs, all of them keep.

mod kept;
mod order;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{BufferId, Index, Leaf, Load, LoopProgram, Role, Scope, Stmt};
use crate::loops::nest::{Nest, drop_empty_loops, is_intrinsic, rewrite_stores, stores, substitute_loop};
use kept::{Iterations, Kept, Reads};
use order::{Flow, live};

pub fn run(program: &mut LoopProgram, _: &Cx) -> Result<(), LegalizeError> {
    if program.body.iter().any(is_intrinsic) {
        return Ok(());
    }
    let mut nests = Vec::new();
    stores(&program.body, &mut |nest| nests.push(nest));
    let live = live(program, &nests);
    let flow = Flow::of(program, &nests, &live);
    let kept = nests.into_iter().map(|nest| Some(nest).filter(|n| live.contains(&n.store.buffer))).collect();
    let mut walk = Walk { program, nests: kept, flow: &flow };
    for group in flow.readers_first() {
        walk.settle(group);
    }
    let nests = walk.nests;
    put_back(program, nests)
}

/// Puts the nests that are left in the place of those that were there.
fn put_back(program: &mut LoopProgram, nests: Vec<Option<Nest>>) -> Result<(), LegalizeError> {
    let used: HashSet<BufferId> = nests.iter().flatten().flat_map(buffers_of).collect();
    let mut nests = nests.into_iter();
    let body = std::mem::take(&mut program.body);
    program.body = rewrite_stores(body, &mut |_| {
        let kept = nests.next().expect("as many nests as there were");
        Ok::<_, LegalizeError>(kept.map(Nest::into_stmt).into_iter().collect())
    })?;
    drop_allocs(&mut program.body, &used);
    drop_empty_loops(&mut program.body);
    crate::loops::canonicalize(program);
    Ok(())
}

fn buffers_of(nest: &Nest) -> Vec<BufferId> {
    let mut found = vec![nest.store.buffer];
    found.extend(nest.loads().iter().map(|l| l.buffer));
    found
}

/// Removes what is allocated and not used.
fn drop_allocs(stmts: &mut Vec<Stmt>, used: &HashSet<BufferId>) {
    stmts.retain_mut(|stmt| match stmt {
        Stmt::Alloc { buffer, .. } => used.contains(buffer),
        Stmt::For(f) => {
            drop_allocs(&mut f.body, used);
            true
        }
        _ => true,
    });
}

/// What a nest reads for others than the element that it writes.
fn reads_of(nest: &Nest) -> impl Iterator<Item = &Load> {
    let own = |l: &&Load| (l.buffer, &l.indices) != (nest.store.buffer, &nest.store.indices);
    nest.loads().into_iter().filter(own)
}

struct Walk<'a> {
    program: &'a mut LoopProgram,
    /// The nests of the program in order; none where one is left out.
    nests: Vec<Option<Nest>>,
    flow: &'a Flow,
}

impl Walk<'_> {
    /// Leaves out of equal buffers what nobody reads, once their readers are settled.
    fn settle(&mut self, group: &[BufferId]) {
        if self.program.buffer(group[0]).role != Role::Temporary {
            return;
        }
        for b in group {
            if !self.readers(*b).any(|nest| reads_of(nest).any(|l| l.buffer == *b)) {
                self.flow.writers(*b).iter().for_each(|at| self.nests[*at] = None);
            }
        }
        let buffer = self.program.buffer(group[0]);
        let lies = buffer.base.is_some() || buffer.layout.as_ref().is_some_and(|l| !l.lanes.is_empty());
        if buffer.scope == Scope::Dram || lies {
            return;
        }
        for dim in 0..buffer.shape.len() {
            if let Some(kept) = self.kept(group, dim) {
                self.leave_out(group, dim, kept);
            }
        }
    }

    fn readers(&self, b: BufferId) -> impl Iterator<Item = &Nest> {
        self.flow.readers(b).iter().filter_map(|at| self.nests[*at].as_ref())
    }

    /// Which indices of a dimension stay, where these are not all: the fewest that all writers can be shortened to.
    fn kept(&self, group: &[BufferId], dim: usize) -> Option<Kept> {
        let mut reads = Reads::default();
        for b in group {
            for nest in self.readers(*b) {
                reads_of(nest).filter(|l| l.buffer == *b).for_each(|l| reads.join(self.program, nest, l, dim));
            }
        }
        let writers = || group.iter().flat_map(|b| self.flow.writers(*b)).filter_map(|at| self.nests[*at].as_ref());
        let possible = |kept: &Kept| writers().all(|nest| kept.can_shorten(self.program, nest, dim));
        reads.choices(self.program.buffer(group[0]), dim).into_iter().find(possible)
    }

    fn leave_out(&mut self, group: &[BufferId], dim: usize, kept: Kept) {
        for b in group {
            for at in self.flow.writers(*b) {
                let Some(mut nest) = self.nests[*at].take() else { continue };
                match kept.iterations(self.program, &nest, dim) {
                    Some(Iterations::None) => continue,
                    Some(Iterations::Every { var, first, period, count }) => {
                        self.program.loops[var.0 as usize].extent = count;
                        let index = Index::var(var).times(period).plus_constant(first);
                        substitute_loop(self.program, &mut nest, var, &index);
                    }
                    Some(Iterations::All) | None => {}
                }
                self.nests[*at] = Some(nest);
            }
            self.renumber(*b, dim, kept);
            let buffer = &mut self.program.buffers[b.0 as usize];
            [&mut buffer.shape, &mut buffer.array].into_iter().for_each(|e| e[dim] = kept.count(e[dim]));
        }
    }

    /// Counts the indices of a dimension among those that are kept, in every access.
    fn renumber(&mut self, b: BufferId, dim: usize, kept: Kept) {
        let (program, nests) = (&*self.program, &mut self.nests);
        for at in self.flow.writers(b) {
            if let Some(nest) = &mut nests[*at] {
                nest.store.indices[dim] = kept.position(program, &nest.store.indices[dim]);
            }
        }
        for at in self.flow.readers(b) {
            let Some(nest) = &mut nests[*at] else { continue };
            nest.store.value.leaves_mut(&mut |leaf| {
                if let Leaf::Load(l) = leaf
                    && l.buffer == b
                {
                    l.indices[dim] = kept.position(program, &l.indices[dim]);
                }
            });
        }
    }
}
