//! Holds that what fills up tiles is taken for nothing. Nests with layouts and the kernel that they compute → nothing, or the
//! sum that could add something else than zeros, or the read that could find something else than what stands outside of an
//! array.
//!
//! ```text
//! C[i, j] += X_buf[i, r] * W_buf[j, r]      r in 0..256 of 250: X_buf[i, 250..] and W_buf[j, 250..] are loaded with the tile
//! ```
//!
//! An input is filled up with zeros. What a program computed and stored in DRAM is not: its last tile has the results of
//! lanes that are no part of the array. A product with zero is zero, so one factor is enough that comes from an input and
//! ends where the sum does. Nests do not show where a sum ends, nor which reads beyond an edge only compute what nothing
//! takes, so this is asked of the kernel.

use crate::affine::{Affine, Interval};
use crate::legalize::LegalizeError;
use crate::legalize::layout::partner;
use crate::legalize::match_gemm::Product;
use crate::legalize::nest::Nest;
use crate::loops::ir::{self, Buffer, BufferId, Lane, LoopId, LoopProgram, Origin, Scope};
use crate::scalar::{BinaryOp, Scalar};
use crate::tensor::{AxisId, Compute, Definition, Kernel, Leaf, Read, Reducer, State, Tensor, TensorId};

/// Checks one product. Buffers have the extents of their tiles.
pub fn adds_zeros(program: &LoopProgram, nests: &[Nest], nest: &Nest, p: &Product) -> Result<(), LegalizeError> {
    let reduced = p.tile.src.iter().find_map(|a| p.tile.wgt.iter().find(|b| a.var == b.var).map(|b| (a.dim, b.dim)));
    let Some((src_dim, wgt_dim)) = reduced else { return Ok(()) };
    let anything = |b: BufferId, dim: usize| holds_anything(program, nests, b, dim, program.buffers.len());
    if !anything(p.src.buffer, src_dim) || !anything(p.wgt.buffer, wgt_dim) {
        return Ok(());
    }
    Err(LegalizeError::Shape {
        buffer: program.buffer(p.dst.buffer).name.clone(),
        what: "products of the GEMM core",
        reason: "both factors are computed, and what fills up the last tile of the sum is not zero in them".to_string(),
        origin: nest.origin(),
        help: "make the size that is summed over a multiple of BLOCK_IN, or let one of the factors be an input"
            .to_string(),
    })
}

/// Checks a kernel against the tiles that its tensors in DRAM were given: what it reads beyond an edge is what the kernel says
/// stands there, and what products add beyond the end of a sum is zero.
pub fn means_the_same(program: &LoopProgram, kernel: &Kernel) -> Result<(), LegalizeError> {
    let filled = Filled { program, kernel };
    kernel.tensors.iter().try_for_each(|tensor| {
        let (Definition::Compute(compute) | Definition::State(State { next: compute, .. })) = &tensor.definition else {
            return Ok(());
        };
        compute.reads().into_iter().try_for_each(|read| filled.reads_outside(read, tensor))?;
        filled.adds_zeros(compute, tensor)
    })
}

/// A kernel, and what became of it: buffers have the names of its tensors, and the extents of their tiles.
struct Filled<'a> {
    program: &'a LoopProgram,
    kernel: &'a Kernel,
}

impl Filled<'_> {
    /// Refuses a read beyond an edge that lies inside of a tile, which is filled up with something else. Only what the
    /// kernel itself reads counts: tiles of operands reach beyond edges as well, for results that nothing takes.
    fn reads_outside(&self, read: &Read, reader: &Tensor) -> Result<(), LegalizeError> {
        let tensor = self.kernel.tensor(read.tensor);
        let (Some(buffer), Some(outside)) = (self.in_dram(read.tensor), tensor.outside) else { return Ok(()) };
        if buffer.role.is_given() && outside == 0 {
            return Ok(());
        }
        let mut dims = read.indices.iter().zip(buffer.array.iter().zip(&buffer.shape)).enumerate();
        let beyond = dims.find(|(_, (index, (array, shape)))| array < shape && self.range(index).max >= **array);
        let Some((dim, (_, (array, _)))) = beyond else { return Ok(()) };
        Err(LegalizeError::Shape {
            buffer: buffer.name.clone(),
            what: "reads beyond the edge of an array",
            reason: format!(
                "dimension {dim} ends inside of a tile, which is filled up with something else than the {outside} outside \
                 of it"
            ),
            origin: Origin { tensor: Some(reader.span), directive: None },
            help: format!("make its size, {array}, a multiple of the tile's"),
        })
    }

    /// Refuses a sum that ends inside of a tile, unless a factor that comes from outside ends with it: a tile's products
    /// are all added, and only what fills up an input is zero.
    fn adds_zeros(&self, compute: &Compute, tensor: &Tensor) -> Result<(), LegalizeError> {
        let is_product = matches!(compute.value, Scalar::Binary { op: BinaryOp::Mul, .. });
        let Some(sum) = compute.reduction.as_ref().filter(|r| r.reducer == Reducer::Sum && is_product) else {
            return Ok(());
        };
        let factors = compute.reads();
        for axis in &sum.axes {
            let extent = self.kernel.axis(*axis).extent;
            let ends_inside = |read: &&Read| self.lane(read, *axis).is_some_and(|size| extent % size != 0);
            if factors.len() == 2
                && factors.iter().all(ends_inside)
                && !factors.iter().any(|read| self.ends_with(read.tensor, &read.indices, *axis))
            {
                return Err(LegalizeError::Shape {
                    buffer: tensor.name.clone(),
                    what: "products of the GEMM core",
                    reason: format!(
                        "the sum over `{}` ends inside of a tile, at {extent}, and what fills up the tile is zero in \
                         neither factor",
                        self.kernel.axis(*axis).name
                    ),
                    origin: Origin { tensor: Some(tensor.span), directive: None },
                    help:
                        "let the sum run over a multiple of BLOCK_IN, or let one of the factors be an input that ends \
                           where the sum does"
                            .to_string(),
                });
            }
        }
        Ok(())
    }

    /// How many elements a tile has along the dimension of a factor that an axis walks; none if that is no lane.
    fn lane(&self, read: &Read, axis: AxisId) -> Option<i64> {
        let layout = self.named(read.tensor)?.layout.as_ref()?;
        let walks = |lane: &&Lane| read.indices[lane.dim].mentions(&|a| a == axis);
        layout.lanes.iter().find(walks).map(|lane| lane.size)
    }

    /// Whether what is read beyond the end of an axis is beyond the end of an input as well, and so zero.
    fn ends_with(&self, tensor: TensorId, indices: &[Affine<AxisId>], axis: AxisId) -> bool {
        let extent = self.kernel.axis(axis).extent;
        match &self.kernel.tensor(tensor).definition {
            Definition::Input => {
                let zero = self.kernel.tensor(tensor).outside.is_none_or(|value| value == 0);
                let beyond = |(index, array): (&Affine<AxisId>, &i64)| {
                    let step = index.coefficient(axis).filter(|step| *step > 0);
                    step.is_some_and(|step| self.range(&index.without(axis)).min + step * extent >= *array)
                };
                zero && indices.iter().zip(&self.kernel.tensor(tensor).shape).any(beyond)
            }
            // What is computed and stored fills up tiles with anything, unless the kernel's copy is all there is of it.
            Definition::Compute(Compute { axes, reduction: None, value: Scalar::Leaf(Leaf::Read(read)) })
                if self.in_dram(tensor).is_none() =>
            {
                let at =
                    |a: AxisId| axes.iter().position(|x| *x == a).map_or(Affine::var(a), |dim| indices[dim].clone());
                let range = |a: AxisId| Interval::below(self.kernel.axis(a).extent);
                let source: Vec<_> = read.indices.iter().map(|index| index.substitute(&at, &range)).collect();
                self.ends_with(read.tensor, &source, axis)
            }
            _ => false,
        }
    }

    /// The values of an index in the kernel itself.
    fn range(&self, index: &Affine<AxisId>) -> Interval {
        index.range(&|a| Interval::below(self.kernel.axis(a).extent))
    }

    /// The buffer of a tensor, if there is one.
    fn named(&self, tensor: TensorId) -> Option<&Buffer> {
        let name = &self.kernel.tensor(tensor).name;
        self.program.buffers.iter().find(|b| b.name == *name)
    }

    fn in_dram(&self, tensor: TensorId) -> Option<&Buffer> {
        self.named(tensor).filter(|b| b.scope == Scope::Dram)
    }
}

/// Whether a dimension ends with a tile that is filled up with something else than zeros. Copies pass on what they load.
fn holds_anything(program: &LoopProgram, nests: &[Nest], b: BufferId, dim: usize, depth: usize) -> bool {
    let buffer = program.buffer(b);
    if buffer.scope == Scope::Dram {
        return !buffer.role.is_given() && buffer.array[dim] < buffer.shape[dim];
    }
    if depth == 0 {
        return true;
    }
    nests.iter().filter(|n| n.store.buffer == b).any(|n| {
        let vars: Vec<LoopId> = n.loops.iter().map(|l| l.var).collect();
        let mut anything = false;
        n.store.value.leaves(&mut |leaf| {
            if let ir::Leaf::Load(l) = leaf {
                let from = partner(&vars, (dim, &n.store.indices[dim]), &l.indices);
                anything |= from.is_none_or(|from| holds_anything(program, nests, l.buffer, from, depth - 1));
            }
        });
        anything
    })
}
