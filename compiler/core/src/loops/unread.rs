//! Takes out what is computed for nothing: temporaries that no statement reads. Loop program → loop program.
//!
//! ```text
//! before   alloc F_buf; for i { F_buf[i] = F[i] }; for j { C[j] = 0 }
//! after    for j { C[j] = 0 }
//! ```
//!
//! A schedule has readers for each of its stages, but their statements may be left out where they would add zeros.

use std::collections::HashSet;

use super::ir::{BufferId, For, Leaf, LoopProgram, Role, Stmt};

/// For programs without intrinsics.
pub fn remove_unread(program: &mut LoopProgram) {
    loop {
        let mut read = HashSet::new();
        reads(&program.body, &mut read);
        let is_kept = |b: BufferId| program.buffer(b).role != Role::Temporary || read.contains(&b);
        let (kept, removed) = keep(&program.body, &is_kept);
        program.body = kept;
        if !removed {
            return;
        }
    }
}

fn reads(stmts: &[Stmt], found: &mut HashSet<BufferId>) {
    for stmt in stmts {
        match stmt {
            Stmt::For(f) => reads(&f.body, found),
            Stmt::Store(s) => s.value.leaves(&mut |leaf| {
                if let Leaf::Load(l) = leaf
                    && l.buffer != s.buffer
                {
                    found.insert(l.buffer);
                }
            }),
            Stmt::Alloc { .. } | Stmt::Dma(_) | Stmt::Gemm(_) | Stmt::Alu(_) => {}
        }
    }
}

/// The statements on buffers that are kept, and whether others were among them.
fn keep(stmts: &[Stmt], is_kept: &dyn Fn(BufferId) -> bool) -> (Vec<Stmt>, bool) {
    let (mut out, mut removed) = (Vec::new(), false);
    for stmt in stmts {
        match stmt {
            Stmt::For(f) => {
                let (body, inside) = keep(&f.body, is_kept);
                removed |= inside;
                if !body.is_empty() {
                    out.push(Stmt::For(For { body, ..f.clone() }));
                }
            }
            Stmt::Alloc { buffer, .. } if !is_kept(*buffer) => removed = true,
            Stmt::Store(s) if !is_kept(s.buffer) => removed = true,
            other => out.push(other.clone()),
        }
    }
    (out, removed)
}
