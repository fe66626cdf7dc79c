//! A machine's configuration: [`Params`], the log2 parameters as VTA's JSON has them → [`Config`], the same parameters
//! checked, with the widths, shapes and depths that follow from them.
//!
//! Invariants of a `Config`: every shift by one of its parameters fits in 64 bits, every buffer holds at least one
//! element, an element is a whole number of bytes, and micro-ops and instructions fit in their 32 and 128 bits.

use crate::layout::Layout;
use crate::limits::ITER_WIDTH;
use crate::memory::{MemoryType, Side};
use crate::suggest::did_you_mean;
use thiserror::Error;

/// Bits of a micro-op.
pub const UOP_BITS: u32 = 32;
/// Bytes of a micro-op.
pub const UOP_BYTES: usize = 4;
/// Bytes of an instruction.
pub const INSN_BYTES: usize = 16;

/// Largest log2 of an operand's width in bits: 32-bit values.
const MAX_LOG_WIDTH: u32 = 5;
/// Largest log2 of one dimension of the core.
const MAX_LOG_CORE: u32 = 8;
/// Largest log2 of a scratchpad's size in bytes: 256 MiB.
const MAX_LOG_BUFF_SIZE: u32 = 28;

/// The parameters of a machine, each as log2; fields are named as VTA's JSON keys. Unchecked: see [`Config::new`].
///
/// Widths are in bits, buffer sizes in bytes. VTA's file has one `LOG_BLOCK` for both block sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Params {
    pub log_inp_width: u32,
    pub log_wgt_width: u32,
    pub log_acc_width: u32,
    pub log_batch: u32,
    pub log_block_in: u32,
    pub log_block_out: u32,
    pub log_uop_buff_size: u32,
    pub log_inp_buff_size: u32,
    pub log_wgt_buff_size: u32,
    pub log_acc_buff_size: u32,
}

impl Default for Params {
    /// VTA's default machine: int8 × int8 → int32 on a 1×16×16 core.
    fn default() -> Params {
        Params {
            log_inp_width: 3,
            log_wgt_width: 3,
            log_acc_width: 5,
            log_batch: 0,
            log_block_in: 4,
            log_block_out: 4,
            log_uop_buff_size: 15,
            log_inp_buff_size: 15,
            log_wgt_buff_size: 18,
            log_acc_buff_size: 17,
        }
    }
}

impl Params {
    /// Every parameter with its key, in VTA's order; [`Params::get_mut`] takes the same keys.
    pub fn named(&self) -> [(&'static str, u32); 10] {
        [
            ("LOG_INP_WIDTH", self.log_inp_width),
            ("LOG_WGT_WIDTH", self.log_wgt_width),
            ("LOG_ACC_WIDTH", self.log_acc_width),
            ("LOG_BATCH", self.log_batch),
            ("LOG_BLOCK_IN", self.log_block_in),
            ("LOG_BLOCK_OUT", self.log_block_out),
            ("LOG_UOP_BUFF_SIZE", self.log_uop_buff_size),
            ("LOG_INP_BUFF_SIZE", self.log_inp_buff_size),
            ("LOG_WGT_BUFF_SIZE", self.log_wgt_buff_size),
            ("LOG_ACC_BUFF_SIZE", self.log_acc_buff_size),
        ]
    }

    /// The parameter with this key.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut u32> {
        Some(match key {
            "LOG_INP_WIDTH" => &mut self.log_inp_width,
            "LOG_WGT_WIDTH" => &mut self.log_wgt_width,
            "LOG_ACC_WIDTH" => &mut self.log_acc_width,
            "LOG_BATCH" => &mut self.log_batch,
            "LOG_BLOCK_IN" => &mut self.log_block_in,
            "LOG_BLOCK_OUT" => &mut self.log_block_out,
            "LOG_UOP_BUFF_SIZE" => &mut self.log_uop_buff_size,
            "LOG_INP_BUFF_SIZE" => &mut self.log_inp_buff_size,
            "LOG_WGT_BUFF_SIZE" => &mut self.log_wgt_buff_size,
            "LOG_ACC_BUFF_SIZE" => &mut self.log_acc_buff_size,
            _ => return None,
        })
    }
}

/// What VTA's functional simulator can do and its RTL cannot. A machine without one of these is not given such instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Capabilities {
    /// The ALU multiplies.
    pub mul: bool,
    /// Loads into the accumulator widen 8-bit values.
    pub acc_8bit: bool,
}

impl Default for Capabilities {
    /// Those of the functional simulator.
    fn default() -> Capabilities {
        Capabilities { mul: true, acc_8bit: true }
    }
}

impl Capabilities {
    /// Every capability with its key; [`Capabilities::get_mut`] takes the same keys.
    pub fn named(&self) -> [(&'static str, bool); 2] {
        [("mul", self.mul), ("acc_8bit", self.acc_8bit)]
    }

    /// The capability with this key.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut bool> {
        Some(match key {
            "mul" => &mut self.mul,
            "acc_8bit" => &mut self.acc_8bit,
            _ => return None,
        })
    }
}

/// Widths in bits of the fields that depend on the configuration; 0 for the index of a buffer that holds one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FieldWidths {
    pub uop_bgn: u32,
    /// One more than `uop_bgn`, so that the end can lie just behind the buffer.
    pub uop_end: u32,
    pub iter: u32,
    pub dst_factor: u32,
    pub gemm_src_factor: u32,
    pub alu_src_factor: u32,
    pub wgt_factor: u32,
    pub uop_dst: u32,
    pub uop_src: u32,
    pub uop_wgt: u32,
}

/// Why a configuration is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    #[error("{key} is {value}, but must be at most {max}")]
    TooLarge { key: &'static str, value: u32, max: u32 },
    #[error(
        "an {memory} element of {bits} bits is not a whole number of bytes: enlarge LOG_BATCH, the block or its width"
    )]
    ElementBelowByte { memory: MemoryType, bits: u64 },
    #[error("{key} is {value}: {bytes} bytes hold no {memory} element of {element_bytes} bytes")]
    TooShallow { key: &'static str, value: u32, bytes: u64, memory: MemoryType, element_bytes: u64 },
    #[error(
        "a micro-op needs {total} bits (dst {dst} + src {src} + wgt {wgt}) but has 32: reduce the depth of the acc, inp or wgt buffer"
    )]
    UopTooWide { total: u32, dst: u32, src: u32, wgt: u32 },
    #[error("{insn} needs {bits} bits but an instruction has 128: {reason}")]
    InsnTooWide { insn: &'static str, bits: u32, reason: String },
    #[error("the configuration is not JSON: {reason} (line {line}, column {column})")]
    Json { reason: String, line: usize, column: usize },
    #[error("the configuration must be a JSON object, but is {found}")]
    NotAnObject { found: &'static str },
    #[error("unknown key {key:?}{}: expected one of {}", did_you_mean(.key, .choices.iter().copied()), .choices.join(", "))]
    UnknownKey { key: String, choices: Vec<&'static str> },
    #[error("the key {key:?} appears twice")]
    DuplicateKey { key: String },
    #[error("{key} must be an integer from 0 to 63, but is {found}")]
    NotANumber { key: String, found: String },
    #[error("{key} must be a string, but is {found}")]
    NotAString { key: String, found: String },
    #[error("{key} must be true or false, but is {found}")]
    NotABool { key: String, found: String },
    #[error("{key} is {value}, but follows from the other keys and must be {expected}")]
    Contradiction { key: &'static str, value: u32, expected: u32 },
}

impl ConfigError {
    /// The stable code that `explain` takes.
    pub fn code(&self) -> &'static str {
        match self {
            ConfigError::TooLarge { .. } => "E0701",
            ConfigError::ElementBelowByte { .. } => "E0702",
            ConfigError::TooShallow { .. } => "E0703",
            ConfigError::UopTooWide { .. } => "E0704",
            ConfigError::InsnTooWide { .. } => "E0705",
            ConfigError::Json { .. } | ConfigError::NotAnObject { .. } => "E0706",
            ConfigError::UnknownKey { .. } => "E0707",
            ConfigError::DuplicateKey { .. } => "E0708",
            ConfigError::NotANumber { .. } | ConfigError::NotAString { .. } | ConfigError::NotABool { .. } => "E0709",
            ConfigError::Contradiction { .. } => "E0710",
        }
    }
}

/// Why a configuration has no meaning beyond the encoding of its instructions.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("values of {inp}, {wgt} and {acc} bits (inp, wgt, acc) cannot be executed, only 8, 8 and 32")]
pub struct WidthsError {
    pub inp: usize,
    pub wgt: usize,
    pub acc: usize,
}

impl WidthsError {
    /// The stable code that `explain` takes.
    pub fn code(&self) -> &'static str {
        "E0903"
    }
}

/// A valid configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    params: Params,
    capabilities: Capabilities,
}

impl Default for Config {
    /// VTA's default machine.
    fn default() -> Config {
        Config { params: Params::default(), capabilities: Capabilities::default() }
    }
}

impl Config {
    /// Checks the parameters; the error says which one to change and why.
    pub fn new(params: Params) -> Result<Config, ConfigError> {
        check_ranges(&params)?;
        let config = Config { params, capabilities: Capabilities::default() };
        config.check_buffers()?;
        config.check_uop()?;
        Layout::new(&config.field_widths()).map(|_| config)
    }

    pub fn params(&self) -> &Params {
        &self.params
    }

    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The same machine with these capabilities.
    pub fn with_capabilities(self, capabilities: Capabilities) -> Config {
        Config { capabilities, ..self }
    }

    /// Values along a side of the core.
    pub fn side(&self, side: Side) -> usize {
        match side {
            Side::Batch => self.batch(),
            Side::BlockOut => self.block_out(),
            Side::BlockIn => self.block_in(),
        }
    }

    /// Rows of an INP, ACC or OUT element.
    pub fn batch(&self) -> usize {
        1 << self.params.log_batch
    }

    /// Values that one lane of GEMM reduces.
    pub fn block_in(&self) -> usize {
        1 << self.params.log_block_in
    }

    /// Columns of an ACC or OUT element.
    pub fn block_out(&self) -> usize {
        1 << self.params.log_block_out
    }

    /// Bits of an INP value.
    pub fn inp_width(&self) -> usize {
        1 << self.params.log_inp_width
    }

    /// Bits of a WGT value.
    pub fn wgt_width(&self) -> usize {
        1 << self.params.log_wgt_width
    }

    /// Bits of an ACC value.
    pub fn acc_width(&self) -> usize {
        1 << self.params.log_acc_width
    }

    /// Bits of an OUT value: as INP, so that a result can be the next kernel's input.
    pub fn out_width(&self) -> usize {
        self.inp_width()
    }

    /// Refuses values other than int8 × int8 → int32, the only widths with an execution semantics here. The others have an
    /// encoding all the same.
    pub fn executable(&self) -> Result<(), WidthsError> {
        match (self.inp_width(), self.wgt_width(), self.acc_width()) {
            (8, 8, 32) => Ok(()),
            (inp, wgt, acc) => Err(WidthsError { inp, wgt, acc }),
        }
    }

    /// Rows and columns of one element. A micro-op counts as one value.
    pub fn element_shape(&self, memory: MemoryType) -> [usize; 2] {
        memory.shape(self)
    }

    /// Bytes of one element in DRAM, which is what `dram_base` and `x_stride` count.
    ///
    /// For ACC_8BIT that is one byte per value, however wide the accumulator.
    pub fn element_bytes(&self, memory: MemoryType) -> usize {
        (self.element_bits(memory) / 8) as usize
    }

    /// Elements that the memory holds; the micro-op buffer counts micro-ops. OUT is as deep as ACC.
    pub fn depth(&self, memory: MemoryType) -> usize {
        1 << self.log_depth(memory)
    }

    /// The log2 of [`Config::depth`].
    pub fn log_depth(&self, memory: MemoryType) -> u32 {
        memory.log_size(&self.params) - (self.element_bits(memory.scratchpad()) / 8).trailing_zeros()
    }

    /// Widths in bits of the fields that depend on the configuration.
    pub fn field_widths(&self) -> FieldWidths {
        let uop = self.log_depth(MemoryType::Uop);
        let acc = self.log_depth(MemoryType::Acc);
        let inp = self.log_depth(MemoryType::Inp);
        let wgt = self.log_depth(MemoryType::Wgt);
        FieldWidths {
            uop_bgn: uop,
            uop_end: uop + 1,
            iter: ITER_WIDTH,
            dst_factor: acc,
            gemm_src_factor: inp,
            alu_src_factor: acc,
            wgt_factor: wgt,
            uop_dst: acc,
            uop_src: acc.max(inp),
            uop_wgt: wgt,
        }
    }

    fn element_bits(&self, memory: MemoryType) -> u64 {
        let [rows, columns] = memory.shape(self);
        (memory.width(self) * rows * columns) as u64
    }

    fn check_buffers(&self) -> Result<(), ConfigError> {
        for memory in [MemoryType::Inp, MemoryType::Wgt, MemoryType::Acc, MemoryType::Out] {
            let bits = self.element_bits(memory);
            if !bits.is_multiple_of(8) {
                return Err(ConfigError::ElementBelowByte { memory, bits });
            }
        }
        for memory in MemoryType::SCRATCHPADS {
            let (key, value) = (memory.size_key(), memory.log_size(&self.params));
            let bytes = 1u64 << value;
            let element_bytes = self.element_bits(memory) / 8;
            if bytes < element_bytes {
                return Err(ConfigError::TooShallow { key, value, bytes, memory, element_bytes });
            }
        }
        Ok(())
    }

    fn check_uop(&self) -> Result<(), ConfigError> {
        let FieldWidths { uop_dst: dst, uop_src: src, uop_wgt: wgt, .. } = self.field_widths();
        let total = dst + src + wgt;
        if total > UOP_BITS { Err(ConfigError::UopTooWide { total, dst, src, wgt }) } else { Ok(()) }
    }
}

/// Bounds every logarithm before anything is shifted by it.
fn check_ranges(params: &Params) -> Result<(), ConfigError> {
    for (key, value) in params.named() {
        let max = match key {
            "LOG_BATCH" | "LOG_BLOCK_IN" | "LOG_BLOCK_OUT" => MAX_LOG_CORE,
            _ if key.ends_with("_WIDTH") => MAX_LOG_WIDTH,
            _ => MAX_LOG_BUFF_SIZE,
        };
        if value > max {
            return Err(ConfigError::TooLarge { key, value, max });
        }
    }
    Ok(())
}
