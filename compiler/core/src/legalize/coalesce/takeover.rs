//! A result in the place of an operand that dies where the result is computed.
//!
//! ```text
//! before   alloc C @acc; ...; alloc S @acc; for i { S[i] = max(C[i], 0) }; for i { Y[i] = S[i] }
//! after    alloc C @acc; ...; for i { C[i] = max(C[i], 0) }; for i { Y[i] = C[i] }
//! ```
//!
//! The whole of a buffer takes the place of another one that is allocated in the same block, and has the same indices. In the
//! steps of a scan, where stages work on slices of what is kept for all of them, a buffer also takes the place of a slice of
//! one that is allocated around. Elsewhere the copies that this saves are those that `shrink` makes smaller.

use crate::legalize::coalesce::Coalescing;
use crate::legalize::coalesce::alias::{Alias, same_element};
use crate::legalize::coalesce::legality::{is_clobbered, is_computed_in_place};
use crate::loops::ir::{BufferId, Leaf, LoopProgram};

/// Joins results with whole operands. Returns whether there were any.
pub fn join_whole(program: &mut LoopProgram, c: &mut Coalescing) -> bool {
    let mut joined = false;
    loop {
        let mut found = false;
        for at in c.sites.computing() {
            while let Some(alias) = whole(program, c, at) {
                c.sites.join(program, &alias);
                found = true;
            }
        }
        joined |= found;
        if !found {
            return joined;
        }
    }
}

/// The result of a store over one of its operands.
fn whole(program: &LoopProgram, c: &mut Coalescing, at: usize) -> Option<Alias> {
    let site = c.sites.site(at);
    let (result, indices) = (site.store.buffer, &site.store.indices);
    let home = c.sites.home(result)?;
    let mut operands: Vec<BufferId> = Vec::new();
    site.store.value.leaves(&mut |leaf| {
        if let Leaf::Load(l) = leaf
            && l.buffer != result
            && !operands.contains(&l.buffer)
            && c.sites.home(l.buffer).is_some_and(|h| h.is_same_block(home))
            && same_element(program, &l.indices, indices)
        {
            operands.push(l.buffer);
        }
    });
    operands.into_iter().map(|operand| Alias::whole(program, result, operand)).find(|a| takes_over(program, c, a))
}

/// What the buffer is first computed from is dead from there on.
pub fn slice(program: &LoopProgram, c: &mut Coalescing, buffer: BufferId) -> Option<Alias> {
    let first = c.sites.site(*c.sites.touching(buffer).first()?);
    let depth = c.sites.home(buffer)?.depth();
    if first.store.buffer != buffer || first.outer > depth || !first.writes_once(program) {
        return None;
    }
    let own = (buffer, first.store.indices.as_slice());
    let mut found = Vec::new();
    first.store.value.leaves(&mut |leaf| {
        if let Leaf::Load(l) = leaf
            && l.buffer != buffer
            && c.sites.home(l.buffer).is_some()
        {
            found.extend(Alias::slice(program, &first.loops[depth..], own, (l.buffer, &l.indices)));
        }
    });
    found.into_iter().find(|alias| takes_over(program, c, alias))
}

/// Whether nothing touches the host where the buffer lies once that is in use.
fn takes_over(program: &LoopProgram, c: &mut Coalescing, alias: &Alias) -> bool {
    let (Some(home), Some(first)) = (c.sites.home(alias.host), c.sites.touching(alias.buffer).first()) else {
        return false;
    };
    let (is_here, outside) = (home.site <= *first, home.depth());
    is_here
        && alias.fits(program, c.cx)
        && !is_clobbered(program, c, alias, outside, &|_, _| true)
        && is_computed_in_place(program, c, alias)
}
