//! Perfect nests: loops with nothing between them around one statement. The unit in which passes rewrite.

use crate::loops::dependence::{Direction, carrying_loops, disjoint};
use crate::loops::ir::{For, Index, Leaf, Load, LoopId, LoopProgram, Mark, Origin, Stmt, Store};
use crate::scalar::{BinaryOp, Scalar};

/// Loops, from the outermost, around one store.
#[derive(Clone, Debug)]
pub struct Nest {
    pub loops: Vec<NestLoop>,
    pub store: Store,
}

#[derive(Clone, Copy, Debug)]
pub struct NestLoop {
    pub var: LoopId,
    pub mark: Option<Mark>,
    pub origin: Origin,
}

impl Nest {
    /// The nest as a statement again.
    pub fn into_stmt(self) -> Stmt {
        wrap(&self.loops, Stmt::Store(self.store))
    }

    /// The same nest with loops of its own, as one statement more needs them.
    pub fn with_fresh_loops(&self, program: &mut LoopProgram) -> Nest {
        let mut nest = self.clone();
        for (at, l) in self.loops.iter().enumerate() {
            let var = program.fresh_loop(l.var);
            substitute_loop(program, &mut nest, l.var, &Index::var(var));
            nest.loops[at].var = var;
        }
        nest
    }

    /// What the store reads.
    pub fn loads(&self) -> Vec<&Load> {
        let mut found = Vec::new();
        self.store.value.leaves(&mut |leaf| {
            if let Leaf::Load(l) = leaf {
                found.push(l);
            }
        });
        found
    }

    /// The directive that shaped the nest: the store's own, or that of its loops from the innermost.
    pub fn origin(&self) -> Origin {
        let directive = self.store.origin.directive.or(self.loops.iter().rev().find_map(|l| l.origin.directive));
        Origin { directive, ..self.store.origin }
    }

    /// The loops in which several iterations may write one element: those that carry an output dependence of the store.
    pub fn carrying_loops(&self, program: &LoopProgram) -> Vec<LoopId> {
        let vars: Vec<LoopId> = self.loops.iter().map(|l| l.var).collect();
        carrying_loops(program, &vars, &self.store.indices)
    }

    /// Whether no iteration of the nest writes the element of the store's buffer that this or another one reads.
    pub fn never_writes(&self, program: &LoopProgram, read: &[Index]) -> bool {
        let loops: Vec<_> = self.loops.iter().map(|l| (l.var, Direction::Any)).collect();
        disjoint(program, &self.store.indices, read, &loops)
    }
}

/// The operation of a store that joins each element with other values, in an order that is free: `D[i] = op(D[i], e)` for
/// an `e` that does not read `D`.
pub fn accumulation(store: &Store) -> Option<BinaryOp> {
    let Scalar::Binary { op: op @ (BinaryOp::Add | BinaryOp::Max | BinaryOp::Min), left, right } = &store.value else {
        return None;
    };
    let joins =
        matches!(&**left, Scalar::Leaf(Leaf::Load(l)) if l.buffer == store.buffer && l.indices == store.indices);
    let mut again = false;
    right.leaves(&mut |leaf| again |= matches!(leaf, Leaf::Load(l) if l.buffer == store.buffer));
    (joins && !again).then_some(*op)
}

/// The loops of a nest that make up the tile of a product.
pub fn tile_loops(nest: &Nest) -> &[NestLoop] {
    let at = nest.loops.iter().position(|l| l.mark == Some(Mark::Gemm)).unwrap_or(nest.loops.len());
    &nest.loops[at..]
}

/// Puts an index in the place of a loop variable in everything that a nest's store says.
pub fn substitute_loop(program: &LoopProgram, nest: &mut Nest, var: LoopId, index: &Index) {
    let value = |l: LoopId| if l == var { index.clone() } else { Index::var(l) };
    let replace = |e: &mut Index| *e = e.substitute(&value, &|l| program.loop_range(l));
    nest.store.indices.iter_mut().for_each(replace);
    nest.store.value.leaves_mut(&mut |leaf| match leaf {
        Leaf::Load(l) => l.indices.iter_mut().for_each(replace),
        Leaf::Index(e) => replace(e),
    });
}

/// Takes a loop of a nest apart in two: itself, which counts blocks of this size, and one inside of it over what is in a block.
pub fn split_loop(program: &mut LoopProgram, nest: &mut Nest, at: usize, size: i64) {
    let NestLoop { var, origin, .. } = nest.loops[at];
    let inner = program.fresh_loop(var);
    program.loops[inner.0 as usize].extent = size;
    let index = Index::var(var).times(size).plus(&Index::var(inner));
    substitute_loop(program, nest, var, &index);
    program.loops[var.0 as usize].extent /= size;
    nest.loops.insert(at + 1, NestLoop { var: inner, mark: None, origin });
}

/// Removes loops around nothing.
pub fn drop_empty_loops(stmts: &mut Vec<Stmt>) {
    stmts.retain_mut(|stmt| match stmt {
        Stmt::For(f) => {
            drop_empty_loops(&mut f.body);
            !f.body.is_empty()
        }
        _ => true,
    });
}

/// An index in which unit loops, which run once, are at zero.
pub fn without_unit_loops(program: &LoopProgram, index: &Index) -> Index {
    let once = |l: LoopId| program.loop_var(l).extent == 1;
    if !index.mentions(&once) {
        return index.clone();
    }
    let value = |l: LoopId| if once(l) { Index::constant(0) } else { Index::var(l) };
    index.substitute(&value, &|l| program.loop_range(l))
}

/// A statement inside loops, the first outermost.
pub fn wrap(loops: &[NestLoop], inner: Stmt) -> Stmt {
    loops
        .iter()
        .rev()
        .fold(inner, |body, l| Stmt::For(For { var: l.var, mark: l.mark, body: vec![body], origin: l.origin }))
}

/// Puts what `rewrite` makes in the place of each perfect nest around a store; everything else stays as it is.
pub fn rewrite_stores<E>(
    stmts: Vec<Stmt>,
    rewrite: &mut dyn FnMut(Nest) -> Result<Vec<Stmt>, E>,
) -> Result<Vec<Stmt>, E> {
    let mut out = Vec::new();
    for stmt in stmts {
        match into_nest(stmt) {
            Ok(nest) => out.extend(rewrite(nest)?),
            Err(Stmt::For(f)) => {
                let body = rewrite_stores(f.body, rewrite)?;
                out.push(Stmt::For(For { body, ..f }));
            }
            Err(other) => out.push(other),
        }
    }
    Ok(out)
}

fn into_nest(stmt: Stmt) -> Result<Nest, Stmt> {
    if store_of_nest(&stmt).is_none() {
        return Err(stmt);
    }
    let mut loops = Vec::new();
    let mut at = stmt;
    loop {
        match at {
            Stmt::Store(store) => return Ok(Nest { loops, store }),
            Stmt::For(mut f) => {
                loops.push(NestLoop { var: f.var, mark: f.mark, origin: f.origin });
                at = f.body.remove(0);
            }
            _ => unreachable!("checked above"),
        }
    }
}

/// The store of a perfect nest. A loop whose iterations run in order is part of none.
pub fn store_of_nest(stmt: &Stmt) -> Option<&Store> {
    match stmt {
        Stmt::Store(store) => Some(store),
        Stmt::For(f) if f.mark == Some(Mark::Serial) => None,
        Stmt::For(f) => match f.body.as_slice() {
            [inner] => store_of_nest(inner),
            _ => None,
        },
        _ => None,
    }
}

/// A statement as a perfect nest, if it is one.
pub fn nest(stmt: &Stmt) -> Option<Nest> {
    let store = store_of_nest(stmt)?.clone();
    let mut loops = Vec::new();
    let mut at = stmt;
    while let Stmt::For(f) = at {
        loops.push(NestLoop { var: f.var, mark: f.mark, origin: f.origin });
        at = &f.body[0];
    }
    Some(Nest { loops, store })
}

/// Visits each perfect nest around a store.
pub fn stores(stmts: &[Stmt], visit: &mut dyn FnMut(Nest)) {
    for stmt in stmts {
        match (nest(stmt), stmt) {
            (Some(nest), _) => visit(nest),
            (None, Stmt::For(f)) => stores(&f.body, visit),
            (None, _) => {}
        }
    }
}

/// Whether a statement is, or holds, an instruction. The tiles of one are addressed in the buffers as they are, so that a pass
/// that changes buffers leaves programs alone that were read back with instructions in them.
pub fn is_intrinsic(stmt: &Stmt) -> bool {
    match stmt {
        Stmt::For(f) => f.body.iter().any(is_intrinsic),
        Stmt::Store(_) | Stmt::Alloc { .. } => false,
        Stmt::Insn(_) => true,
    }
}
