//! What hangs on the values of axes: indices that are held between bounds, and choices by comparisons of axes.

use proptest::prelude::*;
use tilewright_tests::{Agreed, Case, engines_agree};

use crate::drawn::Drawn;

fn agree(text: &str) -> Agreed {
    engines_agree(&Case::new(text)).unwrap_or_else(|refused| panic!("{}\n{text}", refused.text))
}

/// Ways to write an index that is held at the edges of a dimension of `h` elements.
const FORMS: [fn(&str) -> String; 3] = [
    |e| format!("clip({e}, 0, h - 1)"),
    |e| format!("min(max({e}, 0), h - 1)"),
    |e| format!("max(0, min(h - 1, {e}))"),
];

/// Where the copy of the input is computed, whose border repeats the edge.
const PLACES: [&str; 6] = [
    "X_a = X.cache_read(acc)",
    "X_a = X.cache_read(acc)\n P.reorder(y, c)\n X_a.compute_at(P, y)",
    "X_a = X.cache_read(acc)\n P.split(c, 16) -> co, ci\n P.reorder(co, y, x, r, s, ci)\n X_a.compute_at(P, co)",
    "X_a = X.cache_read(acc)\n Y.reorder(y, c)\n P.compute_at(Y, y)\n X_a.compute_at(Y, y)\n X_a.rolling_buffer()",
    "X_a = X.cache_read(acc)\n Y.split(y, 3) -> y0, y1\n Y.reorder(y0, c, y1)\n P.compute_at(Y, y0)\n X_a.compute_at(Y, y0)\n \
     X_a.double_buffer(2)",
    "X_a = X.cache_read(acc)\n X_b = X_a.cache_read(acc)\n P.split(x, 2) -> x0, x1\n P.reorder(x0, c, y, x1)\n \
     X_b.compute_at(P, x0)",
];

#[derive(Clone, Copy, Debug)]
struct Window {
    h: i64,
    step: i64,
    size: i64,
    before: i64,
}

fn pool(op: &str, Window { h, step, size, before }: Window, form: usize, place: &str) -> String {
    let out = (h - 1) / step + 1;
    let [y, x] = ["y", "x"].map(|axis| {
        let tap = if axis == "y" { "r" } else { "s" };
        FORMS[form](&format!("{axis} * {step} + {tap} - {before}"))
    });
    format!(
        "kernel pool(ch = 32, h = {h}) {{
            input X: i8[ch, h, h]
            P[c, y < {out}, x < {out}] = {op}(r < {size}, s < {size}: X[c, {y}, {x}])
            output Y[c, y, x] = P[c, y, x]
        }}
        schedule s for pool {{
            P.set_scope(acc)
            {place}
        }}"
    )
}

fn pools() -> impl Strategy<Value = String> {
    let window = (1..9_i64, 1..3_i64, 1..4_i64, 0..4_i64);
    let window = window.prop_map(|(h, step, size, before)| Window { h, step, size, before });
    let place = prop::sample::select(&PLACES[..]);
    (prop::sample::select(vec!["max", "min"]), window, 0..FORMS.len(), place)
        .prop_map(|(op, window, form, place)| pool(op, window, form, place))
}

/// An index of a dimension of `n` elements, by an axis of `m`.
fn index(n: i64) -> impl Strategy<Value = String> {
    let inner = (1..4_i64, -9..9_i64, 0..3_usize).prop_map(|(step, start, kind)| match kind {
        0 => format!("I * {step} + {start}"),
        1 => format!("{start} - I * {step}"),
        _ => format!("I / {step} + {start}"),
    });
    (inner, 0..n, 0..n, any::<bool>()).prop_map(|(inner, a, b, split)| {
        let (low, high) = (a.min(b), a.max(b));
        if split { format!("max(min({inner}, {high}), {low})") } else { format!("clip({inner}, {low}, {high})") }
    })
}

/// Differences of elements whose indices are held between any bounds, in rows, in columns, or in both.
fn differences() -> impl Strategy<Value = String> {
    let sizes = (1..24_i64, 1..40_i64, 1..24_i64, 1..40_i64);
    let kernels = sizes.prop_flat_map(|(n, m, p, q)| {
        let indices = (index(n), index(m), index(n));
        (Just((n, m, p, q)), indices, 0..3_usize)
    });
    kernels.prop_map(|((n, m, p, q), (row, column, other), computed)| {
        let [row, other] = [row, other].map(|e| e.replace('I', "i"));
        let column = column.replace('I', "j");
        let (middle, source) = match computed {
            0 => ("", "X"),
            1 => ("A[a, b] = X[a, b] + 3", "A"),
            _ => ("A[a, b < m] = X[a, b] - X[a, clip(b + 1, 0, m - 1)]", "A"),
        };
        format!(
            "kernel f(n = {n}, m = {m}) {{
                input X: i32[n, m]
                {middle}
                D[i < {p}, j < {q}] = {source}[{row}, {column}] - {source}[{other}, {column}]
                output Y[i, j] = i8(D[i, j])
            }}"
        )
    })
}

/// A comparison of axes.
fn condition() -> impl Strategy<Value = String> {
    let op = prop::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]);
    let sides = prop::sample::select(vec![
        ("i", "j"),
        ("i", "A"),
        ("j", "A"),
        ("i + j", "A"),
        ("j * 2", "i + A"),
        ("i >> 1", "A"),
    ]);
    (sides, op, 0..30_i64)
        .prop_map(|((left, right), op, at)| format!("{left} {op} {}", right.replace('A', &at.to_string())))
}

/// Tensors that are joined, and masks of them, in elements, sums and greatest values.
fn choices() -> impl Strategy<Value = String> {
    let sizes = (1..20_i64, 1..36_i64);
    (sizes, condition(), condition(), prop::sample::select(vec!["sum", "max"])).prop_map(
        |((n, m), first, second, op)| {
            format!(
                "kernel f(n = {n}, m = {m}) {{
                input A: i32[n, m]
                input B: i32[n, m]
                C[i, j] = select({first}, A[i, j], select({second}, B[i, j], -7))
                S[i] = {op}(j < m: select({second}, C[i, j], 0))
                output Y[i, j] = i8(C[i, j])
                output Z[i] = i8(S[i])
            }}"
            )
        },
    )
}

pub fn programs() -> impl Strategy<Value = Drawn> {
    prop_oneof![pools(), differences(), choices()].prop_map(Drawn::new)
}

#[test]
fn borders_repeat_the_edge() {
    for place in PLACES {
        for (h, step) in [(7, 2), (6, 1), (1, 1)] {
            agree(&pool("max", Window { h, step, size: 3, before: 1 }, 0, place));
        }
    }
}

/// A copy that continues beyond an edge begins with it as often as it is read.
#[test]
fn factors_are_held_at_edges() {
    for (h, co) in [(5, 16), (9, 40)] {
        agree(&format!(
            "kernel conv(h = {h}, ci = 16, co = {co}) {{
                input X: i8[ci, h, h]
                input F: i8[co, ci, 3, 3]
                C[o, y < h, x < h] =
                    sum(c, r, s: i32(X[c, clip(y + r - 1, 0, h - 1), clip(x + s - 1, 0, h - 1)]) * i32(F[o, c, r, s]))
                output Y[o, y, x] = i8(C[o, y, x] >> 6)
            }}"
        ));
    }
}

#[test]
fn steps_read_the_inputs_of_steps_before() {
    agree(
        "kernel smoothed(t = 5, n = 16) {
            input X: i8[t, n]
            scan s in t {
                state h[i < n]: i8 = 0
                d[i] = i32(X[max(s - 1, 0), i]) + i32(X[s, i]) + i32(h[clip(i + 1, 0, n - 1)])
                next h[i] = sat8(d[i] >> 1)
            }
            output Y[i] = h[t, i]
        }",
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(super::cases()))]

    #[test]
    fn what_hangs_on_axes_is_the_same_everywhere(program in programs()) {
        prop_assert!(program.is_accepted(&[]), "refused");
    }
}
