//! The memories that instructions name: one row each with everything that depends on which it is.
//!
//! The configuration, the encoding, the text form, the simulator and the compiler ask here for names, elements, sizes and
//! modules. Where a memory is more than numbers (the layout in which a kernel wants it, the queue of its reads) whoever
//! holds that knows it by the same enum.

use crate::config::{Config, Params, UOP_BITS};
use crate::insn::Module;
use std::fmt;
use std::ops::{Index, IndexMut};

/// What a LOAD or STORE moves; the number is VTA's encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MemoryType {
    Uop = 0,
    Wgt = 1,
    Inp = 2,
    Acc = 3,
    Out = 4,
    /// ACC, from 8-bit values in DRAM that are sign-extended on the way.
    Acc8Bit = 5,
}

/// A side of the GEMM core: elements of the memories around it are tiles with two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// In the accumulator and the input, not in the weights.
    Batch,
    /// In the accumulator and the weights, not in the input.
    BlockOut,
    /// In the input and the weights, not in the accumulator: the reduction.
    BlockIn,
}

impl Side {
    pub const ALL: [Side; 3] = [Side::Batch, Side::BlockOut, Side::BlockIn];

    /// The name of the parameter, and of the constant that the language has for it.
    pub fn name(self) -> &'static str {
        match self {
            Side::Batch => "BATCH",
            Side::BlockOut => "BLOCK_OUT",
            Side::BlockIn => "BLOCK_IN",
        }
    }
}

/// What is known of a memory.
struct Row {
    memory: MemoryType,
    name: &'static str,
    /// The module that loads it.
    loaded_by: Module,
    /// The module that reads it. Where that is the one that loads it, no other knows the memory.
    read_by: Module,
    /// The memory whose buffer holds its elements; itself unless it is a view.
    scratchpad: MemoryType,
    /// Rows and columns of an element; none for micro-ops, which are single values.
    sides: Option<[Side; 2]>,
    /// Bits of a value in DRAM.
    width: fn(&Config) -> usize,
    /// The log2 of the buffer's size in bytes, and the key under which files have it.
    log_size: fn(&Params) -> u32,
    size_key: &'static str,
}

/// In the order of the encoding.
static TABLE: [Row; 6] = [
    Row {
        memory: MemoryType::Uop,
        name: "uop",
        loaded_by: Module::Compute,
        read_by: Module::Compute,
        scratchpad: MemoryType::Uop,
        sides: None,
        width: |_| UOP_BITS as usize,
        log_size: |params| params.log_uop_buff_size,
        size_key: "LOG_UOP_BUFF_SIZE",
    },
    Row {
        memory: MemoryType::Wgt,
        name: "wgt",
        loaded_by: Module::Load,
        read_by: Module::Compute,
        scratchpad: MemoryType::Wgt,
        sides: Some([Side::BlockOut, Side::BlockIn]),
        width: Config::wgt_width,
        log_size: |params| params.log_wgt_buff_size,
        size_key: "LOG_WGT_BUFF_SIZE",
    },
    Row {
        memory: MemoryType::Inp,
        name: "inp",
        loaded_by: Module::Load,
        read_by: Module::Compute,
        scratchpad: MemoryType::Inp,
        sides: Some([Side::Batch, Side::BlockIn]),
        width: Config::inp_width,
        log_size: |params| params.log_inp_buff_size,
        size_key: "LOG_INP_BUFF_SIZE",
    },
    Row { memory: MemoryType::Acc, name: "acc", width: Config::acc_width, ..ACCUMULATOR },
    // OUT is a view of ACC, which only a STORE names.
    Row { memory: MemoryType::Out, name: "out", width: Config::out_width, ..ACCUMULATOR },
    Row { memory: MemoryType::Acc8Bit, name: "acc8", width: |_| 8, ..ACCUMULATOR },
];

/// What the views of the accumulator have in common.
const ACCUMULATOR: Row = Row {
    memory: MemoryType::Acc,
    name: "",
    loaded_by: Module::Compute,
    read_by: Module::Store,
    scratchpad: MemoryType::Acc,
    sides: Some([Side::Batch, Side::BlockOut]),
    width: Config::acc_width,
    log_size: |params| params.log_acc_buff_size,
    size_key: "LOG_ACC_BUFF_SIZE",
};

impl MemoryType {
    pub const ALL: [MemoryType; 6] =
        [MemoryType::Uop, MemoryType::Wgt, MemoryType::Inp, MemoryType::Acc, MemoryType::Out, MemoryType::Acc8Bit];

    /// The memories that have a buffer of their own, in the order in which tools list them.
    pub const SCRATCHPADS: [MemoryType; 4] = [MemoryType::Uop, MemoryType::Inp, MemoryType::Wgt, MemoryType::Acc];

    /// What LOAD can name, in the order in which reports list it: each scratchpad, and behind it the other ways to load it.
    pub const LOADED: [MemoryType; 5] =
        [MemoryType::Inp, MemoryType::Wgt, MemoryType::Acc, MemoryType::Acc8Bit, MemoryType::Uop];

    /// The memories between which reports divide the bytes moved, in their order: the scratchpads for what is loaded, OUT
    /// for what is stored.
    pub const REPORTED: [MemoryType; 5] =
        [MemoryType::Inp, MemoryType::Wgt, MemoryType::Acc, MemoryType::Uop, MemoryType::Out];

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The memory with this number in the encoding, if there is one.
    pub fn from_bits(bits: u64) -> Option<MemoryType> {
        TABLE.get(usize::try_from(bits).ok()?).map(|row| row.memory)
    }

    /// The name in the text form.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The module that runs a LOAD of it.
    #[inline]
    pub fn loaded_by(self) -> Module {
        self.row().loaded_by
    }

    /// The module that reads it; compute for operands and micro-ops, store for ACC, which compute writes.
    #[inline]
    pub fn read_by(self) -> Module {
        self.row().read_by
    }

    /// Whether two modules use it, so that tokens have to order what they do.
    pub fn is_shared(self) -> bool {
        self.loaded_by() != self.read_by()
    }

    /// The sides of the core that an element has, rows first; none for a micro-op.
    pub fn sides(self) -> Option<[Side; 2]> {
        self.row().sides
    }

    /// The memory whose buffer holds the elements: ACC for its 8-bit load and for OUT, which is a view of it.
    pub fn scratchpad(self) -> MemoryType {
        self.row().scratchpad
    }

    /// The key of the buffer's size in VTA's JSON.
    pub fn size_key(self) -> &'static str {
        self.row().size_key
    }

    /// Rows and columns of an element under a configuration. A micro-op counts as one value.
    pub(crate) fn shape(self, config: &Config) -> [usize; 2] {
        self.sides().map_or([1, 1], |sides| sides.map(|side| config.side(side)))
    }

    /// Bits of a value in DRAM.
    pub(crate) fn width(self, config: &Config) -> usize {
        (self.row().width)(config)
    }

    /// The log2 of the size of the buffer that holds it, in bytes.
    pub(crate) fn log_size(self, params: &Params) -> u32 {
        (self.row().log_size)(params)
    }
}

impl fmt::Display for MemoryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A value for each memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PerMemory<T>([T; MemoryType::ALL.len()]);

impl<T> PerMemory<T> {
    pub fn new(value: impl FnMut(MemoryType) -> T) -> PerMemory<T> {
        PerMemory(MemoryType::ALL.map(value))
    }

    /// In the order of [`MemoryType::ALL`].
    pub fn values(&self) -> &[T] {
        &self.0
    }
}

impl<T> Index<MemoryType> for PerMemory<T> {
    type Output = T;

    #[inline]
    fn index(&self, memory: MemoryType) -> &T {
        &self.0[memory as usize]
    }
}

impl<T> IndexMut<MemoryType> for PerMemory<T> {
    #[inline]
    fn index_mut(&mut self, memory: MemoryType) -> &mut T {
        &mut self.0[memory as usize]
    }
}
