//! Loops that run once, left out for readers: their variables are 0. What the program computes stays the same.

use super::ir::{Index, Leaf, LoopId, LoopProgram, Stmt};
use crate::affine::Affine;

/// The program without loops of one iteration. Those with a mark stay, since it says what becomes of them.
pub fn without_single_loops(program: &LoopProgram) -> LoopProgram {
    let mut short = program.clone();
    let mut single = vec![false; program.loops.len()];
    find(program, &program.body, &mut single);
    short.body = unwrapped(program, std::mem::take(&mut short.body), &single);
    short
}

fn find(program: &LoopProgram, stmts: &[Stmt], single: &mut [bool]) {
    for stmt in stmts {
        if let Stmt::For(s) = stmt {
            single[s.var.0 as usize] = s.mark.is_none() && program.loop_var(s.var).extent == 1;
            find(program, &s.body, single);
        }
    }
}

fn unwrapped(program: &LoopProgram, stmts: Vec<Stmt>, single: &[bool]) -> Vec<Stmt> {
    let value = |l: LoopId| if single[l.0 as usize] { Affine::constant(0) } else { Affine::var(l) };
    let set = |index: &mut Index| *index = index.substitute(&value, &|l| program.loop_range(l));
    let mut found = Vec::with_capacity(stmts.len());
    for mut stmt in stmts {
        match &mut stmt {
            Stmt::For(s) => {
                let body = unwrapped(program, std::mem::take(&mut s.body), single);
                if single[s.var.0 as usize] {
                    found.extend(body);
                    continue;
                }
                s.body = body;
            }
            Stmt::Alloc { .. } => {}
            Stmt::Store(s) => {
                s.indices.iter_mut().for_each(set);
                s.value.leaves_mut(&mut |leaf| match leaf {
                    Leaf::Load(load) => load.indices.iter_mut().for_each(set),
                    Leaf::Index(index) => set(index),
                });
            }
            Stmt::Insn(insn) => insn.tiles_mut().for_each(|tile| set(&mut tile.offset)),
        }
        found.push(stmt);
    }
    found
}

#[cfg(test)]
mod tests {
    use tilewright_syntax::FileId;

    use super::*;
    use crate::loops::parse::parse;
    use crate::loops::print::{PrintOptions, print};

    #[test]
    fn loops_that_run_once_go_and_marked_ones_stay() {
        let text = "program p {\n    input X: i32[4, 3] @dram\n    output Y: i32[4, 3] @dram\n    for i in 0..1 {\n        for j in 0..3 {\n            \
                    @vthread for k in 0..1 {\n                Y[i / 2 + k, j] = X[i * 4 + 2, j] + index(i + j)\n            }\n        }\n    }\n}\n";
        let program = parse(FileId::default(), text).unwrap();
        let short = print(&without_single_loops(&program), &PrintOptions::default());
        let expected =
            "    for j in 0..3 {\n        @vthread for k in 0..1 {\n            Y[k, j] = X[2, j] + index(j)\n";
        assert!(short.contains(expected), "{short}");
    }
}
