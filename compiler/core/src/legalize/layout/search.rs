//! Finds tiles for all buffers: what nests ask → for each buffer the tilings in which it is needed.
//!
//! What a nest writes decides about what it reads, so a decision about one buffer is carried back to the arrays in DRAM at
//! once. Accumulators that nothing has decided about are decided in the order of the program, by depth-first search: what
//! fits their operands comes first, then what has the fewest tiles. The search is made with more and more [`Freedom`], so
//! that nothing is computed twice, and no element fills a tile, where there is another way.

use std::collections::{BTreeMap, HashMap};

use crate::legalize::layout::carry::{self, Unfit};
use crate::legalize::layout::freedom::{FREEDOMS, Freedom, Repeat, Split};
use crate::legalize::layout::versions::are_plain;
use crate::legalize::layout::{Place, Tiling, partner, stated};
use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{BufferId, Leaf, Load, LoopId, LoopProgram, Origin, Role, Scope};
use crate::loops::nest::{Nest, is_intrinsic};
use crate::scalar::Scalar;

/// A nest, and what it asks of tiles.
#[derive(Clone, Debug)]
pub struct Asked<'n> {
    pub nest: &'n Nest,
    /// The tiles of a product's result and of its operands.
    pub product: Option<(Tiling, [(BufferId, Tiling); 2])>,
    /// The operands to which the tiles of the result are carried.
    pub loads: Vec<Load>,
}

impl Asked<'_> {
    /// The accumulator that the nest stores in DRAM as it is.
    fn transferred(&self, program: &LoopProgram) -> Option<&Load> {
        let (from, to) = (self.loads.first()?, program.buffer(self.nest.store.buffer));
        let is_copy = matches!(self.nest.store.value.untruncated(), Scalar::Leaf(Leaf::Load(_)));
        let stores = to.scope == Scope::Dram && program.buffer(from.buffer).scope == Scope::Acc;
        (is_copy && stores).then_some(from)
    }
}

/// For each buffer the tilings in which it is needed; none for one that no operation reaches.
pub type Tilings = Vec<Vec<Tiling>>;

/// The most tilings that are tried in one search, besides one for each buffer.
const MAX_ATTEMPTS: usize = 2000;

/// The most tilings of one buffer.
const MAX_VERSIONS: usize = 6;

/// The tilings of all buffers. The error is that of the usual tiles, where nothing is made twice.
pub fn tilings(program: &LoopProgram, cx: &Cx, asked: &[Asked]) -> Result<Tilings, LegalizeError> {
    let mut first = None;
    let fixed = program.body.iter().any(is_intrinsic);
    for freedom in FREEDOMS.iter().filter(|f| !fixed || f.split == Split::Nothing) {
        let mut search = Search::new(program, cx, asked, *freedom);
        match search.run() {
            Ok(()) => return Ok(search.joined(search.needed())),
            Err(error) => first.get_or_insert(error),
        };
    }
    if let Some(found) = apart(program, cx, asked).filter(|_| !fixed) {
        return Ok(found);
    }
    // Where no tiles fit, the passes that match instructions say best what is in the way of the usual ones.
    let mut search = Search::new(program, cx, asked, FREEDOMS[0]);
    search.lenient = true;
    search.run()?;
    // Elements that fill tiles would need the program to be rewritten, for which these tiles are no ground.
    match are_plain(&search.found) {
        true => Ok(search.found),
        false => Err(first.unwrap_or_else(|| search.conflict(BufferId(0), &Tiling::default(), Origin::default()))),
    }
}

struct Search<'a> {
    program: &'a LoopProgram,
    cx: &'a Cx,
    asked: &'a [Asked<'a>],
    freedom: Freedom,
    /// Whether tiles are carried on as far as loops walk alike, even if a nest cannot work on them.
    lenient: bool,
    /// The nests that write each buffer.
    writers: HashMap<BufferId, Vec<usize>>,
    /// The nests that store each accumulator in DRAM as it is, and of these the one load.
    stored: HashMap<BufferId, Vec<usize>>,
    found: Tilings,
    /// Where each of them was asked for.
    origins: Vec<Vec<Origin>>,
    /// The buffers that got a tiling, in order.
    trail: Vec<BufferId>,
}

/// A buffer that is decided about, with the tilings that are left to try, the next one last.
struct Decision {
    buffer: BufferId,
    left: Vec<Tiling>,
    trail: usize,
}

/// The tilings of all buffers, where those that share nothing but what the runtime packs are found apart, each with the freedom
/// that it needs; None where it is no help.
fn apart(program: &LoopProgram, cx: &Cx, asked: &[Asked]) -> Option<Tilings> {
    let parts = parts(program, asked);
    if parts.len() < 2 {
        return None;
    }
    let mut all: Tilings = vec![Vec::new(); program.buffers.len()];
    for part in parts {
        let found = FREEDOMS.iter().find_map(|freedom| {
            let mut search = Search::new(program, cx, &part, *freedom);
            search.run().ok().map(|()| search.joined(search.needed()))
        })?;
        for (all, found) in all.iter_mut().zip(found) {
            let others: Vec<Tiling> = found.into_iter().filter(|tiling| !all.contains(tiling)).collect();
            all.extend(others);
        }
    }
    all.iter().all(|tilings| tilings.len() <= MAX_VERSIONS).then_some(all)
}

/// Groups of nests that work on buffers of their own, but for what the runtime packs.
fn parts<'n>(program: &LoopProgram, asked: &[Asked<'n>]) -> Vec<Vec<Asked<'n>>> {
    let mut part_of: Vec<usize> = (0..program.buffers.len()).collect();
    for Asked { nest, .. } in asked {
        let own = part_of[nest.store.buffer.0 as usize];
        for load in nest.loads().into_iter().filter(|load| !program.buffer(load.buffer).role.is_given()) {
            let other = part_of[load.buffer.0 as usize];
            part_of.iter_mut().filter(|part| **part == other).for_each(|part| *part = own);
        }
    }
    let mut parts: BTreeMap<usize, Vec<Asked<'n>>> = BTreeMap::new();
    for nest in asked {
        parts.entry(part_of[nest.nest.store.buffer.0 as usize]).or_default().push(nest.clone());
    }
    parts.into_values().collect()
}

impl<'a> Search<'a> {
    fn new(program: &'a LoopProgram, cx: &'a Cx, asked: &'a [Asked<'a>], freedom: Freedom) -> Search<'a> {
        let mut writers: HashMap<BufferId, Vec<usize>> = HashMap::new();
        let mut stored: HashMap<BufferId, Vec<usize>> = HashMap::new();
        for (at, asked) in asked.iter().enumerate() {
            writers.entry(asked.nest.store.buffer).or_default().push(at);
            if let Some(load) = asked.transferred(program) {
                stored.entry(load.buffer).or_default().push(at);
            }
        }
        let found: Tilings = program.buffers.iter().map(|b| stated(b).into_iter().collect()).collect();
        let origins = program.buffers.iter().map(|b| vec![b.origin]).collect();
        Search { program, cx, asked, freedom, lenient: false, writers, stored, found, origins, trail: Vec::new() }
    }

    fn run(&mut self) -> Result<(), LegalizeError> {
        // What was stated is carried on like what is found.
        for buffer in self.program.buffer_ids() {
            for tiling in std::mem::take(&mut self.found[buffer.0 as usize]) {
                self.origins[buffer.0 as usize].clear();
                self.decide(buffer, tiling, self.program.buffer(buffer).origin)?;
            }
        }
        for asked in self.asked {
            if let Some((target, operands)) = &asked.product {
                self.decide(asked.nest.store.buffer, target.clone(), asked.nest.origin())?;
                for (buffer, tiling) in operands {
                    self.decide(*buffer, tiling.clone(), asked.nest.origin())?;
                }
            }
        }
        self.search()
    }

    fn search(&mut self) -> Result<(), LegalizeError> {
        let mut decisions: Vec<Decision> = Vec::new();
        let mut attempts = 0;
        let mut first = None;
        while let Some(buffer) = self.undecided() {
            let left = self.candidates(buffer);
            decisions.push(Decision { buffer, left, trail: self.trail.len() });
            loop {
                let Some(decision) = decisions.last_mut() else {
                    return Err(first.unwrap_or_else(|| self.conflict(buffer, &Tiling::default(), Origin::default())));
                };
                let (buffer, trail, next) = (decision.buffer, decision.trail, decision.left.pop());
                self.undo(trail);
                attempts += 1;
                let Some(tiling) = next.filter(|_| attempts < MAX_ATTEMPTS + self.found.len()) else {
                    decisions.pop();
                    continue;
                };
                match self.decide(buffer, tiling, self.origin_of(buffer)) {
                    Ok(()) => break,
                    Err(error) => first.get_or_insert(error),
                };
            }
        }
        Ok(())
    }

    /// The next buffer to decide about: accumulators first, then what is stored in DRAM.
    fn undecided(&self) -> Option<BufferId> {
        let targets = |scope: Scope| {
            let targets = self.asked.iter().map(|a| a.nest.store.buffer);
            targets.filter(move |b| self.program.buffer(*b).scope == scope)
        };
        let open = |b: &BufferId| self.found[b.0 as usize].is_empty();
        targets(Scope::Acc).find(open).or_else(|| targets(Scope::Dram).find(open))
    }

    fn undo(&mut self, trail: usize) {
        for buffer in self.trail.drain(trail..).rev() {
            self.found[buffer.0 as usize].pop();
            self.origins[buffer.0 as usize].pop();
        }
    }

    /// The sides of what the ALU works on that have more than one lane.
    fn accumulator_sides(&self) -> impl Iterator<Item = i64> + use<> {
        let sides = [self.cx.core().batch, self.cx.core().block_out];
        sides.into_iter().filter(|size| *size > 1)
    }

    /// The tilings to try for a buffer, the best last.
    fn candidates(&self, buffer: BufferId) -> Vec<Tiling> {
        let sides: Vec<i64> = self.accumulator_sides().collect();
        let b = self.program.buffer(buffer);
        let rank = b.shape.len();
        let repeat = self.freedom.repeat != Repeat::Needed || rank < sides.len();
        let dims = if self.freedom.repeat == Repeat::All { 0 } else { rank };
        let places = || (0..dims).rev().map(Place::Dim).chain(repeat.then_some(Place::Repeated));
        let mut found = vec![Tiling::default()];
        // The innermost side chooses first, so that of equals the last dimension is its.
        for size in sides.iter().rev() {
            let longer = |tiling: &Tiling| {
                let tiling = tiling.clone();
                let free = move |place: &Place| *place == Place::Repeated || tiling.0.iter().all(|(p, _)| p != place);
                places().filter(free).collect::<Vec<_>>()
            };
            found = found
                .iter()
                .flat_map(|tiling| {
                    let with = |place| Tiling([(place, *size)].into_iter().chain(tiling.0.iter().copied()).collect());
                    longer(tiling).into_iter().map(with).collect::<Vec<_>>()
                })
                .collect();
        }
        let pins = self.pins(buffer);
        let differs = |tiling: &Tiling| {
            let agrees = |pin: &Vec<Option<usize>>| {
                pin.iter().zip(&tiling.0).all(|(pin, (place, _))| pin.is_none_or(|dim| *place == Place::Dim(dim)))
            };
            pins.iter().filter(|pin| !agrees(pin)).count()
        };
        let tiles = |tiling: &Tiling| -> i64 {
            b.shape.iter().enumerate().map(|(dim, n)| (n - 1) / tiling.lane_size(dim) + 1).product()
        };
        let prefers = self.freedom.repeat == Repeat::Preferred;
        found.sort_by_cached_key(|tiling| {
            let one_element = prefers && tiling.repeated() == tiling.0.len();
            (!one_element, differs(tiling), tiles(tiling), tiling.repeated())
        });
        found.reverse();
        found
    }

    /// What the operands of the nests that write a buffer say about its tiles.
    fn pins(&self, buffer: BufferId) -> Vec<Vec<Option<usize>>> {
        let mut pins = Vec::new();
        for writer in &self.writers[&buffer] {
            let Asked { nest, loads, .. } = &self.asked[*writer];
            for load in loads {
                let known = &self.found[load.buffer.0 as usize];
                pins.extend(known.iter().filter_map(|tiling| carry::target(self.program, nest, tiling, load)));
            }
        }
        pins
    }

    /// Records that a buffer is needed in these tiles, and what follows for what it is computed from.
    fn decide(&mut self, buffer: BufferId, tiling: Tiling, origin: Origin) -> Result<(), LegalizeError> {
        let mut open = vec![(buffer, tiling, origin)];
        while let Some((buffer, tiling, origin)) = open.pop() {
            let known = &self.found[buffer.0 as usize];
            if known.contains(&tiling) {
                continue;
            }
            let fits = match self.is_retiled(buffer) {
                true => known.iter().all(|other| other.contains(&tiling) || tiling.contains(other)),
                false => known.is_empty() || self.may_split(buffer),
            };
            let sizes = tiling.0.iter().map(|(_, size)| *size);
            let works = self.program.buffer(buffer).scope != Scope::Acc || sizes.eq(self.accumulator_sides());
            if !fits || known.len() == MAX_VERSIONS || !(works || self.lenient) {
                return Err(self.conflict(buffer, &tiling, origin));
            }
            self.found[buffer.0 as usize].push(tiling.clone());
            self.origins[buffer.0 as usize].push(origin);
            self.trail.push(buffer);
            for writer in self.writers.get(&buffer).into_iter().flatten() {
                open.extend(self.asked_by(&self.asked[*writer], &tiling)?);
            }
            for stored in self.stored.get(&buffer).into_iter().flatten().filter(|_| self.freedom.retile) {
                open.push(self.stored_as(&self.asked[*stored], &tiling)?);
            }
        }
        Ok(())
    }

    /// The tiles of what a nest stores, from those of the accumulator.
    fn stored_as(&self, asked: &Asked, tiling: &Tiling) -> Result<(BufferId, Tiling, Origin), LegalizeError> {
        let nest = asked.nest;
        let Some(dims) = carry::target(self.program, nest, tiling, &asked.loads[0]) else {
            return Err(self.conflict(asked.loads[0].buffer, tiling, nest.origin()));
        };
        let places = dims.into_iter().map(|dim| dim.map_or(Place::Repeated, Place::Dim));
        let stored = places.zip(&tiling.0).map(|(place, (_, size))| (place, *size));
        Ok((nest.store.buffer, Tiling(stored.collect()), nest.origin()))
    }

    /// Whether the tiles of a buffer in DRAM need not be those in which it is stored: what is stored in it comes in whole tiles
    /// that are part of its own.
    fn is_retiled(&self, buffer: BufferId) -> bool {
        let copied = |at: &usize| self.asked[*at].transferred(self.program).is_some();
        let writers = self.writers.get(&buffer).map_or(&[][..], |w| w);
        self.freedom.retile && !writers.is_empty() && writers.iter().all(copied)
    }

    /// The tilings of all buffers, with the largest alone of those of a buffer in DRAM, of which the others are parts.
    fn joined(&self, mut tilings: Tilings) -> Tilings {
        for buffer in self.program.buffer_ids().filter(|b| self.is_retiled(*b)) {
            let all = self.found[buffer.0 as usize].iter();
            let largest = all.reduce(|a, b| if a.contains(b) { a } else { b });
            tilings[buffer.0 as usize] = largest.into_iter().cloned().collect();
        }
        tilings
    }

    /// What a nest that writes these tiles asks of its operands.
    fn asked_by(&self, asked: &Asked, tiling: &Tiling) -> Result<Vec<(BufferId, Tiling, Origin)>, LegalizeError> {
        let nest = asked.nest;
        if let Some((target, _)) = &asked.product {
            return match target == tiling {
                true => Ok(Vec::new()),
                false => Err(self.conflict(nest.store.buffer, tiling, nest.origin())),
            };
        }
        // Where tiles may differ, those of the accumulator decide.
        if asked.loads.is_empty() || (self.is_retiled(nest.store.buffer) && !self.lenient) {
            return Ok(Vec::new());
        }
        let unfit = |unfit: Unfit| carry::refused(self.program, nest, unfit);
        let walkers = match self.lenient {
            true => None,
            false => Some(carry::walkers(self.program, nest, tiling).map_err(unfit)?),
        };
        let operand = |load: &Load| {
            let tiling = match &walkers {
                None => self.alike(nest, tiling, load),
                Some(walkers) => carry::operand(self.program, tiling, walkers, load),
            };
            Ok((load.buffer, tiling.map_err(unfit)?, nest.origin()))
        };
        asked.loads.iter().map(operand).collect()
    }

    /// The tiles of an operand whose dimensions are walked like those of the result, whether or not from the beginning of a
    /// tile on.
    fn alike(&self, nest: &Nest, tiling: &Tiling, load: &Load) -> Result<Tiling, Unfit> {
        let vars: Vec<LoopId> = nest.loops.iter().map(|l| l.var).collect();
        let lanes = tiling.0.iter().map(|(place, size)| match place {
            Place::Repeated => Ok((Place::Repeated, *size)),
            Place::Dim(dim) => match partner(&vars, (*dim, &nest.store.indices[*dim]), &load.indices) {
                Some(dim) => Ok((Place::Dim(dim), *size)),
                None => Err(Unfit {
                    reason: format!(
                        "dimension {dim} of `{}` is tiled, and no dimension of `{}` is indexed in the same way",
                        self.program.buffer(nest.store.buffer).name,
                        self.program.buffer(load.buffer).name,
                    ),
                }),
            },
        });
        Ok(Tiling(lanes.collect::<Result<_, _>>()?))
    }

    /// The tilings that are found, without those of which no output and no product needs what is computed in them: what is
    /// decided first may be asked for in other tiles only.
    fn needed(&self) -> Tilings {
        let mut needed: Vec<Vec<bool>> = self.found.iter().map(|all| vec![false; all.len()]).collect();
        let mut open: Vec<(BufferId, Tiling)> = Vec::new();
        for buffer in self.program.buffer_ids().filter(|b| self.program.buffer(*b).role == Role::Output) {
            open.extend(self.found[buffer.0 as usize].first().map(|tiling| (buffer, tiling.clone())));
        }
        for asked in self.asked {
            if let Some((target, operands)) = &asked.product {
                open.push((asked.nest.store.buffer, target.clone()));
                open.extend(operands.iter().cloned());
            }
        }
        self.mark(open, &mut needed);
        // What nothing needs is written all the same.
        for buffer in self.program.buffer_ids() {
            let at = buffer.0 as usize;
            if let Some(first) = self.found[at].first().filter(|_| !needed[at].contains(&true)) {
                self.mark(vec![(buffer, first.clone())], &mut needed);
            }
        }
        let kept = |(all, needed): (&Vec<Tiling>, Vec<bool>)| {
            let kept = all.iter().zip(needed).filter(|(_, needed)| *needed);
            kept.map(|(tiling, _)| tiling.clone()).collect()
        };
        self.found.iter().zip(needed).map(kept).collect()
    }

    /// Marks tilings, and those that follow for what they are computed from.
    fn mark(&self, mut open: Vec<(BufferId, Tiling)>, needed: &mut [Vec<bool>]) {
        while let Some((buffer, tiling)) = open.pop() {
            let at = buffer.0 as usize;
            let Some(version) = self.found[at].iter().position(|known| *known == tiling) else { continue };
            if std::mem::replace(&mut needed[at][version], true) {
                continue;
            }
            for writer in self.writers.get(&buffer).into_iter().flatten() {
                let asked = self.asked_by(&self.asked[*writer], &tiling);
                open.extend(asked.into_iter().flatten().map(|(buffer, tiling, _)| (buffer, tiling)));
            }
        }
    }

    /// Whether there may be several of a buffer.
    fn may_split(&self, buffer: BufferId) -> bool {
        let b = self.program.buffer(buffer);
        let writers = self.writers.get(&buffer).map_or(&[][..], |w| w);
        let given = |buffer: BufferId| self.program.buffer(buffer).role.is_given();
        let copies_given = |at: &usize| match self.asked[*at].nest.store.value.untruncated() {
            Scalar::Leaf(Leaf::Load(load)) => given(load.buffer),
            _ => false,
        };
        let mapped = |at: &usize| self.asked[*at].product.is_none() && !self.asked[*at].loads.is_empty();
        match self.freedom.split {
            Split::Nothing => false,
            _ if given(buffer) => true,
            _ if b.base.is_some() => false,
            Split::Given if b.role != Role::Temporary => false,
            Split::Given => writers.iter().all(copies_given),
            Split::Computed => matches!(b.scope, Scope::Acc | Scope::Dram) && writers.iter().all(mapped),
        }
    }

    fn origin_of(&self, buffer: BufferId) -> Origin {
        self.writers[&buffer].first().map_or_else(Origin::default, |at| self.asked[*at].nest.origin())
    }

    fn conflict(&self, buffer: BufferId, tiling: &Tiling, origin: Origin) -> LegalizeError {
        let b = self.program.buffer(buffer);
        let at = buffer.0 as usize;
        LegalizeError::LayoutConflict {
            buffer: b.name.clone(),
            scope: b.scope,
            first: describe(self.found[at].first().unwrap_or(&Tiling::default())),
            second: describe(tiling),
            first_origin: self.origins[at].first().copied().unwrap_or_default(),
            second_origin: origin,
        }
    }
}

fn describe(tiling: &Tiling) -> String {
    let lanes: Vec<String> = tiling
        .0
        .iter()
        .map(|(place, size)| match place {
            Place::Dim(dim) => format!("{size} of dimension {dim}"),
            Place::Repeated => format!("{size} times the same element"),
        })
        .collect();
    match lanes.is_empty() {
        true => "without tiles".to_string(),
        false => format!("in tiles of {}", lanes.join(" by ")),
    }
}
