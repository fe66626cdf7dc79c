//! Hazards: a list of instructions with what they touch → for each, what must be complete before it may start.
//!
//! Two instructions of different modules that touch the same tile, one of them writing it, must run in program order.
//! Each module runs its instructions in order, one after the other, so the latest instruction of each other module with
//! which there is a hazard stands for all before it: one position for each module is enough.

use std::collections::BTreeMap;

use tilewright_isa::Module;

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

/// The last accesses to one tile, by module.
#[derive(Clone, Copy, Debug, Default)]
struct Tile {
    read: Clock,
    written: Clock,
}

/// What has been touched so far. Feed it the instructions in program order.
#[derive(Debug, Default)]
pub struct History {
    spaces: BTreeMap<Space, Vec<Tile>>,
}

impl History {
    /// Records an access by the instruction at `position` and adds to `needs` what must be complete before it.
    pub fn touch(
        &mut self,
        space: Space,
        tiles: std::ops::Range<usize>,
        write: bool,
        (module, position): (Module, u32),
        needs: &mut Clock,
    ) {
        let memory = self.spaces.entry(space).or_default();
        if memory.len() < tiles.end {
            memory.resize(tiles.end, Tile::default());
        }
        for tile in &mut memory[tiles] {
            needs.join(tile.written);
            if write {
                needs.join(tile.read);
                tile.written.raise(module, position + 1);
            } else {
                tile.read.raise(module, position + 1);
            }
        }
    }
}
