//! Two arrays of numbers → how far they are apart.

use crate::Numbers;

/// How far the numbers of an output are from those that are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distance {
    /// The greatest difference, not below 0; NaN where one is, which nothing can be said of.
    pub largest: f64,
    /// The first place with the greatest difference, and what is wanted and found there.
    pub index: Vec<usize>,
    pub wanted: f64,
    pub got: f64,
    /// The mean of all differences.
    pub mean: f64,
    /// How many differences are not within what is tolerated.
    pub beyond: usize,
    /// Of how many.
    pub values: usize,
}

/// Compares arrays of one shape. Differences up to `atol` are tolerated; one that is NaN never is.
///
/// # Panics
/// If the shapes differ.
///
/// ```
/// use tilewright::{Numbers, distance::distance};
///
/// let [wanted, got] = [vec![0.0, 1.0], vec![0.0, 0.5]].map(|v| Numbers::from_shape_vec(vec![2], v).unwrap());
/// let found = distance(&wanted, &got, 0.1);
/// assert_eq!((found.largest, found.index, found.beyond), (0.5, vec![1], 1));
/// ```
pub fn distance(wanted: &Numbers, got: &Numbers, atol: f64) -> Distance {
    assert_eq!(wanted.shape(), got.shape(), "distances are those of arrays of one shape");
    let mut found = Distance { values: got.len(), ..Distance::default() };
    let (mut sum, rank) = (0.0, got.ndim());
    for ((index, wanted), got) in wanted.indexed_iter().zip(got) {
        // Equal infinities are no distance apart.
        let difference = if wanted == got { 0.0 } else { (wanted - got).abs() };
        sum += difference;
        found.beyond += usize::from(difference.is_nan() || difference > atol);
        let is_first_nan = difference.is_nan() && !found.largest.is_nan();
        if difference > found.largest || is_first_nan || found.index.len() < rank {
            let index = (0..rank).map(|d| index[d]).collect();
            found = Distance { largest: difference, index, wanted: *wanted, got: *got, ..found };
        }
    }
    found.mean = if got.is_empty() { 0.0 } else { sum / got.len() as f64 };
    found
}

/// The greatest of several differences; NaN where one of them is.
pub fn greatest(differences: impl IntoIterator<Item = f64>) -> f64 {
    differences.into_iter().fold(0.0, |worst, d| if worst.is_nan() || d <= worst { worst } else { d })
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
    fn what_is_no_number_is_no_distance_that_is_tolerated() {
        let found = distance(&array([0.0, f64::NAN, 9.0, f64::NAN]), &array([0.0; 4]), f64::INFINITY);
        assert!(found.largest.is_nan() && found.mean.is_nan());
        assert_eq!((found.index, found.beyond), (vec![0, 1], 2));
        assert!(greatest([0.5, f64::NAN, 2.0]).is_nan());
        assert_eq!((greatest([0.5, 2.0, 1.0]), greatest([])), (2.0, 0.0));
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
