//! Approximations measured: a function and a format → for each method its errors and what it costs the vector ALU.
//!
//! Errors are found by trying every number of the format in an interval. Where there are too many, one in so many is tried, and
//! what may lie between two is bounded by interval arithmetic. The cost is that of the legal program which the
//! compiler makes of a kernel of one vector: one cycle for an operation with an immediate and for clearing, two for one with
//! a register.
//!
//! ```
//! use tilewright::Config;
//! use tilewright::approx::{Function, Request, measured};
//!
//! let request = Request::new(Function::from_name("tanh").unwrap(), 8, 4.0).unwrap();
//! let methods = measured(&request, &Config::default()).unwrap();
//! assert!(methods[0].on_front && methods[0].cycles <= methods[1].cycles);
//! ```

mod measure;

use tilewright_core::approx::Approx;
use tilewright_core::pipeline;
use tilewright_isa::Config;
use tilewright_syntax::{Diagnostic, FileId, Sources};

use crate::Result;

pub use tilewright_core::approx::{Function, Method};

/// What is measured: a function on the numbers of a format, in a range for which it has approximations.
#[derive(Clone, Debug)]
pub struct Request {
    function: Function,
    fraction: u8,
    range: f64,
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

/// Distances from the function itself; of a function that grows without bounds ([`Function::grows`]), shares of values above 1.
#[derive(Clone, Copy, Debug)]
pub struct Errors {
    pub greatest: f64,
    /// What no number exceeds, where not every one was tried; none for a function of a program, of which no interval is known.
    pub bound: Option<f64>,
    /// The argument at which it is that great, the first of several.
    pub at: f64,
    pub mean: f64,
}

/// The numbers that are tried: `count` from `start` up to `end`, without it, `step` units of the format apart.
#[derive(Clone, Copy, Debug)]
pub struct Domain {
    pub start: f64,
    pub end: f64,
    pub step: usize,
    pub count: u64,
}

/// Every method, the cheapest first and of equally cheap ones the most accurate.
///
/// # Errors
/// What does not fit the machine.
pub fn measured(request: &Request, config: &Config) -> Result<Vec<Measured>> {
    let mut found = Vec::new();
    for method in request.function.methods().iter().copied() {
        let approx = request.approx(method);
        let (cycles, instructions) = measure::cost(&approx, config)?;
        let errors = measure::errors(&approx, &request.domain());
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

/// The function of one number that a file sees under a name: one that every program knows, or one that the file defines.
///
/// # Errors
/// What is wrong with the functions of the file, and a name under which it sees none.
pub fn function_of(sources: &Sources, file: FileId, name: &str, config: &Config) -> Result<Function> {
    pipeline::function(sources, file, name, config)
}

impl Request {
    /// `fraction` is how many bits of the format are fraction bits; the range goes from `-range` to `range`.
    ///
    /// # Errors
    /// Fraction bits for which there are no approximations, a range that is no positive number of the format, and a function of
    /// a program that has no values there.
    ///
    /// ```
    /// use tilewright::approx::{Function, Request};
    ///
    /// let tanh = Function::from_name("tanh").unwrap();
    /// assert_eq!(Request::new(tanh, 8, -1.0).unwrap_err()[0].code, "E0255");
    /// ```
    pub fn new(function: Function, fraction: u8, range: f64) -> Result<Request> {
        // Every method of a function has the same formats and ranges.
        match Approx::new(function.clone(), function.methods()[0], range, fraction) {
            Ok(_) => Ok(Request { function, fraction, range }),
            Err(error) => Err(vec![Diagnostic::error("E0255", error.to_string())]),
        }
    }

    pub fn function(&self) -> &Function {
        &self.function
    }

    /// Fraction bits of the argument and of the result.
    pub fn fraction(&self) -> u8 {
        self.fraction
    }

    /// As a number.
    pub fn range(&self) -> f64 {
        self.range
    }

    /// The numbers between which the function approximates, all of them as far as they are not too many.
    pub fn domain(&self) -> Domain {
        measure::domain(&self.approx(self.function.methods()[0]))
    }

    fn approx(&self, method: Method) -> Approx {
        let Request { function, fraction, range } = self;
        let made = Approx::new(function.clone(), method, *range, *fraction);
        made.expect("a request is for what there are approximations of")
    }
}
