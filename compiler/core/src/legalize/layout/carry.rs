//! What a nest asks of its operands: the tiles of what it writes → the tiles of what it reads, so that each of its operations
//! is one on whole tiles.
//!
//! ```text
//! D[i, j] = A[i, j] + b[j] + c[i]     D in tiles of 16 along j:  A too, b along its only dimension, c repeated
//! D[i, j] = A[i, j + 1]               D in tiles of 16 along j:  refused, since A would be read across tiles
//!                                     D repeated:                A repeated, whatever the indices are
//! ```

use crate::affine::Affine;
use crate::legalize::LegalizeError;
use crate::legalize::layout::{Place, Tiling};
use crate::legalize::tiles::ends_with_array;
use crate::loops::ir::{Index, Load, LoopId, LoopProgram};
use crate::loops::nest::Nest;

/// Why a nest cannot work on tiles that lie in this way, as far as an error needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    pub reason: String,
}

/// The loop that walks the lanes along a dimension of what a nest writes: element by element, from the beginning of a tile
/// on, and over whole tiles or to the end of the array.
fn walker(program: &LoopProgram, nest: &Nest, dim: usize, size: i64) -> Result<LoopId, Unfit> {
    let name = &program.buffer(nest.store.buffer).name;
    let index = &nest.store.indices[dim];
    let Some(var) = nest.loops.iter().map(|l| l.var).find(|v| index.coefficient(*v) == Some(1)) else {
        return Err(Unfit { reason: format!("no loop here runs over dimension {dim} of `{name}` element by element") });
    };
    if !starts_tile(program, &index.without(var), size) {
        return Err(Unfit {
            reason: format!("dimension {dim} of `{name}` is not written from the beginning of a tile on"),
        });
    }
    let (extent, target) = (program.loop_var(var).extent, (nest.store.buffer, nest.store.indices.as_slice()));
    match extent % size == 0 || ends_with_array(program, var, target) {
        true => Ok(var),
        false => Err(Unfit { reason: format!("a loop of {extent} elements is not a whole number of tiles of {size}") }),
    }
}

/// For each side of a tile the loop that walks its lanes in what a nest writes, or none where these hold the same element. Each
/// side has a loop of its own.
pub fn walkers(program: &LoopProgram, nest: &Nest, tiling: &Tiling) -> Result<Vec<Option<LoopId>>, Unfit> {
    let mut walkers = Vec::new();
    for (place, size) in &tiling.0 {
        let walker = match place {
            Place::Repeated => None,
            Place::Dim(dim) => Some(walker(program, nest, *dim, *size)?),
        };
        if walker.is_some() && walkers.contains(&walker) {
            let name = &program.buffer(nest.store.buffer).name;
            return Err(Unfit { reason: format!("one loop runs over both sides of the tiles of `{name}`") });
        }
        walkers.push(walker);
    }
    Ok(walkers)
}

/// The tiles of an operand, from those of what the nest writes and the loops that walk them.
pub fn operand(
    program: &LoopProgram,
    tiling: &Tiling,
    walkers: &[Option<LoopId>],
    load: &Load,
) -> Result<Tiling, Unfit> {
    let lanes = tiling.0.iter().zip(walkers).map(|((_, size), walker)| match walker {
        None => Ok((Place::Repeated, *size)),
        Some(var) => Ok((along(program, load, *var, *size)?, *size)),
    });
    Ok(Tiling(lanes.collect::<Result<_, Unfit>>()?))
}

/// Where the lanes of an operand lie that a loop walks.
fn along(program: &LoopProgram, load: &Load, var: LoopId, size: i64) -> Result<Place, Unfit> {
    let is_var = |l: LoopId| l == var;
    let moving: Vec<usize> = (0..load.indices.len()).filter(|d| load.indices[*d].mentions(&is_var)).collect();
    let name = &program.buffer(load.buffer).name;
    match moving.as_slice() {
        [] => Ok(Place::Repeated),
        [dim] => {
            let (index, range) = (&load.indices[*dim], |l| program.loop_range(l));
            // A program that was read back may repeat elements already, at the lane of the loop.
            let lane_alone = || {
                let same = index.modulo(size, &range) == Affine::var(var).modulo(size, &range);
                same && !index.div(size, &range).mentions(&is_var)
            };
            let walked = index.coefficient(var) == Some(1) && starts_tile(program, &index.without(var), size);
            match walked || lane_alone() {
                true => Ok(Place::Dim(*dim)),
                false => Err(Unfit { reason: format!("dimension {dim} of `{name}` is not read in whole tiles") }),
            }
        }
        _ => Err(Unfit { reason: format!("`{name}` is read across tiles") }),
    }
}

/// The tiles of what a nest writes, from those of one operand, where that says so: None for a side of which the operand has
/// each element repeated.
pub fn target(program: &LoopProgram, nest: &Nest, tiling: &Tiling, load: &Load) -> Option<Vec<Option<usize>>> {
    let dim = |(place, size): &(Place, i64)| match place {
        Place::Repeated => Some(None),
        Place::Dim(dim) => {
            let index = load.indices.get(*dim)?;
            let walks = |d: &usize| {
                let var = walker(program, nest, *d, *size).ok();
                var.is_some_and(|var| index.coefficient(var) == Some(1))
            };
            (0..nest.store.indices.len()).find(walks).map(Some)
        }
    };
    tiling.0.iter().map(dim).collect()
}

fn starts_tile(program: &LoopProgram, index: &Index, size: i64) -> bool {
    index.modulo(size, &|l| program.loop_range(l)) == Affine::constant(0)
}

/// The error of a nest that cannot work on the usual tiles.
pub fn refused(program: &LoopProgram, nest: &Nest, unfit: Unfit) -> LegalizeError {
    LegalizeError::Shape {
        buffer: program.buffer(nest.store.buffer).name.clone(),
        what: "operations on tiles",
        reason: unfit.reason,
        origin: nest.origin(),
        help: "index both with the same axes, each alone in a dimension".to_string(),
    }
}
