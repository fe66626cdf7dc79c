//! What the products of a loop program cost, before they are instructions: loops → cycles of the compute module. It decides
//! between two ways to build the same loops, so what both have in common does not matter.

use super::ir::{For, LoopProgram, Mark, Stmt};

/// Cycles that an instruction takes in the compute module besides its micro-ops.
pub const CYCLES_PER_INSTRUCTION: i64 = 7;

/// An estimate of the cycles that products take, if each nest becomes one instruction.
pub fn product_cycles(program: &LoopProgram) -> i64 {
    cycles_of(program, &program.body)
}

fn cycles_of(program: &LoopProgram, stmts: &[Stmt]) -> i64 {
    let cycles = stmts.iter().map(|stmt| match stmt {
        Stmt::For(f) => match tiles_of_product(program, f) {
            Some(tiles) => tiles.saturating_add(CYCLES_PER_INSTRUCTION),
            None => cycles_of(program, &f.body).saturating_mul(program.loop_var(f.var).extent),
        },
        _ => 0,
    });
    cycles.fold(0, i64::saturating_add)
}

/// How many tiles a perfect nest multiplies.
fn tiles_of_product(program: &LoopProgram, f: &For) -> Option<i64> {
    match (f.mark, f.body.as_slice()) {
        (Some(Mark::Gemm), _) => Some(1),
        (_, [Stmt::For(inner)]) => {
            Some(tiles_of_product(program, inner)?.saturating_mul(program.loop_var(f.var).extent))
        }
        _ => None,
    }
}
