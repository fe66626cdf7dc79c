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

use crate::affine::{Atom, Interval};
use crate::legalize::{Cx, LegalizeError};
use crate::loops::access::{add_dimension, at_slot, copy_at};
use crate::loops::ir::{BufferId, For, Index, Leaf, LoopId, LoopProgram, Mark, Origin, Stmt};

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
    if let Some(shared) = dependent(program, &f, &own) {
        let name = program.buffer(shared).name.clone();
        return Err(refuse(program, name.clone(), format!("has iterations that meet in `{name}`")));
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

/// A buffer in which two iterations may meet while one of them writes.
fn dependent(program: &LoopProgram, f: &For, own: &[(BufferId, Origin)]) -> Option<BufferId> {
    let mut accesses = Vec::new();
    f.body.iter().for_each(|s| collect(s, &mut accesses));
    let shared = accesses.iter().filter(|a| a.write && own.iter().all(|(b, _)| *b != a.buffer));
    let mut buffers: Vec<BufferId> = shared.map(|a| a.buffer).collect();
    buffers.dedup();
    buffers.into_iter().find(|b| {
        let of_buffer: Vec<&Access> = accesses.iter().filter(|a| a.buffer == *b).collect();
        let dims = of_buffer.iter().map(|a| a.indices.len()).min().unwrap_or(0);
        !(0..dims).any(|dim| apart(program, f.var, &of_buffer.iter().map(|a| &a.indices[dim]).collect::<Vec<_>>()))
    })
}

/// One access: elements, or a tile as the only index.
struct Access {
    buffer: BufferId,
    write: bool,
    indices: Vec<Index>,
}

fn collect(stmt: &Stmt, found: &mut Vec<Access>) {
    match stmt {
        Stmt::For(f) => f.body.iter().for_each(|s| collect(s, found)),
        Stmt::Alloc { .. } => {}
        Stmt::Store(s) => {
            found.push(Access { buffer: s.buffer, write: true, indices: s.indices.clone() });
            s.value.leaves(&mut |leaf| {
                if let Leaf::Load(l) = leaf {
                    found.push(Access { buffer: l.buffer, write: false, indices: l.indices.clone() });
                }
            });
        }
        // An instruction touches a set of tiles; its operands are taken to meet in all iterations.
        Stmt::Dma(d) => {
            for place in [&d.sram, &d.dram] {
                found.push(Access { buffer: place.buffer, write: true, indices: Vec::new() });
            }
        }
        Stmt::Gemm(g) => found.push(Access { buffer: g.dst.buffer, write: true, indices: Vec::new() }),
        Stmt::Alu(a) => found.push(Access { buffer: a.dst.buffer, write: true, indices: Vec::new() }),
    }
}

/// Whether indices are never equal for two values of a variable: each is `step * var + small + big`, where the small parts
/// of all stay within one step, and the big ones are multiples of what all values of the variable span.
fn apart(program: &LoopProgram, var: LoopId, indices: &[&Index]) -> bool {
    let Some(step) = indices[0].coefficient(var).filter(|c| *c > 0) else { return false };
    let span = step * program.loop_var(var).extent;
    let mut small: Option<Interval> = None;
    for index in indices {
        if index.coefficient(var) != Some(step) {
            return false;
        }
        let rest = index.without(var);
        let near = rest.terms().iter().filter(|(_, c)| c % span != 0);
        let near = near.fold(Index::constant(rest.offset()), |sum, (atom, c)| sum.plus(&term(atom, *c)));
        let range = near.range(&|l| program.loop_range(l));
        small = Some(small.map_or(range, |s| Interval::new(s.min.min(range.min), s.max.max(range.max))));
    }
    small.is_some_and(|s| s.max - s.min < step)
}

fn term(atom: &Atom<LoopId>, coefficient: i64) -> Index {
    Index::atom(atom.clone()).times(coefficient)
}
