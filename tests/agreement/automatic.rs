//! Kernels without a schedule: the automatic one brings them to the accelerator, whatever their sizes, and the engines agree.

use tilewright_isa::Config;
use tilewright_tests::{Agreed, Case, engines_agree};

fn agree_on(config: Config, kernel: &str, params: &[(&str, i64)]) -> Agreed {
    let params: Vec<(String, i64)> = params.iter().map(|(n, v)| (n.to_string(), *v)).collect();
    let case = Case { params: &params, config, ..Case::new(kernel) };
    engines_agree(&case).unwrap_or_else(|refused| panic!("{params:?}\n{}", refused.text))
}

fn agree(kernel: &str, params: &[(&str, i64)]) -> Agreed {
    agree_on(Config::default(), kernel, params)
}

const MATMUL: &str = "kernel matmul(m = BATCH, k = 256, n = 256) {
    input X: i8[m, k]
    input W: i8[n, k]
    C[i, j] = sum(r: i32(X[i, r]) * i32(W[j, r]))
    output Y[i, j] = i8(C[i, j])
}
";

const REQUANTISED: &str = "kernel requantise(m = BATCH, k = 128, n = 64) {
    input X: i8[m, k]
    input W: i8[k, n]
    input b: i32[n]
    C[i, j] = sum(r: i32(W[r, j]) * i32(X[i, r]))
    output Y[i, j] = i8(clip((C[i, j] >> 8) + b[j], 0, 127))
}
";

/// Scratchpads for a few tiles, so that small kernels have to be cut.
fn small(log_batch: u32) -> Config {
    let json = format!(
        r#"{{"LOG_BATCH": {log_batch}, "LOG_INP_BUFF_SIZE": 10, "LOG_WGT_BUFF_SIZE": 12, "LOG_ACC_BUFF_SIZE": 12}}"#
    );
    Config::from_json(&json).expect("a valid configuration")
}

#[test]
fn products_fit_by_slices_and_tiles() {
    for (m, k, n) in [(1, 256, 256), (4, 16, 16), (24, 512, 32), (1, 64, 512), (16, 1024, 16), (128, 64, 48)] {
        for config in [Config::default(), small(0)] {
            let agreed = agree_on(config, MATMUL, &[("m", m), ("k", k), ("n", n)]);
            assert_eq!(agreed.report.gemm_uops, (m * k / 16 * n / 16) as u64);
        }
    }
    for (m, k, n) in [(4, 16, 16), (8, 256, 96), (48, 32, 64)] {
        agree_on(small(0), REQUANTISED, &[("m", m), ("k", k), ("n", n)]);
    }
}

#[test]
fn the_core_decides_the_tiles() {
    for log_batch in [1, 2] {
        for (m, k, n) in [(4, 64, 64), (16, 256, 64), (64, 32, 128)] {
            agree_on(small(log_batch), MATMUL, &[("m", m), ("k", k), ("n", n)]);
        }
    }
}

#[test]
fn elementwise_kernels_need_no_product() {
    let add = "kernel add(m = 8, n = 64) {
    input A: i32[m, n]
    input B: i32[n]
    S[i, j] = max(A[i, j] + B[j], 0)
    output Y[i, j] = i8(S[i, j] >> 3)
    output Z[i, j] = i8(min(S[i, j], 100))
}
";
    agree(add, &[]);
    agree(add, &[("m", 30), ("n", 160)]);
    let copy = "kernel copy(m = 8, n = 64) {
    input A: i32[m, n]
    output Y[i, j] = i8(A[i, j])
}
";
    agree(copy, &[]);
    agree_on(small(0), copy, &[("m", 64), ("n", 96)]);
}

#[test]
fn layers_go_through_device_memory() {
    let layers = "kernel layers(m = BATCH * 2, k = 64, h = 128, n = 32) {
    input X: i8[m, k]
    input W: i8[h, k]
    input V: i8[n, h]
    input b: i32[h]
    A[i, j] = sum(r: i32(X[i, r]) * i32(W[j, r]))
    H[i, j] = i8(clip((A[i, j] + b[j]) >> 6, 0, 127))
    C[i, j] = sum(r: i32(H[i, r]) * i32(V[j, r]))
    output Y[i, j] = i8(C[i, j] >> 7)
}
";
    agree(layers, &[]);
    agree_on(small(0), layers, &[]);
}

#[test]
fn convolutions_are_products_too() {
    let conv = "kernel conv(h = 8, ci = 32, co = 32) {
    input X: i8[ci, h + 2, h + 2]
    input F: i8[co, ci, 3, 3]
    input b: i32[co]
    C[o, y < h, x < h] = sum(c, r, s: i32(X[c, y + r, x + s]) * i32(F[o, c, r, s]))
    output Y[o, y, x] = i8(clip((C[o, y, x] + b[o]) >> 8, 0, 127))
}
";
    agree(conv, &[]);
    agree_on(small(0), conv, &[]);
}
