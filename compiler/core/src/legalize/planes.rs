//! Keeps a computed `i32` array in device memory as planes of bytes, since a store takes only the low 8 bits of a lane.
//!
//! ```text
//! before   output Y: i32[4, 16] @dram
//!          for i { for j { Y[i, j] = C[i, j] } }
//!          for i { for j { S[i, j] = T[i, j] } }                      (T is another such array, between two kernels)
//! after    output Y: i8[2, 4, 16] @dram planes 0
//!          alloc Y_part: i32[4, 16] @acc
//!          for i { for j { Y[0, i, j] = i8(C[i, j]) } }
//!          for i { for j { Y_part[i, j] = (C[i, j] + 128) >> 8 } }
//!          for i { for j { Y[1, i, j] = i8(Y_part[i, j]) } }
//!          for i { for j { S[i, j] = T[1, i, j] } };  alloc S_part: i8[4, 16] @acc
//!          for i { for j { S_part[i, j] = T[0, i, j] } };  for i { for j { S[i, j] = (S[i, j] << 8) + S_part[i, j] } }
//! ```
//!
//! A plane holds balanced digits, -128 to 127, so that a load, which extends the sign, needs no mask: a value is an offset plus the
//! sum of each digit times 256 to the power of its plane. There are as few planes as the range of the values needs
//! ([`ranges`]). The offset moves a range to where its digits are; it is what stands outside of the array, where something does,
//! so that this has digits of zero, with which transfers pad. Four planes hold every value, as sums wrap.
//!
//! What is not copied from the accumulator stays as it is, and the match of instructions says why it runs nowhere. The mark
//! of a copy (`dma_copy`) ends here: nothing behind this pass asks for it.

use std::collections::BTreeMap;

use crate::affine::{Affine, Interval};
use crate::legalize::split_expressions::{around, boxed, statements, temporary};
use crate::legalize::{Cx, LegalizeError};
use crate::loops::given::DIGIT_BITS;
use crate::loops::ir::{
    Buffer, BufferId, Index, Lane, Layout, Leaf, Load, LoopProgram, Mark, Outside, Role, Scope, Stmt, Store,
};
use crate::loops::nest::{Nest, is_intrinsic, rewrite_stores, stores};
use crate::loops::ranges::ranges;
use crate::scalar::range::contains;
use crate::scalar::{BinaryOp, CastMode, DType, Scalar};

/// The most planes of an array: those of all bits.
const MAX_PLANES: u32 = i32::BITS / DIGIT_BITS;

/// How the values of an array are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Planes {
    count: u32,
    offset: i32,
}

/// The arrays that are kept in planes.
type Wide = BTreeMap<BufferId, Planes>;

pub fn run(program: &mut LoopProgram, _: &Cx) -> Result<(), LegalizeError> {
    if program.body.iter().any(is_intrinsic) {
        return Ok(());
    }
    let wide = wide(program);
    if wide.is_empty() {
        return Ok(());
    }
    for (id, planes) in &wide {
        keep_in_planes(&mut program.buffers[id.0 as usize], *planes);
    }
    let body = std::mem::take(&mut program.body);
    program.body = rewrite_stores(body, &mut |nest| Ok::<_, LegalizeError>(rewritten(program, &wide, nest)))?;
    crate::loops::canonicalize(program);
    Ok(())
}

/// The computed `i32` arrays in device memory: all that is stored there is copied from the accumulator.
fn wide(program: &LoopProgram) -> Wide {
    let is_wide = |b: &Buffer| b.scope == Scope::Dram && b.dtype == DType::I32 && !b.role.is_given();
    let mut from_acc: BTreeMap<BufferId, bool> = BTreeMap::new();
    stores(&program.body, &mut |nest| {
        if is_wide(program.buffer(nest.store.buffer)) {
            *from_acc.entry(nest.store.buffer).or_insert(true) &= copies_acc(program, &nest.store);
        }
    });
    from_acc.retain(|_, all| *all);
    if from_acc.is_empty() {
        return Wide::new();
    }
    let ranges = ranges(program);
    from_acc
        .into_keys()
        .map(|id| (id, planes_for(ranges[id.0 as usize], program.buffer(id).outside.as_ref())))
        .collect()
}

fn copies_acc(program: &LoopProgram, store: &Store) -> bool {
    let mut value = &store.value;
    while let Scalar::Cast { to: DType::I32, value: inner, .. } = value {
        value = inner;
    }
    matches!(value, Scalar::Leaf(Leaf::Load(l)) if program.buffer(l.buffer).scope == Scope::Acc)
}

/// The fewest planes for values in a range, with the offset that makes them as few.
fn planes_for(range: Interval, outside: Option<&Outside>) -> Planes {
    let most = Planes { count: MAX_PLANES, offset: outside.map_or(0, |o| o.value) };
    let fitting = (1..MAX_PLANES).find_map(|count| {
        let held = digits(count);
        let offset = match outside {
            Some(outside) => i64::from(outside.value),
            None => (range.min - held.min).min(0) + (range.max - held.max).max(0),
        };
        let fits = contains(held, Interval::new(range.min - offset, range.max - offset));
        Some(Planes { count, offset: i32::try_from(offset).ok()? }).filter(|_| fits)
    });
    fitting.unwrap_or(most)
}

/// The values of so many balanced digits.
fn digits(count: u32) -> Interval {
    let each = DType::I8.range();
    let ones = (0..count).map(|plane| 1_i64 << (plane * DIGIT_BITS)).sum::<i64>();
    Interval::new(each.min * ones, each.max * ones)
}

/// Gives a buffer a first dimension that counts planes.
fn keep_in_planes(buffer: &mut Buffer, planes: Planes) {
    buffer.dtype = DType::I8;
    buffer.shape.insert(0, planes.count.into());
    buffer.array.insert(0, planes.count.into());
    if let Some(Layout { lanes, order }) = &mut buffer.layout {
        lanes.iter_mut().for_each(|lane| *lane = Lane { dim: lane.dim + 1, ..*lane });
        if !order.is_empty() {
            *order = std::iter::once(0).chain(order.iter().map(|dim| dim + 1)).collect();
        }
    }
    if let Some(outside) = &mut buffer.outside {
        *outside = Outside { value: 0, dims: outside.dims.iter().map(|dim| dim + 1).collect() };
    }
    buffer.planes = (buffer.role == Role::Output).then_some(planes.offset);
}

fn rewritten(program: &mut LoopProgram, wide: &Wide, mut nest: Nest) -> Vec<Stmt> {
    let target = wide.get(&nest.store.buffer).copied();
    let mut reads_wide = false;
    nest.store.value.leaves(&mut |leaf| reads_wide |= matches!(leaf, Leaf::Load(l) if wide.contains_key(&l.buffer)));
    if target.is_none() && !reads_wide {
        return vec![nest.into_stmt()];
    }
    nest.loops.iter_mut().for_each(|l| l.mark = l.mark.filter(|mark| *mark != Mark::DmaCopy));
    let parts = match (target, copied(&nest.store)) {
        (Some(planes), _) => stored(program, &nest, planes),
        (None, Some(load)) if program.buffer(nest.store.buffer).scope == Scope::Acc => {
            loaded(program, &nest, load.clone(), wide[&load.buffer])
        }
        _ => {
            let lowest = lowest_digit(wide, &nest.store.value);
            let whole = || nest.store.value.flat_map(&mut |leaf| joined(wide, leaf));
            nest.store.value = lowest.unwrap_or_else(whole);
            return vec![nest.into_stmt()];
        }
    };
    statements(program, nest, parts)
}

fn copied(store: &Store) -> Option<&Load> {
    match &store.value {
        Scalar::Leaf(Leaf::Load(load)) => Some(load),
        _ => None,
    }
}

/// The stores of a value's digits, the lowest first: each is the low byte of what is left, which then loses it.
fn stored(program: &mut LoopProgram, nest: &Nest, planes: Planes) -> Vec<Store> {
    let part = part(program, nest, DType::I32);
    let (Store { value, origin, .. }, mut parts) = (nest.store.clone(), Vec::new());
    let mut left = match planes.offset {
        0 => value,
        offset => Scalar::binary(BinaryOp::Add, value, Scalar::int(offset.wrapping_neg())),
    };
    for plane in 0..planes.count {
        if plane > 0 {
            let rounded = Scalar::binary(BinaryOp::Add, left, Scalar::int(1 << (DIGIT_BITS - 1)));
            left = Scalar::binary(BinaryOp::Shr, rounded, Scalar::int(DIGIT_BITS as i32));
        }
        if !matches!(left, Scalar::Leaf(_)) {
            let whole = std::mem::replace(&mut left, read(&part));
            parts.push(Store { buffer: part.buffer, indices: part.indices.clone(), value: whole, origin });
        }
        let indices = plane_of(plane, &nest.store.indices);
        let value = Scalar::cast(DType::I8, CastMode::Wrap, left.clone());
        parts.push(Store { buffer: nest.store.buffer, indices, value, origin });
    }
    parts
}

/// The loads of a value's digits, the highest first, each joined with what is there.
fn loaded(program: &mut LoopProgram, nest: &Nest, load: Load, planes: Planes) -> Vec<Store> {
    let target = Load { buffer: nest.store.buffer, indices: nest.store.indices.clone() };
    let store =
        |to: &Load, value| Store { buffer: to.buffer, indices: to.indices.clone(), value, origin: nest.store.origin };
    let mut parts = vec![store(&target, read(&digit(&load, planes.count - 1)))];
    let part = part(program, nest, DType::I8);
    for plane in (0..planes.count - 1).rev() {
        parts.push(store(&part, read(&digit(&load, plane))));
        let moved = Scalar::binary(BinaryOp::Shl, read(&target), Scalar::int(DIGIT_BITS as i32));
        parts.push(store(&target, Scalar::binary(BinaryOp::Add, moved, read(&part))));
    }
    if planes.offset != 0 {
        let whole = Scalar::binary(BinaryOp::Add, read(&target), Scalar::int(planes.offset));
        parts.push(store(&target, whole));
    }
    parts
}

/// An element of a temporary that holds what the nest computes.
fn part(program: &mut LoopProgram, nest: &Nest, dtype: DType) -> Load {
    let outer = around(program, nest);
    let (shape, indices) = boxed(program, &nest.loops[outer..], &nest.store.indices);
    Load { buffer: temporary(program, nest, &shape, dtype), indices }
}

fn read(load: &Load) -> Scalar<Leaf> {
    Scalar::Leaf(Leaf::Load(load.clone()))
}

fn plane_of(plane: u32, indices: &[Index]) -> Vec<Index> {
    std::iter::once(Affine::constant(plane.into())).chain(indices.iter().cloned()).collect()
}

/// The low byte of an element is the lowest of its digits, where these are the value itself.
fn lowest_digit(wide: &Wide, value: &Scalar<Leaf>) -> Option<Scalar<Leaf>> {
    let Scalar::Cast { to: DType::I8, mode: CastMode::Wrap, value } = value else { return None };
    let Scalar::Leaf(Leaf::Load(load)) = &**value else { return None };
    let planes = wide.get(&load.buffer).filter(|planes| planes.offset == 0);
    planes.map(|_| read(&digit(load, 0)))
}

/// The element of a plane that holds a digit of another element.
fn digit(load: &Load, plane: u32) -> Load {
    Load { buffer: load.buffer, indices: plane_of(plane, &load.indices) }
}

/// The value of a leaf in planes, for a statement that is no copy.
fn joined(wide: &Wide, leaf: &Leaf) -> Scalar<Leaf> {
    let Leaf::Load(load) = leaf else { return Scalar::Leaf(leaf.clone()) };
    let Some(planes) = wide.get(&load.buffer) else { return Scalar::Leaf(leaf.clone()) };
    (0..planes.count).fold(Scalar::int(planes.offset), |sum, plane| {
        let moved = Scalar::binary(BinaryOp::Shl, read(&digit(load, plane)), Scalar::int((plane * DIGIT_BITS) as i32));
        Scalar::binary(BinaryOp::Add, sum, moved)
    })
}
