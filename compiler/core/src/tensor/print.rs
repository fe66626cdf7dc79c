//! Kernel → its text, with every extent as a number and the type and shape of each computed tensor in a comment.
//!
//! The text is a kernel of the source language; checking it gives the same kernel again, spans aside.

use std::fmt::Write;

use super::{AxisId, Compute, Definition, Kernel, Leaf, Read, Tensor};
use crate::affine;
use crate::scalar::{BinaryOp, CastMode, DType, Scalar};

/// The kernel's text, each line ended.
pub fn print(kernel: &Kernel) -> String {
    let definitions: Vec<String> = kernel.tensors.iter().map(|t| definition(kernel, t)).collect();
    let width = definitions.iter().map(String::len).filter(|n| *n <= 100).max().unwrap_or(0);
    let mut out = format!("kernel {} {{\n", kernel.name);
    for (tensor, text) in kernel.tensors.iter().zip(definitions) {
        let line = match tensor.is_input() {
            true => text,
            false => format!("{text:width$}  // {}", type_of(tensor)),
        };
        writeln!(out, "    {line}").expect("writing to a string succeeds");
    }
    out.push_str("}\n");
    out
}

/// `i8[1, 256]`.
pub fn type_of(tensor: &Tensor) -> String {
    format!("{}[{}]", tensor.dtype.name(), join(tensor.shape.iter().map(i64::to_string)))
}

fn definition(kernel: &Kernel, tensor: &Tensor) -> String {
    match &tensor.definition {
        Definition::Input { outside: None } => format!("input {}: {}", tensor.name, type_of(tensor)),
        Definition::Input { outside: Some(v) } => format!("input {}: {} outside {v}", tensor.name, type_of(tensor)),
        Definition::Compute(compute) => {
            let output = if tensor.output { "output " } else { "" };
            let axes = declared(kernel, &compute.axes);
            format!("{output}{}[{axes}] = {}", tensor.name, right_side(kernel, tensor, compute))
        }
    }
}

fn right_side(kernel: &Kernel, tensor: &Tensor, compute: &Compute) -> String {
    let value = match (&compute.value, tensor.dtype) {
        // A number alone would be an `i32`.
        (Scalar::Const { value, .. }, DType::I8) => format!("i8({value})"),
        (value, _) => scalar(kernel, value, Level::Shift),
    };
    match &compute.reduction {
        None => value,
        Some(reduction) => format!("{}({}: {value})", reduction.reducer.name(), declared(kernel, &reduction.axes)),
    }
}

/// `i < 4, j < 8`.
fn declared(kernel: &Kernel, axes: &[AxisId]) -> String {
    join(axes.iter().map(|a| kernel.axis(*a)).map(|a| format!("{} < {}", a.name, a.extent)))
}

/// How tightly an operator binds; an operand of a lower level needs parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Shift,
    Sum,
    Product,
    Atom,
}

/// The text of an expression in a place that takes operators of `level` and tighter ones.
fn scalar(kernel: &Kernel, e: &Scalar<Leaf>, level: Level) -> String {
    match e {
        Scalar::Const { value, .. } if *value < 0 => parenthesized(value.to_string(), level > Level::Shift),
        Scalar::Const { value, .. } => value.to_string(),
        Scalar::Leaf(Leaf::Axis(axis)) => kernel.axis(*axis).name.clone(),
        Scalar::Leaf(Leaf::Read(read)) => read_text(kernel, read),
        Scalar::Cast { to, mode, value } => {
            let function = match mode {
                CastMode::Wrap => to.name(),
                CastMode::Saturate => "sat8",
            };
            format!("{function}({})", scalar(kernel, value, Level::Shift))
        }
        Scalar::Binary { op, left, right } => binary(kernel, *op, left, right, level),
    }
}

fn binary(kernel: &Kernel, op: BinaryOp, left: &Scalar<Leaf>, right: &Scalar<Leaf>, level: Level) -> String {
    let infix = |symbol: &str, own: Level, tighter: Level| {
        let text = format!("{} {symbol} {}", scalar(kernel, left, own), scalar(kernel, right, tighter));
        parenthesized(text, own < level)
    };
    let call =
        |name: &str| format!("{name}({}, {})", scalar(kernel, left, Level::Shift), scalar(kernel, right, Level::Shift));
    match op {
        BinaryOp::Shl => infix("<<", Level::Shift, Level::Sum),
        BinaryOp::Shr => infix(">>", Level::Shift, Level::Sum),
        BinaryOp::Add => infix("+", Level::Sum, Level::Product),
        BinaryOp::Sub => infix("-", Level::Sum, Level::Product),
        BinaryOp::Mul => infix("*", Level::Product, Level::Atom),
        BinaryOp::Max => call("max"),
        BinaryOp::Min => match clipped(left, right) {
            Some((value, low)) => {
                let [value, low, high] = [value, low, right].map(|e| scalar(kernel, e, Level::Shift));
                format!("clip({value}, {low}, {high})")
            }
            None => call("min"),
        },
    }
}

/// The value and the lower limit of `min(max(value, low), high)`, where both limits are constants.
fn clipped<'a>(left: &'a Scalar<Leaf>, high: &Scalar<Leaf>) -> Option<(&'a Scalar<Leaf>, &'a Scalar<Leaf>)> {
    let Scalar::Binary { op: BinaryOp::Max, left: value, right: low } = left else { return None };
    match (&**low, high) {
        (Scalar::Const { value: l, .. }, Scalar::Const { value: h, .. }) if l <= h => Some((value, low)),
        _ => None,
    }
}

fn read_text(kernel: &Kernel, read: &Read) -> String {
    let tensor = kernel.tensor(read.tensor);
    let index = |(index, size): (&affine::Affine<AxisId>, &i64)| {
        let text = affine::display(index, &|a| kernel.axis(a).name.clone());
        // An axis by itself would be taken to run over the whole dimension.
        match index.as_var() {
            Some(axis) if kernel.axis(axis).extent != *size => format!("0 + {text}"),
            _ => text,
        }
    };
    format!("{}[{}]", tensor.name, join(read.indices.iter().zip(&tensor.shape).map(index)))
}

fn parenthesized(text: String, needed: bool) -> String {
    if needed { format!("({text})") } else { text }
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}
