//! What is spoiled: good inputs of each kind.

use std::path::Path;

use ndarray::ArrayD;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tilewright::assembler::assembler_program;
use tilewright::program::DType;
use tilewright::{Options, Sources, compile, complete};
use tilewright_core::loops::print::{PrintOptions, print};
use tilewright_isa::text;
use walkdir::WalkDir;

use crate::npy;

/// Kernels that compile at once, with and without schedules.
const SMALL: [&str; 4] = [
    "kernel k(n = 64) {\n    input X: i32[n]\n    A[i] = max(X[i] + 1, 0) >> 2\n    output Y[i] = i8(A[i])\n}\n",
    "kernel m(m = BATCH, k = 32, n = 32) {\n    input X: i8[m, k]\n    input W: i8[n, k]\n    \
     C[i, j] = sum(r: i32(X[i, r]) * i32(W[j, r]))\n    output Y[i, j] = i8(C[i, j])\n}\n\n\
     schedule s(cols = BLOCK_OUT) for m {\n    use vta\n    C.set_scope(acc)\n    gemm_tiles(C, i, j, r) -> io, jo, ro\n    \
     load_operands(X, W, C, ro) -> X_buf, W_buf\n}\n",
    "kernel s(n = 16, steps = 4) {\n    input X: i32[steps, n]\n    scan t in steps {\n        state h[i < n]: i32 = 0\n        \
     next h[i] = h[i] + X[t, i]\n    }\n    output Y[i] = i8(h[steps, i])\n}\n",
    "fn twice(x) = x + x\n\nkernel c(n = 32) {\n    input X: i32[n]\n    a = d(X)\n    output Y[i] = twice(a[i])\n}\n\n\
     kernel d(n = 32) {\n    input X: i32[n]\n    output Y[i] = X[i] * 3\n}\n\ntest t for c {\n    X = 1\n    expect Y = 6\n}\n",
];

fn compiled() -> impl Iterator<Item = tilewright::Artifact> {
    SMALL.iter().take(3).map(|text| {
        let mut sources = Sources::default();
        let file = sources.add("input", *text);
        complete(&mut sources, file, &mut |_| Err(String::new())).expect("the library is there");
        compile(&sources, &Options { file, ..Options::default() }).expect("seeds are right")
    })
}

/// The small kernels and the tests of errors, which name every directive.
pub fn source() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("errors");
    let entries = WalkDir::new(folder).max_depth(1).sort_by_file_name().into_iter().map(|e| e.unwrap().into_path());
    let files = entries.filter(|path| path.extension().is_some_and(|ending| ending == "tw"));
    let texts = files.map(|path| std::fs::read(path).unwrap()).filter(|text| text.len() < 1500);
    SMALL.iter().map(|text| text.as_bytes().to_vec()).chain(texts).collect()
}

pub fn loops() -> Vec<Vec<u8>> {
    compiled().map(|a| print(a.legal().program(), &PrintOptions::default()).into_bytes()).collect()
}

pub fn assembler() -> Vec<Vec<u8>> {
    compiled().map(|a| text::print(&assembler_program(a.stream()).unwrap()).into_bytes()).collect()
}

pub fn recording() -> Vec<Vec<u8>> {
    let one = |artifact: tilewright::Artifact| {
        let parts = artifact.recording(String::new()).unwrap().to_parts().unwrap();
        [parts.trace_json.as_bytes(), &[0], &parts.insns].concat()
    };
    compiled().map(one).collect()
}

pub fn target() -> Vec<Vec<u8>> {
    [
        r#"{"TARGET": "sim", "LOG_INP_WIDTH": 3, "LOG_BATCH": 0, "LOG_BLOCK": 4, "LOG_UOP_BUFF_SIZE": 15}"#,
        r#"{"LOG_BLOCK": 5, "tilewright": {"timing": {"preset": "pynq", "clock_mhz": 50}}}"#,
        r#"{"read_latency": 40, "bus_bytes": 8}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

pub fn artifact() -> Vec<Vec<u8>> {
    compiled().map(|artifact| artifact.to_bytes().unwrap()).collect()
}

/// The kernels of `SMALL`, each with many schedules, of directives that its tensors have in some order.
pub fn schedule() -> Vec<Vec<u8>> {
    let mut random = ChaCha8Rng::from_seed([7; 32]);
    let mut below = |end: usize| (random.next_u64() % end as u64) as usize;
    let mut draw = |names: [&[&str]; 3], kernel: &str, text: &str| {
        let [stages, inputs, axes] = names;
        let (mut lines, mut made) = (Vec::new(), 0);
        for _ in 0..2 + below(9) {
            let (stage, other) = (stages[below(stages.len())], stages[below(stages.len())]);
            let (axis, second) = (axes[below(axes.len())], axes[below(axes.len())]);
            let (input, scope) = (inputs[below(inputs.len())], ["acc", "inp", "wgt"][below(3)]);
            made += 1;
            lines.push(match below(14) {
                0..3 => format!("{stage}.split({axis}, {}) -> {axis}o, {axis}i", [1, 4, 16, 5][below(4)]),
                3 => format!("{stage}.reorder({axis}, {second})"),
                4 => format!(
                    "{input}_{made} = {input}.cache_read({scope})\n    {input}_{made}.compute_at({stage}, {axis})"
                ),
                5 => format!("{stage}.set_scope({scope})"),
                6 => format!("{stage}.compute_at({other}, {axis})"),
                7 => format!("{stage}.fuse({axis}, {second}) -> f"),
                8 => format!("{stage}.tensorize({axis}, gemm)"),
                9 => format!("{stage}.double_buffer()"),
                10 => format!("{stage}.unroll({axis})"),
                11 => format!("{stage}.bind({axis}, vthread)"),
                12 => format!("{stage}_{made} = {stage}.cache_write(acc)"),
                _ => format!("{stage}.reverse_compute_at({other}, {axis})"),
            });
        }
        let plain = text.split("schedule ").next().unwrap_or(text);
        format!("{plain}\nschedule drawn for {kernel} {{\n    {}\n}}\n", lines.join("\n    ")).into_bytes()
    };
    let mut found = Vec::new();
    for _ in 0..60 {
        found.push(draw([&["A", "Y"], &["X"], &["i", "io", "ii"]], "k", SMALL[0]));
        found.push(draw([&["C", "Y"], &["X", "W"], &["i", "j", "r", "jo", "ji", "ro", "ri"]], "m", SMALL[1]));
        found.push(draw([&["h", "Y"], &["X"], &["t", "i", "io", "ii"]], "s", SMALL[2]));
        found.push(draw([&["a", "a_Y", "Y"], &["X"], &["i", "io", "ii"]], "c", SMALL[3]));
    }
    found
}

/// Array files as they are written, and a header of each version.
pub fn array() -> Vec<Vec<u8>> {
    let integers = ArrayD::from_shape_fn(vec![2, 3], |at| at[1] as i32 - 1);
    let numbers = ArrayD::from_shape_fn(vec![4], |at| at[0] as f64 / 4.0);
    let header = "{'descr': '>i4', 'fortran_order': True, 'shape': (2, 1), }\n";
    let long = [b"\x93NUMPY\x02\x00", &(header.len() as u32).to_le_bytes()[..], header.as_bytes(), &[1; 8]].concat();
    vec![npy::write(&integers, DType::I8), npy::write(&integers, DType::I32), npy::write_numbers(&numbers), long]
}

/// The tables of the examples, and one that has every key.
pub fn bench_table() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dsl-examples");
    let whole = ["operators.toml", "lstm.toml"].map(|name| std::fs::read(folder.join(name)).unwrap());
    let keys = r#"[[row]]
name = "a"
title = "one"
file = "a.tw"
schedule = "s"
parameters = { m = 1, "s.n" = 0x10 }
aim = 1_000
steps = 4
target = { LOG_BATCH = 2, tilewright = { timing = { preset = "pynq", clock_mhz = 50 } } }
may_not_fit = true
tvm = { instructions = 1, gemm = 2, alu = 3, inp = 4, wgt = 5, acc = 6, uop = 7, out = 8, cycles = 9 }
"#;
    whole.into_iter().chain([keys.as_bytes().to_vec()]).collect()
}
