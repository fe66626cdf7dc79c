//! The range of the values that each buffer may hold. Loop program → an interval for each buffer.
//!
//! A value's range follows from those of what it reads ([`Scalar::range`]), and a buffer's is the hull of all that is stored there.
//! A sum adds up to as many values as there are iterations between the start of an element and the end of the loops around:
//!
//! ```text
//! for i in 0..16 { C[i] = 0 }                                       C in 0..=0
//! for i in 0..16 { for r in 0..64 { C[i] = C[i] + X[i] * W[r] } }   64 products of bytes: C in -1040384..=1048576
//! ```
//!
//! What reads itself in another way, as states of scans do, grows from round to round; after some rounds nothing is known of it.
//! Elements that fill tiles, and those that instructions write, are not looked at.

use crate::affine::Interval;
use crate::loops::dependence::carrying_loops;
use crate::loops::ir::{Leaf, LoopId, LoopProgram, Role, Stmt, Store};
use crate::loops::nest::accumulation;
use crate::scalar::range::{FULL, contains, hull};
use crate::scalar::{BinaryOp, Scalar};

/// Rounds after which a range that still grows is everything.
const ROUNDS: usize = 8;

/// The ranges of all buffers, by id. A buffer that nothing is stored in has that of its type.
pub fn ranges(program: &LoopProgram) -> Vec<Interval> {
    let mut stores: Vec<Vec<Repeated>> = program.buffers.iter().map(|_| Vec::new()).collect();
    collect(program, &program.body, &mut Vec::new(), &mut stores);
    let mut found: Vec<Option<Interval>> = program
        .buffers
        .iter()
        .map(|b| match b.role {
            Role::Input => Some(b.dtype.range()),
            Role::Constant(value) => Some(Interval::new(value.into(), value.into())),
            Role::Counted(first) => Some(Interval::new(first.into(), i64::from(first) + b.array[0] - 1)),
            Role::Output | Role::Temporary => None,
        })
        .collect();
    for round in 0.. {
        let before = found.clone();
        for (buffer, own) in stores.iter().enumerate().filter(|(_, own)| !own.is_empty()) {
            // What was found in this round counts: in the order of the program, chains are known after the first.
            let whole = stored(program, own, &found);
            let joined = [found[buffer], whole].into_iter().flatten().reduce(hull);
            let grows = before[buffer].is_some() && joined != before[buffer];
            found[buffer] = match !grows || round < ROUNDS {
                true => joined,
                false => Some(program.buffers[buffer].dtype.range()),
            };
        }
        if found == before {
            break;
        }
    }
    found.into_iter().zip(&program.buffers).map(|(range, b)| range.unwrap_or(b.dtype.range())).collect()
}

/// A store, and how many iterations of the loops around it may write one element.
struct Repeated<'a> {
    store: &'a Store,
    times: i64,
}

fn collect<'a>(program: &LoopProgram, stmts: &'a [Stmt], around: &mut Vec<LoopId>, found: &mut [Vec<Repeated<'a>>]) {
    for stmt in stmts {
        match stmt {
            Stmt::For(f) => {
                around.push(f.var);
                collect(program, &f.body, around, found);
                around.pop();
            }
            Stmt::Store(store) => {
                let carrying = carrying_loops(program, around, &store.indices);
                let times = carrying.iter().map(|l| program.loop_var(*l).extent).fold(1, i64::saturating_mul);
                found[store.buffer.0 as usize].push(Repeated { store, times });
            }
            Stmt::Alloc { .. } | Stmt::Insn(_) => {}
        }
    }
}

/// The hull of all that these stores put into a buffer; None where all of that reads what has no range yet.
fn stored(program: &LoopProgram, own: &[Repeated], known: &[Option<Interval>]) -> Option<Interval> {
    let sums = |s: &&Repeated| accumulation(s.store) == Some(BinaryOp::Add);
    let start =
        own.iter().filter(|s| !sums(s)).filter_map(|s| value_range(program, known, &s.store.value)).reduce(hull)?;
    let added = own.iter().filter(sums).map(|s| {
        let Scalar::Binary { right, .. } = &s.store.value else { return FULL };
        // An addend whose range is not known yet is added in a later round.
        let each = value_range(program, known, right).unwrap_or(Interval::new(0, 0));
        let all = |bound: i64| bound.saturating_mul(s.times);
        Interval::new(all(each.min.min(0)), all(each.max.max(0)))
    });
    let whole = added
        .fold(start, |sum, more| Interval::new(sum.min.saturating_add(more.min), sum.max.saturating_add(more.max)));
    Some(if contains(FULL, whole) { whole } else { FULL })
}

fn value_range(program: &LoopProgram, known: &[Option<Interval>], value: &Scalar<Leaf>) -> Option<Interval> {
    let mut complete = true;
    let range = value.range(&mut |leaf| match leaf {
        Leaf::Index(index) => index.range(&|l| program.loop_range(l)),
        Leaf::Load(l) => {
            let buffer = program.buffer(l.buffer);
            let inside = known[l.buffer.0 as usize];
            complete &= inside.is_some();
            let outside = buffer.outside.as_ref().map(|o| Interval::new(o.value.into(), o.value.into()));
            let both = inside.into_iter().chain(outside).reduce(hull);
            both.unwrap_or(buffer.dtype.range())
        }
    });
    complete.then_some(range)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use tilewright_syntax::FileId;

    use super::*;
    use crate::loops::parse::parse;

    /// What a chain of buffers holds is known however long it is.
    #[test]
    fn chains_are_followed_to_their_end() {
        let mut text = "program p { input X: i32[4] @dram\n".to_string();
        for at in 0..20 {
            let value = if at == 0 { "min(max(X[i0], 0), 100)".to_string() } else { format!("S{}[i{at}]", at - 1) };
            let _ = write!(text, "alloc S{at}: i32[4] @acc\n for i{at} in 0..4 {{ S{at}[i{at}] = {value} }}\n");
        }
        let program = parse(FileId::default(), &(text + "}")).expect("a loop program");
        assert_eq!(ranges(&program).last(), Some(&Interval::new(0, 100)));
    }
}
