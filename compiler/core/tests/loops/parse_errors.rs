//! Every way in which a text is no loop program, as the user is told it; and the pages that explain these errors.

use tilewright_core::loops::parse::{parse, parse_with_spans};
use tilewright_core::loops::verify::verify;
use tilewright_syntax::{Diagnostic, EXPLANATIONS, Explanation, FileId};

use super::told;

/// Reads and verifies a text; a broken rule is shown where it is broken.
fn read(text: &str) -> Result<(), Diagnostic> {
    let (program, spans) = parse_with_spans(FileId(0), text).map_err(|error| Diagnostic::from(&error))?;
    verify(&program).map_err(|errors| {
        let span = spans.get(&errors[0].at).unwrap_or_else(|| panic!("{} has no place", errors[0]));
        errors[0].diagnostic().primary(span, "here")
    })
}

fn failure(text: &str) -> String {
    told(text, &read(text).expect_err("has an error"))
}

macro_rules! snapshots {
    ($($name:ident: $text:expr;)*) => {
        $(#[test]
        fn $name() {
            insta::assert_snapshot!(failure(&$text));
        })*
    };
}

/// A program with buffers and a loop around some statements.
fn within(stmts: &str) -> String {
    format!(
        "program p {{\n    input X: i8[4, 16] @dram tile(1: 16)\n    alloc C: i32[4, 16] @acc tile(1: 16)\n    \
         for i in 0..4 {{\n        {stmts}\n    }}\n}}\n"
    )
}

snapshots! {
    empty: "";
    no_program: "kernel k {}";
    unclosed_block: "program p {\n    for i in 0..4 {\n";
    text_behind_the_program: "program p {}\n}";
    unknown_statement: within("copy C[0]");
    unknown_type: "program p {\n    input X: f32[4] @dram\n}";
    unknown_scope: "program p {\n    alloc X: i8[4] @out\n}";
    unknown_mark: "program p {\n    @vector for i in 0..4 {}\n}";
    unknown_alu_operation: within("alu sub C[0], 1");
    wrong_arrow: within("load C[0] -> X[0] y 1 x 1 stride 1");
    loop_from_one: "program p {\n    for i in 1..4 {}\n}";
    missing_value: within("C[i, 0] =");
    missing_index: within("C[i, ] = 1 +");
    micro_op_of_four: within("reset C[0] uops [(0, 1, 2, 3)]");
    unknown_step: within("reset C[0] outer 4 (acc 1)");
    unknown_function: within("C[i, 0] = relu(C[i, 0])");
    i8_index: within("C[i, 5i8] = 1");

    unknown_character: within("C[i, 0] = 1 ? 2");
    unknown_suffix: within("C[i, 0] = 1u8");
    letter_beyond_ascii: within("C[i, 0] = größe");

    i8_constant_out_of_range: within("C[i, 0] = 128i8");
    extent_zero: "program p {\n    for i in 0..0 {}\n}";
    extent_too_large: "program p {\n    alloc C: i8[2147483648] @acc\n}";
    immediate_too_large: within("alu add C[0], 32768");
    number_too_large: within("C[i, 0] = 18446744073709551616");
    factor_too_large: within("C[i * 65536 * 65536, 0] = 0");

    parentheses_too_deep: within(&format!("C[i, 0] = {}1", "(".repeat(200_000)));
    index_parentheses_too_deep: within(&format!("C[{}i", "(".repeat(200_000)));
    minus_too_deep: within(&format!("C[{}i", "-".repeat(200_000)));
    loops_too_deep: format!("program p {{{}", (0..100_000).map(|i| format!("\nfor i{i} in 0..1 {{")).collect::<String>());
    sum_too_long: within(&format!("C[i, 0] = 1{}", "\n+ 1".repeat(100_000)));
    index_too_long: within(&format!("C[i{}, 0] = 1", "\n+ i".repeat(100_000)));

    unknown_buffer: within("D[i, 0] = 1");
    unknown_loop: within("C[io, 0] = 1");
    loop_as_buffer: within("i[0] = 1");
    buffer_before_its_allocation: within("late[0] = 1\n        alloc late: i32[1] @acc");

    buffer_twice: within("alloc X: i8[4] @inp");
    loop_twice: within("for i in 0..2 {}");

    product_of_loops: within("C[i * i, 0] = 1");
    division_by_zero: within("C[i / 0, 0] = 1");
    division_by_a_loop: within("C[4 % i, 0] = 1");

    out_of_bounds: within("C[i + 1, 0] = 1");
    lane_too_large: "program p {\n    input X: i8[4] @dram tile(0: 3)\n}";
    base_in_dram: "program p {\n    input X: i8[4] @dram base 0\n}";
    bases_overlap: within("alloc D: i32[2, 16] @acc tile(1: 16) base 3\n        alloc E: i32[4, 16] @acc tile(1: 16) base 1\n        reset E[0]\n        alu add D[0], E[0]");
}

fn block<'a>(page: &'a Explanation, heading: &str) -> &'a str {
    let section = page.text.split(&format!("\n## {heading}\n")).nth(1);
    let section = section.unwrap_or_else(|| panic!("{} has a section `{heading}`", page.code));
    let section = section.split("\n## ").next().unwrap();
    let body = section.split("\n```loops\n").nth(1);
    let body = body.unwrap_or_else(|| panic!("{} has a block under `{heading}`", page.code));
    body.split("\n```\n").next().unwrap()
}

#[test]
fn pages_show_exactly_their_error_and_its_fix() {
    let pages: Vec<_> = EXPLANATIONS.iter().filter(|page| ("E0401"..="E0410").contains(&page.code)).collect();
    assert_eq!(pages.len(), 8);
    for page in pages {
        assert_eq!(read(block(page, "Example")).expect_err(page.code).code, page.code);
        assert_eq!(read(block(page, "Fix")), Ok(()), "{}", page.code);
    }
}

#[test]
fn any_prefix_is_an_error_and_no_panic() {
    let text = within("C[i, i / 2] = max(C[i, 0], -1) * i32(X[i, 0])\n        alu add C[i], C[0] outer 1 (dst 1)");
    assert_eq!(read(&text), Ok(()));
    let end = text.trim_end().len();
    for at in 0..end {
        assert!(parse(FileId(0), &text[..at]).is_err(), "{}", &text[..at]);
    }
}
