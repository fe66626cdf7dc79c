//! A kernel: its inputs, stages of all forms, and what it hands out.

use std::fmt::Write;

use super::{Axis, Choices, EXTENTS, Format, Tensor, listed};

/// The most fraction bits with which products have a format.
pub const MAX_FRACTION: u32 = 15;

/// The axes of a definition.
pub const AXES: [&str; 4] = ["i", "j", "k", "l"];

pub struct Kernel<'a, 'b> {
    pub choices: &'a mut Choices<'b>,
    pub name: String,
    /// How many kernels call each other down to this one.
    pub depth: usize,
    pub inputs: Vec<Tensor>,
    pub outputs: Vec<Tensor>,
    /// What may be read.
    pub tensors: Vec<Tensor>,
    /// The statements behind the inputs.
    pub body: String,
    /// The kernels that it calls.
    pub called: String,
    /// The fraction bits of its formats.
    fractions: Vec<u32>,
    /// How many names were given.
    names: usize,
    /// The axis of the scan that is being drawn.
    pub in_scan: Option<Axis>,
    /// Whether it computes one step of another's scan, so that it has none.
    pub is_step: bool,
}

impl<'a, 'b> Kernel<'a, 'b> {
    pub fn new(choices: &'a mut Choices<'b>, name: &str, inputs: Vec<Tensor>) -> Kernel<'a, 'b> {
        let given: Vec<u32> = inputs.iter().map(|t| t.format.fraction).filter(|n| *n <= MAX_FRACTION).collect();
        let fractions = match choices.below(10) {
            _ if !given.is_empty() => given,
            7 | 8 => vec![0, 7, 12],
            9 => vec![4, 8],
            _ => vec![0],
        };
        Kernel {
            choices,
            name: name.to_string(),
            depth: 0,
            tensors: inputs.clone(),
            inputs,
            outputs: Vec::new(),
            body: String::new(),
            called: String::new(),
            fractions,
            names: 0,
            in_scan: None,
            is_step: false,
        }
    }

    /// The kernel as source, behind those that it calls.
    pub fn text(&self) -> String {
        let inputs: String = self.inputs.iter().map(Tensor::declaration).collect();
        format!("{}kernel {} {{\n{inputs}{}}}\n\n", self.called, self.name, self.body)
    }

    /// A name that nothing else has.
    pub fn fresh(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    pub fn fraction(&mut self) -> u32 {
        self.choices.of(&self.fractions)
    }

    pub fn shape(&mut self) -> Vec<i64> {
        let rank = 1 + self.choices.below(3);
        (0..rank).map(|_| self.choices.of(&EXTENTS)).collect()
    }

    /// One to three inputs, of shapes that are often alike.
    pub fn inputs(&mut self) {
        let base = self.shape();
        for _ in 0..1 + self.choices.below(3) {
            let shape = match self.choices.below(5) {
                0..3 => base.clone(),
                3 => base[self.choices.below(base.len())..].to_vec(),
                _ => self.shape(),
            };
            let format = Format { is_wide: self.choices.percent(35), fraction: self.fraction() };
            let outside = self.choices.percent(15).then(|| self.outside(format));
            self.input(shape, format, outside);
        }
    }

    /// What stands beyond the edges of a tensor.
    pub fn outside(&mut self, format: Format) -> i64 {
        if format.fraction == 0 { self.choices.of(&[0, 0, 5, -128]) } else { 0 }
    }

    pub fn input(&mut self, shape: Vec<i64>, format: Format, outside: Option<i64>) -> Tensor {
        let tensor = Tensor { name: self.fresh("X"), shape, format, outside };
        self.inputs.push(tensor.clone());
        self.tensors.push(tensor.clone());
        tensor
    }

    /// The tensors that factors on the GEMM core can be.
    pub fn bytes(&self) -> Vec<Tensor> {
        self.tensors.iter().filter(|t| !t.format.is_wide).cloned().collect()
    }

    /// One to four stages, with a scan between them perhaps. The last one is an output.
    pub fn stages(&mut self) {
        let stages = 1 + self.choices.below(4);
        let scan = if !self.is_step && self.choices.percent(20) { self.choices.below(stages) } else { stages };
        for at in 0..stages {
            if at == scan {
                self.scan();
            }
            self.stage(at + 1 == stages);
        }
    }

    fn stage(&mut self, is_last: bool) {
        match self.choices.below(10) {
            8.. if self.can_call() => self.call(is_last),
            5..8 => self.product(is_last),
            _ => self.definition(is_last),
        }
    }

    /// A stage of any shape, element by element or a reduction.
    pub fn definition(&mut self, is_last: bool) {
        let shape = if self.choices.percent(70) { self.some_shape() } else { self.shape() };
        let axes: Vec<Axis> = AXES.iter().copied().zip(shape.iter().copied()).collect();
        let readable: Vec<Axis> = axes.iter().copied().chain(self.in_scan).collect();
        let fraction = self.fraction();
        match self.choices.percent(30) {
            true => {
                let (value, format) = self.reduction(&readable, fraction);
                self.defined(&axes, &value, format, is_last);
            }
            false if self.choices.percent(25) => {
                let value = self.narrow(fraction, &readable, 3);
                self.defined(&axes, &value, Format { is_wide: false, fraction }, is_last);
            }
            false => {
                let value = self.value(fraction, &readable, 3);
                self.defined(&axes, &value, Format { is_wide: true, fraction }, is_last);
            }
        }
    }

    /// The shape of some tensor that has no more dimensions than there are axes.
    pub fn some_shape(&mut self) -> Vec<i64> {
        let mut shape = self.choices.of(&self.tensors).shape;
        shape.truncate(AXES.len());
        shape
    }

    /// A sum, or a least or greatest value, over one or two axes more.
    fn reduction(&mut self, axes: &[Axis], fraction: u32) -> (String, Format) {
        let mut reduced: Vec<Axis> = vec![("r", self.choices.of(&[2, 3, 5, 16, 17, 32]))];
        if self.choices.percent(30) {
            reduced.push(("s", self.choices.of(&[2, 3])));
        }
        let all: Vec<Axis> = axes.iter().chain(&reduced).copied().collect();
        let bounds: Vec<String> = reduced.iter().map(|(axis, n)| format!("{axis} < {n}")).collect();
        let wide = Format { is_wide: true, fraction };
        let ((left, first), (right, second)) = (self.read(&all), self.read(&all));
        let (reducer, value, format) = match self.choices.below(6) {
            0 | 1 if first.fraction + second.fraction <= 2 * MAX_FRACTION => {
                let format = Format { is_wide: true, fraction: first.fraction + second.fraction };
                ("sum", format!("i32({left}) * i32({right})"), format)
            }
            0..3 => ("sum", self.value(fraction, &all, 2), wide),
            3 => ("max", self.value(fraction, &all, 2), wide),
            4 => ("max", self.narrow(fraction, &all, 1), Format { is_wide: false, fraction }),
            _ => ("min", self.value(fraction, &all, 2), wide),
        };
        (format!("{reducer}({}: {value})", bounds.join(", ")), format)
    }

    /// Defines a tensor, which may be an output: mostly bytes of what was computed, sometimes that itself.
    pub fn defined(&mut self, axes: &[Axis], value: &str, format: Format, is_last: bool) -> Tensor {
        let is_output = self.in_scan.is_none() && (is_last || self.choices.percent(25));
        let as_bytes = format.fraction > MAX_FRACTION
            || format.is_wide && if is_output { !self.choices.percent(15) } else { self.choices.percent(15) };
        let stage = self.define(axes, value, format, is_output && !as_bytes);
        if !as_bytes {
            return stage;
        }
        let names: Vec<&str> = axes.iter().map(|(axis, _)| *axis).collect();
        let read = format!("{}[{}]", stage.name, listed(&names));
        let fraction = if format.fraction > MAX_FRACTION { self.fraction() } else { format.fraction };
        let value = match self.choices.below(4) {
            _ if format.fraction != fraction => {
                format!("{}.q{fraction}({read}, nearest)", self.choices.of(&["sat8", "i8"]))
            }
            0 => format!("sat8({read} >> {})", self.choices.below(9)),
            _ => format!("i8({read} >> {})", self.choices.below(9)),
        };
        self.define(axes, &value, Format { is_wide: false, fraction }, is_output)
    }

    fn define(&mut self, axes: &[Axis], value: &str, format: Format, is_output: bool) -> Tensor {
        let name = self.fresh(if self.in_scan.is_some() { "z" } else { "A" });
        let declared: Vec<String> = axes.iter().map(|(axis, n)| format!("{axis} < {n}")).collect();
        let (indent, output) = self.indents(is_output);
        let _ = writeln!(self.body, "{indent}{output}{name}[{}] = {value}", declared.join(", "));
        let shape = axes.iter().map(|(_, n)| *n).collect();
        let tensor = Tensor { name, shape, format, outside: None };
        self.tensors.push(tensor.clone());
        if is_output {
            self.outputs.push(tensor.clone());
        }
        tensor
    }

    /// What stands before a statement.
    pub fn indents(&self, is_output: bool) -> (&'static str, &'static str) {
        let indent = if self.in_scan.is_some() { "        " } else { "    " };
        (indent, if is_output { "output " } else { "" })
    }
}
