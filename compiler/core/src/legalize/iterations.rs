//! Whether the iterations of a loop come too late for each other. A loop and two buffers of one shape → yes or no, where no may
//! be said for want of a proof.
//!
//! ```text
//! for jo { C[jo * 16 + ji] += ...; S[jo * 16 + j] = C[jo * 16 + j] >> 8 }    ji, j in 0..16: yes, of C and S
//! for t  { ... S[t, j] ...; S[t + 1, j] = C[t + 1, j] >> 8 }                 yes: only later ones touch C further on
//! for jo { C[jo * 16 + ji] += ...; S[j] = C[j] >> 8 }                        no
//! ```

use crate::affine::Interval;
use crate::loops::access::visit_elements;
use crate::loops::ir::{BufferId, For, Index, LoopId, LoopProgram, Stmt};

/// Whether no iteration of a loop touches of the operand what an earlier one has touched of the result, with both taken for
/// one buffer.
pub fn later_miss(program: &LoopProgram, f: &For, operand: BufferId, result: BufferId) -> bool {
    if program.loop_var(f.var).extent == 1 {
        return true;
    }
    let (mut touched, mut inner) = (Vec::new(), Vec::new());
    f.body.iter().for_each(|s| accesses(s, [operand, result], &mut touched, &mut inner));
    let dimensions = touched.iter().map(|(_, indices)| indices.len()).min().unwrap_or(0);
    (0..dimensions).any(|d| {
        let along = |(buffer, indices): &(BufferId, Vec<Index>)| (*buffer == result, indices[d].clone());
        move_on(program, f.var, &inner, touched.iter().map(along))
    })
}

/// Whether indices move on with a loop so far that those of results are never reached again by those of operands.
fn move_on(program: &LoopProgram, var: LoopId, inner: &[LoopId], indices: impl Iterator<Item = (bool, Index)>) -> bool {
    let range = |l| program.loop_range(l);
    let mut common: Option<(i64, Index)> = None;
    // What operands and results cover in one iteration, counted from where the loop is.
    let mut covered: [Option<Interval>; 2] = [None, None];
    for (is_result, index) in indices {
        let Some(step) = index.coefficient(var).filter(|step| *step != 0) else { return false };
        let (moving, still) = index.without(var).partition(&|l| inner.contains(&l));
        let moving = moving.plus_constant(still.offset()).range(&range);
        let still = still.plus_constant(-still.offset());
        if *common.get_or_insert_with(|| (step, still.clone())) != (step, still) {
            return false;
        }
        let hull = covered[usize::from(is_result)].get_or_insert(moving);
        *hull = Interval::new(hull.min.min(moving.min), hull.max.max(moving.max));
    }
    match (common, covered) {
        (Some((step, _)), [Some(operand), Some(result)]) if step > 0 => result.max - operand.min < step,
        (Some((step, _)), [Some(operand), Some(result)]) => operand.max - result.min < -step,
        _ => true,
    }
}

/// The indices of each access to two buffers, and the loops around them. An access to whole tiles has none, and can be anywhere.
fn accesses(stmt: &Stmt, buffers: [BufferId; 2], touched: &mut Vec<(BufferId, Vec<Index>)>, inner: &mut Vec<LoopId>) {
    match stmt {
        Stmt::For(f) => {
            inner.push(f.var);
            f.body.iter().for_each(|s| accesses(s, buffers, touched, inner));
        }
        Stmt::Store(_) => visit_elements(stmt, &mut |b, indices, _| {
            if buffers.contains(&b) {
                touched.push((b, indices.to_vec()));
            }
        }),
        other => touched.extend(buffers.iter().filter(|b| other.mentions(**b)).map(|b| (*b, Vec::new()))),
    }
}
