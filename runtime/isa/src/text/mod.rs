//! The text form of a [`Program`]: [`print`] writes it, [`parse`] reads it, and `parse(print(p)) == p` for every program.
//!
//! ```text
//! .config LOG_INP_WIDTH 3 LOG_WGT_WIDTH 3 ...
//! .segment "uops" at 0x1000 uops 1
//!     uop 0: dst 0 src 0 wgt 0
//! .segment "X" at 0x2000 bytes 256
//! .segment "bias" at 0x3000 data 4
//!     hex 0x00ff00ff
//!
//!    0: compute []                     load uop sram_base 0 dram_base 0x400 y_size 1 x_size 1 x_stride 1
//!    1: compute [push_prev]            gemm reset uop 0..1 iter_out 16 (dst 1) iter_in 1
//!    2: compute [pop_prev push_next]   alu add uop 0..1 iter_out 16 (dst 1 src 1) iter_in 1 imm 3
//!    3: raw 0x00000000000000000000000000000007
//! ```
//!
//! A line is an instruction: optionally its number and its module, the tokens in brackets, the operation with its
//! fields in any order. A segment holds `uops` or `data` that are listed, or `bytes` that are not.
//! The number is for the reader; the position decides. A module that is stated must be right.
//! Factors and pads that are not stated are 0, all other fields are required. `padding` carries bits that no field
//! covers. A word that is no instruction is `raw`. `;` starts a comment. Without `.config` the default machine is meant.
//! A capability of the machine is a key of `.config` like its parameters, with `true` or `false`: `mul false`. Those that
//! are not stated are those of the default machine.

mod cursor;
mod error;
mod fields;
mod lex;
mod parse;
mod print;

pub use error::{TextError, TextErrorKind};
pub use parse::parse;
pub use print::{print, print_annotated};

use crate::alu::AluOpcode;
use crate::insn::Module;
use crate::memory::MemoryType;

/// The names of the token flags, in the order of [`crate::Tokens`].
const TOKEN_NAMES: [&str; 4] = ["pop_prev", "pop_next", "push_prev", "push_next"];

/// The names that the text form uses for a closed set of values.
trait Named: Copy + Sized + 'static {
    const WHAT: &'static str;
    fn all() -> &'static [Self];
    fn text(self) -> &'static str;
}

impl Named for MemoryType {
    const WHAT: &'static str = "memory";
    fn all() -> &'static [MemoryType] {
        &MemoryType::ALL
    }
    fn text(self) -> &'static str {
        self.name()
    }
}

impl Named for AluOpcode {
    const WHAT: &'static str = "ALU operation";
    fn all() -> &'static [AluOpcode] {
        &AluOpcode::ALL
    }
    fn text(self) -> &'static str {
        self.name()
    }
}

impl Named for Module {
    const WHAT: &'static str = "module";
    fn all() -> &'static [Module] {
        &Module::ALL
    }
    fn text(self) -> &'static str {
        self.name()
    }
}
