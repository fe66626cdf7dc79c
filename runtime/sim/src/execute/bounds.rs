//! Bounds of GEMM and ALU: the two loops and the micro-ops of an instruction → that every index is below its buffer's
//! depth, or the first one that is not.
//!
//! An index grows with both loop counters, so its largest values are at the last iterations: one comparison per field
//! covers them all. Only when it fails is the first offending iteration looked for, by division.

use crate::report::Cause;
use tilewright_isa::{MemoryType, Uop};

/// The two loops of an instruction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loops {
    pub iter_out: u64,
    pub iter_in: u64,
    pub uop_bgn: u64,
}

/// One index that micro-ops compute.
#[derive(Clone, Copy, Debug)]
pub(super) struct IndexField {
    pub name: &'static str,
    pub memory: MemoryType,
    /// Elements of the buffer.
    pub limit: u64,
    pub factor_out: u64,
    pub factor_in: u64,
    pub base: fn(&Uop) -> u32,
}

/// A first offence: `(o, i, position of the micro-op)`, which orders it among others.
type Place = (u64, u64, usize);

impl IndexField {
    /// Whether the last iteration, in which the index is largest, is past the buffer.
    #[inline]
    fn exceeds(&self, loops: &Loops, largest: &Uop) -> bool {
        let last = (loops.iter_out - 1) * self.factor_out + (loops.iter_in - 1) * self.factor_in;
        u64::from((self.base)(largest)) + last >= self.limit
    }
}

/// Checks each index of every iteration; `largest` holds the largest value of each field of the micro-ops. Both loops
/// run at least once and there is a micro-op.
#[inline]
pub(super) fn check(loops: &Loops, fields: &[IndexField], largest: &Uop, uops: &[Uop]) -> Result<(), Cause> {
    let exceeds = fields.iter().any(|field| field.exceeds(loops, largest));
    if exceeds { offence(loops, fields, largest, uops).map_or(Ok(()), Err) } else { Ok(()) }
}

/// The first index in order of execution that is past its buffer.
#[cold]
fn offence(loops: &Loops, fields: &[IndexField], largest: &Uop, uops: &[Uop]) -> Option<Cause> {
    let offences = fields.iter().filter(|field| field.exceeds(loops, largest));
    // At the same place, the field that is listed first counts.
    let first =
        offences.map(|field| (first_offence(loops, field, largest, uops), field)).min_by_key(|(place, _)| *place);
    let ((out, inner, position), field) = first?;
    Some(Cause::Index {
        field: field.name,
        value: u64::from((field.base)(&uops[position])) + out * field.factor_out + inner * field.factor_in,
        memory: field.memory,
        limit: field.limit,
        uop: loops.uop_bgn + position as u64,
        out,
        inner,
    })
}

/// The first iteration in which the field's index is past its buffer. There must be one.
fn first_offence(loops: &Loops, field: &IndexField, largest: &Uop, uops: &[Uop]) -> Place {
    let largest = u64::from((field.base)(largest));
    let at_most = largest + (loops.iter_in - 1) * field.factor_in;
    let out = steps_to(field.limit, at_most, field.factor_out);
    let inner = steps_to(field.limit, largest + out * field.factor_out, field.factor_in);
    let offset = out * field.factor_out + inner * field.factor_in;
    let position = uops.iter().position(|uop| u64::from((field.base)(uop)) + offset >= field.limit);
    (out, inner, position.unwrap_or(0))
}

/// How often `factor` must be added to `start` to reach `limit`.
fn steps_to(limit: u64, start: u64, factor: u64) -> u64 {
    limit.saturating_sub(start).div_ceil(factor.max(1))
}
