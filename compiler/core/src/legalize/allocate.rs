//! Gives each buffer on chip its place in its scratchpad: first fit, from its allocation to the end of the block.
//!
//! ```text
//! before   alloc X_buf: i8[1, 16] @inp tile(1: 16)
//! after    alloc X_buf: i8[1, 16] @inp tile(1: 16) base 0
//! ```
//!
//! Storage that a block leaves is taken by the next one; tokens order the accesses.

use std::collections::HashMap;

use tilewright_isa::{Config, MemoryType};

use crate::legalize::error::{Reader, Resident};
use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{Buffer, BufferId, Direction, LoopProgram, Origin, Scope, Stmt};

pub fn run(program: &mut LoopProgram, cx: &Cx) -> Result<(), LegalizeError> {
    let mut places = Places::default();
    place_block(program, cx, &program.body, &mut places)?;
    for (b, base) in places.bases {
        program.buffers[b.0 as usize].base = Some(base);
    }
    Ok(())
}

/// Tiles `[base, base + tiles)` of a scratchpad, held by a buffer.
#[derive(Clone, Copy, Debug)]
struct Place {
    buffer: BufferId,
    base: i64,
    tiles: i64,
}

#[derive(Default)]
struct Places {
    /// What is alive, by scratchpad, in order of bases.
    alive: HashMap<Scope, Vec<Place>>,
    bases: Vec<(BufferId, i64)>,
}

fn place_block(program: &LoopProgram, cx: &Cx, block: &[Stmt], places: &mut Places) -> Result<(), LegalizeError> {
    let mut own: Vec<BufferId> = Vec::new();
    for stmt in block {
        match stmt {
            Stmt::Alloc { buffer, origin } if program.buffer(*buffer).scope != Scope::Dram => {
                place(program, cx, *buffer, *origin, places)?;
                own.push(*buffer);
            }
            Stmt::For(f) => place_block(program, cx, &f.body, places)?,
            _ => {}
        }
    }
    own.into_iter().for_each(|b| places.release(program.buffer(b).scope, b));
    Ok(())
}

fn place(
    program: &LoopProgram,
    cx: &Cx,
    b: BufferId,
    origin: Origin,
    places: &mut Places,
) -> Result<(), LegalizeError> {
    let buffer = program.buffer(b);
    let memory = memory(buffer.scope);
    let (depth, bytes) = (addressable(&cx.config, memory), cx.config.element_bytes(memory) as i64);
    let tiles = tiles(buffer);
    let alive = places.alive.entry(buffer.scope).or_default();
    let mut base = 0;
    for place in alive.iter() {
        if base + tiles <= place.base {
            break;
        }
        base = base.max(place.base + place.tiles);
    }
    if base + tiles > depth {
        let residents = alive.iter().map(|p| Resident::of(program.buffer(p.buffer), p.tiles * bytes)).collect();
        return Err(LegalizeError::Capacity {
            buffer: buffer.name.clone(),
            scope: buffer.scope,
            capacity: depth * bytes,
            needed: tiles * bytes,
            alive: residents,
            readers: readers(program, b),
            at_root: program.body.iter().any(|s| matches!(s, Stmt::Alloc { buffer, .. } if *buffer == b)),
            origin,
        });
    }
    alive.push(Place { buffer: b, base, tiles });
    alive.sort_by_key(|p| p.base);
    places.bases.push((b, base));
    Ok(())
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

impl Places {
    fn release(&mut self, scope: Scope, b: BufferId) {
        if let Some(alive) = self.alive.get_mut(&scope) {
            alive.retain(|p| p.buffer != b);
        }
    }
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
