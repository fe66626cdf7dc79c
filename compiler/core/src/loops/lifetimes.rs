//! When buffers are in use: a program → for each temporary, the statements from its first use to its last.
//!
//! Statements are numbered in the order of the text, a loop before what is inside it. A use inside a loop that the buffer's
//! `Alloc` stands outside of counts as a use by the whole loop, since the next iteration may find what this one left. A
//! buffer is undefined in each iteration of the loops around its `Alloc`, so nothing of it lives on from one to the next.
//!
//! Two buffers may share storage if their lifetimes do not meet.

use std::ops::Range;

use super::ir::{BufferId, Leaf, LoopProgram, Stmt};

/// The lifetime of each allocated buffer, by id. A buffer that nothing uses lives where it is allocated.
pub fn lifetimes(program: &LoopProgram) -> Vec<Option<Range<usize>>> {
    let count = program.buffers.len();
    let mut walk = Walk { next: 0, levels: Vec::new(), level_of: vec![None; count], found: vec![None; count] };
    walk.block(&program.body);
    walk.found
}

/// Whether two lifetimes have a statement in common; likewise two ranges of tiles.
pub fn meet<T: PartialOrd>(a: &Range<T>, b: &Range<T>) -> bool {
    a.start < b.end && b.start < a.end
}

struct Walk {
    /// The number of the next statement.
    next: usize,
    /// For each open block the buffers of that block that the current statement uses.
    levels: Vec<Vec<usize>>,
    /// How many blocks are open around each buffer's `Alloc`.
    level_of: Vec<Option<usize>>,
    found: Vec<Option<Range<usize>>>,
}

impl Walk {
    fn block(&mut self, stmts: &[Stmt]) {
        let level = self.levels.len();
        self.levels.push(Vec::new());
        let mut own = Vec::new();
        for stmt in stmts {
            let start = self.next;
            self.next += 1;
            match stmt {
                Stmt::For(f) => self.block(&f.body),
                Stmt::Alloc { buffer, .. } => {
                    if let Some(place) = self.level_of.get_mut(buffer.0 as usize) {
                        *place = Some(level);
                        own.push((buffer.0 as usize, start));
                    }
                }
                leaf => mentioned(leaf, &mut |b| self.mention(b)),
            }
            for b in std::mem::take(&mut self.levels[level]) {
                let first = self.found[b].as_ref().map_or(start, |r| r.start);
                self.found[b] = Some(first..self.next);
            }
        }
        for (b, at) in own {
            self.found[b].get_or_insert(at..at + 1);
        }
        self.levels.pop();
    }

    fn mention(&mut self, b: BufferId) {
        if let Some(Some(level)) = self.level_of.get(b.0 as usize)
            && let Some(users) = self.levels.get_mut(*level)
        {
            users.push(b.0 as usize);
        }
    }
}

/// The buffers that a statement which is no loop accesses.
fn mentioned(stmt: &Stmt, visit: &mut dyn FnMut(BufferId)) {
    match stmt {
        Stmt::For(_) | Stmt::Alloc { .. } => {}
        Stmt::Store(s) => {
            visit(s.buffer);
            s.value.leaves(&mut |leaf| {
                if let Leaf::Load(l) = leaf {
                    visit(l.buffer);
                }
            });
        }
        Stmt::Insn(s) => s.operands().for_each(|operand| visit(operand.tile.buffer)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tilewright_syntax::Sources;

    fn program(text: &str) -> LoopProgram {
        let mut sources = Sources::default();
        let file = sources.add("text.loops", text);
        super::super::parse::parse(file, text).unwrap_or_else(|e| panic!("{e:?}"))
    }

    #[test]
    fn a_use_inside_a_loop_lasts_as_long_as_the_loop() {
        let program = program(
            "program p { output Y: i32[4] @dram
                alloc A: i32[4] @acc
                alloc B: i32[4] @acc
                for i in 0..4 { A[i] = 1 }
                for j in 0..4 { alloc C: i32[4] @acc C[j] = A[j] alloc D: i32[4] @acc D[j] = C[j] Y[j] = D[j] }
                for k in 0..4 { B[k] = 2 }
                for l in 0..4 { Y[l] = B[l] }
            }",
        );
        let lifetimes = lifetimes(&program);
        let of = |name: &str| lifetimes[program.buffers.iter().position(|b| b.name == name).unwrap()].clone().unwrap();
        assert_eq!([of("A"), of("B"), of("C"), of("D")], [2..10, 10..14, 6..9, 8..10]);
        assert!(!meet(&of("A"), &of("B")) && meet(&of("A"), &of("C")) && meet(&of("C"), &of("D")));
    }

    #[test]
    fn what_nothing_uses_lives_where_it_is_allocated() {
        let program = program("program p { output Y: i32[4] @dram alloc A: i32[4] @acc for i in 0..4 { Y[i] = 1 } }");
        assert_eq!(lifetimes(&program), [None, Some(0..1)]);
    }
}
