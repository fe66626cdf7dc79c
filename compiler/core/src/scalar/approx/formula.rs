//! A real function that a program writes down with `fn`: its operations, each of which is computed once.

use std::sync::Arc;

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
    Call(Function, usize),
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

    /// The functions of programs that it calls, each before those that call it.
    pub fn called(&self) -> Vec<Arc<Formula>> {
        let mut called = Vec::new();
        for node in &self.nodes {
            if let Node::Call(Function::Formula(inner), _) = node {
                called.extend(inner.called());
                called.push(inner.clone());
            }
        }
        called
    }

    /// The body as it is written, of the parameter `x`.
    pub fn text(&self) -> String {
        let mut texts: Vec<String> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let of = |k: &usize| texts[*k].as_str();
            let text = match node {
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
            };
            texts.push(text);
        }
        texts.pop().unwrap_or_default()
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
                Node::Min(a, b) => values[*a].min(values[*b]),
                Node::Max(a, b) => values[*a].max(values[*b]),
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
