//! `run`: the report, the figures, the arrays that go in and come out.

use std::io::Read;

use insta::assert_snapshot;

use crate::support::{Folder, MATMUL, npy};

#[test]
fn the_report() {
    assert_snapshot!("report", Folder::new().run("run matmul.tw"));
}

#[test]
fn figures_are_one_object_and_nothing_else() {
    let said = Folder::new().run("run matmul.tw --stats json --seed 3");
    assert_snapshot!("stats", said.good());
    let figures = said.json();
    assert_eq!(figures["verified"], true);
    let by_kind = figures["instructions_by_kind"].as_object().unwrap();
    let sum: u64 = by_kind.values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(figures["instructions"], sum);
}

const TIME_KEYS: [&str; 6] = ["cycles", "timing", "timing_basis", "clock_mhz", "seconds", "gemm_utilisation"];

#[test]
fn cycles_are_those_of_the_recorded_stream() {
    let folder = Folder::new();
    for timing in ["de10", "pynq"] {
        let run = folder.run(&format!("run matmul.tw --timing {timing} --record rec --stats json")).json();
        let replayed = folder.run(&format!("replay rec --timing {timing} --stats json")).json();
        for key in TIME_KEYS {
            assert_eq!(run[key], replayed[key], "{key}");
        }
        let cycles = run["cycles"].as_u64().unwrap();
        assert_eq!((&run["timing"], &run["timing_basis"]), (&timing.into(), &"measured".into()));
        assert_eq!(run["gemm_utilisation"].as_f64(), Some(run["gemm_uops"].as_f64().unwrap() / cycles as f64));
    }
}

#[test]
fn a_target_brings_its_timing() {
    let folder = Folder::new();
    folder.write("slow.json", "{\"tilewright\": {\"timing\": {\"read_latency\": 400, \"clock_mhz\": 50}}}");
    let figures = |options: &str| folder.run(&format!("run matmul.tw --stats json {options}")).json();
    let (de10, slow) = (figures(""), figures("--target slow.json"));
    assert_eq!((&slow["timing"], &slow["timing_basis"]), (&"slow.json".into(), &"extrapolated".into()));
    assert!(slow["cycles"].as_u64() > de10["cycles"].as_u64(), "{slow}");
    assert_eq!(slow["seconds"].as_f64(), slow["cycles"].as_f64().map(|cycles| cycles / 50e6));
    assert_eq!(figures("--target slow.json --timing de10")["cycles"], de10["cycles"]);
    assert_eq!(figures("--timing slow.json")["cycles"], slow["cycles"]);
    assert!(folder.run("run matmul.tw --target slow.json").good().contains(" at 50 MHz (slow.json, extrapolated) "));
}

#[test]
fn values_need_no_cycles() {
    let folder = Folder::new();
    let figures = folder.run("run matmul.tw --values-only --stats json").json();
    assert!(TIME_KEYS.iter().all(|key| figures.get(key).is_none()) && figures["verified"] == true, "{figures}");
    assert!(!folder.run("run matmul.tw --values-only").good().contains("timed"));
    let said = folder.run("run matmul.tw --values-only --timing pynq");
    assert!(said.status == Some(2) && said.stdout.is_empty(), "{said}");
    assert_eq!(folder.run("run matmul.tw --timing de1O").status, Some(1));
}

/// Y[i, j] = sum over r of X[i, r] * W[j, r], in 8 bits.
fn product(x: &[i8], w: &[i8]) -> Vec<u8> {
    let dot = |row: &[i8]| row.iter().zip(x).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum::<i32>() as u8;
    w.chunks(32).map(dot).collect()
}

fn values(count: usize, step: usize) -> Vec<i8> {
    (0..count).map(|i| (i * step) as i8).collect()
}

fn bytes(values: &[i8]) -> Vec<u8> {
    values.iter().map(|v| *v as u8).collect()
}

#[test]
fn arrays_go_in_and_come_out() {
    let folder = Folder::new();
    let (x, w) = (values(32, 7), values(64 * 32, 13));
    folder.write("x.npy", npy("|i1", "(1, 32)", false, &bytes(&x)));
    folder.write("w.npy", npy("|i1", "(64, 32)", false, &bytes(&w)));
    let said = folder.run("run matmul.tw --input X=x.npy --input W=w.npy --output Y=y.npy");
    assert!(said.good().contains("X from x.npy, W from w.npy\n"), "{said}");
    let y = folder.read("y.npy");
    assert_eq!(y.len(), 128 + 64);
    assert_eq!(y[128..], product(&x, &w));
    assert!(String::from_utf8_lossy(&y[..128]).contains("'descr': '|i1', 'fortran_order': False, 'shape': (1, 64), "));
    assert_eq!(folder.names(), ["matmul.tw", "w.npy", "x.npy", "y.npy"]);
}

#[test]
fn an_array_goes_to_standard_output() {
    let folder = Folder::new();
    folder.run("run matmul.tw --output Y=y.npy").good();
    let said = folder.run("run matmul.tw --output Y=-");
    assert_eq!((said.status, &said.stdout), (Some(0), &folder.read("y.npy")));
    assert_eq!(said.stderr, folder.run("run matmul.tw").good());
    assert_eq!(folder.names(), ["matmul.tw", "y.npy"]);
}

#[test]
fn a_recording_says_what_was_run() {
    let folder = Folder::new();
    folder.write("x.npy", npy("|i1", "(1, 32)", false, &[1; 32]));
    folder.run("run matmul.tw -p n=32 --seed 7 --input X=x.npy --record rec").good();
    let trace: serde_json::Value = serde_json::from_slice(&folder.read("rec/trace.json")).unwrap();
    assert_eq!(trace["description"], "matmul.tw: kernel matmul, schedule tutorial, -p n=32, seed 7, X from x.npy");
}

#[test]
fn column_major_arrays_mean_the_same() {
    let folder = Folder::new();
    let w = values(64 * 32, 13);
    let columns: Vec<i8> = (0..32).flat_map(|r| (0..64).map(move |j| j * 32 + r)).map(|at: usize| w[at]).collect();
    folder.write("rows.npy", npy("|i1", "(64, 32)", false, &bytes(&w)));
    folder.write("columns.npy", npy("|i1", "(64, 32)", true, &bytes(&columns)));
    folder.run("run matmul.tw --input W=rows.npy --output Y=a.npy").good();
    folder.run("run matmul.tw --input W=columns.npy --output Y=b.npy").good();
    assert_eq!(folder.read("a.npy"), folder.read("b.npy"));
}

#[test]
fn an_output_is_an_input_of_the_next_run() {
    let folder = Folder::new();
    folder.run("run matmul.tw -p n=32 --output Y=y.npy").good();
    folder.run("run matmul.tw -p n=32 --input X=y.npy --output Y=z.npy").good();
    assert_eq!(folder.read("y.npy").len(), folder.read("z.npy").len());
}

#[test]
fn the_seed_decides_the_data() {
    let folder = Folder::new();
    for (seed, file) in [(1, "a"), (1, "b"), (2, "c")] {
        folder.run(&format!("run matmul.tw --seed {seed} --output Y={file}.npy")).good();
    }
    assert_eq!(folder.read("a.npy"), folder.read("b.npy"));
    assert_ne!(folder.read("a.npy"), folder.read("c.npy"));
}

#[test]
fn of_several_files_all_are_written_or_none() {
    let folder = Folder::new();
    folder.write("two.tw", MATMUL.replace("k = 32", "k = 16"));
    folder.write("y.npy", "what stood there");
    folder.write("blocked", "");
    let said = folder.run("run two.tw --output Y=y.npy --record blocked");
    assert_eq!(said.status, Some(1), "{said}");
    assert_eq!(folder.read("y.npy"), b"what stood there");
    assert_eq!(folder.names(), ["blocked", "matmul.tw", "two.tw", "y.npy"]);
}

#[test]
fn targets_change_the_core() {
    let folder = Folder::new();
    folder.write("block32.json", "{\"LOG_BLOCK\": 5}");
    folder.write("batch2.json", "{\"LOG_BATCH\": 1}");
    let block32 = folder.run("run matmul.tw --target block32.json --stats json").json();
    assert_eq!((&block32["verified"], &block32["gemm_uops"]), (&true.into(), &2.into()));
    let batch2 = folder.run("run matmul.tw --target batch2.json -p m=4 --stats json").json();
    assert_eq!((&batch2["verified"], &batch2["gemm_uops"]), (&true.into(), &16.into()));
}

#[test]
fn the_last_value_of_a_parameter_counts() {
    let folder = Folder::new();
    let figures = folder.run("run matmul.tw -p n=64 -p n=0x20 --stats json").json();
    assert_eq!(figures["bytes"]["out"], 32);
}

/// As `tilewright run matmul.tw | head -c 1` does.
#[test]
fn a_reader_may_go_away() {
    let folder = Folder::new();
    for arguments in
        ["run matmul.tw", "lower matmul.tw --print-after all", "lower matmul.tw --emit bin", "explain E0102"]
    {
        let mut command = folder.command(arguments);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let status = child.wait().unwrap();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!((status.code(), stderr.as_str()), (Some(0), ""), "{arguments}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let folder = Folder::new();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = folder.command("run matmul.tw").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_snapshot!("full_disk", String::from_utf8(output.stderr).unwrap());
}

/// A program that needs one tile of a memory at a time runs where the memory has one.
#[test]
fn a_scratchpad_may_hold_one_element() {
    let folder = Folder::new();
    folder.write("alone.tw", MATMUL.split("schedule").next().unwrap());
    for size in ["LOG_WGT_BUFF_SIZE\": 8", "LOG_INP_BUFF_SIZE\": 4", "LOG_ACC_BUFF_SIZE\": 6", "LOG_UOP_BUFF_SIZE\": 2"]
    {
        folder.write("one.json", format!("{{\"{size}}}"));
        folder.run("run alone.tw --target one.json --record rec").good();
        folder.run("replay rec --races").good();
        folder.run("disasm rec").good();
    }
}
