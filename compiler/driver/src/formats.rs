//! Numbers ↔ the integers that stand for them in a tensor's format, where an integer is the number times 2 to the power of
//! the fraction bits; and what is told of numbers that were put into a format.

use ndarray::ArrayD;
use serde_json::{Value, json};
use tilewright_core::scalar::DType;
use tilewright_core::tensor::print::type_of;
use tilewright_core::tensor::{Array, Tensor};

use crate::distance::short;
use crate::report::{HEADING, grouped};

/// Numbers in a format.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantised {
    pub array: Array,
    pub loss: Loss,
}

/// What numbers lost when they were put into a format.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loss {
    pub values: usize,
    /// Values beyond the ends of the format, for which the nearest end stands.
    pub clipped: usize,
    /// The greatest distance between a number and what stands for it, those that are clipped included.
    pub largest_error: f64,
}

impl Loss {
    /// The line of a report: `· quantised  X: i8.q7[1, 256]   3 of 256 values clipped (1.2 %)   largest error 0.0039`.
    pub fn line(&self, tensor: &Tensor) -> String {
        let share = match self.clipped {
            0 => String::new(),
            clipped => format!(" ({:.1} %)", clipped as f64 / self.values as f64 * 100.0),
        };
        format!(
            "{HEADING}· quantised{HEADING:#}  {}: {}   {} of {} values clipped{share}   largest error {}\n",
            tensor.name,
            type_of(tensor),
            grouped(self.clipped as u64),
            grouped(self.values as u64),
            short(self.largest_error),
        )
    }

    pub fn json(&self, tensor: &Tensor) -> Value {
        let Loss { values, clipped, largest_error } = self;
        json!({
            "input": tensor.name, "type": type_of(tensor), "values": values, "clipped": clipped,
            "largest_error": largest_error,
        })
    }
}

/// Takes the nearest integer for each number, the even one of two that are as near, and saturates. Fails with the index of
/// the first NaN.
pub fn quantise(numbers: &ArrayD<f64>, dtype: DType, fraction: u8) -> Result<Quantised, Vec<usize>> {
    if let Some((index, _)) = numbers.indexed_iter().find(|(_, number)| number.is_nan()) {
        return Err((0..numbers.ndim()).map(|d| index[d]).collect());
    }
    let (least, greatest) = dtype.limits();
    let (least, greatest) = (least as f64, greatest as f64);
    let scale = scale(fraction);
    let mut loss = Loss { values: numbers.len(), ..Loss::default() };
    let array = numbers.mapv(|number| {
        let nearest = (number * scale).round_ties_even();
        let kept = nearest.clamp(least, greatest);
        loss.clipped += usize::from(kept != nearest);
        loss.largest_error = loss.largest_error.max((number - kept / scale).abs());
        kept as i32
    });
    Ok(Quantised { array, loss })
}

/// The integer of a tensor's format that is nearest to a number.
pub fn nearest(number: f64, tensor: &Tensor) -> i32 {
    let (least, greatest) = tensor.dtype.limits();
    (number * scale(tensor.fraction)).round_ties_even().clamp(least as f64, greatest as f64) as i32
}

/// The numbers that the integers of a tensor stand for.
pub fn numbers(array: &Array, tensor: &Tensor) -> ArrayD<f64> {
    let scale = scale(tensor.fraction);
    array.mapv(|value| f64::from(value) / scale)
}

/// The integer that stands for 1.
fn scale(fraction: u8) -> f64 {
    (1_u64 << fraction) as f64
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, IxDyn};

    use super::*;

    fn array(values: &[f64]) -> ArrayD<f64> {
        ArrayD::from_shape_vec(IxDyn(&[values.len()]), values.to_vec()).unwrap()
    }

    fn quantised(values: &[f64], dtype: DType, fraction: u8) -> (Vec<i32>, usize, f64) {
        let Quantised { array, loss } = quantise(&array(values), dtype, fraction).unwrap();
        assert_eq!(loss.values, values.len());
        (array.into_iter().collect(), loss.clipped, loss.largest_error)
    }

    #[test]
    fn the_nearest_integer_stands_for_a_number() {
        let numbers = [0.0, 0.3, -0.3, 0.625, 0.875, -0.625];
        assert_eq!(quantised(&numbers, DType::I8, 2), (vec![0, 1, -1, 2, 4, -2], 0, 0.125));
        assert_eq!(quantised(&[100.4, -7.5, -8.5], DType::I32, 0), (vec![100, -8, -8], 0, 0.5));
    }

    #[test]
    fn what_is_beyond_the_ends_is_clipped() {
        assert_eq!(quantised(&[0.99609375, 1.0, -1.0, -1.25], DType::I8, 7), (vec![127, 127, -128, -128], 3, 0.25));
        assert_eq!(quantised(&[f64::INFINITY], DType::I8, 7), (vec![127], 1, f64::INFINITY));
        assert_eq!(quantised(&[-3e9, 3e9], DType::I32, 0).0, [i32::MIN, i32::MAX]);
        assert_eq!(quantised(&[], DType::I8, 7), (vec![], 0, 0.0));
    }

    #[test]
    fn what_is_no_number_is_told() {
        let numbers = ArrayD::from_shape_vec(IxDyn(&[2, 2]), vec![0.0, 1.0, f64::NAN, f64::NAN]).unwrap();
        assert_eq!(quantise(&numbers, DType::I8, 7), Err(vec![1, 0]));
    }
}
