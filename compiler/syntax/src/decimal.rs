//! Decimal literals, exact: digits and how many of them stand behind the point.

use std::fmt;

/// Most digits that a literal may have behind its point.
pub const MAX_PLACES: u32 = 18;

/// `12.50` is 1250 with 2 places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// Not negative.
    pub digits: i64,
    /// In `1..=MAX_PLACES`.
    pub places: u32,
}

/// With all of its places, so that a reader sees what the author wrote.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let places = self.places as usize;
        let digits = format!("{:0width$}", self.digits, width = places + 1);
        let (whole, rest) = digits.split_at(digits.len() - places);
        write!(f, "{whole}.{rest}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_places_are_shown() {
        let text = |digits, places| Decimal { digits, places }.to_string();
        assert_eq!([text(5, 1), text(1250, 2), text(7, 3), text(0, 2)], ["0.5", "12.50", "0.007", "0.00"]);
    }
}
