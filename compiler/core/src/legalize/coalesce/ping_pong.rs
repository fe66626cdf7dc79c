//! A state that lies in two places in turn → in one, where each step has read the old value before it stores the new one.
//!
//! ```text
//! before   alloc cell: i32[2, 128] @acc; @serial for t { fc[j] = s[j] * cell[t % 2, j]; cell[(t + 1) % 2, j] = fc[j] }
//! after    alloc cell: i32[1, 128] @acc; @serial for t { fc[j] = s[j] * cell[0, j]; cell[0, j] = fc[j] }
//! ```
//!
//! The new value can then be computed over the old one, and need not be copied there.

use crate::legalize::coalesce::Coalescing;
use crate::legalize::coalesce::ahead::covers;
use crate::legalize::coalesce::alias::{Alias, Dimension};
use crate::legalize::coalesce::legality::{is_computed_in_place, is_followed};
use crate::legalize::coalesce::sites::Site;
use crate::loops::dependence::{Access, Place, disjoint};
use crate::loops::ir::{BufferId, Index, LoopProgram};
use crate::loops::nest::without_unit_loops;

/// The places of a state.
const PLACES: i64 = 2;

/// Keeps states in one place. Returns whether there were any.
pub fn join_all(program: &mut LoopProgram, c: &mut Coalescing) -> bool {
    let mut joined = false;
    for id in 0..program.buffers.len() {
        let buffer = BufferId(id as u32);
        if let Some(alias) = alias(program, c, buffer) {
            c.sites.join(program, &alias);
            let alone = &mut program.buffers[id];
            (alone.shape[0], alone.array[0]) = (1, 1);
            joined = true;
        }
    }
    joined
}

/// Both places of a buffer as one, if it holds what one step of a scan leaves to the next and could do with one.
fn alias(program: &LoopProgram, c: &mut Coalescing, buffer: BufferId) -> Option<Alias> {
    let b = program.buffer(buffer);
    let home = c.sites.home(buffer)?;
    let is_lane = b.layout.as_ref().is_some_and(|l| l.lane_size(0) > 1);
    if b.copies > 0 || b.shape.first() != Some(&PLACES) || b.base.is_some() || is_lane {
        return None;
    }
    let depth = home.depth();
    let steps_of = |at: usize| c.sites.site(at).loops.get(depth).copied().filter(|l| c.sites.is_step(*l));
    // What stands before the steps sets the value that the first one finds.
    let touching = c.sites.touching(buffer);
    let (before, pieces) = touching.split_at(touching.iter().take_while(|at| steps_of(**at).is_none()).count());
    let mut is_first = true;
    for at in before {
        c.sites.accesses(*at, buffer, None, &mut |access| is_first &= place(program, &access).as_constant() == Some(0));
    }
    if !is_first || !pieces.iter().all(|at| steps_of(*at).is_some()) {
        return None;
    }
    let along = (1..b.shape.len()).map(Dimension::Along);
    let map = std::iter::once(Dimension::At(Index::constant(0))).chain(along).collect();
    let alias = Alias { buffer, host: buffer, map };
    let mut by_piece = pieces.chunk_by(|a, b| steps_of(*a) == steps_of(*b));
    let reads_first = by_piece.all(|piece| reads_first(program, c, &alias, piece));
    (reads_first && is_computed_in_place(program, c, &alias)).then_some(alias)
}

/// Whether the steps of a piece of a scan read the old value, in one place, only before they store all of the new one in the other.
fn reads_first(program: &LoopProgram, c: &Coalescing, alias: &Alias, piece: &[usize]) -> bool {
    let buffer = alias.buffer;
    let mut places: [Option<Index>; 2] = [None, None];
    let mut known = true;
    for at in piece {
        c.sites.accesses(*at, buffer, None, &mut |access| {
            let place = place(program, &access);
            known &= *places[usize::from(access.write)].get_or_insert_with(|| place.clone()) == place;
        });
    }
    let [Some(old), Some(new)] = places else { return false };
    let stores: Vec<usize> = piece.iter().copied().filter(|at| c.sites.site(*at).store.buffer == buffer).collect();
    let [store] = stores[..] else { return false };
    let outside = c.sites.home(buffer).map_or(0, |home| home.depth() + 1);
    let in_piece = |at: usize, is_write: bool| !is_write && piece.contains(&at);
    let mut kept = true;
    c.sites.accesses(store, buffer, Some(alias), &mut |stored| {
        kept &= !stored.write || !is_followed(program, c, &stored, alias, outside, &in_piece);
    });
    known && disjoint(program, &[old], &[new], &[]) && kept && covers_all(program, c.sites.site(store))
}

/// Whether a nest stores every element of one place.
fn covers_all(program: &LoopProgram, site: &Site) -> bool {
    let extents = &program.buffer(site.store.buffer).array[1..];
    let stands = |index: &Index| !index.mentions(&|l| site.nest().contains(&l));
    covers(program, site) && site.store.indices[1..].iter().zip(extents).all(|(index, n)| *n == 1 || !stands(index))
}

/// The place of an access, with unit loops at zero.
fn place(program: &LoopProgram, access: &Access) -> Index {
    match access.place {
        Place::Element(indices) => without_unit_loops(program, &indices[0]),
        Place::Tiles { offset, .. } => offset.clone(),
    }
}
