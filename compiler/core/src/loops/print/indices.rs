//! Indices → their text.

use super::loop_name;
use crate::affine::Atom;
use crate::loops::ir::{Index, LoopId, LoopProgram};

/// The text of an index of the program: `io * 16 + ii`, `3 - i`, `(i + 2) / 4 % 3`.
pub fn print_index(program: &LoopProgram, index: &Index) -> String {
    let constant = index.offset();
    let mut out = String::new();
    // A minus in front of everything reads badly where there is something else to begin with.
    let constant_first = constant > 0 && index.terms().first().is_some_and(|(_, c)| *c < 0);
    if constant_first {
        out.push_str(&constant.to_string());
    }
    for (atom, c) in index.terms() {
        let first = out.is_empty();
        out.push_str(match (first, *c < 0) {
            (true, false) => "",
            (true, true) => "-",
            (false, false) => " + ",
            (false, true) => " - ",
        });
        let text = print_atom(program, atom);
        let bare = matches!(atom, Atom::Var(_)) || !(first && *c < 0);
        out.push_str(&if bare { text } else { format!("({text})") });
        if c.unsigned_abs() != 1 {
            out.push_str(&format!(" * {}", c.unsigned_abs()));
        }
    }
    match constant {
        _ if out.is_empty() => constant.to_string(),
        _ if constant == 0 || constant_first => out,
        _ if constant < 0 => format!("{out} - {}", constant.unsigned_abs()),
        _ => format!("{out} + {constant}"),
    }
}

fn print_atom(program: &LoopProgram, atom: &Atom<LoopId>) -> String {
    let (operand, operator, divisor) = match atom {
        Atom::Var(v) => return loop_name(program, *v),
        Atom::Clip(e, within) => {
            return format!("clip({}, {}, {})", print_index(program, e), within.min, within.max);
        }
        Atom::Div(e, d) => (e, '/', d),
        Atom::Mod(e, d) => (e, '%', d),
    };
    let text = print_index(program, operand);
    // Operators of one rank group from the left, so a lone part needs no parentheses.
    match (operand.terms(), operand.offset()) {
        ([(_, 1)], 0) => format!("{text} {operator} {divisor}"),
        _ => format!("({text}) {operator} {divisor}"),
    }
}
