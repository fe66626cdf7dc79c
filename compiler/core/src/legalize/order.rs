//! In which order the tiles of each buffer lie. Buffers whose tensors in device memory have an order → one for every buffer.
//!
//! A transfer fills the scratchpad in one run, so it takes few instructions where both sides agree on the order. A buffer on
//! chip therefore lies like the tensor in device memory that is nearest to it along copies and elementwise operations:
//!
//! ```text
//! W: order(1, 0)                            W_buf: order(1, 0)
//! W_buf[j, r] = W[j, ro * 64 + r]     →     load W_buf[0] <- W[..] y 1 x 64, in the place of one load for each row
//! ```
//!
//! Among tensors that are equally near, the one whose nest stands first decides. It is a matter of cost alone: any order of
//! any buffer is right. What device memory holds never changes here.

use std::collections::HashSet;

use crate::legalize::layout::partner;
use crate::loops::ir::{Buffer, BufferId, Index, Layout, Leaf, LoopId, LoopProgram, Scope};
use crate::loops::nest::Nest;

/// The order of each buffer, from the outermost dimension to the innermost, as [`Layout::order`] has it. Of each buffer in DRAM
/// stands in `inside` along which dimensions several stored tiles lie inside of one of its own: these are the innermost of
/// what is stored.
pub fn orders(program: &LoopProgram, nests: &[&Nest], inside: &[Vec<usize>]) -> Vec<Vec<usize>> {
    // What is on chip has a layout where the program was read back, and instructions on its tiles may be there already.
    let declared = |b: &Buffer| (0..b.shape.len()).collect();
    let own = |b: &Buffer| match &b.layout {
        Some(layout) if !layout.order.is_empty() => Some(layout.order.clone()),
        Some(_) => Some(declared(b)),
        None => (b.scope == Scope::Dram).then(|| declared(b)),
    };
    let mut known: Vec<Option<Vec<usize>>> = program.buffers.iter().map(own).collect();
    let mut met = HashSet::new();
    let ties: Vec<Tie> = nests.iter().flat_map(|nest| ties(nest)).filter(|t| met.insert((t.from.0, t.to.0))).collect();
    loop {
        let stored = |tie: &Tie| program.buffer(tie.to.0).scope == Scope::Acc;
        let found: Vec<(BufferId, Vec<usize>)> = (ties.iter())
            .filter(|tie| known[tie.to.0.0 as usize].is_none())
            .filter_map(|tie| {
                let from = tie.from.0.0 as usize;
                let mut order = known[from].clone()?;
                if stored(tie) {
                    order.sort_by_key(|dim| inside[from].contains(dim));
                }
                Some((tie.to.0, tie.carry(&order)?))
            })
            .collect();
        if found.is_empty() {
            break;
        }
        for (buffer, order) in found {
            known[buffer.0 as usize].get_or_insert(order);
        }
    }
    known.into_iter().map(|order| Layout::canonical_order(order.unwrap_or_default())).collect()
}

/// Two accesses that a nest makes in each iteration, so that what one buffer's order is can be said of the other.
struct Tie<'a> {
    vars: Vec<LoopId>,
    from: (BufferId, &'a [Index]),
    to: (BufferId, &'a [Index]),
}

/// The ties of a nest: what it loads with what it writes, and the other way round.
fn ties(nest: &Nest) -> Vec<Tie<'_>> {
    let vars = || nest.loops.iter().map(|l| l.var).collect();
    let target = (nest.store.buffer, nest.store.indices.as_slice());
    let mut found = Vec::new();
    nest.store.value.leaves(&mut |leaf| {
        if let Leaf::Load(l) = leaf {
            let source = (l.buffer, l.indices.as_slice());
            found.push(Tie { vars: vars(), from: source, to: target });
            found.push(Tie { vars: vars(), from: target, to: source });
        }
    });
    found
}

impl Tie<'_> {
    /// The order that a buffer without one takes over, where each of its dimensions is walked like one of the other.
    fn carry(&self, order: &[usize]) -> Option<Vec<usize>> {
        let ((_, indices), (_, others)) = (self.from, self.to);
        let walked = |dim: &usize| {
            let alike = partner(&self.vars, (*dim, &indices[*dim]), others);
            alike.or_else(|| self.in_steps(&indices[*dim], others))
        };
        let mut carried: Vec<usize> = Vec::new();
        for dim in order.iter().filter_map(walked) {
            if !carried.contains(&dim) {
                carried.push(dim);
            }
        }
        (carried.len() == others.len()).then_some(carried)
    }

    /// The dimension of `others` that runs with the loop that moves `index`, where one of them takes longer steps.
    fn in_steps(&self, index: &Index, others: &[Index]) -> Option<usize> {
        let moves = |e: &Index| self.vars.iter().copied().filter(|l| e.mentions(&|v| v == *l)).collect::<Vec<_>>();
        let [walker] = moves(index)[..] else { return None };
        others.iter().position(|other| moves(other) == [walker])
    }
}

#[cfg(test)]
mod tests {
    use tilewright_syntax::FileId;

    use super::*;
    use crate::loops::nest::stores;
    use crate::loops::parse::parse;

    /// The orders that are found, by name, of all buffers that have another than their dimensions.
    fn found(text: &str) -> Vec<(String, Vec<usize>)> {
        let program = parse(FileId::default(), text).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        let mut nests = Vec::new();
        stores(&program.body, &mut |nest| nests.push(nest));
        let inside = vec![Vec::new(); program.buffers.len()];
        let orders = orders(&program, &nests.iter().collect::<Vec<_>>(), &inside);
        let named = program.buffers.iter().map(|b| b.name.clone()).zip(orders);
        named.filter(|(_, order)| !order.is_empty()).collect()
    }

    const COPY: &str = "for a in 0..4 { for b in 0..4 { T[a, b] = X[a, b] } }";

    fn through(input: &str, body: &str, output: &str) -> Vec<(String, Vec<usize>)> {
        found(&format!(
            "program p {{
                input X: i32[4, 4] @dram {input}
                input V: i32[4] @dram
                output Y: i32[4, 4] @dram {output}
                alloc T: i32[4, 4] @acc
                alloc S: i32[4, 4] @acc
                {COPY}
                {body}
                for e in 0..4 {{ for f in 0..4 {{ Y[e, f] = S[e, f] }} }}
            }}"
        ))
    }

    fn order(name: &str) -> (String, Vec<usize>) {
        (name.to_owned(), vec![1, 0])
    }

    const PLAIN: &str = "for c in 0..4 { for d in 0..4 { S[c, d] = T[c, d] + V[d] } }";

    #[test]
    fn nothing_has_an_order_where_nothing_is_said() {
        assert_eq!(through("", PLAIN, ""), []);
    }

    #[test]
    fn copies_lie_like_what_is_nearest_in_device_memory() {
        assert_eq!(through("tile() order(1, 0)", PLAIN, ""), [order("X"), order("T")]);
        assert_eq!(through("", PLAIN, "tile() order(1, 0)"), [order("Y"), order("S")]);
        let all = [order("X"), order("Y"), order("T"), order("S")];
        assert_eq!(through("tile() order(1, 0)", PLAIN, "tile() order(1, 0)"), all);
    }

    #[test]
    fn what_has_other_dimensions_tells_nothing() {
        let sums = "for d in 0..4 { S[0, d] = T[0, d] + V[d] }";
        let vector = "for c in 0..4 { for d in 0..4 { S[c, d] = V[d] } }";
        assert_eq!(through("tile() order(1, 0)", vector, ""), [order("X"), order("T")]);
        assert_eq!(through("tile() order(1, 0)", sums, ""), [order("X"), order("T")]);
    }

    #[test]
    fn a_copy_of_every_second_row_lies_like_what_it_is_copied_from() {
        let steps = found(
            "program p {
                input X: i32[8, 4] @dram tile() order(1, 0)
                alloc T: i32[4, 4] @acc
                for a in 0..4 { for b in 0..4 { T[a, b] = X[a * 2 + 1, b] } }
            }",
        );
        assert_eq!(steps, [order("X"), order("T")]);
    }

    #[test]
    fn a_transposed_copy_lies_across() {
        let across = "for c in 0..4 { for d in 0..4 { S[c, d] = T[d, c] } }";
        let text = through("tile() order(1, 0)", across, "");
        assert_eq!(text, [order("X"), order("T")]);
        let unsaid = found(
            "program p {
                input X: i32[4, 2] @dram
                alloc T: i32[2, 4] @acc
                for a in 0..2 { for b in 0..4 { T[a, b] = X[b, a] } }
            }",
        );
        assert_eq!(unsaid, [order("T")]);
    }

    #[test]
    fn three_dimensions_are_followed_one_by_one() {
        let orders = found(
            "program p {
                input X: i32[4, 6, 8] @dram tile() order(1, 2, 0)
                alloc T: i32[4, 2, 2] @acc
                for o in 0..3 { T[0, 0, 0] = 0 for a in 0..4 { for b in 0..2 { for c in 0..2 { T[a, b, c] = X[a, o * 2 + b, c + 3] } } } }
            }",
        );
        assert_eq!(orders, [("X".to_owned(), vec![1, 2, 0]), ("T".to_owned(), vec![1, 2, 0])]);
    }
}
