//! `bisect`: its table, and what it finds at fault.

use insta::assert_snapshot;

use crate::support::{Folder, MATMUL, Said};

/// What `bisect` says of the matrix multiply with this schedule.
fn bisected(schedule: &str) -> Said {
    let folder = Folder::new();
    folder.write("s.tw", with_schedule(schedule));
    folder.run("bisect s.tw -p m=64 -p k=16 -p n=1024")
}

fn with_schedule(schedule: &str) -> String {
    let kernel = &MATMUL[..MATMUL.find("schedule").unwrap()];
    let lines: String = schedule.lines().map(|line| format!("    {}\n", line.trim())).collect();
    format!("{kernel}schedule s for matmul {{\n{lines}}}\n")
}

/// Half of the accumulator's rows at a time fill it.
const WHOLE: &str = "X_buf = X.cache_read(inp)
W_buf = W.cache_read(wgt)
Y.split(i, 32) -> io, ii
C { set_scope(acc); compute_at(Y, io) }
C.split(j, BLOCK_OUT) -> jo, ji
C.split(r, BLOCK_IN) -> ro, ri
C.reorder(ro, i, jo, ji, ri)
C.tensorize(ji, gemm)";

#[test]
fn a_good_schedule_has_no_fault() {
    let said = bisected(WHOLE);
    said.good();
    assert_snapshot!("bisect_good", said);
}

#[test]
fn what_was_legal_is_broken_by_one_directive() {
    assert_snapshot!("bisect_broken", bisected(&format!("{WHOLE}\nC.double_buffer()\nX_buf.compute_at(C, ro)")));
}

#[test]
fn a_directive_cannot_be_applied() {
    assert_snapshot!(
        "bisect_inapplicable",
        bisected(&WHOLE.replace("C.tensorize(ji, gemm)", "C.tensorize(jo, gemm)\nC.unroll(jo)"))
    );
}

#[test]
fn without_a_legal_prefix_directives_are_left_out() {
    assert_snapshot!("bisect_without", bisected(&WHOLE.replace("C.split(j,", "C.double_buffer()\nC.split(j,")));
}

#[test]
fn else_the_beginning_of_the_error_is_named() {
    assert_snapshot!("bisect_begins", bisected(&WHOLE.replace("set_scope(acc); ", "").replace("wgt", "inp")));
    assert_snapshot!("bisect_lacking", bisected("X_buf = X.cache_read(wgt)\nW_buf = W.cache_read(wgt)"));
}

#[test]
fn directives_of_definitions_are_shown_with_their_calls() {
    let folder = Folder::new();
    let twice = "\ndef twice(stages) {\n    stages.double_buffer()\n}\n";
    let schedule = format!("{WHOLE}\nfor b in [X_buf, C] {{\n    twice(b)\n}}");
    folder.write("defs.tw", with_schedule(&schedule) + twice);
    assert_snapshot!("bisect_definition", folder.run("bisect defs.tw -p m=64 -p k=16 -p n=1024"));
}

/// Each kernel alone, and then both, as two that do not agree on the layout of what goes from one to the other.
#[test]
fn calls_are_tried_alone_and_then_together() {
    let folder = Folder::new();
    let program = "\nprogram two {
    input X: i8[32, 32]
    input V: i8[32, 32]
    input W: i8[32, 32]
    H = matmul(X, V, m = 32, k = 32, n = 32) with s
    output Y = matmul(H, W, m = 32, k = 32, n = 32) with other
}\n";
    let schedule = with_schedule(&format!("{WHOLE}\nY.layout(j, i)"));
    let other = schedule[schedule.find("schedule").unwrap()..].replace("schedule s", "schedule other");
    let file = |layout: &str| format!("{schedule}\n{}{program}", other.replace("Y.layout(j, i)", layout));
    folder.write("two.tw", file("X.layout(r, i)"));
    folder.run("bisect two.tw").good();
    folder.write("alone.tw", file("X.layout(k, m)"));
    assert_snapshot!("bisect_alone", folder.run("bisect alone.tw"));
    folder.write("together.tw", include_str!("../../../../tests/errors/program_two_orders.tw"));
    assert_snapshot!("bisect_together", folder.run("bisect together.tw"));
}

#[test]
fn there_has_to_be_a_schedule() {
    let folder = Folder::new();
    folder.write("kernel.tw", &MATMUL[..MATMUL.find("schedule").unwrap()]);
    assert_snapshot!("bisect_no_schedule", folder.run("bisect kernel.tw"));
}

#[test]
fn the_help_says_what_is_at_fault() {
    let said = Folder::new().run("bisect --help");
    assert!(said.good().contains("1. the first one after which values are wrong;"), "{said}");
}
