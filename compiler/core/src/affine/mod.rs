//! Quasi-affine integer expressions in one canonical form: all index arithmetic of the compiler.
//!
//! An expression is a constant plus a sum of coefficients times atoms; an atom is a variable, or a floor division or
//! remainder of such an expression by a positive constant, or such an expression held between two constants. Terms are sorted and never have coefficient zero, so equal
//! forms compare equal. Ranges of the variables simplify divisions: `(16*jo + ji) / 16` is `jo` where `ji` is in `0..16`. A
//! quotient and its remainder that make up the whole again are the whole.

mod clip;

use std::cmp::Ordering;
use std::fmt;

/// What an expression may be over: axes of a kernel, loops of a program.
pub trait Variable: Copy + Ord + fmt::Debug {}
impl<T: Copy + Ord + fmt::Debug> Variable for T {}

/// The least and the greatest value of an expression, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interval {
    pub min: i64,
    pub max: i64,
}

impl Interval {
    pub fn new(min: i64, max: i64) -> Interval {
        Interval { min, max }
    }

    /// The values of a loop variable that counts from zero.
    pub fn below(extent: i64) -> Interval {
        Interval { min: 0, max: extent - 1 }
    }

    fn plus(self, other: Interval) -> Interval {
        Interval { min: self.min.saturating_add(other.min), max: self.max.saturating_add(other.max) }
    }

    fn times(self, factor: i64) -> Interval {
        let (a, b) = (self.min.saturating_mul(factor), self.max.saturating_mul(factor));
        Interval { min: a.min(b), max: a.max(b) }
    }
}

/// A part of an expression that is not split further.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Atom<V> {
    Var(V),
    /// Floor division by a positive constant.
    Div(Box<Affine<V>>, i64),
    /// Remainder of the floor division: never negative.
    Mod(Box<Affine<V>>, i64),
    /// The nearest value of an interval: `min(max(e, least), greatest)`.
    Clip(Box<Affine<V>>, Interval),
}

/// `constant + Σ coefficient · atom`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Affine<V> {
    terms: Vec<(Atom<V>, i64)>,
    constant: i64,
}

impl<V: Variable> Affine<V> {
    pub fn constant(value: i64) -> Affine<V> {
        Affine { terms: Vec::new(), constant: value }
    }

    pub fn var(v: V) -> Affine<V> {
        Affine { terms: vec![(Atom::Var(v), 1)], constant: 0 }
    }

    pub fn atom(atom: Atom<V>) -> Affine<V> {
        Affine { terms: vec![(atom, 1)], constant: 0 }
    }

    /// `Σ coefficient · variable`.
    pub fn sum(terms: impl IntoIterator<Item = (V, i64)>) -> Affine<V> {
        Affine { terms: collected(terms.into_iter().map(|(v, c)| (Atom::Var(v), c)).collect()), constant: 0 }
    }

    /// The value, where no variable takes part.
    pub fn as_constant(&self) -> Option<i64> {
        self.terms.is_empty().then_some(self.constant)
    }

    /// The variable, where the expression is one and nothing else.
    pub fn as_var(&self) -> Option<V> {
        match self.terms.as_slice() {
            [(Atom::Var(v), 1)] if self.constant == 0 => Some(*v),
            _ => None,
        }
    }

    pub fn terms(&self) -> &[(Atom<V>, i64)] {
        &self.terms
    }

    pub fn offset(&self) -> i64 {
        self.constant
    }

    pub fn plus(&self, other: &Affine<V>) -> Affine<V> {
        self.sum_with(other).rejoined()
    }

    fn sum_with(&self, other: &Affine<V>) -> Affine<V> {
        let mut terms = Vec::with_capacity(self.terms.len() + other.terms.len());
        let (mut left, mut right) = (self.terms.iter().peekable(), other.terms.iter().peekable());
        while let (Some((a, c)), Some((b, d))) = (left.peek(), right.peek()) {
            match a.cmp(b) {
                Ordering::Less => terms.extend(left.next().cloned()),
                Ordering::Greater => terms.extend(right.next().cloned()),
                Ordering::Equal => {
                    let sum = c.saturating_add(*d);
                    terms.extend((sum != 0).then(|| (a.clone(), sum)));
                    left.next();
                    right.next();
                }
            }
        }
        terms.extend(left.chain(right).cloned());
        Affine { terms, constant: self.constant.saturating_add(other.constant) }
    }

    pub fn plus_constant(&self, value: i64) -> Affine<V> {
        Affine { terms: self.terms.clone(), constant: self.constant.saturating_add(value) }
    }

    pub fn times(&self, factor: i64) -> Affine<V> {
        if factor == 0 {
            return Affine::constant(0);
        }
        Affine {
            terms: self.terms.iter().map(|(a, c)| (a.clone(), c.saturating_mul(factor))).collect(),
            constant: self.constant.saturating_mul(factor),
        }
    }

    pub fn minus(&self, other: &Affine<V>) -> Affine<V> {
        self.plus(&other.times(-1))
    }

    /// Floor division by `divisor > 0`, simplified with the variables' ranges.
    pub fn div(&self, divisor: i64, ranges: &dyn Fn(V) -> Interval) -> Affine<V> {
        let (whole, rest) = self.divide_terms(divisor);
        let within = rest.range(ranges);
        if within.min.div_euclid(divisor) == within.max.div_euclid(divisor) {
            return whole.plus_constant(within.min.div_euclid(divisor));
        }
        if let Some((unit, blocks, _)) = rest.in_units(divisor, ranges) {
            return whole.plus(&blocks.div(divisor / unit, ranges));
        }
        let atom = Affine { terms: vec![(Atom::Div(Box::new(rest), divisor), 1)], constant: 0 };
        whole.plus(&atom)
    }

    /// Remainder of the floor division by `divisor > 0`, simplified with the variables' ranges.
    pub fn modulo(&self, divisor: i64, ranges: &dyn Fn(V) -> Interval) -> Affine<V> {
        let (_, rest) = self.divide_terms(divisor);
        let within = rest.range(ranges);
        let quotient = within.min.div_euclid(divisor);
        if quotient == within.max.div_euclid(divisor) {
            return rest.plus_constant(-quotient * divisor);
        }
        if let Some((unit, blocks, inside)) = rest.in_units(divisor, ranges) {
            return blocks.modulo(divisor / unit, ranges).times(unit).plus(&inside);
        }
        Affine { terms: vec![(Atom::Mod(Box::new(rest), divisor), 1)], constant: 0 }
    }

    /// Splits into `divisor · whole + rest`, where `rest` has the terms whose coefficients are no multiples.
    fn divide_terms(&self, divisor: i64) -> (Affine<V>, Affine<V>) {
        let mut whole = Affine::constant(self.constant.div_euclid(divisor));
        let mut rest = Affine::constant(self.constant.rem_euclid(divisor));
        for (atom, coefficient) in &self.terms {
            if coefficient % divisor == 0 {
                whole.terms.push((atom.clone(), coefficient / divisor));
            } else {
                rest.terms.push((atom.clone(), *coefficient));
            }
        }
        (whole, rest)
    }

    /// The expression as `unit · blocks + inside`, with `0 <= inside < unit`, for the largest `unit > 1` that divides
    /// `divisor`. A quotient by `divisor` is then one of `blocks`: `(16*fo + fi) / 64` is `fo / 4`.
    fn in_units(&self, divisor: i64, ranges: &dyn Fn(V) -> Interval) -> Option<(i64, Affine<V>, Affine<V>)> {
        let mut units: Vec<i64> = self.terms.iter().map(|(_, c)| gcd(*c, divisor)).filter(|u| *u > 1).collect();
        units.sort_unstable_by(|a, b| b.cmp(a));
        units.dedup();
        units.into_iter().find_map(|unit| {
            let (blocks, inside) = self.divide_terms(unit);
            let within = inside.range(ranges);
            (within.min >= 0 && within.max < unit).then_some((unit, blocks, inside))
        })
    }

    /// `d·(e / d) + e % d` is `e`: puts the parts of a division together where both are there.
    fn rejoined(mut self) -> Affine<V> {
        loop {
            let pair = self.terms.iter().find_map(|(atom, c)| {
                let Atom::Mod(e, d) = atom else { return None };
                let quotient = (Atom::Div(e.clone(), *d), c.checked_mul(*d)?);
                self.terms.contains(&quotient).then(|| ([atom.clone(), quotient.0], e.times(*c)))
            });
            let Some((parts, whole)) = pair else { return self };
            self.terms.retain(|(atom, _)| !parts.contains(atom));
            self = self.sum_with(&whole);
        }
    }

    /// All values lie in the returned interval; it is exact where each variable occurs once.
    pub fn range(&self, ranges: &dyn Fn(V) -> Interval) -> Interval {
        let start = Interval::new(self.constant, self.constant);
        self.terms.iter().fold(start, |sum, (atom, c)| sum.plus(atom.range(ranges).times(*c)))
    }

    pub fn eval(&self, value: &dyn Fn(V) -> i64) -> i64 {
        self.terms.iter().fold(self.constant, |sum, (atom, c)| sum + c * atom.eval(value))
    }

    /// Puts an expression in the place of each variable, simplifying divisions with the new variables' ranges.
    pub fn substitute<W: Variable>(
        &self,
        replacement: &dyn Fn(V) -> Affine<W>,
        ranges: &dyn Fn(W) -> Interval,
    ) -> Affine<W> {
        let mut terms = Vec::with_capacity(self.terms.len());
        let mut constant = self.constant;
        for (atom, c) in &self.terms {
            let part = match atom {
                Atom::Var(v) => replacement(*v),
                Atom::Div(e, d) => e.substitute(replacement, ranges).div(*d, ranges),
                Atom::Mod(e, d) => e.substitute(replacement, ranges).modulo(*d, ranges),
                Atom::Clip(e, within) => e.substitute(replacement, ranges).clip(*within, ranges),
            };
            constant = constant.saturating_add(part.constant.saturating_mul(*c));
            terms.extend(part.terms.into_iter().map(|(atom, factor)| (atom, factor.saturating_mul(*c))));
        }
        Affine { terms: collected(terms), constant }.rejoined()
    }

    /// Puts a variable in the place of each, simplifying divisions with the new variables' ranges.
    pub fn replace_variables(&mut self, replacement: &dyn Fn(V) -> V, ranges: &dyn Fn(V) -> Interval) {
        if self.terms.iter().any(|(atom, _)| !matches!(atom, Atom::Var(_))) {
            *self = self.substitute(&|v| Affine::var(replacement(v)), ranges);
            return;
        }
        for (atom, _) in &mut self.terms {
            if let Atom::Var(v) = atom {
                *v = replacement(*v);
            }
        }
        self.terms = collected(std::mem::take(&mut self.terms));
    }

    /// Splits into the part that only `inner` variables make up and the rest, which keeps the constant.
    /// An atom that holds both kinds counts as inner.
    pub fn partition(&self, inner: &dyn Fn(V) -> bool) -> (Affine<V>, Affine<V>) {
        let (within, without): (Vec<_>, Vec<_>) = self.terms.iter().cloned().partition(|(a, _)| a.mentions(inner));
        (Affine { terms: within, constant: 0 }, Affine { terms: without, constant: self.constant })
    }

    /// Whether a variable for which `which` holds occurs.
    pub fn mentions(&self, which: &dyn Fn(V) -> bool) -> bool {
        self.terms.iter().any(|(a, _)| a.mentions(which))
    }

    /// The factor of a variable that occurs in no division; zero where it does not occur.
    /// None where it stands inside a division.
    pub fn coefficient(&self, v: V) -> Option<i64> {
        let mut found = 0;
        for (atom, c) in &self.terms {
            match atom {
                Atom::Var(w) if *w == v => found = *c,
                Atom::Var(_) => {}
                divided if divided.mentions(&|w| w == v) => return None,
                _ => {}
            }
        }
        Some(found)
    }

    /// The greatest number by which all values differ, whatever the atoms are; 0 where the expression is a constant.
    pub fn step(&self) -> i64 {
        self.terms.iter().fold(0, |step, (_, c)| gcd(*c, step))
    }

    /// The expression with one variable in the place of another; both have the same range.
    pub fn rename(&self, from: V, to: V) -> Affine<V> {
        let renamed =
            self.terms.iter().map(|(atom, c)| Affine { terms: vec![(atom.rename(from, to), *c)], constant: 0 });
        renamed.fold(Affine::constant(self.constant), |sum, term| sum.plus(&term))
    }

    /// The expression without the term of one variable.
    pub fn without(&self, v: V) -> Affine<V> {
        let keep = |(a, _): &&(Atom<V>, i64)| !matches!(a, Atom::Var(w) if *w == v);
        Affine { terms: self.terms.iter().filter(keep).cloned().collect(), constant: self.constant }
    }
}

/// Terms in order, those of one atom as one, and none that vanishes.
fn collected<V: Variable>(mut terms: Vec<(Atom<V>, i64)>) -> Vec<(Atom<V>, i64)> {
    if !terms.is_sorted_by(|a, b| a.0 < b.0) {
        // Stable, so that sums which saturate are taken in the order of the terms.
        terms.sort_by(|a, b| a.0.cmp(&b.0));
        terms.dedup_by(|next, sum| {
            let same = next.0 == sum.0;
            if same {
                sum.1 = sum.1.saturating_add(next.1);
            }
            same
        });
    }
    terms.retain(|(_, c)| *c != 0);
    terms
}

/// The greatest common divisor of two numbers, never negative; 0 divides nothing but itself.
pub fn gcd(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a as i64
}

impl<V: Variable> Atom<V> {
    /// All values lie in the returned interval.
    pub fn range(&self, ranges: &dyn Fn(V) -> Interval) -> Interval {
        match self {
            Atom::Var(v) => ranges(*v),
            Atom::Div(e, d) => {
                let r = e.range(ranges);
                Interval::new(r.min.div_euclid(*d), r.max.div_euclid(*d))
            }
            Atom::Mod(_, d) => Interval::below(*d),
            Atom::Clip(e, within) => {
                let r = e.range(ranges);
                Interval::new(within.nearest(r.min), within.nearest(r.max))
            }
        }
    }

    fn eval(&self, value: &dyn Fn(V) -> i64) -> i64 {
        match self {
            Atom::Var(v) => value(*v),
            Atom::Div(e, d) => e.eval(value).div_euclid(*d),
            Atom::Mod(e, d) => e.eval(value).rem_euclid(*d),
            Atom::Clip(e, within) => within.nearest(e.eval(value)),
        }
    }

    fn rename(&self, from: V, to: V) -> Atom<V> {
        match self {
            Atom::Var(v) => Atom::Var(if *v == from { to } else { *v }),
            Atom::Div(e, d) => Atom::Div(Box::new(e.rename(from, to)), *d),
            Atom::Mod(e, d) => Atom::Mod(Box::new(e.rename(from, to)), *d),
            Atom::Clip(e, within) => Atom::Clip(Box::new(e.rename(from, to)), *within),
        }
    }

    fn mentions(&self, which: &dyn Fn(V) -> bool) -> bool {
        match self {
            Atom::Var(v) => which(*v),
            Atom::Div(e, _) | Atom::Mod(e, _) | Atom::Clip(e, _) => e.mentions(which),
        }
    }
}

/// Writes an expression with a name for each variable: `io * 16 + ii`, as TVM prints it.
pub fn display<V: Variable>(e: &Affine<V>, name: &dyn Fn(V) -> String) -> String {
    let mut out = String::new();
    for (atom, c) in &e.terms {
        let sign = if *c < 0 { "-" } else { "+" };
        match (out.is_empty(), *c < 0) {
            (true, false) => {}
            (true, true) => out.push('-'),
            (false, _) => out.push_str(&format!(" {sign} ")),
        }
        out.push_str(&display_atom(atom, name));
        if c.abs() != 1 {
            out.push_str(&format!(" * {}", c.abs()));
        }
    }
    match (out.is_empty(), e.constant) {
        (true, k) => out.push_str(&k.to_string()),
        (false, 0) => {}
        (false, k) if k < 0 => out.push_str(&format!(" - {}", -k)),
        (false, k) => out.push_str(&format!(" + {k}")),
    }
    out
}

fn display_atom<V: Variable>(atom: &Atom<V>, name: &dyn Fn(V) -> String) -> String {
    let divided = |e: &Affine<V>, operator: char, divisor: i64| match e.as_var() {
        Some(v) => format!("({} {operator} {divisor})", name(v)),
        None => format!("(({}) {operator} {divisor})", display(e, name)),
    };
    match atom {
        Atom::Var(v) => name(*v),
        Atom::Div(e, d) => divided(e, '/', *d),
        Atom::Mod(e, d) => divided(e, '%', *d),
        Atom::Clip(e, within) => format!("clip({}, {}, {})", display(e, name), within.min, within.max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn extents(v: u8) -> Interval {
        Interval::below([1, 3, 16, 40][v as usize])
    }

    #[test]
    fn division_of_a_split_axis_is_its_outer_part() {
        let e = Affine::var(3u8).times(16).plus(&Affine::var(2));
        assert_eq!(e.div(16, &extents), Affine::var(3));
        assert_eq!(e.modulo(16, &extents), Affine::var(2));
        assert_eq!(display(&e, &|v| format!("v{v}")), "v2 + v3 * 16");
    }

    #[test]
    fn quotients_of_split_axes_are_those_of_their_blocks_and_come_together_again() {
        let e = Affine::var(3u8).times(16).plus(&Affine::var(2));
        let (quotient, rest) = (e.div(64, &extents), e.modulo(64, &extents));
        assert_eq!(display(&quotient, &|v| format!("v{v}")), "(v3 / 4)");
        assert_eq!(display(&rest, &|v| format!("v{v}")), "v2 + (v3 % 4) * 16");
        assert_eq!(quotient.times(64).plus(&rest), e);
    }

    proptest! {
        #[test]
        fn canonical_forms_keep_values_and_ranges(
            coefficients in prop::array::uniform4(-40i64..40), constant in -100i64..100, divisor in 1i64..40,
            point in prop::array::uniform4(0i64..40),
        ) {
            let point: Vec<i64> = point.iter().enumerate().map(|(v, p)| p % (extents(v as u8).max + 1)).collect();
            let value = |v: u8| point[v as usize];
            let e = (0..4u8).fold(Affine::constant(constant), |e, v| {
                e.plus(&Affine::var(v).times(coefficients[v as usize]))
            });
            let plain: i64 = constant + (0..4).map(|v| coefficients[v] * point[v]).sum::<i64>();
            let (quotient, remainder) = (e.div(divisor, &extents), e.modulo(divisor, &extents));
            prop_assert_eq!(e.eval(&value), plain);
            prop_assert_eq!(quotient.eval(&value), plain.div_euclid(divisor));
            prop_assert_eq!(remainder.eval(&value), plain.rem_euclid(divisor));
            for x in [e, quotient, remainder] {
                let range = x.range(&extents);
                prop_assert!(range.min <= x.eval(&value) && x.eval(&value) <= range.max);
            }
        }
    }
}
