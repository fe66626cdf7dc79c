//! Loop program → the same program in the one numbering that its text has.
//!
//! In canonical form
//! - buffers are numbered inputs and outputs first, then in order of their `Alloc`s; loops in order of their `For`s, outer
//!   before inner, so that terms of an index stand in the order of the loops;
//! - tables hold nothing that does not occur;
//! - every index is simplified with the extents of its loops.
//!
//! [`parse`](super::parse) yields canonical programs, and `parse(print(p)) == canonical(p)` for every `p` that keeps the
//! rules of [`verify`](super::verify). `canonical` is idempotent.

use super::ir::{BufferId, LoopId, LoopProgram, Role, Stmt};
use super::rename::Renaming;
use crate::affine::Interval;

/// The program in canonical form. Ids that the program's tables do not have keep pointing past the tables' ends.
pub fn canonical(program: &LoopProgram) -> LoopProgram {
    let mut canonical = program.clone();
    canonicalize(&mut canonical);
    canonical
}

/// Brings a program into canonical form.
pub fn canonicalize(program: &mut LoopProgram) {
    let order = Order::of(program);
    order.buffers.sort(&mut program.buffers);
    order.loops.sort(&mut program.loops);
    let LoopProgram { loops, body, .. } = program;
    let renaming = Renaming {
        buffer: &|id| BufferId(order.buffers.get(id.0)),
        var: &|id| LoopId(order.loops.get(id.0)),
        range: &|id| loops.get(id.0 as usize).map_or(Interval::new(0, i64::MAX), |l| Interval::below(l.extent)),
    };
    renaming.stmts(body);
}

/// One kind of id, in order of appearance.
#[derive(Default)]
struct Numbering {
    /// Old ids by new id.
    old: Vec<u32>,
    /// New ids by old id.
    new: Vec<Option<u32>>,
}

impl Numbering {
    fn of_table(len: usize) -> Numbering {
        Numbering { old: Vec::new(), new: vec![None; len] }
    }

    fn appear(&mut self, id: u32) {
        if let Some(new @ None) = self.new.get_mut(id as usize) {
            *new = Some(self.old.len() as u32);
            self.old.push(id);
        }
    }

    /// Takes what stays out of a table, in the new order.
    fn sort<T>(&self, table: &mut Vec<T>) {
        let mut entries: Vec<Option<T>> = table.drain(..).map(Some).collect();
        table.extend(self.old.iter().filter_map(|id| entries[*id as usize].take()));
    }

    fn get(&self, id: u32) -> u32 {
        self.new.get(id as usize).copied().flatten().unwrap_or(u32::MAX)
    }
}

struct Order {
    buffers: Numbering,
    loops: Numbering,
}

impl Order {
    fn of(program: &LoopProgram) -> Order {
        let mut order = Order {
            buffers: Numbering::of_table(program.buffers.len()),
            loops: Numbering::of_table(program.loops.len()),
        };
        for (id, buffer) in program.buffers.iter().enumerate() {
            if buffer.role != Role::Temporary {
                order.buffers.appear(id as u32);
            }
        }
        order.visit(&program.body);
        order
    }

    fn visit(&mut self, stmts: &[Stmt]) {
        for stmt in stmts {
            match stmt {
                Stmt::For(s) => {
                    self.loops.appear(s.var.0);
                    self.visit(&s.body);
                }
                Stmt::Alloc { buffer, .. } => self.buffers.appear(buffer.0),
                _ => {}
            }
        }
    }
}
