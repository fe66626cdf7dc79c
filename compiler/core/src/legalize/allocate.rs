//! Gives each buffer on chip its place in its scratchpad.
//!
//! ```text
//! before   alloc X_buf: i8[1, 16] @inp tile(1: 16)
//! after    alloc X_buf: i8[1, 16] @inp tile(1: 16) base 0
//! ```
//!
//! A base that the text of the program states stays: the other buffers go around it.
//!
//! Where all buffers of a scratchpad fit beside each other, none shares storage, so that none waits for another to be
//! done. Otherwise a buffer holds its place from its first use to its last (`loops::lifetimes`), and what is free is taken
//! first fit: in the order of the text, or, where that does not fit, the largest first. Tokens order the accesses.

use std::ops::Range;

use tilewright_isa::{Config, MemoryType};

use crate::legalize::error::{Change, Reader, Resident};
use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{BufferId, LoopProgram, Origin, Scope, Stmt};
use crate::loops::lifetimes::{lifetimes, meet};

/// Extents that are tried in looking for a change that fits.
const MAX_TRIED: usize = 1 << 16;

pub fn run(program: &mut LoopProgram, cx: &Cx) -> Result<(), LegalizeError> {
    for scope in Scope::ON_CHIP {
        let wants = wants(program, scope);
        let depth = addressable(&cx.config, memory(scope));
        stated_bases_hold(program, scope, &wants, depth)?;
        let (stated, free): (Vec<usize>, Vec<usize>) = (0..wants.len()).partition(|k| wants[*k].stated.is_some());
        let in_order = [stated.clone(), free.clone()].concat();
        let mut by_size = free;
        by_size.sort_by_key(|k| std::cmp::Reverse(wants[*k].tiles));
        let by_size = [stated, by_size].concat();
        let bases = beside_each_other(&wants, depth)
            .or_else(|| first_fit(&wants, &in_order, depth).ok())
            .or_else(|| first_fit(&wants, &by_size, depth).ok());
        let bases = match bases {
            Some(bases) => bases,
            None => {
                let refused = first_fit(&wants, &in_order, depth).expect_err("tried above");
                return Err(too_small(program, cx, scope, &wants, &refused));
            }
        };
        for (want, base) in wants.iter().zip(bases) {
            program.buffers[want.buffer.0 as usize].base = Some(base);
        }
    }
    Ok(())
}

/// A buffer that needs a place.
struct Want {
    buffer: BufferId,
    origin: Origin,
    tiles: i64,
    life: Range<usize>,
    /// The base that the text states.
    stated: Option<i64>,
}

impl Want {
    /// The tiles that it holds from a base on.
    fn at(&self, base: i64) -> Range<i64> {
        base..base.saturating_add(self.tiles)
    }
}

/// The buffers of a scratchpad, in the order in which their lives begin.
fn wants(program: &LoopProgram, scope: Scope) -> Vec<Want> {
    let lives = lifetimes(program);
    let mut wants = Vec::new();
    collect(&program.body, &mut |buffer, origin| {
        if program.buffer(buffer).scope == scope
            && let Some(life) = lives[buffer.0 as usize].clone()
        {
            let b = program.buffer(buffer);
            wants.push(Want { buffer, origin, tiles: b.tiles(), life, stated: b.base });
        }
    });
    wants.sort_by_key(|w| w.life.start);
    wants
}

fn collect(block: &[Stmt], visit: &mut dyn FnMut(BufferId, Origin)) {
    for stmt in block {
        match stmt {
            Stmt::Alloc { buffer, origin } => visit(*buffer, *origin),
            Stmt::For(f) => collect(&f.body, visit),
            _ => {}
        }
    }
}

/// Whether each stated base leaves room for its buffer, beside those that are alive with it and state one as well.
fn stated_bases_hold(program: &LoopProgram, scope: Scope, wants: &[Want], depth: i64) -> Result<(), LegalizeError> {
    let stated: Vec<(&Want, Range<i64>)> = wants.iter().filter_map(|w| Some((w, w.at(w.stated?)))).collect();
    for (at, (want, tiles)) in stated.iter().enumerate() {
        let beside = |(other, _): &&(&Want, _)| other.buffer != want.buffer && meet(&other.life, &want.life);
        let overlapped = stated[..at].iter().filter(beside).find(|(_, other)| meet(other, tiles));
        if tiles.end <= depth && overlapped.is_none() {
            continue;
        }
        let name = |w: &Want| program.buffer(w.buffer).name.clone();
        let taken: Vec<Range<i64>> = stated.iter().filter(beside).map(|(_, tiles)| tiles.clone()).collect();
        return Err(LegalizeError::StatedBase {
            buffer: name(want),
            scope,
            depth,
            overlapped: overlapped.map(|(other, tiles)| (name(other), tiles.clone())),
            free: free_bases(want.tiles, taken, depth),
            tiles: tiles.clone(),
            origin: want.origin,
        });
    }
    Ok(())
}

/// The bases from which on so many tiles are free, as ranges from the first to the last.
fn free_bases(tiles: i64, mut taken: Vec<Range<i64>>, depth: i64) -> Vec<(i64, i64)> {
    taken.sort_by_key(|t| t.start);
    taken.push(depth..depth);
    let mut next = 0_i64;
    let mut free = Vec::new();
    for t in taken {
        if next.saturating_add(tiles) <= t.start.min(depth) {
            free.push((next, t.start.min(depth) - tiles));
        }
        next = next.max(t.end);
    }
    free
}

/// A place for each buffer of its own, where there is room for all.
fn beside_each_other(wants: &[Want], depth: i64) -> Option<Vec<i64>> {
    let mut stated: Vec<Range<i64>> = wants.iter().filter_map(|w| Some(w.at(w.stated?))).collect();
    stated.sort_by_key(|tiles| tiles.start);
    let mut next = 0_i64;
    let mut bases = Vec::new();
    for want in wants {
        if let Some(base) = want.stated {
            bases.push(base);
            continue;
        }
        for tiles in &stated {
            if meet(tiles, &want.at(next)) {
                next = tiles.end;
            }
        }
        bases.push(next);
        next = next.saturating_add(want.tiles);
    }
    (next <= depth).then_some(bases)
}

/// Why an order of placing does not work out: what does not fit, and what lives beside it and has its place.
struct Refused {
    want: usize,
    beside: Vec<usize>,
}

/// The lowest place for each buffer, in the given order, that no buffer placed before it holds at the same time. Those that
/// state their bases come first.
fn first_fit(wants: &[Want], order: &[usize], depth: i64) -> Result<Vec<i64>, Refused> {
    let mut bases = vec![0; wants.len()];
    // By base, so that gaps are found in one sweep.
    let mut placed: Vec<usize> = Vec::new();
    for k in order {
        let want = &wants[*k];
        let beside = || placed.iter().copied().filter(|p| meet(&wants[*p].life, &want.life));
        let mut base = 0;
        for p in beside().filter(|_| want.stated.is_none()) {
            if base + want.tiles <= bases[p] {
                break;
            }
            base = base.max(bases[p] + wants[p].tiles);
        }
        let base = want.stated.unwrap_or(base);
        if base + want.tiles > depth {
            return Err(Refused { want: *k, beside: beside().collect() });
        }
        bases[*k] = base;
        let at = placed.partition_point(|p| bases[*p] <= base);
        placed.insert(at, *k);
    }
    Ok(bases)
}

fn too_small(program: &LoopProgram, cx: &Cx, scope: Scope, wants: &[Want], refused: &Refused) -> LegalizeError {
    let memory = memory(scope);
    let (depth, bytes) = (addressable(&cx.config, memory), cx.config.element_bytes(memory) as i64);
    let want = &wants[refused.want];
    let buffer = program.buffer(want.buffer);
    let resident = |p: &usize| Resident::of(program.buffer(wants[*p].buffer), wants[*p].tiles.saturating_mul(bytes));
    let alive: Vec<Resident> = refused.beside.iter().map(resident).collect();
    let held: i64 = refused.beside.iter().map(|p| wants[*p].tiles).sum();
    LegalizeError::Capacity {
        needed: Resident::of(buffer, want.tiles.saturating_mul(bytes)),
        scope,
        capacity: depth * bytes,
        alive,
        change: smallest_change(program, wants, refused, depth - held),
        readers: readers(program, want.buffer),
        stated: wants.iter().filter_map(|w| Some((program.buffer(w.buffer).name.clone(), w.stated?))).collect(),
        // What has copies stands at a loop, in whatever block they are allocated.
        at_root: buffer.copies == 0
            && program.body.iter().any(|s| matches!(s, Stmt::Alloc { buffer, .. } if *buffer == want.buffer)),
        origin: want.origin,
    }
}

/// The change that gives up least of what is alive and makes room for all of it; None where the parts are too many or lie
/// badly. `free` is what the buffers beside leave, in tiles.
fn smallest_change(program: &LoopProgram, wants: &[Want], refused: &Refused, free: i64) -> Option<Change> {
    let over = wants[refused.want].tiles - free;
    let candidates = std::iter::once(&refused.want).chain(&refused.beside).flat_map(|p| {
        let want = &wants[*p];
        let buffer = program.buffer(want.buffer);
        let layout = buffer.layout.clone().unwrap_or_default();
        let tiles = layout.tiles(&buffer.shape);
        let change = move |dim: usize| {
            let (extent, each) = (tiles[dim], want.tiles / tiles[dim].max(1));
            let is_copy = dim < buffer.copies;
            let smaller = |n: &i64| (extent - n) * each >= over && (is_copy || extent % n == 0);
            let to = (1..extent).rev().take(MAX_TRIED).find(smaller)?;
            let lane = layout.lane_size(dim);
            let change = Change {
                buffer: buffer.name.clone(),
                dim: (!is_copy).then(|| dim - buffer.copies),
                from: extent * lane,
                to: to * lane,
            };
            Some(((extent - to) * each, change))
        };
        (0..buffer.shape.len()).filter_map(change).collect::<Vec<_>>()
    });
    candidates.filter(|_| over > 0).min_by_key(|(given_up, _)| *given_up).map(|(_, change)| change)
}

/// The stages whose instructions read a buffer, in order.
fn readers(program: &LoopProgram, b: BufferId) -> Vec<Reader> {
    fn collect(stmts: &[Stmt], b: BufferId, found: &mut Vec<(BufferId, Origin)>) {
        for stmt in stmts.iter().filter(|s| s.mentions(b)) {
            let target = match stmt {
                Stmt::For(f) => {
                    collect(&f.body, b, found);
                    continue;
                }
                Stmt::Insn(s) => s.target().buffer,
                Stmt::Store(s) => s.buffer,
                Stmt::Alloc { .. } => continue,
            };
            let origin = stmt.origin();
            if target != b && found.iter().all(|(known, o)| (*known, o.tensor) != (target, origin.tensor)) {
                found.push((target, origin));
            }
        }
    }
    let mut found = Vec::new();
    collect(&program.body, b, &mut found);
    let reader = |(target, origin): (BufferId, Origin)| {
        let target = program.buffer(target);
        let own = target.origin.tensor == origin.tensor;
        Reader { name: own.then(|| target.name.clone()), definition: origin.tensor }
    };
    found.into_iter().map(reader).collect()
}

/// The scratchpad of a scope on chip.
pub fn memory(scope: Scope) -> MemoryType {
    scope.memory().expect("DRAM is no scratchpad")
}

/// The tiles of a scratchpad that a transfer can name: all, up to the 16 bits of `sram_base`.
pub fn addressable(config: &Config, memory: MemoryType) -> i64 {
    (config.depth(memory) as i64).min(1 << 16)
}
