//! What makes load and compute overlap: cycles fall where slots or virtual threads let them, and nothing else changes.

use tilewright_isa::{MemoryType, Op};
use tilewright_sim::cycles::{CycleOptions, Timing, insn_base, simulate};
use tilewright_tests::{Agreed, Case, engines_agree};

/// A product in blocks of the reduction, with some directives at its end.
fn blocked(directives: &str) -> String {
    format!(
        "kernel matmul(m = BATCH * 16, k = BLOCK_IN * 16, n = BLOCK_OUT * 8) {{
             input X: i8[m, k]
             input W: i8[n, k]
             C[i, j] = sum(r: i32(X[i, r]) * i32(W[j, r]))
             S[i, j] = clip(C[i, j] >> 8, 0, 127)
             output Y[i, j] = i8(S[i, j])
         }}
         schedule s for matmul {{
             X_buf = X.cache_read(inp)
             W_buf = W.cache_read(wgt)
             C.set_scope(acc)
             S.set_scope(acc)
             Y.split(j, BLOCK_OUT * 4) -> yo, yi
             Y.reorder(yo, i, yi)
             S.compute_at(Y, yo)
             C.compute_at(Y, yo)
             C.split(i, BATCH) -> io, ii
             C.split(j, BLOCK_OUT) -> jo, ji
             C.split(r, BLOCK_IN * 4) -> ro, rb
             C.split(rb, BLOCK_IN) -> rt, ri
             C.reorder(ro, io, jo, rt, ii, ji, ri)
             C.tensorize(ii, gemm)
             X_buf.compute_at(C, ro)
             W_buf.compute_at(C, ro)
             {directives}
         }}"
    )
}

fn agree(text: &str) -> Agreed {
    engines_agree(&Case::new(text)).unwrap_or_else(|refused| panic!("{}", refused.text))
}

fn cycles(agreed: &Agreed) -> u64 {
    let stream = &agreed.stream;
    let insn_base = insn_base(stream.segments.iter().map(|s| (s.address.into(), s.bytes as u64)));
    let options = CycleOptions { insn_base, ..CycleOptions::default() };
    simulate(&stream.config, &stream.insns, &Timing::DE10, &options, &mut ()).expect("it runs").cycles
}

#[test]
fn slots_hide_loads_behind_products() {
    let single = agree(&blocked(""));
    let double = agree(&blocked("X_buf.double_buffer()\n W_buf.double_buffer()"));
    assert_eq!(single.report.bytes[MemoryType::Inp], double.report.bytes[MemoryType::Inp]);
    assert_eq!(single.stream.insns.len(), double.stream.insns.len());
    let (single, double) = (cycles(&single), cycles(&double));
    assert!(double * 100 < single * 85, "{double} cycles with two slots, {single} with one");
}

/// The examples differ in their slots alone; the second keeps the bus busy, which needs a cycle for 8 bytes.
#[test]
fn the_double_buffered_example_waits_for_the_bus_alone() {
    let single = agree(include_str!("../../dsl-examples/blocked_matmul.tw"));
    let double = agree(include_str!("../../dsl-examples/double_buffered_matmul.tw"));
    assert_eq!(single.report.bytes[MemoryType::Wgt], double.report.bytes[MemoryType::Wgt]);
    let beats = (double.report.bytes[MemoryType::Inp] + double.report.bytes[MemoryType::Wgt]) / 8;
    let (single, double) = (cycles(&single), cycles(&double));
    assert!(double < single, "{double} cycles with two slots, {single} with one");
    assert!(double * 100 < beats * 103, "{double} cycles for {beats} beats");
}

#[test]
fn slots_of_the_accumulator_hide_stores() {
    // Sizes at which products take longer than loads, so that a store between them is felt.
    let params = [("m".to_string(), 64), ("n".to_string(), 256)];
    let of = |directives: &str| {
        let text = blocked(directives);
        cycles(&engines_agree(&Case { params: &params, ..Case::new(&text) }).expect("it is legal"))
    };
    let operands = "X_buf.double_buffer()\n W_buf.double_buffer()";
    let double = of(operands);
    let all = of(&format!("{operands}\n S.double_buffer()"));
    assert!(all < double, "{all} cycles with two accumulators, {double} with one");
}

#[test]
fn virtual_threads_hide_loads_behind_products() {
    let single = cycles(&agree(&blocked("")));
    let threads = cycles(&agree(&blocked("Y.bind(yo, vthread)")));
    assert!(threads * 100 < single * 95, "{threads} cycles with two threads, {single} with one");
}

/// Slots go on in turn over the loops outside where one loop has not enough iterations.
#[test]
fn slots_are_counted_over_several_loops() {
    let text = blocked("X_buf.double_buffer(3)\n W_buf.double_buffer(3)");
    let agreed = agree(&text);
    assert!(agreed.legal.contains("(yo * 4 + ro) % 3"), "{}", agreed.legal);
    let wgt = agreed.stream.config.depth(MemoryType::Wgt);
    assert!(wgt >= 3 * 16, "three slots of 4 x 4 tiles fit");
}

/// The pieces of a loop that was cut take turns in the same slots.
#[test]
fn slots_are_counted_from_piece_to_piece() {
    let slots = "X_buf.double_buffer()\n W_buf.double_buffer()";
    let whole = agree(&blocked(slots));
    let peeled = agree(&blocked(&format!("C.peel(ro, 1, 1)\n {slots}")));
    assert_eq!(peeled.legal.matches("alloc W_buf").count(), 1, "{}", peeled.legal);
    assert!(peeled.legal.contains("(ro_2 + 1) % 2"), "{}", peeled.legal);
    let (whole, peeled) = (cycles(&whole), cycles(&peeled));
    assert!(peeled * 100 < whole * 102, "{peeled} cycles with pieces, {whole} without");
}

/// Buffers that are never alive together share what is too small for both; where there is room, they do not.
#[test]
fn storage_is_shared_only_where_it_has_to_be() {
    let text = |tiles: i64| {
        format!(
            "kernel two(n = BLOCK_OUT * {tiles}) {{
                 input A: i32[BATCH, n]
                 input B: i32[BATCH, n]
                 output Y[i, j] = i8(A[i, j])
                 output Z[i, j] = i8(B[i, j])
             }}
             schedule s for two {{
                 A_acc = A.cache_read(acc)
                 B_acc = B.cache_read(acc)
             }}"
        )
    };
    let apart = agree(&text(1000)).legal;
    assert!(apart.contains("B_acc: i32[1, 16000] @acc tile(1: 16) base 1000"), "{apart}");
    let shared = agree(&text(2000)).legal;
    assert!(shared.contains("B_acc: i32[1, 32000] @acc tile(1: 16) base 0"), "{shared}");
}

/// A product whose input is what an earlier product has stored: the load that waits for the store does not hold up the
/// loads of weights behind it.
#[test]
fn weights_pass_a_load_that_waits_for_a_store() {
    let text = "kernel two(m = BATCH * 16, k = BLOCK_IN * 4, h = BLOCK_IN * 4, n = BLOCK_OUT * 4) {
            input X: i8[m, k]
            input V: i8[h, k]
            input W: i8[n, h]
            A[i, j] = sum(r: i32(X[i, r]) * i32(V[j, r]))
            S[i, j] = clip(A[i, j] >> 8, 0, 127)
            H[i, j] = i8(S[i, j])
            B[i, j] = sum(r: i32(H[i, r]) * i32(W[j, r]))
            output Y[i, j] = i8(B[i, j])
        }
        schedule s for two {
            x = X.cache_read(inp)
            v = V.cache_read(wgt)
            y = H.cache_read(inp)
            w = W.cache_read(wgt)
            S.set_scope(acc)
            A { set_scope(acc); tile(i, j, BATCH, BLOCK_OUT) -> io, jo, ii, ji; split(r, BLOCK_IN) -> ro, ri }
            A { reorder(ro, io, jo, ii, ji, ri); tensorize(ii, gemm) }
            B { set_scope(acc); tile(i, j, BATCH, BLOCK_OUT) -> io, jo, ii, ji; split(r, BLOCK_IN) -> ro, ri }
            B { reorder(ro, io, jo, ii, ji, ri); tensorize(ii, gemm) }
            v.compute_at(A, ro)
            w.compute_at(B, ro)
            w.double_buffer()
        }";
    let stream = agree(text).stream;
    let memories: Vec<MemoryType> = stream
        .insns
        .iter()
        .filter_map(|insn| match insn.op {
            Op::Load(mem) if !mem.is_noop() => Some(mem.memory_type).filter(|m| *m != MemoryType::Uop),
            _ => None,
        })
        .collect();
    let (inp, wgt) = (MemoryType::Inp, MemoryType::Wgt);
    // Four slices of V, and of W as many as there are slots, before what the store has to bring.
    assert_eq!(memories, [inp, wgt, wgt, wgt, wgt, wgt, wgt, inp, wgt, wgt]);
}
