//! Random texts of the whole grammar without schedules: kernels, the kernels that they call, and programs. Choices → text that
//! `check` accepts.

mod calls;
mod choices;
mod kernel;
mod products;
mod programs;
mod scans;
mod values;

use std::fmt;

pub use choices::Choices;
use kernel::Kernel;

/// The extents of tensors.
const EXTENTS: [i64; 12] = [1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 20, 33];

/// The functions that kernels call.
const FUNCTIONS: &str = "fn mix(x, y) = (x - y) * 3

fn leaky(x) = max(x, x >> 3)

";

/// An element type with the bits behind the binary point.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Format {
    is_wide: bool,
    fraction: u32,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.is_wide { "i32" } else { "i8" };
        match self.fraction {
            0 => write!(f, "{name}"),
            fraction => write!(f, "{name}.q{fraction}"),
        }
    }
}

#[derive(Clone)]
struct Tensor {
    name: String,
    shape: Vec<i64>,
    format: Format,
    /// The value beyond the edges of an input, if it may be read there.
    outside: Option<i64>,
}

impl Tensor {
    fn declaration(&self) -> String {
        let Tensor { name, shape, format, outside } = self;
        let outside = outside.map_or(String::new(), |value| format!(" outside {value}"));
        format!("    input {name}: {format}[{}]{outside}\n", listed(shape))
    }

    fn is_like(&self, other: &Tensor) -> bool {
        self.format == other.format && self.shape == other.shape
    }
}

/// An axis with its extent.
type Axis = (&'static str, i64);

/// A kernel alone, or a program of several.
pub fn text(bytes: &[u8]) -> String {
    let mut choices = Choices::new(bytes);
    let body = match choices.below(4) {
        3 => programs::program(&mut choices),
        _ => {
            let mut kernel = Kernel::new(&mut choices, "k", Vec::new());
            kernel.inputs();
            kernel.stages();
            kernel.text()
        }
    };
    format!("{FUNCTIONS}{body}")
}

fn listed<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}
