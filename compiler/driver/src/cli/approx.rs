//! The options of `tilewright approx`.

use std::path::PathBuf;

use clap::Args;

use super::{Exports, TargetOption};

#[derive(Debug, Args)]
pub struct ApproxArgs {
    /// The function
    #[arg(value_parser = ["sigmoid", "tanh"])]
    pub function: String,
    /// Fraction bits of arguments and results
    #[arg(long = "q", value_name = "N", value_parser = clap::value_parser!(u8).range(5..=24), default_value_t = 12)]
    pub fraction: u8,
    /// Outside [-RANGE, RANGE] the approximations are constant
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
