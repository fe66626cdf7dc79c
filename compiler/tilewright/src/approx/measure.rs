//! One approximation → its errors and its cost.

use tilewright_core::affine::Interval;
use tilewright_core::approx::{Approx, Function, Steps};
use tilewright_core::legalize::Cx;
use tilewright_core::loops::ir::{AluOperand, Insn, Leaf, LoopProgram, Stmt};
use tilewright_core::loops::parse::parse;
use tilewright_core::pipeline::legalize;
use tilewright_core::scalar::Scalar;
use tilewright_isa::Config;
use tilewright_syntax::{Diagnostic, FileId};

use super::{Domain, Errors};

/// The most numbers that are tried.
const MAX_TRIED: u64 = 1 << 19;
/// The most intervals of which the bound is computed again in halves, since it is not near what was found.
const MAX_HALVED: usize = 1 << 18;

pub(super) fn domain(approx: &Approx) -> Domain {
    let (start, end) = approx.arguments();
    // A power of two, so that no interval between two numbers crosses one.
    let step = ((end - start) as u64).div_ceil(MAX_TRIED).next_power_of_two();
    let unit = f64::from(1u32 << approx.fraction);
    let count = ((end - start) as u64).div_ceil(step);
    Domain { start: start as f64 / unit, end: end as f64 / unit, step: step as usize, count }
}

pub(super) fn errors(approx: &Approx, domain: &Domain) -> Errors {
    let measure = Measure { approx, unit: f64::from(1u32 << approx.fraction), steps: Steps::of(approx) };
    let (start, end) = ((domain.start * measure.unit) as i64, (domain.end * measure.unit) as i64);
    let (mut errors, mut sum) = (Errors { greatest: -1.0, bound: None, at: 0.0, mean: 0.0 }, 0.0);
    for x in (start..end).step_by(domain.step) {
        let error = measure.error(x);
        sum += error;
        if error > errors.greatest {
            (errors.greatest, errors.at) = (error, x as f64 / measure.unit);
        }
    }
    errors.mean = sum / domain.count as f64;
    if domain.step > 1 && !matches!(approx.function, Function::Formula(_)) {
        errors.bound = Some(measure.bound((start, end), domain.step as i64, errors.greatest));
    }
    errors
}

struct Measure<'a> {
    approx: &'a Approx,
    unit: f64,
    steps: Steps,
}

impl Measure<'_> {
    fn error(&self, x: i64) -> f64 {
        let (at, got) = (x as f64 / self.unit, f64::from(self.steps.eval(x as i32)) / self.unit);
        let real = self.approx.function.real(at);
        (got - real).abs() / self.weight(real.abs())
    }

    fn weight(&self, magnitude: f64) -> f64 {
        if self.approx.function.grows() { magnitude.max(1.0) } else { 1.0 }
    }

    /// What no error between `start` and `end` exceeds. Intervals that do not tell enough are halved, as long as they are not
    /// too many.
    fn bound(&self, (start, end): (i64, i64), step: i64, found: f64) -> f64 {
        let near = found * 1.05;
        let mut open: Vec<(i64, i64)> = Vec::new();
        let mut from = start;
        while from < end {
            let to = ((from.div_euclid(step) + 1) * step).min(end);
            open.push((from, to));
            from = to;
        }
        let (mut bound, mut halved): (f64, usize) = (found, 0);
        while let Some((from, to)) = open.pop() {
            let here = self.bound_between(from, to - 1);
            if here <= near || to - from == 1 || halved >= MAX_HALVED {
                bound = bound.max(here);
                continue;
            }
            halved += 1;
            let middle = i64::midpoint(from, to);
            open.extend([(from, middle), (middle, to)]);
        }
        bound
    }

    /// The greatest distance that the intervals of both functions have between two numbers.
    fn bound_between(&self, from: i64, to: i64) -> f64 {
        let got = self.steps.range(Interval::new(from, to));
        let real = real_range(&self.approx.function, from as f64 / self.unit, to as f64 / self.unit);
        let (least, most) = (got.min as f64 / self.unit, got.max as f64 / self.unit);
        (most - real.0).max(real.1 - least) / self.weight(real.0.abs().min(real.1.abs()))
    }
}

/// The least and the greatest value between two arguments. Each of the functions is monotone, but for a single least value.
fn real_range(function: &Function, from: f64, to: f64) -> (f64, f64) {
    let (a, b) = (function.real(from), function.real(to));
    let lowest = match function {
        Function::Gelu => -0.751_791_524_693_564_4,
        Function::Silu => -1.278_464_542_761_073_7,
        _ => return (a.min(b), a.max(b)),
    };
    let inside = from <= lowest && lowest <= to;
    (if inside { function.real(lowest) } else { a.min(b) }, a.max(b))
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
