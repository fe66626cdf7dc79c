//! The programs of `dsl-examples`, over sizes and targets.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use tilewright_isa::{Config, Insn, Mem, MemoryType, Op};
use tilewright_tests::{Agreed, Case, cycles, engines_agree};

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dsl-examples")
}

/// The files of `dsl-examples` and of its folders with this extension, by their paths there.
pub fn files(extension: &str) -> Vec<PathBuf> {
    let all = WalkDir::new(folder()).sort_by_file_name().into_iter().map(|entry| entry.unwrap().into_path());
    let files = all.filter(|path| path.extension().is_some_and(|e| e == extension));
    files.map(|path| path.strip_prefix(folder()).unwrap().to_owned()).collect()
}

pub fn example(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

fn agree(case: &Case) -> Agreed {
    engines_agree(case).unwrap_or_else(|refused| panic!("{}", refused.text))
}

fn params(values: &[(&str, i64)]) -> Vec<(String, i64)> {
    values.iter().map(|(n, v)| (n.to_string(), *v)).collect()
}

#[test]
fn every_example_agrees() {
    for path in files("tw") {
        let name = path.to_str().unwrap();
        agree(&Case { path: name, config: target(&path), ..Case::new(&example(name)) });
    }
}

/// The automatic schedule takes at most one and a half times the cycles of each schedule that was written by hand.
#[test]
fn the_automatic_schedule_is_a_sound_start() {
    let mut compared = 0;
    for path in files("tw") {
        let (name, text) = (path.to_str().unwrap(), example(path.to_str().unwrap()));
        let case = Case { path: name, config: target(&path), ..Case::new(&text) };
        let cycles = |schedule| cycles(&case, Some(schedule)).unwrap_or_else(|e| panic!("{name}: {}", e.text));
        for schedule in text.lines().filter_map(|line| line.strip_prefix("schedule ")?.split(['(', ' ']).next()) {
            let (written, automatic) = (cycles(schedule), cycles("automatic"));
            assert!(2 * automatic <= 3 * written, "{name}: {automatic} cycles, and {written} with `{schedule}`");
            compared += 1;
        }
    }
    assert!(compared >= 20, "the examples have lost their schedules");
}

/// The target that a program is for: the one that has its name, or VTA's default machine.
pub fn target(program: &Path) -> Config {
    let beside = std::fs::read_to_string(folder().join(program.with_extension("json")));
    beside.map_or(Config::default(), |text| Config::from_json(&text).unwrap())
}

/// Beside the programs lie the tables of `bench`, targets for the programs, and data with the scripts that make it.
#[test]
fn every_file_is_of_a_known_kind() {
    let known = ["tw", "json", "npy", "py"].map(files).concat();
    let all = WalkDir::new(folder())
        .sort_by_file_name()
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file());
    let others: Vec<_> = all.map(|e| e.path().strip_prefix(folder()).unwrap().to_owned()).collect();
    let others: Vec<_> = others.iter().filter(|path| !known.contains(path)).collect();
    assert_eq!(others, ["lstm.toml", "operators.toml", "transformer.toml"].map(Path::new));
    for target in files("json") {
        assert!(folder().join(target.with_extension("tw")).exists(), "no program has the target {}", target.display());
    }
}

/// A core of one multiplier makes one product with each micro-op. Every weight is loaded once and multiplied once a step.
#[test]
fn products_of_each_layer_can_be_counted() {
    let path = "lstm/one_multiplier.tw";
    let Agreed { report, stream, .. } =
        agree(&Case { path, config: target(Path::new(path)), ..Case::new(&example(path)) });
    let steps = 24;
    assert_eq!(report.gemm_uops, steps * (4_864 + 3 * 8_192 + 192));

    let loads = |kind| {
        let of_kind = move |insn: &Insn| match insn.op {
            Op::Load(mem) if mem.memory_type == kind && !mem.is_noop() => Some(mem),
            _ => None,
        };
        stream.insns.iter().filter_map(of_kind).collect::<Vec<Mem>>()
    };
    // So micro-ops have the same place in the buffer as in the stream.
    assert_eq!(loads(MemoryType::Uop).len(), 1);
    let mut products = vec![0; stream.config.depth(MemoryType::Wgt)];
    for insn in &stream.insns {
        let Op::Gemm(gemm) = insn.op else { continue };
        for (o, i) in (0..gemm.iter_out).flat_map(|o| (0..gemm.iter_in).map(move |i| (o, i))) {
            for uop in stream.uops[gemm.uop_bgn as usize..gemm.uop_end as usize].iter().filter(|_| !gemm.reset) {
                products[(uop.wgt + o * gemm.wgt_factor_out + i * gemm.wgt_factor_in) as usize] += 1;
            }
        }
    }
    let of_matrix = |name: &str| {
        let segment = stream.segments.iter().find(|s| s.name == name).unwrap();
        let all = segment.address..segment.address + segment.bytes as u32;
        let mine = loads(MemoryType::Wgt).into_iter().filter(|mem| all.contains(&mem.dram_base));
        let places = mine.flat_map(|mem| (0..mem.y_size * mem.x_size).map(move |at| mem.sram_base + at));
        places.map(|at| products[usize::from(at)]).sum::<u64>()
    };
    let of_layer = ["1", "2", "3", "4"].map(|l| of_matrix(&format!("w{l}")) + of_matrix(&format!("u{l}")));
    assert_eq!(of_layer, [4_864, 8_192, 8_192, 8_192].map(|products| steps * products));
    assert_eq!(of_matrix("v"), steps * 192);
}

/// The figures of TVM's own compilation of the tutorial, recorded in its stream: 56 instructions, 256 micro-ops.
#[test]
fn the_tutorial_moves_what_tvm_moves() {
    for name in ["matmul.tw", "matmul_tiles.tw"] {
        let Agreed { report, stream, .. } = agree(&Case::new(&example(name)));
        assert_eq!(
            (report.bytes[MemoryType::Inp], report.bytes[MemoryType::Wgt], report.bytes[MemoryType::Out]),
            (256, 65_536, 256),
            "{name}"
        );
        assert_eq!((report.gemm_uops, report.alu_uops), (256, 0), "{name}");
        assert!(stream.insns.len() <= 56, "{name} has {} instructions", stream.insns.len());
    }
}

/// Sizes from 1 to 64 tiles: what fits agrees, and what does not names the scratchpad.
#[test]
fn tile_counts_from_1_to_64() {
    let text = example("matmul.tw");
    let mut refused = 0;
    for (m, k, n) in
        [(1, 1, 1), (1, 64, 1), (1, 1, 64), (64, 1, 1), (1, 64, 64), (3, 5, 7), (16, 2, 33), (33, 3, 62), (64, 2, 64)]
    {
        let params = params(&[("m", m), ("k", 16 * k), ("n", 16 * n)]);
        match engines_agree(&Case { params: &params, ..Case::new(&text) }) {
            Ok(agreed) => assert_eq!(agreed.report.gemm_uops, (m * k * n) as u64),
            Err(error) => {
                assert_eq!(error.codes, ["E0507"], "{}", error.text);
                // The accumulator holds 2048 tiles.
                assert!(m * n > 2048, "{m} {k} {n}: {}", error.text);
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 1);
}

#[test]
fn other_cores_from_the_configuration_alone() {
    for (key, value) in [("LOG_BLOCK", 5), ("LOG_BATCH", 1), ("LOG_BATCH", 2)] {
        let json = r#"{"LOG_INP_WIDTH": 3, "LOG_WGT_WIDTH": 3, "LOG_ACC_WIDTH": 5, "LOG_BATCH": 0, "LOG_BLOCK": 4,
            "LOG_UOP_BUFF_SIZE": 15, "LOG_INP_BUFF_SIZE": 16, "LOG_WGT_BUFF_SIZE": 18, "LOG_ACC_BUFF_SIZE": 17}"#;
        let old = if key == "LOG_BLOCK" { 4 } else { 0 };
        let json = json.replace(&format!("\"{key}\": {old}"), &format!("\"{key}\": {value}"));
        let config = Config::from_json(&json).unwrap();
        assert_ne!(config.element_shape(MemoryType::Inp), Config::default().element_shape(MemoryType::Inp));
        for name in ["matmul.tw", "matmul_tiles.tw"] {
            agree(&Case { config, ..Case::new(&example(name)) });
        }
    }
}

/// Every program in the documents runs; those of `docs/errors` show mistakes and have tests of their own.
#[test]
fn every_program_of_the_documents_agrees() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = root.join("README.md");
    let folders = ["docs", "docs/directives"].into_iter().map(|folder| root.join(folder));
    let entries = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let pages = entries.map(|e| e.unwrap().path()).filter(|p| p.is_file());
    let mut programs = 0;
    for page in pages.chain([readme]) {
        let text = std::fs::read_to_string(&page).unwrap();
        for block in text.split("```tilewright\n").skip(1).map(|b| b.split("```").next().unwrap()) {
            engines_agree(&Case::new(block)).unwrap_or_else(|e| panic!("{}: {}", page.display(), e.text));
            programs += 1;
        }
    }
    assert!(programs >= 20, "the documents have lost their programs");
}

/// The last tile of `T` is filled up with 3s, which the weights' zeros cancel.
#[test]
fn what_fills_up_computed_tiles_adds_nothing() {
    agree(&Case::new(
        "kernel layers(k = 20, n = 18) {
            input A: i32[5, k]
            input W: i8[n, k]
            S[i, r] = clip(A[i, r] >> 20, 3, 100)
            T[i, r] = i8(S[i, r])
            C[i, j] = sum(r: i32(T[i, r]) * i32(W[j, r]))
            output Y[i, j] = i8(C[i, j])
        }
        schedule s for layers {
            A_acc = A.cache_read(acc)
            S.set_scope(acc)
            T_buf = T.cache_read(inp)
            W_buf = W.cache_read(wgt)
            C.set_scope(acc)
            C.split(j, BLOCK_OUT) -> jo, ji
            C.split(r, BLOCK_IN) -> ro, ri
            C.reorder(i, jo, ro, ji, ri)
            C.tensorize(ji, gemm)
        }",
    ));
}
