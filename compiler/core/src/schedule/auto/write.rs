//! Groups as directives. [`Group`]s → the source of a schedule, as an author would write it.

mod buffers;

use std::collections::{BTreeSet, HashMap, HashSet};

use tilewright_syntax::Span;
use tilewright_syntax::ast::{Directive, Expr, ExprKind, Ident, ScheduleStmt};

use crate::gemm::Side;
use crate::schedule::auto::group::{Group, Home, Reduction, Sink};
use crate::schedule::auto::loads::{LoadIn, loads};
use crate::schedule::auto::shaped::{Shaped, is_placed, origins};
use crate::schedule::{Schedule, StageId};
use crate::tensor::{AxisId, Read};

pub use buffers::{Buffer, buffers};

/// The directives that compute the groups one after the other.
pub fn statements(s: &Schedule, groups: &[Group], span: Span) -> Vec<ScheduleStmt> {
    let mut taken = Taken::of(s);
    let on_chip = on_chip(groups);
    let mut stmts = Vec::new();
    for group in groups {
        let mut writer = Writer::new(s, (group, &on_chip), span, &mut taken);
        writer.write();
        stmts.extend(writer.stmts);
    }
    stmts
}

struct Writer<'a> {
    s: &'a Schedule,
    group: &'a Group,
    span: Span,
    /// What is computed in the accumulator: the stage whose definition it is, and the name under which it is computed.
    computed: Vec<(StageId, String)>,
    loads: Vec<LoadIn>,
    stmts: Vec<ScheduleStmt>,
}

/// The stages of all groups that are in the accumulator under their own names.
fn on_chip(groups: &[Group]) -> BTreeSet<StageId> {
    let kept = |group: &Group| {
        let kept = group.sinks.iter().filter(|sink| sink.home == Home::Accumulator).map(|sink| sink.stage);
        kept.chain(group.inner.iter().copied()).collect::<Vec<_>>()
    };
    groups.iter().flat_map(kept).collect()
}

impl<'a> Writer<'a> {
    fn new(
        s: &'a Schedule,
        (group, on_chip): (&'a Group, &'a BTreeSet<StageId>),
        span: Span,
        taken: &mut Taken,
    ) -> Writer<'a> {
        let mut writer = Writer { s, group, span, computed: Vec::new(), loads: Vec::new(), stmts: Vec::new() };
        for stage in &group.inner {
            writer.computed.push((*stage, s.stage_name(*stage).to_string()));
        }
        for sink in &group.sinks {
            match sink.home {
                Home::Copied | Home::State => {}
                Home::Stored => {
                    let name = taken.fresh(&format!("{}_acc", s.stage_name(sink.stage)));
                    writer.computed.push((sink.stage, name));
                }
                Home::Accumulator => writer.computed.push((sink.stage, s.stage_name(sink.stage).to_string())),
            }
        }
        writer.loads = loads(s, group, &writer.computed, on_chip, taken);
        writer
    }

    fn write(&mut self) {
        for sink in self.group.sinks.iter().filter(|sink| sink.home == Home::Stored) {
            let cache = self.name_of(sink.stage);
            let span = self.span;
            let target = Some(Ident { name: cache, span });
            self.push(target, self.s.stage_name(sink.stage), "cache_write", vec![name("acc")], &[]);
            self.stay_in_steps(sink.stage);
        }
        let kept = self.group.sinks.iter().filter(|sink| sink.home == Home::Accumulator).map(|sink| &sink.stage);
        // Initial values are computed in the accumulator anyway.
        let inits: Vec<StageId> = self.group.sinks.iter().filter_map(|sink| self.s.initial(sink.stage)).collect();
        let is_open = |stage: &&StageId| !inits.contains(stage) && self.s.stage(**stage).scope_span.is_none();
        let open: Vec<StageId> = self.group.inner.iter().chain(kept).filter(is_open).copied().collect();
        for stage in &open {
            self.push(None, self.s.stage_name(*stage), "set_scope", vec![name("acc")], &[]);
        }
        self.load_operands();
        let tiles = self.tile_sink();
        if let Some((host, axis)) = &tiles {
            let open = self.computed.iter().rev().filter(|(stage, _)| !is_placed(self.s, *stage));
            let computed: Vec<String> = open.map(|(_, name)| name.clone()).collect();
            for stage in computed {
                self.compute_at(&stage, host, axis);
            }
        }
        let moving = self.moving();
        let apart = self.tile_apart();
        let in_tiles = |load: &LoadIn| {
            let own = apart.iter().find(|(sink, _)| self.is_for(load, &self.group.sinks[*sink]));
            own.map(|(_, place)| place.clone()).or_else(|| tiles.clone().filter(|_| self.moves(load, &moving)))
        };
        let mut places: Vec<_> = self.loads.iter().map(|load| in_tiles(load).or_else(|| self.step_of(load))).collect();
        for (at, reduction) in self.group.reductions.iter().enumerate() {
            if let Some(place) = self.reduce(reduction) {
                let operand = |l: &LoadIn| l.operand_of == Some(at);
                (0..self.loads.len())
                    .filter(|l| operand(&self.loads[*l]))
                    .for_each(|l| places[l] = Some(place.clone()));
            }
        }
        for (at, place) in places.iter().enumerate() {
            let is_said = self.loads[at].made.is_some_and(|stage| is_placed(self.s, stage));
            if let Some((host, axis)) = place.as_ref().filter(|_| !is_said) {
                self.compute_at(&self.loads[at].name.clone(), host, axis);
            }
        }
        if self.group.overlaps {
            self.overlap(tiles.is_some(), &places);
        }
    }

    /// Gives two buffers in turn to what tiles load, and to what they store.
    fn overlap(&mut self, is_tiled: bool, places: &[Option<(String, String)>]) {
        let stored: BTreeSet<String> = match self.group.sinks.as_slice() {
            [Sink { stage, home: Home::Copied, .. }] if is_tiled => {
                let reads = self.s.compute(*stage).reads().into_iter();
                reads.filter_map(|read| self.s.stage_of(read.tensor)).map(|from| self.name_of(from)).collect()
            }
            [Sink { stage, home: Home::Stored, .. }] if is_tiled => BTreeSet::from([self.name_of(*stage)]),
            _ => BTreeSet::new(),
        };
        let loaded =
            self.loads.iter().zip(places).filter(|(_, place)| place.is_some()).map(|(load, _)| load.name.clone());
        let rotating: Vec<String> = stored.into_iter().chain(loaded).collect();
        rotating.iter().for_each(|stage| self.push(None, stage, "double_buffer", Vec::new(), &[]));
    }

    /// The axes of each stage whose values depend on which tile of the sink is computed.
    fn moving(&self) -> BTreeSet<AxisId> {
        let [sink] = self.group.sinks.as_slice() else { return BTreeSet::new() };
        let st = self.s.stage(sink.stage);
        let mut moving: BTreeSet<AxisId> = match &self.group.around {
            Some((_, depth)) => st.leaves[..*depth].iter().flat_map(|leaf| origins(st, *leaf)).collect(),
            None => {
                let tiles = self.s.compute(sink.stage).axes.iter().zip(&sink.tile);
                tiles.filter(|(_, tile)| !tile.is_whole()).map(|(axis, _)| *axis).collect()
            }
        };
        for stage in [sink.stage].iter().chain(self.group.inner.iter().rev()) {
            for read in self.s.compute(*stage).reads() {
                let Some(producer) = self.s.stage_of(read.tensor) else { continue };
                let axes = self.s.compute(producer).axes.iter().zip(&read.indices);
                let moved: Vec<AxisId> =
                    axes.filter(|(_, index)| index.mentions(&|a| moving.contains(&a))).map(|(axis, _)| *axis).collect();
                moving.extend(moved);
            }
        }
        moving
    }

    /// Whether tiles of the sink need different parts of what is loaded. What is the same for all of them is loaded once.
    fn moves(&self, load: &LoadIn, moving: &BTreeSet<AxisId>) -> bool {
        load.reads.iter().flat_map(|(_, read)| &read.indices).any(|index| index.mentions(&|a| moving.contains(&a)))
    }

    /// Computes a stored tensor of a scan in the steps. One that reads others of the scan is computed there anyway.
    fn stay_in_steps(&mut self, stage: StageId) {
        let Some((host, _)) = self.group.scan.filter(|_| self.group.reindexed) else { return };
        let in_scan = |read: &Read| self.s.scan_of(read.tensor).is_some();
        if !self.s.compute(stage).reads().into_iter().any(in_scan) {
            let (computed, host_name) = (self.name_of(stage), self.s.stage_name(host).to_string());
            self.compute_at(&computed, &host_name, &self.axis_name(self.s.compute(host).axes[0]));
        }
    }

    fn load_operands(&mut self) {
        let loads = std::mem::take(&mut self.loads);
        for load in &loads {
            if let Some(made) = load.made {
                let is_open = self.s.stage(made).scope_span.is_none();
                is_open.then(|| self.push(None, &load.name, "set_scope", vec![name(load.scope.name())], &[]));
                continue;
            }
            let mut args = vec![name(load.scope.name())];
            let readers = load.readers();
            // A copy for everybody who reads the tensor needs no list.
            if load.reindexes || self.s.readers(load.tensor).len() > readers.len() {
                args.extend(readers.into_iter().map(name));
            }
            let target = Some(Ident { name: load.name.clone(), span: self.span });
            let source = self.s.kernel.tensor(load.tensor).name.clone();
            let called = if load.reindexes { "reindex" } else { "cache_read" };
            self.push(target, &source, called, args, &[]);
        }
        self.loads = loads;
    }

    /// Splits the only sink's loops into tiles. Returns the innermost loop over tiles, if there is one.
    fn tile_sink(&mut self) -> Option<(String, String)> {
        let [sink] = self.group.sinks.as_slice() else { return None };
        if sink.home == Home::Accumulator || self.group.scan.is_some() {
            return None;
        }
        if let Some((loops, depth)) = &self.group.around {
            return depth.checked_sub(1).map(|at| (self.s.stage_name(sink.stage).to_string(), loops[at].clone()));
        }
        self.tile(sink)
    }

    /// Splits the loops of each sink of a scan into tiles of its own, and computes what is for it alone in them. Returns the
    /// innermost loops over tiles, each with its sink.
    fn tile_apart(&mut self) -> Vec<(usize, (String, String))> {
        let mut places = Vec::new();
        for (at, sink) in self.group.sinks.iter().enumerate().filter(|_| self.group.scan.is_some()) {
            let Some((host, axis)) = self.tile(sink) else { continue };
            if sink.home == Home::Stored {
                self.compute_at(&self.name_of(sink.stage), &host, &axis);
            }
            places.push((at, (host, axis)));
        }
        places
    }

    /// Splits the loops of a sink into tiles. Those over the steps of a scan stay outside.
    fn tile(&mut self, sink: &Sink) -> Option<(String, String)> {
        let stage = self.s.stage_name(sink.stage).to_string();
        let axes: Vec<String> = self.s.compute(sink.stage).axes.iter().map(|a| self.axis_name(*a)).collect();
        let mut taken: Taken = axes.iter().cloned().collect();
        let (mut outer, mut inner, mut all) = (Vec::new(), Vec::new(), Vec::new());
        for (axis, tile) in axes.iter().zip(&sink.tile) {
            match tile.is_whole() {
                true => inner.push(axis.clone()),
                // A block of one element is the loop itself.
                false if tile.size == 1 => {
                    all.push(axis.clone());
                    outer.push(axis.clone());
                    continue;
                }
                false => {
                    let [o, i] = self.split(&stage, axis, number(tile.size), &mut taken);
                    all.push(o.clone());
                    outer.push(o);
                    inner.push(i);
                }
            }
            all.push(inner.last().expect("pushed above").clone());
        }
        let innermost = outer.last().cloned();
        if self.group.scan.is_some() && innermost.is_some() {
            outer.insert(0, inner.remove(0));
        }
        let order: Vec<String> = outer.iter().chain(&inner).cloned().collect();
        self.reorder(&stage, &all, &order);
        innermost.map(|axis| (stage, axis))
    }

    /// The sink for which a stage is computed under a name.
    fn sink_of(&self, name: &str) -> Option<usize> {
        let stage = self.computed.iter().find(|(_, computed)| computed == name).map(|(stage, _)| *stage)?;
        self.group.sinks.iter().position(|sink| sink.stage == stage)
    }

    /// Whether only a sink reads what is loaded.
    fn is_for(&self, load: &LoadIn, sink: &Sink) -> bool {
        let own = match sink.home {
            Home::Stored => self.name_of(sink.stage),
            _ => self.s.stage_name(sink.stage).to_string(),
        };
        load.readers().into_iter().all(|reader| reader == own)
    }

    /// Splits a reduction's loops, a product's by the sides of the core, and marks the tile. Returns where its operands are
    /// computed, if that is inside of its reduced loops.
    fn reduce(&mut self, reduction: &Reduction) -> Option<(String, String)> {
        let stage = self.name_of(reduction.stage);
        if let Some(shaped) = &reduction.shaped {
            return self.reduce_shaped(stage, (reduction, shaped));
        }
        let compute = self.s.compute(reduction.stage).clone();
        let own = compute.axes.iter().map(|a| self.axis_name(*a));
        let mut taken: Taken = own.chain(self.reduced_names(reduction.stage)).collect();
        let (mut slices, mut blocks, mut tile) = (Vec::new(), Vec::new(), Vec::new());
        let declared: Vec<AxisId> = compute.axes.iter().copied().filter(|a| Some(*a) != reduction.steps).collect();
        let of_core = |axis, sides: &[Side]| {
            let roles = reduction.roles.as_ref()?;
            sides.iter().copied().find(|s| roles.sides[*s as usize] == Some(axis))
        };
        for axis in &declared {
            match of_core(*axis, &[Side::Batch, Side::BlockOut]) {
                None => blocks.push(self.axis_name(*axis)),
                Some(side) => {
                    let [o, i] = self.split(&stage, &self.axis_name(*axis), name(side.name()), &mut taken);
                    blocks.push(o);
                    tile.push(i);
                }
            }
        }
        if let Some(sliced) = reduction.sliced {
            let mut axis = self.axis_name(sliced);
            let is_sliced = !reduction.slice.is_whole();
            if is_sliced && reduction.slice.size > reduction.slice.lane {
                let [o, i] = self.split(&stage, &axis, number(reduction.slice.size), &mut taken);
                slices.push(o);
                axis = i;
            }
            if of_core(sliced, &[Side::BlockIn]).is_some() {
                let [o, i] = self.split(&stage, &axis, name(Side::BlockIn.name()), &mut taken);
                axis = o;
                tile.push(i);
            }
            // Outside of the blocks of the result, one instruction adds to all of them, and one clears them before.
            match is_sliced && slices.is_empty() {
                true => slices.push(axis),
                false => blocks.insert(0, axis),
            }
        }
        slices.extend(reduction.others.iter().map(|a| self.axis_name(*a)));
        let declared = declared.iter().map(|a| self.axis_name(*a));
        let declared: Vec<String> = declared.chain(self.reduced_names(reduction.stage)).collect();
        let order: Vec<String> = slices.iter().chain(&blocks).chain(&tile).cloned().collect();
        let steps: Vec<String> = reduction.steps.iter().map(|a| self.axis_name(*a)).collect();
        if reduction.roles.is_some() || reduction.depth > steps.len() {
            self.reorder(&stage, &declared, &order);
        }
        let tensorized = tile.first().map(|first| vec![name(first), name("gemm")]);
        tensorized.into_iter().for_each(|args| self.push(None, &stage, "tensorize", args, &[]));
        let at = reduction.depth.checked_sub(1)?;
        steps.iter().chain(&slices).nth(at).map(|axis| (stage, axis.clone()))
    }

    /// Splits what was shaped further where a side of the core needs it, and marks the tile. Returns where the operands are
    /// computed.
    fn reduce_shaped(&mut self, stage: String, (reduction, shaped): (&Reduction, &Shaped)) -> Option<(String, String)> {
        for (axis, side, [outer, inner]) in &shaped.splits {
            self.push(None, &stage, "split", vec![name(axis), name(side.name())], &[outer, inner]);
        }
        if let Some(first) = shaped.tile.first() {
            let order = shaped.loops.iter().chain(&shaped.tile).map(|axis| name(axis)).collect();
            self.push(None, &stage, "reorder", order, &[]);
            self.push(None, &stage, "tensorize", vec![name(first), name("gemm")], &[]);
        }
        let at = reduction.depth.checked_sub(1)?;
        shaped.loops.get(at).map(|axis| (stage, axis.clone()))
    }

    /// Where what the ALU reads in the steps of a scan is loaded, if that is not before them.
    fn step_of(&self, load: &LoadIn) -> Option<(String, String)> {
        let (host, in_steps) = self.group.scan?;
        let scan = self.s.scan_of(self.s.stage(host).tensor);
        let inside = |name: &str| {
            let stage = self.computed.iter().find(|(_, computed)| computed == name).map(|(stage, _)| *stage);
            stage.is_some_and(|stage| self.s.scan_of(self.s.stage(stage).tensor) == scan)
        };
        let axis = self.axis_name(self.s.compute(host).axes[0]);
        // What is computed in the steps is loaded there anyway.
        let from_outside = self.s.scan_of(load.tensor) != scan;
        let loaded = in_steps && from_outside && load.operand_of.is_none() && load.readers().into_iter().all(inside);
        loaded.then(|| (self.s.stage_name(host).to_string(), axis))
    }

    /// The names of a stage's reduced axes.
    fn reduced_names(&self, stage: StageId) -> Vec<String> {
        let reduction = self.s.compute(stage).reduction.as_ref();
        reduction.iter().flat_map(|r| &r.axes).map(|a| self.axis_name(*a)).collect()
    }

    fn split(&mut self, stage: &str, axis: &str, by: ExprKind, taken: &mut Taken) -> [String; 2] {
        let [outer, inner] = ["o", "i"].map(|part| taken.fresh(&format!("{axis}{part}")));
        self.push(None, stage, "split", vec![name(axis), by], &[&outer, &inner]);
        [outer, inner]
    }

    fn reorder(&mut self, stage: &str, now: &[String], order: &[String]) {
        if now != order && order.len() > 1 {
            self.push(None, stage, "reorder", order.iter().map(|axis| name(axis)).collect(), &[]);
        }
    }

    fn compute_at(&mut self, stage: &str, host: &str, axis: &str) {
        self.push(None, stage, "compute_at", vec![name(host), name(axis)], &[]);
    }

    fn push(&mut self, target: Option<Ident>, stage: &str, called: &str, args: Vec<ExprKind>, results: &[&str]) {
        self.stmts.push(directive((target, stage, called), args, results, self.span));
    }

    fn axis_name(&self, axis: AxisId) -> String {
        self.s.kernel.axis(axis).name.clone()
    }

    /// The name under which a stage's value is computed.
    fn name_of(&self, stage: StageId) -> String {
        let found = self.computed.iter().find(|(of, _)| *of == stage);
        found.map_or_else(|| self.s.stage_name(stage).to_string(), |(_, name)| name.clone())
    }
}

/// A directive that is `called` so, of a stage, with what it makes.
pub fn directive(
    (target, stage, called): (Option<Ident>, &str, &str),
    args: Vec<ExprKind>,
    results: &[&str],
    span: Span,
) -> ScheduleStmt {
    let ident = |name: &str| Ident { name: name.to_string(), span };
    let call = Directive {
        name: ident(called),
        args: args.into_iter().map(|kind| Expr { kind, span }).collect(),
        named: Vec::new(),
        results: results.iter().map(|r| ident(r)).collect(),
        span,
    };
    ScheduleStmt::Directive { target, stage: ident(stage), call }
}

pub fn name(text: &str) -> ExprKind {
    ExprKind::Name(text.to_string())
}

fn number(value: i64) -> ExprKind {
    ExprKind::Int(value)
}

/// Names that are taken.
#[derive(Debug, Default)]
pub struct Taken {
    names: HashSet<String>,
    /// For a name that is taken, the first number with which it may not be.
    numbers: HashMap<String, u32>,
}

impl FromIterator<String> for Taken {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Taken {
        Taken { names: names.into_iter().collect(), numbers: HashMap::new() }
    }
}

impl Taken {
    /// The names of a kernel's tensors.
    pub fn of(s: &Schedule) -> Taken {
        s.kernel.tensors.iter().map(|t| t.name.clone()).collect()
    }

    /// A name that is not taken, and from then on is.
    pub fn fresh(&mut self, wanted: &str) -> String {
        if self.names.insert(wanted.to_owned()) {
            return wanted.to_owned();
        }
        let number = self.numbers.entry(wanted.to_owned()).or_insert(2);
        loop {
            let name = format!("{wanted}{number}");
            *number += 1;
            if self.names.insert(name.clone()) {
                return name;
            }
        }
    }
}
