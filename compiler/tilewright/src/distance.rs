//! Two arrays of numbers → how far they are apart.

use crate::Numbers;

/// How far the numbers of an output are from those that are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distance {
    /// The greatest difference, not below 0.
    pub largest: f64,
    /// The first place with the greatest difference, and what is wanted and found there.
    pub index: Vec<usize>,
    pub wanted: f64,
    pub got: f64,
    /// The mean of all differences.
    pub mean: f64,
    /// How many differences are greater than what is tolerated.
    pub beyond: usize,
    /// Of how many.
    pub values: usize,
}

/// Compares arrays of one shape, neither of which has a NaN. Differences up to `atol` are tolerated.
///
/// ```
/// use tilewright::{Numbers, distance::distance};
///
/// let [wanted, got] = [vec![0.0, 1.0], vec![0.0, 0.5]].map(|v| Numbers::from_shape_vec(vec![2], v).unwrap());
/// let found = distance(&wanted, &got, 0.1);
/// assert_eq!((found.largest, found.index, found.beyond), (0.5, vec![1], 1));
/// ```
pub fn distance(wanted: &Numbers, got: &Numbers, atol: f64) -> Distance {
    let mut found = Distance { values: got.len(), ..Distance::default() };
    let (mut sum, rank) = (0.0, got.ndim());
    for ((index, wanted), got) in wanted.indexed_iter().zip(got) {
        // Equal infinities are no distance apart.
        let difference = if wanted == got { 0.0 } else { (wanted - got).abs() };
        sum += difference;
        found.beyond += usize::from(difference > atol);
        if difference > found.largest || found.index.len() < rank {
            let index = (0..rank).map(|d| index[d]).collect();
            found = Distance { largest: difference, index, wanted: *wanted, got: *got, ..found };
        }
    }
    found.mean = if got.is_empty() { 0.0 } else { sum / got.len() as f64 };
    found
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, IxDyn};

    use super::*;

    fn array(values: [f64; 4]) -> ArrayD<f64> {
        ArrayD::from_shape_vec(IxDyn(&[2, 2]), values.to_vec()).unwrap()
    }

    #[test]
    fn the_largest_difference_is_found_where_it_is_first() {
        let found = distance(&array([0.0, 1.0, 2.0, 3.0]), &array([0.0, 0.5, 2.5, 3.25]), 0.25);
        let expected =
            Distance { largest: 0.5, index: vec![0, 1], wanted: 1.0, got: 0.5, mean: 0.3125, beyond: 2, values: 4 };
        assert_eq!(found, expected);
    }

    #[test]
    fn equal_arrays_are_no_distance_apart() {
        let values = array([0.0, 1.0, f64::INFINITY, -1.0]);
        let found = distance(&values, &values, 0.0);
        assert_eq!((found.largest, found.mean, found.beyond, found.index), (0.0, 0.0, 0, vec![0, 0]));
        let empty = ArrayD::zeros(IxDyn(&[0]));
        assert_eq!(distance(&empty, &empty, 0.0).values, 0);
    }
}
