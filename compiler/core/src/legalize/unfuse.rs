//! Takes fused loops apart again: a loop whose quotient and remainder index arrays becomes two loops.
//!
//! ```text
//! before   for f in 0..64 { T[f / 16, f % 16] = A[f / 16, f % 16] }
//! after    for f in 0..4 { for f_2 in 0..16 { T[f, f_2] = A[f, f_2] } }
//! ```
//!
//! The order of the iterations stays as it is, so every statement may stand inside. Quotients by a number that does not
//! divide the loop's extent stay, and so do those of several loops together. An annotation stays with the outer of the two, as
//! the inner one may walk the lanes of a tile.

use std::collections::BTreeMap;

use crate::affine::{Affine, Atom};
use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{For, Index, Leaf, Load, LoopId, LoopProgram, LoopVar, Stmt, Store};

pub fn run(program: &mut LoopProgram, _: &Cx) -> Result<(), LegalizeError> {
    loop {
        let mut divisors = BTreeMap::new();
        for stmt in &program.body {
            collect(program, stmt, &mut divisors);
        }
        if divisors.is_empty() {
            break;
        }
        split(program, &divisors);
    }
    crate::loops::canonicalize(program);
    Ok(())
}

/// Splits loops in two: the loop itself counts blocks, and a loop inside it what is in one.
fn split(program: &mut LoopProgram, divisors: &BTreeMap<LoopId, i64>) {
    let mut inner = BTreeMap::new();
    for (l, divisor) in divisors {
        let fresh = program.fresh_loop(*l);
        program.loops[fresh.0 as usize].extent = *divisor;
        program.loops[l.0 as usize].extent /= divisor;
        inner.insert(*l, (fresh, *divisor));
    }
    let body = std::mem::take(&mut program.body);
    program.body = body.into_iter().map(|s| rewrite(&program.loops, s, &inner)).collect();
}

/// Finds for each loop a number by which a store divides it, and which divides its extent.
fn collect(program: &LoopProgram, stmt: &Stmt, divisors: &mut BTreeMap<LoopId, i64>) {
    match stmt {
        Stmt::For(f) => {
            f.body.iter().for_each(|s| collect(program, s, divisors));
            // Intrinsics stand in programs that were read back, and count tiles in loops of their own.
            if holds_intrinsic(&f.body) {
                divisors.remove(&f.var);
            }
        }
        Stmt::Store(s) => {
            let mut visit = |e: &Index| quotients(program, e, divisors);
            s.indices.iter().for_each(&mut visit);
            s.value.leaves(&mut |leaf| match leaf {
                Leaf::Load(l) => l.indices.iter().for_each(&mut visit),
                Leaf::Index(e) => visit(e),
            });
        }
        _ => {}
    }
}

fn quotients(program: &LoopProgram, e: &Index, divisors: &mut BTreeMap<LoopId, i64>) {
    for (atom, _) in e.terms() {
        let (of, divisor) = match atom {
            Atom::Var(_) => continue,
            Atom::Clip(of, _) => {
                quotients(program, of, divisors);
                continue;
            }
            Atom::Div(of, divisor) | Atom::Mod(of, divisor) => (of, divisor),
        };
        quotients(program, of, divisors);
        if let Some(l) = of.as_var()
            && program.loop_var(l).extent % divisor == 0
        {
            divisors.entry(l).or_insert(*divisor);
        }
    }
}

fn holds_intrinsic(stmts: &[Stmt]) -> bool {
    stmts.iter().any(|s| match s {
        Stmt::For(f) => holds_intrinsic(&f.body),
        Stmt::Insn(_) => true,
        Stmt::Store(_) | Stmt::Alloc { .. } => false,
    })
}

/// The loops that are split, each with the loop inside of it and its extent.
type Inner = BTreeMap<LoopId, (LoopId, i64)>;

fn rewrite(loops: &[LoopVar], stmt: Stmt, inner: &Inner) -> Stmt {
    match stmt {
        Stmt::For(f) => {
            let For { var, mark, body, origin } = f;
            let body: Vec<Stmt> = body.into_iter().map(|s| rewrite(loops, s, inner)).collect();
            let body = match inner.get(&var) {
                Some((within, _)) => vec![Stmt::For(For { var: *within, mark: None, body, origin })],
                None => body,
            };
            Stmt::For(For { var, mark, body, origin })
        }
        Stmt::Store(s) => {
            let indices = |all: &[Index]| all.iter().map(|e| substituted(loops, e, inner)).collect();
            let value = s.value.map(&mut |leaf| match leaf {
                Leaf::Load(l) => Leaf::Load(Load { buffer: l.buffer, indices: indices(&l.indices) }),
                Leaf::Index(e) => Leaf::Index(substituted(loops, e, inner)),
            });
            Stmt::Store(Store { indices: indices(&s.indices), value, ..s })
        }
        other => other,
    }
}

fn substituted(loops: &[LoopVar], e: &Index, inner: &Inner) -> Index {
    let range = |l: LoopId| crate::affine::Interval::below(loops[l.0 as usize].extent);
    let parts = |l: LoopId| match inner.get(&l) {
        Some((within, extent)) => Affine::var(l).times(*extent).plus(&Affine::var(*within)),
        None => Affine::var(l),
    };
    e.substitute(&parts, &range)
}
