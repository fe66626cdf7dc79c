//! The options of `tilewright approx`.

use std::path::PathBuf;

use clap::Args;

use super::{Exports, TargetOption};

#[derive(Debug, Args)]
pub struct ApproxArgs {
    /// The function: sigmoid, tanh, exp, exp2, log2, reciprocal, rsqrt, sqrt, erf, gelu, silu, softplus, or one of --from
    pub function: String,
    /// Take a function of one number that this file defines with `fn`
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Fraction bits of arguments and results
    #[arg(long = "q", value_name = "N", value_parser = clap::value_parser!(u8).range(5..=24), default_value_t = 12)]
    pub fraction: u8,
    /// The range for which the function is approximated
    #[arg(long, value_name = "NUMBER", default_value_t = 8.0)]
    pub range: f64,
    /// Draw errors against cycles
    #[arg(long, value_name = "FILE.svg")]
    pub svg: Option<PathBuf>,
    #[command(flatten)]
    pub target: TargetOption,
    #[command(flatten)]
    pub exports: Exports,
}
