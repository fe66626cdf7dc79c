//! What instructions touch, against the loops that define them.

use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;
use tilewright_isa::access::visit;
use tilewright_isa::{Alu, AluOpcode, Config, Gemm, Insn, Mem, MemoryType, Op, Space, Tokens, Uop};

/// A touched address: the memory, whether it is written, and the element, or byte in DRAM.
type Touch = (Space, bool, u64);

fn visited(op: Op, uops: &[Uop]) -> BTreeSet<Touch> {
    let mut touched = BTreeSet::new();
    visit(&Config::default(), &Insn { tokens: Tokens::default(), op }, uops, |access| {
        let addresses = access.region.runs().flat_map(|(start, end)| start..end);
        touched.extend(addresses.map(|address| (access.space, access.write, address)));
    });
    touched
}

fn uops() -> impl Strategy<Value = Vec<Uop>> {
    vec((0..9u32, 0..9u32, 0..9u32).prop_map(|(dst, src, wgt)| Uop { dst, src, wgt }), 0..4)
}

/// Calls `each` with every micro-op execution: its micro-op and the two loop counters.
fn executions(uops: &[Uop], iter_out: u32, iter_in: u32, mut each: impl FnMut(&Uop, u64, u64)) {
    for o in 0..iter_out.into() {
        for i in 0..iter_in.into() {
            uops.iter().for_each(|uop| each(uop, o, i));
        }
    }
}

fn mem() -> impl Strategy<Value = Mem> {
    let memory = (0..6usize).prop_map(|index| MemoryType::ALL[index]);
    let size = (0..4u16, 0..4u16, 0..6u16);
    let pads = proptest::array::uniform4(0..3u8);
    (memory, 0..9u16, 0..9u32, size, pads).prop_map(|(memory_type, sram_base, dram_base, size, pads)| Mem {
        memory_type,
        sram_base,
        dram_base,
        y_size: size.0,
        x_size: size.1,
        x_stride: size.2,
        y_pad_0: pads[0],
        y_pad_1: pads[1],
        x_pad_0: pads[2],
        x_pad_1: pads[3],
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn loads(mem in mem()) {
        let mut expected = BTreeSet::new();
        let element = Config::default().element_bytes(mem.memory_type) as u64;
        let row = u64::from(mem.x_pad_0) + u64::from(mem.x_size) + u64::from(mem.x_pad_1);
        let rows = u64::from(mem.y_pad_0) + u64::from(mem.y_size) + u64::from(mem.y_pad_1);
        for (y, x) in (0..rows).flat_map(|y| (0..row).map(move |x| (y, x))).filter(|_| mem.x_size > 0) {
            expected.insert((Space::of(mem.memory_type), true, u64::from(mem.sram_base) + y * row + x));
            let (y, x) = (y.wrapping_sub(mem.y_pad_0.into()), x.wrapping_sub(mem.x_pad_0.into()));
            if y < mem.y_size.into() && x < mem.x_size.into() {
                let start = (u64::from(mem.dram_base) + y * u64::from(mem.x_stride) + x) * element;
                expected.extend((start..start + element).map(|byte| (Space::Dram, false, byte)));
            }
        }
        prop_assert_eq!(visited(Op::Load(mem), &[]), expected);
    }

    #[test]
    fn stores(mem in mem()) {
        let mem = Mem { memory_type: MemoryType::Out, y_pad_0: 0, y_pad_1: 0, x_pad_0: 0, x_pad_1: 0, ..mem };
        let (rows, row) = (u64::from(mem.y_size), u64::from(mem.x_size));
        let mut expected = BTreeSet::new();
        for (y, x) in (0..rows).flat_map(|y| (0..row).map(move |x| (y, x))) {
            expected.insert((Space::Acc, false, u64::from(mem.sram_base) + y * row + x));
            let start = (u64::from(mem.dram_base) + y * u64::from(mem.x_stride) + x) * 16;
            expected.extend((start..start + 16).map(|byte| (Space::Dram, true, byte)));
        }
        prop_assert_eq!(visited(Op::Store(mem), &[]), expected);
    }

    #[test]
    fn products(uops in uops(), reset: bool, counts in (0..4u32, 0..4u32), factors in proptest::array::uniform6(0..5u32)) {
        let [dst_factor_out, dst_factor_in, src_factor_out, src_factor_in, wgt_factor_out, wgt_factor_in] = factors;
        let gemm = Gemm {
            reset,
            uop_bgn: 3,
            uop_end: 3 + uops.len() as u32,
            iter_out: counts.0,
            iter_in: counts.1,
            dst_factor_out,
            dst_factor_in,
            src_factor_out,
            src_factor_in,
            wgt_factor_out,
            wgt_factor_in,
        };
        let mut expected: BTreeSet<Touch> = (0..uops.len() as u64).map(|uop| (Space::Uop, false, 3 + uop)).collect();
        executions(&uops, gemm.iter_out, gemm.iter_in, |uop, o, i| {
            let at = |base: u32, out: u32, inner: u32| u64::from(base) + o * u64::from(out) + i * u64::from(inner);
            expected.insert((Space::Acc, true, at(uop.dst, dst_factor_out, dst_factor_in)));
            if !reset {
                expected.insert((Space::Acc, false, at(uop.dst, dst_factor_out, dst_factor_in)));
                expected.insert((Space::Inp, false, at(uop.src, src_factor_out, src_factor_in)));
                expected.insert((Space::Wgt, false, at(uop.wgt, wgt_factor_out, wgt_factor_in)));
            }
        });
        prop_assert_eq!(visited(Op::Gemm(gemm), &uops), expected);
    }

    #[test]
    fn elementwise(uops in uops(), use_imm: bool, counts in (0..4u32, 0..4u32), factors in proptest::array::uniform4(0..5u32)) {
        let [dst_factor_out, dst_factor_in, src_factor_out, src_factor_in] = factors;
        let alu = Alu {
            reset: false,
            uop_bgn: 3,
            uop_end: 3 + uops.len() as u32,
            iter_out: counts.0,
            iter_in: counts.1,
            dst_factor_out,
            dst_factor_in,
            src_factor_out,
            src_factor_in,
            alu_opcode: AluOpcode::Add,
            use_imm,
            imm: 1,
        };
        let mut expected: BTreeSet<Touch> = (0..uops.len() as u64).map(|uop| (Space::Uop, false, 3 + uop)).collect();
        executions(&uops, alu.iter_out, alu.iter_in, |uop, o, i| {
            let at = |base: u32, out: u32, inner: u32| u64::from(base) + o * u64::from(out) + i * u64::from(inner);
            let dst = at(uop.dst, dst_factor_out, dst_factor_in);
            expected.extend([(Space::Acc, true, dst), (Space::Acc, false, dst)]);
            if !use_imm {
                expected.insert((Space::Acc, false, at(uop.src, src_factor_out, src_factor_in)));
            }
        });
        prop_assert_eq!(visited(Op::Alu(alu), &uops), expected);
    }
}

#[test]
fn a_finish_touches_nothing() {
    assert!(visited(Op::Finish, &[]).is_empty());
}
