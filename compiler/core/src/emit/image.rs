//! Arrays ↔ the bytes of their DRAM segments: tile after tile as [`Layout::locate`] says, each value little-endian in the
//! size of its type.
//!
//! Invariant: `unpack(b, &pack(b, v)) == v` for values of the buffer's type.

use ndarray::{ArrayD, IxDyn};
use thiserror::Error;

use crate::loops::given::{counted, filled, repeated, taken};
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

/// Where the elements of a buffer's array lie in its image. Made once, it packs and unpacks any number of arrays.
#[derive(Clone, Debug)]
pub struct Packing {
    buffer: Buffer,
    /// For each element of the array in row-major order, its place in the image, counted in elements.
    places: Vec<u32>,
}

impl Packing {
    pub fn new(buffer: &Buffer) -> Packing {
        Packing { places: places(buffer), buffer: buffer.clone() }
    }

    /// Bytes of the image.
    pub fn bytes(&self) -> usize {
        elements(&self.buffer) * self.buffer.dtype.bytes()
    }

    /// Writes the image of an array; a value keeps the low bits that the buffer's type has, and what fills tiles is zero.
    pub fn pack(&self, values: &ArrayD<i32>, image: &mut [u8]) -> Result<(), ImageError> {
        let buffer = &self.buffer;
        if values.shape() != extents(buffer.user_shape()) {
            let (expected, found) = (buffer.user_shape().to_vec(), values.shape().to_vec());
            return Err(ImageError::Shape { buffer: buffer.name.clone(), expected, found });
        }
        self.check_length(image)?;
        self.scatter(&repeated(buffer, values), image);
        Ok(())
    }

    /// The array whose image these bytes are.
    pub fn unpack(&self, image: &[u8]) -> Result<ArrayD<i32>, ImageError> {
        self.check_length(image)?;
        let dtype = self.buffer.dtype;
        let values = self.places.iter().map(|place| value(dtype, image, *place as usize)).collect();
        let array = ArrayD::from_shape_vec(IxDyn(&extents(&self.buffer.array)), values);
        Ok(taken(&self.buffer, array.expect("there is one place for each index")))
    }

    fn check_length(&self, image: &[u8]) -> Result<(), ImageError> {
        match self.bytes() {
            expected if expected == image.len() => Ok(()),
            expected => {
                let (buffer, found) = (self.buffer.name.clone(), image.len());
                Err(ImageError::Length { buffer, expected, found })
            }
        }
    }

    /// Writes the image of an array that has the buffer's own shape.
    fn scatter(&self, values: &ArrayD<i32>, image: &mut [u8]) {
        image.fill(0);
        match self.buffer.dtype {
            DType::I8 => {
                self.places.iter().zip(values).for_each(|(place, value)| image[*place as usize] = *value as u8)
            }
            DType::I32 => {
                for (place, value) in self.places.iter().zip(values) {
                    image[*place as usize * 4..][..4].copy_from_slice(&value.to_le_bytes());
                }
            }
        }
    }
}

/// The bytes of an array in device memory. A value keeps the low bits that the buffer's type has.
pub fn pack(buffer: &Buffer, values: &ArrayD<i32>) -> Result<Vec<u8>, ImageError> {
    let packing = Packing::new(buffer);
    let mut image = vec![0; packing.bytes()];
    packing.pack(values, &mut image)?;
    Ok(image)
}

/// The bytes of a buffer that holds a constant; none of any other.
pub fn constant_bytes(buffer: &Buffer) -> Option<Vec<u8>> {
    match buffer.role {
        Role::Constant(value) => Some(unwritten_bytes(buffer, value)),
        Role::Counted(first) => Some(bytes(buffer, &counted(buffer, first))),
        Role::Input | Role::Output | Role::Temporary => None,
    }
}

/// The bytes of a buffer before the program writes it: these values where its array is, and zeros in what pads its tiles, which
/// the program may read without having written it.
pub fn unwritten_bytes(buffer: &Buffer, value: i32) -> Vec<u8> {
    bytes(buffer, &filled(buffer, value))
}

/// The bytes of an array that has the buffer's own shape.
fn bytes(buffer: &Buffer, values: &ArrayD<i32>) -> Vec<u8> {
    let packing = Packing::new(buffer);
    let mut image = vec![0; packing.bytes()];
    packing.scatter(values, &mut image);
    image
}

/// The array whose image these bytes are.
pub fn unpack(buffer: &Buffer, bytes: &[u8]) -> Result<ArrayD<i32>, ImageError> {
    Packing::new(buffer).unpack(bytes)
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
fn places(buffer: &Buffer) -> Vec<u32> {
    let layout = buffer.layout.clone().unwrap_or_default();
    let mut places = vec![0];
    for dim in 0..buffer.shape.len() {
        let terms = terms(&layout, buffer, dim);
        places = places.iter().flat_map(|place| terms.iter().map(move |term| place + term)).collect();
    }
    places
}

fn terms(layout: &Layout, buffer: &Buffer, dim: usize) -> Vec<u32> {
    let mut index = vec![0; buffer.shape.len()];
    let place = |i| {
        index[dim] = i;
        let (tile, lane) = layout.locate(&buffer.shape, &index);
        (tile * layout.lane_count() + lane) as u32
    };
    (0..buffer.array[dim]).map(place).collect()
}
