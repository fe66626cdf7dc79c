//! Gives each buffer on chip its place in its scratchpad.
//!
//! ```text
//! before   alloc X_buf: i8[1, 16] @inp tile(1: 16)
//! after    alloc X_buf: i8[1, 16] @inp tile(1: 16) base 0
//! ```
//!
//! Where all buffers of a scratchpad fit beside each other, none shares storage, so that none waits for another to be
//! done. Otherwise a buffer holds its place from its first use to its last (`loops::lifetimes`), and what is free is taken
//! first fit: in the order of the text, or, where that does not fit, the largest first. Tokens order the accesses.

use std::ops::Range;

use tilewright_isa::{Config, MemoryType};

use crate::legalize::error::{Change, Reader, Resident};
use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{Buffer, BufferId, Direction, LoopProgram, Origin, Scope, Stmt};
use crate::loops::lifetimes::{lifetimes, meet};

/// Extents that are tried in looking for a change that fits.
const MAX_TRIED: usize = 1 << 16;

pub fn run(program: &mut LoopProgram, cx: &Cx) -> Result<(), LegalizeError> {
    for scope in Scope::ON_CHIP {
        let wants = wants(program, scope);
        let depth = addressable(&cx.config, memory(scope));
        let mut by_size: Vec<usize> = (0..wants.len()).collect();
        by_size.sort_by_key(|k| std::cmp::Reverse(wants[*k].tiles));
        let in_order: Vec<usize> = (0..wants.len()).collect();
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
}

/// The buffers of a scratchpad, in the order in which their lives begin.
fn wants(program: &LoopProgram, scope: Scope) -> Vec<Want> {
    let lives = lifetimes(program);
    let mut wants = Vec::new();
    collect(&program.body, &mut |buffer, origin| {
        if program.buffer(buffer).scope == scope
            && let Some(life) = lives[buffer.0 as usize].clone()
        {
            wants.push(Want { buffer, origin, tiles: tiles(program.buffer(buffer)), life });
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

/// A place for each buffer of its own, where there is room for all.
fn beside_each_other(wants: &[Want], depth: i64) -> Option<Vec<i64>> {
    let mut next = 0_i64;
    let bases = wants.iter().map(|w| {
        let base = next;
        next = next.saturating_add(w.tiles);
        base
    });
    let bases = bases.collect();
    (next <= depth).then_some(bases)
}

/// Why an order of placing does not work out: what does not fit, and what lives beside it and has its place.
struct Refused {
    want: usize,
    beside: Vec<usize>,
}

/// The lowest place for each buffer, in the given order, that no buffer placed before it holds at the same time.
fn first_fit(wants: &[Want], order: &[usize], depth: i64) -> Result<Vec<i64>, Refused> {
    let mut bases = vec![0; wants.len()];
    // By base, so that gaps are found in one sweep.
    let mut placed: Vec<usize> = Vec::new();
    for k in order {
        let want = &wants[*k];
        let beside = || placed.iter().copied().filter(|p| meet(&wants[*p].life, &want.life));
        let mut base = 0;
        for p in beside() {
            if base + want.tiles <= bases[p] {
                break;
            }
            base = base.max(bases[p] + wants[p].tiles);
        }
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
                Stmt::Dma(d) if d.direction == Direction::Store => d.dram.buffer,
                Stmt::Dma(d) => d.sram.buffer,
                Stmt::Gemm(g) => g.dst.buffer,
                Stmt::Alu(a) => a.dst.buffer,
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

/// The scratchpad of a scope.
pub fn memory(scope: Scope) -> MemoryType {
    match scope {
        Scope::Inp => MemoryType::Inp,
        Scope::Wgt => MemoryType::Wgt,
        Scope::Acc => MemoryType::Acc,
        Scope::Dram => unreachable!("DRAM is no scratchpad"),
    }
}

/// The tiles of a scratchpad that a transfer can name: all, up to the 16 bits of `sram_base`.
pub fn addressable(config: &Config, memory: MemoryType) -> i64 {
    (config.depth(memory) as i64).min(1 << 16)
}

/// The size of a buffer in tiles of its layout.
pub fn tiles(buffer: &Buffer) -> i64 {
    let layout = buffer.layout.clone().unwrap_or_default();
    layout.tiles(&buffer.shape).iter().product()
}
