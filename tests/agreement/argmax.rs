//! The index of the greatest and of the least value: all engines agree, and of equal values the first counts.

use tilewright_tests::{Case, engines_agree};

fn agree(text: &str) {
    if let Err(refused) = engines_agree(&Case::new(text)) {
        panic!("{text}\n{}", refused.text);
    }
}

/// Rows of bytes, columns of integers, values of few kinds, so that many are equal.
#[test]
fn indices_of_rows_and_columns() {
    agree(
        "kernel k(m = 20, n = 10) {\n input X: i8[m, n]\n input W: i32[n, m]\n few[i, j] = X[i, j] >> 6\n \
         A[i] = argmax(r: X[i, r])\n B[j] = argmin(r: few[r, j])\n C[j] = argmax(r: W[r, j] >> 30)\n \
         output Y[i] = i8(A[i])\n output Z[j] = i8(B[j])\n output V[j] = C[j]\n}\n",
    );
}

#[test]
fn indices_in_the_steps_of_a_scan() {
    agree(
        "kernel k(n = 16) {\n input X: i8[3, 4, n]\n scan t in 3 {\n  state s[j < n]: i32 = 0\n  \
         a[j] = argmax(r: X[t, r, j])\n  next s[j] = s[j] + a[j]\n }\n output Y[j] = i8(s[3, j])\n}\n",
    );
}
