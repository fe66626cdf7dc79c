//! What is added to schedules that leave parts open, and that nothing is added to others.

use tilewright_core::pipeline::{Made, Request, front};
use tilewright_isa::Config;
use tilewright_syntax::Sources;

const DENSE: &str = "kernel dense(m = 4, k = 64, n = 64) {
    input X: i8[m, k]
    input W: i8[n, k]
    C[i, j] = sum(r: i32(X[i, r]) * i32(W[j, r]))
    S[i, j] = C[i, j] >> 8
    output Y[i, j] = i8(S[i, j])
}
";

/// A sum that is stored as it is.
const TOTAL: &str = "kernel total(m = 8, n = 64) {
    input X: i32[n, m]
    output Y[i < m] = sum(r < n: X[r, i])
}
";

/// An output that is more than a copy.
const HALVE: &str = "kernel halve(n = 64) {
    input X: i32[n]
    output Y[i] = i8(X[i] >> 1)
}
";

/// A product whose operands the schedule copies, without saying where to.
const COPIES: &str = "kernel copies(k = 64, n = 64) {
    input X: i8[1, k]
    input W: i8[n, k]
    P[i < 1, r < k] = X[i, r]
    Q[j < n, r < k] = W[j, r]
    C[i, j] = sum(r: i32(P[i, r]) * i32(Q[j, r]))
    output Y[i, j] = i8(C[i, j])
}
";

/// The directives of a schedule that says so much of a kernel, and whether it was completed.
fn completed(kernel: &str, said: &str) -> (Made, Vec<String>) {
    let name = kernel.split([' ', '(']).nth(1).expect("a kernel has a name");
    let mut sources = Sources::default();
    let file = sources.add("case.tw", format!("{kernel}\nschedule s for {name} {{\n{said}\n}}\n"));
    let config = Config::default();
    let request = Request { sources: &sources, file, params: &[], program: None, schedule: None, config: &config };
    let front = front(&request).expect("the schedule is right");
    let call = &front.calls()[0];
    let directives = front.directives(call).expect("it has no definitions");
    (call.made, directives.iter().map(|d| d.text()).collect())
}

#[track_caller]
fn becomes(kernel: &str, said: &str, expected: &[&str]) {
    assert_eq!(completed(kernel, said), (Made::Completed, expected.iter().map(|s| s.to_string()).collect()));
}

#[test]
fn a_schedule_that_says_nothing_becomes_the_automatic_one() {
    let automatic = [
        "C.set_scope(acc)",
        "S.set_scope(acc)",
        "X_buf = X.cache_read(inp)",
        "W_buf = W.cache_read(wgt)",
        "C.split(j, BLOCK_OUT) -> jo, ji",
        "C.split(r, BLOCK_IN) -> ro, ri",
        "C.reorder(ro, i, jo, ji, ri)",
        "C.tensorize(ji, gemm)",
    ];
    becomes(DENSE, "", &automatic);
    let said = automatic.join("\n");
    assert_eq!(completed(DENSE, &said), (Made::Written, automatic.map(str::to_owned).to_vec()));
}

#[test]
fn producers_follow_into_the_tiles_of_an_output() {
    let tiles = ["Y.split(j, 32) -> jo, ji", "Y.reorder(jo, i, ji)"];
    let added = [
        "C.set_scope(acc)",
        "S.set_scope(acc)",
        "X_buf = X.cache_read(inp)",
        "W_buf = W.cache_read(wgt)",
        "S.compute_at(Y, jo)",
        "C.compute_at(Y, jo)",
        "C.split(j, BLOCK_OUT) -> jo, ji",
        "C.split(r, BLOCK_IN) -> ro, ri",
        "C.reorder(ro, i, jo, ji, ri)",
        "C.tensorize(ji, gemm)",
        "W_buf.compute_at(Y, jo)",
    ];
    becomes(DENSE, &tiles.join("\n"), &[&tiles[..], &added].concat());
}

#[test]
fn loops_that_were_shaped_are_split_further() {
    let said =
        ["C.split(j, 32) -> jo, ji", "C.reorder(jo, r, i, ji)", "X_buf = X.cache_read(inp)", "X_buf.compute_at(C, jo)"];
    let added = [
        "C.set_scope(acc)",
        "S.set_scope(acc)",
        "W_buf = W.cache_read(wgt)",
        "C.split(ji, BLOCK_OUT) -> jio, jii",
        "C.split(r, BLOCK_IN) -> ro, ri",
        "C.reorder(jo, ro, i, jio, jii, ri)",
        "C.tensorize(jii, gemm)",
    ];
    becomes(DENSE, &said.join("\n"), &[&said[..], &added].concat());
}

#[test]
fn an_output_is_computed_in_front_of_what_shapes_its_loops() {
    becomes(
        HALVE,
        "Y.split(i, 16) -> io, ii\nX_acc = X.cache_read(acc)\nX_acc.compute_at(Y, io)",
        &[
            "Y_acc = Y.cache_write(acc)",
            "Y.split(i, 16) -> io, ii",
            "X_acc = X.cache_read(acc)",
            "Y_acc.compute_at(Y, io)",
            "X_acc.compute_at(Y, io)",
        ],
    );
}

#[test]
fn loops_of_a_stored_sum_are_those_of_its_computation() {
    becomes(
        TOTAL,
        "Y.split(r, 16) -> ro, ri\nY.reorder(ro, i, ri)\nX_acc = X.cache_read(acc, Y)\nX_acc.compute_at(Y, ro)",
        &[
            "Y_acc = Y.cache_write(acc)",
            "Y_acc.split(r, 16) -> ro, ri",
            "Y_acc.reorder(ro, i, ri)",
            "X_acc = X.cache_read(acc, Y_acc)",
            "X_acc.compute_at(Y_acc, ro)",
        ],
    );
}

#[test]
fn copies_of_operands_get_the_scope_of_their_role() {
    let (made, directives) = completed(COPIES, "P.pragma(dma_copy)\nQ.pragma(dma_copy)");
    assert_eq!(made, Made::Completed);
    let places = |d: &&String| d.contains("set_scope(inp)") || d.contains("set_scope(wgt)");
    assert_eq!(directives.iter().filter(places).collect::<Vec<_>>(), ["P.set_scope(inp)", "Q.set_scope(wgt)"]);
}

#[test]
fn what_is_wrong_stays_so() {
    let (made, directives) = completed(DENSE, "X_buf = X.cache_read(wgt)\nW_buf = W.cache_read(wgt)");
    assert_eq!((made, directives.len()), (Made::Incomplete, 2));
}
