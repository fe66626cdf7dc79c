//! The text form: what a listing looks like, and what is said about a wrong one.

use tilewright_isa::config::Capabilities;
use tilewright_isa::{Config, Content, Program, Segment, text};

/// The copied matrix multiplication with a micro-op segment where its first instruction loads from, and an input.
fn matrix_multiply() -> Program {
    let bytes = include_bytes!("data/matrix-multiply.insns.bin");
    let mut program = Program::from_bytes(Config::default(), bytes).unwrap();
    let uops = Content::Uops(vec![0, 0x0040_0000]);
    program.segments.push(Segment { name: "micro-ops".to_string(), address: 0x13000, content: uops });
    program.segments.push(Segment { name: "X".to_string(), address: 0x1000, content: Content::Unknown(256) });
    program
}

#[test]
fn a_listing_is_readable() {
    let listing = text::print(&matrix_multiply());
    let shown: Vec<&str> = listing.lines().take(24).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

fn refusal(source: &str) -> String {
    let error = text::parse(source).expect_err(source);
    let marked = &source[error.bytes.clone()];
    format!("{}: {error}\n    at {marked:?}", error.kind.code())
}

fn refusals(cases: &[&str]) -> String {
    cases.iter().map(|source| format!("{source}\n    {}\n", refusal(source))).collect()
}

#[test]
fn words_that_mean_nothing_here() {
    insta::assert_snapshot!(refusals(&[
        "finish @",
        "finish \"open",
        "frobnicate",
        "lode inp",
        "load imp",
        "load",
        "load 3",
        "alu ad uop 0..1 iter_out 1 iter_in 1",
        "compte [] finish",
        "[pop_prv] finish",
        "[pop_prev finish",
        "finish finish",
        "gemm uop 0 iter_out 1 iter_in 1",
        "gemm uop 0..1 iter_out 1 (dst 1",
        "gemm uop 0..1 iter_out 1 (dts 1) iter_in 1",
        "alu add uop 0..1 iter_out 1 (wgt 1) iter_in 1",
        "load inp sram_bas 0",
        "raw",
        "raw 0xg",
        ".confg LOG_BATCH 0",
        ".config LOG_BLOCK 4",
        ".segment X at 0 bytes 0",
        ".segment \"X\" 0 bytes 0",
        ".segment \"X\" at 0 byte 0",
        ".segment \"\\q\" at 0 bytes 0",
        ".segment \"X\" at 0 data 1\nhex 1",
        ".segment \"X\" at 0 data 1\nhex 0x1",
    ]));
}

#[test]
fn values_that_do_not_fit() {
    insta::assert_snapshot!(refusals(&[
        "load inp sram_base 65536 dram_base 0 y_size 1 x_size 1 x_stride 1",
        "load inp sram_base 0 dram_base 0x100000000 y_size 1 x_size 1 x_stride 1",
        "load inp sram_base 0 dram_base 0 y_size 1 x_size 1 x_stride 1 x_pad_1 16",
        "load inp sram_base -1 dram_base 0 y_size 1 x_size 1 x_stride 1",
        "gemm uop 8192..8193 iter_out 1 iter_in 1",
        "gemm uop 0..1 iter_out 16384 iter_in 1",
        "gemm uop 0..1 iter_out 1 (wgt 1024) iter_in 1",
        "alu shr uop 0..1 iter_out 1 iter_in 1 imm 32768",
        "alu shr uop 0..1 iter_out 1 iter_in 1 imm -0x8001",
        "finish padding 1",
        "raw 0x1000000000000000000000000000000000",
        ".segment \"u\" at 0 uops 1\nuop 0: dst 2048 src 0 wgt 0",
        ".segment \"u\" at 0 uops 1\nuop 0: dst 0 src 0 wgt 0 padding 1",
        ".config LOG_BATCH 64",
        ".config LOG_BATCH 9",
        ".config mul 0",
        ".config acc_8bit no",
    ]));
}

#[test]
fn lines_that_contradict_each_other() {
    insta::assert_snapshot!(refusals(&[
        "load inp sram_base 0 x_size 1",
        "gemm iter_out 1 iter_in 1",
        "load inp sram_base 0 sram_base 1",
        "gemm uop 0..1 iter_out 1 (dst 1 dst 2) iter_in 1",
        "[pop_prev pop_prev] finish",
        "alu add uop 0..1 iter_out 1 iter_in 1 imm 1 unused_imm 2",
        "load [] load acc sram_base 0 dram_base 0 y_size 1 x_size 1 x_stride 1",
        ".config LOG_BATCH 0 LOG_BATCH 0",
        ".config\n.config",
        ".config mul false mul true",
        "finish\n.config",
        ".segment \"X\" at 0 bytes 1\n.config",
        ".segment \"X\" at 0 data 2\nhex 0x00\nfinish",
        ".segment \"X\" at 0 uops 2\nuop 0: dst 0 src 0 wgt 0",
        ".segment \"X\" at 0 uops 1\nuop 1: dst 0 src 0 wgt 0",
        "uop 0: dst 0 src 0 wgt 0",
        ".segment \"X\" at 0 bytes 1\nhex 0x00",
    ]));
}

#[test]
fn order_blanks_and_comments_do_not_matter() {
    let short = text::parse("gemm uop 0..1 iter_out 1 iter_in 2 (dst 1)").unwrap();
    let long = text::parse(
        "; a comment\n.config ; the default machine\n\n 7: compute [ ] gemm iter_in 2 (wgt 0 dst 1) uop 0..1 iter_out 1 () ; end",
    );
    assert_eq!(long.unwrap(), short);
}

#[test]
fn a_listing_says_what_its_machine_cannot_do() {
    let capabilities = Capabilities { mul: false, ..Capabilities::default() };
    let program = Program { config: Config::default().with_capabilities(capabilities), ..Program::default() };
    let listing = text::print(&program);
    assert!(listing.lines().next().is_some_and(|line| line.ends_with(" mul false")), "{listing}");
    assert_eq!(text::parse(&listing).unwrap(), program);
    assert_eq!(text::parse(".config mul true acc_8bit true").unwrap(), Program::default());
}

#[test]
fn numbers_are_decimal_or_hexadecimal() {
    let alu = |imm: &str| text::parse(&format!("alu add uop 0x0..0x1 iter_out 1 iter_in 1 imm {imm}")).unwrap();
    assert_eq!(alu("-0x8000"), alu("-32768"));
    assert_ne!(alu("0x10"), alu("10"));
}

#[test]
fn notes_stand_above_their_instructions() {
    let program = text::parse("finish\nfinish").unwrap();
    let listing = text::print_annotated(&program, |index| (index == 1).then(|| "from line 3\nof matmul".to_string()));
    let tail: Vec<&str> = listing.lines().skip(2).collect();
    insta::assert_snapshot!(tail.join("\n"));
    assert_eq!(text::parse(&listing).unwrap(), program);
}

#[test]
fn micro_ops_and_words_that_are_no_instruction_are_shown() {
    let source = "
        .segment \"uops \\\"a\\\"\" at 0x1000 uops 4
            uop 0: dst 0 src 0 wgt 0
            uop 1: dst 1 src 2 wgt 3
            uop 2: dst 2 src 2 wgt 3
            uop 3: dst 3 src 2 wgt 3
        .segment \"bias\" at 0x2000 data 33
            hex 0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20
        load uop sram_base 4 dram_base 0x400 y_size 1 x_size 4 x_stride 4
        gemm reset uop 4..5 iter_out 4 (dst 1) iter_in 1
        gemm uop 4..8 iter_out 4 (dst 1) iter_in 1
        alu max uop 5..6 iter_out 1 iter_in 1
        alu shr reset uop 5..6 iter_out 1 iter_in 1 imm -3
        alu add uop 5..6 iter_out 1 iter_in 1 unused_imm 7
        alu mul uop 5..6 iter_out 1 iter_in 1 imm 7
        alu min uop 9..10 iter_out 1 iter_in 1 imm 7
        [push_prev] store out sram_base 0 dram_base 0 y_size 0 x_size 0 x_stride 0
        raw 0x7
        raw 0x380
        raw 0xf0000000000000000000000000000004
        finish padding 0xff00";
    let program = text::parse(source).unwrap();
    let listing = text::print(&program);
    let tail: Vec<&str> = listing.lines().skip(2).collect();
    insta::assert_snapshot!(tail.join("\n"));
    assert_eq!(text::parse(&listing).unwrap(), program);
}
