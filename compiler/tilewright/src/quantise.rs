//! Numbers ↔ the integers that denote them in a format, where an integer is the number times 2 to the power of the fraction
//! bits.

use ndarray::ArrayD;
use tilewright_core::tensor::Format;

use crate::{Array, Numbers};

/// Numbers in a format.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantised {
    pub array: Array,
    pub loss: Loss,
}

/// What numbers lost when they were put into a format.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loss {
    /// How many numbers there are.
    pub values: usize,
    /// Numbers beyond the ends of the format, which saturate.
    pub clipped: usize,
    /// The greatest distance between a number and what denotes it, those that are clipped included.
    pub largest_error: f64,
}

/// Takes the nearest integer for each number, the even one of two that are as near, and saturates. Fails with the index of
/// the first NaN.
pub(crate) fn quantise(numbers: &ArrayD<f64>, format: Format) -> Result<Quantised, Vec<usize>> {
    if let Some((index, _)) = numbers.indexed_iter().find(|(_, number)| number.is_nan()) {
        return Err((0..numbers.ndim()).map(|d| index[d]).collect());
    }
    let (least, greatest) = format.dtype.limits();
    let (least, greatest) = (least as f64, greatest as f64);
    let scale = format.unit();
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

/// The integer of a format that is nearest to a number.
pub(crate) fn nearest(number: f64, format: Format) -> i32 {
    let (least, greatest) = format.dtype.limits();
    (number * format.unit()).round_ties_even().clamp(least as f64, greatest as f64) as i32
}

/// The numbers that integers of a format denote.
pub(crate) fn numbers(array: &Array, format: Format) -> Numbers {
    let scale = format.unit();
    array.mapv(|value| f64::from(value) / scale)
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, IxDyn};
    use tilewright_core::scalar::DType;

    use super::*;

    fn array(values: &[f64]) -> ArrayD<f64> {
        ArrayD::from_shape_vec(IxDyn(&[values.len()]), values.to_vec()).unwrap()
    }

    fn quantised(values: &[f64], dtype: DType, fraction: u8) -> (Vec<i32>, usize, f64) {
        let Quantised { array, loss } = quantise(&array(values), Format { dtype, fraction }).unwrap();
        assert_eq!(loss.values, values.len());
        (array.into_iter().collect(), loss.clipped, loss.largest_error)
    }

    #[test]
    fn the_nearest_integer_denotes_a_number() {
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
    fn the_first_nan_is_found() {
        let numbers = ArrayD::from_shape_vec(IxDyn(&[2, 2]), vec![0.0, 1.0, f64::NAN, f64::NAN]).unwrap();
        assert_eq!(quantise(&numbers, Format { dtype: DType::I8, fraction: 7 }), Err(vec![1, 0]));
    }
}
