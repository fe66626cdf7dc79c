//! What is computed together, and in which sizes. Kernel → [`Group`]s.
//!
//! A group has the tensors that are kept (its sinks: outputs, factors of products that are computed themselves, and what
//! several groups read), and the stages in the accumulator between them and what is loaded. A group of one sink in device
//! memory can be tiled: all of it is computed inside the loops over the sink's tiles. A scan is one group, of which every
//! tensor is a sink.

use std::collections::{BTreeSet, HashMap};

use crate::gemm::Side;
use crate::scalar::DType;
use crate::schedule::auto::roles::{Roles, roles};
use crate::schedule::auto::shaped::{Shaped, agreeing, is_load, is_shaped, shaped};
use crate::schedule::{AxisSource, Order, Schedule, StageId, checks};
use crate::scope::Scope;
use crate::tensor::{AxisId, Read, TensorId};

#[derive(Clone, Debug)]
pub struct Group {
    pub sinks: Vec<Sink>,
    /// Stages in the accumulator, producers first.
    pub inner: Vec<StageId>,
    pub reductions: Vec<Reduction>,
    /// The loops of the only sink that a directive shaped, from the outermost on, and how many of them stand around what is
    /// computed for it.
    pub around: Option<(Vec<String>, usize)>,
    /// The host of the scan that it is, and whether what the ALU reads in the steps is loaded there.
    pub scan: Option<(StageId, bool)>,
    /// Whether accesses whose bounding box is larger than what they touch are loaded each by itself.
    pub reindexed: bool,
    /// Whether tiles take two buffers in turn, so that the next one is loaded, and the last one stored, while one is computed.
    pub overlaps: bool,
}

/// A tensor that is kept.
#[derive(Clone, Debug)]
pub struct Sink {
    pub stage: StageId,
    pub home: Home,
    /// For each dimension its tile: how many elements, and how many the core's tile has there. Empty where it is computed as a
    /// whole.
    pub tile: Vec<Tile>,
}

/// Where a tensor is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// In device memory, copied from a stage in the accumulator that the kernel has.
    Copied,
    /// In device memory, computed in a stage made for it.
    Stored,
    /// Whole in the accumulator.
    Accumulator,
    /// A state in device memory, of which each step copies the next value from what the kernel has.
    State,
}

impl Home {
    /// Whether the tensor is in device memory, and copied from a stage that the kernel has.
    pub fn is_copy(self) -> bool {
        matches!(self, Home::Copied | Home::State)
    }
}

/// How much is kept between groups. Each level needs less room on chip than the one before, and more transfers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Groups that share a stage are one group.
    Joined,
    /// What several groups read stays in the accumulator.
    Kept,
    /// Every stage is stored.
    Stored,
    /// As before, and the ALU computes products as well: the results of others may not lie as the GEMM core reads them.
    Vector,
}

impl Level {
    pub fn next(self) -> Option<Level> {
        match self {
            Level::Joined => Some(Level::Kept),
            Level::Kept => Some(Level::Stored),
            Level::Stored => Some(Level::Vector),
            Level::Vector => None,
        }
    }
}

/// Which of the schedules of a kernel is meant.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// Counts the ways to assign roles in products, the best first.
    pub roles: usize,
    pub level: Level,
    /// Whether accesses whose bounding box is larger than what they touch are loaded each by itself.
    pub reindexed: bool,
}

impl Choice {
    pub const FIRST: Choice = Choice { roles: 0, level: Level::Joined, reindexed: false };

    /// Whether even what a scan keeps from step to step is stored.
    fn stores_all(self) -> bool {
        self.reindexed && self.level >= Level::Stored
    }

    /// The next one to try; None behind the last.
    pub fn next(self) -> Option<Choice> {
        // Where the GEMM core has nothing to do, it is the last thing to try.
        let next = self.level.next().filter(|level| *level != Level::Vector || self.reindexed);
        match (self.roles, next, self.reindexed) {
            (0, ..) if self.level != Level::Vector => Some(Choice { roles: 1, ..self }),
            (_, Some(level), _) => Some(Choice { roles: 0, level, ..self }),
            (_, None, false) => Some(Choice { reindexed: true, ..Choice::FIRST }),
            (_, None, true) => None,
        }
    }
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
    /// The axis over the steps of a scan in which it is computed.
    pub steps: Option<AxisId>,
    /// How many loops stand around the operands, of the steps, the slices, and the other reduced axes.
    pub depth: usize,
    /// The other reduced axes.
    pub others: Vec<AxisId>,
    /// Its loops, if a directive shaped them.
    pub shaped: Option<Shaped>,
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
    /// Whether it is computed tile by tile, or its operands are brought in so. What takes turns in tiles of a scan gains little.
    pub fn is_tiled(&self) -> bool {
        let sliced = |r: &Reduction| r.depth > usize::from(r.steps.is_some());
        let mut tiles = self.sinks.iter().flat_map(|sink| &sink.tile);
        match self.scan {
            Some(_) => tiles.next().is_none() && self.reductions.iter().any(sliced),
            None => tiles.any(|tile| !tile.is_whole()) || self.reductions.iter().any(sliced),
        }
    }

    /// Makes the group need less of a scratchpad, first of what brings in the operands of the reduction that reads what did
    /// not fit, then of the sink that it is computed for; false if it cannot.
    pub fn shrink(&mut self, scope: Scope, reader: Option<usize>, sink: Option<usize>) -> bool {
        let operands = scope != Scope::Acc;
        let readers = self.reductions.iter_mut().enumerate().filter(|(at, _)| operands || reader == Some(*at));
        if readers.map(|(_, reduction)| reduction).any(Reduction::shrink) {
            return true;
        }
        if let Some((_, in_steps @ false)) = &mut self.scan {
            *in_steps = true;
            return true;
        }
        if let Some((loops, depth)) = self.around.as_mut().filter(|(loops, depth)| *depth < loops.len()) {
            *depth += 1;
            return *depth <= loops.len();
        }
        // The largest dimension of a tile has the most to give.
        let sink = if self.sinks.len() == 1 { Some(0) } else { sink };
        let Some(sink) = sink else { return false };
        let mut largest: Vec<&mut Tile> = self.sinks[sink].tile.iter_mut().collect();
        largest.sort_by_key(|t| std::cmp::Reverse(t.blocks()));
        if largest.iter_mut().any(|tile| tile.shrink()) {
            return true;
        }
        // Where each element fills a tile of the core, which only products rule out, less than a tile's lanes are less.
        largest.sort_by_key(|t| std::cmp::Reverse(t.size));
        let on_alu = self.reductions.iter().all(|reduction| reduction.roles.is_none());
        let split = largest.first_mut().filter(|tile| on_alu && tile.size > 1);
        split.map(|tile| tile.size = tile.size.min(tile.extent) / 2).is_some()
    }

    /// Lets each stored tensor of a scan be computed in tiles of its own.
    fn tile_apart(&mut self, s: &Schedule) {
        for sink in self.sinks.iter_mut().filter(|sink| sink.home != Home::Accumulator && !is_shaped(s, sink.stage)) {
            sink.tile = tile(s, &self.inner, sink.stage, &self.reductions);
            // The steps come one after the other.
            sink.tile[0] = Tile::whole(1, 1);
        }
    }
}

impl Reduction {
    fn shrink(&mut self) -> bool {
        if let Some(shaped) = &self.shaped {
            let more = self.depth < shaped.loops.len();
            self.depth += usize::from(more);
            return more;
        }
        let steps = usize::from(self.steps.is_some());
        if self.depth < steps {
            self.depth = steps;
            return true;
        }
        if self.slice.shrink() {
            self.depth = self.depth.max(steps + 1);
            return true;
        }
        let more = self.depth < steps + self.others.len() + usize::from(!self.slice.is_whole());
        self.depth += usize::from(more);
        more
    }
}

/// The products that the GEMM core can compute, each with the ways to assign roles, the best first.
type Products = HashMap<StageId, Vec<Roles>>;

/// Sorts the stages of a kernel into groups.
pub fn groups(s: &Schedule, choice: Choice) -> Vec<Group> {
    let order = Order::of(s);
    let roles = |stage: &StageId| {
        let found = agreeing(s, *stage, roles(s, *stage));
        Some((*stage, found)).filter(|(_, found)| !found.is_empty())
    };
    let on_core = order.stages.iter().filter(|_| choice.level != Level::Vector);
    let products: Products = on_core.filter_map(roles).collect();
    let sinks = Sinks::of(s, &order, &products, choice);
    let mut groups: Vec<Option<(BTreeSet<StageId>, Vec<Sink>)>> = Vec::new();
    // The group that has a stage, and the one in which a scan is.
    let (mut owners, mut scans) = (HashMap::new(), HashMap::new());
    let host = |stage: StageId| s.scan_of(s.stage(stage).tensor).map(|scan| s.host(scan));
    for stage in order.stages.iter().copied().filter(|stage| !is_load(s, *stage)) {
        let Some(home) = sinks.home(s, stage) else { continue };
        let mut inner = BTreeSet::new();
        collect(s, &sinks, stage, &mut inner);
        if let Some(init) = s.initial(stage) {
            inner.insert(init);
            collect(s, &sinks, init, &mut inner);
        }
        // A group that shares a stage with this one, or a scan, is taken over.
        let shared = inner.iter().filter(|_| choice.level == Level::Joined).filter_map(|stage| owners.get(stage));
        let same = host(stage).and_then(|host| scans.get(&host));
        let taken: BTreeSet<usize> = shared.chain(same).copied().collect();
        let mut all = Vec::new();
        for (mut of, mut others) in taken.into_iter().filter_map(|at| groups[at].take()) {
            inner.append(&mut of);
            all.append(&mut others);
        }
        all.push(Sink { stage, home, tile: Vec::new() });
        owners.extend(inner.iter().map(|stage| (*stage, groups.len())));
        scans.extend(all.iter().filter_map(|sink| Some((host(sink.stage)?, groups.len()))));
        groups.push(Some((inner, all)));
    }
    let chosen = |stage| {
        let found: &Vec<Roles> = products.get(&stage)?;
        found.get(choice.roles).or(found.last()).cloned()
    };
    let group = |(inner, sinks)| {
        let mut group = Group { reindexed: choice.reindexed, ..group(s, &order, inner, sinks, &chosen) };
        if group.scan.is_some() && choice.stores_all() {
            group.tile_apart(s);
        }
        group
    };
    groups.into_iter().flatten().map(group).collect()
}

/// The stages at which groups end.
struct Sinks {
    stored: BTreeSet<StageId>,
    kept: BTreeSet<StageId>,
    /// Whether a copy that moves elements is computed on chip, so that what is stored has tiles of its own.
    reindexed: bool,
}

impl Sinks {
    fn of(s: &Schedule, order: &Order, products: &Products, choice: Choice) -> Sinks {
        let Choice { level, reindexed, .. } = choice;
        let mut sinks = Sinks { stored: BTreeSet::new(), kept: BTreeSet::new(), reindexed };
        // The groups that need a stage, from its readers, which come first.
        let mut owners: HashMap<StageId, BTreeSet<StageId>> = HashMap::new();
        for stage in order.stages.iter().rev().copied() {
            let tensor = s.stage(stage).tensor;
            let readers = s.readers(tensor);
            let mut owning = BTreeSet::new();
            for reader in readers {
                owning.extend(owners.get(reader).into_iter().flatten());
            }
            let (is_said, is_stored) = (s.stage(stage).scope_span.is_some(), is_stored_copy(s, stage));
            // What a sum starts from is no factor of it.
            let multiplies = |reader: &StageId| {
                products.contains_key(reader)
                    && s.compute(*reader).value_reads().iter().any(|read| read.tensor == tensor)
            };
            let factor = readers.iter().any(|reader| multiplies(reader) || is_load(s, *reader));
            let (factor, is_read) = (factor && !is_said, !readers.is_empty());
            if let Some(scan) = s.scan_of(tensor) {
                let spilled = match s.initial(stage) {
                    Some(_) => choice.stores_all(),
                    None => reindexed && spills(s, stage, level),
                };
                let stored = factor || spilled || s.kernel.tensor(tensor).output;
                if stored { &mut sinks.stored } else { &mut sinks.kept }.insert(stage);
                owning = BTreeSet::from([s.host(scan)]);
            } else if s.kernel.tensor(tensor).output
                || factor
                || is_stored
                || level >= Level::Stored && is_read && !is_said
            {
                sinks.stored.insert(stage);
                owning = BTreeSet::from([stage]);
            } else if (level == Level::Kept || level > Level::Kept && is_said) && owning.len() > 1 && !is_load(s, stage)
            {
                sinks.kept.insert(stage);
                owning = BTreeSet::from([stage]);
            }
            owners.insert(stage, owning);
        }
        sinks
    }

    fn home(&self, s: &Schedule, stage: StageId) -> Option<Home> {
        if self.kept.contains(&stage) {
            return Some(Home::Accumulator);
        }
        if self.stored.contains(&stage) && s.initial(stage).is_some() && checks::is_copy(s, stage).is_some() {
            return Some(Home::State);
        }
        let axes = || s.compute(stage).axes.iter().map(|axis| Some(*axis));
        let straight = |read: &&Read| !self.reindexed || read.indices.iter().map(|e| e.as_var()).eq(axes());
        let copied = checks::is_copy(s, stage).filter(straight).map(|read| read.tensor);
        let inside = |from: TensorId| {
            let stored = s.stage_of(from).is_some_and(|from| self.stored.contains(&from));
            !stored && (s.kernel.tensor(from).dtype == DType::I32 || s.scope(from) != Scope::Dram)
        };
        self.stored.contains(&stage).then(|| if copied.is_some_and(inside) { Home::Copied } else { Home::Stored })
    }

    fn contains(&self, stage: StageId) -> bool {
        self.stored.contains(&stage) || self.kept.contains(&stage)
    }
}

/// The stages that are computed in the accumulator for a stage.
fn collect(s: &Schedule, sinks: &Sinks, stage: StageId, inner: &mut BTreeSet<StageId>) {
    let mut open = vec![stage];
    while let Some(stage) = open.pop() {
        for read in s.compute(stage).reads() {
            if let Some(producer) = s.stage_of(read.tensor)
                && !sinks.contains(producer)
                && !is_load(s, producer)
                && inner.insert(producer)
            {
                open.push(producer);
            }
        }
    }
}

/// Whether a stage in device memory copies what a directive computes on chip.
fn is_stored_copy(s: &Schedule, stage: StageId) -> bool {
    let on_chip = |from| s.stage_of(from).is_some_and(|from| s.stage(from).scope_span.is_some());
    s.stage(stage).scope == Scope::Dram && checks::is_copy(s, stage).is_some_and(|read| on_chip(read.tensor))
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
    let scan = sinks.iter().find_map(|sink| s.scan_of(s.stage(sink.stage).tensor)).map(|scan| (s.host(scan), false));
    let mut around = None;
    let mut sinks = sinks;
    if let ([Sink { home: Home::Copied | Home::Stored, stage, tile }], None) = (sinks.as_mut_slice(), scan) {
        match is_shaped(s, *stage) {
            true => around = self::around(s, *stage),
            false => *tile = self::tile(s, &inner, *stage, &reductions),
        }
    }
    Group { sinks, inner, reductions, around, scan, reindexed: false, overlaps: false }
}

/// Whether a stage of a scan is stored at a level, so that it takes no room until it is read: first only what several others
/// read, then what waits for others.
fn spills(s: &Schedule, stage: StageId, level: Level) -> bool {
    let computed = |reader: StageId| {
        let reads = s.compute(reader).reads().into_iter();
        reads.filter_map(|read| s.stage_of(read.tensor)).filter(|from| s.initial(*from).is_none()).collect::<Vec<_>>()
    };
    let waits_for = |other: StageId| other != stage && !computed(other).is_empty();
    let readers = s.readers(s.stage(stage).tensor);
    match level {
        Level::Joined => readers.len() > 1,
        Level::Kept => readers.len() > 1 || readers.iter().any(|reader| computed(*reader).into_iter().any(waits_for)),
        Level::Stored | Level::Vector => true,
    }
}

/// The loops of a sink that was shaped. What is computed for it is computed inside of its tiles, where it has some.
fn around(s: &Schedule, sink: StageId) -> Option<(Vec<String>, usize)> {
    let st = s.stage(sink);
    let is_tiled = st.leaves.first().is_some_and(|leaf| matches!(st.axis(*leaf).source, AxisSource::Outer(_)));
    let loops = shaped(s, sink, None)?.loops;
    Some((loops, usize::from(is_tiled)))
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
    let steps = s.scan_of(s.stage(stage).tensor).map(|_| s.compute(stage).axes[0]);
    let shaped = is_shaped(s, stage).then(|| shaped(s, stage, roles.as_ref())).flatten();
    Some(Reduction { stage, roles, sliced, slice, steps, depth: 0, others, shaped })
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
