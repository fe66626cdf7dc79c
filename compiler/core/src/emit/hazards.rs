//! Hazards: a list of instructions with what they touch → for each, what must be complete before it may start.
//!
//! Two instructions of different modules that touch the same tile, one of them writing it, must run in program order.
//! Each module runs its instructions in order, one after the other, so the latest instruction of each other module with
//! which there is a hazard stands for all before it: one position for each module is enough.
//!
//! Tiles that have always been touched together have the same history, which is kept once for all of them: the work grows
//! with the boundaries between what instructions touch, and with tiles only by [`LONGEST`] at a time.

use std::ops::Range;

use tilewright_isa::{MemoryType, Module};

use super::footprint::Space;

/// For each module the instructions that are complete, or have to be: all whose position is below the number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock([u32; 3]);

impl Clock {
    pub fn get(self, module: Module) -> u32 {
        self.0[module as usize]
    }

    /// Adds that everything of a module below a position is complete.
    pub fn raise(&mut self, module: Module, below: u32) {
        let entry = &mut self.0[module as usize];
        *entry = below.max(*entry);
    }

    /// Adds what another clock knows.
    pub fn join(&mut self, other: Clock) {
        for module in Module::ALL {
            self.raise(module, other.get(module));
        }
    }
}

/// The last accesses to each of some consecutive tiles, by module.
#[derive(Clone, Copy, Debug, Default)]
struct Segment {
    /// Reads and writes.
    accessed: Clock,
    written: Clock,
    /// The number of tiles; 0 for a tile that is in a segment and does not begin it.
    len: u32,
}

/// The most tiles of a segment. The one that holds a tile is found by going back from there.
const LONGEST: usize = 64;

/// The history of one memory: for each tile, the segment that begins there. The segments follow each other without gaps.
#[derive(Debug, Default)]
struct Memory {
    segments: Vec<Segment>,
}

impl Memory {
    /// Makes the memory reach up to a tile.
    fn reach(&mut self, end: usize) {
        let mut start = self.segments.len();
        if start < end {
            self.segments.resize(end, Segment::default());
        }
        while start < end {
            let len = LONGEST.min(end - start);
            self.segments[start].len = len as u32;
            start += len;
        }
    }

    /// Makes a segment begin at a tile.
    fn cut(&mut self, at: usize) {
        if self.segments.get(at).is_none_or(|s| s.len > 0) {
            return;
        }
        let mut start = at;
        while self.segments[start].len == 0 {
            start -= 1;
        }
        let (whole, before) = (self.segments[start], (at - start) as u32);
        self.segments[start].len = before;
        self.segments[at] = Segment { len: whole.len - before, ..whole };
    }
}

/// What has been touched so far. Feed it the instructions in program order.
#[derive(Debug, Default)]
pub struct History {
    memories: Vec<Memory>,
}

impl History {
    /// Records an access by the instruction at `position` and adds to `needs` what must be complete before it.
    pub fn touch(
        &mut self,
        space: Space,
        tiles: impl Iterator<Item = Range<usize>>,
        write: bool,
        (module, position): (Module, u32),
        needs: &mut Clock,
    ) {
        let memory = self.memory(space);
        for Range { start, end } in tiles {
            memory.reach(end);
            memory.cut(start);
            memory.cut(end);
            let mut at = start;
            while at < end {
                let segment = &mut memory.segments[at];
                needs.join(if write { segment.accessed } else { segment.written });
                // Positions ascend, so this access is the latest.
                segment.accessed.0[module as usize] = position + 1;
                if write {
                    segment.written.0[module as usize] = position + 1;
                }
                at += segment.len as usize;
            }
        }
    }

    fn memory(&mut self, space: Space) -> &mut Memory {
        let number = match space {
            Space::Scratchpad(memory) => memory as usize,
            Space::Dram(buffer) => MemoryType::ALL.len() + buffer as usize,
        };
        if self.memories.len() <= number {
            self.memories.resize_with(number + 1, Memory::default);
        }
        &mut self.memories[number]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What must be complete, by looking at all that came before.
    fn by_definition(before: &[(Range<usize>, bool, Module)], tiles: &Range<usize>, write: bool) -> Clock {
        let mut needs = Clock::default();
        for (position, (earlier, wrote, module)) in (0_u32..).zip(before) {
            let overlap = earlier.start.max(tiles.start) < earlier.end.min(tiles.end);
            if overlap && (write || *wrote) {
                needs.raise(*module, position + 1);
            }
        }
        needs
    }

    proptest! {
        #[test]
        fn every_access_needs_the_latest_with_which_it_has_a_hazard(
            accesses in prop::collection::vec((0..300_usize, 1..200_usize, any::<bool>(), 0..3_usize), 1..40),
        ) {
            let (mut history, mut before) = (History::default(), Vec::new());
            for (position, (start, len, write, module)) in (0_u32..).zip(accesses) {
                let (tiles, module) = (start..start + len, Module::ALL[module]);
                let mut needs = Clock::default();
                history.touch(Space::Scratchpad(MemoryType::Acc), std::iter::once(tiles.clone()), write, (module, position), &mut needs);
                prop_assert_eq!(needs, by_definition(&before, &tiles, write));
                before.push((tiles, write, module));
            }
        }
    }
}
