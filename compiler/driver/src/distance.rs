//! Two arrays of numbers → how far they are apart.

use ndarray::ArrayD;

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
pub fn distance(wanted: &ArrayD<f64>, got: &ArrayD<f64>, atol: f64) -> Distance {
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

/// A number with three digits that count, and without digits that say nothing: `0.0061`, `12.5`, `0`.
pub fn short(number: f64) -> String {
    let digits = match number.abs() {
        size if size == 0.0 || !size.is_finite() => 0,
        size => (2 - size.log10().floor() as i32).clamp(0, 12) as usize,
    };
    let text = format!("{number:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use ndarray::IxDyn;

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

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 0.006_149, -1.0, 12.345, 0.5, 123_456.7, 2e-9, f64::INFINITY].map(short);
        assert_eq!(shown, ["0", "0.00615", "-1", "12.3", "0.5", "123457", "0.000000002", "inf"]);
    }
}
