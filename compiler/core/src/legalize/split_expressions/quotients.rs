//! Quotients, which no ALU operation computes: nest → nests that compute one of its quotients by the steps of
//! [`crate::scalar::quotient`], each in a temporary, and the nest that reads the last of them.
//!
//! ```text
//! D[i, j] = quotient(A[i, j], L[i, 0])     →     P0[i, 0] = max(L[i, 0], 1); ...   for the loops that choose the divisor
//!                                                P9[i, j] = A[i, j] >> P7[i, 0]; ...   for all
//!                                                D[i, j] = P12[i, j]
//! ```

use super::{invariant, of_loops};
use crate::loops::ir::{Leaf, Load, LoopProgram, Store};
use crate::loops::nest::{Nest, NestLoop};
use crate::scalar::quotient::{Quotient, Slot};
use crate::scalar::{BinaryOp, Scalar};

/// Nests in the order in which they are computed, the one that reads the quotient last; none where there is no quotient. So
/// many of the nest's loops, `around`, stay around all of them.
pub fn computed(program: &mut LoopProgram, nest: &Nest, around: usize) -> Option<Vec<Nest>> {
    let mut value = nest.store.value.clone();
    let (quotient, numerator, divisor) = innermost(&value)?;
    let (numerator, divisor) = (numerator.clone(), divisor.clone());
    let loops = &nest.loops[around..];
    let of_divisor = invariant::choosing(loops, &divisor);
    let mut nests = Vec::new();
    let mut kept = |program: &mut LoopProgram, loops: &[NestLoop], value: Scalar<Leaf>| match value {
        operand @ Scalar::Leaf(Leaf::Load(_)) => operand,
        value => {
            let store = of_loops(program, nest, loops, value);
            let leaf = Leaf::Load(Load { buffer: store.buffer, indices: store.indices.clone() });
            nests.push(Nest { loops: loops.to_vec(), store }.with_fresh_loops(program));
            Scalar::Leaf(leaf)
        }
    };
    let divisor = kept(program, &of_divisor, divisor);
    let numerator = kept(program, loops, numerator);
    let steps = quotient.steps();
    let mut results: Vec<Scalar<Leaf>> = Vec::new();
    for (at, step) in steps.values.iter().enumerate() {
        let step = step.flat_map(&mut |slot| match slot {
            Slot::Numerator => numerator.clone(),
            Slot::Divisor => divisor.clone(),
            Slot::Step(k) => results[*k].clone(),
        });
        let loops = if at < steps.of_divisor { &of_divisor } else { loops };
        results.push(kept(program, loops, step));
    }
    replace_innermost(&mut value, results.pop()?);
    let store = Store { value, ..nest.store.clone() };
    nests.push(Nest { loops: loops.to_vec(), store });
    Some(nests)
}

/// The first quotient of which no operand has one.
fn innermost(value: &Scalar<Leaf>) -> Option<(Quotient, &Scalar<Leaf>, &Scalar<Leaf>)> {
    if let Some(found) = value.operands().into_iter().find_map(innermost) {
        return Some(found);
    }
    match value {
        Scalar::Binary { op: BinaryOp::Div(quotient), left, right } => Some((*quotient, left, right)),
        _ => None,
    }
}

/// Puts a value in the place of the quotient that [`innermost`] finds. Returns whether it was there.
fn replace_innermost(value: &mut Scalar<Leaf>, result: Scalar<Leaf>) -> bool {
    if value.operands_mut().into_iter().any(|operand| replace_innermost(operand, result.clone())) {
        return true;
    }
    let found = matches!(value, Scalar::Binary { op: BinaryOp::Div(_), .. });
    if found {
        *value = result;
    }
    found
}
