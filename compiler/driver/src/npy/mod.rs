//! NumPy's array files: bytes ↔ [`Npy`], for signed integers of one and four bytes and floating-point numbers of four and
//! eight.
//!
//! A file is a magic number, a header that is a Python dictionary (`descr`, `fortran_order`, `shape`), and the values.
//! Nothing in the header is believed before it has been checked against the length of the file, so that a malformed one
//! can neither make this crash nor take memory or time. The readers that exist as libraries (`ndarray-npy`, `npyz`)
//! allocate what a header asks for, and the parser of Python literals below them (`py_literal`) tries every bracket in
//! several ways, which a file of 26 bytes can use to take hours.

mod header;

use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use thiserror::Error;
use tilewright::program::DType;

use header::Value;

const MAGIC: &[u8] = b"\x93NUMPY";
/// Most bytes of a header; NumPy itself refuses longer ones by default.
const MAX_HEADER: usize = 10_000;
/// The values begin at a multiple of this.
const ALIGNMENT: usize = 64;

/// Why bytes are not an array.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NpyError {
    #[error("it does not begin like an .npy file")]
    Magic,
    #[error("its version {0}.{1} is unknown")]
    Version(u8, u8),
    #[error("it ends inside the header")]
    Truncated,
    #[error("its header of {0} bytes is longer than {MAX_HEADER}")]
    LongHeader(usize),
    #[error("its header is not a Python dictionary with `descr`, `fortran_order` and `shape`")]
    Header,
    #[error("a dimension of its shape is not a number from 0 to 2^63 - 1")]
    Dimension,
    #[error("its shape needs {expected} bytes of values, but {found} follow the header")]
    Length { expected: u128, found: usize },
}

/// The types of values that are read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Integers(DType),
    Float32,
    Float64,
}

impl Kind {
    /// Size of a value, in bytes.
    fn bytes(self) -> usize {
        match self {
            Kind::Integers(dtype) => dtype.bytes(),
            Kind::Float32 => 4,
            Kind::Float64 => 8,
        }
    }
}

/// A file whose header has been read and whose values are as many as the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Npy<'a> {
    /// The type as the file names it, such as `<i4`.
    pub descr: String,
    pub shape: Vec<u64>,
    fortran_order: bool,
    values: &'a [u8],
}

impl<'a> Npy<'a> {
    /// Reads the header. Where the type is not a [`Kind`], the length of the values is not checked.
    pub fn read(bytes: &'a [u8]) -> Result<Npy<'a>, NpyError> {
        let (header, values) = split(bytes)?;
        let (descr, fortran_order, shape) = interpret(header)?;
        let npy = Npy { descr, shape, fortran_order, values };
        if let Some(kind) = npy.kind() {
            let elements = npy.shape.iter().try_fold(1_u128, |n, d| n.checked_mul(u128::from(*d)));
            let expected = elements.and_then(|n| n.checked_mul(kind.bytes() as u128)).unwrap_or(u128::MAX);
            if expected != values.len() as u128 {
                return Err(NpyError::Length { expected, found: values.len() });
            }
        }
        Ok(npy)
    }

    /// The type of the values, where it is one that is read.
    pub fn kind(&self) -> Option<Kind> {
        match self.descr.split_at_checked(1)? {
            ("<" | ">" | "|" | "=", "i1") => Some(Kind::Integers(DType::I8)),
            ("<" | ">", "i4") => Some(Kind::Integers(DType::I32)),
            ("<" | ">", "f4") => Some(Kind::Float32),
            ("<" | ">", "f8") => Some(Kind::Float64),
            _ => None,
        }
    }

    /// NumPy's name of the type where it is a common one, else the name in the file.
    pub fn dtype_name(&self) -> String {
        let bits = |n: &str| n.parse::<u32>().ok().map(|n| n.saturating_mul(8));
        let kind = match self.descr.get(1..2) {
            Some("i") => "int",
            Some("u") => "uint",
            Some("f") => "float",
            _ => return self.descr.clone(),
        };
        bits(self.descr.get(2..).unwrap_or("")).map_or(self.descr.clone(), |bits| format!("{kind}{bits}"))
    }

    /// The integers in their shape; `None` where the values are none.
    pub fn integers(&self) -> Option<ArrayD<i32>> {
        let values = match self.kind()? {
            Kind::Integers(DType::I8) => self.values.iter().map(|byte| i32::from(*byte as i8)).collect(),
            Kind::Integers(DType::I32) => self.words(i32::from_le_bytes, i32::from_be_bytes),
            Kind::Float32 | Kind::Float64 => return None,
        };
        self.shaped(values)
    }

    /// The floating-point numbers in their shape; `None` where the values are none.
    pub fn numbers(&self) -> Option<ArrayD<f64>> {
        let values = match self.kind()? {
            Kind::Float32 => self.words(f32::from_le_bytes, f32::from_be_bytes).into_iter().map(f64::from).collect(),
            Kind::Float64 => self.words(f64::from_le_bytes, f64::from_be_bytes),
            Kind::Integers(_) => return None,
        };
        self.shaped(values)
    }

    /// The values, each made of as many bytes, the lowest or the highest first.
    fn words<const BYTES: usize, T>(
        &self,
        low_first: fn([u8; BYTES]) -> T,
        high_first: fn([u8; BYTES]) -> T,
    ) -> Vec<T> {
        let value = if self.descr.starts_with('>') { high_first } else { low_first };
        self.values.as_chunks::<BYTES>().0.iter().map(|word| value(*word)).collect()
    }

    fn shaped<T>(&self, values: Vec<T>) -> Option<ArrayD<T>> {
        let shape: Vec<usize> = self.shape.iter().map(|d| *d as usize).collect();
        ArrayD::from_shape_vec(IxDyn(&shape).set_f(self.fortran_order), values).ok()
    }
}

/// The header's text and what follows it.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), NpyError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(NpyError::Magic)?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or(NpyError::Truncated)?;
    let (length, rest) = match version {
        [1, 0] => rest.split_first_chunk::<2>().map(|(n, rest)| (usize::from(u16::from_le_bytes(*n)), rest)),
        [2 | 3, 0] => rest.split_first_chunk::<4>().map(|(n, rest)| (u32::from_le_bytes(*n) as usize, rest)),
        [major, minor] => return Err(NpyError::Version(*major, *minor)),
    }
    .ok_or(NpyError::Truncated)?;
    if length > MAX_HEADER {
        return Err(NpyError::LongHeader(length));
    }
    let (header, values) = rest.split_at_checked(length).ok_or(NpyError::Truncated)?;
    Ok((std::str::from_utf8(header).map_err(|_| NpyError::Header)?, values))
}

/// `descr`, `fortran_order` and `shape`.
fn interpret(header: &str) -> Result<(String, bool, Vec<u64>), NpyError> {
    let entries = header::entries(header).ok_or(NpyError::Header)?;
    let entry = |key: &str| {
        let found = entries.iter().find(|(k, _)| matches!(k, Value::Text(k) if k == key));
        found.map(|(_, value)| value).ok_or(NpyError::Header)
    };
    let Value::Boolean(fortran_order) = *entry("fortran_order")? else { return Err(NpyError::Header) };
    let Value::Tuple(shape) = entry("shape")? else { return Err(NpyError::Header) };
    let descr = match entry("descr")? {
        Value::Text(descr) => descr.clone(),
        _ => "a record".to_owned(),
    };
    Ok((descr, fortran_order, shape.iter().map(dimension).collect::<Result<_, _>>()?))
}

fn dimension(value: &Value) -> Result<u64, NpyError> {
    let Value::Number(number) = value else { return Err(NpyError::Dimension) };
    number.parse::<i64>().ok().and_then(|n| u64::try_from(n).ok()).ok_or(NpyError::Dimension)
}

/// The file of an array of integers. A value keeps the low bits that the type has.
pub fn write(array: &ArrayD<i32>, dtype: DType) -> Vec<u8> {
    let descr = match dtype {
        DType::I8 => "|i1",
        DType::I32 => "<i4",
    };
    file(array.shape(), descr, array.iter().flat_map(|value| value.to_le_bytes().into_iter().take(dtype.bytes())))
}

/// The file of an array of numbers, as `float32`.
pub fn write_numbers(array: &ArrayD<f64>) -> Vec<u8> {
    file(array.shape(), "<f4", array.iter().flat_map(|number| (*number as f32).to_le_bytes()))
}

/// A file of version 1.0, little endian and row-major.
fn file(shape: &[usize], descr: &str, values: impl Iterator<Item = u8>) -> Vec<u8> {
    let dims: String = shape.iter().map(|d| format!("{d}, ")).collect();
    let dims = if shape.len() == 1 { dims.trim_end() } else { dims.trim_end_matches(", ") };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({dims}), }}");
    let before = MAGIC.len() + 4;
    let padded = (before + header.len() + 1).next_multiple_of(ALIGNMENT) - before;
    header.extend(std::iter::repeat_n(' ', padded - 1 - header.len()));
    header.push('\n');
    let mut bytes = [MAGIC, &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat();
    bytes.extend(values);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_header(header: &str, values: &[u8]) -> Vec<u8> {
        [MAGIC, &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes(), values].concat()
    }

    fn array(shape: &[usize]) -> ArrayD<i32> {
        let mut next = -3;
        ArrayD::from_shape_fn(IxDyn(shape), |_| {
            next += 1;
            next
        })
    }

    #[test]
    fn what_is_written_reads_back() {
        for shape in [&[][..], &[3], &[2, 3], &[2, 1, 4], &[0, 5]] {
            for dtype in [DType::I8, DType::I32] {
                let bytes = write(&array(shape), dtype);
                let npy = Npy::read(&bytes).unwrap();
                assert_eq!((npy.kind(), npy.numbers()), (Some(Kind::Integers(dtype)), None));
                assert_eq!(npy.integers().unwrap(), array(shape), "{shape:?}");
                assert_eq!((bytes.len() - array(shape).len() * dtype.bytes()) % ALIGNMENT, 0);
            }
        }
    }

    #[test]
    fn numbers_that_are_written_read_back() {
        let numbers = ArrayD::from_shape_vec(IxDyn(&[2, 3]), vec![0.0, -0.5, 1.25, 1e-3, f64::INFINITY, 3e9]).unwrap();
        let bytes = write_numbers(&numbers);
        let npy = Npy::read(&bytes).unwrap();
        let narrow = numbers.mapv(|number| f64::from(number as f32));
        assert_eq!((npy.kind(), npy.integers(), npy.numbers()), (Some(Kind::Float32), None, Some(narrow)));
    }

    #[test]
    fn the_header_is_as_numpy_writes_it() {
        let bytes = write(&array(&[3]), DType::I32);
        let text = String::from_utf8_lossy(&bytes[10..128]);
        assert!(text.starts_with("{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }  "), "{text}");
        let bytes = write(&array(&[2, 3]), DType::I8);
        let text = String::from_utf8_lossy(&bytes[10..128]);
        assert!(text.starts_with("{'descr': '|i1', 'fortran_order': False, 'shape': (2, 3), }  "), "{text}");
    }

    #[test]
    fn column_major_and_big_endian_values_are_put_in_order() {
        let header = "{'descr': '>i4', 'fortran_order': True, 'shape': (2, 2)}";
        let values: Vec<u8> = [1_i32, 3, 2, 4].iter().flat_map(|v| v.to_be_bytes()).collect();
        let bytes = with_header(header, &values);
        let array = Npy::read(&bytes).unwrap().integers().unwrap();
        assert_eq!(array.iter().copied().collect::<Vec<_>>(), [1, 2, 3, 4]);
        for (descr, values) in [
            (">f4", [0.5_f32, -2.0].map(f32::to_be_bytes).concat()),
            (">f8", [0.5_f64, -2.0].map(f64::to_be_bytes).concat()),
        ] {
            let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (2,)}}");
            let bytes = with_header(&header, &values);
            let numbers = Npy::read(&bytes).unwrap().numbers().unwrap();
            assert_eq!(numbers.iter().copied().collect::<Vec<_>>(), [0.5, -2.0], "{descr}");
        }
    }

    #[test]
    fn other_types_are_named() {
        for (descr, name) in
            [("<i8", "int64"), ("<f2", "float16"), ("|u1", "uint8"), ("|b1", "|b1"), ("", ""), ("é", "é")]
        {
            let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (2,)}}");
            let bytes = with_header(&header, &[]);
            let npy = Npy::read(&bytes).unwrap();
            assert_eq!((npy.kind(), npy.dtype_name().as_str()), (None, name));
            assert_eq!((npy.integers(), npy.numbers()), (None, None));
        }
    }

    #[test]
    fn malformed_files_are_refused() {
        let entries = |shape: &str| format!("{{'descr': '|i1', 'fortran_order': False, 'shape': {shape}}}");
        let refused = |bytes: &[u8]| Npy::read(bytes).unwrap_err();
        assert_eq!(refused(b""), NpyError::Magic);
        assert_eq!(refused(b"\x93NUMPY"), NpyError::Truncated);
        assert_eq!(refused(b"\x93NUMPY\x01\x00\x05"), NpyError::Truncated);
        assert_eq!(refused(b"\x93NUMPY\x01\x00\x05\x00{}"), NpyError::Truncated);
        assert_eq!(refused(b"\x93NUMPY\x09\x01"), NpyError::Version(9, 1));
        assert_eq!(refused(b"\x93NUMPY\x02\x00\xff\xff\xff\xff"), NpyError::LongHeader(u32::MAX as usize));
        for header in ["", "{}", "[1]", "{'descr': 1}", "\u{1}", "{1: 2, 'shape'", &"(".repeat(9_000)] {
            assert_eq!(refused(&with_header(header, &[])), NpyError::Header, "{header}");
        }
        for shape in ["(-1,)", "(1.5,)", "('a',)", "(99999999999999999999,)"] {
            assert_eq!(refused(&with_header(&entries(shape), &[])), NpyError::Dimension, "{shape}");
        }
        let length = |expected, found| NpyError::Length { expected, found };
        assert_eq!(refused(&with_header(&entries("(3,)"), &[1, 2])), length(3, 2));
        assert_eq!(refused(&with_header(&entries("(3,)"), &[1, 2, 3, 4])), length(3, 4));
        let huge = "(9223372036854775807, 9223372036854775807, 9223372036854775807)";
        assert_eq!(refused(&with_header(&entries(huge), &[])), length(u128::MAX, 0));
    }
}
