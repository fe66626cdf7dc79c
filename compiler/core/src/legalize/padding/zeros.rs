//! Whether what pads a computed array is zero: a read, and an index that is beyond an end → whether what is read is zero there.
//!
//! ```text
//! Q[j] beyond 40:  Q[j] = i8(C[j] >> 8),  C[j] = 0,  C[j] = C[j] + X[r] * W[j, r],  W: i8[40 of 48, 64], an input
//!                  zero, since W is, and 0 + X * 0 >> 8 is
//! ```
//!
//! Inputs and constants are padded with zeros. What is computed in the padding of a tile is zero where each value stored there
//! is, of which those that are read are known by the same question, asked in the loops of the nest that stores them.

use crate::affine::Interval;
use crate::legalize::padding::Placed;
use crate::loops::ir::{Index, Leaf, Load, LoopId, LoopProgram};

/// The iterations in which an index is at an end or beyond it.
pub struct Beyond {
    pub index: Index,
    pub end: i64,
}

const ZERO: Interval = Interval { min: 0, max: 0 };

/// Whether what a nest reads is zero in those iterations.
pub fn is_zero_beyond(program: &LoopProgram, nests: &[Placed], reader: usize, load: &Load, beyond: &Beyond) -> bool {
    let buffer = program.buffer(load.buffer);
    if buffer.role.is_given() {
        let is_padding = |(index, extent): (&Index, &i64)| {
            let ahead = index.minus(&beyond.index).range(&|l| program.loop_range(l));
            ahead.min + beyond.end >= *extent
        };
        return buffer.outside.is_none() && load.indices.iter().zip(&buffer.array).any(is_padding);
    }
    let mut writers = (0..nests.len()).filter(|at| nests[*at].nest.store.buffer == load.buffer).peekable();
    writers.peek().is_some()
        && writers.all(|writer| {
            let seen =
                (writer < reader).then(|| seen_by(program, nests, reader, load, writer, &beyond.index)).flatten();
            seen.is_some_and(|index| stores_zero(program, nests, writer, &Beyond { index, end: beyond.end }))
        })
}

/// Whether what a nest stores is zero in those iterations, if what it adds to is.
fn stores_zero(program: &LoopProgram, nests: &[Placed], writer: usize, beyond: &Beyond) -> bool {
    let store = &nests[writer].nest.store;
    let range = store.value.range(&mut |leaf| match leaf {
        Leaf::Load(l) if l.buffer == store.buffer && l.indices == store.indices => ZERO,
        Leaf::Load(l) if is_zero_beyond(program, nests, writer, l, beyond) => ZERO,
        Leaf::Load(l) => program.buffer(l.buffer).dtype.range(),
        Leaf::Index(index) => index.range(&|l| program.loop_range(l)),
    });
    range == ZERO
}

/// An index of a reader in terms of the loops of a writer, where it writes the element that this loads in the same iteration of
/// the loops around both.
fn seen_by(
    program: &LoopProgram,
    nests: &[Placed],
    reader: usize,
    load: &Load,
    writer: usize,
    index: &Index,
) -> Option<Index> {
    let (by, of) = (&nests[writer], &nests[reader]);
    if !of.around.starts_with(&by.around) && program.buffer(load.buffer).copies > 0 {
        return None;
    }
    let copies = program.buffer(load.buffer).copies;
    let own = |l: LoopId| of.has(l) && !by.has(l);
    let pairs = || by.nest.store.indices.iter().zip(&load.indices);
    if pairs().take(copies).any(|(written, read)| written != read) {
        return None;
    }
    // At one element both indices are equal, so one may stand for the other.
    pairs().skip(copies).find_map(|(written, read)| {
        let rest = index.minus(read);
        (!rest.mentions(&own)).then(|| rest.plus(written))
    })
}
