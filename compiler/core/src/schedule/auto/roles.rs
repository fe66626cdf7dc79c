//! Which axes of a product become the sides of the GEMM core's tile, and which factor is the input. Stage → [`Roles`].

use std::collections::BTreeSet;

use crate::affine::Affine;
use crate::gemm::{Core, Side};
use crate::schedule::{Schedule, StageId, checks};
use crate::tensor::{AxisId, Read, TensorId};

/// The parts of a product.
#[derive(Clone, Debug)]
pub struct Roles {
    /// The access of the factor that comes from `inp`; the other one comes from `wgt`.
    pub input: Read,
    /// Whether both factors are of one tensor, of which each access is copied by itself.
    pub of_one_tensor: bool,
    /// The axis of each side in the order of [`Side::ALL`]; None where the side has size 1 and no axis is needed.
    pub sides: [Option<AxisId>; 3],
}

impl Roles {
    /// The size of the tile along an axis.
    pub fn lane(&self, core: Core, axis: AxisId) -> i64 {
        let side = Side::ALL.into_iter().find(|s| self.sides[*s as usize] == Some(axis));
        side.map_or(1, |s| core.size(s))
    }
}

/// The roles in a stage, the best first; none if the GEMM core cannot compute it. Of the two ways to choose the input, the
/// one is better whose results lie side by side where other products sum over them, then the one that wastes less of the tile,
/// and of equals the one whose tile lies along later axes.
pub fn roles(s: &Schedule, stage: StageId) -> Vec<Roles> {
    let Some((a, b)) = checks::product(s, stage) else { return Vec::new() };
    let orders = [(a, b), (b, a)];
    let mut found: Vec<(i64, Roles)> = orders.into_iter().filter_map(|(x, w)| assign(s, stage, x, w)).collect();
    let dims = summed_dims(s, s.stage(stage).tensor, MAX_READERS);
    let summed: Vec<AxisId> = dims.filter_map(|dim| s.compute(stage).axes.get(dim).copied()).collect();
    let across = |roles: &Roles| {
        let lanes = roles.sides[Side::BlockOut as usize];
        summed.iter().filter(|axis| lanes.is_some_and(|lanes| lanes != **axis)).count()
    };
    found.sort_by_cached_key(|(waste, roles)| {
        (across(roles), *waste, std::cmp::Reverse(roles.sides[Side::BlockOut as usize]))
    });
    found.into_iter().map(|(_, roles)| roles).collect()
}

/// How many readers, each of the one before, are looked at.
const MAX_READERS: usize = 8;

/// The dimensions of a tensor over which products sum that read it, or what is computed from it element by element.
fn summed_dims(s: &Schedule, tensor: TensorId, readers: usize) -> impl Iterator<Item = usize> {
    let mut found = BTreeSet::new();
    for reader in s.readers(tensor).iter().filter(|_| readers > 0) {
        let compute = s.compute(*reader);
        let own: Vec<AxisId> = match &compute.reduction {
            Some(reduction) if checks::product(s, *reader).is_some() => reduction.axes.clone(),
            Some(_) => Vec::new(),
            None => summed_dims(s, s.stage(*reader).tensor, readers - 1)
                .filter_map(|dim| compute.axes.get(dim).copied())
                .collect(),
        };
        for read in compute.reads().into_iter().filter(|read| read.tensor == tensor) {
            let summed = |index: &Affine<AxisId>| index.as_var().is_some_and(|axis| own.contains(&axis));
            found.extend((0..read.indices.len()).filter(|dim| summed(&read.indices[*dim])));
        }
    }
    found.into_iter()
}

/// The sides for a choice of factors, with the lanes that stay empty, in thousandths.
fn assign(s: &Schedule, stage: StageId, input: &Read, weights: &Read) -> Option<(i64, Roles)> {
    let compute = s.compute(stage);
    let reduced = compute.reduction.as_ref().map_or(&[][..], |r| &r.axes);
    // A step of a scan is computed alone.
    let first = usize::from(s.scan_of(s.stage(stage).tensor).is_some());
    let mut waste = 0;
    let mut sides = [None; 3];
    for side in Side::ALL {
        let fits = |axis: &AxisId| match side {
            Side::Batch => plain(input, *axis) && !mentions(weights, *axis),
            Side::BlockOut => plain(weights, *axis) && !mentions(input, *axis),
            Side::BlockIn => plain(input, *axis) && plain(weights, *axis),
        };
        let candidates = if side == Side::BlockIn { reduced } else { &compute.axes[first..] };
        let size = s.core.size(side);
        let empty = |axis: AxisId| {
            let extent = s.kernel.axis(axis).extent;
            (extent + size - 1) / size * size * 1000 / extent - 1000
        };
        // Of equals the last: it is the one that lies densest in memory.
        let best = candidates.iter().copied().filter(fits).rev().min_by_key(|axis| empty(*axis));
        match best {
            Some(axis) if size > 1 => {
                waste += empty(axis);
                sides[side as usize] = Some(axis);
            }
            // A core of one multiplier has a tile of one element, and a loop over it all the same.
            _ if side == Side::BlockIn && sides == [None; 3] => sides[side as usize] = reduced.last().copied(),
            None if size > 1 => return None,
            _ => {}
        }
    }
    let of_one_tensor = input.tensor == weights.tensor;
    Some((waste, Roles { input: input.clone(), of_one_tensor, sides }))
}

fn mentions(read: &Read, axis: AxisId) -> bool {
    read.indices.iter().any(|e| e.mentions(&|a| a == axis))
}

/// Whether the axis alone is one of the indices, and occurs in no other.
fn plain(read: &Read, axis: AxisId) -> bool {
    let alone = |e: &Affine<AxisId>| e.as_var() == Some(axis);
    read.indices.iter().filter(|e| e.mentions(&|a| a == axis)).count() == 1 && read.indices.iter().any(alone)
}
