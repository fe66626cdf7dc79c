//! Products whose factors are computed: what is stored in rows is read in the tiles of weights or of inputs, on cores whose tiles
//! are of other sizes, and where arrays end inside of them.

use proptest::prelude::*;
use tilewright_isa::Config;
use tilewright_tests::{Case, engines_agree};

use crate::drawn::{Drawn, mostly_accepted};

const EXTENTS: [i64; 8] = [1, 5, 16, 20, 32, 33, 40, 64];

/// Targets: the default one, two rows, blocks of 32 that are summed over, one multiplier, and one row of 32.
const TARGETS: [&str; 5] = [
    "{}",
    r#"{"LOG_BATCH": 1}"#,
    r#"{"LOG_BLOCK_IN": 5, "LOG_BLOCK_OUT": 4}"#,
    r#"{"LOG_BLOCK": 0, "LOG_INP_BUFF_SIZE": 11, "LOG_WGT_BUFF_SIZE": 10, "LOG_ACC_BUFF_SIZE": 12}"#,
    r#"{"LOG_BLOCK_IN": 0, "LOG_BLOCK_OUT": 5, "LOG_INP_BUFF_SIZE": 11, "LOG_WGT_BUFF_SIZE": 15, "LOG_ACC_BUFF_SIZE": 17}"#,
];

/// What becomes of a sum of products, or of an input, before it is a factor. The last one makes something else of zero.
const VALUES: [&str; 5] = ["? >> 4", "clip(? >> 3, 0, 100)", "? << 28 >> 28", "max(?, 0 - ?) >> 5", "(? >> 4) + 3"];

/// How a factor comes about.
#[derive(Clone, Copy, Debug)]
enum Factor {
    Given,
    Elementwise,
    Product,
}

fn factor() -> impl Strategy<Value = (Factor, &'static str)> {
    let forms = vec![Factor::Given, Factor::Elementwise, Factor::Product];
    (prop::sample::select(forms), prop::sample::select(&VALUES[..]))
}

/// The stages of a factor with this many rows and columns.
fn stages(name: &str, (form, value): (Factor, &str), [rows, columns, summed]: [i64; 3]) -> String {
    match form {
        Factor::Given => format!("input {name}: i8[{rows}, {columns}]\n"),
        Factor::Elementwise => format!(
            "input {name}in: i8[{rows}, {columns}]\n {name}[a, b] = i8({})\n",
            value.replace('?', &format!("i32({name}in[a, b])"))
        ),
        Factor::Product => format!(
            "input {name}x: i8[{rows}, {summed}]\n input {name}w: i8[{columns}, {summed}]
             {name}s[a, b] = sum(k: i32({name}x[a, k]) * i32({name}w[b, k]))\n {name}[a, b] = i8({})\n",
            value.replace('?', &format!("{name}s[a, b]"))
        ),
    }
}

fn kernel(left: (Factor, &str), right: (Factor, &str), [rows, columns, summed, inner]: [i64; 4]) -> String {
    format!(
        "kernel k {{\n {}{} C[i, j] = sum(r: i32(L[i, r]) * i32(R[j, r]))\n output Y[i, j] = i8(C[i, j] >> 6)\n}}\n",
        stages("L", left, [rows, summed, inner]),
        stages("R", right, [columns, summed, inner]),
    )
}

fn programs() -> impl Strategy<Value = Drawn> {
    let extents = prop::array::uniform4(prop::sample::select(&EXTENTS[..]));
    (prop::sample::select(&TARGETS[..]), factor(), factor(), extents)
        .prop_map(|(target, left, right, extents)| Drawn::on(target, &kernel(left, right, extents)))
}

/// Of a sum over what ends inside of a tile, a factor that makes something else of zeros is refused.
#[test]
fn most_products_of_computed_factors_run() {
    mostly_accepted(programs(), 90, |program| program.is_accepted(&["E0508"]));
}

/// Weights that are stored by rows, in blocks that lie in tiles of weights or begin inside of one.
#[test]
fn blocks_of_computed_weights_are_stored_where_they_are_read() {
    for (rows, block, readers) in [(32, 16, 16), (32, 4, 16), (20, 10, 7), (64, 32, 33)] {
        for target in &TARGETS[..3] {
            let text = format!(
                "kernel k {{
                    input V: i8[{rows}, 64]\n input W: i8[64, 64]\n input X: i8[{readers}, 64]
                    S[j, r] = sum(k: i32(V[j, k]) * i32(W[r, k]))
                    K[j, r] = i8(S[j, r] >> 6)
                    C[i, j] = sum(r: i32(X[i, r]) * i32(K[j, r]))
                    output Y[i, j] = i8(C[i, j] >> 6)
                }}
                schedule s for k {{
                    V_buf = V.cache_read(inp)\n W_buf = W.cache_read(wgt)\n X_buf = X.cache_read(inp)\n K_buf = K.cache_read(wgt)
                    K_acc = K.cache_write(acc)\n Y_acc = Y.cache_write(acc)
                    S.set_scope(acc)\n C.set_scope(acc)
                    K.split(j, {block}) -> j0, j1
                    K_acc.compute_at(K, j0)\n S.compute_at(K, j0)
                    use vta: gemm_tiles
                    gemm_tiles(S, j, r, k) -> io, jo, ro
                    gemm_tiles(C, i, j, r) -> io, jo, ro
                }}"
            );
            let config = Config::from_json(target).expect("a valid configuration");
            if let Err(refused) = engines_agree(&Case { config, ..Case::new(&text) }) {
                panic!("{}\n{text}\n{target}", refused.text);
            }
        }
    }
}
