//! Quotients of two integers, for a machine that has no division: what they are, and the operations that compute them exactly.
//!
//! The divisor is shifted to the left until its highest bit stands at the top; the reciprocal of that, a factor of 15 bits, comes from a
//! polynomial and a step of Newton's method. A product of the numerator's leading bits with it, shifted back, is the quotient
//! but for a small error; the remainder of that estimate is exact, whatever wraps, and tells what is left: further digits of a
//! large numerator, and at last a correction by 1. What depends on the divisor alone stands apart, since it is often the same for
//! many numerators.

use std::fmt;

use super::approx::number::{FACTOR_BITS, Number, horner};
use super::{BinaryOp, Scalar};
use crate::affine::Interval;

/// A division, and what is known of its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Quotient {
    /// The result is held between `-2^bits` and `2^bits - 1`; 31 leaves every one as it is.
    pub bits: u8,
    /// Whether it is the nearest integer, halves going up, and not the one below.
    pub nearest: bool,
    /// The magnitude of the numerator is at most 2 to the power of this, and less where it is positive.
    pub numerator: u8,
    /// The divisor is not negative and less than 2 to the power of this; 32 says that nothing is known.
    pub divisor: u8,
}

/// What an expression of [`Steps`] reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    Numerator,
    Divisor,
    /// The value of an earlier step.
    Step(usize),
}

/// Expressions that are computed in order, each over those before it. The last one is the quotient.
#[derive(Clone, Debug)]
pub struct Steps {
    pub values: Vec<Scalar<Slot>>,
    /// How many of them, the first ones, depend on the divisor alone.
    pub of_divisor: usize,
}

impl Quotient {
    /// Where nothing is known of either side.
    pub const ANY: Quotient = Quotient { bits: 31, nearest: false, numerator: 31, divisor: 32 };

    /// The same for operands of which the ranges are known.
    pub fn of_ranges(self, numerator: Interval, divisor: Interval) -> Quotient {
        let bits = |n: i64| 64 - n.leading_zeros() as u8;
        let magnitude = bits(numerator.max.max(0)).max(bits((-numerator.min).max(1) - 1));
        let divisor = if divisor.min < 0 { 32 } else { bits(divisor.max).max(1) };
        Quotient { numerator: magnitude.clamp(1, 31), divisor, ..self }
    }

    /// A divisor of 0 counts as 1.
    pub fn eval(self, a: i32, b: i32) -> i32 {
        let (a, b) = if b < 0 { (a.wrapping_neg(), b.wrapping_neg()) } else { (a, b) };
        let (a, b) = (i64::from(a), i64::from(b.max(1)));
        let quotient = if self.nearest { (2 * a + b).div_euclid(2 * b) } else { a.div_euclid(b) };
        quotient.clamp(-(1 << self.bits), (1 << self.bits) - 1) as i32
    }

    pub fn range(self, a: Interval, b: Interval) -> Interval {
        let most = a.max.abs().max(a.min.abs()).max(1);
        let least = if b.min > 0 { b.min } else { 1 };
        let magnitude = (most / least + 1).min(1 << self.bits);
        // A negative numerator of -2^31 stays what it is where it is negated.
        let min = if a.min >= 0 && b.min >= 0 { 0 } else { -magnitude };
        Interval::new(min, magnitude.min((1 << self.bits) - 1))
    }

    /// The name in loop programs, which tells everything.
    pub fn from_name(name: &str) -> Option<Quotient> {
        let (nearest, rest) = match name.strip_prefix("nearest_") {
            Some(rest) => (true, rest),
            None => (false, name),
        };
        let mut parts = rest.strip_prefix("quotient_")?.split('_').map(|part| part.parse::<u8>().ok());
        let [bits, numerator, divisor] = [parts.next()??, parts.next()??, parts.next()??];
        let known = (1..=31).contains(&bits) && (1..=31).contains(&numerator) && (1..=32).contains(&divisor);
        (known && parts.next().is_none()).then_some(Quotient { bits, nearest, numerator, divisor })
    }

    pub fn steps(self) -> Steps {
        let mut builder = Builder { values: Vec::new() };
        let divisor = builder.divisor(self.divisor);
        let of_divisor = builder.values.len();
        let numerator = match &divisor.sign {
            Some(sign) => builder.keep(Number::slot(Slot::Numerator).and(BinaryOp::Mul, sign)),
            None => Number::slot(Slot::Numerator),
        };
        // Estimates in one product have to be near enough, and no shift of the numerator may lose its top.
        let shift = i32::from(self.bits) + NARROW_SHIFT;
        let narrow = self.bits <= MOST_NARROW && i32::from(self.numerator) + (TOP - 1 - shift).max(0) <= TOP;
        let (estimate, rest) = match narrow {
            true => builder.narrow(&divisor, &numerator, shift),
            false => builder.wide(&divisor, &numerator, i32::from(self.numerator), i32::from(self.divisor)),
        };
        let quotient = builder.corrected(&divisor, &estimate, &rest, self.nearest);
        let quotient = match self.bits {
            31 => quotient,
            bits => quotient.with(BinaryOp::Max, -(1 << bits)).with(BinaryOp::Min, (1 << bits) - 1),
        };
        builder.keep(quotient);
        Steps { values: builder.values, of_divisor }
    }
}

impl fmt::Display for Quotient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Quotient { bits, nearest, numerator, divisor } = self;
        write!(f, "{}quotient_{bits}_{numerator}_{divisor}", if *nearest { "nearest_" } else { "" })
    }
}

/// The bits at which a quotient is held of which a conversion takes the nearest `i8`.
pub const SATURATED_BITS: u8 = 8;

/// The bit above the top one.
const TOP: i32 = 31;
/// Fraction bits of the reciprocal, which is at most 1.
const RECIPROCAL_BITS: i32 = 15;
/// The greatest numerator of a product with the reciprocal.
const FACTOR: i32 = (1 << 15) - 1;
/// Most bits of a quotient that one product estimates within less than 1, as the reciprocal has 12 right ones.
const MOST_NARROW: u8 = 9;
/// By how much a numerator is shifted to the right, beside the quotient's bits and less the divisor's shift, so that it is a factor.
const NARROW_SHIFT: i32 = 17;
/// Right bits of an estimate, and bits of a numerator of which it is within less than 1.
const RIGHT_BITS: i32 = 12;
const LAST_BITS: i32 = 10;

/// What is computed of a divisor.
struct Divisor {
    /// At least 1.
    value: Number<Slot>,
    /// 1 or -1; none where the divisor is not negative.
    sign: Option<Number<Slot>>,
    /// Of the divisor as it is shifted, with [`RECIPROCAL_BITS`].
    reciprocal: Number<Slot>,
    /// Minus the amount of the shift.
    amount: Number<Slot>,
}

impl Number<Slot> {
    fn slot(slot: Slot) -> Number<Slot> {
        Number { value: Scalar::Leaf(slot) }
    }
}

struct Builder {
    values: Vec<Scalar<Slot>>,
}

impl Builder {
    /// The value as a step of its own.
    fn keep(&mut self, number: Number<Slot>) -> Number<Slot> {
        self.values.push(number.value);
        Number::slot(Slot::Step(self.values.len() - 1))
    }

    fn divisor(&mut self, bits: u8) -> Divisor {
        let given = Number::slot(Slot::Divisor);
        let (sign, value) = match bits {
            32 => {
                let sign = self.keep(given.shifted(31).times(2).plus(1));
                (Some(sign.clone()), self.keep(given.and(BinaryOp::Mul, &sign).with(BinaryOp::Max, 1)))
            }
            _ => (None, self.keep(given.with(BinaryOp::Max, 1))),
        };
        let bits = i32::from(bits).min(TOP);
        let mut normal = self.keep(value.shifted(bits - TOP));
        let mut amount: Option<Number<Slot>> = None;
        let mut step = (1..bits.max(2)).rev().find(|step| step & (step - 1) == 0).unwrap_or(1);
        while step > 0 {
            let shift = self.keep(normal.shifted(TOP - step).with(BinaryOp::Min, 1).times(step).plus(-step));
            normal = self.keep(normal.and(BinaryOp::Shr, &shift));
            amount = Some(match amount {
                Some(sum) => self.keep(sum.and(BinaryOp::Add, &shift)),
                None => shift,
            });
            step /= 2;
        }
        let amount = amount.unwrap_or(Number { value: Scalar::int(0) }).plus(bits - TOP);
        let amount = self.keep(amount);
        let mantissa = self.keep(normal.shifted(TOP - RECIPROCAL_BITS));
        let fraction = self.keep(mantissa.plus(-(1 << FACTOR_BITS)));
        let coefficients = [0.998_266_9, -0.942_807_6, 0.665_511_3, -0.221_837_1];
        let first = self.keep(horner(&fraction, FACTOR_BITS, &coefficients, FACTOR_BITS));
        // r (2 - m r), where what was cut off the mantissa counts as half of its last bit.
        let product = first.and(BinaryOp::Mul, &mantissa.times(2).plus(1)).shifted(FACTOR_BITS);
        let correction = self.keep(product.times(-1).plus(2 << RECIPROCAL_BITS));
        let reciprocal =
            first.and(BinaryOp::Mul, &correction).shifted(FACTOR_BITS).with(BinaryOp::Min, 1 << RECIPROCAL_BITS);
        Divisor { value, sign, reciprocal: self.keep(reciprocal), amount }
    }

    /// An estimate within less than 1 and the remainder, where the quotient is not beyond what it is held in. The numerator is
    /// shifted as the divisor is, so that the product is shifted by a constant; a greater one is held at the greatest factor.
    fn narrow(&mut self, divisor: &Divisor, numerator: &Number<Slot>, shift: i32) -> (Number<Slot>, Number<Slot>) {
        let by = self.keep(divisor.amount.plus(shift));
        let factor = numerator.and(BinaryOp::Shr, &by).with(BinaryOp::Max, -FACTOR - 1).with(BinaryOp::Min, FACTOR);
        let product = self.keep(factor).and(BinaryOp::Mul, &divisor.reciprocal);
        let estimate = self.keep(product.shifted(2 * TOP - 2 - RECIPROCAL_BITS - shift - 1).plus(1).shifted(1));
        let rest = self.rest(divisor, numerator, &estimate);
        (estimate, rest)
    }

    /// The same for any quotient, digit by digit.
    fn wide(
        &mut self,
        divisor: &Divisor,
        numerator: &Number<Slot>,
        mut bits: i32,
        divisor_bits: i32,
    ) -> (Number<Slot>, Number<Slot>) {
        let (mut sum, mut rest): (Option<Number<Slot>>, Number<Slot>) = (None, numerator.clone());
        loop {
            let dropped = (bits - RECIPROCAL_BITS).max(0);
            let mut factor = rest.shifted(dropped);
            if sum.is_some() && divisor_bits > RECIPROCAL_BITS {
                // A remainder of half of a large divisor is no digit.
                factor = factor.with(BinaryOp::Max, -FACTOR).with(BinaryOp::Min, FACTOR);
            }
            let product = self.keep(factor.and(BinaryOp::Mul, &divisor.reciprocal));
            let estimate = self.shifted_back(divisor, &product, 2 * TOP - 2 - RECIPROCAL_BITS - dropped - 1);
            rest = self.rest(divisor, &rest, &estimate);
            sum = Some(match sum {
                Some(sum) => self.keep(sum.and(BinaryOp::Add, &estimate)),
                None => estimate,
            });
            if dropped == 0 && bits <= LAST_BITS {
                break;
            }
            bits = (bits - RIGHT_BITS).max(dropped) + 1;
        }
        (sum.expect("there is one digit at least"), rest)
    }

    /// A product shifted to the right by an amount less the divisor's shift and 1, rounded to the nearest.
    fn shifted_back(&mut self, divisor: &Divisor, product: &Number<Slot>, by: i32) -> Number<Slot> {
        let amount = self.keep(divisor.amount.plus(by));
        if by >= TOP - 1 {
            return self.keep(product.and(BinaryOp::Shr, &amount).plus(1).shifted(1));
        }
        // To the left where it is negative, but behind the rounding.
        let (right, left) = (self.keep(amount.with(BinaryOp::Max, 0)), self.keep(amount.with(BinaryOp::Min, 0)));
        let rounded = self.keep(product.and(BinaryOp::Shr, &right).plus(1).shifted(1));
        self.keep(rounded.and(BinaryOp::Shr, &left))
    }

    fn rest(&mut self, divisor: &Divisor, numerator: &Number<Slot>, estimate: &Number<Slot>) -> Number<Slot> {
        let product = estimate.and(BinaryOp::Mul, &divisor.value).times(-1);
        self.keep(product.and(BinaryOp::Add, numerator))
    }

    /// The quotient of an estimate that is less than 1 away, and its remainder, less than the divisor.
    fn corrected(
        &mut self,
        divisor: &Divisor,
        estimate: &Number<Slot>,
        rest: &Number<Slot>,
        nearest: bool,
    ) -> Number<Slot> {
        if !nearest {
            return rest.shifted(31).and(BinaryOp::Add, estimate);
        }
        let half = self.keep(divisor.value.shifted(1));
        let other_half = self.keep(divisor.value.times(-1).and(BinaryOp::Add, &half));
        let below = self.keep(rest.and(BinaryOp::Add, &half).shifted(31));
        let above = self.keep(rest.and(BinaryOp::Add, &other_half).shifted(31).plus(1));
        let sum = self.keep(below.and(BinaryOp::Add, &above));
        sum.and(BinaryOp::Add, estimate)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn computed(steps: &Steps, a: i32, b: i32) -> i32 {
        let mut values: Vec<i32> = Vec::new();
        for value in &steps.values {
            let value = value.eval(&mut |slot| match slot {
                Slot::Numerator => a,
                Slot::Divisor => b,
                Slot::Step(k) => values[*k],
            });
            values.push(value);
        }
        values[values.len() - 1]
    }

    fn number() -> impl Strategy<Value = i32> {
        (any::<i32>(), 0..32_u32, -2..=2_i32).prop_map(|(n, by, beside)| (n >> by).wrapping_add(beside))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn steps_compute_every_quotient(a in number(), b in number(), bits in 1..=31_u8, nearest: bool) {
            let any = Quotient { bits, nearest, ..Quotient::ANY };
            let exactly = |n: i32| Interval::new(n.into(), n.into());
            for quotient in [any, any.of_ranges(exactly(a), exactly(b)), Quotient { bits: 8, ..any }.of_ranges(exactly(a), exactly(b))] {
                prop_assert_eq!(computed(&quotient.steps(), a, b), quotient.eval(a, b), "{} of {} and {}", quotient, a, b);
                let range = quotient.range(exactly(a), exactly(b));
                let result = i64::from(quotient.eval(a, b));
                prop_assert!(range.min <= result && result <= range.max, "{} of {} and {}", quotient, a, b);
                prop_assert_eq!(Quotient::from_name(&quotient.to_string()), Some(quotient));
            }
        }

        /// Where multiples of a divisor end, and where halves of it do.
        #[test]
        fn quotients_at_their_ends(q in number(), b in 1..=1_i32 << 20, beside in -1..=1_i32, nearest: bool) {
            let numerator = i64::from(q) * i64::from(b) / 2 + i64::from(beside);
            let Ok(a) = i32::try_from(numerator) else { return Ok(()) };
            for bits in [8, 31] {
                let exactly = |n: i32| Interval::new(n.into(), n.into());
                let quotient = Quotient { bits, nearest, ..Quotient::ANY }.of_ranges(exactly(a), exactly(b));
                prop_assert_eq!(computed(&quotient.steps(), a, b), quotient.eval(a, b), "{} of {} and {}", quotient, a, b);
            }
        }
    }

    #[test]
    fn names_tell_everything() {
        for nearest in [false, true] {
            let quotient = Quotient { bits: 8, nearest, numerator: 21, divisor: 13 };
            assert_eq!(Quotient::from_name(&quotient.to_string()), Some(quotient));
        }
        for wrong in ["quotient", "quotient_8_21", "quotient_0_3_3", "quotient_8_21_13_4", "quotient_40_3_3"] {
            assert_eq!(Quotient::from_name(wrong), None, "{wrong}");
        }
    }
}
