//! Virtual threads: the iterations of a marked loop, one after the other → interleaved, statement by statement.
//!
//! ```text
//! before   @vthread for v in 0..2 { alloc A; for ro { load A; gemm C, A }; store C }
//! after    alloc A[2]; for ro { load A[0]; load A[1]; gemm C, A[0]; gemm C, A[1] }; store C (v = 0); store C (v = 1)
//! ```
//!
//! The marked loop moves inwards through blocks and loops to the perfect nests, which are repeated for each of its values.
//! What is allocated inside gets one copy for each. So the loads of one thread overlap the products of another.
//!
//! The iterations must be independent: what several of them access and one writes lies in a dimension in which they meet
//! nowhere. The axis of a stage that is no reduction always is; a loop program written by hand is checked here.

use crate::legalize::{Cx, LegalizeError};
use crate::loops::access::{add_dimension, at_slot, copy_at};
use crate::loops::dependence::{Access, Direction, accesses, dependence};
use crate::loops::ir::{BufferId, For, Index, LoopId, LoopProgram, Mark, Origin, Stmt};

/// The most iterations that are interleaved; each repeats the statements.
pub const MAX_VTHREADS: i64 = 64;

pub fn run(program: &mut LoopProgram, _: &Cx) -> Result<(), LegalizeError> {
    let body = std::mem::take(&mut program.body);
    program.body = block(program, body)?;
    crate::loops::canonicalize(program);
    Ok(())
}

fn block(program: &mut LoopProgram, stmts: Vec<Stmt>) -> Result<Vec<Stmt>, LegalizeError> {
    let mut out = Vec::new();
    for stmt in stmts {
        match stmt {
            Stmt::For(f) => {
                let f = For { body: block(program, f.body)?, ..f };
                match f.mark {
                    Some(Mark::Vthread) => out.extend(interleave(program, f)?),
                    _ => out.push(Stmt::For(f)),
                }
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

fn interleave(program: &mut LoopProgram, mut f: For) -> Result<Vec<Stmt>, LegalizeError> {
    let extent = program.loop_var(f.var).extent;
    let refuse = |program: &LoopProgram, buffer: String, reason: String| LegalizeError::Shape {
        buffer,
        what: "virtual threads",
        reason: format!("`{}` {reason}", program.loop_var(f.var).name),
        origin: f.origin,
        help: "bind an axis of few iterations, none of which reads what another writes".to_string(),
    };
    let mut own = Vec::new();
    allocated(&f.body, &mut own);
    if extent > MAX_VTHREADS {
        let name = own.first().map_or("the stage".to_string(), |(b, _)| program.buffer(*b).name.clone());
        return Err(refuse(
            program,
            name,
            format!("has {extent} iterations, and at most {MAX_VTHREADS} are interleaved"),
        ));
    }
    if let Some(shared) = shared(program, &f, &own) {
        let name = program.buffer(shared).name.clone();
        return Err(refuse(program, name.clone(), format!("has iterations that access the same elements of `{name}`")));
    }
    for (buffer, _) in own {
        at_slot(program, &mut f.body, buffer, &Index::var(f.var));
        add_dimension(program, buffer, extent);
    }
    Ok(distribute(program, f.body, f.var))
}

/// The buffers that statements allocate.
fn allocated(stmts: &[Stmt], found: &mut Vec<(BufferId, Origin)>) {
    for stmt in stmts {
        match stmt {
            Stmt::Alloc { buffer, origin } => found.push((*buffer, *origin)),
            Stmt::For(f) => allocated(&f.body, found),
            _ => {}
        }
    }
}

/// Repeats each perfect nest for all values of a variable; what contains several stays one and is descended into.
fn distribute(program: &mut LoopProgram, stmts: Vec<Stmt>, var: LoopId) -> Vec<Stmt> {
    let extent = program.loop_var(var).extent;
    let mut out = Vec::new();
    for stmt in stmts {
        match stmt {
            Stmt::Alloc { .. } => out.push(stmt),
            Stmt::For(f) if !is_perfect(&f.body) => {
                let body = distribute(program, f.body, var);
                out.push(Stmt::For(For { body, ..f }));
            }
            nest => out.extend((0..extent).map(|value| copy_at(program, &nest, var, value))),
        }
    }
    out
}

fn is_perfect(body: &[Stmt]) -> bool {
    match body {
        [Stmt::For(f)] => is_perfect(&f.body),
        [Stmt::Alloc { .. }] => false,
        [_] => true,
        _ => false,
    }
}

/// A buffer that is not an iteration's own, in which one iteration may touch what another one writes.
fn shared(program: &LoopProgram, f: &For, own: &[(BufferId, Origin)]) -> Option<BufferId> {
    let mut found = Vec::new();
    accesses(&f.body, &mut |access| {
        if own.iter().all(|(b, _)| *b != access.buffer) {
            found.push(access);
        }
    });
    let meet = |a: &Access, b: &Access| {
        let inner = &a.loops[..a.common_loops(b)];
        let around = std::iter::once((f.var, Direction::Later));
        let loops: Vec<_> = around.chain(inner.iter().map(|l| (*l, Direction::Any))).collect();
        dependence(program, a.place, b.place, &loops).is_some()
    };
    let dependent = |w: &&Access| found.iter().any(|a| a.buffer == w.buffer && (meet(w, a) || meet(a, w)));
    found.iter().filter(|a| a.write).find(dependent).map(|a| a.buffer)
}
