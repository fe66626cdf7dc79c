//! Values of kernels: reads with any indices, arithmetic, conversions between formats, functions and approximations.

use tilewright_core::approx::Function;

use super::kernel::Kernel;
use super::{Axis, Format, Tensor};

impl Kernel<'_, '_> {
    /// An element of some tensor, in its own format.
    pub fn read(&mut self, axes: &[Axis]) -> (String, Format) {
        let tensor = self.choices.of(&self.tensors);
        (self.read_of(&tensor, axes), tensor.format)
    }

    fn read_of(&mut self, tensor: &Tensor, axes: &[Axis]) -> String {
        let index = |extent: &i64| match tensor.outside.is_some() && self.choices.percent(40) {
            true => self.beyond(axes),
            false => self.index(*extent, axes),
        };
        let indices: Vec<String> = tensor.shape.iter().map(index).collect();
        format!("{}[{}]", tensor.name, indices.join(", "))
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
        if fitting.is_empty() || self.choices.percent(20) {
            return self.choices.below(extent as usize).to_string();
        }
        let (axis, n) = self.choices.of(&fitting);
        match self.choices.below(14) {
            8 if extent > n => format!("{axis} + {}", self.choices.below((extent - n) as usize + 1)),
            9 => format!("{} - {axis}", extent - 1),
            10 => format!("{axis} / 2"),
            11 if extent >= 2 * n => format!("{axis} * 2"),
            12 => format!("{axis} % {}", extent.min(2)),
            13 if extent >= n + 2 => {
                let (other, m) = self.choices.of(&fitting);
                if n + m - 1 <= extent { format!("{axis} + {other}") } else { format!("0 + {axis}") }
            }
            _ if extent == n => axis.to_string(),
            _ => format!("0 + {axis}"),
        }
    }

    /// A wide value with so many fraction bits, of at most so many operations on a path.
    pub fn value(&mut self, fraction: u32, axes: &[Axis], depth: usize) -> String {
        let form = if depth == 0 { 0 } else { self.choices.below(20) };
        if form < 4 {
            return self.wide_read(fraction, axes);
        }
        if let 17.. = form {
            return self.uncommon_value(fraction, axes, depth);
        }
        let left = self.value(fraction, axes, depth - 1);
        match form {
            4 | 5 => format!("({left} + {})", self.value(fraction, axes, depth - 1)),
            6 => format!("({left} - {})", self.value(fraction, axes, depth - 1)),
            7 => format!("min({left}, {})", self.value(fraction, axes, depth - 1)),
            8 => format!("max({left}, {})", self.constant(fraction)),
            9 => format!("({left} >> {})", self.choices.below(7)),
            10 => self.scaled(&left, fraction, axes, depth),
            11 => {
                let comparison = self.choices.of(&["<", "<=", ">", ">=", "==", "!="]);
                let right = self.value(fraction, axes, depth - 1);
                let yes = self.value(fraction, axes, depth - 1);
                format!("select({left} {comparison} {right}, {yes}, {})", self.constant(fraction))
            }
            12 => format!("i32({})", self.narrow(fraction, axes, depth - 1)),
            13 => format!("mix({left}, {})", self.value(fraction, axes, depth - 1)),
            14 => format!("clip({left}, -{}, {})", 1 + self.choices.below(3), 1 + self.choices.below(6)),
            15 => format!("({left} + {})", self.constant(fraction)),
            _ => format!("-({left} << {})", self.choices.below(3)),
        }
    }

    fn uncommon_value(&mut self, fraction: u32, axes: &[Axis], depth: usize) -> String {
        let left = self.value(fraction, axes, depth - 1);
        match self.choices.below(5) {
            4 => {
                let by = self.value(0, axes, depth - 1);
                match self.choices.below(3) {
                    0 => format!("({left} / {by})"),
                    1 => format!("i32.q{fraction}({left} / {by}, nearest)"),
                    _ => format!("({left} / {})", 1 + self.choices.below(200)),
                }
            }
            0 | 1 => {
                let by = self.value(0, axes, depth - 1);
                let shift = self.choices.of(&[">>", "<<"]);
                format!("({left} {shift} {by})")
            }
            2 if fraction >= 5 => {
                let function = self.choices.of(&Function::ALL);
                let (method, range) = (self.choices.of(function.methods()), self.choices.of(&[8, 4, 2]));
                format!("approx({}, {}, {range})({left})", function.name(), method.name())
            }
            _ => {
                let (axis, _) = self.choices.of(axes);
                format!("({left} * ({axis} + 1))")
            }
        }
    }

    /// A product that has as many fraction bits as its first factor.
    fn scaled(&mut self, left: &str, fraction: u32, axes: &[Axis], depth: usize) -> String {
        if fraction == 0 {
            return format!("({left} * {})", self.value(0, axes, depth - 1));
        }
        match self.choices.below(3) {
            0 => format!("({left} * {})", self.choices.below(9) as i64 - 4),
            1 => format!("i32.q{fraction}({left} * i32.q4(0.3), nearest)"),
            _ => {
                let right = self.value(4, axes, depth - 1);
                format!("i32.q{fraction}({left} * {right})")
            }
        }
    }

    fn constant(&mut self, fraction: u32) -> String {
        match fraction {
            0 => (self.choices.below(12) as i64 - 3).to_string(),
            _ => self.choices.of(&["0.5", "-1", "0.3", "2", "-0.25"]).to_string(),
        }
    }

    fn wide_read(&mut self, fraction: u32, axes: &[Axis]) -> String {
        let (read, format) = self.read(axes);
        match format {
            Format { is_wide: true, fraction: found } if found == fraction => read,
            Format { fraction: found, .. } if found == fraction => format!("i32({read})"),
            _ if self.choices.percent(30) => format!("i32.q{fraction}({read}, nearest)"),
            _ => format!("i32.q{fraction}({read})"),
        }
    }

    /// A value of bytes.
    pub fn narrow(&mut self, fraction: u32, axes: &[Axis], depth: usize) -> String {
        let bytes: Vec<Tensor> = self.bytes().into_iter().filter(|t| t.format.fraction == fraction).collect();
        match self.choices.below(8) {
            4 if !bytes.is_empty() => {
                let tensor = self.choices.of(&bytes);
                self.read_of(&tensor, axes)
            }
            5 if depth > 0 => {
                let [left, right] = [0; 2].map(|_| self.narrow(fraction, axes, depth - 1));
                format!("{}({left}, {right})", self.choices.of(&["max", "min"]))
            }
            0 => {
                let (value, dropped) = (self.value(fraction + 4, axes, depth), self.choices.of(&["", ", nearest"]));
                format!("{}.q{fraction}({value}{dropped})", self.choices.of(&["sat8", "i8", "sat8"]))
            }
            form => {
                let conversion = if form < 3 { "i8" } else { "sat8" };
                let value = self.value(fraction, axes, depth);
                match self.choices.below(9) {
                    0 => format!("{conversion}({value})"),
                    by => format!("{conversion}({value} >> {by})"),
                }
            }
        }
    }
}
