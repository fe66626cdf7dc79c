//! Functions that a program writes down, by polynomials and by joined lines: function, method and range → coefficients →
//! operations.
//!
//! Both minimise the greatest error over the range, on a grid, by least squares whose weights follow the errors (Lawson's
//! method). All of it is IEEE arithmetic in a fixed order, so the coefficients have the same bits on every machine.

use std::cmp::Ordering;
use std::f64::consts::PI;

use super::number::{FACTOR_BITS, Number, behind_shift, horner_between, immediate_bits, rounded};
use super::{Approx, ApproxError, Function, Method};
use crate::scalar::{BinaryOp, Scalar};

/// Points of the grid.
const POINTS: usize = 513;
/// Rounds of weighted least squares.
const ROUNDS: usize = 80;
/// The power of two below which results stay.
const RESULT_BITS: i32 = 29;
/// Fraction bits of an argument of lines, and bits of the sum of their products.
const LINE_BITS: i32 = 14;
const SUM_BITS: i32 = 29;
/// How many times closer than in equal distances knots may stand.
const GAPS: usize = 8;

/// What a function was fitted with.
#[derive(Clone, Debug)]
pub enum Fit {
    /// Coefficients from the constant on, of a polynomial in the argument divided by a power of two.
    Polynomial { power: i32, coefficients: Vec<f64> },
    /// The places where lines join, the ends of the range among them, and the values there.
    Lines { knots: Vec<f64>, values: Vec<f64> },
}

/// The fit for a range. Errors: a function without a value somewhere in it, or with one that the format cannot hold.
pub(super) fn fit(function: &Function, method: Method, range: f64, fraction: u8) -> Result<Fit, ApproxError> {
    let xs: Vec<f64> = (0..POINTS).map(|k| 0.0 - range * cosine(k as f64 / (POINTS - 1) as f64)).collect();
    let ys: Vec<f64> = xs.iter().map(|x| function.real(*x)).collect();
    if let Some(at) = ys.iter().position(|y| !y.is_finite()) {
        return Err(ApproxError::NoValue { name: function.name().to_owned(), at: xs[at] });
    }
    let greatest = ys.iter().fold(0.0, |most: f64, y| most.max(y.abs()));
    if greatest * 2f64.powi(fraction.into()) >= 2f64.powi(RESULT_BITS) {
        return Err(ApproxError::Values { name: function.name().to_owned(), greatest, fraction });
    }
    Ok(match segments(method) {
        Some(count) => {
            // Two at the same argument would be ends of a line without a slope.
            let unit = 2f64.powi(-line_bits(range, fraction.into()));
            let mut knots = knots(function, range, count);
            let last = knots.len() - 1;
            knots[1..last].iter_mut().for_each(|knot| *knot = (*knot / unit).round() * unit);
            knots.dedup_by(|next, before| *next - *before < unit);
            let basis: Vec<Vec<f64>> =
                (0..knots.len()).map(|k| xs.iter().map(|x| hat(&knots, k, *x)).collect()).collect();
            let values = minimax(&basis, &ys);
            let most = values.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
            if most * 2f64.powi(fraction.into()) >= 2f64.powi(RESULT_BITS) {
                return Err(ApproxError::Values { name: function.name().to_owned(), greatest: most, fraction });
            }
            Fit::Lines { knots, values }
        }
        None => {
            let power = range.log2().ceil() as i32;
            let scale = 2f64.powi(-power);
            let basis = chebyshev(&xs.iter().map(|x| x / range).collect::<Vec<_>>(), degree(method));
            let coefficients = monomials(&minimax(&basis, &ys), range * scale);
            Fit::Polynomial { power, coefficients }
        }
    })
}

pub(super) fn expand<L: Clone>(approx: &Approx, fit: &Fit, x: &Scalar<L>) -> Number<L> {
    let x = Number { value: x.clone() };
    match fit {
        Fit::Polynomial { power, coefficients } => polynomial(approx, *power, coefficients, &x),
        Fit::Lines { knots, values } => lines(approx, (knots, values), &x),
    }
}

/// The argument becomes a number of at most 1, so that every product has a place.
fn polynomial<L: Clone>(approx: &Approx, power: i32, coefficients: &[f64], x: &Number<L>) -> Number<L> {
    let q = i32::from(approx.fraction);
    let f = FACTOR_BITS.min(q + power);
    let shift = q + power - f;
    let z = x.shifted(shift).clipped(approx.limit >> shift);
    let sum: f64 = coefficients.iter().map(|c| c.abs()).sum();
    let inner = 16 - sum.max(0.5).log2().ceil() as i32 - (f - FACTOR_BITS).max(0);
    let value = horner_between(&z, f, coefficients, (inner, inner));
    rounded(value, inner - q)
}

/// The first line, and for each place where lines join the change of the slope times what lies above it.
fn lines<L: Clone>(approx: &Approx, (knots, values): (&[f64], &[f64]), x: &Number<L>) -> Number<L> {
    let q = i32::from(approx.fraction);
    let range = approx.range();
    let p = line_bits(range, q);
    let x = x.shifted(q - p).clipped(approx.limit >> (q - p));
    let slopes: Vec<f64> = (1..knots.len()).map(|k| (values[k] - values[k - 1]) / (knots[k] - knots[k - 1])).collect();
    let mut terms = vec![(None, slopes[0])];
    terms
        .extend((1..slopes.len()).map(|k| (Some((knots[k] * 2f64.powi(p)).round() as i32), slopes[k] - slopes[k - 1])));
    let steepest = terms.iter().map(|(_, slope)| slope.abs()).fold(0.0, f64::max);
    let sum: f64 = terms.iter().map(|(_, slope)| slope.abs()).sum::<f64>() * range;
    let bits = immediate_bits(steepest).min(SUM_BITS - p - sum.max(1e-9).log2().ceil() as i32);
    let rounded: Vec<i32> = terms.iter().map(|(_, slope)| (slope * 2f64.powi(bits)).round() as i32).collect();
    let mut total: Option<Number<L>> = None;
    for ((knot, _), slope) in terms.iter().zip(&rounded) {
        let part = match knot {
            Some(knot) => x.with(BinaryOp::Max, *knot),
            None => x.clone(),
        };
        let part = part.times(*slope);
        total = Some(total.map_or(part.clone(), |sum| sum.and(BinaryOp::Add, &part)));
    }
    // What the lines yield in the middle of the range, against what they are to yield there, in the mean of both ends.
    let at = |x: f64| -> f64 {
        let part = |(knot, _): &(Option<i32>, f64)| knot.map_or(x, |knot| x.max(f64::from(knot) / 2f64.powi(p)));
        terms.iter().zip(&rounded).map(|(term, slope)| part(term) * f64::from(*slope) / 2f64.powi(bits)).sum()
    };
    let differences = knots.iter().zip(values).map(|(knot, value)| value - at(*knot));
    let (least, most) = differences.fold((f64::MAX, f64::MIN), |(l, m), d| (l.min(d), m.max(d)));
    let constant = behind_shift(f64::midpoint(least, most), q);
    let total = total.unwrap_or(Number { value: Scalar::int(0) });
    total.shifted(p + bits - q).plus(constant)
}

/// Fraction bits of the argument of lines, of which the ends are immediates; fewer than none for a large range.
fn line_bits(range: f64, q: i32) -> i32 {
    (-LINE_BITS..=q.min(LINE_BITS)).rev().find(|p| range * 2f64.powi(*p) < 32_767.5).unwrap_or(-LINE_BITS)
}

fn segments(method: Method) -> Option<usize> {
    match method {
        Method::Lines4 => Some(4),
        Method::Lines8 => Some(8),
        Method::Lines16 => Some(16),
        _ => None,
    }
}

fn degree(method: Method) -> usize {
    match method {
        Method::Linear => 1,
        Method::Quadratic => 2,
        Method::Cubic => 3,
        Method::Quartic => 4,
        Method::Quintic => 5,
        _ => 6,
    }
}

/// `cos(pi x)`, exactly odd about 1/2, so that zero is on the grid.
fn cosine(x: f64) -> f64 {
    match x.partial_cmp(&0.5) {
        Some(Ordering::Less) => libm::cos(PI * x),
        Some(Ordering::Greater) => -libm::cos(PI * (1.0 - x)),
        _ => 0.0,
    }
}

/// Places between which the function is about equally far from a line: as dense as the root of its curvature.
fn knots(function: &Function, range: f64, count: usize) -> Vec<f64> {
    let step = 2.0 * range / (POINTS - 1) as f64;
    let at = |k: usize| function.real(-range + step * k as f64);
    let bend = |k: usize| (at(k - 1) - 2.0 * at(k) + at(k + 1)).abs().sqrt();
    let bends: Vec<f64> = (1..POINTS - 1).map(bend).map(|bend| if bend.is_finite() { bend } else { 0.0 }).collect();
    let mean = bends.iter().sum::<f64>() / bends.len() as f64;
    // Where it is straight there are a few as well.
    let mut sums = vec![0.0];
    sums.extend(bends.iter().scan(0.0, |sum, bend| {
        *sum += bend + 0.01 * mean + f64::MIN_POSITIVE;
        Some(*sum)
    }));
    let whole = sums[sums.len() - 1];
    let place = |k: usize| {
        let share = whole * k as f64 / count as f64;
        let after = sums.partition_point(|sum| *sum < share).clamp(1, sums.len() - 1);
        let part = (share - sums[after - 1]) / (sums[after] - sums[after - 1]);
        -range + (after as f64 - 1.0 + part) / (sums.len() - 1) as f64 * 2.0 * range
    };
    let mut knots: Vec<f64> = (1..count).map(place).collect();
    // Where the function has a corner many would meet, and the lines between them be as steep as one likes.
    let gap = 2.0 * range / (GAPS * count) as f64;
    let mut before = -range;
    for knot in &mut knots {
        *knot = knot.max(before + gap);
        before = *knot;
    }
    let mut behind = range;
    for knot in knots.iter_mut().rev() {
        *knot = knot.min(behind - gap);
        behind = *knot;
    }
    [-range].into_iter().chain(knots).chain([range]).collect()
}

/// 1 at a knot, 0 at the others, a line between two.
fn hat(knots: &[f64], k: usize, x: f64) -> f64 {
    let here = knots[k];
    if x < here {
        return if k == 0 { 0.0 } else { ((x - knots[k - 1]) / (here - knots[k - 1])).max(0.0) };
    }
    match knots.get(k + 1) {
        Some(next) => ((next - x) / (next - here)).max(0.0),
        None => 1.0,
    }
}

fn chebyshev(xs: &[f64], degree: usize) -> Vec<Vec<f64>> {
    let mut basis = vec![vec![1.0; xs.len()], xs.to_vec()];
    for k in 2..=degree {
        basis.push((0..xs.len()).map(|i| 2.0 * xs[i] * basis[k - 1][i] - basis[k - 2][i]).collect());
    }
    basis
}

/// Coefficients of Chebyshev polynomials in `z / end` → those of powers of `z`.
fn monomials(chebyshev: &[f64], end: f64) -> Vec<f64> {
    let count = chebyshev.len();
    let mut polynomials = vec![vec![0.0; count]; count.max(2)];
    polynomials[0][0] = 1.0;
    if count > 1 {
        polynomials[1][1] = 1.0;
    }
    for k in 2..count {
        for i in 0..count {
            let twice = if i > 0 { 2.0 * polynomials[k - 1][i - 1] } else { 0.0 };
            polynomials[k][i] = twice - polynomials[k - 2][i];
        }
    }
    let of_power = |i: usize| (0..count).map(|k| chebyshev[k] * polynomials[k][i]).sum::<f64>() / end.powi(i as i32);
    (0..count).map(of_power).collect()
}

/// The combination of functions, each given by its values on the grid, whose greatest distance from `ys` is about the least.
fn minimax(basis: &[Vec<f64>], ys: &[f64]) -> Vec<f64> {
    let mut weights = vec![1.0 / ys.len() as f64; ys.len()];
    let (mut best, mut least) = (Vec::new(), f64::INFINITY);
    for _ in 0..ROUNDS {
        let coefficients = least_squares(basis, ys, &weights);
        let error = |i: usize| (basis.iter().zip(&coefficients).map(|(b, c)| b[i] * c).sum::<f64>() - ys[i]).abs();
        let errors: Vec<f64> = (0..ys.len()).map(error).collect();
        let greatest = errors.iter().copied().fold(0.0, f64::max);
        if greatest < least {
            (least, best) = (greatest, coefficients);
        }
        let total: f64 = weights.iter().zip(&errors).map(|(w, e)| w * e).sum();
        if total <= f64::MIN_POSITIVE {
            break;
        }
        weights.iter_mut().zip(&errors).for_each(|(w, e)| *w *= e / total);
    }
    best
}

/// Solves the normal equations by elimination with pivots. What no equation determines is 0.
fn least_squares(basis: &[Vec<f64>], ys: &[f64], weights: &[f64]) -> Vec<f64> {
    let count = basis.len();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).zip(weights).map(|((a, b), w)| a * b * w).sum::<f64>();
    let row = |i: usize| -> Vec<f64> { basis.iter().map(|b| dot(&basis[i], b)).chain([dot(&basis[i], ys)]).collect() };
    let mut rows: Vec<Vec<f64>> = (0..count).map(row).collect();
    let smallest = 1e-14 * rows.iter().enumerate().map(|(i, row)| row[i].abs()).fold(0.0, f64::max);
    for k in 0..count {
        let pivot = (k..count).max_by(|a, b| rows[*a][k].abs().total_cmp(&rows[*b][k].abs())).unwrap_or(k);
        rows.swap(k, pivot);
        if rows[k][k].abs() <= smallest {
            continue;
        }
        for i in 0..count {
            let factor = rows[i][k] / rows[k][k];
            if i == k || factor == 0.0 {
                continue;
            }
            let (source, target) = (rows[k].clone(), &mut rows[i]);
            target.iter_mut().zip(&source).for_each(|(t, s)| *t -= factor * s);
        }
    }
    (0..count).map(|k| if rows[k][k].abs() <= smallest { 0.0 } else { rows[k][count] / rows[k][k] }).collect()
}
