//! A real function that a program writes down with `fn`: its operations, each of which is computed once.

use super::Function;
use crate::scalar::CompareOp;

/// An operation on the values of earlier ones, which are numbered from 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    Argument,
    /// The bits of a constant.
    Const(u64),
    Add(usize, usize),
    Sub(usize, usize),
    Mul(usize, usize),
    Div(usize, usize),
    Min(usize, usize),
    Max(usize, usize),
    /// `if left op right { yes } else { no }`, of these four.
    Select(CompareOp, [usize; 4]),
    /// Of a function that every program knows.
    Call(Function, usize),
}

impl Node {
    fn operands(&self) -> Vec<usize> {
        match self {
            Node::Argument | Node::Const(_) => Vec::new(),
            Node::Add(a, b) | Node::Sub(a, b) | Node::Mul(a, b) | Node::Div(a, b) => vec![*a, *b],
            Node::Min(a, b) | Node::Max(a, b) => vec![*a, *b],
            Node::Select(_, operands) => operands.to_vec(),
            Node::Call(_, argument) => vec![*argument],
        }
    }

    /// The operation as it is written, of the parameter `x`, where operands have these texts.
    fn text(&self, texts: &[String]) -> String {
        let of = |k: &usize| texts[*k].as_str();
        match self {
            Node::Argument => "x".to_owned(),
            Node::Const(bits) => f64::from_bits(*bits).to_string(),
            Node::Add(a, b) => format!("({} + {})", of(a), of(b)),
            Node::Sub(a, b) => format!("({} - {})", of(a), of(b)),
            Node::Mul(a, b) => format!("({} * {})", of(a), of(b)),
            Node::Div(a, b) => format!("({} / {})", of(a), of(b)),
            Node::Min(a, b) => format!("min({}, {})", of(a), of(b)),
            Node::Max(a, b) => format!("max({}, {})", of(a), of(b)),
            Node::Select(op, [left, right, yes, no]) => {
                format!("select({} {} {}, {}, {})", of(left), op.symbol(), of(right), of(yes), of(no))
            }
            // As a real function it is the same by every method.
            Node::Call(function, argument) => {
                format!("approx({}, {}, 1)({})", function.name(), function.methods()[0].name(), of(argument))
            }
        }
    }
}

/// A function of one number. The value is that of the last operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Formula {
    name: String,
    nodes: Vec<Node>,
}

impl Formula {
    /// The function of a name, of operations that read only those before them.
    pub fn new(name: String, nodes: Vec<Node>) -> Formula {
        Formula { name, nodes }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Definitions of functions under a name, of which the last one has it: what is read more than once is one of its own, so
    /// that the text is no longer than the function has operations.
    pub fn text(&self, name: &str) -> String {
        let mut reads = vec![0_usize; self.nodes.len()];
        self.nodes.iter().flat_map(Node::operands).for_each(|operand| reads[operand] += 1);
        let (mut out, mut texts): (String, Vec<String>) = (String::new(), Vec::new());
        for (at, node) in self.nodes.iter().enumerate() {
            let text = node.text(&texts);
            let is_small = matches!(node, Node::Argument | Node::Const(_));
            if at + 1 == self.nodes.len() {
                out.push_str(&format!("fn {name}(x) = {text}\n"));
            }
            texts.push(match reads[at] > 1 && !is_small {
                true => {
                    out.push_str(&format!("fn {name}_{at}(x) = {text}\n"));
                    format!("{name}_{at}(x)")
                }
                false => text,
            });
        }
        out
    }

    /// The value for one argument; no number where the function has none.
    pub fn real(&self, x: f64) -> f64 {
        let mut values: Vec<f64> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let value = match node {
                Node::Argument => x,
                Node::Const(bits) => f64::from_bits(*bits),
                Node::Add(a, b) => values[*a] + values[*b],
                Node::Sub(a, b) => values[*a] - values[*b],
                Node::Mul(a, b) => values[*a] * values[*b],
                Node::Div(a, b) => values[*a] / values[*b],
                Node::Min(a, b) => either(values[*a], values[*b], f64::min),
                Node::Max(a, b) => either(values[*a], values[*b], f64::max),
                Node::Select(op, [left, right, yes, no]) => {
                    let holds =
                        values[*left].partial_cmp(&values[*right]).is_some_and(|order| op.eval(order as i32, 0));
                    if holds { values[*yes] } else { values[*no] }
                }
                Node::Call(function, argument) => function.real(values[*argument]),
            };
            values.push(value);
        }
        values.last().copied().unwrap_or(f64::NAN)
    }
}

/// The lesser or the greater of two, and no number where one is none.
fn either(a: f64, b: f64, choose: fn(f64, f64) -> f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { choose(a, b) }
}
