//! Encoding and decoding of whole streams: what is refused, and where.

use tilewright_isa::{Codec, Config, Gemm, Insn, Op, Program, Tokens};

fn codec() -> Codec {
    Codec::new(&Config::default())
}

fn finish() -> Insn {
    Insn { tokens: Tokens::default(), op: Op::Finish }
}

fn gemm(uop_end: u32) -> Insn {
    let factors = Gemm {
        reset: false,
        uop_bgn: 0,
        uop_end,
        iter_out: 1,
        iter_in: 1,
        dst_factor_out: 0,
        dst_factor_in: 0,
        src_factor_out: 0,
        src_factor_in: 0,
        wgt_factor_out: 0,
        wgt_factor_in: 0,
    };
    Insn { tokens: Tokens::default(), op: Op::Gemm(factors) }
}

/// The bytes of words, one behind the other.
fn bytes(words: &[u128]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn decode_error(bytes: &[u8]) -> String {
    let error = codec().decode_stream(bytes).unwrap_err();
    format!("{}: {error}\n", error.error.code())
}

#[test]
fn streams_that_are_none() {
    let alu_opcode_7 = 4 | 7u128 << (64 + 44);
    let refused = [
        decode_error(&bytes(&[3, 5])),
        decode_error(&bytes(&[3, 3, 6 << 7])),
        decode_error(&bytes(&[3, 1 | 7 << 7])),
        decode_error(&bytes(&[alu_opcode_7])),
        decode_error(&bytes(&[3, 3])[..31]),
    ];
    insta::assert_snapshot!(refused.concat());
}

#[test]
fn a_field_that_does_not_fit_is_named_with_its_instruction() {
    assert!(codec().encode(&gemm(16383)).is_ok());
    let error = codec().encode_stream(&[finish(), gemm(16384)]).unwrap_err();
    insta::assert_snapshot!(format!("{}: {error}", error.error.code()), @"E0711: instruction 1: gemm: uop_end is 16384, but has 14 bits in this configuration: at most 16383");
    let refused = Program::new(Config::default(), Vec::new(), &[finish(), gemm(16384)]).unwrap_err();
    assert_eq!(refused, error);
}

#[test]
fn a_program_keeps_words_that_are_no_instruction() {
    let raw = bytes(&[3, 7, 3]);
    let program = Program::from_bytes(Config::default(), &raw).unwrap();
    assert_eq!(program.to_bytes(), raw);
    assert_eq!(program.decode().unwrap_err().index, 1);
    assert_eq!(Program::from_bytes(Config::default(), &raw[1..]).unwrap_err().code(), "E0724");
}
