//! The text of every error that reading a source file can give, as the user sees it.

use tilewright_syntax::{Sources, explain, parse, render};

/// All errors of a text, drawn one after the other.
fn told(text: &str) -> String {
    let mut sources = Sources::default();
    let file = sources.add("test.tw", text);
    let errors = parse(&sources, file).expect_err("has an error");
    assert!(errors.iter().all(|e| explain(e.code).is_some()), "every code is explained");
    errors.iter().map(|e| render(e, &sources, false)).collect::<Vec<_>>().join("\n\n")
}

/// One test for each name: the errors of its text agree with the snapshot.
macro_rules! snapshots {
    ($($name:ident: $text:expr;)*) => {
        $(#[test]
        fn $name() {
            insta::assert_snapshot!(told(&$text));
        })*
    };
}

snapshots! {
    unknown_character: "kernel k {\n    C[i] = X[i] $ 2\n}\n";
    unknown_characters_in_a_row: "kernel k {\n    C[i] = X[i] && 2\n}\n";
    hash_comment: "# a comment\nkernel k {\n}\n";
    lookalike_operator: "kernel k {\n    C[i] = X[i] − 2\n}\n";
    foreign_letter: "kernel k {\n    Größe[i] = 1\n}\n";
    special_space: "kernel k {\n    C[i] =\u{a0}1\n}\n";
    single_greater: "kernel k {\n    C[i] = X[i] > 1\n}\n";
    string: "schedule s for k {\n    C.set_scope(\"acc\")\n}\n";

    missing_operand: "kernel k {\n    C[i] = X[i] +\n}\n";
    operand_on_the_next_line: "kernel k {\n    C[i] = X[i] +\n    D[i] = 1\n}\n";
    call_over_lines: "kernel k {\n    C[i] = f(\n        1\n        2\n    )\n}\n";
    missing_operator: "kernel k {\n    C[i] = X[i] Y[i]\n}\n";
    missing_value: "kernel k {\n    C[i]\n    D[i] = 1\n}\n";
    missing_type: "kernel k {\n    input X[m, k]\n}\n";
    missing_comma: "schedule s for k {\n    C.reorder(a b)\n}\n";
    missing_comma_in_index: "kernel k {\n    C[i] = X[i j]\n}\n";
    missing_kernel_name: "schedule s {\n    C.unroll(a)\n}\n";
    missing_directive: "schedule s for k {\n    C\n    D.unroll(a)\n}\n";
    missing_arguments: "schedule s for k {\n    C.unroll\n}\n";
    missing_results: "schedule s for k {\n    C.split(i, 4) ->\n}\n";
    not_an_item: "C[i] = 1\n";
    file_ends_early: "kernel";
    keyword_as_name: "kernel k {\n    C[next] = 1\n}\n";
    keyword_as_kernel: "kernel test {\n}\n";
    assignment_of_a_number: "schedule s for k {\n    A = 3\n}\n";
    expression_as_axis: "kernel k {\n    C[i] = sum(r + 1: X[r])\n}\n";
    comparison_as_axis: "kernel k {\n    C[i] = sum(r <= 3: X[r])\n}\n";
    named_argument_as_axis: "kernel k {\n    C[i] = sum(r = 3: X[r])\n}\n";
    comparison_of_comparisons: "kernel k {\n    C[i] = select(0 < i < 3, 1, 2)\n}\n";
    argument_behind_named: "schedule s for k {\n    C.split(i, parts = 4, 3) -> a, b\n}\n";
    expression_for_a_tensor: "program p {\n    output Y = conv(X + 1, h = 14)\n}\n";
    for_without_in: "schedule s for k {\n    for x of [A, B] {\n    }\n}\n";
    for_over_a_name: "schedule s for k {\n    for x in A {\n    }\n}\n";
    output_in_a_scan: "kernel k {\n    scan t in 4 {\n        output C[i] = 1\n    }\n}\n";
    unknown_word_in_a_test: "test t for k {\n    expected Y = 3\n}\n";
    value_of_nothing_in_a_test: "test t for k {\n    Y =\n}\n";
    use_of_a_number: "use 3\n";
    function_without_value: "fn f(a)\nfn g(a) = a + * 1\n\nkernel k {\n    C[i] = = 2\n}\n";
    unclosed_text: "use \"conv.tw\nkernel k {\n}\n";
    fors_too_deep: format!("schedule s for k {{\n{}{}}}\n", "for x in [A] {\n".repeat(300), "}\n".repeat(300));
    semicolon_in_brackets: "kernel k {\n    C[i; j] = 1\n}\n";
    fraction: "kernel k {\n    C[i] = 1.\n}\n";

    stage_in_brackets: "schedule s for k {\n    s[C].split(j, factor=16)\n    s[X_buf].compute_at(s[C], ro)\n}\n";
    axes_in_front: "schedule s for k {\n    jo, ji = s[C].split(s[C].op.axis[0], 16)\n    io, ii = C.split(i, nparts=4)\n}\n";
    copy_by_the_schedule: "schedule s for k {\n    CL = s.cache_write(C, \"local\")\n    s.cache_read(X, \"shared\", C)\n}\n";
    directives_in_a_chain: "schedule s for k {\n    C.unroll(i).unroll(j)\n}\n";
    input_as_an_argument: "schedule s for k {\n    C.cache_read(input)\n}\n";
    if_in_front: "kernel k {\n    if (X[0] > 0) { }\n}\n";
    if_of_a_value: "kernel k {\n    C[i] = f(if X[i] > 0 then 1 else 2)\n    D[i] = 1 if X[i] else 2\n}\n";
    conditional_operator: "kernel k {\n    C[i] = f(X[i] > 0 ? 1 : 2)\n}\n";
    function_of_indices: "kernel k {\n    C = te.compute((n,), lambda i: X[i])\n}\n";
    indices_in_parentheses: "kernel k {\n    C(i) = X[i] + 1\n}\n";

    number_too_large: "kernel k {\n    C[i] = 9223372036854775808\n    D[i] = 0.1234567890123456789\n}\n";
    malformed_numbers: "kernel k {\n    C[i] = 2x\n    D[i] = 0x\n    E[i] = 1.5x\n}\n";

    brackets_too_deep: format!("kernel k {{\n    C[i] = {}1{}\n}}\n", "(".repeat(200_000), ")".repeat(200_000));
    minus_too_deep: format!("kernel k {{\n    C[i] = {}1\n}}\n", "-".repeat(200_000));
    sum_too_long: format!("kernel k {{\n    C[i] = 1{}\n}}\n", " + 1".repeat(200_000));
    calls_too_deep: format!("kernel k {{\n    C[i] = {}1{}\n}}\n", "f(".repeat(200_000), ")".repeat(200_000));

    unclosed_parenthesis: "schedule s for k {\n    C.split(i, 4 -> a, b\n    C.reorder(a, b)\n}\n";
    unclosed_bracket: "kernel k {\n    C[i = X[i]\n    output Y[i] = 1\n}\n";
    unclosed_brace: "kernel k {\n    C[i] = 1\n\nschedule s for k {\n}\n";
    unclosed_at_the_end: "kernel k {\n    C[i] = f(1";
    wrong_bracket: "kernel k {\n    C[i] = f(X[i)]\n}\n";
    stray_parenthesis: "kernel k {\n    C[i] = f(1))\n}\n";
    stray_brace: "kernel k {\n}\n}\n";

    several_errors: "kernel k {\n    input X i8[n]\n    C[i] = X[i] ? 2\n    D[i] = 99999999999999999999\n    E[i] 1\n}\n";
}
