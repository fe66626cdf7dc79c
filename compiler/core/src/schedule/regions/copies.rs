//! Which stages copy an array index by index, with what stands outside of it and what pads it. Stage → the read, or whether it
//! computes what is no part of its tensor.

use crate::affine::Affine;
use crate::scalar::Scalar;
use crate::schedule::{Schedule, StageId};
use crate::scope::Scope;
use crate::tensor::{Leaf, Read, TensorId};

/// What a read beyond a tensor yields; copies of an array that says so pass it on.
pub fn outside(schedule: &Schedule, mut tensor: TensorId) -> Option<i32> {
    while !schedule.kernel.tensor(tensor).is_input() {
        tensor = copied_whole(schedule, schedule.stage_of(tensor)?)?.tensor;
    }
    schedule.kernel.tensor(tensor).outside
}

/// Whether reads beyond a tensor's edges yield something: a value, or the nearest element.
pub fn is_open(schedule: &Schedule, mut tensor: TensorId) -> bool {
    // A chain of copies may be longer than a stack is high.
    while let Some(stage) = schedule.stage_of(tensor) {
        if schedule.stage(stage).continued {
            return true;
        }
        let Some(read) = copied_whole(schedule, stage) else { return false };
        tensor = read.tensor;
    }
    schedule.kernel.tensor(tensor).outside.is_some()
}

/// The read of a stage that copies a tensor index by index.
pub fn copied_whole(schedule: &Schedule, stage: StageId) -> Option<&Read> {
    // A state may be a copy of itself, and its initial value is none.
    if schedule.initial(stage).is_some() {
        return None;
    }
    let compute = schedule.compute(stage);
    let Scalar::Leaf(Leaf::Read(read)) = &compute.value else { return None };
    let straight = read.indices.iter().map(Affine::as_var).eq(compute.axes.iter().map(|a| Some(*a)));
    (straight && compute.reduction.is_none()).then_some(read)
}

/// Whether a stage computes no more than its tensor, although its buffer may have more, which readers take whose blocks reach
/// beyond the end: at the root, a value of operations that is no sum in tiles. Copies fill up with what pads an array.
pub fn ends_with_tensor(schedule: &Schedule, stage: StageId) -> bool {
    let s = schedule.stage(stage);
    let at_root = s.attach.is_none() && schedule.follows(stage).is_none();
    at_root && s.scope == Scope::Acc && s.tensorize.is_none() && copied_whole(schedule, stage).is_none()
}
