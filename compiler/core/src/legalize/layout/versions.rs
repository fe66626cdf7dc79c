//! Rewrites a program for its tiles: buffers get the dimensions along which elements are repeated, and a buffer that is
//! needed in several tilings is there several times.
//!
//! ```text
//! for i { for j { Q[i, j] = A[i, j] + V_acc[i] } }              Q, A in tiles of 16 along j
//! →   for i { for j { Q[i, j] = A[i, j] + V_acc[i, j % 16] } }  V_acc: [m, 16], each element 16 times; V repeats
//! ```
//!
//! The first tiling of a buffer is its own. For each other one there is a *version*: an input's is an image of the same array
//! (`image_of`), and what computes a buffer is there again for each of its versions, from versions of its operands.

use std::collections::HashMap;

use crate::legalize::layout::carry;
use crate::legalize::layout::search::Tilings;
use crate::legalize::layout::{Place, Tiling, is_marked, is_product};
use crate::legalize::match_gemm::product;
use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{Buffer, BufferId, For, Index, Leaf, Load, LoopProgram, Role, Stmt};
use crate::loops::nest::{Nest, NestLoop, rewrite_stores};

/// Whether a program stays as it is, but for its layouts.
pub fn are_plain(tilings: &Tilings) -> bool {
    tilings.iter().all(|all| all.len() < 2 && all.iter().all(|tiling| tiling.repeated() == 0))
}

/// Makes the versions. Returns the tiling of each buffer, those of versions behind the others.
pub fn rewrite(program: &mut LoopProgram, cx: &Cx, tilings: Tilings) -> Result<Tilings, LegalizeError> {
    let mut versions = Versions { of: HashMap::new(), tilings };
    for buffer in program.buffer_ids() {
        for tiling in versions.tilings[buffer.0 as usize].clone().into_iter().skip(1) {
            let version = versions.make(program, buffer, tiling);
            versions.of.entry(buffer).or_default().push(version);
        }
    }
    let body = std::mem::take(&mut program.body);
    let body = rewrite_stores(body, &mut |nest| versions.nest(program, cx, nest))?;
    program.body = versions.allocated(body);
    for (buffer, tilings) in program.buffers.iter_mut().zip(&versions.tilings) {
        tilings.iter().take(1).for_each(|tiling| repeat(buffer, tiling));
    }
    Ok(versions.tilings)
}

/// Gives a buffer the dimensions along which its elements are repeated.
fn repeat(buffer: &mut Buffer, tiling: &Tiling) {
    for (_, size) in tiling.0.iter().filter(|(place, _)| *place == Place::Repeated) {
        buffer.shape.push(*size);
        buffer.array.push(*size);
        buffer.repeats += usize::from(matches!(buffer.role, Role::Input | Role::Output));
        if let Some(layout) = buffer.layout.as_mut().filter(|layout| !layout.order.is_empty()) {
            layout.order.push(buffer.shape.len() - 1);
        }
    }
}

struct Versions {
    /// The versions of a buffer besides itself, in the order of its tilings.
    of: HashMap<BufferId, Vec<BufferId>>,
    /// The tilings of all buffers, those of versions among them.
    tilings: Tilings,
}

impl Versions {
    fn make(&mut self, program: &mut LoopProgram, buffer: BufferId, tiling: Tiling) -> BufferId {
        let mut copy = program.buffer(buffer).clone();
        if copy.role == Role::Input {
            copy.image_of = Some(copy.user_name().to_string());
        }
        // A version of an output is what the program reads of it.
        let of_output = copy.role == Role::Output;
        if of_output {
            (copy.role, copy.planes) = (Role::Temporary, None);
        }
        let origin = copy.origin;
        let version = program.fresh_buffer(copy);
        if of_output {
            program.body.insert(0, Stmt::Alloc { buffer: version, origin });
        }
        self.tilings.push(vec![tiling]);
        version
    }

    /// The version of a buffer in these tiles, or the buffer itself.
    fn version(&self, buffer: BufferId, tiling: &Tiling) -> BufferId {
        let at = self.tilings[buffer.0 as usize].iter().position(|t| t == tiling);
        let versions = self.of.get(&buffer);
        at.and_then(|at| at.checked_sub(1)).and_then(|at| versions?.get(at).copied()).unwrap_or(buffer)
    }

    /// A nest for each version of what it writes, each with the versions of its operands.
    fn nest(&self, program: &mut LoopProgram, cx: &Cx, nest: Nest) -> Result<Vec<Stmt>, LegalizeError> {
        if is_marked(&nest) && is_product(&nest) {
            return self.product(program, cx, nest).map(|nest| vec![nest.into_stmt()]);
        }
        let buffer = nest.store.buffer;
        let tilings = match self.tilings[buffer.0 as usize].as_slice() {
            [] => vec![Tiling::default()],
            some => some.to_vec(),
        };
        let mut stmts = Vec::new();
        for (at, tiling) in tilings.iter().enumerate() {
            let nest = if at == 0 { nest.clone() } else { nest.with_fresh_loops(program) };
            stmts.push(self.mapped(program, nest, tiling).into_stmt());
        }
        Ok(stmts)
    }

    fn product(&self, program: &LoopProgram, cx: &Cx, mut nest: Nest) -> Result<Nest, LegalizeError> {
        if let Some(p) = product(program, cx, &nest)? {
            let operands = [(p.src.buffer, Tiling::of(&p.tile.src)), (p.wgt.buffer, Tiling::of(&p.tile.wgt))];
            nest.store.value.leaves_mut(&mut |leaf| {
                if let Leaf::Load(load) = leaf
                    && let Some((buffer, tiling)) = operands.iter().find(|(buffer, _)| *buffer == load.buffer)
                {
                    load.buffer = self.version(*buffer, tiling);
                }
            });
        }
        Ok(nest)
    }

    /// An elementwise nest or a copy that writes these tiles.
    fn mapped(&self, program: &mut LoopProgram, mut nest: Nest, tiling: &Tiling) -> Nest {
        let origin = nest.store.origin;
        let walkers = carry::walkers(program, &nest, tiling);
        // For each side of the tile, the lane as an index.
        let lanes: Vec<Index> = (tiling.0.iter().enumerate())
            .map(|(side, (place, size))| match (place, &walkers) {
                (Place::Repeated, _) => {
                    let var = program.new_loop("lane", *size);
                    nest.loops.push(NestLoop { var, mark: None, origin });
                    Index::var(var)
                }
                (Place::Dim(_), Ok(walkers)) => {
                    let walker = walkers[side].map_or(Index::constant(0), Index::var);
                    walker.modulo(*size, &|l| program.loop_range(l))
                }
                (Place::Dim(_), Err(_)) => Index::constant(0),
            })
            .collect();
        let extend = |load: &mut Load, tiling: &Tiling| {
            let repeated = tiling.0.iter().zip(&lanes).filter(|((place, _), _)| *place == Place::Repeated);
            load.indices.extend(repeated.map(|(_, lane)| lane.clone()));
        };
        nest.store.value.leaves_mut(&mut |leaf| {
            if let Leaf::Load(load) = leaf
                && let Ok(walkers) = &walkers
                && let Ok(of_load) = carry::operand(program, tiling, walkers, load)
                && self.tilings[load.buffer.0 as usize].contains(&of_load)
            {
                load.buffer = self.version(load.buffer, &of_load);
                extend(load, &of_load);
            }
        });
        let mut target = Load { buffer: nest.store.buffer, indices: std::mem::take(&mut nest.store.indices) };
        target.buffer = self.version(target.buffer, tiling);
        extend(&mut target, tiling);
        (nest.store.buffer, nest.store.indices) = (target.buffer, target.indices);
        nest
    }

    /// Allocates versions where their buffers are allocated.
    fn allocated(&self, stmts: Vec<Stmt>) -> Vec<Stmt> {
        let mut out = Vec::new();
        for stmt in stmts {
            match stmt {
                Stmt::For(f) => out.push(Stmt::For(For { body: self.allocated(f.body), ..f })),
                Stmt::Alloc { buffer, origin } => {
                    let versions = self.of.get(&buffer).into_iter().flatten();
                    out.push(Stmt::Alloc { buffer, origin });
                    out.extend(versions.map(|version| Stmt::Alloc { buffer: *version, origin }));
                }
                other => out.push(other),
            }
        }
        out
    }
}
