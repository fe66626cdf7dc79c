//! What fewer loops choose than the element that is written: nest → an expression to compute once for these loops alone, and the
//! nest that reads it.
//!
//! ```text
//! D[i, j] = X[i, j] - (A[i] >> 6)     →     D_part[i, 0] = 0 - (A[i] >> 6);  D[i, j] = X[i, j] + D_part[i, 0]
//! ```
//!
//! A difference takes its second side negated, since the ALU adds an operand and subtracts none.

use crate::gemm::Core;
use crate::loops::ir::{Leaf, LoopProgram};
use crate::loops::nest::NestLoop;
use crate::scalar::{BinaryOp, Scalar};

/// An expression that is the same in all iterations of some loops.
#[derive(Clone, Debug)]
pub struct Invariant {
    pub value: Scalar<Leaf>,
    /// The loops that choose it, of those that were given.
    pub loops: Vec<NestLoop>,
}

/// Finds the first of the largest expressions that are the same for several tiles, wherever these lie: it is replaced by the leaf that
/// `temporary` makes for it.
pub fn take_out(
    program: &mut LoopProgram,
    core: Core,
    loops: &[NestLoop],
    value: &mut Scalar<Leaf>,
    temporary: &mut dyn FnMut(&mut LoopProgram, &Invariant) -> Leaf,
) -> Option<Invariant> {
    let found = of(program, core, loops, value);
    if let Some(found) = found.filter(|_| matches!(value, Scalar::Binary { .. })) {
        *value = Scalar::Leaf(temporary(program, &found));
        return Some(found);
    }
    match value {
        Scalar::Binary { op: op @ BinaryOp::Sub, left, right } => {
            if let Some(found) = of(program, core, loops, right) {
                let negated = Scalar::binary(BinaryOp::Sub, Scalar::int(0), found.value);
                let found = Invariant { value: negated, ..found };
                (*op, **right) = (BinaryOp::Add, Scalar::Leaf(temporary(program, &found)));
                return Some(found);
            }
            take_out(program, core, loops, left, temporary).or_else(|| take_out(program, core, loops, right, temporary))
        }
        Scalar::Binary { left, right, .. } => {
            take_out(program, core, loops, left, temporary).or_else(|| take_out(program, core, loops, right, temporary))
        }
        Scalar::Cast { value, .. } | Scalar::Approx { value, .. } => take_out(program, core, loops, value, temporary),
        Scalar::Const { .. } | Scalar::Leaf(_) | Scalar::Select { .. } => None,
    }
}

/// The expression, if it is read from buffers and is the same for several tiles.
fn of(program: &LoopProgram, core: Core, loops: &[NestLoop], value: &Scalar<Leaf>) -> Option<Invariant> {
    let mut reads = false;
    value.leaves(&mut |leaf| reads |= matches!(leaf, Leaf::Load(_)));
    let chosen = choosing(loops, value);
    let same = loops.iter().filter(|l| chosen.iter().all(|c| c.var != l.var));
    let elements = same.map(|l| program.loop_var(l.var).extent).fold(1_i64, i64::saturating_mul);
    let several = elements >= 2 * core.batch * core.block_out;
    (reads && several).then(|| Invariant { value: value.clone(), loops: chosen })
}

/// The loops that choose what a value reads, of those that are given.
pub fn choosing(loops: &[NestLoop], value: &Scalar<Leaf>) -> Vec<NestLoop> {
    let mut own = Vec::new();
    value.leaves(&mut |leaf| {
        if let Leaf::Load(load) = leaf {
            own.extend(
                loops.iter().filter(|l| load.indices.iter().any(|e| e.mentions(&|v| v == l.var))).map(|l| l.var),
            );
        }
    });
    loops.iter().filter(|l| own.contains(&l.var)).copied().collect()
}
