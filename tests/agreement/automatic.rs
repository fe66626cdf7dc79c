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

/// Kernels whose stages do not lie in tiles of one dimension each, on cores of several shapes.
#[test]
fn any_axis_may_be_reduced_broadcast_or_moved() {
    let kernels = [
        "input X: i8[24, 40]\n R[i] = sum(r: i32(X[i, r]))\n output Y[i, j] = i8((i32(X[i, j]) * 40 - R[i]) >> 5)",
        "input X: i8[24, 40]\n C[j] = max(r: i32(X[r, j]))\n R[i] = max(r: i32(X[i, r]))\n \
         output Y[i, j] = i8(C[j] + R[i] - i32(X[i, j]))",
        "input X: i8[16, 20]\n output Y[i < 20, j < 16] = X[j, i]",
        "input X: i8[16, 16]\n output Y[i, j < 15] = i8((i32(X[i, 0 + j]) + i32(X[i, j + 1])) >> 1)",
        "input X: i8[9]\n output Y[i < 18] = X[i / 2]",
        "input X: i8[33]\n output Y[i < 33] = X[32 - i]",
        "input X: i8[40, 24]\n C[i, j] = sum(r: i32(X[r, i]) * i32(X[r, j]))\n output Y[i, j] = i8(C[i, j] >> 8)",
        "input X: i8[12, 20]\n input W: i8[12, 20]\n D[i] = sum(r: i32(X[i, r]) * i32(W[i, r]))\n \
         output Y[i] = i8(D[i] >> 6)",
        "input a: i8[20]\n input b: i8[12]\n output Y[i < 20, j < 12] = i8((i32(a[i]) * i32(b[j])) >> 6)",
    ];
    let one = r#"{"LOG_BLOCK": 0, "LOG_INP_BUFF_SIZE": 11, "LOG_WGT_BUFF_SIZE": 10, "LOG_ACC_BUFF_SIZE": 12}"#;
    let targets = ["{}", r#"{"LOG_BATCH": 1}"#, r#"{"LOG_BLOCK_IN": 4, "LOG_BLOCK_OUT": 5}"#, one];
    for kernel in kernels {
        for target in targets {
            let config = Config::from_json(target).expect("a valid configuration");
            agree_on(config, &format!("kernel k {{\n {kernel}\n}}\n"), &[]);
        }
    }
}

#[test]
fn scans_need_no_schedule() {
    let accumulating = "kernel k(n = 32) {
    input X: i32[4, n]
    scan t in 4 {
        state s[j < n]: i32 = 0
        state q[j < n]: i32 = 1
        z[j] = s[j] + X[t, j]
        next s[j] = z[j] >> 1
        next q[j] = max(q[j], z[j])
    }
    output Y[j] = i8(s[4, j])
    output Z[t, j] = i8(z[t, j])
}
";
    let recurrent = "kernel k(steps = 5, x = 32, h = 48) {
    input xs: i8[steps, x]
    input w: i8[h, x]
    input u: i8[h, h]
    input b: i32[h]
    scan t in steps {
        state s[j < h]: i8 = 0
        z[j] = sum(k: i32(xs[t, k]) * i32(w[j, k]))
        y[j] = sum(k: i32(s[k]) * i32(u[j, k]))
        a[j] = clip((z[j] + y[j] + b[j]) >> 7, -100, 100)
        next s[j] = i8(a[j])
    }
    output Y[t < steps, j] = s[t + 1, j]
}
";
    for text in [accumulating, recurrent] {
        agree(text, &[]);
        agree_on(small(0), text, &[]);
        agree_on(Config::from_json(r#"{"LOG_BATCH": 1}"#).expect("a valid configuration"), text, &[]);
    }
}

#[test]
fn calls_without_schedules_pass_bytes_on() {
    let residual = "kernel dense(m = BATCH, k = 64, n = 64) {
    input X: i8[m, k]
    input W: i8[n, k]
    C[i, j] = sum(r: i32(X[i, r]) * i32(W[j, r]))
    output Y[i, j] = i8(C[i, j])
}

kernel add(m = BATCH, n = 64) {
    input A: i8[m, n]
    input B: i8[m, n]
    output Y[i, j] = i8(i32(A[i, j]) + i32(B[i, j]))
}

program residual {
    input X: i8[BATCH, 64]
    input W: i8[64, 64]
    H = dense(X, W)
    output Y = add(H, X)
}
";
    agree(residual, &[]);
    agree_on(small(1), residual, &[]);
}

/// The factors of a product may be one tensor, given or computed: each access is brought to its own scratchpad.
#[test]
fn a_tensor_is_multiplied_with_itself_on_the_gemm_core() {
    let of = |extent: i64, a: &str, b: &str| {
        let reduced = 64 - extent;
        format!(
            "kernel gram(m = 24, n = 40) {{
    input X: i8[m, n]
    H[i, j] = sat8(i32(X[i, j]) * 3)
    G[i < {extent}, j < {extent}] = sum(r < {reduced}: i32({a}) * i32({b}))
    output Y[i, j] = i8(G[i, j] >> 8)
}}
"
        )
    };
    for (extent, a, b) in [(24, "[i, r]", "[j, r]"), (40, "[r, i]", "[r, j]")] {
        for tensor in ["X", "H"] {
            let text = of(extent, &format!("{tensor}{a}"), &format!("{tensor}{b}"));
            for config in [Config::default(), small(0), small(1)] {
                let agreed = agree_on(config, &text, &[]);
                // A transposed result lies across lanes, where the GEMM core reads neither factor.
                let reads_it = tensor == "X" || extent == 24;
                assert!(!reads_it || agreed.report.gemm_uops > 0, "the ALU multiplies in\n{text}");
            }
        }
    }
}
