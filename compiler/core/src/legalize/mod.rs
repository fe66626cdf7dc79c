//! Makes a loop program fit for the accelerator, one pass a file. [`LoopProgram`] → [`LegalProgram`].
//!
//! `pipeline::PASSES` lists the passes in their order, each with the reason why it stands there; the header of each file says
//! what it makes of a program. [`seal`] holds that what they leave is legal.

pub mod allocate;
pub mod borders;
pub mod coalesce;
pub mod distribute;
pub mod fold;
pub mod layout;
pub mod loop_values;
pub mod match_alu;
pub mod match_dma;
pub mod match_gemm;
pub mod normalize;
pub mod padding;
pub mod planes;
pub mod shrink;
pub mod slots;
pub mod split_expressions;
pub mod unfuse;
pub mod vthread;

mod error;
mod order;
mod seal;
#[cfg(test)]
mod testing;
mod tiles;

use tilewright_isa::Config;

use crate::gemm::Core;

pub use error::LegalizeError;
pub use seal::{LegalProgram, seal};

/// What a pass may know besides the program: the target, and nothing of what the program was made from.
#[derive(Clone, Copy, Debug)]
pub struct Cx {
    pub config: Config,
}

impl Cx {
    /// The sides of the GEMM core.
    pub fn core(&self) -> Core {
        Core {
            batch: self.config.batch() as i64,
            block_in: self.config.block_in() as i64,
            block_out: self.config.block_out() as i64,
        }
    }
}
