//! Holds that what pads tiles changes no value. Loop program with layouts → the same program, or the product that could add
//! something else than zeros, or the read that could find something else than its pad value.
//!
//! ```text
//! for ro { for ri { C[i, j] += X_buf[i, ri] * W_buf[j, ri] } }      X_buf[i, r] = X[i, ro * 16 + r], and so W_buf
//!     X: i8[1, 24 of 32], computed     W: i8[16, 24 of 32], an input     products beyond 24 are with zeros of W: fine
//!     X: i8[1, 24 of 32], computed     W: i8[16, 32]                     they are anything times numbers: refused
//! ```
//!
//! The loops mean that what lies between an array and the end of its buffer is zero until it is written. An input is padded so.
//! What a program computes and stores in DRAM is not: its last tile has the results of lanes that are no part of the array. A
//! product with zero is zero, so one factor is enough that comes from an input and ends where the other one does, or before, or
//! that is computed in operations which make zero of zeros.
//!
//! Where loops do not tell where an input is read, as in programs that are read back behind `slots`, it is taken to end where
//! the other factor does; what is compiled from a kernel has been looked at before it got slots.

mod zeros;

use std::collections::HashMap;

use crate::legalize::layout::partner;
use crate::legalize::match_gemm::{Product, product};
use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{BufferId, Index, Leaf, Load, LoopId, LoopProgram, Scope, Stmt};
use crate::loops::nest::{Nest, nest};

use zeros::Beyond;

pub fn run(program: &mut LoopProgram, cx: &Cx) -> Result<(), LegalizeError> {
    let mut nests = Vec::new();
    visit(&program.body, &mut Vec::new(), &mut nests);
    let padding = Padding { program, nests: &nests };
    for (at, placed) in nests.iter().enumerate() {
        if let Some(product) = product(program, cx, &placed.nest)? {
            padding.adds_zeros(at, &product)?;
        }
        padding.reads_pad_values(&placed.nest)?;
    }
    Ok(())
}

/// A nest and the loops around it, the first outermost.
struct Placed {
    around: Vec<LoopId>,
    nest: Nest,
}

impl Placed {
    fn has(&self, l: LoopId) -> bool {
        self.around.contains(&l) || self.nest.loops.iter().any(|own| own.var == l)
    }
}

/// Collects the nests, in the order of the program.
fn visit(stmts: &[Stmt], around: &mut Vec<LoopId>, found: &mut Vec<Placed>) {
    for stmt in stmts {
        match (nest(stmt), stmt) {
            (Some(nest), _) => found.push(Placed { around: around.clone(), nest }),
            (None, Stmt::For(f)) => {
                around.push(f.var);
                visit(&f.body, around, found);
                around.pop();
            }
            (None, _) => {}
        }
    }
}

/// Where a factor of a product comes from in DRAM: the dimension that the sum walks, and the index there in the loops of the
/// product, where that is known.
struct Source {
    buffer: BufferId,
    dim: usize,
    index: Option<Index>,
}

struct Padding<'a> {
    program: &'a LoopProgram,
    nests: &'a [Placed],
}

impl Padding<'_> {
    /// Refuses a product that sums up over tiles in which neither factor is surely zero beyond the end of an array.
    fn adds_zeros(&self, at: usize, p: &Product) -> Result<(), LegalizeError> {
        let summed = p.tile.src.iter().find_map(|a| p.tile.wgt.iter().find(|b| a.var == b.var).map(|b| (a.dim, b.dim)));
        let Some((src_dim, wgt_dim)) = summed else { return Ok(()) };
        let loads = [&p.src, &p.wgt];
        let factors = [self.sources(at, &p.src, src_dim), self.sources(at, &p.wgt, wgt_dim)];
        for (one, other) in [(0, 1), (1, 0)] {
            let anything =
                |source: &&Source| self.holds_anything(source) && !self.is_zero_of_zeros(at, loads[one], source);
            for source in factors[one].iter().filter(anything) {
                if let Some(nonzero) = factors[other].iter().find(|other| !self.is_zero_beyond(other, source)) {
                    return Err(self.refused(&self.nests[at].nest, p.dst.buffer, source, nonzero));
                }
            }
        }
        Ok(())
    }

    /// The sources of what a nest loads, along one of its dimensions.
    fn sources(&self, reader: usize, load: &Load, dim: usize) -> Vec<Source> {
        if self.program.buffer(load.buffer).scope == Scope::Dram {
            return vec![Source { buffer: load.buffer, dim, index: Some(load.indices[dim].clone()) }];
        }
        let mut found = Vec::new();
        for (writer, Placed { nest, .. }) in self.nests.iter().enumerate() {
            if nest.store.buffer != load.buffer {
                continue;
            }
            let vars: Vec<LoopId> = nest.loops.iter().map(|l| l.var).collect();
            nest.store.value.leaves(&mut |leaf| {
                let Leaf::Load(from) = leaf else { return };
                let walked = partner(&vars, (dim, &nest.store.indices[dim]), &from.indices);
                if let Some(dim) = walked.filter(|_| self.program.buffer(from.buffer).scope == Scope::Dram) {
                    let index = self.seen_from(reader, load, writer, &from.indices[dim]);
                    found.push(Source { buffer: from.buffer, dim, index });
                }
            });
        }
        found
    }

    /// An index of a writer in terms of the loops of a reader, for the element that this loads. None where the loops of both do
    /// not tell, or where another iteration of those around both may have written it.
    fn seen_from(&self, reader: usize, load: &Load, writer: usize, index: &Index) -> Option<Index> {
        let (by, copies) = (&self.nests[writer], self.program.buffer(load.buffer).copies);
        let shared = |l: LoopId| self.nests[reader].has(l);
        let own = |l: LoopId| by.has(l) && !shared(l);
        let mut values: HashMap<LoopId, Index> = HashMap::new();
        for (written, read) in by.nest.store.indices.iter().zip(&load.indices) {
            let (moving, still) = written.partition(&own);
            if let Some(var) = moving.as_var() {
                values.entry(var).or_insert_with(|| read.minus(&still));
            }
        }
        let value = |l: LoopId| values.get(&l).cloned().unwrap_or_else(|| Index::var(l));
        let seen = |e: &Index| e.substitute(&value, &|l| self.program.loop_range(l));
        let mut slots = by.nest.store.indices.iter().zip(&load.indices).take(copies);
        let found = seen(index);
        let same = slots.all(|(written, read)| seen(written) == *read) && !found.mentions(&own);
        // Behind `slots`, whose text may be read again, pieces of a loop that was cut take turns in the same slots.
        let in_block = copies == 0 || self.nests[reader].around.starts_with(&by.around);
        (same && in_block && writer < reader).then_some(found)
    }

    /// Whether a source is read where tiles of what the program computes reach beyond the array.
    fn holds_anything(&self, source: &Source) -> bool {
        let buffer = self.program.buffer(source.buffer);
        let end = buffer.array[source.dim];
        let reached = source.index.as_ref().is_none_or(|e| e.range(&|l| self.program.loop_range(l)).max >= end);
        !buffer.role.is_given() && end < buffer.shape[source.dim] && reached
    }

    /// Whether a factor is computed in operations that make zero of zeros, from tensors that are zero where it is read beyond
    /// the end of its array.
    fn is_zero_of_zeros(&self, at: usize, load: &Load, source: &Source) -> bool {
        let Some(index) = &source.index else { return false };
        let end = self.program.buffer(source.buffer).array[source.dim];
        zeros::is_zero_beyond(self.program, self.nests, at, load, &Beyond { index: index.clone(), end })
    }

    /// Whether a factor is zero wherever the other one is read beyond the end of its array. Where the loops do not tell that, an
    /// input is taken to end where the other one does.
    fn is_zero_beyond(&self, factor: &Source, other: &Source) -> bool {
        let buffer = self.program.buffer(factor.buffer);
        let end = self.program.buffer(other.buffer).array[other.dim];
        let ends = |a: &Index, b: &Index| {
            a.minus(b).range(&|l| self.program.loop_range(l)).min + end >= buffer.array[factor.dim]
        };
        buffer.role.is_given()
            && factor.index.as_ref().zip(other.index.as_ref()).is_none_or(|(own, other)| ends(own, other))
    }

    fn refused(&self, nest: &Nest, sum: BufferId, source: &Source, nonzero: &Source) -> LegalizeError {
        let program = self.program;
        let [computed, other] = [source, nonzero].map(|s| &program.buffer(s.buffer).name);
        LegalizeError::Shape {
            buffer: program.buffer(sum).name.clone(),
            what: "products of the GEMM core",
            reason: format!(
                "`{computed}` is computed and ends inside a tile, at {}, and `{other}` is not zero beyond it",
                program.buffer(source.buffer).array[source.dim]
            ),
            origin: nest.origin(),
            help: "make the reduced size a multiple of BLOCK_IN, or make one of the factors an input that \
                   ends where the sum does"
                .to_string(),
        }
    }

    /// Refuses a read beyond an edge that lies inside of a tile, which is padded with something else than what the program says.
    fn reads_pad_values(&self, nest: &Nest) -> Result<(), LegalizeError> {
        let mut result = Ok(());
        nest.store.value.leaves(&mut |leaf| {
            if let (Leaf::Load(load), Ok(())) = (leaf, &result) {
                result = self.reads_pad_value(nest, load);
            }
        });
        result
    }

    fn reads_pad_value(&self, nest: &Nest, load: &Load) -> Result<(), LegalizeError> {
        let buffer = self.program.buffer(load.buffer);
        let Some(outside) = &buffer.outside else { return Ok(()) };
        if buffer.role.is_given() && outside.value == 0 {
            return Ok(());
        }
        let beyond = |dim: &&usize| {
            let range = load.indices[**dim].range(&|l| self.program.loop_range(l));
            buffer.array[**dim] < buffer.shape[**dim] && range.max >= buffer.array[**dim]
        };
        let Some(dim) = outside.dims.iter().find(beyond) else { return Ok(()) };
        Err(LegalizeError::Shape {
            buffer: buffer.name.clone(),
            what: "reads beyond the edge of an array",
            reason: format!(
                "dimension {dim} ends inside of a tile, which is padded with something else than the {} outside of it",
                outside.value
            ),
            origin: nest.origin(),
            help: format!("make its size, {}, a multiple of the tile's", buffer.array[*dim]),
        })
    }
}
