//! What stands in a buffer of device memory before a program runs. A user's array, or the value of a constant → an array of
//! the buffer's own shape.

use std::borrow::Cow;

use ndarray::{ArrayD, Axis, IxDyn};

use crate::loops::ir::Buffer;

/// The array that a constant holds.
pub fn constant(buffer: &Buffer, value: i32) -> ArrayD<i32> {
    ArrayD::from_elem(shape(buffer), value)
}

/// The array that an input holds, of one that has the shape which users give ([`Buffer::given_shape`]).
pub fn repeated<'a>(buffer: &Buffer, values: &'a ArrayD<i32>) -> Cow<'a, ArrayD<i32>> {
    if !buffer.repeats {
        return Cow::Borrowed(values);
    }
    let column = values.view().insert_axis(Axis(values.ndim()));
    Cow::Owned(column.broadcast(shape(buffer)).expect("an axis of one element can be any longer").to_owned())
}

fn shape(buffer: &Buffer) -> IxDyn {
    IxDyn(&buffer.array.iter().map(|n| *n as usize).collect::<Vec<_>>())
}
