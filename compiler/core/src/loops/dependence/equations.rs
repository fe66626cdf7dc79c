//! Where two accesses meet, each of their dimensions is an equation over the loops: equations → bounds of the distances, or the
//! proof that they have no solution.
//!
//! ```text
//! C[jo * 16 + ji] in one iteration, C[jo' * 16 + ji'] in another:   16 * by(jo) + by(ji) = 0, by(ji) from -15 to 15
//!     by(ji) is a multiple of 16, so it is 0; so is by(jo)
//! ```
//!
//! Two rules are applied until they yield nothing more. What is left of an equation without its multiples of some number is
//! itself such a multiple: where its range holds one only, the equation falls apart into two, and where it holds none there is
//! no solution. And what an equation says of one unknown, by the ranges of the others, bounds it.

use crate::affine::{Affine, Atom, Interval, gcd};
use crate::loops::dependence::{Direction, Place};
use crate::loops::ir::{Index, LoopId, LoopProgram};

/// How often the rules are applied. Later rounds only tighten bounds.
const ROUNDS: usize = 4;
/// Numbers beyond this are not calculated with, so that no sum of them wraps.
const LARGEST: i64 = 1 << 40;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unknown {
    /// The iteration of a loop in which the first access is made.
    At(LoopId),
    /// By how many iterations the second one is later.
    By(LoopId),
    /// The iteration of the second one.
    To(LoopId),
    /// The tile of the second access, less that of the first, both counted from their offsets.
    Tile,
}

/// An expression that is zero where the accesses meet.
type Equation = Affine<Unknown>;

/// There is no solution.
struct Never;

/// For each loop of a question the distances at which two places may meet.
pub fn distances(
    program: &LoopProgram,
    first: Place,
    second: Place,
    loops: &[(LoopId, Direction)],
) -> Option<Vec<Interval>> {
    let mut asked = Vec::with_capacity(loops.len());
    for (l, direction) in loops {
        asked.push((*l, direction.distances(program.loop_var(*l).extent)?));
    }
    let mut system = System { program, asked, narrowed: Vec::new(), equations: Vec::new() };
    match (first, second) {
        (Place::Element(a), Place::Element(b)) => a.iter().zip(b).for_each(|(a, b)| system.add(a, b, None)),
        (Place::Tiles { offset: a, reach: from, of: x }, Place::Tiles { offset: b, reach: to, of: y }) => {
            let [x, y] = [x, y].map(|b| program.buffer(b).lane_count());
            // Counted in the smaller tiles: with more elements each offset is a whole number of them.
            let unit = x.min(y);
            let all = |reach: Interval, parts: i64| {
                let last = reach.max.saturating_mul(parts).saturating_add(parts - 1);
                Interval::new(reach.min.saturating_mul(parts), last)
            };
            let (from, to) = (all(from, x / unit), all(to, y / unit));
            let between = Interval::new(to.min.saturating_sub(from.max), to.max.saturating_sub(from.min));
            system.add(&a.times(x / unit), &b.times(y / unit), Some(between));
        }
        // Which tile an element lies in is a matter of layouts.
        _ => {}
    }
    system.solve().ok()?;
    Some(system.asked.iter().map(|(l, _)| system.range(Unknown::By(*l))).collect())
}

struct System<'a> {
    program: &'a LoopProgram,
    /// The loops of the question with the distances that it allows.
    asked: Vec<(LoopId, Interval)>,
    /// What is known of unknowns beyond that.
    narrowed: Vec<(Unknown, Interval)>,
    equations: Vec<Equation>,
}

impl System<'_> {
    /// The equation of two indices that are to be equal, or of two offsets with the distances between tiles behind them. What is
    /// too large to calculate with is left out.
    fn add(&mut self, first: &Index, second: &Index, tiles: Option<Interval>) {
        let small = |e: &Index| e.offset().abs() < LARGEST && e.terms().iter().all(|(_, c)| c.abs() < LARGEST);
        if !small(first) || !small(second) {
            return;
        }
        let mut equation = self.difference(first, second);
        if let Some(tiles) = tiles {
            equation = equation.minus(&Affine::var(Unknown::Tile));
            self.narrowed.push((Unknown::Tile, tiles));
        }
        let range = self.range_of(&equation);
        if range.min > -LARGEST && range.max < LARGEST {
            self.equations.push(equation);
        }
    }

    /// `first - second`, over the unknowns.
    fn difference(&self, first: &Index, second: &Index) -> Equation {
        let plain = |e: &Index| e.terms().iter().all(|(atom, _)| matches!(atom, Atom::Var(_)));
        if plain(first) && plain(second) {
            return self.plain_difference(first, second);
        }
        let ranges = |u: Unknown| self.range(u);
        let at = |l: LoopId| self.start(l);
        let to = |l: LoopId| match self.distance(l) {
            d if d.min == d.max => self.start(l).plus_constant(d.min),
            _ => self.start(l).plus(&Affine::var(Unknown::By(l))),
        };
        first.substitute(&at, &ranges).minus(&second.substitute(&to, &ranges))
    }

    fn plain_difference(&self, first: &Index, second: &Index) -> Equation {
        let mut constant = first.offset() - second.offset();
        let mut terms = Vec::with_capacity(2 * (first.terms().len() + second.terms().len()));
        for (index, sign) in [(first, 1), (second, -1)] {
            for (atom, c) in index.terms() {
                let Atom::Var(l) = atom else { continue };
                let d = self.distance(*l);
                if self.program.loop_var(*l).extent > 1 {
                    terms.push((Unknown::At(*l), sign * c));
                }
                match sign < 0 {
                    true if d.min == d.max => constant -= c * d.min,
                    true => terms.push((Unknown::By(*l), -c)),
                    false => {}
                }
            }
        }
        Affine::sum(terms).plus_constant(constant)
    }

    /// The iteration of the first access; loops that run once have one only.
    fn start(&self, l: LoopId) -> Equation {
        if self.program.loop_var(l).extent == 1 { Affine::constant(0) } else { Affine::var(Unknown::At(l)) }
    }

    /// The distances that the question allows in a loop.
    fn distance(&self, l: LoopId) -> Interval {
        self.asked.iter().find(|(own, _)| *own == l).map_or(Interval::new(0, 0), |(_, d)| *d)
    }

    fn range(&self, u: Unknown) -> Interval {
        if let Some((_, known)) = self.narrowed.iter().find(|(own, _)| *own == u) {
            return *known;
        }
        match u {
            Unknown::At(l) => {
                let (all, by) = (self.program.loop_range(l), self.distance(l));
                Interval::new(all.min.max(-by.max), all.max.min(all.max - by.min))
            }
            Unknown::By(l) => self.distance(l),
            Unknown::To(l) => self.program.loop_range(l),
            Unknown::Tile => Interval::new(i64::MIN, i64::MAX),
        }
    }

    fn range_of(&self, e: &Equation) -> Interval {
        e.range(&|u| self.range(u))
    }

    fn solve(&mut self) -> Result<(), Never> {
        self.tie_iterations();
        for round in 0..ROUNDS {
            let mut at = 0;
            while at < self.equations.len() {
                match self.split(at)? {
                    Some(rest) => self.equations.push(rest),
                    None => at += 1,
                }
            }
            for at in 0..self.equations.len() {
                self.congruence(at)?;
            }
            let mut changed = round == 0 && self.combine();
            for at in 0..self.equations.len() {
                changed |= self.narrow(at)?;
            }
            if !changed {
                break;
            }
        }
        Ok(())
    }

    /// `at + by` is an iteration of its loop, where both occur.
    fn tie_iterations(&mut self) {
        let occurs = |u: Unknown| self.equations.iter().any(|e| e.mentions(&|own| own == u));
        let tied: Vec<LoopId> = self.asked.iter().map(|(l, _)| *l).collect();
        let tied = tied.into_iter().filter(|l| occurs(Unknown::At(*l)) && occurs(Unknown::By(*l)));
        let ties: Vec<Equation> =
            tied.map(|l| Affine::sum([(Unknown::At(l), 1), (Unknown::By(l), 1), (Unknown::To(l), -1)])).collect();
        self.equations.extend(ties);
    }

    /// Splits an equation by a number whose multiples are a part of it; returns the other part.
    fn split(&mut self, at: usize) -> Result<Option<Equation>, Never> {
        let equation = &self.equations[at];
        let whole = equation.terms().iter().fold(0, |g, (_, c)| gcd(*c, g));
        for unit in equation.terms().iter().map(|(_, c)| c.abs()).chain([whole]).filter(|unit| *unit > 1) {
            let is_rest = |c: i64| c % unit != 0;
            match self.multiples(equation, unit, &is_rest) {
                (min, max) if min > max => return Err(Never),
                (multiple, max) if multiple == max => {
                    let (rest, whole): (Vec<_>, Vec<_>) =
                        equation.terms().iter().cloned().partition(|(_, c)| is_rest(*c));
                    if rest.is_empty() {
                        continue;
                    }
                    let sum = |terms: Vec<(Atom<Unknown>, i64)>, constant: i64| {
                        terms
                            .into_iter()
                            .fold(Affine::constant(constant), |sum, (atom, c)| sum.plus(&Affine::atom(atom).times(c)))
                    };
                    let rest = sum(rest, equation.offset() - multiple * unit);
                    let whole = sum(whole, multiple * unit);
                    self.equations[at] = whole;
                    return Ok(Some(rest));
                }
                _ => {}
            }
        }
        let range = self.range_of(equation);
        if range.min > 0 || range.max < 0 { Err(Never) } else { Ok(None) }
    }

    /// The least and the greatest multiple of a number, as factors, in the range of some terms and the constant.
    fn multiples(&self, e: &Equation, unit: i64, is_rest: &dyn Fn(i64) -> bool) -> (i64, i64) {
        let (mut min, mut max) = (e.offset(), e.offset());
        for (atom, c) in e.terms().iter().filter(|(_, c)| is_rest(*c)) {
            let range = self.term(atom, *c);
            (min, max) = (min + range.min, max + range.max);
        }
        (-(-min).div_euclid(unit), max.div_euclid(unit))
    }

    fn term(&self, atom: &Atom<Unknown>, coefficient: i64) -> Interval {
        let range = atom.range(&|u| self.range(u));
        let (a, b) = (range.min.saturating_mul(coefficient), range.max.saturating_mul(coefficient));
        Interval::new(a.min(b), a.max(b))
    }

    /// `c * (e % m)` is `c * e` modulo `c * m`: the equation without remainders, taken modulo such a number.
    fn congruence(&mut self, at: usize) -> Result<(), Never> {
        let equation = &self.equations[at];
        let mut found = Vec::new();
        for (atom, c) in equation.terms() {
            let Atom::Mod(_, divisor) = atom else { continue };
            let unit = c.abs().saturating_mul(*divisor);
            if unit >= LARGEST {
                continue;
            }
            let plain = equation.terms().iter().fold(Affine::constant(equation.offset()), |sum, (atom, c)| {
                sum.plus(&match atom {
                    Atom::Mod(inside, m) if c.saturating_mul(*m) % unit == 0 => inside.times(*c),
                    other => Affine::atom(other.clone()).times(*c),
                })
            });
            let range = self.range_of(&plain);
            if range.min <= -LARGEST || range.max >= LARGEST {
                continue;
            }
            match self.multiples(&plain, unit, &|c| c % unit != 0) {
                (min, max) if min > max => return Err(Never),
                (multiple, max) if multiple == max => {
                    let rest = plain.terms().iter().filter(|(_, c)| c % unit != 0);
                    let start = Affine::constant(plain.offset() - multiple * unit);
                    found.push(rest.fold(start, |sum, (atom, c)| sum.plus(&Affine::atom(atom.clone()).times(*c))));
                }
                _ => {}
            }
        }
        for equation in found {
            if !self.equations.contains(&equation) {
                self.equations.push(equation);
            }
        }
        Ok(())
    }

    /// Adds what follows from two equations, with an unknown of both, or a quotient and its remainder, gone. Returns whether there is such.
    fn combine(&mut self) -> bool {
        let mut found = Vec::new();
        for (n, a) in self.equations.iter().enumerate() {
            for (m, b) in self.equations.iter().enumerate().filter(|(m, _)| *m != n) {
                let factor = |(atom, c): &(Atom<Unknown>, i64)| {
                    let (_, own) = b.terms().iter().find(|(other, _)| other == atom)?;
                    (own % c == 0 && (own.abs() != c.abs() || n < m)).then(|| own / c)
                };
                // A quotient and its remainder are the whole again.
                let whole = |(atom, c): &(Atom<Unknown>, i64)| {
                    let Atom::Div(inside, divisor) = atom else { return None };
                    let remainder = Atom::Mod(inside.clone(), *divisor);
                    let (_, own) = b.terms().iter().find(|(other, _)| *other == remainder)?;
                    let quotients = own.checked_mul(*divisor)?;
                    (quotients % c == 0).then(|| -quotients / c)
                };
                let factors = a.terms().iter().filter_map(|term| factor(term).or_else(|| whole(term)));
                found.extend(factors.map(|factor| b.minus(&a.times(factor))).filter(|e| {
                    let range = self.range_of(e);
                    range.min > -LARGEST && range.max < LARGEST
                }));
            }
        }
        let combined = !found.is_empty();
        self.equations.extend(found);
        combined
    }

    /// Bounds each unknown of an equation by the ranges of the others. Returns whether that says something.
    fn narrow(&mut self, at: usize) -> Result<bool, Never> {
        let equation = self.equations[at].clone();
        let mut changed = false;
        for (atom, c) in equation.terms() {
            let Atom::Var(u) = atom else { continue };
            let (all, own) = (self.range_of(&equation), self.term(atom, *c));
            let others = Interval::new(all.min - own.min, all.max - own.max);
            // `c * u` lies between the negatives of these.
            let (low, high) = if *c > 0 { (-others.max, -others.min) } else { (others.min, others.max) };
            let (least, greatest) = (-(-low).div_euclid(c.abs()), high.div_euclid(c.abs()));
            let known = self.range(*u);
            let narrowed = Interval::new(known.min.max(least), known.max.min(greatest));
            if narrowed.min > narrowed.max {
                return Err(Never);
            }
            if narrowed != known {
                changed = true;
                match self.narrowed.iter_mut().find(|(own, _)| own == u) {
                    Some((_, range)) => *range = narrowed,
                    None => self.narrowed.push((*u, narrowed)),
                }
            }
        }
        Ok(changed)
    }
}
