//! Each directive on programs that show it: the engines agree, and what it promises is seen in the legal program.

use tilewright_tests::{Agreed, Case, engines_agree};

const KERNEL: &str = "kernel k(m = BATCH * 2, k = 64, n = 128) {
    input X: i8[m, k]
    input W: i8[n, k]
    input b: i32[n]
    C[i, j] = sum(r: i32(X[i, r]) * i32(W[j, r]))
    B[i, j] = C[i, j] + b[j]
    S[i, j] = B[i, j] >> 6
    output Y[i, j] = i8(clip(S[i, j], 0, 127))
}
";

const OPERANDS: &str = "    X_buf = X.cache_read(inp)
    W_buf = W.cache_read(wgt)
    b_acc = b.cache_read(acc)
    Y_acc = Y.cache_write(acc)
";

const SCOPES: &str = "    C.set_scope(acc)
    B.set_scope(acc)
    S.set_scope(acc)
";

const PRODUCT: &str = "    C.split(i, BATCH) -> io, ii
    C.split(j, BLOCK_OUT) -> jo, ji
    C.split(r, BLOCK_IN) -> ro, ri
    C.reorder(io, jo, ro, ii, ji, ri)
    C.tensorize(ii, gemm)
";

fn agree(parts: &[&str]) -> Agreed {
    let text = format!("{KERNEL}schedule s for k {{\n{}}}\n", parts.concat());
    engines_agree(&Case::new(&text)).unwrap_or_else(|refused| panic!("{text}\n{}", refused.text))
}

#[test]
fn cache_write_computes_in_the_accumulator_and_copies_out() {
    let agreed = agree(&[OPERANDS, SCOPES, PRODUCT]);
    assert!(agreed.legal.contains("store C[0] -> Y[0]"), "{}", agreed.legal);
}

#[test]
fn inlined_stages_need_no_memory() {
    let inlined = agree(&[OPERANDS, "    C.set_scope(acc)\n    B.compute_inline()\n    S.compute_inline()\n", PRODUCT]);
    assert!(!inlined.legal.contains("alloc S") && !inlined.legal.contains("alloc B"), "{}", inlined.legal);
    let separate = agree(&[OPERANDS, SCOPES, PRODUCT]);
    assert_eq!(inlined.report.alu_uops, separate.report.alu_uops);
}

#[test]
fn an_inlined_stage_may_be_read_at_other_indices() {
    let text = "kernel k() {
    input A: i32[40, 16]
    T[i < 40, j] = A[i, j] + i * 3
    U[i < 9, j < 16] = T[i * 4 + 2, j] + T[0 + i, j]
    output Y[i, j] = i8(U[i, j])
}

schedule s for k {
    T.compute_inline()
}
";
    engines_agree(&Case::new(text)).unwrap_or_else(|refused| panic!("{}", refused.text));
    let written =
        text.replace("T.compute_inline()", "T.compute_inline()\n    A_acc = A.cache_read(acc)\n    U.set_scope(acc)");
    engines_agree(&Case::new(&written)).unwrap_or_else(|refused| panic!("{written}\n{}", refused.text));
}

#[test]
fn compute_root_undoes_compute_at() {
    let there = "    X_buf.compute_at(C, ro)\n";
    let back = "    X_buf.compute_root()\n";
    let root = agree(&[OPERANDS, SCOPES, PRODUCT]);
    let moved = agree(&[OPERANDS, SCOPES, PRODUCT, there]);
    let undone = agree(&[OPERANDS, SCOPES, PRODUCT, there, back]);
    assert_eq!(undone.legal, root.legal);
    assert_ne!(moved.legal, root.legal);
}

/// Rows are finished one after the other, while the last products of the next are computed, and take no storage or
/// operations more.
#[test]
fn an_epilogue_runs_in_the_last_iteration_of_a_reduction() {
    let order = "    C.reorder(ro, io, jo, ii, ji, ri)\n";
    let behind = agree(&[OPERANDS, SCOPES, PRODUCT, order]);
    let chain: String = ["B", "S", "Y_acc", "Y"].map(|s| format!("    {s}.reverse_compute_at(C, io)\n")).concat();
    let inside = agree(&[OPERANDS, SCOPES, PRODUCT, order, &chain]);
    assert!(inside.legal.contains("gemm C[io_2 * 8]"), "{}", inside.legal);
    assert_eq!(inside.report.alu_uops, behind.report.alu_uops, "{}", inside.legal);
    assert_eq!(inside.legal.matches("alloc").count(), behind.legal.matches("alloc").count(), "{}", inside.legal);
    assert_eq!((behind.report.instructions.store, inside.report.instructions.store), (1, 2), "{}", inside.legal);
}

/// A product whose only readers follow it in its loops over blocks has a buffer for one block.
#[test]
fn what_only_followers_read_holds_a_block() {
    let blocks = "    C.split(jo, 4) -> jb, jt\n    C.reorder(jb, ro, io, jt, ii, ji, ri)\n";
    let chain =
        |axis: &str| ["B", "S", "Y_acc", "Y"].map(|s| format!("    {s}.reverse_compute_at(C, {axis})\n")).concat();
    let agreed = agree(&[OPERANDS, SCOPES, PRODUCT, blocks, &chain("io")]);
    assert!(agreed.legal.contains("alloc C: i32[2, 64] @acc"), "{}", agreed.legal);
    let slots = format!("{}    C.double_buffer()\n", chain("io"));
    let agreed = agree(&[OPERANDS, SCOPES, PRODUCT, blocks, &slots]);
    assert!(agreed.legal.contains("alloc C: i32[2, 2, 64] @acc"), "{}", agreed.legal);
    let kept = chain("io").replace("    Y.reverse_compute_at(C, io)\n", "");
    let agreed = agree(&[OPERANDS, SCOPES, PRODUCT, blocks, &kept]);
    assert!(agreed.legal.contains("alloc C: i32[2, 128] @acc"), "{}", agreed.legal);
}

#[test]
fn tile_is_two_splits_and_a_reorder() {
    let tile = "    C.tile(i, j, BATCH, BLOCK_OUT) -> io, jo, ii, ji
    C.split(r, BLOCK_IN) -> ro, ri
    C.reorder(io, jo, ro, ii, ji, ri)
    C.tensorize(ii, gemm)
";
    assert_eq!(agree(&[OPERANDS, SCOPES, tile]).legal, agree(&[OPERANDS, SCOPES, PRODUCT]).legal);
}

#[test]
fn fused_loops_cost_no_instructions() {
    let plain = agree(&[OPERANDS, SCOPES, PRODUCT]);
    for fused in [
        "    C.fuse(io, jo) -> t\n",
        "    C.fuse(io, jo) -> t\n    C.split(t, 4) -> to, ti\n",
        "    C.fuse(io, jo) -> t\n    C.split(t, 4) -> to, ti\n    X_buf.compute_at(C, to)\n    W_buf.compute_at(C, ti)\n",
        "    B.fuse(i, j) -> f\n    S.fuse(i, j) -> f\n    Y.fuse(i, j) -> f\n    X_buf.fuse(i, r) -> f\n",
        "    B.split(j, 32) -> jo, ji\n    B.reorder(jo, i, ji)\n    B.fuse(jo, i) -> f\n    B.fuse(f, ji) -> g\n",
    ] {
        let agreed = agree(&[OPERANDS, SCOPES, PRODUCT, fused]);
        assert_eq!(agreed.report.gemm_uops, plain.report.gemm_uops, "{fused}");
        if !fused.contains("compute_at") {
            assert_eq!(agreed.stream.insns.len(), plain.stream.insns.len(), "{fused}\n{}", agreed.legal);
        }
    }
}

#[test]
fn unrolled_loops_are_no_loops_of_instructions() {
    let plain = agree(&[OPERANDS, SCOPES, PRODUCT]);
    let micro_ops = agree(&[OPERANDS, SCOPES, PRODUCT, "    C.unroll(ro)\n"]);
    assert!(plain.legal.contains("inner 4 (src 1, wgt 1)") && !micro_ops.legal.contains("inner 4 (src 1, wgt 1)"));
    assert_eq!(micro_ops.report.gemm_uops, plain.report.gemm_uops, "{}", micro_ops.legal);
    let transfers = agree(&[OPERANDS, SCOPES, PRODUCT, "    W_buf.split(j, 32) -> jo, ji\n    W_buf.unroll(jo)\n"]);
    assert_eq!(transfers.legal.matches("load W_buf").count(), 1);
    assert!(transfers.legal.contains("for W_buf_jo in 0..4"), "{}", transfers.legal);
    let vectors =
        agree(&[OPERANDS, SCOPES, PRODUCT, "    S.unroll(i)\n    B.split(j, 64) -> jo, ji\n    B.unroll(jo)\n"]);
    assert_eq!(vectors.report.alu_uops, plain.report.alu_uops, "{}", vectors.legal);
}

#[test]
fn reduced_loops_may_be_fused_too() {
    let text = "kernel k(m = BATCH) {
    input X: i8[m, 2, 3, 16]
    input W: i8[32, 2, 3, 16]
    C[i, j] = sum(a, b, c: i32(X[i, a, b, c]) * i32(W[j, a, b, c]))
    output Y[i, j] = i8(C[i, j])
}

schedule s for k {
    X_buf = X.cache_read(inp)
    W_buf = W.cache_read(wgt)
    C.set_scope(acc)
    C.split(j, BLOCK_OUT) -> jo, ji
    C.reorder(a, b, jo, i, ji, c)
    C.fuse(a, b) -> ab
    C.tensorize(i, gemm)
    W_buf.compute_at(C, ab)
}
";
    engines_agree(&Case::new(text)).unwrap_or_else(|refused| panic!("{}", refused.text));
}
