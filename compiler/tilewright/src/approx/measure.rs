//! One approximation → its errors and its cost.

use tilewright_core::approx::{Approx, Steps};
use tilewright_core::legalize::Cx;
use tilewright_core::loops::ir::{AluOperand, Insn, Leaf, LoopProgram, Stmt};
use tilewright_core::loops::parse::parse;
use tilewright_core::pipeline::legalize;
use tilewright_core::scalar::Scalar;
use tilewright_isa::Config;
use tilewright_syntax::{Diagnostic, FileId};

use super::{Domain, Errors};

/// The most numbers that are tried.
const MAX_TRIED: i64 = 1 << 19;

pub(super) fn domain(limit: i32, fraction: u8) -> Domain {
    let end = i64::from(limit).saturating_mul(2).min(1 << 30);
    let step = (2 * end + MAX_TRIED - 1) / MAX_TRIED;
    let count = (2 * end + step - 1) / step;
    Domain { end: end as f64 / f64::from(1u32 << fraction), step: step as usize, count: count as u64 }
}

pub(super) fn errors(approx: &Approx, domain: &Domain) -> Errors {
    let unit = f64::from(1u32 << approx.fraction);
    let end = (domain.end * unit) as i32;
    let steps = Steps::of(approx);
    let (mut errors, mut sum) = (Errors { greatest: -1.0, at: 0.0, mean: 0.0 }, 0.0);
    for x in (-end..end).step_by(domain.step) {
        let (at, got) = (f64::from(x) / unit, f64::from(steps.eval(x)) / unit);
        let error = (got - approx.function.real(at)).abs();
        sum += error;
        if error > errors.greatest {
            (errors.greatest, errors.at) = (error, at);
        }
    }
    errors.mean = sum / domain.count as f64;
    errors
}

/// ALU cycles and instructions for one vector, of which the argument is not needed any more.
pub(super) fn cost(approx: &Approx, config: &Config) -> Result<(u64, u64), Vec<Diagnostic>> {
    let program = of_one_vector(approx, config);
    let legal = legalize(program, &Cx { config: *config }, &mut |_| {});
    let legal = legal.map_err(|error| vec![error.diagnostic()])?;
    let (mut cycles, mut instructions) = (0, 0);
    count(&legal.program().body, &mut |each| {
        cycles += each;
        instructions += 1;
    });
    Ok((cycles, instructions))
}

/// Loads a vector, computes the function of it and stores the low bits.
fn of_one_vector(approx: &Approx, config: &Config) -> LoopProgram {
    let (rows, columns) = (config.batch(), config.block_out());
    let text = format!(
        "program vector {{
            input X: i32[{rows}, {columns}] @dram
            output Y: i8[{rows}, {columns}] @dram
            alloc A: i32[{rows}, {columns}] @acc
            alloc S: i32[{rows}, {columns}] @acc
            for a in 0..{rows} {{ for b in 0..{columns} {{ A[a, b] = X[a, b] }} }}
            for i in 0..{rows} {{ for j in 0..{columns} {{ S[i, j] = max(A[i, j], 0) }} }}
            for c in 0..{rows} {{ for d in 0..{columns} {{ Y[c, d] = i8(S[c, d]) }} }}
        }}"
    );
    let mut program = parse(FileId::default(), &text).expect("the program keeps the rules of its language");
    program.body.iter_mut().for_each(|stmt| approximate(stmt, approx));
    program
}

/// Puts the function where the operation is.
fn approximate(stmt: &mut Stmt, approx: &Approx) {
    match stmt {
        Stmt::For(f) => f.body.iter_mut().for_each(|inner| approximate(inner, approx)),
        Stmt::Store(store) => {
            if let Scalar::Binary { left, .. } = &store.value {
                store.value = approx.expand::<Leaf>(left);
            }
        }
        _ => {}
    }
}

/// Visits the cycles that the instructions on the accumulator take for each vector.
fn count(stmts: &[Stmt], visit: &mut dyn FnMut(u64)) {
    for stmt in stmts {
        match stmt {
            Stmt::For(f) => count(&f.body, visit),
            Stmt::Insn(Insn::Gemm(_)) => visit(1),
            Stmt::Insn(Insn::Alu(alu)) => visit(if matches!(alu.operand, AluOperand::Imm(_)) { 1 } else { 2 }),
            _ => {}
        }
    }
}
