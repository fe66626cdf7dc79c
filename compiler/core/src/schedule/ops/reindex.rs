//! `X_rev = X.reindex(acc, S)`: a stage that copies what one access of a reader touches, in the reader's own axes, however the
//! access is indexed.
//!
//! ```text
//! before   S[i] = X[i] - X[99 - i]
//! after    X_fwd[i] = X[i]
//!          X_rev[i] = X[99 - i]
//!          S[i] = X_fwd[i] - X_rev[i]
//! ```
//!
//! The first access that the reader's definition names is taken, so the directive is repeated for the others. Where the copy
//! is computed at a loop it holds as many elements as the reader has there, while a copy of the tensor holds the bounding box.
//!
//! Checks: the name is free; the stage reads the tensor; the scope's elements have the tensor's type.

use std::collections::HashMap;

use tilewright_syntax::ast::Ident;

use crate::affine::{Affine, Interval};
use crate::scalar::Scalar;
use crate::schedule::args::{Call, resolve_tensor};
use crate::schedule::ops::cache_read::{chosen_readers, new_name};
use crate::schedule::ops::set_scope::holds_type;
use crate::schedule::{Schedule, ScheduleError, StageId};
use crate::tensor::{AxisId, Compute, Definition, Leaf, Read, Tensor, TensorId};

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(true)?;
    call.expect_results(0)?;
    call.expect_args(2..=2)?;
    let source = resolve_tensor(schedule, call.subject)?;
    let scope = call.scope(0)?;
    let target = new_name(schedule, call)?;
    let tensor = schedule.kernel.tensor(source);
    holds_type(scope, tensor.dtype, call, tensor.span)?;
    let reader = chosen_readers(schedule, call, source)?[0];
    let reads = schedule.compute(reader).reads();
    let access = reads.into_iter().find(|read| read.tensor == source).expect("a reader reads it").clone();
    let axes = mentioned(schedule, reader, &access);
    let copy = add_copy(schedule, &access, &axes, target);
    let replacement = Read { tensor: copy, indices: axes.iter().map(|a| Affine::var(*a)).collect(), span: access.span };
    schedule.redefine(reader, |compute| {
        compute.replace_leaves(&mut |leaf| {
            Scalar::Leaf(match leaf {
                Leaf::Read(read) if read.tensor == source && read.indices == access.indices => {
                    Leaf::Read(replacement.clone())
                }
                other => other.clone(),
            })
        });
    });
    let stage = schedule.add_stage(copy);
    let s = schedule.stage_mut(stage);
    (s.scope, s.scope_span) = (scope, Some(call.span()));
    schedule.follow_readers(stage, call.span())
}

/// The reader's axes that an access depends on, in the order of its loops.
fn mentioned(schedule: &Schedule, reader: StageId, access: &Read) -> Vec<AxisId> {
    let compute = schedule.compute(reader);
    let reduced = compute.reduction.iter().flat_map(|r| &r.axes);
    let all = compute.axes.iter().chain(reduced).copied();
    all.filter(|axis| access.indices.iter().any(|e| e.mentions(&|a| a == *axis))).collect()
}

/// Adds the tensor that has an element for each value of the axes.
fn add_copy(schedule: &mut Schedule, access: &Read, axes: &[AxisId], name: &Ident) -> TensorId {
    let original = schedule.kernel.tensor(access.tensor).clone();
    let mut own: HashMap<AxisId, AxisId> = HashMap::new();
    for axis in axes {
        own.insert(*axis, AxisId(schedule.kernel.axes.len() as u32));
        schedule.kernel.axes.push(schedule.kernel.axis(*axis).clone());
    }
    let range = |a: AxisId| Interval::below(schedule.kernel.axis(a).extent);
    let indices = access.indices.iter().map(|e| e.substitute(&|a| Affine::var(own[&a]), &range)).collect();
    let value = Scalar::Leaf(Leaf::Read(Read { tensor: access.tensor, indices, span: name.span }));
    let shape = axes.iter().map(|a| schedule.kernel.axis(*a).extent).collect();
    let axes = axes.iter().map(|a| own[a]).collect();
    schedule.add_tensor(Tensor {
        name: name.name.clone(),
        span: name.span,
        shape,
        output: false,
        outside: None,
        definition: Definition::Compute(Compute { axes, reduction: None, value }),
        ..original
    })
}
