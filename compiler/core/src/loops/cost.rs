//! What the products of a loop program cost, before they are instructions: loops → cycles of the compute module. It decides
//! between two ways to build the same loops, so what both have in common does not matter.

use super::ir::{For, LoopProgram, Mark, Stmt};
use crate::costs::CYCLES_PER_INSTRUCTION;

/// What the products of a program are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Products {
    /// Tiles that are multiplied, or set to zero.
    pub tiles: i64,
    /// Instructions, if each nest becomes one.
    pub instructions: i64,
}

impl Products {
    pub fn of(program: &LoopProgram) -> Products {
        products(program, &program.body)
    }

    /// An estimate of the cycles that they take.
    pub fn cycles(self) -> i64 {
        self.tiles.saturating_add(self.instructions.saturating_mul(CYCLES_PER_INSTRUCTION))
    }
}

fn products(program: &LoopProgram, stmts: &[Stmt]) -> Products {
    let mut all = Products::default();
    for stmt in stmts {
        let Stmt::For(f) = stmt else { continue };
        let (inner, times) = match tiles_of_product(program, f) {
            Some(tiles) => (Products { tiles, instructions: 1 }, 1),
            None => (products(program, &f.body), program.loop_var(f.var).extent),
        };
        all.tiles = all.tiles.saturating_add(inner.tiles.saturating_mul(times));
        all.instructions = all.instructions.saturating_add(inner.instructions.saturating_mul(times));
    }
    all
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
