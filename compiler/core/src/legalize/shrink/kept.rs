//! Which indices of a dimension are read, and which iterations of a writer stay with them.

use crate::affine::{Affine, Atom, Interval, gcd};
use crate::loops::ir::{Buffer, Index, Leaf, Load, LoopId, LoopProgram, Mark, Scope};
use crate::loops::nest::{Nest, NestLoop, tile_loops, without_unit_loops};
use crate::scalar::Scalar;

/// What is known of the indices of one dimension that are read.
#[derive(Clone, Copy, Default)]
pub struct Reads {
    /// One of them.
    first: Option<i64>,
    /// All of them differ from it by multiples of this.
    step: i64,
    /// All of them lie here.
    range: Option<Interval>,
    in_lanes: bool,
}

impl Reads {
    /// Adds what a nest loads.
    pub fn join(&mut self, program: &LoopProgram, nest: &Nest, load: &Load, dim: usize) {
        let index = &load.indices[dim];
        self.in_lanes |= in_lanes(program, nest, program.buffer(load.buffer).scope, index);
        let index = without_unit_loops(program, index);
        let first = *self.first.get_or_insert(index.offset());
        self.step = gcd(gcd(self.step, index.step()), index.offset() - first);
        let range = index.range(&|l| program.loop_range(l));
        let hull = |all: Interval| Interval::new(all.min.min(range.min), all.max.max(range.max));
        self.range = Some(self.range.map_or(range, hull));
    }

    /// What could be kept of a dimension, where that is less than it has; the fewest first.
    pub fn choices(&self, buffer: &Buffer, dim: usize) -> Vec<Kept> {
        let (extent, array) = (buffer.shape[dim], buffer.array[dim]);
        let (Some(first), Some(range), false) = (self.first, self.range, self.in_lanes) else { return Vec::new() };
        let between = |step: i64| Kept { first: first.rem_euclid(step), step, last: extent - 1 };
        let ends = buffer.scope.is_operand() && range.min >= 0 && range.max < extent;
        let within = |step: i64| Kept { first: range.min, step, last: range.max };
        let strided = self.step > 1;
        let mut found = Vec::new();
        found.extend((ends && strided).then(|| within(self.step)));
        found.extend(ends.then(|| within(1)));
        found.extend(strided.then(|| between(self.step)));
        found.retain(|kept| kept.first < array && kept.count(extent) < extent);
        found
    }
}

/// Whether an index could run over the lanes of a tile: in the tile of a product, or on a loop that runs once in an operand of
/// the ALU, whose tiles are counted by loops.
fn in_lanes(program: &LoopProgram, nest: &Nest, scope: Scope, index: &Index) -> bool {
    let in_tile = tile_loops(nest).iter().any(|l| index.mentions(&|v| v == l.var));
    let walks = |l: &NestLoop| index.coefficient(l.var) != Some(0);
    let runs = |l: &NestLoop| program.loop_var(l.var).extent > 1;
    let stands = || nest.loops.iter().any(walks) && !nest.loops.iter().any(|l| walks(l) && runs(l));
    in_tile || (scope == Scope::Acc && stands())
}

/// The indices `first`, `first + step` and so on up to `last` of a dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    first: i64,
    step: i64,
    last: i64,
}

/// The iterations of a nest that write what is kept.
pub enum Iterations {
    All,
    None,
    /// `first + period * n` of one loop, for `n` below `count`.
    Every {
        var: LoopId,
        first: i64,
        period: i64,
        count: i64,
    },
}

impl Kept {
    /// How many of the indices below an extent are kept.
    pub fn count(self, extent: i64) -> i64 {
        (extent.min(self.last + 1) - self.first + self.step - 1) / self.step
    }

    /// An index that is kept, counted among those that are.
    pub fn position(self, program: &LoopProgram, index: &Index) -> Index {
        if self.step == 1 {
            return index.plus_constant(-self.first);
        }
        let even = |l: LoopId| index.coefficient(l).is_some_and(|c| c % self.step == 0);
        let value = |l: LoopId| match program.loop_var(l).extent == 1 && !even(l) {
            true => Affine::constant(0),
            false => Affine::var(l),
        };
        let index = index.substitute(&value, &|l| program.loop_range(l));
        index.plus_constant(-self.first).div(self.step, &|l| program.loop_range(l))
    }

    /// Whether a writer can leave out the iterations that write what is not kept.
    pub fn can_shorten(self, program: &LoopProgram, nest: &Nest, dim: usize) -> bool {
        let mut from_outside = false;
        nest.store.value.leaves(&mut |leaf| {
            from_outside |= matches!(leaf, Leaf::Load(l) if reaches_outside(program, l));
        });
        let is_copy = matches!(nest.store.value, Scalar::Leaf(Leaf::Load(_)));
        let whole = Interval::below(program.buffer(nest.store.buffer).shape[dim]);
        let cuts_ends = self.first >= whole.min + self.step || self.last < whole.max;
        (self.step == 1 || !from_outside) && (is_copy || !cuts_ends) && self.iterations(program, nest, dim).is_some()
    }

    /// Which iterations write what is kept; none where this is not a matter of one loop that is free to be shortened.
    pub fn iterations(self, program: &LoopProgram, nest: &Nest, dim: usize) -> Option<Iterations> {
        let index = without_unit_loops(program, &nest.store.indices[dim]);
        let range = index.range(&|l| program.loop_range(l));
        if range.max < self.first || self.last < range.min {
            return Some(Iterations::None);
        }
        let inside = self.first <= range.min && range.max <= self.last;
        let walkers: Vec<_> = index.terms().iter().filter(|(_, c)| !inside || c % self.step != 0).collect();
        let is_kept = |index: i64| (index - self.first).rem_euclid(self.step) == 0;
        let (atom, c) = match walkers[..] {
            [] if is_kept(index.offset()) => return Some(Iterations::All),
            [] => return Some(Iterations::None),
            [walker] => walker,
            _ => return None,
        };
        let Atom::Var(var) = *atom else { return None };
        let free = |l: &NestLoop| l.var == var && matches!(l.mark, None | Some(Mark::DmaCopy));
        let outer = &nest.loops[..nest.loops.len() - tile_loops(nest).len()];
        if !outer.iter().any(free) {
            return None;
        }
        let all = Interval::below(program.loop_var(var).extent);
        // Where an index has other terms all its values are inside, and only the step counts.
        let between = if inside { all } else { self.between_ends(index.offset(), *c, all) };
        let period = self.step / gcd(*c, self.step);
        let first = (between.min..between.min + period).find(|n| is_kept(index.offset() + c * n));
        Some(match first.filter(|first| *first <= between.max) {
            Some(first) => Iterations::Every { var, first, period, count: (between.max - first) / period + 1 },
            None => Iterations::None,
        })
    }

    /// The numbers `n` of some for which `offset + c * n` lies between the first and the last index; an empty interval where
    /// none does.
    fn between_ends(self, offset: i64, c: i64, all: Interval) -> Interval {
        let (first, last) = (self.first - offset, self.last - offset);
        let (least, greatest) = if c > 0 { (first, last) } else { (-last, -first) };
        let ceil = -(-least).div_euclid(c.abs());
        Interval { min: ceil.max(all.min), max: greatest.div_euclid(c.abs()).min(all.max) }
    }
}

fn reaches_outside(program: &LoopProgram, load: &Load) -> bool {
    let buffer = program.buffer(load.buffer);
    let outside = |(index, extent): (&Index, &i64)| {
        let range = index.range(&|l| program.loop_range(l));
        range.min < 0 || range.max >= *extent
    };
    buffer.outside.is_some() && load.indices.iter().zip(&buffer.shape).any(outside)
}
