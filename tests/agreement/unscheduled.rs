//! Random kernels without a schedule, on random cores: the automatic schedule brings them to the accelerator, and all
//! engines agree. Elementwise stages, reductions, products and scans with any indices: shifted, reversed, strided, divided,
//! transposed, beyond the edges of arrays, broadcast along rows, columns and lanes, of bytes and words, with several outputs.

use std::fmt::Write;

use proptest::prelude::*;

use crate::drawn::{Drawn, mostly_accepted};

const EXTENTS: [i64; 12] = [1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 20, 33];
const AXES: [&str; 4] = ["i", "j", "k", "l"];

/// Targets: the default one, one multiplier, two and four rows, blocks of different sizes, and small scratchpads.
const TARGETS: [&str; 6] = [
    "{}",
    r#"{"LOG_BLOCK": 0, "LOG_BATCH": 0, "LOG_INP_BUFF_SIZE": 11, "LOG_WGT_BUFF_SIZE": 10, "LOG_ACC_BUFF_SIZE": 12}"#,
    r#"{"LOG_BATCH": 1}"#,
    r#"{"LOG_BATCH": 2}"#,
    r#"{"LOG_BLOCK_IN": 4, "LOG_BLOCK_OUT": 5}"#,
    r#"{"LOG_BLOCK": 3, "LOG_INP_BUFF_SIZE": 11, "LOG_WGT_BUFF_SIZE": 13, "LOG_ACC_BUFF_SIZE": 12}"#,
];

/// A function that kernels call.
const MIX: &str = "fn mix(x, y) = (x - y) * 3\n\n";

/// What a kernel is drawn from: each choice takes a byte, and the first alternative when there are no more. Shorter
/// sequences are simpler kernels.
struct Choices<'a> {
    bytes: std::slice::Iter<'a, u8>,
}

impl Choices<'_> {
    fn below(&mut self, n: usize) -> usize {
        self.bytes.next().map_or(0, |byte| usize::from(*byte) % n)
    }

    /// True in so many of a hundred cases.
    fn percent(&mut self, percent: usize) -> bool {
        self.below(100) + percent >= 100
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }
}

#[derive(Clone)]
struct Tensor {
    name: String,
    shape: Vec<i64>,
    is_wide: bool,
    /// Whether it may be read beyond its edges.
    is_bordered: bool,
}

/// An axis with its extent.
type Axis = (&'static str, i64);

struct Kernel<'a> {
    choices: Choices<'a>,
    tensors: Vec<Tensor>,
    text: String,
}

impl Kernel<'_> {
    fn shape(&mut self) -> Vec<i64> {
        let rank = 1 + self.choices.below(3);
        (0..rank).map(|_| self.choices.of(&EXTENTS)).collect()
    }

    fn inputs(&mut self) {
        let base = self.shape();
        for name in &["X", "Y", "Z"][..1 + self.choices.below(3)] {
            let shape = match self.choices.below(5) {
                0..3 => base.clone(),
                3 => base[self.choices.below(base.len())..].to_vec(),
                _ => self.shape(),
            };
            let is_wide = self.choices.percent(35);
            let dtype = if is_wide { "i32" } else { "i8" };
            let extents: Vec<String> = shape.iter().map(i64::to_string).collect();
            let is_bordered = self.choices.percent(15);
            let outside = match is_bordered {
                true => format!(" outside {}", self.choices.of(&[0, 0, 5, -128])),
                false => String::new(),
            };
            let _ = writeln!(self.text, "    input {name}: {dtype}[{}]{outside}", extents.join(", "));
            self.tensors.push(Tensor { name: name.to_string(), shape, is_wide, is_bordered });
        }
    }

    /// An element of some tensor, as an `i32`.
    fn read(&mut self, axes: &[Axis]) -> String {
        let Tensor { name, shape, is_wide, is_bordered } = self.choices.of(&self.tensors);
        let index = |extent: &i64| match is_bordered && self.choices.percent(40) {
            true => self.beyond(axes),
            false => self.index(*extent, axes),
        };
        let indices: Vec<String> = shape.iter().map(index).collect();
        let read = format!("{name}[{}]", indices.join(", "));
        if is_wide { read } else { format!("i32({read})") }
    }

    /// An index that may be anywhere.
    fn beyond(&mut self, axes: &[Axis]) -> String {
        let (axis, _) = self.choices.of(axes);
        let by = self.choices.below(4);
        self.choices.of(&[format!("{axis} + {by}"), format!("{axis} - {by}"), format!("{axis} * 2 - 1")])
    }

    /// An index below an extent.
    fn index(&mut self, extent: i64, axes: &[Axis]) -> String {
        let fitting: Vec<Axis> = axes.iter().copied().filter(|(_, n)| *n <= extent).collect();
        if fitting.is_empty() || self.choices.percent(25) {
            return self.choices.below(extent as usize).to_string();
        }
        let (axis, n) = self.choices.of(&fitting);
        match self.choices.below(13) {
            8 if extent > n => format!("{axis} + {}", self.choices.below((extent - n) as usize + 1)),
            9 => format!("{} - {axis}", extent - 1),
            10 => format!("{axis} / 2"),
            11 if extent >= 2 * n => format!("{axis} * 2"),
            12 => format!("{axis} % {}", extent.min(2)),
            _ if extent == n => axis.to_string(),
            _ => format!("0 + {axis}"),
        }
    }

    /// An `i32` value of at most so many operations on a path.
    fn value(&mut self, axes: &[Axis], depth: usize) -> String {
        let form = if depth == 0 { 0 } else { self.choices.below(14) };
        let left = if form < 3 { self.read(axes) } else { self.value(axes, depth - 1) };
        match form {
            0..3 => left,
            3 | 4 => format!("({left} + {})", self.value(axes, depth - 1)),
            5 => format!("({left} - {})", self.value(axes, depth - 1)),
            6 => format!("min({left}, {})", self.value(axes, depth - 1)),
            7 => format!("max({left}, {})", self.choices.below(12) as i64 - 3),
            8 => format!("({left} >> {})", self.choices.below(7)),
            9 => format!("({left} * {})", self.value(axes, depth - 1)),
            10 => {
                let comparison = self.choices.of(&["<", "<=", ">", ">=", "==", "!="]);
                let (right, yes) = (self.value(axes, depth - 1), self.value(axes, depth - 1));
                format!("select({left} {comparison} {right}, {yes}, {})", self.choices.below(9) as i64 - 4)
            }
            11 => format!("i32({}({left}))", self.choices.of(&["i8", "sat8"])),
            12 => format!("mix({left}, {})", self.value(axes, depth - 1)),
            _ => format!("-({left} << {})", self.choices.below(3)),
        }
    }

    /// A sum, or a least or greatest value, over one or two axes more.
    fn reduction(&mut self, axes: &[Axis]) -> String {
        let mut reduced: Vec<Axis> = vec![("r", self.choices.of(&[2, 3, 5, 16, 17, 32]))];
        if self.choices.percent(30) {
            reduced.push(("s", self.choices.of(&[2, 3])));
        }
        let all: Vec<Axis> = axes.iter().chain(&reduced).copied().collect();
        let bounds: Vec<String> = reduced.iter().map(|(axis, n)| format!("{axis} < {n}")).collect();
        let (reducer, value) = match self.choices.below(5) {
            0 | 1 => ("sum", format!("{} * {}", self.read(&all), self.read(&all))),
            2 => ("sum", self.value(&all, 2)),
            3 => ("max", self.value(&all, 2)),
            _ => ("min", self.value(&all, 2)),
        };
        format!("{reducer}({}: {value})", bounds.join(", "))
    }

    fn stage(&mut self, name: &str, is_last: bool) {
        let shape = if self.choices.percent(70) { self.choices.of(&self.tensors.clone()).shape } else { self.shape() };
        let axes: Vec<Axis> = AXES.iter().copied().zip(shape.iter().copied()).collect();
        let declared: Vec<String> = axes.iter().map(|(axis, n)| format!("{axis} < {n}")).collect();
        let (declared, is_output) = (declared.join(", "), is_last || self.choices.percent(25));
        let mut value = match self.choices.percent(30) {
            true => self.reduction(&axes),
            false => self.value(&axes, 3),
        };
        let names: Vec<&str> = axes.iter().map(|(axis, _)| *axis).collect();
        let is_wide = !is_output || self.choices.percent(15);
        if is_output && is_wide {
            let _ = write!(self.text, "    output");
        } else if is_output {
            let _ = writeln!(self.text, "    {name}0[{declared}] = {value}");
            value = format!("i8({name}0[{}] >> {})", names.join(", "), self.choices.below(5));
            let _ = write!(self.text, "    output");
        }
        let _ = writeln!(self.text, "    {name}[{declared}] = {value}");
        self.tensors.push(Tensor { name: name.to_string(), shape, is_wide, is_bordered: false });
    }

    /// A recurrence of one state, of bytes or words, that the stages behind it read.
    fn scan(&mut self) {
        let (steps, width) = (self.choices.of(&[1, 2, 3, 5]), self.choices.of(&EXTENTS));
        let (axes, is_wide) = ([("j", width)], self.choices.percent(50));
        let before = self.tensors.clone();
        let _ = writeln!(self.text, "    scan t in {steps} {{");
        let dtype = if is_wide { "i32" } else { "i8" };
        let _ = writeln!(self.text, "        state s[j < {width}]: {dtype} = {}", self.choices.below(4));
        let step =
            |name: &str, is_wide| Tensor { name: name.to_string(), shape: vec![width], is_wide, is_bordered: false };
        self.tensors.push(step("s", is_wide));
        let value = self.value(&axes, 2);
        let _ = writeln!(self.text, "        z[j < {width}] = {value}");
        self.tensors.push(step("z", true));
        let next = self.value(&axes, 1);
        let next = if is_wide { next } else { format!("i8({next})") };
        let _ = writeln!(self.text, "        next s[j] = {next}\n    }}");
        self.tensors = before;
        for (name, extent, is_wide) in [("s", steps + 1, is_wide), ("z", steps, true)] {
            self.tensors.push(Tensor { shape: vec![extent, width], ..step(name, is_wide) });
        }
    }
}

fn kernel(bytes: &[u8]) -> String {
    let choices = Choices { bytes: bytes.iter() };
    let mut kernel = Kernel { choices, tensors: Vec::new(), text: format!("{MIX}kernel k {{\n") };
    kernel.inputs();
    let stages = 1 + kernel.choices.below(4);
    let scan = if kernel.choices.percent(15) { kernel.choices.below(stages) } else { stages };
    for (at, name) in ["A", "B", "C", "D"].iter().enumerate().take(stages) {
        if at == scan {
            kernel.scan();
        }
        kernel.stage(name, at + 1 == stages);
    }
    kernel.text.push_str("}\n");
    kernel.text
}

fn programs() -> impl Strategy<Value = Drawn> {
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    (0..TARGETS.len(), bytes).prop_map(|(target, bytes)| Drawn::on(TARGETS[target], &kernel(&bytes)))
}

/// Whether a kernel runs. What does not fit on chip in the smallest tiles is refused.
fn runs(program: &Drawn) -> bool {
    program.is_accepted(&["E0507"])
}

#[test]
fn most_random_kernels_run_without_a_schedule() {
    mostly_accepted(programs(), 99, runs);
}
