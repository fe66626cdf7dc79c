//! Kernel → its text, with every extent as a number and the type and shape of each computed tensor in a comment.
//!
//! The text is a kernel of the source language; checking it gives the same kernel again, spans aside.

use std::fmt::Write;
use std::sync::Arc;

use tilewright_syntax::decimal::MAX_PLACES;

use super::infer::fractions;
use super::{AxisId, Compute, Definition, Format, Kernel, Leaf, Read, Scan, Tensor, TensorId};
use crate::affine;
use crate::scalar::approx::formula::Formula;
use crate::scalar::approx::{Approx, Function};
use crate::scalar::quotient::{Quotient, SATURATED_BITS};
use crate::scalar::{BinaryOp, CastMode, DType, Scalar};

/// The kernel's text, each line ended.
pub fn print(kernel: &Kernel) -> String {
    let lines: Vec<Line> = lines(kernel);
    let width = lines.iter().filter(|l| l.comment.is_some()).map(|l| l.text.len()).filter(|n| *n <= 100).max();
    let width = width.unwrap_or(0);
    let mut out = String::new();
    let formulas = formulas(kernel);
    for (at, formula) in formulas.iter().enumerate() {
        writeln!(out, "{}", formula.text(&printed_name(&formulas, at))).expect("writing to a string succeeds");
    }
    writeln!(out, "kernel {} {{", kernel.name).expect("writing to a string succeeds");
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

/// The name of a function among those that are printed: its own, numbered where another has it.
fn printed_name(formulas: &[Arc<Formula>], at: usize) -> String {
    let name = formulas[at].name();
    match formulas[..at].iter().filter(|before| before.name() == name).count() {
        0 => name.to_owned(),
        before => format!("{name}__{before}"),
    }
}

/// The functions that approximations in the kernel stand for and the program defines, each once.
fn formulas(kernel: &Kernel) -> Vec<Arc<Formula>> {
    let mut found: Vec<Arc<Formula>> = Vec::new();
    let mut values: Vec<&Scalar<Leaf>> = kernel.tensors.iter().filter_map(|t| t.compute()).map(|c| &c.value).collect();
    while let Some(value) = values.pop() {
        if let Scalar::Approx { approx, .. } = value
            && let Function::Formula(formula) = &approx.function
            && !found.contains(formula)
        {
            found.push(formula.clone());
        }
        values.extend(value.operands());
    }
    found
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
    format!("{}[{}]", tensor.format(), join(tensor.shape.iter().map(i64::to_string)))
}

fn definition(cx: Cx, tensor: &Tensor) -> String {
    match &tensor.definition {
        Definition::Input => {
            let outside =
                tensor.outside.map_or(String::new(), |value| format!(" outside {}", number(value, tensor.fraction)));
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
            format!("state {}[{axes}]: {} = {value}", tensor.name, tensor.format())
        }
    }
}

fn right_side(cx: Cx, tensor: &Tensor, compute: &Compute) -> String {
    let value = match &compute.value {
        // A number alone would be an `i32` without a fraction.
        Scalar::Const { value, .. } if tensor.format() != Format::plain(DType::I32) => {
            format!("{}({})", tensor.format(), number(*value, tensor.fraction))
        }
        value => scalar(cx, value, (Level::Shift, tensor.fraction)),
    };
    match &compute.reduction {
        None => value,
        Some(reduction) => {
            let start = |start| scalar(cx, start, (Level::Product, tensor.fraction)) + " + ";
            let start = reduction.start.as_ref().map(start);
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

/// The text of an expression in a place that takes operators of a level and tighter ones, and these fraction bits.
fn scalar(cx: Cx, e: &Scalar<Leaf>, (level, fraction): (Level, u8)) -> String {
    let inside = |e: &Scalar<Leaf>| scalar(cx, e, (Level::Shift, fraction));
    match e {
        Scalar::Const { value, .. } => parenthesized(number(*value, fraction), *value < 0 && level > Level::Shift),
        Scalar::Leaf(Leaf::Axis(axis)) => cx.kernel.axis(*axis).name.clone(),
        Scalar::Leaf(Leaf::Read(read)) => read_text(cx, read),
        // A quotient that is held where the conversion saturates: one conversion says both, and how it is rounded.
        Scalar::Cast { mode: CastMode::Saturate, value, .. } if saturated(value).is_some() => {
            let (quotient, left, right) = saturated(value).expect("it was just found");
            let (text, nearest) = (quotient_text(cx, (left, right), fraction), quotient.nearest);
            format!("sat8.q{fraction}({text}{})", if nearest { ", nearest" } else { "" })
        }
        Scalar::Cast { to, mode, value } => {
            let function = match mode {
                CastMode::Wrap | CastMode::Exact => to.name(),
                CastMode::Saturate => "sat8",
            };
            format!("{function}({})", inside(value))
        }
        Scalar::Binary { op, left, right } => binary(cx, *op, (left, right), (level, fraction)),
        Scalar::Approx { approx, value } => format!("{}({})", approximation(cx, approx), inside(value)),
        Scalar::Select { op, parts } => {
            let both = fractions(cx.kernel, &parts.left).both(fractions(cx.kernel, &parts.right));
            let compared = both.first().unwrap_or(0);
            let [left, right] = [&parts.left, &parts.right].map(|part| scalar(cx, part, (Level::Shift, compared)));
            format!("select({left} {} {right}, {}, {})", op.symbol(), inside(&parts.yes), inside(&parts.no))
        }
    }
}

/// A quotient that is held at the bits with which a saturating conversion holds it.
fn saturated(value: &Scalar<Leaf>) -> Option<(Quotient, &Scalar<Leaf>, &Scalar<Leaf>)> {
    match value {
        Scalar::Binary { op: BinaryOp::Div(quotient), left, right } if quotient.bits == SATURATED_BITS => {
            Some((*quotient, left, right))
        }
        _ => None,
    }
}

fn binary(
    cx: Cx,
    op: BinaryOp,
    (left, right): (&Scalar<Leaf>, &Scalar<Leaf>),
    (level, fraction): (Level, u8),
) -> String {
    let text = |e: &Scalar<Leaf>, level: Level| scalar(cx, e, (level, fraction));
    let infix = |symbol: &str, own: Level, tighter: Level| {
        parenthesized(format!("{} {symbol} {}", text(left, own), text(right, tighter)), own < level)
    };
    let call = |name: &str| format!("{name}({}, {})", text(left, Level::Shift), text(right, Level::Shift));
    match op {
        BinaryOp::Shl | BinaryOp::Shr => shift(cx, op, (left, right), (level, fraction)),
        BinaryOp::Add => infix("+", Level::Sum, Level::Product),
        BinaryOp::Sub => infix("-", Level::Sum, Level::Product),
        BinaryOp::Mul => product(cx, (left, right), (level, fraction)),
        BinaryOp::Div(quotient) => {
            // With a conversion of its own, so that one around it rounds nothing again.
            let text = quotient_text(cx, (left, right), fraction);
            format!("i32.q{fraction}({text}{})", if quotient.nearest { ", nearest" } else { "" })
        }
        BinaryOp::Max => call("max"),
        BinaryOp::Min => match clipped(left, right) {
            Some((value, low)) => {
                let [value, low, high] = [value, low, right].map(|e| text(e, Level::Shift));
                format!("clip({value}, {low}, {high})")
            }
            None => call("min"),
        },
    }
}

/// A shift that divides or multiplies, or one that changes the scale, whichever what is shifted allows.
fn shift(
    cx: Cx,
    op: BinaryOp,
    (left, right): (&Scalar<Leaf>, &Scalar<Leaf>),
    (level, fraction): (Level, u8),
) -> String {
    let bits = if let Scalar::Const { value, .. } = right { *value } else { 0 };
    let inner = if op == BinaryOp::Shr { i32::from(fraction) + bits } else { i32::from(fraction) - bits };
    let of_left = fractions(cx.kernel, left);
    match u8::try_from(inner) {
        Ok(inner) if !of_left.has(fraction) && of_left.has(inner) => {
            format!("i32.q{fraction}({})", scalar(cx, left, (Level::Shift, inner)))
        }
        _ => {
            let symbol = if op == BinaryOp::Shr { ">>" } else { "<<" };
            let left = scalar(cx, left, (Level::Shift, fraction));
            parenthesized(format!("{left} {symbol} {}", scalar(cx, right, (Level::Sum, 0))), level > Level::Shift)
        }
    }
}

fn product(cx: Cx, (left, right): (&Scalar<Leaf>, &Scalar<Leaf>), (level, fraction): (Level, u8)) -> String {
    let factors = fractions(cx.kernel, left).factors(fractions(cx.kernel, right), fraction);
    let (of_left, of_right) = factors.unwrap_or((fraction, 0));
    let factor = |e: &Scalar<Leaf>, level, fraction| match e {
        // A number alone would be an integer.
        Scalar::Const { value, .. } if fraction > 0 => format!("i32.q{fraction}({})", number(*value, fraction)),
        e => scalar(cx, e, (level, fraction)),
    };
    let text = format!("{} * {}", factor(left, Level::Product, of_left), factor(right, Level::Atom, of_right));
    parenthesized(text, level > Level::Product)
}

/// The approximation under the name that its function is printed with.
fn approximation(cx: Cx, approx: &Approx) -> String {
    let Function::Formula(formula) = &approx.function else { return approx.to_string() };
    let formulas = formulas(cx.kernel);
    let at = formulas.iter().position(|known| known == formula);
    let name = at.map_or_else(|| formula.name().to_owned(), |at| printed_name(&formulas, at));
    format!("approx({name}, {}, {})", approx.method.name(), approx.range())
}

/// A quotient without how it is rounded.
fn quotient_text(cx: Cx, (left, right): (&Scalar<Leaf>, &Scalar<Leaf>), fraction: u8) -> String {
    let sides = fractions(cx.kernel, left).sides(fractions(cx.kernel, right), fraction);
    let (of_left, of_right) = sides.unwrap_or((fraction, 0));
    let side = |e: &Scalar<Leaf>, level, fraction| match e {
        // A number alone would be an integer.
        Scalar::Const { value, .. } if fraction > 0 => format!("i32.q{fraction}({})", number(*value, fraction)),
        e => scalar(cx, e, (level, fraction)),
    };
    format!("{} / {}", side(left, Level::Product, of_left), side(right, Level::Atom, of_right))
}

/// What a value with these fraction bits denotes, with as few digits as tell it from its neighbours.
fn number(value: i32, fraction: u8) -> String {
    let format = Format { dtype: DType::I32, fraction };
    if i64::from(value) % (1i64 << fraction) == 0 {
        return (i64::from(value) >> fraction).to_string();
    }
    let real = format.real(value);
    let is_told = |text: &String| text.parse::<f64>().is_ok_and(|n| (n - real).abs() * format.unit() < 0.25);
    let mut texts = (1..=MAX_PLACES as usize).map(|places| format!("{real:.places$}"));
    texts.find(is_told).unwrap_or_else(|| real.to_string())
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
