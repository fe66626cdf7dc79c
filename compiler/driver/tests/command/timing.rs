//! `replay` in time: cycles against the hardware's, the tables of events, timings, and which of values and time is simulated.

use std::fs;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{Folder, timeless};

/// A recording of a device run with the hardware's cycles and tables, and without images of its memory.
fn measured() -> Folder {
    let folder = Folder::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/insn-06");
    fs::create_dir(folder.path("rec")).unwrap();
    for entry in fs::read_dir(data).unwrap() {
        let path = entry.unwrap().path();
        folder.write(&format!("rec/{}", path.file_name().unwrap().to_str().unwrap()), fs::read(&path).unwrap());
    }
    folder
}

const TABLES: [&str; 3] = ["instructions.csv", "reads.csv", "writes.csv"];

/// Changes the recording's `trace.json`.
fn edit(folder: &Folder, change: impl FnOnce(&mut Value)) {
    let mut trace: Value = serde_json::from_slice(&folder.read("rec/trace.json")).unwrap();
    change(&mut trace);
    folder.write("rec/trace.json", trace.to_string());
}

/// One cycle more for both builds of the hardware.
fn slow_down(folder: &Folder) {
    edit(folder, |trace| {
        for key in ["burst_beats_16", "burst_beats_256"] {
            let cycles = &mut trace["rtl_cycles"][key];
            *cycles = json!(cycles.as_u64().unwrap() + 1);
        }
    });
}

#[test]
fn reports_show_both_halves_or_either() {
    let folder = measured();
    assert_snapshot!("both", timeless(&folder.run("replay rec")));
    assert_snapshot!("time_only", timeless(&folder.run("replay rec --time-only --timing pynq")));
    assert_snapshot!("values_only", timeless(&folder.run("replay rec --values-only")));
}

#[test]
fn figures_of_time_are_reported() {
    let folder = measured();
    let figures = folder.run("replay rec --stats json --repeat 2").json();
    let trace: Value = serde_json::from_slice(&folder.read("rec/trace.json")).unwrap();
    let expected = [
        ("cycles", trace["rtl_cycles"]["burst_beats_16"].clone()),
        ("rtl_cycles", trace["rtl_cycles"]["burst_beats_16"].clone()),
        ("timing", json!("de10")),
        ("timing_basis", json!("measured")),
        ("cycles_equal", json!(true)),
        ("cycles_difference", Value::Null),
        ("equal", Value::Null),
    ];
    for (key, value) in expected {
        assert_eq!(figures[key], value, "{key}: {figures}");
    }
    for key in ["host_seconds", "cycles_host_seconds"] {
        assert!(figures[key].as_f64().is_some_and(|seconds| seconds > 0.0), "{key}: {figures}");
    }
    let pynq = folder.run("replay rec --timing pynq --time-only --stats json").json();
    assert_eq!((&pynq["cycles"], &pynq["timing"]), (&trace["rtl_cycles"]["burst_beats_256"], &json!("pynq")));
    assert_eq!(pynq["instructions"], figures["instructions"]);
    assert!(pynq.get("equal").is_none() && pynq.get("gemm_uops").is_none(), "{pynq}");
    let values = folder.run("replay rec --values-only --stats json").json();
    assert!(values.get("cycles").is_none() && values.get("gemm_uops").is_some(), "{values}");
}

#[test]
fn time_needs_no_tensor_data() {
    let folder = measured();
    folder.write("rec/before.bin", "short");
    folder.write("rec/after.bin", "short");
    assert_eq!(folder.run("replay rec").status, Some(1));
    assert_eq!(folder.run("replay rec --time-only").status, Some(0));
}

#[test]
fn events_are_the_tables_of_the_hardware() {
    let folder = measured();
    folder.run("replay rec --events out/tables").good();
    for table in TABLES {
        assert!(folder.read(&format!("out/tables/{table}")) == folder.read(&format!("rec/{table}")), "{table}");
    }
    folder.run("replay rec --time-only --timing pynq --events out/tables").good();
    let names = fs::read_dir(folder.path("out/tables")).unwrap().count();
    assert_eq!(names, TABLES.len());
    assert_ne!(folder.read("out/tables/reads.csv"), folder.read("rec/reads.csv"));
    assert_snapshot!("events_into_a_file", folder.run("replay rec --events matmul.tw"));
}

#[test]
fn events_are_written_as_a_whole_or_not_at_all() {
    let folder = measured();
    fs::create_dir_all(folder.path("out/writes.csv")).unwrap();
    let said = folder.run("replay rec --events out");
    assert_eq!(said.status, Some(1), "{said}");
    let names: Vec<_> = fs::read_dir(folder.path("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["writes.csv"]);
}

#[test]
fn other_cycles_than_the_hardware_took_have_a_status_of_their_own() {
    let folder = measured();
    slow_down(&folder);
    assert_snapshot!("cycles_differ", timeless(&folder.run("replay rec")));
    let pynq = folder.run("replay rec --timing pynq --events out");
    assert_eq!(pynq.status, Some(4), "{pynq}");
    assert!(!pynq.stderr.contains("instructions.csv"), "{pynq}");
    assert!(folder.path("out/reads.csv").exists(), "a run that differs has events too");
    assert_eq!(folder.run("replay rec --values-only").status, Some(0));
}

#[test]
fn the_first_instruction_that_differs_is_named() {
    let folder = measured();
    slow_down(&folder);
    let table = String::from_utf8(folder.read("rec/instructions.csv")).unwrap();
    let mut rows: Vec<String> = table.lines().map(str::to_owned).collect();
    let cells: Vec<&str> = rows[4].split(',').collect();
    let started: u64 = cells[3].parse().unwrap();
    rows[4] = format!("{},{},{},{},{}", cells[0], cells[1], cells[2], started + 1, cells[4]);
    folder.write("rec/instructions.csv", rows.join("\n"));
    let said = folder.run("replay rec --time-only");
    assert_snapshot!("instruction_differs", timeless(&said));
    let difference = &folder.run("replay rec --stats json").json()["cycles_difference"];
    let expected = json!({"instruction": 3, "event": "started", "expected": started + 1, "got": started});
    assert_eq!(difference, &expected);
    folder.write("rec/instructions.csv", "index,module\n");
    let said = folder.run("replay rec --time-only");
    assert!(said.status == Some(4) && said.stderr.contains("not a table of times: see its line 1"), "{said}");
}

#[test]
fn values_that_differ_go_before_cycles() {
    let folder = measured();
    let bytes = serde_json::from_slice::<Value>(&folder.read("rec/trace.json")).unwrap()["segments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|segment| segment["bytes"].as_u64().unwrap() as usize)
        .sum();
    folder.write("rec/after.bin", vec![0x77; bytes]);
    slow_down(&folder);
    let said = folder.run("replay rec");
    assert_eq!(said.status, Some(3), "{said}");
    assert!(said.stderr.find("E0651") < said.stderr.find("E0653"), "{said}");
}

#[test]
fn timings_come_from_targets() {
    let folder = measured();
    let cycles = |timing: &str| {
        folder.write("t.json", timing);
        folder.run("replay rec --time-only --timing t.json --stats json").json()
    };
    let (de10, slower) = (cycles("{}"), cycles("{\"tilewright\": {\"timing\": {\"read_latency\": 40}}}"));
    assert_eq!((&de10["timing"], &de10["cycles_equal"]), (&json!("de10"), &json!(true)));
    assert!(slower["cycles"].as_u64() > de10["cycles"].as_u64(), "{slower}");
    let expected = [("timing", json!("t.json")), ("timing_basis", json!("extrapolated")), ("rtl_cycles", Value::Null)];
    for (key, value) in expected {
        assert_eq!(slower[key], value, "{key}: {slower}");
    }
    assert_eq!(cycles("{\"read_latency\": 40}")["cycles"], slower["cycles"]);
    assert_eq!(cycles("{\"LOG_BLOCK\": 4, \"tilewright\": {\"timing\": \"pynq\"}}")["timing"], "pynq");
    // Another clock takes the same cycles.
    let fast = cycles("{\"clock_mhz\": 300}");
    assert_eq!((&fast["cycles"], &fast["timing_basis"]), (&de10["cycles"], &json!("measured")));
    folder.write("t.json", "{\"tilewright\": {\"timing\": {\"read_latency\": 40}}}");
    folder.run("run matmul.tw --target t.json").good();
}

#[test]
fn wrong_timings_are_refused() {
    let folder = measured();
    let said = |timing: &str| {
        folder.write("t.json", timing);
        folder.run("replay rec --timing t.json")
    };
    assert_snapshot!("timing_name", folder.run("replay rec --timing de1O"));
    assert_snapshot!("timing_missing", folder.run("replay rec --timing s.json"));
    assert_snapshot!("timing_key", said("{\"tilewright\": {\"timing\": {\"read_latancy\": 40}}}"));
    assert_snapshot!("timing_range", said("{\"burst_beats\": 24}"));
    assert_snapshot!("timing_twice", said("{\"burst_beats\": 16, \"burst_beats\": 32}"));
    assert_snapshot!("timing_number", said("{\"tilewright\": {\"timing\": 16}}"));
    assert_snapshot!("timing_preset", said("{\"preset\": \"zedboard\"}"));
    assert_snapshot!("timing_not_json", said("{"));
    said("{\"tilewright\": {\"timing\": {\"burst_beats\": 24}}}");
    assert_eq!(folder.run("run matmul.tw --target t.json").status, Some(1));
}

#[test]
fn flags_that_contradict_each_other_are_refused() {
    let folder = measured();
    for flags in [
        "--time-only --values-only",
        "--time-only --races",
        "--values-only --timing pynq",
        "--values-only --events out",
        "--timing",
        "--events",
    ] {
        let said = folder.run(&format!("replay rec {flags}"));
        assert!(said.status == Some(2) && said.stdout.is_empty(), "{said}");
    }
    assert!(!folder.path("out").exists());
}

#[test]
fn a_deadlock_in_time_is_that_of_values() {
    let folder = measured();
    let mut insns = folder.read("rec/insns.bin");
    let push_next = 1 << 6;
    for insn in insns.chunks_mut(16).filter(|insn| insn[0] & 7 == 0) {
        insn[0] &= !push_next;
    }
    folder.write("rec/insns.bin", &insns);
    let both = folder.run("replay rec --events out");
    assert_eq!((both.status, both.stderr.matches("deadlock").count()), (Some(1), 1), "{both}");
    assert_eq!(folder.run("replay rec --time-only").stderr, both.stderr);
    assert!(!folder.path("out").exists(), "a run that does not end has no events");
}

/// The folders of recordings beside the repository, or none with a message.
fn shared(name: &str) -> Vec<PathBuf> {
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(name);
    let Ok(entries) = fs::read_dir(&parent) else {
        eprintln!("SKIPPED: {} does not exist", parent.display());
        return Vec::new();
    };
    let folders = entries.map(|entry| entry.unwrap().path()).filter(|path| path.join("trace.json").exists());
    folders.collect()
}

/// Replays every recording with both presets and returns how many runs were compared with the hardware's cycles.
fn replay_all(name: &str) -> usize {
    let folder = Folder::new();
    let mut compared = 0;
    for recording in shared(name) {
        let place = recording.canonicalize().unwrap();
        for options in ["--events out", "--timing pynq --time-only"] {
            let said = folder.run(&format!("replay {} --stats json {options}", place.display()));
            assert_eq!(said.status, Some(0), "{said}");
            let figures = said.json();
            compared += usize::from(figures["cycles_equal"] == true);
            let is_measured = figures["timing_basis"] == "measured";
            assert!(is_measured || figures["rtl_cycles"].is_null(), "{figures}");
        }
        for table in TABLES.iter().filter(|table| place.join(table).exists()) {
            let expected = fs::read(place.join(table)).unwrap();
            assert!(folder.read(&format!("out/{table}")) == expected, "{}/{table}", place.display());
        }
    }
    compared
}

#[test]
fn streams_made_for_timing_take_the_cycles_of_the_hardware() {
    let compared = replay_all("vta-timing");
    assert!(shared("vta-timing").is_empty() || compared >= 2 * 205, "{compared} compared");
}

#[test]
fn recorded_programs_take_the_cycles_of_the_hardware() {
    let compared = replay_all("vta-traces");
    assert!(shared("vta-traces").is_empty() || compared >= 40, "{compared} compared");
}
