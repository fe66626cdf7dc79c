//! Takes out what is computed for nothing: temporaries that no statement reads. Loop program → loop program.
//!
//! ```text
//! before   alloc F_buf; for i { F_buf[i] = F[i] }; for j { C[j] = 0 }
//! after    for j { C[j] = 0 }
//! ```
//!
//! A schedule has readers for each of its stages, but their statements may be left out where they would add zeros.

use std::collections::HashSet;

use super::ir::{BufferId, Leaf, LoopProgram, Role, Stmt, Store};

/// For programs without intrinsics.
pub fn remove_unread(program: &mut LoopProgram) {
    let mut body = std::mem::take(&mut program.body);
    loop {
        let mut read = HashSet::new();
        reads(&body, &mut read);
        let is_kept = |b: BufferId| program.buffer(b).role != Role::Temporary || read.contains(&b);
        if !keep(&mut body, &is_kept) {
            program.body = body;
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

/// Leaves the statements on buffers that are kept, and loops around some; whether others were among them.
fn keep(stmts: &mut Vec<Stmt>, is_kept: &dyn Fn(BufferId) -> bool) -> bool {
    let mut removed = false;
    stmts.retain_mut(|stmt| match stmt {
        Stmt::For(f) => {
            removed |= keep(&mut f.body, is_kept);
            !f.body.is_empty()
        }
        Stmt::Alloc { buffer, .. } | Stmt::Store(Store { buffer, .. }) => {
            removed |= !is_kept(*buffer);
            is_kept(*buffer)
        }
        Stmt::Dma(_) | Stmt::Gemm(_) | Stmt::Alu(_) => true,
    });
    removed
}
