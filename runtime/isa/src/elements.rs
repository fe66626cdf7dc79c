//! Sets of scratchpad elements that loops touch: bases and steps → exactly the elements, however often each is met.

/// `count` steps, `stride` elements apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Dim {
    pub count: u64,
    pub stride: u64,
}

/// A set of elements of one scratchpad, as bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ElementSet {
    words: Vec<u64>,
    depth: usize,
}

impl ElementSet {
    /// The empty set of a scratchpad with this many elements.
    pub fn new(depth: usize) -> ElementSet {
        ElementSet { words: vec![0; depth.div_ceil(64)], depth }
    }

    /// Adds `base + o·outer.stride + i·inner.stride` for every base. Elements outside the scratchpad are left out.
    /// The cost depends on the depth and the number of bases, not on the counts.
    pub fn insert_nest(&mut self, bases: impl Iterator<Item = u32>, outer: Dim, inner: Dim) {
        if outer.count == 0 || inner.count == 0 || self.depth == 0 {
            return;
        }
        let mut pattern = ElementSet::new(self.depth);
        pattern.words[0] = 1;
        pattern.repeat(inner);
        pattern.repeat(outer);
        bases.for_each(|base| self.insert_shifted(&pattern, base.into()));
        self.words.last_mut().into_iter().for_each(|word| *word &= u64::MAX >> ((64 - self.depth % 64) % 64));
    }

    /// The elements, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(index * 64 + bit)
            })
        })
    }

    /// The union of `count` copies of itself, each shifted by `stride` more; doubles the copies in every step.
    fn repeat(&mut self, dim: Dim) {
        let mut have = 1;
        while have < dim.count {
            let add = have.min(dim.count - have);
            let shift = add.saturating_mul(dim.stride);
            if shift == 0 || shift >= self.depth as u64 {
                break;
            }
            let copy = self.clone();
            self.insert_shifted(&copy, shift);
            have += add;
        }
    }

    fn insert_shifted(&mut self, other: &ElementSet, shift: u64) {
        if shift >= self.depth as u64 {
            return;
        }
        let (skip, bits) = ((shift / 64) as usize, shift % 64);
        for (index, word) in other.words[..self.words.len() - skip].iter().enumerate() {
            self.words[index + skip] |= word << bits;
            if bits > 0 && index + skip + 1 < self.words.len() {
                self.words[index + skip + 1] |= word >> (64 - bits);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn element_sets_hold_what_was_inserted(
            bases in prop::collection::vec(0..200u32, 0..4),
            outer in (0..9u64, 0..70u64),
            inner in (0..9u64, 0..70u64),
            depth in 1..200usize,
        ) {
            let dim = |(count, stride)| Dim { count, stride };
            let mut set = ElementSet::new(depth);
            set.insert_nest(bases.iter().copied(), dim(outer), dim(inner));
            let mut expected = BTreeSet::new();
            for (base, (o, i)) in bases.iter().flat_map(|base| {
                (0..outer.0).flat_map(move |o| (0..inner.0).map(move |i| (*base, (o, i))))
            }) {
                expected.insert((u64::from(base) + o * outer.1 + i * inner.1) as usize);
            }
            expected.retain(|element| *element < depth);
            prop_assert_eq!(set.iter().collect::<BTreeSet<_>>(), expected);
        }
    }
}
