//! Whether the iterations of a loop touch elements of their own. A loop and some buffers of one shape → yes or no, where no
//! may be said for want of a proof.
//!
//! ```text
//! for jo { C[jo * 16 + ji] += ...; S[jo * 16 + j] = C[jo * 16 + j] >> 8 }    ji, j in 0..16: yes, of C and S
//! for jo { C[jo * 16 + ji] += ...; S[j] = C[j] >> 8 }                        no
//! ```

use crate::affine::Interval;
use crate::loops::ir::{BufferId, For, Index, Leaf, LoopId, LoopProgram, Stmt};

/// Whether no iteration of a loop touches what another one does, with all the buffers taken for one.
pub fn are_apart(program: &LoopProgram, f: &For, buffers: &[BufferId]) -> bool {
    if program.loop_var(f.var).extent == 1 {
        return true;
    }
    let (mut touched, mut inner) = (Vec::new(), Vec::new());
    f.body.iter().for_each(|s| accesses(s, buffers, &mut touched, &mut inner));
    let dimensions = touched.first().map_or(0, |indices| indices.len());
    let range = |l| program.loop_range(l);
    (0..dimensions).any(|d| {
        let Some(step) = touched[0][d].coefficient(f.var).filter(|c| *c != 0) else { return false };
        let mut reach: Option<(Index, Interval)> = None;
        touched.iter().all(|indices| {
            let Some(index) = indices.get(d).filter(|i| i.coefficient(f.var) == Some(step)) else { return false };
            let (moving, still) = index.without(f.var).partition(&|l| inner.contains(&l));
            let moving = moving.plus_constant(still.offset()).range(&range);
            let still = still.plus_constant(-still.offset());
            let (around, hull) = reach.get_or_insert_with(|| (still.clone(), moving));
            *hull = Interval::new(hull.min.min(moving.min), hull.max.max(moving.max));
            *around == still && hull.max - hull.min < step.abs()
        })
    })
}

/// The indices of each access to some buffers, and the loops around them. An access to whole tiles has none, and can be
/// anywhere.
fn accesses(stmt: &Stmt, buffers: &[BufferId], touched: &mut Vec<Vec<Index>>, inner: &mut Vec<LoopId>) {
    match stmt {
        Stmt::For(f) => {
            inner.push(f.var);
            f.body.iter().for_each(|s| accesses(s, buffers, touched, inner));
        }
        Stmt::Store(s) => {
            if buffers.contains(&s.buffer) {
                touched.push(s.indices.clone());
            }
            s.value.leaves(&mut |leaf| match leaf {
                Leaf::Load(l) if buffers.contains(&l.buffer) => touched.push(l.indices.clone()),
                _ => {}
            });
        }
        other if buffers.iter().any(|b| other.mentions(*b)) => touched.push(Vec::new()),
        _ => {}
    }
}
