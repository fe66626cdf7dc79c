//! Kernel → its text, with every extent as a number and the type and shape of each computed tensor in a comment.
//!
//! The text is a kernel of the source language; checking it gives the same kernel again, spans aside.

use std::fmt::Write;

use super::{AxisId, Compute, Definition, Kernel, Leaf, Read, Scan, Tensor, TensorId};
use crate::affine;
use crate::scalar::{BinaryOp, CastMode, DType, Scalar};

/// The kernel's text, each line ended.
pub fn print(kernel: &Kernel) -> String {
    let lines: Vec<Line> = lines(kernel);
    let width = lines.iter().filter(|l| l.comment.is_some()).map(|l| l.text.len()).filter(|n| *n <= 100).max();
    let width = width.unwrap_or(0);
    let mut out = format!("kernel {} {{\n", kernel.name);
    for Line { text, comment } in lines {
        let line = match comment {
            Some(comment) => format!("{text:width$}  // {comment}"),
            None => text,
        };
        writeln!(out, "    {line}").expect("writing to a string succeeds");
    }
    out.push_str("}\n");
    out
}

/// A statement, or the start or end of a block.
struct Line {
    text: String,
    comment: Option<String>,
}

fn lines(kernel: &Kernel) -> Vec<Line> {
    let mut lines = Vec::new();
    let plain = |text: String| Line { text, comment: None };
    for id in kernel.ids().filter(|id| !is_initial(kernel, *id)) {
        let tensor = kernel.tensor(id);
        let comment = matches!(tensor.definition, Definition::Compute(_)).then(|| type_of(tensor));
        let Some(scan) = kernel.scan_of(id) else {
            lines.push(Line { text: definition(Cx { kernel, scan: None }, tensor), comment });
            continue;
        };
        let cx = Cx { kernel, scan: Some(scan) };
        if scan.tensors.first() == Some(&id) {
            lines.push(plain(format!("scan {} in {} {{", scan.axis, scan.steps)));
        }
        lines.push(Line { text: format!("    {}", definition(cx, tensor)), comment });
        if scan.tensors.last() == Some(&id) {
            lines.extend(scan.tensors.iter().filter_map(|id| next(cx, kernel.tensor(*id))).map(plain));
            lines.push(plain("}".to_owned()));
        }
    }
    lines
}

/// Whether a tensor is the initial value of a state, which stands in the state's declaration.
fn is_initial(kernel: &Kernel, id: TensorId) -> bool {
    kernel.tensors.iter().filter_map(Tensor::state).any(|s| s.init == id)
}

fn next(cx: Cx, tensor: &Tensor) -> Option<String> {
    let state = tensor.state()?;
    let axes = declared(cx.kernel, &state.next.axes[1..]);
    Some(format!("    next {}[{axes}] = {}", tensor.name, right_side(cx, tensor, &state.next)))
}

/// Where an expression stands.
#[derive(Clone, Copy)]
struct Cx<'a> {
    kernel: &'a Kernel,
    /// The scan around it, whose tensors are read without the step.
    scan: Option<&'a Scan>,
}

/// `i8[1, 256]`.
pub fn type_of(tensor: &Tensor) -> String {
    format!("{}[{}]", tensor.dtype.name(), join(tensor.shape.iter().map(i64::to_string)))
}

fn definition(cx: Cx, tensor: &Tensor) -> String {
    match &tensor.definition {
        Definition::Input => {
            let outside = tensor.outside.map_or(String::new(), |value| format!(" outside {value}"));
            format!("input {}: {}{outside}", tensor.name, type_of(tensor))
        }
        Definition::Compute(compute) => {
            let output = if tensor.output { "output " } else { "" };
            let axes = declared(cx.kernel, &compute.axes[usize::from(cx.scan.is_some())..]);
            format!("{output}{}[{axes}] = {}", tensor.name, right_side(cx, tensor, compute))
        }
        Definition::State(state) => {
            let init = cx.kernel.tensor(state.init);
            let Some(compute) = init.compute() else { return String::new() };
            let (axes, value) =
                (declared(cx.kernel, &compute.axes), right_side(Cx { scan: None, ..cx }, init, compute));
            format!("state {}[{axes}]: {} = {value}", tensor.name, tensor.dtype.name())
        }
    }
}

fn right_side(cx: Cx, tensor: &Tensor, compute: &Compute) -> String {
    let value = match (&compute.value, tensor.dtype) {
        // A number alone would be an `i32`.
        (Scalar::Const { value, .. }, DType::I8) => format!("i8({value})"),
        (value, _) => scalar(cx, value, Level::Shift),
    };
    match &compute.reduction {
        None => value,
        Some(reduction) => {
            let start = reduction.start.as_ref().map(|start| scalar(cx, start, Level::Product) + " + ");
            let axes = declared(cx.kernel, &reduction.axes);
            format!("{}{}({axes}: {value})", start.unwrap_or_default(), reduction.reducer.name())
        }
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
fn scalar(cx: Cx, e: &Scalar<Leaf>, level: Level) -> String {
    match e {
        Scalar::Const { value, .. } if *value < 0 => parenthesized(value.to_string(), level > Level::Shift),
        Scalar::Const { value, .. } => value.to_string(),
        Scalar::Leaf(Leaf::Axis(axis)) => cx.kernel.axis(*axis).name.clone(),
        Scalar::Leaf(Leaf::Read(read)) => read_text(cx, read),
        Scalar::Cast { to, mode, value } => {
            let function = match mode {
                CastMode::Wrap => to.name(),
                CastMode::Saturate => "sat8",
            };
            format!("{function}({})", scalar(cx, value, Level::Shift))
        }
        Scalar::Binary { op, left, right } => binary(cx, *op, left, right, level),
        Scalar::Select { op, parts } => {
            let [left, right, yes, no] = parts.each().map(|part| scalar(cx, part, Level::Shift));
            format!("select({left} {} {right}, {yes}, {no})", op.symbol())
        }
    }
}

fn binary(cx: Cx, op: BinaryOp, left: &Scalar<Leaf>, right: &Scalar<Leaf>, level: Level) -> String {
    let infix = |symbol: &str, own: Level, tighter: Level| {
        let text = format!("{} {symbol} {}", scalar(cx, left, own), scalar(cx, right, tighter));
        parenthesized(text, own < level)
    };
    let call = |name: &str| format!("{name}({}, {})", scalar(cx, left, Level::Shift), scalar(cx, right, Level::Shift));
    match op {
        BinaryOp::Shl => infix("<<", Level::Shift, Level::Sum),
        BinaryOp::Shr => infix(">>", Level::Shift, Level::Sum),
        BinaryOp::Add => infix("+", Level::Sum, Level::Product),
        BinaryOp::Sub => infix("-", Level::Sum, Level::Product),
        BinaryOp::Mul => infix("*", Level::Product, Level::Atom),
        BinaryOp::Max => call("max"),
        BinaryOp::Min => match clipped(left, right) {
            Some((value, low)) => {
                let [value, low, high] = [value, low, right].map(|e| scalar(cx, e, Level::Shift));
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

fn read_text(cx: Cx, read: &Read) -> String {
    let Cx { kernel, scan } = cx;
    let tensor = kernel.tensor(read.tensor);
    let steps = usize::from(scan.is_some_and(|s| s.tensors.contains(&read.tensor)));
    let index = |(index, size): (&affine::Affine<AxisId>, &i64)| {
        let text = affine::display(index, &|a| kernel.axis(a).name.clone());
        // An axis by itself would be taken to run over the whole dimension.
        match index.as_var() {
            Some(axis) if kernel.axis(axis).extent != *size => format!("0 + {text}"),
            _ => text,
        }
    };
    format!("{}[{}]", tensor.name, join(read.indices.iter().zip(&tensor.shape).skip(steps).map(index)))
}

fn parenthesized(text: String, needed: bool) -> String {
    if needed { format!("({text})") } else { text }
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}
