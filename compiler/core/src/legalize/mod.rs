//! Makes a loop program fit for the accelerator, one pass a file. [`LoopProgram`] → [`LegalProgram`].
//!
//! `unfuse` takes fused loops apart; `normalize` gives copies and elementwise nests one loop for each dimension; `shrink` leaves
//! out statements and elements that nobody reads; `borders` fills what lies beyond the edges of arrays; `planes` keeps computed `i32` arrays in device memory as bytes; `split_expressions` cuts values that are no chain of operations; `layout` gives
//! each buffer its tiles and their order; `padding` checks that what pads tiles changes no value; `coalesce` joins buffers that
//! can share storage; `vthread` interleaves the iterations of marked loops; `slots` lets accesses name the copy of a buffer that
//! rotates; `match_gemm`, `match_alu` and `match_dma` put intrinsics on tiles in the place of stores; `distribute` gives products
//! loops of their own; `fold` draws loops into the intrinsics; `allocate` gives buffers their places in the scratchpads.
//! `pipeline` holds the order of the passes and the reason for it.

pub mod allocate;
pub mod borders;
pub mod coalesce;
pub mod distribute;
pub mod fold;
pub mod layout;
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
mod tiles;

use tilewright_isa::Config;

use crate::gemm::Core;
use crate::loops::nest;

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
