//! Constants of the source as exact numbers: integers and decimals.
//!
//! What is computed of integers alone is an integer; one decimal makes a decimal of the whole, be its value integral or not.

use std::cmp::Ordering;
use std::fmt;

use tilewright_syntax::Decimal;
use tilewright_syntax::ast::BinaryOp;
use tilewright_syntax::decimal::MAX_PLACES;

use super::error::ConstantFault;

/// `digits / 10^places`, where no places mean an integer.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    digits: i64,
    /// At most [`MAX_PLACES`].
    places: u32,
}

impl From<i64> for Number {
    fn from(digits: i64) -> Number {
        Number { digits, places: 0 }
    }
}

impl From<Decimal> for Number {
    fn from(Decimal { digits, places }: Decimal) -> Number {
        Number { digits, places }
    }
}

impl Number {
    /// The integer, if it is none by chance but by the way it is written.
    pub fn integer(self) -> Option<i64> {
        (self.places == 0).then_some(self.digits)
    }

    /// A whole number in two senses: `2`, and `2.0`.
    pub fn is_whole(self) -> bool {
        i128::from(self.digits) % ten_to(self.places) == 0
    }

    /// The number times 2^`bits`, to the nearest integer; of two that are equally near the greater. `bits` is at most 31.
    pub fn scaled(self, bits: u8) -> i128 {
        let unit = ten_to(self.places);
        ((i128::from(self.digits) << (u32::from(bits) + 1)) + unit).div_euclid(2 * unit)
    }

    /// The number times 2^`bits`, rounded down. `bits` is at most 31.
    pub fn scaled_down(self, bits: u8) -> i128 {
        (i128::from(self.digits) << bits).div_euclid(ten_to(self.places))
    }

    /// As a floating-point number, rounded.
    pub fn real(self) -> f64 {
        self.digits as f64 / ten_to(self.places) as f64
    }

    pub fn negated(self) -> Result<Number, ConstantFault> {
        let digits = self.digits.checked_neg().ok_or(ConstantFault::Overflow)?;
        Ok(Number { digits, ..self })
    }

    /// Applies an operator. Division and shifts are for integers.
    pub fn apply(op: BinaryOp, a: Number, b: Number) -> Result<Number, ConstantFault> {
        if let (Some(a), Some(b)) = (a.integer(), b.integer()) {
            return integers(op, a, b).map(Number::from);
        }
        let ([x, y], places) = Number::aligned(a, b);
        match op {
            BinaryOp::Add => Number::decimal(x + y, places),
            BinaryOp::Sub => Number::decimal(x - y, places),
            BinaryOp::Mul => Number::decimal(i128::from(a.digits) * i128::from(b.digits), a.places + b.places),
            BinaryOp::Div | BinaryOp::Mod | BinaryOp::Shl | BinaryOp::Shr => {
                Err(ConstantFault::OfDecimals(op.symbol()))
            }
        }
    }

    /// A decimal with as few places as its value needs, and at least one.
    fn decimal(mut digits: i128, mut places: u32) -> Result<Number, ConstantFault> {
        while places > 1 && digits % 10 == 0 {
            (digits, places) = (digits / 10, places - 1);
        }
        match i64::try_from(digits) {
            Ok(digits) if places <= MAX_PLACES => Ok(Number { digits, places }),
            _ => Err(ConstantFault::Overflow),
        }
    }

    /// The digits of both with equally many places; they are below 2^63 * 10^18.
    fn aligned(a: Number, b: Number) -> ([i128; 2], u32) {
        let places = a.places.max(b.places);
        ([a, b].map(|n| i128::from(n.digits) * ten_to(places - n.places)), places)
    }
}

fn ten_to(places: u32) -> i128 {
    10i128.pow(places)
}

fn integers(op: BinaryOp, a: i64, b: i64) -> Result<i64, ConstantFault> {
    let result = match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Sub => a.checked_sub(b),
        BinaryOp::Mul => a.checked_mul(b),
        BinaryOp::Div | BinaryOp::Mod if b < 1 => return Err(ConstantFault::Divisor(b)),
        BinaryOp::Div => Some(a.div_euclid(b)),
        BinaryOp::Mod => Some(a.rem_euclid(b)),
        BinaryOp::Shl | BinaryOp::Shr if !(0..63).contains(&b) => return Err(ConstantFault::Shift(b)),
        BinaryOp::Shl => a.checked_mul(1 << b),
        BinaryOp::Shr => Some(a >> b),
    };
    result.ok_or(ConstantFault::Overflow)
}

/// By value: `2` and `2.0` are equal.
impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        let ([a, b], _) = Number::aligned(*self, *other);
        a.cmp(&b)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.integer() {
            Some(value) => value.fmt(f),
            None => {
                let sign = if self.digits < 0 { "-" } else { "" };
                let digits = format!("{:0width$}", self.digits.unsigned_abs(), width = self.places as usize + 1);
                let (whole, behind) = digits.split_at(digits.len() - self.places as usize);
                write!(f, "{sign}{whole}.{behind}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(digits: i64, places: u32) -> Number {
        Number { digits, places }
    }

    #[test]
    fn decimals_are_exact() {
        let apply = |op, a, b| Number::apply(op, a, b).map(|n| n.to_string());
        assert_eq!(apply(BinaryOp::Add, decimal(1, 1), decimal(2, 1)), Ok("0.3".to_owned()));
        assert_eq!(apply(BinaryOp::Sub, Number::from(0), decimal(25, 2)), Ok("-0.25".to_owned()));
        assert_eq!(apply(BinaryOp::Mul, Number::from(2), decimal(5, 1)), Ok("1.0".to_owned()));
        assert_eq!(apply(BinaryOp::Shl, decimal(5, 1), Number::from(1)), Err(ConstantFault::OfDecimals("<<")));
        assert_eq!(apply(BinaryOp::Mul, decimal(i64::MAX, 1), decimal(3, 1)), Err(ConstantFault::Overflow));
        assert_eq!(apply(BinaryOp::Mul, decimal(1, 18), decimal(3, 1)), Err(ConstantFault::Overflow));
        assert_eq!(decimal(20, 1), Number::from(2));
        assert!(decimal(20, 1).is_whole() && decimal(20, 1).integer().is_none());
    }

    #[test]
    fn halves_go_up() {
        assert_eq!([decimal(5, 1), decimal(-5, 1), decimal(15, 1)].map(|n| n.scaled(0)), [1, 0, 2]);
        assert_eq!([decimal(3, 1), decimal(-3, 1)].map(|n| n.scaled(8)), [77, -77]);
        assert_eq!(Number::from(i64::MIN).scaled(31), i128::from(i64::MIN) << 31);
    }

    proptest! {
        #[test]
        fn the_nearest_is_less_than_half_a_step_away(digits: i64, places in 0..=MAX_PLACES, bits in 0..=31u8) {
            let (exact, unit) = (i128::from(digits) << bits, ten_to(places));
            let doubled = 2 * (decimal(digits, places).scaled(bits) * unit - exact);
            prop_assert!(-unit < doubled && doubled <= unit);
        }

        #[test]
        fn order_is_that_of_values(a in -1000..1000i64, b in -1000..1000i64, p in 0..3u32, q in 0..3u32) {
            let (x, y) = (decimal(a, p), decimal(b, q));
            prop_assert_eq!(x.cmp(&y), (a * 10i64.pow(q)).cmp(&(b * 10i64.pow(p))));
            prop_assert_eq!(x.real() < y.real(), x < y);
        }
    }
}
