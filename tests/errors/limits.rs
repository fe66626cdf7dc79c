//! Odd and extreme programs are answered: with agreeing engines or with an error, and never by a panic.

use std::fmt::Write;

use tilewright_tests::{Case, engines_agree};

use tilewright::Options;

use crate::compile::compile;

/// The first code with which a program is refused; empty where all engines agree on it.
fn answer(text: &str) -> &'static str {
    match engines_agree(&Case::new(text)) {
        Ok(_) => "",
        Err(refused) => refused.codes[0],
    }
}

/// The code with which a program is refused up to its instructions, without running it.
fn compiled(text: &str) -> &'static str {
    compile("limits.tw", text, &Options::default()).map_or_else(|refused| refused.codes[0], |_| "")
}

const MATMUL: &str = "kernel matmul(m = 4, k = 64, n = 64) {
    input X: i8[m, k]
    input W: i8[n, k]
    C[i, j] = sum(r: i32(X[i, r]) * i32(W[j, r]))
    output Y[i, j] = i8(C[i, j])
}
";

const TUTORIAL: &str = "
    X_buf = X.cache_read(inp)
    W_buf = W.cache_read(wgt)
    C.set_scope(acc)
    C.split(j, BLOCK_OUT) -> jo, ji
    C.split(r, BLOCK_IN) -> ro, ri
    C.reorder(ro, i, jo, ji, ri)
    C.tensorize(ji, gemm)";

fn matmul(directives: &str) -> String {
    format!("{MATMUL}\nschedule s for matmul {{\n{directives}\n}}\n")
}

#[test]
fn factors_of_any_size() {
    for factor in ["9223372036854775807", "4611686018427387904", "65", "0", "0 - 9223372036854775807"] {
        for axis in ["i", "j", "r"] {
            let code = answer(&matmul(&format!("C.split({axis}, {factor}) -> a, b")));
            assert_eq!(code, if factor.starts_with('0') { "E0308" } else { "" }, "{axis} by {factor}");
        }
    }
}

#[test]
fn splits_into_single_iterations_and_whole_loops() {
    let code = answer(&matmul(&format!(
        "{TUTORIAL}\nC.split(i, 1) -> a, b\nC.split(jo, 4) -> c, d\nC.split(b, 1) -> e, f\nC.reorder(f, d, a, c, e)"
    )));
    assert_eq!(code, "");
}

#[test]
fn a_hundred_splits_of_one_loop() {
    let mut directives = TUTORIAL.to_string();
    let mut name = "i".to_string();
    for k in 0..100 {
        write!(directives, "\nC.split({name}, 1) -> a{k}, b{k}").unwrap();
        name = format!("a{k}");
    }
    assert_eq!(answer(&matmul(&directives)), "");
}

#[test]
fn thousands_of_directives() {
    let mut directives = TUTORIAL.to_string();
    for k in 0..2000 {
        let order = if k % 2 == 0 { "i, ro" } else { "ro, i" };
        write!(directives, "\nC.reorder({order})").unwrap();
    }
    assert_eq!(compiled(&matmul(&directives)), "");
}

#[test]
fn a_chain_of_two_hundred_stages() {
    let mut text = "kernel chain(n = 64) {\n    input X: i32[n]\n    S0[i] = X[i] + 1\n".to_string();
    for k in 1..200 {
        writeln!(text, "    S{k}[i] = max(S{}[i], {k}) + {}", k - 1, k % 7).unwrap();
    }
    text += "    output Y[i] = i8(S199[i])\n}\n\nschedule s for chain {\n    X_acc = X.cache_read(acc)\n";
    for k in 0..200 {
        writeln!(text, "    S{k}.set_scope(acc)").unwrap();
    }
    text += "}\n";
    assert_eq!(answer(&text), "");
}

#[test]
fn two_hundred_stages_each_inside_the_next() {
    let mut text = "kernel chain(n = 64) {\n    input X: i32[n]\n    S0[i] = X[i] + 1\n".to_string();
    for k in 1..200 {
        writeln!(text, "    S{k}[i] = max(S{}[i], {k}) + {}", k - 1, k % 7).unwrap();
    }
    text += "    output Y[i] = i8(S199[i])\n}\n\nschedule s for chain {\n    X_acc = X.cache_read(acc)\n";
    text += "    Y.split(i, 16) -> io, ii\n    S199.compute_at(Y, io)\n";
    for k in (0..199).rev() {
        writeln!(text, "    S{k}.set_scope(acc)\n    S{k}.compute_at(S{}, i)", k + 1).unwrap();
    }
    text += "    S199.set_scope(acc)\n}\n";
    compiled(&text);
}

#[test]
fn a_vector_times_a_matrix() {
    let code = answer(
        "kernel matvec(k = 64, n = 64) {
    input X: i8[k]
    input W: i8[n, k]
    C[j] = sum(r: i32(X[r]) * i32(W[j, r]))
    output Y[j] = i8(C[j])
}

schedule s for matvec {
    X_buf = X.cache_read(inp)
    W_buf = W.cache_read(wgt)
    C.set_scope(acc)
    C.split(j, BLOCK_OUT) -> jo, ji
    C.split(r, BLOCK_IN) -> ro, ri
    C.reorder(ro, jo, ji, ri)
    C.tensorize(ji, gemm)
}
",
    );
    assert_eq!(code, "");
}

#[test]
fn three_dimensions() {
    let code = answer(
        "kernel batched(b = 3, m = 2, k = 32, n = 32) {
    input X: i8[b, m, k]
    input W: i8[b, n, k]
    C[g, i, j] = sum(r: i32(X[g, i, r]) * i32(W[g, j, r]))
    output Y[g, i, j] = i8(C[g, i, j] >> 4)
}

schedule s for batched {
    X_buf = X.cache_read(inp)
    W_buf = W.cache_read(wgt)
    C.set_scope(acc)
    C.split(j, BLOCK_OUT) -> jo, ji
    C.split(r, BLOCK_IN) -> ro, ri
    C.reorder(g, ro, i, jo, ji, ri)
    X_buf.compute_at(C, ro)
    W_buf.compute_at(C, ro)
    C.tensorize(ji, gemm)
}
",
    );
    assert_eq!(code, "", "what an output computes is computed in the accumulator");
}

#[test]
fn constants_and_two_outputs() {
    let code = answer(
        "kernel fill(n = 64) {
    input X: i32[n]
    A[i < n] = i32(-5)
    output Y[i] = i8(A[i])
    output Z[i] = i8(X[i])
}

schedule s for fill {
    A.set_scope(acc)
    X_acc = X.cache_read(acc)
}
",
    );
    assert_eq!(code, "");
}

/// Values that the ALU cannot compute over their own operand, which is needed again or after a constant was built.
#[test]
fn values_that_need_a_tile_beside_their_operand() {
    for value in ["X[i] * X[i]", "max(X[i], 305419896)", "max(X[i] >> 1, X[i])", "X[i] + X[i]", "X[i] - (X[i] >> 3)"] {
        let code = answer(&format!(
            "kernel square(n = 64) {{
    input X: i32[n]
    A[i] = {value}
    B[i] = A[i] >> 3
    output Y[i] = i8(B[i])
}}

schedule s for square {{
    X_acc = X.cache_read(acc)
    A.set_scope(acc)
    B.set_scope(acc)
}}
"
        ));
        assert_eq!(code, "", "{value}");
    }
}

#[test]
fn copies_of_copies() {
    let code = answer(&matmul("P = X.cache_read(inp)\nQ = P.cache_read(inp)\nR = Q.cache_read(wgt)\nC.set_scope(acc)"));
    assert_eq!(code, "E0502");
    let code = answer(
        "kernel copy(n = 64) {
    input X: i32[n]
    output Y[i] = i8(X[i])
}

schedule s for copy {
    P = X.cache_read(acc)
    Q = P.cache_read(acc)
    R = Q.cache_read(acc)
    Q.compute_at(R, i)
}
",
    );
    assert!(["", "E0505"].contains(&code), "{code}");
}

#[test]
fn sums_over_the_accumulator() {
    let of = |sum: &str| {
        answer(&format!(
            "kernel total(m = 16, n = 64) {{
    input X: i32[m, n]
    {sum}
}}

schedule s for total {{
    X_acc = X.cache_read(acc)
    A.set_scope(acc)
}}
"
        ))
    };
    assert_eq!(of("A[j] = sum(i: X[i, j])\n output Y[j] = i8(A[j])"), "", "tiles are added to each other");
    assert_eq!(of("A[i] = sum(j: X[i, j])\n output Y[i] = i8(A[i])"), "", "lanes may run over the rows");
    assert_eq!(of("A[] = sum(i, j: X[i, j])\n output Y[] = i8(A[])"), "", "each element may fill a tile");
}

#[test]
fn a_chain_of_many_splits() {
    let mut text = "kernel k(n = 64) {\n input A: i32[n, 16]\n T[i, j] = A[i, j]\n output Y[i, j] = i8(T[i, j])\n}\n\
                    schedule s for k {\n T.set_scope(acc)\n"
        .to_string();
    let mut axis = "i".to_string();
    for n in 0..500 {
        let _ = writeln!(text, " T.split({axis}, 1) -> a{n}, b{n}");
        axis = format!("a{n}");
    }
    text.push_str("}\n");
    assert_eq!(compiled(&text), "");
}
