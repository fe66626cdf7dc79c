//! Quotients: all engines agree on every form, whatever is known of the operands, with and without a schedule.

use tilewright_tests::{Case, engines_agree};

fn agree(text: &str) {
    if let Err(refused) = engines_agree(&Case::new(text)) {
        panic!("{text}\n{}", refused.text);
    }
}

/// Numerators and divisors of all sizes and signs, by shifts of random ones.
#[test]
fn every_rounding_of_every_size() {
    for (of_a, of_b) in [(0, 0), (0, 20), (12, 24), (20, 4), (26, 28), (0, 30)] {
        agree(&format!(
            "kernel k(n = 24) {{\n input A: i32.q12[2, n]\n input B: i32.q5[2, n]\n \
             a[i, j] = A[i, j] >> {of_a}\n b[i, j] = B[i, j] >> {of_b}\n \
             output D[i, j] = a[i, j] / b[i, j]\n output N[i, j] = i32.q7(a[i, j] / b[i, j], nearest)\n \
             output S[i, j] = sat8.q9(a[i, j] / b[i, j], nearest)\n output L[i, j] = sat8.q4(a[i, j] / b[i, j])\n}}\n"
        ));
    }
}

#[test]
fn constants_and_bytes() {
    agree(
        "kernel k(n = 40) {\n input A: i8[n]\n input B: i8[n]\n input Z: i32[n]\n \
         output D[i] = i32(A[i]) / 7\n output E[i] = 1000 / B[i]\n output F[i] = i8(A[i] / max(B[i], 1))\n \
         output G[i] = sat8(Z[i] / -3, nearest)\n output H[i] = Z[i] / 0\n output I[i] = (A[i] / B[i]) / (B[i] / A[i])\n}\n",
    );
}

/// The divisor of a row, which lies in all lanes of a tile, is looked at once for all columns.
#[test]
fn one_divisor_for_a_row() {
    let kernel = "kernel softmax(m = 8, n = 64) {\n input X: i8.q4[m, n]\n input ones: i8[BLOCK_OUT, n]\n \
        M[i] = max(j: X[i, j])\n E[i, j] = sat8.q7(approx(exp, quadratic, 8)(i32.q12(X[i, j] - M[i])), nearest)\n \
        S[i, c] = sum(j: E[i, j] * ones[c, j])\n \
        output Y[i, j] = sat8.q7(i32.q14(E[i, j]) / S[i, j % BLOCK_OUT], nearest)\n}\n";
    agree(kernel);
    agree("kernel mean(n = 16) {\n input X: i8[n]\n S[] = sum(i: X[i])\n output Y[] = S[] / n\n}\n");
}
