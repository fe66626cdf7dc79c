//! The VTA instruction set as a library: a configuration and what follows from it, instructions, and their encoding.
//!
//! Data flows one way: [`Params`] (what a file says) → [`Config`] (checked, with every derived width and depth) →
//! [`Codec`] (the bit layout of that configuration) → [`Insn`] and [`Uop`] ↔ 128-bit and 32-bit words. Nothing here
//! executes an instruction, and nothing reads or writes files. A [`Program`] is a whole stream with its memory; [`text`] is its readable form.
//!
//! Invariants: a [`Config`] is valid, because it can only be made by checking; decoding is total, so every word is
//! either an instruction or a typed error, never a panic.

mod alu;
pub mod config;
mod elements;
pub mod encode;
pub mod insn;
mod json;
mod layout;
pub mod limits;
pub mod lint;
mod memory;
pub mod program;
pub mod stream;
pub mod suggest;
pub mod text;
pub mod timing;

pub use alu::AluOpcode;
pub use config::{Capabilities, Config, ConfigError, FieldWidths, Params, WidthsError};
pub use encode::{AtInsn, Codec, DecodeError, EncodeError};
pub use insn::{Alu, Gemm, Insn, Mem, Module, Op, Tokens, Uop};
pub use json::without_effect;
pub use lint::{Code, Finding, lint};
pub use memory::{MemoryType, PerMemory, Side};
pub use program::{Content, Program, Segment, UopBuffer};
pub use stream::{Order, Queue};
pub use timing::{Timing, TimingError};
