//! What stands beyond the edges of an array may be any value: transfers pad with zeros, and the rest is filled.

use proptest::prelude::*;
use tilewright_tests::{Agreed, Case, engines_agree};

use crate::drawn::Drawn;

fn agree(text: &str) -> Agreed {
    engines_agree(&Case::new(text)).unwrap_or_else(|refused| panic!("{}\n{text}", refused.text))
}

/// The type, the operation and what stands outside: less than all numbers, or greater.
const BORDERS: [(&str, &str, i32); 4] =
    [("i8", "max", -128), ("i8", "min", 127), ("i32", "max", -70_000), ("i8", "max", 9)];
/// Where the input is loaded: as a whole, by rows, or by channels.
const PLACES: [&str; 3] = [
    "",
    "P.reorder(y, c)\n X_a.compute_at(P, y)",
    "P.split(c, 16) -> co, ci\n P.reorder(co, y, x, r, s, ci)\n X_a.compute_at(P, co)",
];

/// Windows of 3 by 3 around pixels, as pooling layers of frameworks have them.
fn pool((dtype, op, outside): (&str, &str, i32), (h, step): (i64, i64), place: &str) -> String {
    let out = (h - 1) / step + 1;
    format!(
        "kernel pool(ch = 32, h = {h}) {{
            input X: {dtype}[ch, h, h] outside {outside}
            P[c, y < {out}, x < {out}] = {op}(r < 3, s < 3: X[c, y * {step} + r - 1, x * {step} + s - 1])
            output Y[c, y, x] = i8(P[c, y, x])
        }}
        schedule s for pool {{
            X_a = X.cache_read(acc)
            P.set_scope(acc)
            {place}
        }}"
    )
}

pub fn programs() -> impl Strategy<Value = Drawn> {
    let border = prop::sample::select(&BORDERS[..]);
    (border, 4..10_i64, 1..4_i64, prop::sample::select(&PLACES[..]))
        .prop_map(|(border, h, step, place)| Drawn::new(pool(border, (h, step), place)))
}

#[test]
fn windows_reach_over_edges() {
    for border in BORDERS {
        for size in [(7, 2), (8, 2), (6, 1), (9, 3)] {
            PLACES.iter().for_each(|place| drop(agree(&pool(border, size, place))));
        }
    }
}

/// Products with the border count where it is no zero.
#[test]
fn products_with_a_border_that_is_no_zero_count() {
    for (ci, outside) in [(16, 3), (32, -128), (16, 0)] {
        agree(&format!(
            "kernel conv(h = 5, ci = {ci}, co = 16) {{
                input X: i8[ci, h, h] outside {outside}
                input F: i8[co, ci, 3, 3]
                C[o, y < h, x < h] = sum(c, r, s: i32(X[c, y + r - 1, x + s - 1]) * i32(F[o, c, r, s]))
                output Y[o, y, x] = i8(C[o, y, x] >> 6)
            }}"
        ));
    }
}

/// Borders that are no rows of a transfer: beside each of several tiles, or longer than its field.
#[test]
fn borders_that_transfers_cannot_pad_are_filled() {
    let beside_tiles = "kernel conv {
    input X: i8[32, 6, 6] outside 0
    input F: i8[16, 32, 3, 3]
    C[o, y < 6, x < 6] = sum(c, r, s: i32(X[c, y + r - 1, x + s - 1]) * i32(F[o, c, r, s]))
    output Y[o, y, x] = i8(C[o, y, x])
}

schedule wrong for conv {
    X.layout(d1, d2, c)
    X_buf = X.cache_read(inp)
    F_buf = F.cache_read(wgt)
    C.set_scope(acc)
    C.split(c, BLOCK_IN) -> cb, ct
    C.reorder(cb, y, x, r, s, o, ct)
    C.tensorize(o, gemm)
}
";
    let wide = "kernel wide {
    input X: i8[4, 16] outside 0
    output Y[i < 44, j] = i8(i32(X[i - 20, j]) + 1)
}
";
    for text in [beside_tiles, wide] {
        agree(text);
    }
}
