//! Directives without effect: they compile, and are told of.

use tilewright::Options;

use crate::compile::warnings;

/// All that is said of a schedule of this kernel.
fn told(directives: &[&str]) -> String {
    let text = format!(
        "kernel narrow(m = 4, n = 64) {{
    input X: i32[m, n]
    S[i, j] = X[i, j] >> 4
    output Y[i, j] = i8(S[i, j])
}}

schedule idle for narrow {{
    X_acc = X.cache_read(acc)
    S.set_scope(acc)
    {}
}}
",
        directives.join("\n    ")
    );
    let told = warnings("idle.tw", &text, &Options::default());
    told.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn directives_that_change_nothing() {
    let all = [
        "S.split(j, 1) -> jo, ji",
        "Y.split(j, 64) -> jo, ji",
        "Y.reorder(i, jo)",
        "X_acc.compute_root()",
        "S.compute_at(Y, i)",
        "S.compute_at(Y, i)",
        "X_acc.compute_at(S, i)",
        "X_acc.rolling_buffer()",
        "X_acc.compute_root()",
        "S.compute_root()",
        "Y.reverse_compute_at(S, i)",
        "Y.reverse_compute_at(S, i)",
        "Y.layout(i, j)",
    ];
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "warnings" }, {
        insta::assert_snapshot!("without_effect", told(&all));
    });
}

#[test]
fn directives_that_say_of_iterations_what_there_are_too_few_of() {
    let idle: [&[&str]; 9] = [
        &["S.split(j, 100) -> jo, ji", "S.unroll(jo)"],
        &["Y.split(j, parts = 1) -> jo, ji", "Y.fuse(i, jo) -> f"],
        &["Y.split(j, parts = 64) -> jo, ji"],
        &["Y.peel(i, 0)"],
        &["Y.peel(i, 1, 4)"],
        &["Y.tile(i, j, 1, 64) -> io, jo, ii, ji"],
        &["Y.tile(i, j, 4, 64) -> io, jo, ii, ji"],
        &["Y.split(j, 64) -> jo, ji", "Y.reorder(jo, i, ji)", "S.compute_at(Y, jo)", "S.double_buffer()"],
        &["Y.split(j, 64) -> jo, ji", "Y.bind(jo, vthread)"],
    ];
    let all = idle.map(told).join("\n\n\n");
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "warnings" }, {
        insta::assert_snapshot!("few_iterations", all);
    });
}

/// Iterations of an outer loop take turns as well.
#[test]
fn directives_for_enough_iterations() {
    let busy: [&[&str]; 5] = [
        &["Y.tile(i, j, 4, 1) -> io, jo, ii, ji"],
        &["Y.split(j, n) -> jo, ji", "S.compute_at(Y, jo)", "S.double_buffer()"],
        &["Y.tile(i, j, 1, 32) -> io, jo, ii, ji"],
        &["Y.peel(i, 3)", "S.unroll(j)"],
        &["Y.fuse(i, j) -> f", "Y.bind(f, vthread)"],
    ];
    for directives in busy {
        assert_eq!(told(directives), "", "{directives:?}");
    }
}

#[test]
fn directives_that_change_something_or_depend_on_the_target() {
    let busy = [
        "Y.split(i, BATCH) -> io, ii",
        "Y.split(j, parts = 2) -> jo, ji",
        "Y.reorder(jo, io)",
        "S.compute_at(Y, io)",
        "S.compute_root()",
        "S.pragma(alu)",
        "X_acc.pragma(dma_copy)",
        "Y.layout(j, i)",
    ];
    assert_eq!(told(&busy), "");
}
