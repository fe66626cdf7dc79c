//! The text after `-p NAME=` → the values of a parameter that a sweep goes through.
//!
//! ```text
//! 4,8,12       these
//! 0..4         0, 1, 2, 3
//! 4..=16:4     4, 8, 12, 16: the end included, in steps of 4
//! 8..=64:x2    8, 16, 32, 64: each twice the one before
//! ```
//!
//! A part knows how many values it has before any of them is made, so that a range beyond all bounds costs nothing.

use std::ops::Range;

use crate::compile::parse_number;

/// A number or a range of them; it has one value at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// From the first on, as long as they are not above the last.
    Steps { first: i64, last: i64, step: i64 },
    /// The same, each as many times the one before as `factor` says, which is 2 or more; the first is positive.
    Products { first: i64, last: i64, factor: i64 },
}

/// What is wrong with a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The bytes of the part in the text.
    pub range: Range<usize>,
    pub reason: &'static str,
}

/// Reads values and ranges with commas between them.
pub fn parse(text: &str) -> Result<Vec<Part>, Malformed> {
    let (mut parts, mut start) = (Vec::new(), 0);
    for piece in text.split(',') {
        let range = start..start + piece.len();
        start = range.end + 1;
        parts.push(part(piece.trim()).map_err(|reason| Malformed { range, reason })?);
    }
    Ok(parts)
}

fn part(text: &str) -> Result<Part, &'static str> {
    const RANGE: &str = "expected an integer or a range";
    let Some((first, rest)) = text.split_once("..") else {
        let value = parse_number(text).ok_or(RANGE)?;
        return Ok(Part::Steps { first: value, last: value, step: 1 });
    };
    let (last, by) = rest.split_once(':').map_or((rest, None), |(last, by)| (last, Some(by)));
    let first = parse_number(first).ok_or(RANGE)?;
    let last = match last.strip_prefix('=') {
        Some(last) => parse_number(last).ok_or(RANGE)?,
        None => parse_number(last).ok_or(RANGE)?.checked_sub(1).ok_or("this range is empty")?,
    };
    if first > last {
        return Err("this range is empty");
    }
    match by.map(|by| by.strip_prefix('x').ok_or(by)) {
        None => Ok(Part::Steps { first, last, step: 1 }),
        Some(Err(step)) => match parse_number(step) {
            Some(step @ 1..) => Ok(Part::Steps { first, last, step }),
            _ => Err("the step after `:` is 1 or more"),
        },
        Some(Ok(_)) if first < 1 => Err("a multiplied range starts at 1 or more"),
        Some(Ok(factor)) => match parse_number(factor) {
            Some(factor @ 2..) => Ok(Part::Products { first, last, factor }),
            _ => Err("the factor after `:x` is 2 or more"),
        },
    }
}

impl Part {
    pub fn count(&self) -> u128 {
        match self {
            Part::Steps { first, last, step } => {
                (i128::from(*last) - i128::from(*first)).unsigned_abs() / *step as u128 + 1
            }
            Part::Products { .. } => self.values().count() as u128,
        }
    }

    /// The values, in order.
    pub fn values(&self) -> impl Iterator<Item = i64> + use<> {
        let part = self.clone();
        let (Part::Steps { first, last, .. } | Part::Products { first, last, .. }) = part;
        let next = move |value: &i64| match part {
            Part::Steps { step, .. } => value.checked_add(step),
            Part::Products { factor, .. } => value.checked_mul(factor),
        };
        std::iter::successors(Some(first), next).take_while(move |value| *value <= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<i64> {
        let parts = parse(text).unwrap_or_else(|malformed| panic!("{text}: {malformed:?}"));
        let values: Vec<i64> = parts.iter().flat_map(Part::values).collect();
        assert_eq!(parts.iter().map(Part::count).sum::<u128>(), values.len() as u128, "{text}");
        values
    }

    #[test]
    fn lists_and_ranges_are_read() {
        assert_eq!(values("7"), [7]);
        assert_eq!(values("4, -8,0x10"), [4, -8, 16]);
        assert_eq!(values("0..4"), [0, 1, 2, 3]);
        assert_eq!(values("-1..=1,5"), [-1, 0, 1, 5]);
        assert_eq!(values("4..=16:4"), [4, 8, 12, 16]);
        assert_eq!(values("4..16:5"), [4, 9, 14]);
        assert_eq!(values("8..=100:x2"), [8, 16, 32, 64]);
        assert_eq!(values("3..=3:x9"), [3]);
        assert_eq!(values("9223372036854775806..=9223372036854775807"), [i64::MAX - 1, i64::MAX]);
        assert_eq!(values("9223372036854775807..=9223372036854775807:x2"), [i64::MAX]);
    }

    #[test]
    fn endless_ranges_are_only_counted() {
        let parts = parse("-9223372036854775808..=9223372036854775807").unwrap();
        assert_eq!(parts[0].count(), 1 << 64);
    }

    #[test]
    fn what_is_none_is_refused_with_its_place() {
        for text in [
            "", "a", "1..", "..4", "1.5", "4..4", "8..4", "1..=2:0", "1..4:-1", "1..4:x1", "0..4:x2", "1..4:y2",
            "1...4", "1..4:",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("1,2..2,3"), Err(Malformed { range: 2..6, reason: "this range is empty" }));
        assert_eq!(parse("12,").unwrap_err().range, 3..3);
        assert!(parse("0..-9223372036854775808").is_err());
    }
}
