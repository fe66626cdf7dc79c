//! Expressions held between two constants: canonical forms, and where one is decided.

use super::{Affine, Atom, Interval, Variable};

impl Interval {
    /// The value of the interval that is nearest to one.
    pub fn nearest(self, value: i64) -> i64 {
        value.clamp(self.min, self.max)
    }
}

impl<V: Variable> Affine<V> {
    /// The nearest value of an interval that is not empty, simplified with the variables' ranges.
    pub fn clip(&self, within: Interval, ranges: &dyn Fn(V) -> Interval) -> Affine<V> {
        let all = self.range(ranges);
        if within.min <= all.min && all.max <= within.max {
            return self.clone();
        }
        let (least, greatest) = (within.nearest(all.min), within.nearest(all.max));
        if least == greatest {
            return Affine::constant(least);
        }
        if let [(Atom::Clip(inner, own), 1)] = self.terms.as_slice() {
            let both = Interval::new(within.nearest(own.min + self.constant), within.nearest(own.max + self.constant));
            return inner.plus_constant(self.constant).clip(both, ranges);
        }
        Affine::atom(Atom::Clip(Box::new(self.clone()), within))
    }

    /// The expression that is held between bounds, where it is so held as a whole, and the bounds.
    pub fn as_clip(&self) -> Option<(&Affine<V>, Interval)> {
        match self.terms.as_slice() {
            [(Atom::Clip(e, within), 1)] if self.constant == 0 => Some((e, *within)),
            _ => None,
        }
    }

    /// Calls a function with every expression that is held between bounds, inner ones first.
    pub fn each_clip<'a>(&'a self, f: &mut dyn FnMut(&'a Affine<V>, Interval)) {
        for (atom, _) in &self.terms {
            match atom {
                Atom::Var(_) => {}
                Atom::Div(e, _) | Atom::Mod(e, _) => e.each_clip(f),
                Atom::Clip(e, within) => {
                    e.each_clip(f);
                    f(e, *within);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn extents(v: u8) -> Interval {
        Interval::below([3, 7, 16][v as usize])
    }

    #[test]
    fn bounds_of_bounds_are_one_pair_and_vanish_where_they_hold() {
        let e = Affine::var(1u8).plus_constant(-2);
        let both = e.clip(Interval::new(0, 9), &extents).clip(Interval::new(-5, 3), &extents);
        assert_eq!(both, e.clip(Interval::new(0, 3), &extents));
        assert_eq!(crate::affine::display(&both, &|v| format!("v{v}")), "clip(v1 - 2, 0, 3)");
        assert_eq!(e.clip(Interval::new(-2, 4), &extents), e);
        assert_eq!(e.clip(Interval::new(4, 9), &extents), Affine::constant(4));
    }

    proptest! {
        #[test]
        fn clips_keep_values_and_ranges(
            coefficients in prop::array::uniform3(-9i64..9), constant in -30i64..30,
            bounds in prop::array::uniform4(-40i64..40), point in prop::array::uniform3(0i64..16),
        ) {
            let point: Vec<i64> = point.iter().enumerate().map(|(v, p)| p % (extents(v as u8).max + 1)).collect();
            let value = |v: u8| point[v as usize];
            let e = (0..3u8).fold(Affine::constant(constant), |e, v| {
                e.plus(&Affine::var(v).times(coefficients[v as usize]))
            });
            let of = |a: i64, b: i64| Interval::new(a.min(b), a.max(b));
            let (first, second) = (of(bounds[0], bounds[1]), of(bounds[2], bounds[3]));
            let once = e.clip(first, &extents);
            let twice = once.plus_constant(constant).clip(second, &extents);
            prop_assert_eq!(once.eval(&value), first.nearest(e.eval(&value)));
            prop_assert_eq!(twice.eval(&value), second.nearest(first.nearest(e.eval(&value)) + constant));
            for x in [once, twice] {
                let range = x.range(&extents);
                prop_assert!(range.min <= x.eval(&value) && x.eval(&value) <= range.max);
                prop_assert_eq!(x.substitute(&Affine::var, &extents), x);
            }
        }
    }
}
