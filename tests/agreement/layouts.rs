//! `layout`: the order of a tensor's tiles in device memory. The engines agree whatever it is, and transfers between memories
//! of one order are whole.

use tilewright_isa::Config;
use tilewright_tests::{Agreed, Case, engines_agree};

fn agree(text: &str) -> Agreed {
    engines_agree(&Case::new(text)).unwrap_or_else(|refused| panic!("{text}\n{}", refused.text))
}

/// Every order of some names.
fn orders(names: &[&str]) -> Vec<Vec<String>> {
    let Some((first, rest)) = names.split_first() else { return vec![Vec::new()] };
    let shorter = orders(rest);
    let with_first = |at: usize| {
        shorter.iter().map(move |order| {
            let mut order = order.clone();
            order.insert(at, first.to_string());
            order
        })
    };
    (0..names.len()).flat_map(with_first).collect()
}

const MATMUL: &str = "kernel matmul(m = BATCH * 5, k = 100, n = 72) {
    input X: i8[m, k]
    input W: i8[n, k]
    input B: i32[m, n]
    C[i, j] = sum(r: i32(X[i, r]) * i32(W[j, r]))
    S[i, j] = (C[i, j] >> 5) + B[i, j]
    output Y[i, j] = i8(S[i, j])
}

schedule s for matmul {
    X_buf = X.cache_read(inp)
    W_buf = W.cache_read(wgt)
    B_buf = B.cache_read(acc)
    C.set_scope(acc)
    S.set_scope(acc)
    C.split(i, BATCH) -> io, ii
    C.split(j, BLOCK_OUT) -> jo, ji
    C.split(r, BLOCK_IN) -> ro, ri
    C.split(ro, 4) -> rp, rq
    C.reorder(rp, rq, io, jo, ii, ji, ri)
    C.tensorize(ii, gemm)
    W_buf.compute_at(C, rp)
    X_buf.compute_at(C, rp)
";

fn matmul(directives: &str) -> String {
    format!("{MATMUL}{directives}}}\n")
}

#[test]
fn transfers_of_one_order_are_whole() {
    let plain = agree(&matmul(""));
    assert!(plain.legal.contains("load W_buf[0] <- W[0] y 5 x 4 stride 8"), "{}", plain.legal);
    let ordered = agree(&matmul("    W.layout(r, j)\n    Y.layout(j, i)\n"));
    assert!(ordered.legal.contains("load W_buf[0] <- W[0] y 1 x 20 stride 20"), "{}", ordered.legal);
    assert!(ordered.legal.contains("store C[0] -> Y[0] y 1 x 25 stride 25"), "{}", ordered.legal);
    assert_eq!(ordered.report.gemm_uops, plain.report.gemm_uops);
    assert_eq!(ordered.report.bytes, plain.report.bytes);
}

#[test]
fn each_tensor_of_a_product_may_have_an_order() {
    let config = Config::from_json(
        r#"{"LOG_INP_WIDTH": 3, "LOG_WGT_WIDTH": 3, "LOG_ACC_WIDTH": 5, "LOG_BATCH": 1, "LOG_BLOCK": 4,
        "LOG_UOP_BUFF_SIZE": 12, "LOG_INP_BUFF_SIZE": 13, "LOG_WGT_BUFF_SIZE": 15, "LOG_ACC_BUFF_SIZE": 14}"#,
    );
    for config in [Config::default(), config.expect("a valid configuration")] {
        for chosen in 0..16 {
            let all = ["X.layout(r, i)", "W.layout(r, j)", "B.layout(j, i)", "Y.layout(j, i)"];
            let said: Vec<&str> = (0..4).filter(|n| chosen & (1 << n) != 0).map(|n| all[n]).collect();
            let text = matmul(&format!("{}\n", said.join("\n")));
            let found = engines_agree(&Case { config, ..Case::new(&text) });
            found.unwrap_or_else(|refused| panic!("{text}\n{}", refused.text));
        }
    }
}

/// What is between a load and a store of two orders costs at most what it costs without any.
#[test]
fn what_lies_between_two_orders_takes_the_nearest() {
    let agreed = agree(&matmul("    B.layout(j, i)\n"));
    let line = |start: &str| {
        let found = agreed.legal.lines().find(|l| l.trim_start().starts_with(start));
        found.unwrap_or_else(|| panic!("no {start} in\n{}", agreed.legal)).to_string()
    };
    assert!(line("alloc B_buf").contains("order(1, 0)"));
    assert!(!line("alloc C").contains("order"), "its result is stored to `Y`, which has no order");
    assert!(line("store C").contains("y 1 x 25"));
}

#[test]
fn weights_and_outputs_of_a_convolution_may_have_any_order() {
    let text = |tensor: &str, order: &[String]| {
        format!(
            "kernel conv {{
    input X: i8[20, 5, 6]
    input F: i8[20, 20, 2, 3]
    C[o, y < 4, x < 4] = sum(c, r, s: i32(X[c, y + r, x + s]) * i32(F[o, c, r, s]))
    S[o, y, x] = clip(C[o, y, x] >> 7, -100, 100)
    output Y[o, y, x] = i8(S[o, y, x])
}}

schedule s for conv {{
    {tensor}.layout({})
    X_buf = X.cache_read(inp)
    F_buf = F.cache_read(wgt)
    C.set_scope(acc)
    S.set_scope(acc)
    Y.tile(y, x, 2, 3) -> yo, xo, yi, xi
    Y.reorder(yo, xo, o, yi, xi)
    S.compute_at(Y, xo)
    C.compute_at(Y, xo)
    C.split(o, BLOCK_OUT) -> ob, ot
    C.split(c, BLOCK_IN) -> cb, ct
    C.reorder(r, cb, s, ob, y, x, ot, ct)
    C.tensorize(ot, gemm)
    X_buf.compute_at(C, r)
    F_buf.compute_at(C, r)
}}
",
            order.join(", ")
        )
    };
    for (tensor, names) in
        [("X", ["c", "d1", "d2"].as_slice()), ("F", ["o", "c", "r", "s"].as_slice()), ("Y", ["o", "y", "x"].as_slice())]
    {
        for order in orders(names) {
            agree(&text(tensor, &order));
        }
    }
}

/// Blocks of rows and columns of all channels: with the channels innermost, a block is rows of an image.
#[test]
fn blocks_of_an_image_are_one_load_with_the_channels_innermost() {
    let text = "kernel scale {
    input X: i32[64, 12, 12]
    S[c, y, x] = X[c, y, x] >> 3
    output Y[c, y, x] = i8(S[c, y, x])
}

schedule s for scale {
    X.layout(y, x, c)
    Y.layout(y, x, c)
    X_acc = X.cache_read(acc)
    S.set_scope(acc)
    Y.tile(y, x, 4, 4) -> yo, xo, yi, xi
    Y.reorder(yo, xo, c, yi, xi)
    S.compute_at(Y, xo)
    X_acc.compute_at(Y, xo)
}
";
    let ordered = agree(text);
    let kept = |l: &&str| !l.contains("layout");
    let plain = agree(&text.lines().filter(kept).collect::<Vec<_>>().join("\n"));
    assert!(ordered.legal.contains("y 4 x 16 stride 48") && plain.legal.contains("y 4 x 4 stride 12"));
    // In each of 9 blocks 1 load and 1 store, in the place of one for each of 4 tiles of channels.
    assert!(ordered.stream.insns.len() + 9 * 6 <= plain.stream.insns.len(), "{}", plain.legal);
}

#[test]
fn what_stays_in_device_memory_between_two_products_has_an_order() {
    let text = "kernel two(m = BATCH * 3, k = 32, n = 48, p = 24) {
    input X: i8[m, k]
    input W: i8[n, k]
    input V: i8[p, n]
    C[i, j] = sum(r: i32(X[i, r]) * i32(W[j, r]))
    T[i, j] = i8(C[i, j] >> 6)
    D[i, l] = sum(q: i32(T[i, q]) * i32(V[l, q]))
    output Y[i, l] = i8(D[i, l] >> 5)
}

schedule s for two {
    T_acc = T.cache_write(acc)
    Y_acc = Y.cache_write(acc)
    X_buf = X.cache_read(inp)
    W_buf = W.cache_read(wgt)
    T_buf = T.cache_read(inp)
    V_buf = V.cache_read(wgt)
    T.layout(j, i)
    C.set_scope(acc)
    D.set_scope(acc)
    C.split(j, BLOCK_OUT) -> jo, ji
    C.split(i, BATCH) -> io, ii
    C.split(r, BLOCK_IN) -> ro, ri
    C.reorder(ro, io, jo, ii, ji, ri)
    C.tensorize(ii, gemm)
    D.split(l, BLOCK_OUT) -> lo, li
    D.split(i, BATCH) -> io, ii
    D.split(q, BLOCK_IN) -> qo, qi
    D.reorder(qo, io, lo, ii, li, qi)
    D.tensorize(ii, gemm)
    T_buf.compute_at(D, qo)
}
";
    let agreed = agree(text);
    assert!(agreed.legal.contains("alloc T: i8[3, 48] @dram tile(1: 16) order(1, 0)"), "{}", agreed.legal);
    assert!(agreed.legal.contains("load T_buf[0] <- T[qo * 3] y 1 x 3 stride 3"), "{}", agreed.legal);
}

#[test]
fn copies_that_take_turns_keep_the_order() {
    let base = matmul("    W.layout(r, j)\n    X.layout(r, i)\n    Y.layout(j, i)\n");
    let with = |more: &str| base.replace("    W.layout", &format!("{more}    W.layout"));
    for more in [
        "    W_buf.double_buffer()\n    X_buf.double_buffer(3)\n",
        "    C.bind(io, vthread)\n",
        "    C.bind(jo, vthread)\n    W_buf.double_buffer()\n",
    ] {
        agree(&with(more));
    }
}

/// The steps of a scan are a dimension like others, of a result and of a state that goes through device memory.
#[test]
fn the_results_of_the_steps_may_lie_in_any_order() {
    let text = "kernel cell(h = BLOCK_OUT * 3) {
    input X: i32[4, h]
    input A: i32[h]
    scan t in 4 {
        state c[j < h]: i32 = A[j]
        e[j] = (c[j] >> 1) + X[t, j]
        next c[j] = e[j]
    }
    output Y[t, j] = i8(e[t, j])
}

schedule s for cell {
    Xq = X.cache_read(acc)
    c.set_scope(acc)
    e.set_scope(acc)
    X.layout(j, t)
    Y.layout(j, t)
    Xq.compute_at(e, t)
}
";
    let agreed = agree(text);
    assert!(agreed.legal.contains("output Y: i8[4, 48] @dram tile(1: 16) order(1, 0)"), "{}", agreed.legal);
}

/// A border of zeros needs rows that lie side by side; the order in which they do is refused otherwise.
#[test]
fn a_border_is_padded_where_its_rows_are_whole() {
    // Around taps, pixels are multiplied with the border too.
    let text = |order: &str, loops: &str| {
        format!(
            "kernel conv {{
    input X: i8[32, 6, 6] outside 0
    input F: i8[16, 32, 3, 3]
    C[o, y < 6, x < 6] = sum(c, r, s: i32(X[c, y + r - 1, x + s - 1]) * i32(F[o, c, r, s]))
    output Y[o, y, x] = i8(C[o, y, x])
}}

schedule s for conv {{
    X.layout({order})
    X_buf = X.cache_read(inp)
    F_buf = F.cache_read(wgt)
    C.set_scope(acc)
    C.split(c, BLOCK_IN) -> cb, ct
    C.reorder(cb, {loops}, o, ct)
    C.tensorize(o, gemm)
    X_buf.compute_at(C, cb)
}}
"
        )
    };
    // One tile of channels at a time: wherever they stand, rows follow rows. Where channels lie side by side, the border is
    // filled before.
    for order in ["c, d1, d2", "d1, c, d2", "d1, d2, c"] {
        agree(&text(order, "y, x, r, s"));
    }
    // Where taps are around pixels, no border is loaded.
    agree(&text("d1, d2, c", "r, s, y, x"));
}
