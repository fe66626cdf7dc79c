//! Statements with other ids for buffers and loops. Indices are simplified on the way.

use super::ir::{BufferId, Index, Leaf, LoopId, LoopProgram, Stmt, TileRef};
use crate::affine::Interval;

/// Puts a loop variable of the same extent in the place of another one.
pub fn rename_loop(program: &LoopProgram, stmt: &mut Stmt, from: LoopId, to: LoopId) {
    let var = |l| if l == from { to } else { l };
    Renaming { buffer: &|b| b, var: &var, range: &|l| program.loop_range(l) }.stmt(stmt);
}

/// What the ids of statements become.
pub struct Renaming<'a> {
    pub buffer: &'a dyn Fn(BufferId) -> BufferId,
    pub var: &'a dyn Fn(LoopId) -> LoopId,
    /// The values of a loop, by its id after the renaming.
    pub range: &'a dyn Fn(LoopId) -> Interval,
}

impl Renaming<'_> {
    fn buffer(&self, id: &mut BufferId) {
        *id = (self.buffer)(*id);
    }

    fn index(&self, index: &mut Index) {
        index.replace_variables(self.var, self.range);
    }

    fn indices(&self, indices: &mut [Index]) {
        indices.iter_mut().for_each(|i| self.index(i));
    }

    fn tile(&self, tile: &mut TileRef) {
        self.buffer(&mut tile.buffer);
        self.index(&mut tile.offset);
    }

    fn leaf(&self, leaf: &mut Leaf) {
        match leaf {
            Leaf::Load(l) => {
                self.buffer(&mut l.buffer);
                self.indices(&mut l.indices);
            }
            Leaf::Index(index) => self.index(index),
        }
    }

    pub fn stmts(&self, stmts: &mut [Stmt]) {
        stmts.iter_mut().for_each(|s| self.stmt(s));
    }

    fn stmt(&self, stmt: &mut Stmt) {
        match stmt {
            Stmt::For(s) => {
                s.var = (self.var)(s.var);
                self.stmts(&mut s.body);
            }
            Stmt::Alloc { buffer, .. } => self.buffer(buffer),
            Stmt::Store(s) => {
                self.buffer(&mut s.buffer);
                self.indices(&mut s.indices);
                s.value.leaves_mut(&mut |leaf| self.leaf(leaf));
            }
            Stmt::Insn(s) => s.tiles_mut().for_each(|tile| self.tile(tile)),
        }
    }
}
