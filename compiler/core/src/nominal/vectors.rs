//! What a definition costs in micro-ops, and how its tensor lies in vectors.

use super::NominalWork;
use super::points::{self, Condition, Walk};
use super::tiles::{self, inside, walks};
use crate::affine::Interval;
use crate::gemm::{Core, Side};
use crate::scalar::{DType, Scalar};
use crate::select::{OpOperand, Request, SelectError, Selection, Selections, Start, cut};
use crate::tensor::{AxisId, Compute, Kernel, Leaf, Read, Tensor};

/// The dimensions of a tensor that run along the sides of a vector, BATCH and BLOCK_OUT.
pub type Lanes = [Option<usize>; 2];

/// What the costs of a definition depend on.
#[derive(Clone, Copy, Debug)]
pub struct Vectors<'a> {
    pub kernel: &'a Kernel,
    pub core: Core,
    /// Whether the ALU multiplies.
    pub multiplier: bool,
    /// The lanes of the tensors before.
    pub known: &'a [Option<Lanes>],
}

impl Vectors<'_> {
    /// The lanes of a tensor, and what computes it.
    pub fn work(&self, tensor: &Tensor, compute: &Compute) -> Result<(Lanes, NominalWork), SelectError> {
        if let Some(tiling) = tiles::best(self.kernel, self.core, compute) {
            let [batch, block_out, _] = tiling.sides;
            let dim = |axis: Option<AxisId>| axis.and_then(|axis| compute.axes.iter().position(|a| *a == axis));
            let lanes = [dim(batch), dim(block_out)];
            let reset = self.tiles(compute, lanes, &[], &[]);
            return Ok((lanes, NominalWork { gemm: tiling.uops, reset, ..NominalWork::default() }));
        }
        let lanes = self.inherited(compute).unwrap_or_else(|| self.fewest(compute));
        let vectors = self.tiles(compute, lanes, &[], &[]);
        let Some(reduction) = &compute.reduction else {
            return Ok((lanes, self.each(vectors, compute, tensor.dtype == DType::I8)?));
        };
        let conditions: Vec<Condition> = compute.reads().iter().flat_map(|read| inside(self.kernel, read)).collect();
        let values = self.tiles(compute, lanes, &reduction.axes, &conditions);
        let joined = NominalWork { alu_reg: values.saturating_sub(vectors), ..NominalWork::default() };
        Ok((lanes, joined.plus(self.each(values, compute, false)?)))
    }

    /// The vectors of a definition's values at which the conditions hold.
    fn tiles(&self, compute: &Compute, lanes: Lanes, reduced: &[AxisId], conditions: &[Condition]) -> u64 {
        let axis = |dim: Option<usize>| dim.map(|dim| compute.axes[dim]);
        let sides = [axis(lanes[0]), axis(lanes[1]), None];
        let walks: Vec<Walk> = walks(self.kernel, self.core, compute.axes.iter().chain(reduced), sides);
        points::tiles(&walks, conditions)
    }

    /// The lanes of a tensor that is read, where they are walked by axes of this one.
    fn inherited(&self, compute: &Compute) -> Option<Lanes> {
        compute.reads().into_iter().find_map(|read| {
            let [batch, block_out] = self.known[read.tensor.0 as usize]?;
            Some([followed(compute, read, batch)?, followed(compute, read, block_out)?])
        })
    }

    /// The lanes with the fewest vectors; of equals those along the first dimensions.
    fn fewest(&self, compute: &Compute) -> Lanes {
        let dims = |side: Side| -> Vec<Option<usize>> {
            let along = (0..compute.axes.len()).map(Some);
            if self.core.size(side) == 1 { vec![None] } else { along.chain([None]).collect() }
        };
        let pairs = dims(Side::Batch).into_iter().flat_map(|b| dims(Side::BlockOut).into_iter().map(move |o| [b, o]));
        let apart = pairs.filter(|[batch, block_out]| batch.is_none() || batch != block_out);
        apart.min_by_key(|lanes| self.tiles(compute, *lanes, &[], &[])).unwrap_or_default()
    }

    /// The cheapest operations for a definition's value, on so many vectors, where operands' vectors are overwritten.
    fn each(&self, vectors: u64, compute: &Compute, low_bits: bool) -> Result<NominalWork, SelectError> {
        let mut operands: Vec<&Leaf> = Vec::new();
        compute.value.leaves(&mut |leaf| {
            if !operands.iter().any(|known| same(known, leaf)) {
                operands.push(leaf);
            }
        });
        let number = |leaf: &Leaf| operands.iter().position(|known| same(known, leaf)).expect("all are listed") as u32;
        let value: Scalar<u32> = compute.value.expanded().map(&mut |leaf| number(leaf));
        let range = |k: u32| match operands[k as usize] {
            Leaf::Axis(axis) => Interval::below(self.kernel.axis(*axis).extent),
            Leaf::Read(read) => {
                let (min, max) = self.kernel.tensor(read.tensor).dtype.limits();
                Interval::new(min, max)
            }
        };
        let name = |k: u32| match operands[k as usize] {
            Leaf::Axis(axis) => self.kernel.axis(*axis).name.clone(),
            Leaf::Read(read) => self.kernel.tensor(read.tensor).name.clone(),
        };
        let request = Request { value: &value, range: &range, name: &name, low_bits, multiplier: self.multiplier };
        let parts = cut(&request, operands.len() as u32, &mut Selections::default(), &|_| true)?;
        Ok(parts.iter().fold(NominalWork::default(), |sum, part| sum.plus(each(vectors, &part.selection))))
    }
}

/// The dimension that walks a dimension of what is read; none at all if there is no such one. A side without lanes stays so.
fn followed(compute: &Compute, read: &Read, dim: Option<usize>) -> Option<Option<usize>> {
    let Some(dim) = dim else { return Some(None) };
    let axis = read.indices[dim].as_var()?;
    compute.axes.iter().position(|a| *a == axis).map(Some)
}

/// Whether two leaves have one value, wherever they stand.
fn same(one: &Leaf, other: &Leaf) -> bool {
    match (one, other) {
        (Leaf::Read(a), Leaf::Read(b)) => (a.tensor, &a.indices) == (b.tensor, &b.indices),
        (Leaf::Axis(a), Leaf::Axis(b)) => a == b,
        _ => false,
    }
}

/// The work of a selection on so many vectors.
fn each(vectors: u64, selection: &Selection) -> NominalWork {
    let imm = selection.ops.iter().filter(|op| matches!(op.operand, OpOperand::Imm(_))).count() as u64;
    let reg = selection.ops.len() as u64 - imm;
    let cleared = u64::from(selection.start == Start::Zero);
    NominalWork { reset: vectors * cleared, alu_imm: vectors * imm, alu_reg: vectors * reg, ..NominalWork::default() }
}
