//! Computes a definition: its expression is applied to up to [`CHUNK`] points of a row at a time, operation by operation.

use ndarray::{ArrayD, IxDyn};

use super::access::{Access, Accesses, Pattern, Space, locate};
use super::arithmetic::{Functions, Number};
use crate::affine::Affine;
use crate::scalar::{BinaryOp, CastMode, DType, Scalar};
use crate::tensor::{AxisId, Compute, Kernel, TensorId};

/// Points whose intermediate values fit in the first-level cache together.
const CHUNK: usize = 1024;

/// The values of a definition of a tensor, from those of other tensors.
pub(super) fn compute<N: Number>(
    kernel: &Kernel,
    functions: &Functions,
    (id, compute): (TensorId, &Compute),
    arrays: &[ArrayD<N>],
) -> ArrayD<N> {
    let shape: Vec<usize> = compute.axes.iter().map(|a| kernel.axis(*a).extent as usize).collect();
    let space = Space::new(kernel, compute);
    let accesses = Accesses::new(kernel, &space, arrays, compute);
    let value = compute.value.map(&mut |leaf| accesses.access(leaf));
    let (start, join) = match &compute.reduction {
        None => (N::of(0), BinaryOp::Add),
        Some(r) => (N::start(r.reducer, kernel.tensor(id).dtype), r.reducer.op()),
    };
    let mut out = vec![start; shape.iter().product()];
    let mut rows = Rows { space: &space, functions, outer: vec![0; space.outer.len()], pool: Vec::new(), join };
    let reduced_in_row = reduced_in_row(compute, &space);
    let outputs_in_row = space.points_in_row() / reduced_in_row;
    loop {
        let first = rows.output_row(compute) * outputs_in_row;
        rows.row(&value, reduced_in_row, &mut out[first..first + outputs_in_row]);
        if !rows.advance() {
            break;
        }
    }
    ArrayD::from_shape_vec(IxDyn(&shape), out).expect("one value for each element of the shape")
}

/// How many neighbouring points of a row belong to one element of the result.
fn reduced_in_row(compute: &Compute, space: &Space) -> usize {
    let Some(reduction) = &compute.reduction else { return 1 };
    space.row.iter().filter(|(a, _)| reduction.axes.contains(a)).map(|(_, n)| *n as usize).product()
}

struct Rows<'a, N> {
    space: &'a Space,
    functions: &'a Functions,
    /// The value of each outer axis.
    outer: Vec<i64>,
    /// Buffers that are not in use.
    pool: Vec<Vec<N>>,
    /// Joins the values of one element. Without a reduction there is one, which is added to 0.
    join: BinaryOp,
}

/// The values of an expression at the points of a chunk.
enum Values<'a, N> {
    /// One value at all points.
    Uniform(N),
    Slice(&'a [N]),
    Buffer(Vec<N>),
}

/// [`Values`] without their place.
enum View<'a, N> {
    Uniform(N),
    Each(&'a [N]),
}

impl<N: Number> View<'_, N> {
    fn at(&self, point: usize) -> N {
        match self {
            View::Uniform(value) => *value,
            View::Each(values) => values[point],
        }
    }
}

impl<N: Number> Values<'_, N> {
    fn view(&self) -> View<'_, N> {
        match self {
            Values::Uniform(value) => View::Uniform(*value),
            Values::Slice(values) => View::Each(values),
            Values::Buffer(values) => View::Each(values),
        }
    }
}

impl<N: Number> Rows<'_, N> {
    /// Steps to the next row; `false` behind the last one.
    fn advance(&mut self) -> bool {
        for (value, (_, extent)) in self.outer.iter_mut().zip(&self.space.outer).rev() {
            *value += 1;
            if *value < *extent {
                return true;
            }
            *value = 0;
        }
        false
    }

    /// The position of this row's elements among those of all rows. Only outer axes that are not reduced count.
    fn output_row(&self, compute: &Compute) -> usize {
        let axes = self.space.outer.iter().zip(&self.outer);
        let kept = axes.filter(|((a, _), _)| compute.axes.contains(a));
        kept.fold(0, |at, ((_, extent), value)| at * *extent as usize + *value as usize)
    }

    /// Joins the values of a row with its part of the result. Without a reduction each element has one point.
    fn row(&mut self, value: &Scalar<Access<N>>, reduced: usize, out: &mut [N]) {
        let points = self.space.points_in_row();
        let mut start = 0;
        while start < points {
            let count = CHUNK.min(points - start);
            let values = self.values(value, start, count);
            match values.view() {
                View::Uniform(v) => self.join(&vec![v; count], start, reduced, out),
                View::Each(values) => self.join(values, start, reduced, out),
            }
            self.recycle(values);
            start += count;
        }
    }

    fn join(&self, values: &[N], start: usize, reduced: usize, out: &mut [N]) {
        // The operation is a constant in each arm, so that each has a loop of its own.
        match self.join {
            BinaryOp::Max => join(values, start, reduced, out, |x, y| N::binary(BinaryOp::Max, x, y)),
            BinaryOp::Min => join(values, start, reduced, out, |x, y| N::binary(BinaryOp::Min, x, y)),
            _ => join(values, start, reduced, out, |x, y| N::binary(BinaryOp::Add, x, y)),
        }
    }

    /// The values at `count` points of the row, from point `start` on.
    fn values<'v>(&mut self, value: &'v Scalar<Access<N>>, start: usize, count: usize) -> Values<'v, N> {
        match value {
            Scalar::Const { value, .. } => Values::Uniform(N::of(*value)),
            Scalar::Leaf(access) => self.leaf(access, start, count),
            Scalar::Binary { op, left, right } => {
                let (a, b) = (self.values(left, start, count), self.values(right, start, count));
                self.binary(*op, a, b, count)
            }
            Scalar::Cast { to, mode, value } => {
                let values = self.values(value, start, count);
                self.cast(*to, *mode, values)
            }
            Scalar::Approx { approx, value } => {
                let values = self.values(value, start, count);
                let mut out = self.buffer();
                match values.view() {
                    View::Uniform(value) => N::approximate(self.functions, approx, &vec![value; count], &mut out),
                    View::Each(values) => N::approximate(self.functions, approx, values, &mut out),
                }
                self.recycle(values);
                Values::Buffer(out)
            }
            Scalar::Select { op, parts } => {
                let operands = parts.each().map(|part| self.values(part, start, count));
                let mut out = self.buffer();
                {
                    let [left, right, yes, no] = operands.each_ref().map(Values::view);
                    let choose = |at| if N::holds(*op, left.at(at), right.at(at)) { yes.at(at) } else { no.at(at) };
                    out.extend((0..count).map(choose));
                }
                operands.into_iter().for_each(|values| self.recycle(values));
                Values::Buffer(out)
            }
        }
    }

    fn leaf<'v>(&mut self, access: &'v Access<N>, start: usize, count: usize) -> Values<'v, N> {
        match access {
            Access::Read { data, base, within } => {
                let base = self.base(base);
                match within {
                    Pattern::Stride(0) => Values::Uniform(data[base as usize]),
                    Pattern::Stride(1) => {
                        let first = base as usize + start;
                        Values::Slice(&data[first..first + count])
                    }
                    within => self.fill(within, start, count, |offset| data[(base + offset) as usize]),
                }
            }
            Access::Axis { base, within } => {
                let base = self.base(base);
                match within {
                    Pattern::Stride(0) => Values::Uniform(N::of(base as i32)),
                    within => self.fill(within, start, count, |offset| N::of((base + offset) as i32)),
                }
            }
            Access::Scattered { data, read, shape, outside } => {
                let mut out = self.buffer();
                out.extend((start as i64..).take(count).map(|point| {
                    let place = locate(read, shape, &|a| self.space.value(a, &self.outer, point));
                    place.map_or(*outside, |at| data[at])
                }));
                Values::Buffer(out)
            }
        }
    }

    /// The part of an offset that the outer axes make up.
    fn base(&self, base: &Affine<AxisId>) -> i64 {
        base.eval(&|axis| {
            let at = self.space.outer.iter().position(|(a, _)| *a == axis);
            at.map_or(0, |at| self.outer[at])
        })
    }

    fn fill<'v>(&mut self, within: &Pattern, start: usize, count: usize, value: impl Fn(i64) -> N) -> Values<'v, N> {
        let mut out = self.buffer();
        match within {
            Pattern::Stride(stride) => {
                out.extend((start as i64..).take(count).map(|point| value(point * stride)));
            }
            Pattern::Table(table) => {
                out.extend(table[start..start + count].iter().map(|offset| value(i64::from(*offset))));
            }
        }
        Values::Buffer(out)
    }

    fn binary<'v>(&mut self, op: BinaryOp, a: Values<'v, N>, b: Values<'v, N>, count: usize) -> Values<'v, N> {
        if let (Values::Uniform(a), Values::Uniform(b)) = (&a, &b) {
            return Values::Uniform(N::binary(op, *a, *b));
        }
        let mut out = self.buffer();
        // The operation is a constant in each arm, so that each has a loop of its own.
        match op {
            BinaryOp::Add => zip(&a, &b, count, &mut out, |x, y| N::binary(BinaryOp::Add, x, y)),
            BinaryOp::Sub => zip(&a, &b, count, &mut out, |x, y| N::binary(BinaryOp::Sub, x, y)),
            BinaryOp::Mul => zip(&a, &b, count, &mut out, |x, y| N::binary(BinaryOp::Mul, x, y)),
            BinaryOp::Min => zip(&a, &b, count, &mut out, |x, y| N::binary(BinaryOp::Min, x, y)),
            BinaryOp::Max => zip(&a, &b, count, &mut out, |x, y| N::binary(BinaryOp::Max, x, y)),
            BinaryOp::Shr => zip(&a, &b, count, &mut out, |x, y| N::binary(BinaryOp::Shr, x, y)),
            BinaryOp::Shl => zip(&a, &b, count, &mut out, |x, y| N::binary(BinaryOp::Shl, x, y)),
            BinaryOp::Div(_) => zip(&a, &b, count, &mut out, |x, y| N::binary(op, x, y)),
        }
        self.recycle(a);
        self.recycle(b);
        Values::Buffer(out)
    }

    fn cast<'v>(&mut self, to: DType, mode: CastMode, values: Values<'v, N>) -> Values<'v, N> {
        if to == DType::I32 || mode == CastMode::Exact {
            return values;
        }
        let mut out = self.buffer();
        match (values.view(), mode) {
            (View::Uniform(value), mode) => return Values::Uniform(N::cast(to, mode, value)),
            (View::Each(values), CastMode::Wrap | CastMode::Exact) => {
                out.extend(values.iter().map(|v| N::cast(DType::I8, CastMode::Wrap, *v)));
            }
            (View::Each(values), CastMode::Saturate) => {
                out.extend(values.iter().map(|v| N::cast(DType::I8, CastMode::Saturate, *v)));
            }
        }
        self.recycle(values);
        Values::Buffer(out)
    }

    /// An empty buffer.
    fn buffer(&mut self) -> Vec<N> {
        self.pool.pop().unwrap_or_else(|| Vec::with_capacity(CHUNK))
    }

    fn recycle(&mut self, values: Values<N>) {
        if let Values::Buffer(mut buffer) = values {
            buffer.clear();
            self.pool.push(buffer);
        }
    }
}

fn zip<N: Number>(a: &Values<N>, b: &Values<N>, count: usize, out: &mut Vec<N>, f: impl Fn(N, N) -> N) {
    match (a.view(), b.view()) {
        (View::Uniform(a), View::Uniform(b)) => out.resize(count, f(a, b)),
        (View::Uniform(a), View::Each(b)) => out.extend(b.iter().map(|b| f(a, *b))),
        (View::Each(a), View::Uniform(b)) => out.extend(a.iter().map(|a| f(*a, b))),
        (View::Each(a), View::Each(b)) => out.extend(a.iter().zip(b).map(|(a, b)| f(*a, *b))),
    }
}

/// Joins values at points from `start` on with the elements that they belong to, `reduced` points to each.
fn join<N: Number>(mut values: &[N], mut start: usize, reduced: usize, out: &mut [N], op: impl Fn(N, N) -> N) {
    if reduced == 1 {
        let out = &mut out[start..start + values.len()];
        out.iter_mut().zip(values).for_each(|(o, v)| *o = op(*o, *v));
        return;
    }
    while !values.is_empty() {
        let element = start / reduced;
        let (own, rest) = values.split_at(values.len().min((element + 1) * reduced - start));
        out[element] = own.iter().fold(out[element], |joined, v| op(joined, *v));
        start += own.len();
        values = rest;
    }
}
