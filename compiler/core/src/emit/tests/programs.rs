//! Emission on programs built by hand: what TVM's tutorial becomes, micro-op epochs, device memory, images.

use ndarray::{ArrayD, IxDyn};
use tilewright_isa::{AluOpcode, Params, Tokens};

use crate::emit::*;
use crate::loops::ir::{self, *};
use crate::scalar::DType;

fn layout(lanes: &[(usize, i64)]) -> Option<Layout> {
    Some(Layout::of(lanes.iter().map(|(dim, size)| Lane { dim: *dim, size: *size }).collect()))
}

fn buffer(name: &str, dtype: DType, scope: Scope, role: Role, shape: &[i64], lanes: &[(usize, i64)]) -> Buffer {
    let base = (scope != Scope::Dram).then_some(0);
    Buffer { layout: layout(lanes), base, ..Buffer::new(name.into(), dtype, scope, role, shape.to_vec()) }
}

fn at(buffer: u32, offset: Index) -> TileRef {
    TileRef { buffer: BufferId(buffer), offset }
}

fn zero() -> Index {
    Index::constant(0)
}

fn var(k: u32) -> Index {
    Index::var(LoopId(k))
}

fn uop(dst: i64, src: i64, wgt: i64) -> MicroOp {
    MicroOp { dst, src, wgt }
}

fn dma(direction: Direction, sram: TileRef, dram: TileRef, [y_size, x_size, x_stride]: [i64; 3]) -> Stmt {
    let (pad, origin) = (Pad::default(), Origin::default());
    Stmt::Insn(ir::Insn::Dma(Dma { direction, sram, dram, y_size, x_size, x_stride, pad, origin }))
}

fn load(sram: TileRef, dram: TileRef, sizes: [i64; 3]) -> Stmt {
    dma(Direction::Load, sram, dram, sizes)
}

fn for_loop(k: u32, body: Vec<Stmt>) -> Stmt {
    Stmt::For(For { var: LoopId(k), mark: None, body, origin: Origin::default() })
}

fn loop_var(name: &str, extent: i64) -> LoopVar {
    LoopVar { name: name.into(), extent }
}

fn gemm(dst: TileRef, operands: Option<(TileRef, TileRef)>, inner: InsnLoop, uops: Vec<MicroOp>) -> Stmt {
    Stmt::Insn(ir::Insn::Gemm(Gemm { dst, operands, outer: InsnLoop::ONCE, inner, uops, origin: Origin::default() }))
}

fn alu_imm(opcode: AluOpcode, imm: i16, dst: TileRef, extent: i64) -> Stmt {
    let inner = InsnLoop { extent, dst: 1, src: 1, wgt: 0 };
    let operand = AluOperand::Imm(imm);
    Stmt::Insn(ir::Insn::Alu(Alu {
        opcode,
        dst,
        operand,
        outer: InsnLoop::ONCE,
        inner,
        uops: vec![uop(0, 0, 0)],
        origin: Origin::default(),
    }))
}

const X: u32 = 0;
const W: u32 = 1;
const Y: u32 = 2;
const X_BUF: u32 = 3;
const W_BUF: u32 = 4;
const C: u32 = 5;

/// The tutorial: reset, then for each of `blocks` steps of the reduction both operands are loaded and multiplied.
fn tutorial(blocks: i64) -> LoopProgram {
    use Role::*;
    let n = 16 * blocks;
    let buffers = vec![
        buffer("X", DType::I8, Scope::Dram, Input, &[1, n], &[(1, 16)]),
        buffer("W", DType::I8, Scope::Dram, Input, &[n, n], &[(0, 16), (1, 16)]),
        buffer("Y", DType::I8, Scope::Dram, Output, &[1, n], &[(1, 16)]),
        buffer("X_buf", DType::I8, Scope::Inp, Temporary, &[1, 16], &[(1, 16)]),
        buffer("W_buf", DType::I8, Scope::Wgt, Temporary, &[n, 16], &[(0, 16), (1, 16)]),
        buffer("C", DType::I32, Scope::Acc, Temporary, &[1, n], &[(1, 16)]),
    ];
    let each = InsnLoop { extent: blocks, dst: 1, src: 0, wgt: 1 };
    let step = vec![
        load(at(X_BUF, zero()), at(X, var(0)), [1, 1, 1]),
        load(at(W_BUF, zero()), at(W, var(0)), [blocks, 1, blocks]),
        gemm(at(C, zero()), Some((at(X_BUF, zero()), at(W_BUF, zero()))), each, vec![uop(0, 0, 0)]),
    ];
    let body = vec![
        gemm(at(C, zero()), None, each, vec![uop(0, 0, 0)]),
        for_loop(0, step),
        dma(Direction::Store, at(C, zero()), at(Y, zero()), [1, blocks, blocks]),
    ];
    LoopProgram { name: "tutorial".into(), buffers, loops: vec![loop_var("ro", blocks)], body }
}

fn emitted(program: &LoopProgram) -> Stream {
    let stream = stream(program, &Config::default()).unwrap();
    check(&stream);
    stream
}

/// What holds for every stream: it encodes, tokens balance, modules are as the instruction set has them.
fn check(stream: &Stream) {
    Codec::new(&stream.config).encode_stream(&stream.insns).unwrap();
    stream.uop_bytes().unwrap();
    assert_eq!(stream.insns.len(), stream.origins.len());
    assert_eq!(stream.insns.last().map(|i| i.op), Some(Op::Finish));
    let count = |flag: fn(&Tokens) -> bool, module: Module| {
        stream.insns.iter().filter(|i| i.module() == module && flag(&i.tokens)).count()
    };
    use Module::*;
    assert_eq!(count(|t| t.push_next, Load), count(|t| t.pop_prev, Compute));
    assert_eq!(count(|t| t.push_prev, Compute), count(|t| t.pop_next, Load));
    assert_eq!(count(|t| t.push_next, Compute), count(|t| t.pop_prev, Store));
    assert_eq!(count(|t| t.push_prev, Store), count(|t| t.pop_next, Compute));
}

/// `load inp`, and the tokens as letters: pops before the name, pushes behind it; `p` and `n` are the neighbours.
fn line(insn: &tilewright_isa::Insn) -> String {
    let Tokens { pop_prev, pop_next, push_prev, push_next } = insn.tokens;
    let flags = |p: bool, n: bool| format!("{}{}", if p { "p" } else { "" }, if n { "n" } else { "" });
    let memory = match insn.op {
        Op::Load(m) | Op::Store(m) if !m.is_noop() => format!(" {}", m.memory_type),
        Op::Load(_) | Op::Store(_) => " nop".into(),
        Op::Gemm(g) if g.reset => " reset".into(),
        _ => String::new(),
    };
    let text = format!("{} {}{memory} {}", flags(pop_prev, pop_next), insn.mnemonic(), flags(push_prev, push_next));
    text.trim().to_string()
}

#[test]
fn the_tutorial_takes_52_instructions_and_one_micro_op() {
    let stream = emitted(&tutorial(16));
    let lines: Vec<String> = stream.insns.iter().map(line).collect();
    let mut expected = vec!["load uop", "gemm reset"];
    expected.extend(["load inp", "load wgt n", "p gemm p"]);
    for _ in 1..15 {
        expected.extend(["n load inp", "load wgt n", "p gemm p"]);
    }
    expected.extend(["n load inp", "load wgt n", "p gemm n", "p store out p", "n finish"]);
    assert_eq!(lines, expected);
    assert_eq!(stream.uops, vec![Uop::default()]);
}

#[test]
fn segments_follow_one_another_on_their_boundaries() {
    let stream = emitted(&tutorial(16));
    let found: Vec<_> = stream.segments.iter().map(|s| (s.name.as_str(), s.address, s.bytes)).collect();
    assert_eq!(found, [("X", 4096, 256), ("W", 8192, 65536), ("Y", 73728, 256), ("micro-ops", 77824, 4)]);
    let bases: Vec<u32> = stream
        .insns
        .iter()
        .filter_map(|i| match i.op {
            Op::Load(m) | Op::Store(m) => Some(m.dram_base),
            _ => None,
        })
        .collect();
    assert_eq!(bases[..5], [77824 / 4, 4096 / 16, 8192 / 256, 4096 / 16 + 1, 8192 / 256 + 1]);
    assert_eq!(bases.last(), Some(&(73728 / 16)));
}

#[test]
fn a_tile_larger_than_the_boundary_moves_its_segment() {
    let params = Params { log_block_in: 7, log_block_out: 7, ..Params::default() };
    let config = Config::new(params).unwrap();
    let mut program = tutorial(1);
    program.buffers[W as usize].shape = vec![128, 128];
    program.buffers[W as usize].layout = layout(&[(0, 128), (1, 128)]);
    let stream = stream(&program, &config).unwrap();
    assert_eq!((stream.segments[1].address, stream.segments[1].bytes), (16384, 16384));
}

#[test]
fn what_is_too_large_is_an_error() {
    let mut program = tutorial(4);
    program.buffers[W as usize].shape = vec![1 << 20, 1 << 20];
    let error = stream(&program, &Config::default()).unwrap_err();
    assert_eq!(error.code(), "E0460");
    assert_eq!(
        error.to_string(),
        "`W` takes 1099511627776 bytes of device memory from address 8192 on, which goes beyond the 4 GiB that \
         instructions address"
    );

    let mut program = tutorial(4);
    program.loops[0].extent = 1 << 40;
    let error = stream(&program, &Config::default()).unwrap_err();
    assert_eq!(error.code(), "E0461");
    assert_eq!(error.to_string(), "`tutorial` becomes 3298534883330 instructions; the limit is 4194304");

    let mut program = tutorial(4);
    program.body = vec![gemm(at(C, zero()), None, InsnLoop::ONCE, vec![uop(0, 0, 0); 8193])];
    let error = stream(&program, &Config::default()).unwrap_err();
    assert_eq!(error.code(), "E0464");
    assert_eq!(error.to_string(), "an instruction needs 8193 micro-ops at once, but the micro-op buffer takes 8192");
}

#[test]
fn a_full_micro_op_buffer_is_reloaded_where_it_has_to_be() {
    let config = Config::new(Params { log_uop_buff_size: 5, ..Params::default() }).unwrap();
    let tiles: Vec<Stmt> =
        (0..20).map(|k| gemm(at(C, Index::constant(k % 10)), None, InsnLoop::ONCE, vec![uop(0, 0, 0)])).collect();
    let mut program = tutorial(16);
    program.body = tiles;
    let stream = stream(&program, &config).unwrap();
    let loads: Vec<Mem> = stream
        .insns
        .iter()
        .filter_map(|i| match i.op {
            Op::Load(m) => Some(m),
            _ => None,
        })
        .collect();
    let parts: Vec<_> = loads.iter().map(|m| (m.sram_base, m.x_size)).collect();
    assert_eq!(parts, [(0, 8), (6, 2), (0, 2)]);
    assert_eq!(stream.uops.iter().map(|u| u.dst).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 6, 7]);
}

#[test]
fn sequences_within_others_and_repeated_epochs_take_no_space() {
    let config = Config::new(Params { log_uop_buff_size: 4, ..Params::default() }).unwrap();
    let reset = |uops: &[i64]| gemm(at(C, zero()), None, InsnLoop::ONCE, uops.iter().map(|d| uop(*d, 0, 0)).collect());
    let mut program = tutorial(16);
    program.body = vec![for_loop(0, vec![reset(&[0, 1, 2]), reset(&[1, 2]), reset(&[4, 5, 6]), reset(&[6])])];
    let stream = stream(&program, &config).unwrap();
    assert_eq!(stream.uops.len(), 6);
    let ranges: Vec<_> = stream
        .insns
        .iter()
        .filter_map(|i| match i.op {
            Op::Gemm(g) => Some((g.uop_bgn, g.uop_end)),
            _ => None,
        })
        .collect();
    assert_eq!(ranges[..4], [(0, 3), (1, 3), (0, 3), (2, 3)]);
    assert_eq!(stream.insns.len(), 16 * 6 + 1);
}

#[test]
fn a_load_waits_for_a_store_through_a_relay() {
    let mut program = tutorial(16);
    program.buffers[Y as usize].role = Role::Temporary;
    program.body.push(load(at(X_BUF, zero()), at(Y, zero()), [1, 1, 1]));
    let stream = emitted(&program);
    let tail: Vec<String> = stream.insns.iter().rev().take(4).rev().map(line).collect();
    assert_eq!(tail, ["p store out p", "n load nop p", "n load inp n", "p finish"]);
}

#[test]
fn a_known_store_needs_no_relay() {
    let mut program = tutorial(16);
    program.body.push(alu_imm(AluOpcode::Add, 1, at(C, zero()), 16));
    program.body.push(load(at(X_BUF, zero()), at(Y, zero()), [1, 1, 1]));
    let stream = emitted(&program);
    let tail: Vec<String> = stream.insns.iter().rev().take(4).rev().map(line).collect();
    assert_eq!(tail, ["p store out p", "n alu p", "n load inp n", "p finish"]);
}

#[test]
fn eight_bit_arrays_are_widened_on_the_way_to_the_accumulator() {
    let mut program = tutorial(16);
    program.body =
        vec![load(at(C, zero()), at(X, zero()), [1, 16, 16]), alu_imm(AluOpcode::Shr, -3, at(C, zero()), 16)];
    let stream = emitted(&program);
    assert!(
        stream
            .insns
            .iter()
            .any(|i| matches!(i.op, Op::Load(m) if m.memory_type == MemoryType::Acc8Bit && m.dram_base == 256))
    );
    assert!(
        stream
            .insns
            .iter()
            .any(|i| matches!(i.op, Op::Alu(a) if a.use_imm && a.imm == -3 && a.iter_in == 16 && a.src_factor_in == 0))
    );
}

#[test]
fn images_are_tile_after_tile() {
    let b = buffer("W", DType::I8, Scope::Dram, Role::Input, &[4, 4], &[(0, 2), (1, 2)]);
    let values = ArrayD::from_shape_fn(IxDyn(&[4, 4]), |i| (i[0] * 4 + i[1]) as i32 - 8);
    let bytes = image::pack(&b, &values).unwrap();
    let first: Vec<i8> = bytes[..8].iter().map(|b| *b as i8).collect();
    assert_eq!(first, [-8, -7, -4, -3, -6, -5, -2, -1]);
    assert_eq!(image::unpack(&b, &bytes).unwrap(), values);

    let across = Buffer { layout: b.layout.clone().map(|l| Layout { order: vec![1, 0], ..l }), ..b.clone() };
    let ordered = image::pack(&across, &values).unwrap();
    let tile = |bytes: &[u8], n: usize| bytes[n * 4..][..4].to_vec();
    for (n, m) in [(0, 0), (1, 2), (2, 1), (3, 3)] {
        assert_eq!(tile(&ordered, n), tile(&bytes, m), "tile {n} is that below, not that beside");
    }
    assert_eq!(image::unpack(&across, &ordered).unwrap(), values);

    let wide = buffer("b", DType::I32, Scope::Dram, Role::Input, &[3], &[]);
    let values = ArrayD::from_shape_vec(IxDyn(&[3]), vec![i32::MIN, -2, 258]).unwrap();
    assert_eq!(image::pack(&wide, &values).unwrap(), [0, 0, 0, 128, 254, 255, 255, 255, 2, 1, 0, 0]);
    assert_eq!(image::unpack(&wide, &image::pack(&wide, &values).unwrap()).unwrap(), values);

    let error = image::pack(&b, &values).unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        ("E0462", "`W` has the shape [4, 4], but the array has [3]")
    );
    let error = image::unpack(&b, &bytes[1..]).unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), ("E0463", "`W` takes 16 bytes, but its image has 15"));
}
