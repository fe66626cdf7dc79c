//! `sweep`: its table, its files, what is refused, and what is wrong with what it is asked for.

use insta::assert_snapshot;

use crate::support::{Folder, MATMUL};

/// With a schedule whose blocks have a size, another schedule, and a size with which the accumulator overflows.
fn folder() -> Folder {
    let folder = Folder::new();
    let blocks = MATMUL.replace("schedule tutorial for", "schedule blocks(cols = 16) for").replace(
        "    C.split(i,",
        "    Y.split(j, cols) -> jb, jc\n    Y.reorder(jb, i, jc)\n    C.compute_at(Y, jb)\n    C.split(i,",
    );
    let at = blocks.find("schedule").unwrap();
    folder.write("blocks.tw", &blocks);
    folder.write("two.tw", format!("{MATMUL}\n{}", &blocks[at..]));
    folder
}

#[test]
fn the_fastest_stands_first_and_the_refused_last() {
    let folder = folder();
    assert_snapshot!("sweep", folder.run("sweep blocks.tw -p blocks.cols=16..=64:x2,512 -p n=64,512 -p m=128 -p k=16"));
    let all_refused = folder.run("sweep blocks.tw -p blocks.cols=4096 -p n=4096 -p m=512,1024");
    assert_eq!(all_refused.status, Some(1), "{all_refused}");
    assert_snapshot!("sweep_all_refused", all_refused);
}

#[test]
fn equally_fast_ones_keep_their_order() {
    let said = folder().run("sweep blocks.tw -p n=64 -p blocks.cols=128,64,512,256 --csv");
    let rows: Vec<Vec<&str>> = said.good().lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.iter().map(|row| row[1]).collect::<Vec<_>>(), ["128", "64", "512", "256"], "{said}");
    assert!(rows.iter().all(|row| row[2] == rows[0][2]), "the order shows only where cycles are equal: {said}");
}

#[test]
fn schedules_are_swept_too() {
    let folder = folder();
    assert_snapshot!("sweep_schedules", folder.run("sweep two.tw --schedule tutorial,blocks -p blocks.cols=16,32"));
    let without = folder.run("sweep two.tw -p blocks.cols=16,32");
    assert_eq!((without.status, &without.stderr), (Some(1), &folder.run("run two.tw").stderr));
}

#[test]
fn figures_are_those_of_a_run() {
    let folder = folder();
    let swept = folder.run("sweep blocks.tw -p n=32,64 -p blocks.cols=16,4096 --seed 3 --timing pynq --json").json();
    let rows = swept["combinations"].as_array().unwrap();
    assert_eq!(rows.len(), 4);
    for row in rows {
        let of = |name: &str| row["parameters"][name].as_i64().unwrap();
        let options = format!("-p n={} -p blocks.cols={}", of("n"), of("blocks.cols"));
        let run = folder.run(&format!("run blocks.tw {options} --timing pynq --seed 3 --stats json")).json();
        for key in ["cycles", "timing_basis", "gemm_utilisation", "instructions", "gemm_uops", "alu_uops", "verified"] {
            assert_eq!(row[key], run[key], "{key} of {options}");
        }
        for memory in ["inp", "wgt", "acc", "uop", "out"] {
            assert_eq!(row[format!("{memory}_bytes")], run["bytes"][memory], "{memory} of {options}");
        }
        let bytes: u64 = run["bytes"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(row["dram_bytes"], bytes);
        assert_eq!(row["ratio"].as_f64(), Some(row["cycles"].as_f64().unwrap() / rows[0]["cycles"].as_f64().unwrap()));
    }
}

#[test]
fn files_hold_what_standard_output_does() {
    let folder = folder();
    let arguments = "sweep blocks.tw -p blocks.cols=16,512 -p n=512 -p m=128";
    let table = folder.run(arguments);
    let both = folder.run(&format!("{arguments} --csv t.csv --json t.json"));
    assert_eq!((both.status, both.good()), (Some(0), table.good()));
    assert_eq!(folder.read("t.csv"), folder.run(&format!("{arguments} --csv")).stdout);
    assert_eq!(folder.read("t.json"), folder.run(&format!("{arguments} --json -")).stdout);
    assert_snapshot!("sweep_csv", String::from_utf8(folder.read("t.csv")).unwrap());
}

#[test]
fn other_machines_have_other_cycles() {
    let folder = folder();
    folder.write("block32.json", "{\"LOG_BLOCK\": 5}");
    let said = folder.run("sweep blocks.tw -p blocks.cols=32,64 --target block32.json");
    assert!(said.good().contains("core 1×32×32  timing de10, extrapolated  "), "{said}");
}

#[test]
fn what_has_nothing_to_do_with_values_is_told_as_run_tells_it() {
    let folder = folder();
    for options in ["-p cols=1,2", "-p blocks.rows=1,2", "--schedule block -p n=1,2"] {
        let (swept, run) = (folder.run(&format!("sweep blocks.tw {options}")), options.replace("=1,2", "=1"));
        let run = folder.run(&format!("run blocks.tw {run}"));
        assert_eq!((swept.status, swept.text(), &swept.stderr), (Some(1), "", &run.stderr), "{options}");
    }
}

#[test]
fn errors() {
    let folder = folder();
    for (name, options) in [
        ("sweep_no_value", "-p n=64,6a4"),
        ("sweep_no_range", "-p n=8..8"),
        ("sweep_twice", "-p n=64 -p n=32"),
        ("sweep_too_many", "-p n=0..1_000_000_000_000 -p k=1,2"),
        ("sweep_output_is_the_program", "-p n=64 --csv blocks.tw"),
        ("sweep_mixed_output", "-p n=64 --csv --json"),
        ("sweep_output_twice", "-p n=64 --csv a --json ./a"),
    ] {
        let said = folder.run(&format!("sweep blocks.tw {options}"));
        assert!(said.stdout.is_empty() && folder.names().len() == 3, "{said}");
        assert_snapshot!(name, said);
    }
}
