//! The text form holds the whole program.

use proptest::prelude::*;
use tilewright_core::loops::canonical;
use tilewright_core::loops::ir::{BufferId, LoopId, Origin, Stmt};
use tilewright_core::loops::parse::{MAX_HEIGHT, parse, parse_with_spans};
use tilewright_core::loops::print::{PrintOptions, print};
use tilewright_core::loops::verify::{Location, verify};
use tilewright_syntax::{FileId, Sources};

use super::generate;
use super::program;

const WITH_ORIGINS: PrintOptions = PrintOptions { origins: true };
const PLAIN: PrintOptions = PrintOptions { origins: false };

/// A legal program as it is printed.
const LEGAL: &str = "\
program tiles {
    input X: i8[1, 32] @dram tile(1: 16)
    input W: i8[32, 32] @dram tile(0: 16, 1: 16)
    output Y: i8[1, 32] @dram tile(1: 16)
    alloc C: i32[1, 32] @acc tile(1: 16) base 0
    reset C[0] inner 2 (dst 1)
    for ro in 0..2 {
        alloc X_buf: i8[1, 16] @inp tile(1: 16) base 0
        load X_buf[0] <- X[ro] y 1 x 1 stride 1
        alloc W_buf: i8[32, 16] @wgt tile(0: 16, 1: 16) base 0
        load W_buf[0] <- W[ro] y 2 x 1 stride 2
        gemm C[0] += X_buf[0] * W_buf[0] outer 1 (dst 1) inner 1 (src 1) uops [(0, 0, 0), (1, 0, 1)]
    }
    alu shr C[0], 8 inner 2 (dst 1)
    alu add C[0], C[1]
    alu max C[0], C[0] uops [(0, 1), (1, 0)]
    alu min C[0], 127 uops [0, 1]
    store C[0] -> Y[0] y 1 x 2 stride 2
}
";

/// A program of loops, as it is printed with origins.
const LOOPS: &str = "\
program loops {
    input X: i8[4, 6] @dram from 0:10..20
    output Y: i8[24] @dram
    alloc C: i32[4, 6] @acc from 0:30..40 by 1:5..9 at from 0:30..41
    for i in 0..4 by 1:0..7 {
        @dma_copy for j in 0..6 {
            C[i, j] = (i32(X[i, j]) + index(i * 2 - j) * -3 >> 2) - (X[3 - i, (j * 5 + 1) / 7 % 3 * 2] - 1i8)
        }
    }
    @gemm for k in 0..24 {
        Y[k] = sat8(max(C[k / 6, k % 6], -5i8)) from 0:50..60 by 1:11..12
    }
}
";

#[test]
fn a_legal_program_is_printed_as_it_was_written() {
    assert_eq!(print(&program(LEGAL), &PLAIN), LEGAL);
    verify(&program(LEGAL)).unwrap();
}

#[test]
fn loops_and_origins_are_printed_as_they_were_written() {
    assert_eq!(print(&program(LOOPS), &WITH_ORIGINS), LOOPS);
    verify(&program(LOOPS)).unwrap();
}

#[test]
fn long_lists_of_micro_ops_are_broken() {
    let uops: Vec<String> = (0..20).map(|i| i.to_string()).collect();
    let text = format!("program p {{ alloc C: i32[320] @acc tile(0: 16) reset C[0] uops [{}] }}", uops.join(", "));
    insta::assert_snapshot!(print(&program(&text), &PLAIN), @r"
    program p {
        alloc C: i32[320] @acc tile(0: 16)
        reset C[0] uops [
            0, 1, 2, 3, 4, 5, 6, 7,
            8, 9, 10, 11, 12, 13, 14, 15,
            16, 17, 18, 19,
        ]
    }
    ");
}

#[test]
fn words_may_be_names() {
    let text = "\
program program {
    output uops: i32[2] @dram tile()
    alloc base: i32[1] @acc tile() base 3
    alloc at: i32[1] @acc tile()
    reset base[0]
    uops[0] = 1
    reset at[0]
    uops[1] = 2
    for from in 0..1 {
        at[from] = 5
    }
    alu max base[0], at[0]
    store base[0] -> uops[0] y 1 x 1 stride 0
}
";
    let program = program(text);
    assert_eq!(print(&program, &PLAIN), text);
    verify(&program).unwrap();
}

#[test]
fn comments_and_line_ends_mean_nothing() {
    let dense = LEGAL.replace('\n', " ");
    let airy = LEGAL.replace('\n', " // a comment\r\n\n");
    assert_eq!(program(&dense), program(LEGAL));
    assert_eq!(program(&airy), program(LEGAL));
}

#[test]
fn the_highest_value_that_can_be_read_is_printed_and_read_again() {
    let chain = vec!["1"; MAX_HEIGHT].join(" + ");
    let text = format!("program p {{ output Y: i32[] @dram Y[] = {chain} }}");
    let read = program(&text);
    verify(&read).unwrap();
    assert_eq!(program(&print(&read, &PLAIN)), read);
}

#[test]
fn spans_of_statements_are_those_of_their_text() {
    let mut sources = Sources::default();
    let file = sources.add("test.loops", LEGAL);
    let (_, spans) = parse_with_spans(file, LEGAL).unwrap();
    let text = |path: &[usize]| spans.get(&Location::Stmt(path.to_vec())).map(|s| sources.text(s));
    assert_eq!(text(&[2]), Some("for ro in 0..2"));
    assert_eq!(text(&[2, 1]), Some("load X_buf[0] <- X[ro] y 1 x 1 stride 1"));
    assert_eq!(text(&[3]), Some("alu shr C[0], 8 inner 2 (dst 1)"));
    assert_eq!(text(&[9]), None);
    let text = |at: Location| spans.get(&at).map(|s| sources.text(s));
    assert_eq!(text(Location::Name), Some("tiles"));
    assert_eq!(text(Location::Buffer(BufferId(3))), Some("C: i32[1, 32] @acc tile(1: 16) base 0"));
    assert_eq!(text(Location::Buffer(BufferId(5))), Some("W_buf: i8[32, 16] @wgt tile(0: 16, 1: 16) base 0"));
    assert_eq!(text(Location::Loop(LoopId(0))), Some("for ro in 0..2"));
    assert_eq!(text(Location::Loop(LoopId(1))), None);
}

#[test]
fn pieces_of_a_tensor_have_one_origin() {
    let declared = ["T: i8[4] @acc", "T_2: i8[4] @acc", "T_x: i8[4] @acc", "T_3: i8[4] @acc base 4"];
    let text = format!("program p {{ {} }}", declared.map(|buffer| format!("alloc {buffer}")).join(" "));
    let (mut program, spans) = parse_with_spans(FileId(0), &text).unwrap();
    spans.become_origins(&mut program);
    let same = |a: usize, b: usize| program.buffers[a].origin == program.buffers[b].origin;
    assert!(same(0, 1) && !same(0, 2) && !same(0, 3));
}

#[test]
fn a_text_is_the_origin_of_what_was_read_from_it() {
    let mut sources = Sources::default();
    let file = sources.add("test.loops", LOOPS);
    let (mut program, spans) = parse_with_spans(file, LOOPS).unwrap();
    spans.become_origins(&mut program);
    let text = |origin: Origin| (origin.tensor.map(|s| sources.text(s)), origin.directive);
    assert_eq!(text(program.buffers[0].origin), (Some("X: i8[4, 6] @dram"), None));
    assert_eq!(text(program.body[1].origin()), (Some("for i in 0..4 by 1:0..7"), None));
    let Stmt::For(last) = &program.body[2] else { panic!("a loop") };
    assert_eq!(text(last.body[0].origin()).0.map(|text| &text[..9]), Some("Y[k] = sa"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_printed_is_read_back(p in generate::program()) {
        prop_assert_eq!(verify(&p), Ok(()));
        let text = print(&p, &WITH_ORIGINS);
        let read = parse(FileId(0), &text);
        prop_assert_eq!(read.as_ref(), Ok(&canonical(&p)), "{}", text);
        let again = print(&read.unwrap(), &WITH_ORIGINS);
        prop_assert_eq!(parse(FileId(0), &again).map(|p| print(&p, &WITH_ORIGINS)), Ok(again));
    }

    #[test]
    fn canonical_form_is_a_fixed_point(p in generate::program()) {
        prop_assert_eq!(canonical(&canonical(&p)), canonical(&p));
    }

    #[test]
    fn no_text_makes_the_parser_fail_otherwise(p in generate::program(), cut in any::<prop::sample::Index>(), with in "[ -~]{0,3}") {
        let mut text = print(&p, &WITH_ORIGINS);
        let at = cut.index(text.len());
        text.replace_range(at..(at + 1).min(text.len()), &with);
        if let Ok(read) = parse(FileId(0), &text) {
            let _ = verify(&read);
            prop_assert_eq!(parse(FileId(0), &print(&read, &WITH_ORIGINS)), Ok(read));
        }
    }
}
