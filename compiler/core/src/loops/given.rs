//! What stands in a buffer of device memory before a program runs, and what it stands for afterwards. A user's array, or the value
//! of a constant ↔ an array of the buffer's own shape.

use std::borrow::Cow;

use ndarray::{ArrayD, Axis, IxDyn};

use crate::loops::ir::Buffer;

/// An array of one value.
pub fn filled(buffer: &Buffer, value: i32) -> ArrayD<i32> {
    ArrayD::from_elem(shape(buffer), value)
}

/// An array of which each element along the first dimension is one more than the one before.
pub fn counted(buffer: &Buffer, first: i32) -> ArrayD<i32> {
    ArrayD::from_shape_fn(shape(buffer), |at| first.wrapping_add(at[0] as i32))
}

/// The array that an input holds, of one that has the shape which users give ([`Buffer::user_shape`]).
pub fn repeated<'a>(buffer: &Buffer, values: &'a ArrayD<i32>) -> Cow<'a, ArrayD<i32>> {
    if buffer.repeats == 0 {
        return Cow::Borrowed(values);
    }
    let column = (0..buffer.repeats).fold(values.view(), |view, _| {
        let last = Axis(view.ndim());
        view.insert_axis(last)
    });
    Cow::Owned(column.broadcast(shape(buffer)).expect("an axis of one element can be any longer").to_owned())
}

/// Bits of a digit of what is kept in planes.
pub const DIGIT_BITS: u32 = i8::BITS;

/// The array that an output stands for, of the values that its buffer holds.
pub fn taken(buffer: &Buffer, values: ArrayD<i32>) -> ArrayD<i32> {
    let values = (0..buffer.repeats).fold(values, |values, _| {
        let last = Axis(values.ndim() - 1);
        values.index_axis_move(last, 0)
    });
    let Some(offset) = buffer.planes else { return values };
    let digits = values.axis_iter(Axis(0)).enumerate();
    let whole = ArrayD::from_elem(&values.shape()[1..], offset);
    digits.fold(whole, |mut sum, (plane, digits)| {
        sum.zip_mut_with(&digits, |sum, digit| *sum = sum.wrapping_add(digit << (plane as u32 * DIGIT_BITS)));
        sum
    })
}

fn shape(buffer: &Buffer) -> IxDyn {
    IxDyn(&buffer.array.iter().map(|n| *n as usize).collect::<Vec<_>>())
}
