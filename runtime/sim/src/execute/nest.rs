//! Micro-op lists as loop nests: the micro-ops of a range → a few nests of loops with constant strides.
//!
//! Compilers make a micro-op list by walking loops, so it can be turned back into them: 84 micro-ops become 3 loops of
//! 14, 2 and 3, say. Kernels then work on loops instead of single micro-ops. A list that is no product of loops
//! becomes one nest per run of micro-ops that are a constant distance apart.
//!
//! Invariant: executed in order, outermost loop first, the nests visit exactly the micro-ops in the order of the list.

use tilewright_isa::{Codec, Uop};

/// Loops that a list is taken apart into at most.
const MAX_LOOPS: usize = 8;

/// A step in each of the three index spaces, or a position in them. Elements, or units of kernels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    pub dst: i64,
    pub src: i64,
    pub wgt: i64,
}

impl Step {
    fn of(uop: &Uop) -> Step {
        Step { dst: uop.dst.into(), src: uop.src.into(), wgt: uop.wgt.into() }
    }

    fn minus(self, other: Step) -> Step {
        Step { dst: self.dst - other.dst, src: self.src - other.src, wgt: self.wgt - other.wgt }
    }

    pub fn plus(self, other: Step) -> Step {
        Step { dst: self.dst + other.dst, src: self.src + other.src, wgt: self.wgt + other.wgt }
    }

    pub fn times(self, count: i64) -> Step {
        Step { dst: self.dst * count, src: self.src * count, wgt: self.wgt * count }
    }

    /// Each component times that of `units`.
    pub fn scale(self, units: Step) -> Step {
        Step { dst: self.dst * units.dst, src: self.src * units.src, wgt: self.wgt * units.wgt }
    }
}

/// A loop: `count` iterations, each `step` further.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Loop {
    pub count: i64,
    pub step: Step,
}

/// Loops over positions that start at `base`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Nest {
    pub base: Step,
    /// Innermost first.
    pub loops: Vec<Loop>,
}

/// Visits each position of the loops, which stand innermost first.
#[inline]
pub(crate) fn walk(loops: &[Loop], at: Step, visit: &mut impl FnMut(Step)) {
    if loops.is_empty() { visit(at) } else { walk_loops(loops, at, visit) }
}

fn walk_loops(loops: &[Loop], at: Step, visit: &mut dyn FnMut(Step)) {
    let Some((outer, inner)) = loops.split_last() else { return visit(at) };
    for i in 0..outer.count {
        walk_loops(inner, at.plus(outer.step.times(i)), visit);
    }
}

/// What is known about the micro-ops of a range.
#[derive(Clone, Debug, Default)]
pub(crate) struct UopList {
    pub uops: Vec<Uop>,
    /// The largest value of each field.
    pub largest: Uop,
    pub nests: Vec<Nest>,
}

impl UopList {
    /// Decodes and analyses the words, which must not be none.
    pub fn new(codec: &Codec, words: &[u32]) -> UopList {
        let uops: Vec<Uop> = words.iter().map(|&word| codec.decode_uop(word)).collect();
        let largest = uops.iter().fold(Uop::default(), |most, uop| Uop {
            dst: most.dst.max(uop.dst),
            src: most.src.max(uop.src),
            wgt: most.wgt.max(uop.wgt),
        });
        let nests = match product(&uops) {
            Some(nest) => vec![nest],
            None => runs(&uops),
        };
        UopList { uops, largest, nests }
    }
}

/// The list as one nest, if it is a product of loops.
fn product(uops: &[Uop]) -> Option<Nest> {
    let mut nest = Nest { base: Step::of(uops.first()?), loops: Vec::new() };
    let mut block = 1;
    while block < uops.len() {
        let step = Step::of(&uops[block]).minus(nest.base);
        let heads = uops.iter().step_by(block).map(Step::of);
        let count = 1 + heads.clone().zip(heads.skip(1)).take_while(|(a, b)| b.minus(*a) == step).count();
        let whole = block * count;
        if !uops.len().is_multiple_of(whole) || nest.loops.len() == MAX_LOOPS {
            return None;
        }
        for chunk in uops.chunks_exact(whole) {
            if !chunk.iter().zip(&chunk[block..]).all(|(a, b)| Step::of(b).minus(Step::of(a)) == step) {
                return None;
            }
        }
        nest.loops.push(Loop { count: count as i64, step });
        block = whole;
    }
    Some(nest)
}

/// The list as runs of constant distance.
fn runs(uops: &[Uop]) -> Vec<Nest> {
    let mut nests = Vec::new();
    let mut rest = uops;
    while let [first, behind @ ..] = rest {
        let base = Step::of(first);
        let step = behind.first().map_or(Step::default(), |uop| Step::of(uop).minus(base));
        let count = 1 + rest.windows(2).take_while(|pair| Step::of(&pair[1]).minus(Step::of(&pair[0])) == step).count();
        nests.push(Nest { base, loops: vec![Loop { count: count as i64, step }] });
        rest = &rest[count..];
    }
    nests
}

/// What is known about micro-op lists that were used recently, by their range.
#[derive(Clone, Debug)]
pub(crate) struct UopCache {
    slots: Vec<Slot>,
    /// The list of a single micro-op. It is made anew whenever it is asked for, which costs less than finding it.
    single: UopList,
    /// Counts the loads of micro-ops.
    generation: u64,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    range: (u32, u32),
    /// The encoded words that the list was made from, and the generation in which the range was seen to hold them.
    words: Vec<u32>,
    generation: u64,
    list: UopList,
}

impl Default for UopCache {
    fn default() -> UopCache {
        let single = UopList { uops: vec![Uop::default()], largest: Uop::default(), nests: vec![Nest::default()] };
        UopCache { slots: vec![Slot::default(); UopCache::SLOTS], single, generation: 0 }
    }
}

impl UopCache {
    const SLOTS: usize = 64;

    /// Must be called whenever the micro-op buffer has changed.
    pub fn invalidate(&mut self) {
        self.generation += 1;
    }

    /// The list of a range in the buffer `words`; `None` if the range is empty or leaves the buffer.
    #[inline]
    pub fn get(&mut self, codec: &Codec, words: &[u32], uop_bgn: u32, uop_end: u32) -> Option<&UopList> {
        let words = words.get(uop_bgn as usize..uop_end as usize)?;
        match words {
            [] => None,
            [word] => Some(self.single(codec.decode_uop(*word))),
            words => Some(self.several(codec, words, (uop_bgn, uop_end))),
        }
    }

    #[inline]
    fn single(&mut self, uop: Uop) -> &UopList {
        let UopList { uops, largest, nests } = &mut self.single;
        (uops[0], *largest, nests[0].base) = (uop, uop, Step::of(&uop));
        &self.single
    }

    fn several(&mut self, codec: &Codec, words: &[u32], range: (u32, u32)) -> &UopList {
        let hash = range.0.wrapping_mul(31).wrapping_add(range.1);
        let slot = &mut self.slots[hash as usize % UopCache::SLOTS];
        if slot.range != range || slot.generation != self.generation {
            // A load of micro-ops mostly writes elsewhere, or what is there already.
            if slot.range != range || slot.words != words {
                slot.words.clear();
                slot.words.extend_from_slice(words);
                (slot.range, slot.list) = (range, UopList::new(codec, words));
            }
            slot.generation = self.generation;
        }
        &slot.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uop(dst: u32, src: u32, wgt: u32) -> Uop {
        Uop { dst, src, wgt }
    }

    /// The positions of nests in order.
    fn walk(nests: &[Nest]) -> Vec<Step> {
        let mut all = Vec::new();
        for nest in nests {
            let mut positions = vec![nest.base];
            for of in &nest.loops {
                let repeat = |i| positions.iter().map(move |at| at.plus(of.step.times(i)));
                positions = (0..of.count).flat_map(repeat).collect();
            }
            all.extend(positions);
        }
        all
    }

    #[test]
    fn a_product_of_loops_is_one_nest() {
        let mut uops = Vec::new();
        for k in 0..3 {
            for c in 0..2 {
                for y in 0..14 {
                    uops.push(uop(y * 28 + c * 392, (y + k) * 30, c * 9 + k * 3));
                }
            }
        }
        let nest = product(&uops).unwrap();
        assert_eq!(nest.loops.iter().map(|of| of.count).collect::<Vec<_>>(), [14, 2, 3]);
        assert_eq!(walk(&[nest]), uops.iter().map(Step::of).collect::<Vec<_>>());
    }

    #[test]
    fn any_list_is_visited_in_order() {
        let lists = [
            vec![uop(3, 2, 1)],
            vec![uop(0, 0, 0), uop(0, 0, 0), uop(0, 0, 0)],
            vec![uop(9, 0, 4), uop(6, 1, 3), uop(3, 2, 2), uop(0, 3, 1)],
            vec![uop(0, 0, 0), uop(1, 1, 0), uop(2, 2, 0), uop(7, 0, 0), uop(8, 1, 0), uop(9, 3, 0)],
            vec![uop(0, 0, 0), uop(1, 0, 0), uop(5, 0, 0), uop(6, 0, 0), uop(10, 0, 0)],
        ];
        for uops in lists {
            let nests = product(&uops).map_or_else(|| runs(&uops), |nest| vec![nest]);
            assert_eq!(walk(&nests), uops.iter().map(Step::of).collect::<Vec<_>>());
        }
    }
}
