//! Sums that end inside of a tile, drawn at random: over stages that copy a part of their array and over copies that are read,
//! of inputs, of what the kernel computes and of what another one does, rotating, in virtual threads, at any loop, and on cores
//! whose sides differ. A sum is taken if it ends with its tiles or one of its factors is an input that ends where it does; all
//! engines agree on it then. Any other is refused.

use std::fmt::Write;

use proptest::prelude::*;

use crate::drawn::{Drawn, mostly_accepted, shuffled};

/// Where a factor comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Input,
    /// The kernel computes it and stores it.
    Computed,
    /// Another kernel of the program computes it.
    Called,
}

#[derive(Clone, Debug)]
struct Choices {
    /// Tiles of rows, columns and what is summed over, and how many elements the sum is less.
    tiles: [i64; 3],
    missing: i64,
    /// For each factor: the tile in which the sum begins, and how many elements the array has behind the sum's end.
    first: [i64; 2],
    behind: [i64; 2],
    from: From,
    /// Whether factors are stages of the kernel, or copies that the schedule makes.
    stages: bool,
    /// Where factors are computed, 0 at the root, and in how many slots.
    places: [u8; 2],
    slots: [u8; 2],
    /// Which loop of the product is a virtual thread, if any.
    thread: u8,
    order: [u8; 3],
    log_batch: u32,
    log_blocks: [u32; 2],
}

fn choices() -> impl Strategy<Value = Choices> {
    let behind = prop_oneof![2 => Just(0_i64), 1 => 1..20_i64];
    let from = prop_oneof![2 => Just(From::Input), 1 => Just(From::Computed), 1 => Just(From::Called)];
    let sizes = (prop::array::uniform3(1..4_i64), prop_oneof![1 => Just(0_i64), 4 => 1..8_i64]);
    let arrays = (prop::array::uniform2(0..2_i64), [behind.clone(), behind], from, any::<bool>());
    let overlap = (prop::array::uniform2(0..4_u8), prop::array::uniform2(1..4_u8), 0..4_u8, any::<[u8; 3]>());
    let core = (0..3_u32, prop::array::uniform2(2..5_u32));
    (sizes, arrays, overlap, core).prop_map(|(sizes, arrays, overlap, core)| Choices {
        tiles: sizes.0,
        missing: sizes.1,
        first: arrays.0,
        behind: arrays.1,
        from: arrays.2,
        stages: arrays.3,
        places: overlap.0,
        slots: overlap.1,
        thread: overlap.2,
        order: overlap.3,
        log_batch: core.0,
        // What the ALU computes lies in tiles of BLOCK_OUT, and so it is loaded.
        log_blocks: if arrays.2 == From::Input { core.1 } else { [core.1[0]; 2] },
    })
}

impl Choices {
    fn block_in(&self) -> i64 {
        1 << self.log_blocks[0]
    }

    /// How many products a sum has.
    fn products(&self) -> i64 {
        (self.tiles[2] * self.block_in() - self.missing).max(1)
    }

    /// Where the sum begins in each factor.
    fn starts(&self) -> [i64; 2] {
        self.first.map(|tile| tile * self.block_in())
    }

    /// Whether products beyond the end of the sum are with zeros, or there are none.
    fn is_legal(&self) -> bool {
        let ends = |factor: usize| self.behind[factor] == 0;
        self.products() % self.block_in() == 0 || ends(1) || (ends(0) && self.from == From::Input)
    }

    fn drawn(&self) -> Drawn {
        let [block_in, block_out] = self.log_blocks;
        let target = format!(
            r#"{{"LOG_BATCH": {}, "LOG_INP_BUFF_SIZE": 12, "LOG_WGT_BUFF_SIZE": 14, "LOG_ACC_BUFF_SIZE": 14, "tilewright": {{"log_block_in": {block_in}, "log_block_out": {block_out}}}}}"#,
            self.log_batch
        );
        Drawn::on(&target, &self.program())
    }

    fn program(&self) -> String {
        let n = self.products();
        let [columns_a, columns_b] = [0, 1].map(|f| self.starts()[f] + n + self.behind[f]);
        let (m, l) = (self.tiles[0] << self.log_batch, self.tiles[1] << self.log_blocks[1]);
        let mut out = format!("kernel odd {{\n    input B: i8[{l}, {columns_b}]\n");
        let [a, b] = self.starts();
        let (x, w) = match self.stages {
            true => ("P[i, k]".to_string(), "Q[j, k]".to_string()),
            false => (format!("A[i, {a} + k]"), format!("B[j, {b} + k]")),
        };
        match self.from {
            From::Computed => {
                let _ = writeln!(
                    out,
                    "    input V: i32[{m}, {columns_a}]\n    U[i, k] = V[i, k] + 3\n    A[i, k] = i8(U[i, k])"
                );
            }
            _ => drop(writeln!(out, "    input A: i8[{m}, {columns_a}]")),
        }
        if self.stages {
            let _ = writeln!(out, "    P[i, k < {n}] = A[i, {a} + k]\n    Q[j, k < {n}] = B[j, {b} + k]");
        }
        let _ = writeln!(out, "    C[i, j] = sum(k < {n}: i32({x}) * i32({w}))\n    output Y[i, j] = i8(C[i, j])\n}}");
        let _ = writeln!(out, "schedule s for odd {{\n{}}}", self.schedule());
        if self.from == From::Called {
            let dense = "S[i, j] = C[i, j] + 3\n    output Y[i, j] = i8(S[i, j])";
            let _ = writeln!(
                out,
                "kernel dense {{\n    input X: i8[{m}, 16]\n    input W: i8[{columns_a}, 16]
    C[i, j] = sum(k: i32(X[i, k]) * i32(W[j, k]))\n    {dense}\n}}
schedule d for dense {{
    X_buf = X.cache_read(inp)\n    W_buf = W.cache_read(wgt)\n    C.set_scope(acc)\n    S.set_scope(acc)
    C.split(k, BLOCK_IN) -> ko, ki\n    C.split(j, BLOCK_OUT) -> jo, ji\n    C.split(i, BATCH) -> io, ii
    C.reorder(io, jo, ko, ii, ji, ki)\n    C.tensorize(ii, gemm)\n}}
program p {{\n    input X: i8[{m}, 16]\n    input V: i8[{columns_a}, 16]\n    input B: i8[{l}, {columns_b}]
    T = dense(X, V) with d\n    output Y = odd(B, T) with s\n}}"
            );
        }
        out
    }

    fn schedule(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        if self.from == From::Computed {
            lines.extend(["V_acc = V.cache_read(acc)", "U.set_scope(acc)"].map(String::from));
        }
        let factors = match self.stages {
            true => {
                lines.extend(["P.set_scope(inp)", "Q.set_scope(wgt)"].map(String::from));
                ["P", "Q"]
            }
            false => {
                lines.extend(["A_buf = A.cache_read(inp)", "B_buf = B.cache_read(wgt)"].map(String::from));
                ["A_buf", "B_buf"]
            }
        };
        lines.push("C.set_scope(acc)".to_string());
        lines.push("C.split(k, BLOCK_IN) -> ko, ki".to_string());
        lines.push("C.split(j, BLOCK_OUT) -> jo, ji".to_string());
        lines.push("C.split(i, BATCH) -> io, ii".to_string());
        let loops = shuffled(["io", "jo", "ko"].map(String::from).to_vec(), &self.order);
        lines.push(format!("C.reorder({}, ii, ji, ki)", loops.join(", ")));
        lines.push("C.tensorize(ii, gemm)".to_string());
        if let Some(thread) = ["io", "jo"].get(usize::from(self.thread)) {
            lines.push(format!("C.bind({thread}, vthread)"));
        }
        for ((factor, place), slots) in factors.into_iter().zip(self.places).zip(self.slots) {
            if let Some(at) = usize::from(place).checked_sub(1) {
                lines.push(format!("{factor}.compute_at(C, {})", loops[at]));
                if slots > 1 {
                    lines.push(format!("{factor}.double_buffer({slots})"));
                }
            }
        }
        lines.into_iter().map(|line| format!("    {line}\n")).collect()
    }

    /// Whether the program is accepted, which hangs on nothing but its sum.
    fn is_accepted(&self) -> bool {
        let accepted = self.drawn().is_accepted(&["E0508"]);
        assert_eq!(accepted, self.is_legal(), "{:?}", self.drawn());
        accepted
    }
}

/// The programs, those that are refused among them.
pub fn programs() -> impl Strategy<Value = Drawn> {
    choices().prop_map(|choices| choices.drawn())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: super::cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sums_are_taken_where_products_beyond_their_end_are_with_zeros(choices in choices()) {
        choices.is_accepted();
    }
}

#[test]
fn most_of_these_sums_are_taken() {
    mostly_accepted(choices(), 50, Choices::is_accepted);
}
