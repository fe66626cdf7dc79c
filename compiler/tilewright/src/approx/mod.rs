//! Approximations measured: a function and a format → for each method its errors and what it costs the vector ALU.
//!
//! Errors are found by trying every number of the format in an interval. The cost is that of the legal program which the
//! compiler makes of a kernel of one vector: one cycle for an operation with an immediate and for clearing, two for one with
//! a register.
//!
//! ```
//! use tilewright::Config;
//! use tilewright::approx::{Subject, measured};
//! use tilewright_core::approx::Function;
//!
//! let subject = Subject { function: Function::from_name("tanh").unwrap(), fraction: 8, range: 4.0 };
//! let methods = measured(&subject, &Config::default()).unwrap();
//! assert!(methods[0].on_front && methods[0].cycles <= methods[1].cycles);
//! ```

mod measure;

use tilewright_core::approx::{Approx, Function, Method};
use tilewright_isa::Config;

use crate::Result;

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    pub function: Function,
    pub fraction: u8,
    pub range: f64,
}

/// One method's figures.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub method: Method,
    /// ALU cycles for each vector.
    pub cycles: u64,
    /// Instructions, however many vectors they work on.
    pub instructions: u64,
    pub errors: Errors,
    /// Whether no other method is as cheap and more accurate, or cheaper and as accurate.
    pub on_front: bool,
}

/// Distances from the function itself.
#[derive(Clone, Copy, Debug)]
pub struct Errors {
    pub greatest: f64,
    /// The argument at which it is that great, the first of several.
    pub at: f64,
    pub mean: f64,
}

/// The numbers that are tried: `count` from `-end` up to `end`, without it, `step` units of the format apart.
#[derive(Clone, Copy, Debug)]
pub struct Domain {
    pub end: f64,
    pub step: usize,
    pub count: u64,
}

/// Every method, the cheapest first and of equally cheap ones the most accurate.
pub fn measured(subject: &Subject, config: &Config) -> Result<Vec<Measured>> {
    let mut found = Vec::new();
    for method in Method::ALL {
        let approx = approx(subject, method);
        let (cycles, instructions) = measure::cost(&approx, config)?;
        let errors = measure::errors(&approx, &subject.domain());
        found.push(Measured { method, cycles, instructions, errors, on_front: false });
    }
    found.sort_by(|a, b| a.cycles.cmp(&b.cycles).then(a.errors.greatest.total_cmp(&b.errors.greatest)));
    let mut least = f64::INFINITY;
    for measured in &mut found {
        measured.on_front = measured.errors.greatest < least;
        least = least.min(measured.errors.greatest);
    }
    Ok(found)
}

/// The subject has been checked.
fn approx(subject: &Subject, method: Method) -> Approx {
    let Subject { function, fraction, range } = *subject;
    Approx::new(function, method, range, fraction).expect("every method has the same formats and ranges")
}

impl Subject {
    /// Twice the range on each side, all of it as far as there are not too many numbers.
    pub fn domain(&self) -> Domain {
        measure::domain(approx(self, Method::Hard).limit, self.fraction)
    }
}
