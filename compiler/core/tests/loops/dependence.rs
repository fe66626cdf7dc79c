//! The analysis of dependences against an enumeration of all iterations: it never denies what happens, and proves most of what
//! does not.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tilewright_core::affine::Interval;
use tilewright_core::loops::dependence::{Access, Direction, Place, accesses, carrying_loops, dependence, follows};
use tilewright_core::loops::ir::{BufferId, For, Index, Leaf, Load, LoopId, LoopProgram, LoopVar, Origin, Stmt, Store};
use tilewright_core::scalar::Scalar;

use crate::program;

const DIRECTIONS: [Direction; 3] = [Direction::Same, Direction::Later, Direction::Any];

/// Two accesses in nests of at most three loops around both and one around each.
#[derive(Debug)]
struct Question {
    program: LoopProgram,
    common: Vec<(LoopId, Direction)>,
    first: Vec<Index>,
    second: Vec<Index>,
}

/// What indices are made of.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// Sums of loops times small numbers.
    Affine,
    /// Loops that count the whole blocks of those further inside, as splits make them, and numbers.
    Split,
    /// Sums with quotients and remainders.
    Quasi,
}

/// Takes choices one after the other, the first of which come again where they end.
struct Choices(std::vec::IntoIter<u16>);

impl Choices {
    fn below(&mut self, n: i64) -> i64 {
        i64::from(self.0.next().unwrap_or(0)) % n
    }
}

fn question(kind: Kind) -> impl Strategy<Value = Question> {
    prop::collection::vec(any::<u16>(), 60).prop_map(move |choices| build(kind, Choices(choices.into_iter())))
}

fn build(kind: Kind, mut c: Choices) -> Question {
    let count = 1 + c.below(3) as u32;
    let loops = (0..count + 2).map(|n| LoopVar { name: format!("l{n}"), extent: 1 + c.below(5) }).collect();
    let program = LoopProgram { name: "random".into(), buffers: Vec::new(), loops, body: Vec::new() };
    let common: Vec<_> = (0..count).map(|l| (LoopId(l), DIRECTIONS[c.below(3) as usize])).collect();
    let around = |own: u32| (0..count).chain([count + own]).map(LoopId).collect::<Vec<_>>();
    let dims = 1 + c.below(2);
    let mut access = |own: u32, like: Option<&Vec<Index>>| -> Vec<Index> {
        (0..dims as usize)
            .map(|dim| match like {
                // Most often the accesses are alike, up to a number.
                Some(first) if c.below(3) > 0 && !first[dim].mentions(&|l| l == LoopId(count)) => {
                    first[dim].plus_constant(c.below(3))
                }
                _ => index(kind, &program, &around(own), &mut c),
            })
            .collect()
    };
    let first = access(0, None);
    let second = access(1, Some(&first));
    Question { program, common, first, second }
}

fn index(kind: Kind, program: &LoopProgram, loops: &[LoopId], c: &mut Choices) -> Index {
    let range = |l: LoopId| program.loop_range(l);
    let some = |c: &mut Choices| Index::var(loops[c.below(loops.len() as i64) as usize]);
    let mut sum = Index::constant(c.below(4));
    if kind == Kind::Split {
        let mut block = 1 + c.below(2);
        for l in loops.iter().rev() {
            if c.below(2) == 0 {
                sum = sum.plus(&Index::var(*l).times(block));
                block *= program.loop_var(*l).extent;
            }
        }
        return sum;
    }
    for _ in 0..c.below(4) {
        let factor = [1, 1, 2, 3, 4, -1][c.below(6) as usize];
        let mut term = some(c).times(factor).plus_constant(c.below(3));
        if kind == Kind::Quasi && c.below(2) == 0 {
            let (inside, divisor) = (term.plus(&some(c)), 2 + c.below(3));
            term = if c.below(3) == 0 { inside.div(divisor, &range) } else { inside.modulo(divisor, &range) };
        }
        sum = sum.plus(&term);
    }
    sum
}

/// The distances at which the accesses do meet.
fn meetings(q: &Question) -> Vec<Vec<i64>> {
    let extents: Vec<i64> = q.program.loops.iter().map(|l| l.extent).collect();
    let common = q.common.len();
    let points = |own: usize| -> Vec<Vec<i64>> {
        let sizes: Vec<i64> = extents[..common].iter().copied().chain([extents[common + own]]).collect();
        sizes.iter().fold(vec![Vec::new()], |points, n| {
            points.iter().flat_map(|p| (0..*n).map(move |i| p.iter().copied().chain([i]).collect())).collect()
        })
    };
    let element = |indices: &[Index], point: &[i64], own: usize| -> Vec<i64> {
        let value = |l: LoopId| if l.0 as usize == common + own { point[common] } else { point[l.0 as usize] };
        indices.iter().map(|i| i.eval(&value)).collect()
    };
    let mut found = Vec::new();
    for x in points(0) {
        for y in points(1) {
            let distances: Vec<i64> = (0..common).map(|l| y[l] - x[l]).collect();
            let asked = q.common.iter().zip(&distances).all(|((_, direction), d)| match direction {
                Direction::Same => *d == 0,
                Direction::Later => *d > 0,
                Direction::Any => true,
            });
            if asked && element(&q.first, &x, 0) == element(&q.second, &y, 1) && !found.contains(&distances) {
                found.push(distances);
            }
        }
    }
    found
}

fn answer(q: &Question) -> Option<Vec<Interval>> {
    let (first, second) = (Place::Element(&q.first), Place::Element(&q.second));
    dependence(&q.program, first, second, &q.common).map(|d| d.distances)
}

fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// Of the questions of a kind: how many have no meeting, how many of these are proved, and how many answers are the hull of
/// all meetings.
fn measured(kind: Kind, cases: u32) -> (u32, u32, u32) {
    let mut counts = (0, 0, 0);
    let counted = std::cell::RefCell::new(&mut counts);
    let result = runner(cases).run(&question(kind), |q| {
        let (meetings, answer) = (meetings(&q), answer(&q));
        let inside = |ds: &Vec<i64>, box_: &[Interval]| ds.iter().zip(box_).all(|(d, i)| i.min <= *d && *d <= i.max);
        for distances in &meetings {
            prop_assert!(answer.as_ref().is_some_and(|a| inside(distances, a)), "{distances:?} in {answer:?}");
        }
        let hull: Option<Vec<Interval>> = (!meetings.is_empty()).then(|| {
            let of = |l: usize| meetings.iter().map(move |d| d[l]);
            (0..q.common.len()).map(|l| Interval::new(of(l).min().unwrap(), of(l).max().unwrap())).collect()
        });
        let mut counts = counted.borrow_mut();
        counts.0 += u32::from(meetings.is_empty());
        counts.1 += u32::from(answer.is_none());
        counts.2 += u32::from(answer == hull);
        Ok(())
    });
    result.unwrap_or_else(|e| panic!("{kind:?}: {e}"));
    counts
}

#[test]
fn what_meets_is_never_denied_and_most_of_what_does_not_is_proved() {
    let (apart, proved, _) = measured(Kind::Split, 1500);
    assert_eq!(proved, apart, "of accesses by whole blocks");
    for (kind, percent) in [(Kind::Affine, 99), (Kind::Quasi, 95)] {
        let (apart, proved, exact) = measured(kind, 1500);
        assert!(proved * 100 >= apart * percent, "{kind:?}: {proved} of {apart} are proved apart");
        assert!(exact * 100 >= 1500 * 85, "{kind:?}: {exact} of 1500 boxes are exact");
    }
}

/// A program of nests that read and write one buffer.
fn nests() -> impl Strategy<Value = LoopProgram> {
    prop::collection::vec(any::<u16>(), 60).prop_map(|choices| {
        let mut c = Choices(choices.into_iter());
        let mut program =
            LoopProgram { name: "random".into(), buffers: Vec::new(), loops: Vec::new(), body: Vec::new() };
        program.body = block(&mut program, &mut Vec::new(), &mut c);
        program
    })
}

fn block(program: &mut LoopProgram, around: &mut Vec<LoopId>, c: &mut Choices) -> Vec<Stmt> {
    let mut stmts = Vec::new();
    for _ in 0..1 + c.below(2) {
        if around.is_empty() || around.len() < 3 && c.below(2) == 0 {
            let var = LoopId(program.loops.len() as u32);
            program.loops.push(LoopVar { name: format!("l{}", var.0), extent: 1 + c.below(4) });
            around.push(var);
            let body = block(program, around, c);
            around.pop();
            stmts.push(Stmt::For(For { var, mark: None, body, origin: Origin::default() }));
        } else {
            let mut element = || (0..2).map(|_| index(Kind::Quasi, program, around, c)).collect::<Vec<_>>();
            let value = Scalar::Leaf(Leaf::Load(Load { buffer: BufferId(0), indices: element() }));
            let (buffer, indices) = (BufferId(0), element());
            stmts.push(Stmt::Store(Store { buffer, indices, value, origin: Origin::default() }));
        }
    }
    stmts
}

/// Runs a program: for each access in its order the number of the access in the text, and the element.
fn run(
    program: &LoopProgram,
    stmts: &[Stmt],
    values: &mut Vec<(LoopId, i64)>,
    next: usize,
    run_of: &mut Vec<Touched>,
) -> usize {
    let mut number = next;
    for stmt in stmts {
        match stmt {
            Stmt::For(f) => {
                let before = number;
                for value in 0..program.loop_var(f.var).extent {
                    values.push((f.var, value));
                    number = run(program, &f.body, values, before, run_of);
                    values.pop();
                }
            }
            Stmt::Store(s) => {
                let value = |l: LoopId| values.iter().find(|(own, _)| *own == l).expect("a loop around").1;
                let element = |indices: &[Index]| indices.iter().map(|i| i.eval(&value)).collect::<Vec<i64>>();
                s.value.leaves(&mut |leaf| {
                    if let Leaf::Load(l) = leaf {
                        run_of.push((number, element(&l.indices)));
                        number += 1;
                    }
                });
                run_of.push((number, element(&s.indices)));
                number += 1;
            }
            _ => {}
        }
    }
    number
}

type Touched = (usize, Vec<i64>);

#[test]
fn what_follows_at_an_element_is_found_in_the_order_of_a_run() {
    let counts = std::cell::Cell::new((0, 0));
    let result = runner(1000).run(&nests(), |program| {
        let mut found: Vec<Access> = Vec::new();
        accesses(&program.body, &mut |access| found.push(access));
        let mut made = Vec::new();
        run(&program, &program.body, &mut Vec::new(), 0, &mut made);
        for (n, first) in found.iter().enumerate() {
            for (m, second) in found.iter().enumerate() {
                let after = |at: usize| made[at + 1..].iter().any(|(own, e)| *own == m && *e == made[at].1);
                let is = (0..made.len()).any(|at| made[at].0 == n && after(at));
                let said = follows(&program, 0, first, second);
                prop_assert!(said || !is, "{n} is followed by {m}");
                let (right, all) = counts.get();
                counts.set((right + u32::from(said == is), all + 1));
            }
        }
        Ok(())
    });
    result.unwrap_or_else(|e| panic!("{e}"));
    let (right, all) = counts.get();
    assert!(right * 100 >= all * 80, "{right} of {all} answers are exact");
}

#[test]
fn a_loop_carries_what_it_stores_again() {
    let carried = |text: &str, names: &[&str]| {
        let program = program(&format!("program p {{ output Y: i32[64, 8] @dram {text} }}"));
        let found = {
            let mut found = Vec::new();
            accesses(&program.body, &mut |a| found = carrying_loops(&program, &a.loops, element(&a)));
            found
        };
        let found: Vec<&str> = found.iter().map(|l| program.loop_var(*l).name.as_str()).collect();
        assert_eq!(found, names, "{text}");
    };
    carried("for i in 0..4 { for j in 0..8 { Y[i, j] = 1 } }", &[]);
    carried("for k in 0..3 { for i in 0..4 { for u in 0..1 { Y[i * 2 + u, 0] = 1 } } }", &["k"]);
    carried("for i in 0..4 { for j in 0..16 { Y[i * 16 + j, 0] = 1 } }", &[]);
    carried("for i in 0..4 { for j in 0..16 { Y[i * 8 + j, 0] = 1 } }", &["i", "j"]);
    carried("for f in 0..12 { Y[f / 4, f % 4] = 1 }", &[]);
    carried("for t in 0..6 { for j in 0..8 { Y[t % 2, j] = 1 } }", &["t"]);
}

fn element<'a>(access: &Access<'a>) -> &'a [Index] {
    match access.place {
        Place::Element(indices) => indices,
        Place::Tiles { .. } => panic!("a store has an element"),
    }
}

#[test]
fn tiles_of_instructions_are_told_apart_by_their_reach() {
    let meet = |first: &str, second: &str| {
        let program = program(&format!(
            "program p {{
                input X: i8[64, 16] @dram tile(1: 16)
                alloc A: i8[64, 16] @inp tile(1: 16)
                for i in 0..4 {{ {first} {second} }}
            }}"
        ));
        let mut written = Vec::new();
        accesses(&program.body, &mut |access| written.extend(Some(access).filter(|a| a.write)));
        let [a, b] = &written[..] else { panic!("two transfers") };
        [Direction::Same, Direction::Any]
            .map(|direction| dependence(&program, a.place, b.place, &[(LoopId(0), direction)]).is_some())
    };
    let load = |at: &str, rows: i64| format!("load A[{at}] <- X[0] y {rows} x 2 stride 4");
    assert_eq!(meet(&load("i * 8", 2), &load("i * 8 + 4", 2)), [false, false]);
    assert_eq!(meet(&load("i * 8", 3), &load("i * 8 + 4", 2)), [true, true]);
    assert_eq!(meet(&load("i * 8", 2), &load("i * 8 + 6", 2)), [false, true]);
}
