//! Gives each product of a loop around several a loop of its own. Loop program → loop program.
//!
//! ```text
//! before   for r { for y { gemm C[y] += X_buf[r + y] * F_buf[r] }; for y { gemm C[y + 1] += X_buf[r + y] * F_buf[r + 3] } }
//! after    for r { for y { gemm C[y] += X_buf[r + y] * F_buf[r] } }
//!          for r { for y { gemm C[y + 1] += X_buf[r + y] * F_buf[r + 3] } }
//! ```
//!
//! Only loops around one instruction can be drawn into it. Where borders cut loops over taps, several products stand in a loop.
//! Sums wrap, so the order in which products are added is free, and they write nothing that another of them reads.

use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{For, Gemm, Insn, LoopId, LoopProgram, Stmt};
use crate::loops::rename_loop;

pub fn run(program: &mut LoopProgram, _: &Cx) -> Result<(), LegalizeError> {
    let body = std::mem::take(&mut program.body);
    program.body = distribute_block(program, body);
    crate::loops::canonicalize(program);
    Ok(())
}

fn distribute_block(program: &mut LoopProgram, block: Vec<Stmt>) -> Vec<Stmt> {
    block.into_iter().flat_map(|stmt| distribute(program, stmt)).collect()
}

fn distribute(program: &mut LoopProgram, stmt: Stmt) -> Vec<Stmt> {
    let Stmt::For(f) = stmt else { return vec![stmt] };
    let For { var, mark, body, origin } = f;
    let body = distribute_block(program, body);
    if mark.is_some() || body.len() == 1 || !body.iter().all(is_product) {
        return vec![Stmt::For(For { var, mark, body, origin })];
    }
    let mut loops = Vec::with_capacity(body.len());
    for (at, mut stmt) in body.into_iter().enumerate() {
        let own = if at == 0 { var } else { own_loop(program, var, &mut stmt) };
        loops.push(Stmt::For(For { var: own, mark, body: vec![stmt], origin }));
    }
    loops
}

/// A loop variable for a statement alone.
fn own_loop(program: &mut LoopProgram, var: LoopId, stmt: &mut Stmt) -> LoopId {
    let own = program.fresh_loop(var);
    rename_loop(program, stmt, var, own);
    own
}

/// Whether a statement is a product of tiles that is added up, in loops with nothing else.
fn is_product(stmt: &Stmt) -> bool {
    match stmt {
        Stmt::Insn(Insn::Gemm(Gemm { operands, .. })) => operands.is_some(),
        Stmt::For(f) => matches!(f.body.as_slice(), [inner] if is_product(inner)),
        Stmt::Alloc { .. } | Stmt::Store(_) | Stmt::Insn(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::legalize::testing::printed_after;

    fn distributed(body: &str) -> String {
        let text = format!(
            "program p {{
    input X: i8[1, 64] @dram tile(1: 16)
    alloc C: i32[4, 16] @acc tile(1: 16)
    alloc X_buf: i8[8, 16] @inp tile(1: 16)
    alloc W_buf: i8[16, 128] @wgt tile(0: 16, 1: 16)
{body}}}
"
        );
        printed_after(&text, run)
    }

    #[test]
    fn each_product_gets_loops_of_its_own() {
        let body = "    for s in 0..2 {
        for r in 0..2 {
            for y in 0..2 {
                gemm C[y] += X_buf[r + y] * W_buf[r + s * 4]
            }
            gemm C[2] += X_buf[r + 2] * W_buf[r + s * 4 + 2]
        }
    }
";
        insta::assert_snapshot!(distributed(body));
    }

    #[test]
    fn what_is_no_sum_of_products_stays_together() {
        let product = "gemm C[0] += X_buf[r] * W_buf[r]";
        for other in ["reset C[1]", "load X_buf[4] <- X[r] y 1 x 1 stride 1", "alu shr C[2], 1"] {
            let shown = distributed(&format!("    for r in 0..4 {{\n        {other}\n        {product}\n    }}\n"));
            assert_eq!(shown.matches("for r").count(), 1, "{shown}");
        }
    }
}
