//! Accesses, rewritten: one more dimension for a buffer, other indices for a statement, a copy of a statement with loops of
//! its own.

use super::ir::{BufferId, Index, Leaf, LoopId, LoopProgram, Stmt, TileRef};

/// Gives a buffer a first dimension: as many copies of it, one after the other; a base is that of the first. Its accesses
/// need [`at_slot`].
pub fn add_dimension(program: &mut LoopProgram, b: BufferId, copies: i64) {
    let buffer = &mut program.buffers[b.0 as usize];
    buffer.shape.insert(0, copies);
    buffer.array.insert(0, copies);
    buffer.copies += 1;
    if let Some(outside) = &mut buffer.outside {
        outside.dims.iter_mut().for_each(|dim| *dim += 1);
    }
    if let Some(layout) = &mut buffer.layout {
        layout.lanes.iter_mut().for_each(|lane| lane.dim += 1);
        if !layout.order.is_empty() {
            layout.order.iter_mut().for_each(|dim| *dim += 1);
            layout.order.insert(0, 0);
        }
    }
}

/// Lets every access to a buffer in some statements mean the copy at `slot`. The buffer has not got its dimension yet.
pub fn at_slot(program: &LoopProgram, stmts: &mut [Stmt], b: BufferId, slot: &Index) {
    let buffer = program.buffer(b);
    let tiles = buffer.tiles();
    let mut element = |target: &mut BufferId, indices: &mut Vec<Index>| {
        if *target == b {
            indices.insert(0, slot.clone());
        }
    };
    let mut tile = |t: &mut TileRef| {
        if t.buffer == b {
            t.offset = t.offset.plus(&slot.times(tiles));
        }
    };
    stmts.iter_mut().for_each(|s| accesses(s, &mut element, &mut tile));
}

/// Puts a buffer in the place of another one in all accesses.
pub fn rename(stmts: &mut [Stmt], from: BufferId, to: BufferId) {
    let put = |b: &mut BufferId| *b = if *b == from { to } else { *b };
    stmts.iter_mut().for_each(|s| accesses(s, &mut |b, _| put(b), &mut |t| put(&mut t.buffer)));
}

/// Visits each access of a statement: of elements, and of tiles.
fn accesses(
    stmt: &mut Stmt,
    element: &mut dyn FnMut(&mut BufferId, &mut Vec<Index>),
    tile: &mut dyn FnMut(&mut TileRef),
) {
    match stmt {
        Stmt::For(f) => f.body.iter_mut().for_each(|s| accesses(s, element, tile)),
        Stmt::Alloc { .. } => {}
        Stmt::Store(s) => {
            element(&mut s.buffer, &mut s.indices);
            s.value = s.value.map(&mut |leaf| {
                let mut leaf = leaf.clone();
                if let Leaf::Load(l) = &mut leaf {
                    element(&mut l.buffer, &mut l.indices);
                }
                leaf
            });
        }
        Stmt::Insn(s) => s.tiles_mut().for_each(tile),
    }
}

/// Puts an index in the place of each index of a statement.
pub fn map_indices(stmt: &mut Stmt, map: &mut dyn FnMut(&Index) -> Index) {
    let map = std::cell::RefCell::new(map);
    let replace = |index: &mut Index| *index = (map.borrow_mut())(index);
    accesses(stmt, &mut |_, indices| indices.iter_mut().for_each(replace), &mut |t| replace(&mut t.offset));
    values(stmt, &replace);
}

/// Visits each index that is taken as a value.
fn values(stmt: &mut Stmt, visit: &dyn Fn(&mut Index)) {
    match stmt {
        Stmt::For(f) => f.body.iter_mut().for_each(|s| values(s, visit)),
        Stmt::Store(s) => {
            s.value = s.value.map(&mut |leaf| {
                let mut leaf = leaf.clone();
                if let Leaf::Index(index) = &mut leaf {
                    visit(index);
                }
                leaf
            });
        }
        _ => {}
    }
}

/// A copy of a statement in which one variable stands at a value, and loops have variables of their own. The statement
/// allocates nothing.
pub fn copy_at(program: &mut LoopProgram, stmt: &Stmt, var: LoopId, value: i64) -> Stmt {
    let mut copy = stmt.clone();
    let mut fresh = Vec::new();
    rename_loops(program, &mut copy, &mut fresh);
    let ranges = |l: LoopId| program.loop_range(l);
    let replacement = |l: LoopId| match fresh.iter().find(|(old, _)| *old == l) {
        Some((_, new)) => Index::var(*new),
        None if l == var => Index::constant(value),
        None => Index::var(l),
    };
    map_indices(&mut copy, &mut |index| index.substitute(&replacement, &ranges));
    copy
}

fn rename_loops(program: &mut LoopProgram, stmt: &mut Stmt, fresh: &mut Vec<(LoopId, LoopId)>) {
    if let Stmt::For(f) = stmt {
        let new = program.fresh_loop(f.var);
        fresh.push((f.var, new));
        f.var = new;
        f.body.iter_mut().for_each(|s| rename_loops(program, s, fresh));
    }
}
