//! The bit layout, against words that a C compiler made of bit-field structures under forty configurations.

use tilewright_isa::{Alu, AluOpcode, Codec, Config, Gemm, Insn, Mem, MemoryType, Op, Params, Tokens};

/// A 1×16×16 core with buffers of these depths, as log2: the layout depends on nothing else.
fn machine([uop, inp, wgt, acc]: [u32; 4]) -> Config {
    let params = Params {
        log_uop_buff_size: uop + 2,
        log_inp_buff_size: inp + 4,
        log_wgt_buff_size: wgt + 8,
        log_acc_buff_size: acc + 6,
        ..Params::default()
    };
    Config::new(params).unwrap()
}

fn op(insn: &str, field: &mut impl FnMut() -> u64) -> Op {
    match insn {
        "gemm" => Op::Gemm(Gemm {
            reset: field() == 1,
            uop_bgn: field() as u32,
            uop_end: field() as u32,
            iter_out: field() as u32,
            iter_in: field() as u32,
            dst_factor_out: field() as u32,
            dst_factor_in: field() as u32,
            src_factor_out: field() as u32,
            src_factor_in: field() as u32,
            wgt_factor_out: field() as u32,
            wgt_factor_in: field() as u32,
        }),
        "alu" => Op::Alu(Alu {
            reset: field() == 1,
            uop_bgn: field() as u32,
            uop_end: field() as u32,
            iter_out: field() as u32,
            iter_in: field() as u32,
            dst_factor_out: field() as u32,
            dst_factor_in: field() as u32,
            src_factor_out: field() as u32,
            src_factor_in: field() as u32,
            alu_opcode: AluOpcode::from_bits(field()).unwrap(),
            use_imm: field() == 1,
            imm: field() as u16 as i16,
        }),
        "load" => Op::Load(Mem {
            memory_type: MemoryType::from_bits(field()).unwrap(),
            sram_base: field() as u16,
            dram_base: field() as u32,
            y_size: field() as u16,
            x_size: field() as u16,
            x_stride: field() as u16,
            y_pad_0: field() as u8,
            y_pad_1: field() as u8,
            x_pad_0: field() as u8,
            x_pad_1: field() as u8,
        }),
        other => panic!("{other} is no instruction of the data"),
    }
}

#[test]
fn words_are_those_of_c_bit_fields() {
    let lines: Vec<&str> = include_str!("data/bit-fields.txt").lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines.len(), 120);
    for line in lines {
        let columns: Vec<&str> = line.split(' ').collect();
        let (word, columns) = columns.split_last().unwrap();
        let codec = Codec::new(&machine(std::array::from_fn(|depth| columns[depth].parse().unwrap())));
        let mut fields = columns[5..].iter().map(|field| field.parse::<u64>().unwrap());
        let mut field = || fields.next().unwrap();
        let tokens =
            Tokens { pop_prev: field() == 1, pop_next: field() == 1, push_prev: field() == 1, push_next: field() == 1 };
        let insn = Insn { tokens, op: op(columns[4], &mut field) };
        assert_eq!(fields.next(), None, "{line}");
        let word = u128::from_str_radix(word, 16).unwrap();
        assert_eq!(codec.encode(&insn), Ok(word), "{line}");
        assert_eq!(codec.decode(word), Ok(insn), "{line}");
    }
}
