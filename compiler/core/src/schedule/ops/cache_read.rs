//! `X_buf = X.cache_read(inp)`: a stage that copies a tensor into a scratchpad, read by the tensor's readers in its place.
//!
//! ```text
//! before   C[i, j] += X[i, r] * ...
//! after    X_buf[i, r] = X[i, r]
//!          C[i, j] += X_buf[i, r] * ...
//! ```
//!
//! Indices that readers hold at the edges of the tensor are those of the copy: it continues beyond the edges with the nearest
//! elements.
//!
//! Checks: the name is free; the tensor has readers, and those named are among them, each once; the scope's elements have the
//! tensor's type.

use tilewright_syntax::Span;
use tilewright_syntax::ast::Ident;

use crate::affine::{Affine, Interval};
use crate::scalar::Scalar;
use crate::schedule::args::{Call, resolve_stage, resolve_tensor};
use crate::schedule::ops::set_scope::holds_type;
use crate::schedule::{Schedule, ScheduleError, StageId, regions};
use crate::tensor::{Axis, AxisId, Compute, Definition, Leaf, Read, Tensor, TensorId};

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(true)?;
    call.expect_results(0)?;
    call.expect_args(1..=usize::MAX)?;
    let source = resolve_tensor(schedule, call.subject)?;
    let scope = call.scope(0)?;
    let target = new_name(schedule, call)?;
    let tensor = schedule.kernel.tensor(source);
    holds_type(scope, tensor.dtype, call, tensor.span)?;
    let readers = chosen_readers(schedule, call, source)?;
    let copy = add_copy(schedule, source, target);
    let open = regions::is_open(schedule, source);
    let mut continued = false;
    for reader in readers {
        continued |= redirect(schedule, reader, (source, copy), !open);
    }
    let stage = schedule.add_stage(copy);
    schedule.stage_mut(stage).continued = continued;
    let s = schedule.stage_mut(stage);
    s.scope = scope;
    s.scope_span = Some(call.span());
    schedule.follow_readers(stage, call.span())
}

/// The readers of a tensor that arguments behind the scope name; all of them if there are none.
pub fn chosen_readers(schedule: &Schedule, call: &Call, source: TensorId) -> Result<Vec<StageId>, ScheduleError> {
    let all = schedule.readers(source).to_vec();
    let tensor = schedule.kernel.tensor(source);
    if all.is_empty() {
        let (tensor, definition) = (tensor.name.clone(), tensor.span);
        return Err(ScheduleError::NoReaders { span: call.span(), tensor, definition });
    }
    if call.directive.args.len() == 1 {
        return Ok(all);
    }
    let mut chosen = Vec::new();
    for at in 1..call.directive.args.len() {
        let name = call.name(at, "the name of a stage")?;
        let reader = resolve_stage(schedule, &name)?;
        if !all.contains(&reader) {
            let readers = all.iter().map(|r| schedule.stage_name(*r).to_string()).collect();
            let definition = schedule.kernel.tensor(schedule.stage(reader).tensor).span;
            let (reader, tensor) = (name.name, tensor.name.clone());
            return Err(ScheduleError::NotAReader { span: name.span, reader, definition, tensor, readers });
        }
        if let Some(first) = chosen.iter().position(|earlier| *earlier == reader) {
            let (first, second) = (call.directive.args[1 + first].span, name.span);
            let directive = call.directive.name.name.clone();
            return Err(ScheduleError::AxisTwice { directive, axis: name.name, first, second });
        }
        chosen.push(reader);
    }
    Ok(chosen)
}

/// The name of the stage that a directive makes; no tensor may have it.
pub fn new_name<'a>(schedule: &Schedule, call: &Call<'a>) -> Result<&'a Ident, ScheduleError> {
    let target = call.target.expect("the directive makes a stage");
    match schedule.find(&target.name) {
        None => Ok(target),
        Some(taken) => {
            let first = schedule.kernel.tensor(taken).span;
            Err(ScheduleError::NameTaken { name: target.clone(), first })
        }
    }
}

/// Adds the tensor `NEW[d0, d1] = SOURCE[d0, d1]`.
fn add_copy(schedule: &mut Schedule, source: TensorId, name: &Ident) -> TensorId {
    let copy = copy_of(schedule, source, name.span);
    let original = schedule.kernel.tensor(source).clone();
    schedule.add_tensor(Tensor {
        name: name.name.clone(),
        span: name.span,
        output: false,
        outside: None,
        definition: Definition::Compute(copy),
        ..original
    })
}

/// The definition of a tensor that copies another one, in axes of its own.
pub fn copy_of(schedule: &mut Schedule, source: TensorId, span: Span) -> Compute {
    let original = schedule.kernel.tensor(source).clone();
    let names = dimension_names(schedule, source);
    let first = schedule.kernel.axes.len() as u32;
    for (name, extent) in names.into_iter().zip(&original.shape) {
        schedule.kernel.axes.push(Axis { name, extent: *extent, span: original.span });
    }
    let axes: Vec<AxisId> = (0..original.shape.len() as u32).map(|d| AxisId(first + d)).collect();
    let indices = axes.iter().map(|a| Affine::var(*a)).collect();
    let value = Scalar::Leaf(Leaf::Read(Read { tensor: source, indices, span }));
    Compute { axes, reduction: None, value }
}

/// What a tensor's dimensions are called, and so the axes of its copies: as its own axes; for an input, as the axes that its
/// first reader uses plainly, and otherwise `d` with the dimension's number.
pub fn dimension_names(schedule: &Schedule, source: TensorId) -> Vec<String> {
    let kernel = &schedule.kernel;
    let tensor = kernel.tensor(source);
    let own: Vec<Option<String>> = match tensor.compute() {
        Some(compute) => compute.axes.iter().map(|a| Some(kernel.axis(*a).name.clone())).collect(),
        None => {
            let reader = schedule.readers(source).first();
            let read = reader.and_then(|r| schedule.compute(*r).reads().into_iter().find(|r| r.tensor == source));
            let name = |dim: usize| read?.indices[dim].as_var().map(|a| kernel.axis(a).name.clone());
            (0..tensor.shape.len()).map(name).collect()
        }
    };
    let mut names: Vec<String> = Vec::new();
    for (dim, name) in own.into_iter().enumerate() {
        let plain = name.unwrap_or_else(|| format!("d{dim}"));
        let name = if names.contains(&plain) { format!("{plain}{dim}") } else { plain };
        names.push(name);
    }
    names
}

/// Makes a stage read the copy in the place of the original, beyond its edges where it `continues` there. Returns whether it does.
fn redirect(schedule: &mut Schedule, reader: StageId, (from, to): (TensorId, TensorId), continues: bool) -> bool {
    let shape = schedule.kernel.tensor(from).shape.clone();
    let extents: Vec<i64> = schedule.kernel.axes.iter().map(|axis| axis.extent).collect();
    let ranges = |a: AxisId| Interval::below(extents[a.0 as usize]);
    let mut continued = false;
    schedule.redefine(reader, |compute| {
        compute.replace_leaves(&mut |leaf| {
            Scalar::Leaf(match leaf {
                Leaf::Read(read) if read.tensor == from => {
                    let mut read = Read { tensor: to, ..read.clone() };
                    for (index, extent) in read.indices.iter_mut().zip(&shape).filter(|_| continues) {
                        if let Some(beyond) = held_at_edges(index, *extent, &ranges) {
                            *index = beyond.clone();
                            continued = true;
                        }
                    }
                    Leaf::Read(read)
                }
                other => other.clone(),
            })
        });
    });
    continued
}

/// What an index holds at the edges of a dimension and nowhere else, where that is no farther beyond them than they are apart.
fn held_at_edges<'a>(
    index: &'a Affine<AxisId>,
    extent: i64,
    ranges: &dyn Fn(AxisId) -> Interval,
) -> Option<&'a Affine<AxisId>> {
    let (beyond, within) = index.as_clip()?;
    let all = beyond.range(ranges);
    let below = within.min == 0 || all.min >= within.min;
    let above = within.max == extent - 1 || all.max <= within.max;
    (below && above && all.min >= -extent && all.max < 2 * extent).then_some(beyond)
}
