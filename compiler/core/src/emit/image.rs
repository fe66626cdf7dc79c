//! Arrays ↔ the bytes of their DRAM segments: tile after tile as [`Layout::locate`] says, each value little-endian in the
//! size of its type.
//!
//! Invariant: `unpack(b, &pack(b, v)) == v` for values of the buffer's type.

use ndarray::{ArrayD, IxDyn};
use thiserror::Error;

use crate::loops::given::{constant, repeated};
use crate::loops::ir::{Buffer, Layout, Role};
use crate::scalar::DType;

/// An array or an image that does not belong to the buffer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ImageError {
    #[error("`{buffer}` has the shape {expected:?}, but the array has {found:?}")]
    Shape { buffer: String, expected: Vec<i64>, found: Vec<usize> },
    #[error("`{buffer}` takes {expected} bytes, but its image has {found}")]
    Length { buffer: String, expected: usize, found: usize },
}

impl ImageError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ImageError::Shape { .. } => "E0462",
            ImageError::Length { .. } => "E0463",
        }
    }
}

/// The bytes of an array in device memory. A value keeps the low bits that the buffer's type has.
pub fn pack(buffer: &Buffer, values: &ArrayD<i32>) -> Result<Vec<u8>, ImageError> {
    if values.shape() != extents(buffer.given_shape()) {
        let (expected, found) = (buffer.given_shape().to_vec(), values.shape().to_vec());
        return Err(ImageError::Shape { buffer: buffer.name.clone(), expected, found });
    }
    Ok(image(buffer, &repeated(buffer, values)))
}

/// The bytes of a buffer that holds a constant; none of any other.
pub fn constant_bytes(buffer: &Buffer) -> Option<Vec<u8>> {
    let Role::Constant(value) = buffer.role else { return None };
    Some(image(buffer, &constant(buffer, value)))
}

/// The bytes of an array that has the buffer's own shape.
fn image(buffer: &Buffer, values: &ArrayD<i32>) -> Vec<u8> {
    let size = buffer.dtype.bytes();
    let mut bytes = vec![0; elements(buffer) * size];
    for (place, value) in places(buffer).into_iter().zip(values) {
        bytes[place * size..][..size].copy_from_slice(&value.to_le_bytes()[..size]);
    }
    bytes
}

/// The array whose image these bytes are.
pub fn unpack(buffer: &Buffer, bytes: &[u8]) -> Result<ArrayD<i32>, ImageError> {
    let places = places(buffer);
    let expected = elements(buffer) * buffer.dtype.bytes();
    if bytes.len() != expected {
        return Err(ImageError::Length { buffer: buffer.name.clone(), expected, found: bytes.len() });
    }
    let values = places.into_iter().map(|place| value(buffer.dtype, bytes, place)).collect();
    Ok(ArrayD::from_shape_vec(IxDyn(&extents(&buffer.array)), values).expect("there is one place for each index"))
}

fn value(dtype: DType, bytes: &[u8], place: usize) -> i32 {
    match dtype {
        DType::I8 => (bytes[place] as i8).into(),
        DType::I32 => {
            let word: [u8; 4] = std::array::from_fn(|k| bytes[4 * place + k]);
            i32::from_le_bytes(word)
        }
    }
}

fn extents(shape: &[i64]) -> Vec<usize> {
    shape.iter().map(|n| *n as usize).collect()
}

/// Elements of the image, with those that fill tiles.
fn elements(buffer: &Buffer) -> usize {
    buffer.shape.iter().product::<i64>() as usize
}

/// Where each element of the array lies, counted in elements, for all indices in row-major order.
///
/// A place is a sum of one term for each dimension, so a layout is asked once for each index of each dimension.
fn places(buffer: &Buffer) -> Vec<usize> {
    let layout = buffer.layout.clone().unwrap_or_default();
    let mut places = vec![0];
    for dim in 0..buffer.shape.len() {
        let terms = terms(&layout, buffer, dim);
        places = places.iter().flat_map(|place| terms.iter().map(move |term| place + term)).collect();
    }
    places
}

fn terms(layout: &Layout, buffer: &Buffer, dim: usize) -> Vec<usize> {
    let mut index = vec![0; buffer.shape.len()];
    let place = |i| {
        index[dim] = i;
        let (tile, lane) = layout.locate(&buffer.shape, &index);
        (tile * layout.lane_count() + lane) as usize
    };
    (0..buffer.array[dim]).map(place).collect()
}
