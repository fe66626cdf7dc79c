//! Gives each nest that maps elements to elements one loop for each dimension of what it writes, in order.
//!
//! ```text
//! before   for jo in 0..4 { for i { for ji in 0..64 { Y[i, jo * 64 + ji] = C[i, jo * 64 + ji] } } }
//! after    for i { for ji in 0..256 { Y[i, ji] = C[i, ji] } }
//! ```
//!
//! Copies and elementwise nests compute a box, and the order inside it is free; transfers and vector instructions are
//! chosen for the box, whatever loops the schedule made of it. So does a reduction in the accumulator, in each iteration of
//! its reduced loops, which come to stand around the box; their order is free as well. Other nests that read what they
//! write stay, and tiles of the GEMM core do.

use crate::affine::Affine;
use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{Index, Leaf, Load, LoopId, LoopProgram, Mark, Store};
use crate::loops::nest::{Nest, NestLoop, accumulation, rewrite_stores, wrap};

pub fn run(program: &mut LoopProgram, _: &Cx) -> Result<(), LegalizeError> {
    let body = std::mem::take(&mut program.body);
    program.body = rewrite_stores(body, &mut |mut nest| {
        // A virtual thread or an unrolled loop, and what is outside of it, stay; the box is inside.
        let stays = |l: &NestLoop| matches!(l.mark, Some(Mark::Vthread | Mark::Unroll));
        let inside = nest.loops.split_off(nest.loops.iter().rposition(stays).map_or(0, |l| l + 1));
        let around = std::mem::replace(&mut nest.loops, inside);
        // Loops outside of a marked one are the schedule's wish and stay around the box.
        let marked = nest.loops.iter().position(|l| l.mark.is_some()).unwrap_or(0);
        let nest = match (reads_itself(program, &nest), is_reduction(&nest)) {
            (true, true) => {
                let (nest, reduced) = reduced_outermost(nest);
                normalize(program, nest, reduced)
            }
            (true, false) => nest,
            (false, _) => normalize(program, nest, marked),
        };
        Ok::<_, LegalizeError>(vec![wrap(&around, nest.into_stmt())])
    })?;
    crate::loops::canonicalize(program);
    Ok(())
}

fn is_reduction(nest: &Nest) -> bool {
    accumulation(&nest.store).is_some() && nest.loops.iter().all(|l| l.mark.is_none())
}

/// The nest with the loops that do not choose the element outside of the others, and how many they are.
fn reduced_outermost(nest: Nest) -> (Nest, usize) {
    let chooses = |l: &NestLoop| nest.store.indices.iter().any(|e| e.mentions(&|v| v == l.var));
    let (inner, mut loops): (Vec<NestLoop>, Vec<NestLoop>) = nest.loops.iter().partition(|l| chooses(l));
    let reduced = loops.len();
    loops.extend(inner);
    (Nest { loops, store: nest.store }, reduced)
}

/// Whether a nest reads what its iterations write; another slot of its buffer is not that.
fn reads_itself(program: &LoopProgram, nest: &Nest) -> bool {
    let store = &nest.store;
    let mut found = false;
    store.value.leaves(&mut |leaf| {
        found |= matches!(leaf, Leaf::Load(l) if l.buffer == store.buffer && !nest.never_writes(program, &l.indices));
    });
    found
}

/// One dimension of the box: the loops that walk it, the fastest first, with the step of each.
struct Dimension {
    walkers: Vec<(LoopId, i64)>,
    extent: i64,
}

impl Dimension {
    /// The loop that remains.
    fn var(&self) -> Option<LoopId> {
        self.walkers.first().map(|(l, _)| *l)
    }
}

/// The nest with one loop for each dimension inside of the first `from` loops; the nest as it is where its loops do not
/// cover a box.
fn normalize(program: &mut LoopProgram, nest: Nest, from: usize) -> Nest {
    let vars: Vec<LoopId> = nest.loops[from..].iter().map(|l| l.var).collect();
    let Some(dims) = dimensions(program, &vars, &nest.store.indices) else { return nest };
    let Some(store) = rewritten(program, &dims, &vars, &nest.store) else { return nest };
    let mark = nest.loops.get(from).and_then(|l| l.mark);
    let mut loops = nest.loops[..from].to_vec();
    for dim in &dims {
        if let Some(var) = dim.var() {
            program.loops[var.0 as usize].extent = dim.extent;
            let origin = nest.loops.iter().find(|l| l.var == var).expect("a loop of the nest").origin;
            let first = loops.len() == from;
            loops.push(NestLoop { var, mark: mark.filter(|_| first), origin });
        }
    }
    Nest { loops, store }
}

/// Sorts the loops by the dimension that they walk; each has to continue where the faster ones end.
fn dimensions(program: &LoopProgram, vars: &[LoopId], indices: &[Index]) -> Option<Vec<Dimension>> {
    let running = |l: &&LoopId| program.loop_var(**l).extent > 1;
    let (mut walked, mut kept) = (0, 0);
    let mut dims = Vec::new();
    for index in indices {
        let mut walkers = Vec::new();
        for l in vars.iter().filter(running) {
            match index.coefficient(*l)? {
                0 => {}
                step => walkers.push((*l, step)),
            }
        }
        if walkers.is_empty() {
            // A loop of one iteration is kept where it is all that walks the dimension, since tiles are counted by loops.
            let single = vars.iter().find(|l| index.coefficient(**l) == Some(1));
            walkers.extend(single.map(|l| (*l, 1)));
            kept += walkers.len();
        }
        walkers.sort_by_key(|(_, step)| *step);
        let mut extent = 1;
        for (l, step) in &walkers {
            if *step != extent {
                return None;
            }
            extent *= program.loop_var(*l).extent;
        }
        walked += walkers.len();
        dims.push(Dimension { walkers, extent });
    }
    (walked - kept == vars.iter().filter(running).count()).then_some(dims)
}

fn rewritten(program: &LoopProgram, dims: &[Dimension], vars: &[LoopId], store: &Store) -> Option<Store> {
    let index = |e: &Index| rewrite_index(program, dims, vars, e);
    let indices = store.indices.iter().map(index).collect::<Option<Vec<_>>>()?;
    let mut complete = true;
    let value = store.value.map(&mut |leaf| {
        let moved = match leaf {
            Leaf::Index(e) => index(e).map(Leaf::Index),
            Leaf::Load(l) => {
                let indices = l.indices.iter().map(index).collect::<Option<Vec<_>>>();
                indices.map(|indices| Leaf::Load(Load { buffer: l.buffer, indices }))
            }
        };
        complete &= moved.is_some();
        moved.unwrap_or_else(|| leaf.clone())
    });
    complete.then_some(Store { buffer: store.buffer, indices, value, origin: store.origin })
}

/// An index in terms of the loops that remain. Each dimension has to be walked in the index as in the box, up to a factor.
fn rewrite_index(program: &LoopProgram, dims: &[Dimension], vars: &[LoopId], index: &Index) -> Option<Index> {
    let walks = |l: LoopId| dims.iter().any(|d| d.var() == Some(l));
    let still = |l: LoopId| program.loop_var(l).extent == 1 && vars.contains(&l) && !walks(l);
    let at_zero = |l: LoopId| if still(l) { Affine::constant(0) } else { Affine::var(l) };
    let mut rest = index.substitute(&at_zero, &|l| program.loop_range(l));
    for dim in dims {
        let Some(var) = dim.var() else { continue };
        let factor = rest.coefficient(var)?;
        for (l, step) in &dim.walkers {
            if rest.coefficient(*l)? != factor * step {
                return None;
            }
            rest = rest.without(*l);
        }
        rest = rest.plus(&Affine::var(var).times(factor));
    }
    Some(rest)
}
