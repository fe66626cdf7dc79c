//! `--tokens`: what each instruction of a legal program waits for and lets go on. Instruction stream → a comment for each statement.
//!
//! ```text
//! gemm C[0] += X_buf[0] * W_buf[0] ...  // after load, before load 15 of 16
//! ```

use std::collections::BTreeMap;

use tilewright_core::emit::Stream;
use tilewright_isa::{Insn, MemoryType, Module, Op};

/// How often a statement exchanges tokens.
#[derive(Default)]
struct Exchanged {
    /// Instructions of the statement itself, not those that exchange tokens or load micro-ops for it.
    executed: usize,
    /// For `after` and `before`, and the other module, how many of them there are.
    tokens: BTreeMap<(bool, &'static str), usize>,
}

/// The comments, in the order of the statements.
pub fn notes(stream: &Stream) -> Vec<String> {
    let mut statements: Vec<Exchanged> = Vec::new();
    for (insn, statement) in stream.insns.iter().zip(&stream.statements) {
        let Some(statement) = statement.map(|number| number as usize) else { continue };
        if statements.len() <= statement {
            statements.resize_with(statement + 1, Exchanged::default);
        }
        let found = &mut statements[statement];
        found.executed += usize::from(!insn.is_noop() && !loads_uops(insn));
        for exchange in exchanges(insn) {
            *found.tokens.entry(exchange).or_default() += 1;
        }
    }
    statements.iter().map(note).collect()
}

fn loads_uops(insn: &Insn) -> bool {
    matches!(&insn.op, Op::Load(mem) if mem.memory_type == MemoryType::Uop)
}

/// The tokens of an instruction: whether they let another module go on, and which.
fn exchanges(insn: &Insn) -> Vec<(bool, &'static str)> {
    let (tokens, module) = (insn.tokens, insn.module());
    let sides = [
        (tokens.pop_prev, false, module.prev()),
        (tokens.pop_next, false, module.next()),
        (tokens.push_prev, true, module.prev()),
        (tokens.push_next, true, module.next()),
    ];
    let set = |(set, pushes, other): (bool, bool, Option<Module>)| Some((pushes, other?.name())).filter(|_| set);
    sides.into_iter().filter_map(set).collect()
}

fn note(found: &Exchanged) -> String {
    let one = |((pushes, other), count): (&(bool, &str), &usize)| {
        let word = if *pushes { "before" } else { "after" };
        match *count == found.executed {
            true => format!("{word} {other}"),
            false => format!("{word} {other} {count} of {}", found.executed),
        }
    };
    found.tokens.iter().map(one).collect::<Vec<_>>().join(", ")
}
