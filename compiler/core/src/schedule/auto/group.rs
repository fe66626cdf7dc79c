//! What is computed together, and in which sizes. Kernel → [`Group`]s.
//!
//! A group has the tensors that are stored (its sinks: outputs, and factors of products that are computed themselves), and
//! the stages in the accumulator between them and what is loaded. A group of one sink can be tiled: all of it is computed
//! inside the loops over the sink's tiles.

use std::collections::{BTreeSet, HashMap};

use crate::gemm::Side;
use crate::scalar::DType;
use crate::schedule::auto::AutomaticError;
use crate::schedule::auto::roles::{Roles, roles};
use crate::schedule::{Order, Schedule, StageId, checks};
use crate::scope::Scope;
use crate::tensor::{AxisId, TensorId};

#[derive(Clone, Debug)]
pub struct Group {
    pub sinks: Vec<Sink>,
    /// Stages in the accumulator, producers first.
    pub inner: Vec<StageId>,
    pub products: Vec<Product>,
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

/// A stage for the GEMM core, and how its operands are brought in.
#[derive(Clone, Debug)]
pub struct Product {
    pub stage: StageId,
    pub roles: Roles,
    /// The axis of BLOCK_IN, in slices; further inside are the other reduced axes.
    pub slice: Tile,
    /// How many of the reduced loops stand around the operands, that of the slices first.
    pub depth: usize,
    /// The reduced axes besides that of BLOCK_IN.
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
    /// Makes the group need less of a scratchpad; false if it cannot.
    pub fn shrink(&mut self, scope: Scope) -> bool {
        let operands = scope != Scope::Acc;
        if operands && self.products.iter_mut().any(Product::shrink) {
            return true;
        }
        // The largest dimension of a tile has the most to give.
        let mut largest: Vec<&mut Tile> = self.tile.iter_mut().collect();
        largest.sort_by_key(|t| std::cmp::Reverse(t.blocks()));
        largest.into_iter().any(Tile::shrink)
    }
}

impl Product {
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

/// Sorts the stages of a kernel into groups. `choice` counts the ways to assign roles in products, the best first.
pub fn groups(s: &Schedule, choice: usize) -> Result<Vec<Group>, AutomaticError> {
    let order = Order::of(s);
    // A group that shares a stage with a later one is taken over by it, and leaves an empty place.
    let mut groups: Vec<Option<(BTreeSet<StageId>, Vec<Sink>)>> = Vec::new();
    let mut group_of: HashMap<StageId, usize> = HashMap::new();
    for stage in order.stages.iter().copied().filter(|stage| is_stored(s, s.stage(*stage).tensor)) {
        let sink = sink(s, stage)?;
        let mut inner = BTreeSet::new();
        collect(s, stage, &mut inner);
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
    groups.into_iter().flatten().map(|(inner, sinks)| group(s, &order, inner, sinks, choice)).collect()
}

/// Whether a computed tensor goes to device memory: the user takes it, or the GEMM core does.
fn is_stored(s: &Schedule, tensor: TensorId) -> bool {
    let factor =
        |reader: StageId| checks::product(s, reader).is_some_and(|(a, b)| a.tensor == tensor || b.tensor == tensor);
    s.kernel.tensor(tensor).output || s.readers(tensor).iter().any(|reader| factor(*reader))
}

fn sink(s: &Schedule, stage: StageId) -> Result<Sink, AutomaticError> {
    let copied = checks::is_copy(s, stage).map(|read| read.tensor);
    let copies = copied.is_some_and(|t| !is_stored(s, t) && s.kernel.tensor(t).dtype == DType::I32);
    Ok(Sink { stage, copies })
}

/// The stages that are computed in the accumulator for a stage.
fn collect(s: &Schedule, stage: StageId, inner: &mut BTreeSet<StageId>) {
    let mut open = vec![stage];
    while let Some(stage) = open.pop() {
        for read in s.compute(stage).reads() {
            if let Some(producer) = s.stage_of(read.tensor)
                && !is_stored(s, read.tensor)
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
    choice: usize,
) -> Result<Group, AutomaticError> {
    let mut inner: Vec<StageId> = inner.into_iter().collect();
    inner.sort_by_key(|stage| order.places[stage.0 as usize]);
    let mut products = Vec::new();
    for stage in inner.iter().copied().chain(sinks.iter().map(|sink| sink.stage)) {
        let roles = roles(s, stage)?;
        match roles.get(choice).or(roles.last()) {
            Some(roles) => products.push(product(s, stage, roles.clone())),
            None => operands_are_wide(s, stage)?,
        }
    }
    let tile = match sinks.as_slice() {
        [only] => tile(s, &inner, only.stage, &products),
        _ => Vec::new(),
    };
    Ok(Group { sinks, inner, products, tile })
}

fn product(s: &Schedule, stage: StageId, roles: Roles) -> Product {
    let reduced = s.compute(stage).reduction.as_ref().map_or(&[][..], |r| &r.axes);
    let inside = roles.sides[Side::BlockIn as usize];
    let slice = inside.map(|axis| Tile::whole(s.kernel.axis(axis).extent, s.core.block_in));
    let others = reduced.iter().copied().filter(|a| Some(*a) != inside).collect();
    Product { stage, roles, slice: slice.unwrap_or(Tile::whole(1, 1)), depth: 0, others }
}

/// Refuses operands of the ALU that cannot come into the accumulator.
fn operands_are_wide(s: &Schedule, stage: StageId) -> Result<(), AutomaticError> {
    for read in s.compute(stage).reads() {
        let tensor = s.kernel.tensor(read.tensor);
        let loaded = tensor.is_input() || is_stored(s, read.tensor);
        if loaded && tensor.dtype == DType::I8 {
            return Err(AutomaticError::NarrowOperand {
                stage: s.stage_name(stage).to_string(),
                span: s.kernel.tensor(s.stage(stage).tensor).span,
                operand: tensor.name.clone(),
                definition: tensor.span,
            });
        }
    }
    Ok(())
}

fn tile(s: &Schedule, inner: &[StageId], sink: StageId, products: &[Product]) -> Vec<Tile> {
    let mut lanes: HashMap<StageId, Vec<i64>> = HashMap::new();
    for stage in inner.iter().chain([&sink]) {
        if let Some(found) = lanes_of(s, *stage, products, &lanes) {
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
    products: &[Product],
    known: &HashMap<StageId, Vec<i64>>,
) -> Option<Vec<i64>> {
    let axes = &s.compute(stage).axes;
    if let Some(product) = products.iter().find(|p| p.stage == stage) {
        return Some(axes.iter().map(|a| product.roles.lane(s.core, *a)).collect());
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
