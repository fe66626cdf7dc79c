//! Lets a buffer take its place in a larger one, where the one is computed from the other in place.
//!
//! ```text
//! before   alloc z: [24, 4, 128]; for t { alloc ig: [1, 128]; for j { ig[0, j] = z[t, 0, j] * z[t, 3, j] } ... ig[0, j] ... }
//! after    alloc z: [24, 4, 128]; for t { for j { z[t, 0, j] = z[t, 0, j] * z[t, 3, j] } ... z[t, 0, j] ... }
//! ```
//!
//! `inplace` joins buffers of one shape in one block; here one of them, the *part*, is allocated in the same block or further
//! inside, and each of its dimensions is a whole dimension of the other, its *host*, whose other dimensions stand still. A part
//! is either a result that takes over the operand that it is first computed from, dead from there on (`result_in_operand`),
//! or an operand that is computed where its last reader will put the result (`operand_in_result`).
//!
//! This is for what is allocated in the steps of a scan, where stages work on slices of what is kept for all of them. Elsewhere
//! the copies that it saves are those that `shrink` makes smaller.

use crate::affine::Interval;
use crate::legalize::match_alu::begins_with;
use crate::legalize::nest::{Nest, is_intrinsic, nest, without_unit_loops};
use crate::legalize::{Cx, LegalizeError, inplace, normalize, turns};
use crate::loops::access::{visit_elements, visit_elements_mut};
use crate::loops::dependence::{Direction, disjoint};
use crate::loops::ir::{Buffer, BufferId, For, Index, Leaf, Load, LoopId, LoopProgram, Mark, Role, Scope, Stmt};
use crate::scalar::Scalar;
use crate::select::Selections;

pub fn run(program: &mut LoopProgram, cx: &Cx) -> Result<(), LegalizeError> {
    if program.body.iter().any(is_intrinsic) {
        return Ok(());
    }
    let mut selections = Selections::default();
    loop {
        let buffers = program.buffers.len();
        while let Some((path, part)) = find(program, cx, &mut selections) {
            join(program, &path, &part);
            crate::loops::canonicalize(program);
        }
        if program.buffers.len() == buffers {
            return Ok(());
        }
        // What has lost a reader to a part may be free for a buffer of its own shape, whose indices are alike in boxes.
        normalize::run(program, cx)?;
        turns::run(program, cx)?;
        inplace::run(program, cx)?;
    }
}

/// A buffer and its place in another one.
struct Part {
    buffer: BufferId,
    host: BufferId,
    /// One for each dimension of the host.
    places: Vec<Place>,
}

/// The index of one dimension of the host.
enum Place {
    /// That of a dimension of the part.
    Along(usize),
    /// The same for all elements of the part.
    At(Index),
}

impl Part {
    /// The host's element for an element of the part.
    fn element(&self, indices: &[Index]) -> Vec<Index> {
        let index = |place: &Place| match place {
            Place::Along(dim) => indices[*dim].clone(),
            Place::At(index) => index.clone(),
        };
        self.places.iter().map(index).collect()
    }

    /// Whether an access to the host misses the part, where the loops around the part are in the directions given, and in the same
    /// iteration otherwise.
    fn misses(&self, program: &LoopProgram, indices: &[Index], loops: &[(LoopId, Direction)]) -> bool {
        let (own, others): (Vec<Index>, Vec<Index>) = self
            .places
            .iter()
            .zip(indices)
            .filter_map(|(place, index)| match place {
                Place::Along(_) => None,
                Place::At(at) => Some((at.clone(), index.clone())),
            })
            .unzip();
        disjoint(program, &own, &others, loops)
    }

    /// Whether later iterations of a loop around the part miss it, wherever they access the host. The loops between the two are in
    /// any iteration.
    fn is_missed_later(&self, program: &LoopProgram, f: &For, between: &[Level]) -> bool {
        let between = between.iter().map(|l| (l.into.var, Direction::Any));
        let loops: Vec<_> = std::iter::once((f.var, Direction::Later)).chain(between).collect();
        let mut missed = true;
        let mut access = |b: BufferId, indices: &[Index], _: bool| {
            missed &= b != self.host || self.misses(program, indices, &loops);
        };
        f.body.iter().for_each(|s| visit_elements(s, &mut access));
        missed
    }

    /// Whether all accesses of a statement to the host miss the part.
    fn is_missed_by(&self, program: &LoopProgram, stmt: &Stmt) -> bool {
        let mut missed = true;
        visit_elements(stmt, &mut |b, indices, _| missed &= b != self.host || self.misses(program, indices, &[]));
        missed
    }
}

/// A block on the way from the program's body inwards, and where the next one stands in it.
struct Level<'a> {
    block: &'a [Stmt],
    at: usize,
    into: &'a For,
}

/// A place that a buffer can take, and the way to the block in which the buffer is allocated.
fn find(program: &LoopProgram, cx: &Cx, selections: &mut Selections) -> Option<(Vec<usize>, Part)> {
    let mut levels = Vec::new();
    let part = find_in(program, cx, selections, &program.body, &mut levels)?;
    Some((levels.iter().map(|l: &Level| l.at).collect(), part))
}

fn find_in<'a>(
    program: &LoopProgram,
    cx: &Cx,
    selections: &mut Selections,
    block: &'a [Stmt],
    levels: &mut Vec<Level<'a>>,
) -> Option<Part> {
    let in_steps = levels.iter().any(|l| l.into.mark == Some(Mark::Serial));
    for stmt in block.iter().filter(|_| in_steps) {
        let Stmt::Alloc { buffer, .. } = stmt else { continue };
        let b = program.buffer(*buffer);
        if b.scope != Scope::Acc || b.role != Role::Temporary || b.base.is_some() {
            continue;
        }
        let mut finding = Finding { program, cx, selections, block, levels, buffer: *buffer };
        if let Some(part) = finding.operand_in_result().or_else(|| finding.result_in_operand()) {
            return Some(part);
        }
    }
    for (at, stmt) in block.iter().enumerate() {
        if let Stmt::For(into) = stmt {
            levels.push(Level { block, at, into });
            if let Some(part) = find_in(program, cx, selections, &into.body, levels) {
                return Some(part);
            }
            levels.pop();
        }
    }
    None
}

struct Finding<'a, 'b> {
    program: &'a LoopProgram,
    cx: &'a Cx,
    selections: &'a mut Selections,
    /// Where the buffer is allocated.
    block: &'b [Stmt],
    /// The blocks around.
    levels: &'a [Level<'b>],
    buffer: BufferId,
}

impl Finding<'_, '_> {
    /// The statements of the block that access the buffer, with their places.
    fn uses(&self) -> impl DoubleEndedIterator<Item = (usize, &Stmt)> {
        let uses = |s: &Stmt| !matches!(s, Stmt::Alloc { .. }) && s.mentions(self.buffer);
        self.block.iter().enumerate().filter(move |(_, s)| uses(s))
    }

    /// The last reader puts its result where the host keeps it: all that the part is before can be there as well.
    fn operand_in_result(&mut self) -> Option<Part> {
        let (first, last) = (self.uses().next()?.0, self.uses().next_back()?.0);
        let writer = standing_nest(self.program, &self.block[last])?;
        let host = writer.store.buffer;
        if host == self.buffer || !covers(self.program, &writer) {
            return None;
        }
        let read = only_load(&writer, self.buffer)?;
        let part = self.part(host, &read, &writer.store.indices)?;
        let is_here_before =
            !self.block[first..].iter().any(|s| matches!(s, Stmt::Alloc { buffer, .. } if *buffer == host));
        let load = Load { buffer: self.buffer, indices: read };
        let begins = begins_with(self.program, self.cx, self.selections, (&writer.store, &load));
        // The first statement may compute the part from the host in place.
        let is_first = self.is_first(&self.block[first], &part);
        let unread = |at: usize| part.is_missed_by(self.program, &self.block[at]) || at == first && is_first;
        let free = (first..last).all(unread);
        let rest = || {
            let mut missed = true;
            writer.store.value.leaves(&mut |leaf| {
                if let Leaf::Load(l) = leaf {
                    missed &= l.buffer != host || part.misses(self.program, &l.indices, &[]);
                }
            });
            missed
        };
        (is_here_before && begins && free && rest()).then_some(part)
    }

    /// Whether a nest computes the part in place from where it will lie, by a selection that begins with it.
    fn is_first(&mut self, stmt: &Stmt, part: &Part) -> bool {
        let Some(nest) = standing_nest(self.program, stmt) else { return false };
        let mut in_place = nest.store.buffer == part.buffer && nest.carrying_loops(self.program).is_empty();
        let element = part.element(&nest.store.indices);
        let mut own = None;
        nest.store.value.leaves(&mut |leaf| {
            if let Leaf::Load(l) = leaf {
                match l.buffer == part.host && l.indices == element {
                    true => own = Some(l),
                    false => in_place &= l.buffer != part.host || part.misses(self.program, &l.indices, &[]),
                }
                in_place &= l.buffer != part.buffer;
            }
        });
        let begins = |load| begins_with(self.program, self.cx, self.selections, (&nest.store, load));
        in_place && own.is_none_or(begins)
    }

    /// What the part is first computed from is dead from there on: the part can take over its place.
    fn result_in_operand(&mut self) -> Option<Part> {
        let first = self.uses().next()?.0;
        let writer = standing_nest(self.program, &self.block[first])?;
        if writer.store.buffer != self.buffer || !writer.carrying_loops(self.program).is_empty() {
            return None;
        }
        let mut hosts: Vec<BufferId> = Vec::new();
        writer.store.value.leaves(&mut |leaf| {
            if let Leaf::Load(l) = leaf
                && l.buffer != self.buffer
                && !hosts.contains(&l.buffer)
            {
                hosts.push(l.buffer);
            }
        });
        hosts.into_iter().find_map(|host| self.taken_over(host, first, &writer))
    }

    fn taken_over(&mut self, host: BufferId, first: usize, writer: &Nest) -> Option<Part> {
        let loads = loads_of(writer, host);
        loads.iter().find_map(|read| {
            let load = Load { buffer: host, indices: read.clone() };
            let part = self.part(host, &writer.store.indices, read)?;
            if !begins_with(self.program, self.cx, self.selections, (&writer.store, &load)) {
                return None;
            }
            let others = loads.iter().filter(|l| *l != read).all(|l| part.misses(self.program, l, &[]));
            let dead = self.block[first + 1..].iter().all(|s| part.is_missed_by(self.program, s));
            (others && dead && self.is_dead_outside(&part)).then_some(part)
        })
    }

    /// Whether nothing that runs behind this block's iteration touches the host where the part lies.
    fn is_dead_outside(&self, part: &Part) -> bool {
        let here =
            |block: &[Stmt]| block.iter().any(|s| matches!(s, Stmt::Alloc { buffer, .. } if *buffer == part.host));
        if here(self.block) {
            return true;
        }
        for (depth, level) in self.levels.iter().enumerate().rev() {
            let behind = level.block[level.at + 1..].iter().all(|s| part.is_missed_by(self.program, s));
            if !behind || !part.is_missed_later(self.program, level.into, &self.levels[depth + 1..]) {
                return false;
            }
            if here(level.block) {
                return true;
            }
        }
        false
    }

    /// The buffer as a part of a host, one of whose elements corresponds to one of the host's.
    fn part(&self, host: BufferId, own: &[Index], hosted: &[Index]) -> Option<Part> {
        let (b, h) = (self.program.buffer(self.buffer), self.program.buffer(host));
        if h.scope != Scope::Acc || h.role != Role::Temporary || h.dtype != b.dtype {
            return None;
        }
        let inner = self.loops_inside();
        let mut places = Vec::new();
        for index in hosted {
            let index = without_unit_loops(self.program, index);
            // What stands still in the block is one element of the host, and of the part.
            places.push(match index.mentions(&|l| inner.contains(&l)) {
                true => Place::Along(own.iter().position(|o| *o == index)?),
                false => Place::At(index),
            });
        }
        lies_alike(b, h, &places).then_some(Part { buffer: self.buffer, host, places })
    }

    /// The loops in the block, which move its elements.
    fn loops_inside(&self) -> Vec<LoopId> {
        let mut found = Vec::new();
        self.block.iter().for_each(|s| loops_of(s, &mut found));
        found
    }
}

fn loops_of(stmt: &Stmt, found: &mut Vec<LoopId>) {
    if let Stmt::For(f) = stmt {
        found.push(f.var);
        f.body.iter().for_each(|s| loops_of(s, found));
    }
}

/// Whether each dimension of a part is one of the host's, as long and in the same lanes, and the host's others have none.
fn lies_alike(b: &Buffer, h: &Buffer, places: &[Place]) -> bool {
    let (Some(own), Some(hosts)) = (&b.layout, &h.layout) else { return false };
    let of_host = |dim: usize| places.iter().position(|p| matches!(p, Place::Along(d) if *d == dim));
    let alike = (0..b.shape.len()).all(|dim| match of_host(dim) {
        Some(d) => (b.shape[dim], b.array[dim]) == (h.shape[d], h.array[d]),
        None => b.shape[dim] == 1,
    });
    let along = places.iter().filter(|p| matches!(p, Place::Along(_))).count();
    let mapped = (0..b.shape.len()).filter(|dim| of_host(*dim).is_some()).count();
    let lanes: Option<Vec<_>> = own.lanes.iter().map(|l| Some((of_host(l.dim)?, l.size))).collect();
    let same_lanes =
        lanes.is_some_and(|lanes| lanes == hosts.lanes.iter().map(|l| (l.dim, l.size)).collect::<Vec<_>>());
    alike && along == mapped && same_lanes
}

/// A nest, with unit loops at zero.
fn standing_nest(program: &LoopProgram, stmt: &Stmt) -> Option<Nest> {
    let mut nest = nest(stmt)?;
    nest.store.indices.iter_mut().for_each(|i| *i = without_unit_loops(program, i));
    nest.store.value.leaves_mut(&mut |leaf| {
        if let Leaf::Load(l) = leaf {
            l.indices.iter_mut().for_each(|i| *i = without_unit_loops(program, i));
        }
    });
    Some(nest)
}

/// Where a nest reads a buffer, if it does so at one element.
fn only_load(nest: &Nest, buffer: BufferId) -> Option<Vec<Index>> {
    let mut loads = loads_of(nest, buffer);
    loads.dedup();
    match loads.len() {
        1 => loads.pop(),
        _ => None,
    }
}

fn loads_of(nest: &Nest, buffer: BufferId) -> Vec<Vec<Index>> {
    let mut loads = Vec::new();
    nest.store.value.leaves(&mut |leaf| match leaf {
        Leaf::Load(l) if l.buffer == buffer && !loads.contains(&l.indices) => loads.push(l.indices.clone()),
        _ => {}
    });
    loads
}

/// Whether a nest stores every element of the dimensions that its loops walk, each once.
fn covers(program: &LoopProgram, nest: &Nest) -> bool {
    let extents = &program.buffer(nest.store.buffer).array;
    let own = |l: LoopId| nest.loops.iter().any(|n| n.var == l);
    nest.carrying_loops(program).is_empty()
        && nest.store.indices.iter().zip(extents).all(|(index, extent)| {
            if !index.mentions(&own) {
                return true;
            }
            let walkers = nest.loops.iter().filter(|l| index.mentions(&|v| v == l.var));
            let times: i64 = walkers.map(|l| program.loop_var(l.var).extent).product();
            times == *extent && index.range(&|l| program.loop_range(l)) == Interval::below(*extent)
        })
}

/// Puts the host in the place of the part, in the block in which that is allocated, and drops what would copy it to itself.
fn join(program: &mut LoopProgram, path: &[usize], part: &Part) {
    let mut body = std::mem::take(&mut program.body);
    let mut block = &mut body;
    for at in path {
        let Stmt::For(f) = &mut block[*at] else { unreachable!("the way leads through loops") };
        block = &mut f.body;
    }
    block.retain(|s| !matches!(s, Stmt::Alloc { buffer, .. } if *buffer == part.buffer));
    for stmt in block.iter_mut() {
        visit_elements_mut(stmt, &mut |buffer, indices| {
            if *buffer == part.buffer {
                (*buffer, *indices) = (part.host, part.element(indices));
            }
            // Equal elements are told by equal indices from here on.
            if *buffer == part.host {
                indices.iter_mut().for_each(|i| *i = without_unit_loops(program, i));
            }
        });
    }
    block.retain(|s| !copies_to_itself(program, s));
    program.body = body;
}

fn copies_to_itself(program: &LoopProgram, stmt: &Stmt) -> bool {
    standing_nest(program, stmt).is_some_and(|n| match &n.store.value {
        Scalar::Leaf(Leaf::Load(l)) => (l.buffer, &l.indices) == (n.store.buffer, &n.store.indices),
        _ => false,
    })
}
