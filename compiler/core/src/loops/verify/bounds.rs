//! Values that an index takes over all iterations. Nothing overflows here, whatever the index holds.

use crate::affine::{Atom, Interval};
use crate::loops::ir::{Index, LoopId, LoopProgram};

/// Most iterations that are enumerated where interval analysis does not decide.
const MAX_ENUMERATED: i64 = 1 << 16;

/// Intervals in which the sums of 64-bit terms do not overflow.
type Wide = (i128, i128);

/// An interval that holds every value; None where a part of the index leaves 64 bits. Exact without divisions.
pub(super) fn range(program: &LoopProgram, index: &Index) -> Option<Interval> {
    let (min, max) = wide_range(program, index)?;
    Some(Interval::new(min as i64, max as i64))
}

fn wide_range(program: &LoopProgram, index: &Index) -> Option<Wide> {
    let start = (i128::from(index.offset()), i128::from(index.offset()));
    index.terms().iter().try_fold(start, |(min, max), (atom, c)| {
        let (a, b) = atom_range(program, atom)?;
        let (a, b) = (a * i128::from(*c), b * i128::from(*c));
        let sum = (min + a.min(b), max + a.max(b));
        (fits(a) && fits(b) && fits(sum.0) && fits(sum.1)).then_some(sum)
    })
}

fn atom_range(program: &LoopProgram, atom: &Atom<LoopId>) -> Option<Wide> {
    match atom {
        Atom::Var(v) => Some((0, i128::from(program.loop_var(*v).extent - 1))),
        Atom::Div(e, d) => {
            let (min, max) = wide_range(program, e)?;
            Some((min.div_euclid((*d).into()), max.div_euclid((*d).into())))
        }
        Atom::Mod(e, d) => {
            wide_range(program, e)?;
            Some((0, i128::from(d - 1)))
        }
        Atom::Clip(e, within) => {
            let (min, max) = wide_range(program, e)?;
            let nearest = |value: i128| value.clamp(within.min.into(), within.max.into());
            Some((nearest(min), nearest(max)))
        }
    }
}

fn fits(value: i128) -> bool {
    i64::try_from(value).is_ok()
}

/// Whether every value of an index whose numbers fit lies in `limits`; otherwise the values that it takes, as far as known.
pub(super) fn within(program: &LoopProgram, index: &Index, limits: Interval) -> Result<(), Interval> {
    let Some(estimate) = range(program, index) else { return Ok(()) };
    let inside = |r: Interval| limits.min <= r.min && r.max <= limits.max;
    if inside(estimate) {
        return Ok(());
    }
    match enumerate(program, index) {
        Some(exact) if inside(exact) => Ok(()),
        Some(exact) => Err(exact),
        None => Err(estimate),
    }
}

/// The least and the greatest value, where divisions make the interval inexact and the iterations are few.
fn enumerate(program: &LoopProgram, index: &Index) -> Option<Interval> {
    if index.terms().iter().all(|(atom, _)| matches!(atom, Atom::Var(_))) {
        return None;
    }
    let mut vars = Vec::new();
    variables(index, &mut vars);
    vars.sort();
    vars.dedup();
    let extents: Vec<i64> = vars.iter().map(|v| program.loop_var(*v).extent).collect();
    let count = extents.iter().try_fold(1i64, |n, e| n.checked_mul(*e)).filter(|n| *n <= MAX_ENUMERATED)?;
    let values = (0..count).map(|iteration| {
        index.eval(&|v| {
            let at = vars.binary_search(&v).unwrap_or(0);
            iteration / extents[..at].iter().product::<i64>() % extents[at]
        })
    });
    values.fold(None, |range: Option<Interval>, value| {
        let r = range.unwrap_or(Interval::new(value, value));
        Some(Interval::new(r.min.min(value), r.max.max(value)))
    })
}

/// Every variable of an index, in divisions too.
pub(super) fn variables(index: &Index, found: &mut Vec<LoopId>) {
    for (atom, _) in index.terms() {
        match atom {
            Atom::Var(v) => found.push(*v),
            Atom::Div(e, _) | Atom::Mod(e, _) | Atom::Clip(e, _) => variables(e, found),
        }
    }
}

/// A number in an index that is not within `±limit`.
pub(super) fn large_number(index: &Index, limit: i64) -> Option<i64> {
    let large = |n: i64| (n.unsigned_abs() > limit as u64).then_some(n);
    large(index.offset()).or_else(|| {
        index.terms().iter().find_map(|(atom, c)| {
            large(*c).or_else(|| match atom {
                Atom::Var(_) => None,
                Atom::Div(e, d) | Atom::Mod(e, d) => large(*d).or_else(|| large_number(e, limit)),
                Atom::Clip(e, within) => {
                    large(within.min).or_else(|| large(within.max)).or_else(|| large_number(e, limit))
                }
            })
        })
    })
}
