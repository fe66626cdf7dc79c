//! What is computed together, and in which sizes. Kernel → [`Group`]s.
//!
//! A group has the tensors that are stored (its sinks: outputs, and factors of products that are computed themselves), and
//! the stages in the accumulator between them and what is loaded. A group of one sink can be tiled: all of it is computed
//! inside the loops over the sink's tiles.

use std::collections::{BTreeSet, HashMap};

use crate::gemm::Side;
use crate::scalar::DType;
use crate::schedule::auto::roles::{Roles, roles};
use crate::schedule::{Order, Schedule, StageId, checks};
use crate::scope::Scope;
use crate::tensor::{AxisId, TensorId};

#[derive(Clone, Debug)]
pub struct Group {
    pub sinks: Vec<Sink>,
    /// Stages in the accumulator, producers first.
    pub inner: Vec<StageId>,
    pub reductions: Vec<Reduction>,
    /// For each dimension of the only sink, its tile: how many elements, and how many the core's tile has there.
    pub tile: Vec<Tile>,
}

/// A tensor that is stored.
#[derive(Clone, Debug)]
pub struct Sink {
    pub stage: StageId,
    /// Whether it copies what is in the accumulator; otherwise its value is computed in a stage made for it.
    pub copies: bool,
}

/// The size of one dimension of a tile.
#[derive(Clone, Copy, Debug)]
pub struct Tile {
    pub extent: i64,
    pub lane: i64,
    pub size: i64,
}

/// A reduction, and how its operands are brought in.
#[derive(Clone, Debug)]
pub struct Reduction {
    pub stage: StageId,
    /// What the axes are to the GEMM core; none where the ALU reduces.
    pub roles: Option<Roles>,
    /// The axis that is reduced in slices: that of BLOCK_IN, or for the ALU the last one.
    pub sliced: Option<AxisId>,
    /// Its slices; further inside are the other reduced axes.
    pub slice: Tile,
    /// How many of the reduced loops stand around the operands, that of the slices first.
    pub depth: usize,
    /// The other reduced axes.
    pub others: Vec<AxisId>,
}

impl Tile {
    pub fn whole(extent: i64, lane: i64) -> Tile {
        Tile { extent, lane, size: extent }
    }

    pub fn is_whole(&self) -> bool {
        self.size >= self.extent
    }

    /// The number of lanes' blocks that the tile has.
    fn blocks(&self) -> i64 {
        (self.size + self.lane - 1) / self.lane
    }

    /// Takes the next smaller number of blocks, preferably one that divides all of them; false if there is one only.
    fn shrink(&mut self) -> bool {
        let (now, all) = (self.blocks(), (self.extent + self.lane - 1) / self.lane);
        let divisor = (now / 4 + 1..=now / 2).rev().find(|n| all % n == 0);
        let next = divisor.unwrap_or(now / 2);
        let shrinks = now > 1;
        if shrinks {
            self.size = next * self.lane;
        }
        shrinks
    }
}

impl Group {
    /// Makes the group need less of a scratchpad, first of what brings in the operands of the reduction that reads what did
    /// not fit; false if it cannot.
    pub fn shrink(&mut self, scope: Scope, reader: Option<usize>) -> bool {
        let operands = scope != Scope::Acc;
        let readers = self.reductions.iter_mut().enumerate().filter(|(at, _)| operands || reader == Some(*at));
        if readers.map(|(_, reduction)| reduction).any(Reduction::shrink) {
            return true;
        }
        // The largest dimension of a tile has the most to give.
        let mut largest: Vec<&mut Tile> = self.tile.iter_mut().collect();
        largest.sort_by_key(|t| std::cmp::Reverse(t.blocks()));
        largest.into_iter().any(Tile::shrink)
    }
}

impl Reduction {
    fn shrink(&mut self) -> bool {
        if self.slice.shrink() {
            self.depth = self.depth.max(1);
            return true;
        }
        let more = self.depth < self.others.len() + usize::from(!self.slice.is_whole());
        self.depth += usize::from(more);
        more
    }
}

/// The products that the GEMM core can compute, each with the ways to assign roles, the best first.
type Products = HashMap<StageId, Vec<Roles>>;

/// Sorts the stages of a kernel into groups. `choice` counts the ways to assign roles in products, the best first.
pub fn groups(s: &Schedule, choice: usize) -> Vec<Group> {
    let order = Order::of(s);
    let roles = |stage: &StageId| Some((*stage, roles(s, *stage))).filter(|(_, found)| !found.is_empty());
    let products: Products = order.stages.iter().filter_map(roles).collect();
    // A group that shares a stage with a later one is taken over by it, and leaves an empty place.
    let mut groups: Vec<Option<(BTreeSet<StageId>, Vec<Sink>)>> = Vec::new();
    let mut group_of: HashMap<StageId, usize> = HashMap::new();
    for stage in order.stages.iter().copied().filter(|stage| is_stored(s, &products, s.stage(*stage).tensor)) {
        let sink = sink(s, &products, stage);
        let mut inner = BTreeSet::new();
        collect(s, &products, stage, &mut inner);
        let shared: BTreeSet<usize> = inner.iter().filter_map(|stage| group_of.get(stage).copied()).collect();
        let mut sinks = Vec::new();
        for (of, others) in shared.into_iter().filter_map(|group| groups[group].take()) {
            inner.extend(of);
            sinks.extend(others);
        }
        sinks.push(sink);
        group_of.extend(inner.iter().map(|stage| (*stage, groups.len())));
        groups.push(Some((inner, sinks)));
    }
    let group = |(inner, sinks)| {
        group(s, &order, inner, sinks, &|stage| {
            let found = products.get(&stage)?;
            found.get(choice).or(found.last()).cloned()
        })
    };
    groups.into_iter().flatten().map(group).collect()
}

/// Whether a computed tensor goes to device memory: the user takes it, or the GEMM core does.
fn is_stored(s: &Schedule, products: &Products, tensor: TensorId) -> bool {
    let factor = |reader: &StageId| products.contains_key(reader);
    s.kernel.tensor(tensor).output || s.readers(tensor).iter().any(factor)
}

fn sink(s: &Schedule, products: &Products, stage: StageId) -> Sink {
    let copied = checks::is_copy(s, stage).map(|read| read.tensor);
    let copies = copied.is_some_and(|t| {
        !is_stored(s, products, t) && s.stage_of(t).is_some() && s.kernel.tensor(t).dtype == DType::I32
    });
    Sink { stage, copies }
}

/// The stages that are computed in the accumulator for a stage.
fn collect(s: &Schedule, products: &Products, stage: StageId, inner: &mut BTreeSet<StageId>) {
    let mut open = vec![stage];
    while let Some(stage) = open.pop() {
        for read in s.compute(stage).reads() {
            if let Some(producer) = s.stage_of(read.tensor)
                && !is_stored(s, products, read.tensor)
                && inner.insert(producer)
            {
                open.push(producer);
            }
        }
    }
}

fn group(
    s: &Schedule,
    order: &Order,
    inner: BTreeSet<StageId>,
    sinks: Vec<Sink>,
    roles: &dyn Fn(StageId) -> Option<Roles>,
) -> Group {
    let mut inner: Vec<StageId> = inner.into_iter().collect();
    inner.sort_by_key(|stage| order.places[stage.0 as usize]);
    let stages = inner.iter().copied().chain(sinks.iter().map(|sink| sink.stage));
    let reductions: Vec<Reduction> = stages.filter_map(|stage| reduction(s, stage, roles(stage))).collect();
    let tile = match sinks.as_slice() {
        [only] => tile(s, &inner, only.stage, &reductions),
        _ => Vec::new(),
    };
    Group { sinks, inner, reductions, tile }
}

/// How a stage reduces; none if it does not.
fn reduction(s: &Schedule, stage: StageId, roles: Option<Roles>) -> Option<Reduction> {
    let reduced = &s.compute(stage).reduction.as_ref()?.axes;
    let (sliced, lane) = match &roles {
        Some(roles) => (roles.sides[Side::BlockIn as usize], s.core.block_in),
        None => (reduced.last().copied(), 1),
    };
    let slice = sliced.map_or(Tile::whole(1, 1), |axis| Tile::whole(s.kernel.axis(axis).extent, lane));
    let others = reduced.iter().copied().filter(|a| Some(*a) != sliced).collect();
    Some(Reduction { stage, roles, sliced, slice, depth: 0, others })
}

fn tile(s: &Schedule, inner: &[StageId], sink: StageId, reductions: &[Reduction]) -> Vec<Tile> {
    let mut lanes: HashMap<StageId, Vec<i64>> = HashMap::new();
    for stage in inner.iter().chain([&sink]) {
        if let Some(found) = lanes_of(s, *stage, reductions, &lanes) {
            lanes.insert(*stage, found);
        }
    }
    let axes = &s.compute(sink).axes;
    let lane = |dim| lanes.get(&sink).map_or_else(|| default_lane(s, axes.len(), dim), |l| l[dim]);
    axes.iter().enumerate().map(|(dim, axis)| Tile::whole(s.kernel.axis(*axis).extent, lane(dim))).collect()
}

/// How many indices of each dimension of a stage lie in one tile, where a product that it comes from says so.
fn lanes_of(
    s: &Schedule,
    stage: StageId,
    reductions: &[Reduction],
    known: &HashMap<StageId, Vec<i64>>,
) -> Option<Vec<i64>> {
    let axes = &s.compute(stage).axes;
    if let Some(roles) = reductions.iter().find(|r| r.stage == stage).and_then(|r| r.roles.as_ref()) {
        return Some(axes.iter().map(|a| roles.lane(s.core, *a)).collect());
    }
    s.compute(stage).reads().iter().find_map(|read| {
        let lanes = known.get(&s.stage_of(read.tensor)?)?;
        let along = |axis: &AxisId| read.indices.iter().position(|e| e.as_var() == Some(*axis)).map_or(1, |d| lanes[d]);
        Some(axes.iter().map(along).collect())
    })
}

/// The tile of an accumulator that no product reaches.
fn default_lane(s: &Schedule, rank: usize, dim: usize) -> i64 {
    match rank - dim {
        1 => s.core.block_out,
        2 => s.core.batch,
        _ => 1,
    }
}
