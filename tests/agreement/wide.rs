//! Computed `i32` arrays in device memory: outputs, and tensors between kernels. A store takes a byte of each value, so they are
//! kept as planes of bytes. All engines agree on them, and there are as few planes as the range of the values needs.

use std::fmt::Write;

use proptest::prelude::*;
use tilewright_isa::{Config, MemoryType};
use tilewright_tests::{Agreed, Case, engines_agree};

use crate::drawn::{Drawn, mostly_accepted};

fn agree(text: &str) -> Agreed {
    engines_agree(&Case::new(text)).unwrap_or_else(|refused| panic!("{}\n{text}", refused.text))
}

/// The planes of an output of 64 elements.
fn planes(text: &str) -> u64 {
    agree(text).report.bytes[MemoryType::Out] / 64
}

#[test]
fn there_are_as_few_planes_as_the_range_needs() {
    let ranges = [
        (-128, 127, 1),
        (0, 255, 1),
        (-129, 127, 2),
        (-32_768, 32_767, 2),
        (0, 65_535, 2),
        (-32_768, 32_768, 3),
        (-8_421_504, 8_355_711, 3),
        (-8_421_505, 8_355_711, 4),
        (i64::from(i32::MIN), i64::from(i32::MAX), 4),
    ];
    for (low, high, count) in ranges {
        let text = format!("kernel k() {{\n input A: i32[64]\n output y[i] = clip(A[i], {low}, {high})\n}}\n");
        assert_eq!(planes(&text), count, "{low} to {high}");
    }
}

#[test]
fn sums_have_the_range_of_all_their_products() {
    for (terms, count) in [(16, 3), (500, 3), (513, 4)] {
        let text = format!(
            "kernel k(k = {terms}) {{\n input X: i8[1, k]\n input W: i8[64, k]\n \
             output C[i, j] = sum(r: i32(X[i, r]) * i32(W[j, r]))\n}}\n"
        );
        assert_eq!(planes(&text), count, "{terms} products");
    }
}

#[test]
fn every_schedule_may_store_an_i32() {
    let kernel = "kernel k(m = 8, n = 48) {
    input A: i32[m, n]
    S[i, j] = A[i, j] * 3
    output Y[i, j] = S[i, j] - 1
    output Z[i, j] = i8(S[i, j])
}
";
    for directives in [
        "Y_a.split(j, 16) -> jo, ji\n Y_a.reorder(jo, i, ji)",
        "Y.layout(j, i)",
        "Y.split(i, 2) -> io, ii\n Y.reorder(io, ii, j)\n Y_a.compute_at(Y, io)\n Y.bind(io, vthread)",
        "Y.split(i, 3) -> io, ii\n Y_a.compute_at(Y, io)\n Y_a.double_buffer(2)",
        "Y.pragma(dma_copy)",
    ] {
        agree(&format!(
            "{kernel}schedule s for k {{\n A_a = A.cache_read(acc)\n S.set_scope(acc)\n Y_a = Y.cache_write(acc)\n {directives}\n}}\n"
        ));
    }
}

/// The first kernel computes `T`, which the second reads: some of it again, and some of it beyond its edges.
#[derive(Clone, Debug)]
struct Choices {
    rows: i64,
    columns: i64,
    clip: (i64, i64),
    /// How the second kernel reads `T`.
    reader: usize,
    handed_out: bool,
    outside: i64,
    log_batch: u32,
}

fn choices() -> impl Strategy<Value = Choices> {
    let ends = prop_oneof![
        Just((-128, 127)),
        Just((-500, 30_000)),
        Just((10, 70_000)),
        Just((i64::from(i32::MIN), i64::from(i32::MAX)))
    ];
    let outside = prop_oneof![Just(0), Just(-7), Just(40_000)];
    (1..7_i64, 1..40_i64, ends, 0..READERS.len(), any::<bool>(), outside, 0..3_u32).prop_map(
        |(rows, columns, clip, reader, handed_out, outside, log_batch)| Choices {
            rows,
            columns,
            clip,
            reader,
            handed_out,
            outside,
            // Rows that move by one are no whole tiles of several rows.
            log_batch: if READERS[reader].contains("r - 1") { 0 } else { log_batch },
        },
    )
}

const READERS: [&str; 5] = [
    "output Y[i, j] = i8(T[i, j] >> 7)",
    "output Y[i, j] = T[i, j] * 5 + 1",
    "S[i, j] = max(T[i, j], 3)\n output Y[i, j] = S[i, j] + T[i, j]",
    "output Y[i, j] = i8(T[i, j])",
    "output Y[i < m, j < n] = max(r < 3: T[i + r - 1, j])",
];

impl Choices {
    fn drawn(&self) -> Drawn {
        let Choices { rows, columns: n, clip: (low, high), log_batch, outside, .. } = self;
        let m = rows << log_batch;
        let reader = READERS[self.reader];
        let beyond = if reader.contains("r - 1") { format!(" outside {outside}") } else { String::new() };
        let output = if self.handed_out { "output " } else { "" };
        let mut text = format!(
            "kernel first(m = 4, n = 32) {{\n input A: i32[m, n]\n S[i, j] = A[i, j] + 3\n output T[i, j] = clip(S[i, j], {low}, {high})\n}}\n"
        );
        let _ = writeln!(text, "kernel second(m = 4, n = 32) {{\n input T: i32[m, n]{beyond}\n {reader}\n}}");
        let _ = writeln!(
            text,
            "program p {{\n input A: i32[{m}, {n}]\n {output}T = first(A, m = {m}, n = {n})\n output Y = second(T, m = {m}, n = {n})\n}}"
        );
        Drawn::on(&format!(r#"{{"LOG_BATCH": {log_batch}}}"#), &text)
    }
}

pub fn programs() -> impl Strategy<Value = Drawn> {
    choices().prop_map(|choices| choices.drawn())
}

/// What keeps programs of this family from running beside the planes: transfers pad whole tiles of rows.
const REFUSALS: [&str; 2] = ["E0331", "E0508"];

proptest! {
    #![proptest_config(ProptestConfig { cases: super::cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn wide_tensors_between_kernels_agree(choices in choices()) {
        choices.drawn().is_accepted(&REFUSALS);
    }
}

#[test]
fn most_programs_with_wide_tensors_are_accepted() {
    mostly_accepted(choices(), 80, |choices| choices.drawn().is_accepted(&REFUSALS));
}

#[test]
fn a_machine_that_cannot_load_bytes_stores_them() {
    let config = Config::from_json(r#"{"tilewright": {"acc_8bit": false}}"#).unwrap();
    let text = "kernel k() {\n input A: i32[64]\n output y[i] = A[i] + 1\n}\n";
    engines_agree(&Case { config, ..Case::new(text) }).unwrap_or_else(|refused| panic!("{}", refused.text));
}
