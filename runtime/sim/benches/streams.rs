//! Streams to measure: configurations and loop counts → instructions with the device memory they need.

use tilewright_isa::{Alu, AluOpcode, Codec, Config, Gemm, Insn, Mem, MemoryType, Op, Tokens, Uop};
use tilewright_sim::{Dram, Segment};

/// Bytes of device memory that the streams use.
const MEMORY: usize = 1 << 22;
/// Where micro-ops lie in device memory, in bytes.
const UOPS: usize = 1 << 21;

/// A stream and the memory before it.
#[derive(Debug)]
pub struct Stream {
    /// Fills the scratchpads; run once.
    pub setup: Vec<Insn>,
    pub insns: Vec<Insn>,
    pub dram: Dram,
}

/// Collects instructions and the micro-ops that they use.
#[derive(Debug)]
pub struct Builder {
    codec: Codec,
    setup: Vec<Insn>,
    insns: Vec<Insn>,
    memory: Vec<u8>,
    uops: usize,
}

impl Builder {
    pub fn new(config: &Config) -> Builder {
        // A fixed pseudo-random pattern that takes every byte value.
        let memory = (0..MEMORY as u32).map(|i| (i.wrapping_mul(0x9E37_79B1) >> 24) as u8).collect();
        Builder { codec: Codec::new(config), setup: Vec::new(), insns: Vec::new(), memory, uops: 0 }
    }

    pub fn push(&mut self, op: Op) {
        self.insns.push(Insn { tokens: Tokens::default(), op });
    }

    /// A load of `count` elements from the start of device memory into the start of the scratchpad.
    pub fn load(&mut self, memory_type: MemoryType, count: u16) {
        self.push(Op::Load(Mem { y_size: 1, x_size: count, x_stride: count, ..Mem::noop(memory_type) }));
    }

    pub fn store(&mut self, count: u16, dram_base: u32) {
        let mem = Mem { y_size: 1, x_size: count, x_stride: count, dram_base, ..Mem::noop(MemoryType::Out) };
        self.push(Op::Store(mem));
    }

    /// Puts micro-ops behind those that are loaded already; returns their range.
    pub fn uops(&mut self, uops: &[Uop]) -> (u32, u32) {
        let bgn = self.uops;
        for uop in uops {
            let word = self.codec.encode_uop(uop).expect("the micro-op fits");
            self.memory[UOPS + 4 * self.uops..][..4].copy_from_slice(&word.to_le_bytes());
            self.uops += 1;
        }
        self.push(Op::Load(Mem {
            sram_base: bgn as u16,
            dram_base: (UOPS / 4 + bgn) as u32,
            y_size: 1,
            x_size: uops.len() as u16,
            x_stride: uops.len() as u16,
            ..Mem::noop(MemoryType::Uop)
        }));
        (bgn as u32, self.uops as u32)
    }

    /// Makes what was pushed so far the setup.
    pub fn end_setup(&mut self) {
        self.setup = std::mem::take(&mut self.insns);
    }

    pub fn finish(mut self) -> Stream {
        self.push(Op::Finish);
        let dram = Dram::new(vec![Segment { address: 0, bytes: self.memory }]).expect("one segment");
        Stream { setup: self.setup, insns: self.insns, dram }
    }
}

/// A GEMM without loops of its own.
pub fn gemm((uop_bgn, uop_end): (u32, u32)) -> Gemm {
    Gemm {
        reset: false,
        uop_bgn,
        uop_end,
        iter_out: 1,
        iter_in: 1,
        dst_factor_out: 0,
        dst_factor_in: 0,
        src_factor_out: 0,
        src_factor_in: 0,
        wgt_factor_out: 0,
        wgt_factor_in: 0,
    }
}

/// An ALU instruction of one micro-op over `count` neighbouring elements.
pub fn alu((uop_bgn, uop_end): (u32, u32), alu_opcode: AluOpcode, imm: Option<i16>, count: u32) -> Alu {
    Alu {
        reset: false,
        uop_bgn,
        uop_end,
        iter_out: 1,
        iter_in: count,
        dst_factor_out: 0,
        dst_factor_in: 1,
        src_factor_out: 0,
        src_factor_in: 1,
        alu_opcode,
        use_imm: imm.is_some(),
        imm: imm.unwrap_or(0),
    }
}

/// Fills INP and WGT, as far as 16-bit counts allow.
fn load_operands(builder: &mut Builder, config: &Config) {
    builder.load(MemoryType::Inp, config.depth(MemoryType::Inp) as u16);
    builder.load(MemoryType::Wgt, config.depth(MemoryType::Wgt) as u16);
}

/// Products of a matrix and vectors: all weights resident, each tile used once per pass.
///
/// With `listed`, the whole nest stands in the micro-op list; otherwise in the instruction's loops.
pub fn matrix_vector(config: &Config, passes: usize, listed: bool) -> Stream {
    let mut builder = Builder::new(config);
    load_operands(&mut builder, config);
    let tiles = config.depth(MemoryType::Wgt) as u32;
    let reduction = 32.min(tiles / 2);
    let rows = tiles / reduction;
    if listed {
        let uops: Vec<Uop> = (0..tiles).map(|wgt| Uop { dst: wgt / reduction, src: wgt % reduction, wgt }).collect();
        let range = builder.uops(&uops);
        builder.end_setup();
        (0..passes).for_each(|_| builder.push(Op::Gemm(gemm(range))));
    } else {
        let range = builder.uops(&[Uop::default()]);
        let loops = Gemm {
            iter_out: rows,
            iter_in: reduction,
            dst_factor_out: 1,
            wgt_factor_out: reduction,
            src_factor_in: 1,
            wgt_factor_in: 1,
            ..gemm(range)
        };
        builder.end_setup();
        (0..passes).for_each(|_| builder.push(Op::Gemm(loops)));
    }
    builder.finish()
}

/// GEMMs of a convolution with 3×3 kernels on 28×14 positions and two blocks of output channels, as TVM's tuned
/// schedule of ResNet-18's fifth convolution makes them: 7,056 micro-op executions each.
pub fn convolution(config: &Config, gemms: usize) -> Stream {
    let mut builder = Builder::new(config);
    load_operands(&mut builder, config);
    push_convolution(&mut builder, 1);
    let gemm = builder.insns.last().expect("a convolution").op;
    builder.end_setup();
    (0..gemms).for_each(|_| builder.push(gemm));
    builder.finish()
}

fn push_convolution(builder: &mut Builder, gemms: usize) {
    let mut uops = Vec::new();
    for row in 0..3 {
        for channel in 0..2 {
            for y in 0..14 {
                uops.push(Uop { dst: channel * 392 + y * 28, src: (y + row) * 30, wgt: channel * 9 + row * 3 });
            }
        }
    }
    let range = builder.uops(&uops);
    let loops = Gemm {
        iter_out: 28,
        iter_in: 3,
        dst_factor_out: 1,
        src_factor_out: 1,
        src_factor_in: 1,
        wgt_factor_in: 1,
        ..gemm(range)
    };
    (0..gemms).for_each(|_| builder.push(Op::Gemm(loops)));
}

/// A whole convolution: 64 rounds of loads and products (451,584 micro-ops), 12 ALU instructions (9,408), stores.
pub fn whole_convolution(config: &Config) -> Stream {
    let mut builder = Builder::new(config);
    let mut uops = 0;
    for round in 0..64 {
        builder.load(MemoryType::Inp, 480);
        builder.load(MemoryType::Wgt, 18);
        if round == 0 {
            push_convolution(&mut builder, 1);
            uops = builder.uops;
        } else if let Some(&gemm) = builder.insns.iter().find(|insn| matches!(insn.op, Op::Gemm(_))) {
            builder.push(gemm.op);
        }
        if round % 16 == 15 {
            let range =
                if uops == builder.uops { builder.uops(&[Uop::default()]) } else { (uops as u32, uops as u32 + 1) };
            builder.push(Op::Alu(alu(range, AluOpcode::Shr, Some(8), 784)));
            builder.push(Op::Alu(alu(range, AluOpcode::Max, Some(0), 784)));
            builder.push(Op::Alu(alu(range, AluOpcode::Min, Some(127), 784)));
            builder.store(784, 0);
        }
    }
    builder.finish()
}

/// Passes of one ALU operation over `elements` neighbouring elements.
pub fn alu_passes(config: &Config, opcode: AluOpcode, imm: Option<i16>, elements: u32, passes: usize) -> Stream {
    let mut builder = Builder::new(config);
    let range = builder.uops(&[Uop { dst: 0, src: if imm.is_some() { 0 } else { elements }, wgt: 0 }]);
    builder.end_setup();
    (0..passes).for_each(|_| builder.push(Op::Alu(alu(range, opcode, imm, elements))));
    builder.finish()
}

/// Loads of a whole scratchpad, or stores if it is OUT.
pub fn transfers(config: &Config, memory_type: MemoryType, passes: usize) -> Stream {
    let mut builder = Builder::new(config);
    let depth = config.depth(memory_type).min(65_535) as u16;
    for _ in 0..passes {
        if memory_type == MemoryType::Out { builder.store(depth, 0) } else { builder.load(memory_type, depth) }
    }
    builder.finish()
}

/// `count` instructions that do little each, with tokens between the modules, as untuned schedules make them: a load of
/// inputs and of weights, products, operations on one element, a store.
pub fn small_instructions(config: &Config, count: usize) -> Stream {
    let mut builder = Builder::new(config);
    builder.load(MemoryType::Acc, 2);
    let range = builder.uops(&[Uop { dst: 0, src: 1, wgt: 0 }]);
    let products =
        Gemm { iter_out: 3, iter_in: 3, src_factor_in: 1, wgt_factor_in: 1, wgt_factor_out: 3, ..gemm(range) };
    let small = |memory_type, count| Mem { y_size: count, x_size: count, x_stride: 14, ..Mem::noop(memory_type) };
    while builder.insns.len() + 9 < count {
        let first = builder.insns.len();
        let element = |opcode, imm| Op::Alu(alu(range, opcode, imm, 1));
        let ops = [
            Op::Load(small(MemoryType::Inp, 3)),
            Op::Load(small(MemoryType::Wgt, 3)),
            Op::Gemm(Gemm { reset: true, ..gemm(range) }),
            Op::Gemm(products),
            element(AluOpcode::Shr, Some(4)),
            element(AluOpcode::Add, None),
            element(AluOpcode::Max, Some(0)),
            element(AluOpcode::Min, Some(127)),
            Op::Store(Mem { dram_base: 4096, ..small(MemoryType::Out, 1) }),
        ];
        ops.into_iter().for_each(|op| builder.push(op));
        let again = first > 2;
        let tokens = &mut builder.insns[first..];
        // Loads wait for the products of the round before, products for the loads, the store for the operations, and
        // the reset for the store of the round before.
        tokens[0].tokens.pop_next = again;
        tokens[1].tokens.push_next = true;
        tokens[2].tokens.pop_next = again;
        tokens[3].tokens.pop_prev = true;
        tokens[3].tokens.push_prev = true;
        tokens[7].tokens.push_next = true;
        tokens[8].tokens.pop_prev = true;
        tokens[8].tokens.push_prev = true;
    }
    builder.finish()
}

/// About `count` instructions of a group convolution with an untuned schedule, in rounds of ten as TVM makes them: for
/// each position and 16 channels inputs with their padding, weights, nine products, a bias, operations and a store. All
/// but the products execute one micro-op, each its own.
pub fn untuned_convolution(config: &Config, count: usize) -> Stream {
    const WIDTH: usize = 14;
    let mut builder = Builder::new(config);
    // The reset, the products, and an operation each; of the operations only the bias reads a source.
    let uop = |src| Uop { dst: 0, src, wgt: 0 };
    let (first, _) = builder.uops(&[uop(0), uop(0), uop(0), uop(1), uop(0), uop(0)]);
    let range = |uop: u32| (first + uop, first + uop + 1);
    let products =
        Gemm { iter_out: 3, iter_in: 3, src_factor_out: 3, src_factor_in: 1, wgt_factor_in: 1, ..gemm(range(1)) };
    let products = Gemm { wgt_factor_out: 3, ..products };
    let operation = |uop, opcode, imm| Op::Alu(alu(range(uop), opcode, imm, 1));
    builder.end_setup();
    for round in 0..count / 10 {
        let begin = builder.insns.len();
        let (y, x) = (round / WIDTH % WIDTH, round % WIDTH);
        let pad = |at: usize| (u8::from(at == 0), u8::from(at == WIDTH - 1));
        let ((y_pad_0, y_pad_1), (x_pad_0, x_pad_1)) = (pad(y), pad(x));
        let inp = Mem {
            dram_base: ((y.max(1) - 1) * WIDTH + x.max(1) - 1) as u32,
            y_size: 3 - u16::from(y_pad_0 + y_pad_1),
            x_size: 3 - u16::from(x_pad_0 + x_pad_1),
            x_stride: WIDTH as u16,
            y_pad_0,
            y_pad_1,
            x_pad_0,
            x_pad_1,
            ..Mem::noop(MemoryType::Inp)
        };
        builder.push(Op::Gemm(Gemm { reset: true, ..gemm(range(0)) }));
        builder.push(Op::Load(inp));
        builder.load(MemoryType::Wgt, 9);
        builder.push(Op::Gemm(products));
        builder.push(operation(2, AluOpcode::Shr, Some(4)));
        builder.push(Op::Load(Mem { sram_base: 1, y_size: 1, x_size: 1, x_stride: 1, ..Mem::noop(MemoryType::Acc) }));
        builder.push(operation(3, AluOpcode::Add, None));
        builder.push(operation(4, AluOpcode::Min, Some(127)));
        builder.push(operation(5, AluOpcode::Max, Some(0)));
        builder.store(1, (4096 + round % (WIDTH * WIDTH)) as u32);
        // As in `small_instructions`, but the bias waits in order.
        let tokens = &mut builder.insns[begin..];
        tokens[0].tokens = Tokens { pop_next: round > 0, push_prev: true, ..Tokens::default() };
        tokens[1].tokens.pop_next = true;
        tokens[2].tokens.push_next = true;
        tokens[3].tokens.pop_prev = true;
        tokens[8].tokens.push_next = true;
        tokens[9].tokens = Tokens { pop_prev: true, push_prev: true, ..Tokens::default() };
    }
    builder.finish()
}
