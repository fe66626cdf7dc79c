//! Fills what lies beyond the edges of an array with what the program says stands there, since transfers pad with zeros only.
//!
//! ```text
//! before   input X: i8[16, 7, 7] @dram outside -128 along(1, 2)
//!          for c { for y in 0..9 { for x in 0..9 { X_a[c, y, x] = X[c, y - 1, x - 1] } } }
//! after    input X: i8[16, 7, 7] @dram
//!          for c { for x in 0..9 { X_a[c, 0, x] = -128i8 } };  for c { for x in 0..9 { X_a[c, 8, x] = -128i8 } }
//!          for c { for y in 0..7 { X_a[c, y + 1, 0] = -128i8 } };  for c { for y in 0..7 { X_a[c, y + 1, 8] = -128i8 } }
//!          for c { for y in 0..7 { for x in 0..7 { X_a[c, y + 1, x + 1] = X[c, y, x] } } }
//! ```
//!
//! A copy is cut at the edges of one dimension after the other, so that each piece lies inside of the array or beyond it. The
//! accumulator is filled by the ALU; what only loads fill takes the value from a constant in device memory. Zeros stay as they are,
//! with which transfers pad, but for copies of which nothing lies inside, and unless a transfer could not pad ([`fill_zeros`]).
//! Where several loops run in a dimension, a copy is cut value by value of them.

use crate::affine::{Affine, Interval};
use crate::legalize::split_expressions::boxed;
use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{Buffer, BufferId, Leaf, Load, LoopId, LoopProgram, Mark, Role, Scope, Stmt};
use crate::loops::nest::{Nest, is_intrinsic, rewrite_stores, stores, substitute_loop};
use crate::scalar::Scalar;

pub fn run(program: &mut LoopProgram, _: &Cx) -> Result<(), LegalizeError> {
    fill_borders(program, false)
}

/// Fills with zeros as well: for copies whose borders are no rows of a transfer.
pub fn fill_zeros(program: &mut LoopProgram, _: &Cx) -> Result<(), LegalizeError> {
    fill_borders(program, true)
}

fn fill_borders(program: &mut LoopProgram, zeros: bool) -> Result<(), LegalizeError> {
    let bordered: Vec<BufferId> = program.buffer_ids().filter(|b| program.buffer(*b).outside.is_some()).collect();
    if bordered.is_empty() || program.body.iter().any(is_intrinsic) {
        return Ok(());
    }
    let body = std::mem::take(&mut program.body);
    program.body = rewrite_stores(body, &mut |nest| Ok::<_, LegalizeError>(filled(program, (&bordered, zeros), nest)))?;
    for id in bordered {
        if outside(program, id) != 0 && !is_left(program, id) {
            program.buffers[id.0 as usize].outside = None;
        }
    }
    crate::loops::canonicalize(program);
    Ok(())
}

/// The statements in the place of a nest.
fn filled(program: &mut LoopProgram, (bordered, zeros): (&[BufferId], bool), mut nest: Nest) -> Vec<Stmt> {
    let load = match &nest.store.value {
        Scalar::Leaf(Leaf::Load(load)) if bordered.contains(&load.buffer) => load.clone(),
        _ => return vec![nest.into_stmt()],
    };
    if program.buffer(nest.store.buffer).scope == Scope::Dram {
        return vec![nest.into_stmt()];
    }
    let beyond = place(program, &nest) == Place::Beyond;
    if !zeros && outside(program, load.buffer) == 0 {
        return vec![if beyond { fill(program, nest, &load) } else { nest.into_stmt() }];
    }
    // What fills is no copy, and nothing behind this pass asks which loops are one.
    nest.loops.iter_mut().for_each(|l| l.mark = l.mark.filter(|mark| *mark != Mark::DmaCopy));
    if beyond {
        return vec![fill(program, nest, &load)];
    }
    let (mut inside, mut stmts) = (Some(nest), Vec::new());
    for dim in 0..load.indices.len() {
        let Some(whole) = inside.take() else { break };
        let Some((var, within)) = walked(program, &whole, dim) else {
            inside = Some(whole);
            continue;
        };
        let extent = program.loop_var(var).extent;
        let (first, end) = (within.min.clamp(0, extent), (within.max + 1).clamp(within.min.clamp(0, extent), extent));
        for border in [0..first, end..extent] {
            if let Some(piece) = piece(program, &whole, var, border) {
                stmts.push(fill(program, piece, &load));
            }
        }
        inside = piece(program, &whole, var, first..end);
    }
    let mut pieces = MOST_PIECES;
    inside.into_iter().for_each(|nest| cut(program, nest, &load, &mut stmts, &mut pieces));
    stmts
}

/// The most pieces of a copy that is cut value by value.
const MOST_PIECES: usize = 512;

/// Where the elements lie that a copy reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Inside,
    Beyond,
    /// Some inside and some beyond, in this dimension.
    Both(usize),
}

fn place(program: &LoopProgram, nest: &Nest) -> Place {
    let Scalar::Leaf(Leaf::Load(load)) = &nest.store.value else { return Place::Inside };
    let shape = &program.buffer(load.buffer).shape;
    let ranges: Vec<Interval> = load.indices.iter().map(|index| index.range(&|l| program.loop_range(l))).collect();
    let mut dims = ranges.iter().zip(shape);
    if dims.clone().any(|(range, extent)| range.max < 0 || range.min >= *extent) {
        return Place::Beyond;
    }
    dims.position(|(range, extent)| range.min < 0 || range.max >= *extent).map_or(Place::Inside, Place::Both)
}

/// Cuts a copy at values of its loops, until each piece lies inside of the array or beyond it. What depends on the loops around
/// stays.
fn cut(program: &mut LoopProgram, nest: Nest, load: &Load, stmts: &mut Vec<Stmt>, left: &mut usize) {
    let dim = match place(program, &nest) {
        Place::Inside => return stmts.push(nest.into_stmt()),
        Place::Beyond => return stmts.push(fill(program, nest, load)),
        Place::Both(dim) => dim,
    };
    let Scalar::Leaf(Leaf::Load(read)) = &nest.store.value else { return stmts.push(nest.into_stmt()) };
    let moves = |l: LoopId| program.loop_var(l).extent > 1 && read.indices[dim].mentions(&|v| v == l);
    let Some(var) = nest.loops.iter().map(|l| l.var).find(|l| moves(*l)) else { return stmts.push(nest.into_stmt()) };
    for values in runs(program, &nest, var) {
        if *left == 0 {
            return stmts.push(nest.into_stmt());
        }
        *left -= 1;
        let part = piece(program, &nest, var, values);
        part.into_iter().for_each(|part| cut(program, part, load, stmts, left));
    }
}

/// The values of a loop with which a copy is wholly on one side, in runs, and the others one by one.
fn runs(program: &mut LoopProgram, nest: &Nest, var: LoopId) -> Vec<std::ops::Range<i64>> {
    let mut runs: Vec<(Place, std::ops::Range<i64>)> = Vec::new();
    for value in 0..program.loop_var(var).extent {
        let mut at = nest.clone();
        substitute_loop(program, &mut at, var, &Affine::constant(value));
        let side = place(program, &at);
        match runs.last_mut() {
            Some((last, values)) if *last == side && !matches!(side, Place::Both(_)) => values.end += 1,
            _ => runs.push((side, value..value + 1)),
        }
    }
    runs.into_iter().map(|(_, values)| values).collect()
}

/// The value that stands outside of an array.
fn outside(program: &LoopProgram, id: BufferId) -> i32 {
    program.buffer(id).outside.as_ref().map_or(0, |o| o.value)
}

/// The loop that walks a dimension of what a copy reads, and for which of its values that lies inside of the array. None where
/// no loop walks it alone, or where all of it is inside.
fn walked(program: &LoopProgram, nest: &Nest, dim: usize) -> Option<(LoopId, Interval)> {
    let Scalar::Leaf(Leaf::Load(load)) = &nest.store.value else { return None };
    let (index, extent) = (&load.indices[dim], program.buffer(load.buffer).shape[dim]);
    let all = index.range(&|l| program.loop_range(l));
    if all.min >= 0 && all.max < extent {
        return None;
    }
    let walks = |l: LoopId| index.coefficient(l).filter(|step| *step > 0).map(|step| (l, step));
    let (var, step) = nest.loops.iter().find_map(|l| walks(l.var))?;
    let start = index.without(var).range(&|l| program.loop_range(l));
    let within = Interval::new((step - 1 - start.min).div_euclid(step), (extent - 1 - start.min).div_euclid(step));
    (start.min == start.max).then_some((var, within))
}

/// The nest for some values of a loop, with loops of its own; none for no values.
fn piece(program: &mut LoopProgram, nest: &Nest, var: LoopId, values: std::ops::Range<i64>) -> Option<Nest> {
    if values.is_empty() {
        return None;
    }
    let mut part = nest.with_fresh_loops(program);
    let at = nest.loops.iter().position(|l| l.var == var)?;
    let own = part.loops[at].var;
    program.loops[own.0 as usize].extent = values.end - values.start;
    substitute_loop(program, &mut part, own, &Affine::var(own).plus_constant(values.start));
    Some(part)
}

/// Stores the value that stands outside of an array in the place of what is read from there.
fn fill(program: &mut LoopProgram, mut nest: Nest, load: &Load) -> Stmt {
    let (value, dtype) = (outside(program, load.buffer), program.buffer(load.buffer).dtype);
    nest.store.value = match program.buffer(nest.store.buffer).scope {
        Scope::Acc => Scalar::Const { value, dtype },
        _ => {
            let (shape, indices) = boxed(program, &nest.loops, &nest.store.indices);
            let buffer = constant(program, load.buffer, (value, shape));
            Scalar::Leaf(Leaf::Load(Load { buffer, indices }))
        }
    };
    nest.into_stmt()
}

/// A constant in device memory of the type of a buffer.
fn constant(program: &mut LoopProgram, like: BufferId, (value, shape): (i32, Vec<i64>)) -> BufferId {
    let Buffer { name, dtype, origin, .. } = program.buffer(like).clone();
    let buffer = Buffer::new(format!("{name}_border"), dtype, Scope::Dram, Role::Constant(value), shape);
    program.fresh_buffer(Buffer { origin, ..buffer })
}

/// Whether something beyond the edges of an array is still read, what fills its tiles included: `padding` looks at that.
fn is_left(program: &LoopProgram, id: BufferId) -> bool {
    let (mut left, array) = (false, &program.buffer(id).array);
    let beyond = |load: &Load| {
        let range = |dim: usize| load.indices[dim].range(&|l| program.loop_range(l));
        (0..load.indices.len()).any(|dim| range(dim).min < 0 || range(dim).max >= array[dim])
    };
    stores(&program.body, &mut |nest| {
        nest.store.value.leaves(&mut |leaf| left |= matches!(leaf, Leaf::Load(l) if l.buffer == id && beyond(l)));
    });
    left
}
