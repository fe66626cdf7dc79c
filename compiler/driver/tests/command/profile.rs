//! `profile`: its reports, its figures against what the book says of them, comparisons, and errors.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{Folder, MATMUL};

const UNITS: [&str; 4] = ["fetch", "load", "compute", "store"];

/// A folder with the example of the README, a recording, and a program with two schedules.
fn folder() -> Folder {
    let folder = Folder::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    folder.write("example.tw", fs::read(root.join("../../dsl-examples/matmul.tw")).unwrap());
    fs::create_dir(folder.path("rec")).unwrap();
    for name in ["trace.json", "insns.bin"] {
        folder.write(&format!("rec/{name}"), fs::read(root.join("tests/data/insn-06").join(name)).unwrap());
    }
    let at = MATMUL.find("schedule").unwrap();
    let whole = MATMUL[at..].replace("tutorial", "whole").replace("    W_buf.compute_at(C, ro)\n", "");
    folder.write("two.tw", format!("{MATMUL}\n{whole}"));
    folder.write("apart.tw", format!("use \"matmul.tw\": matmul\n\n{whole}"));
    folder.write("alone.tw", MATMUL.split("schedule").next().unwrap());
    folder
}

fn figures(folder: &Folder, arguments: &str) -> Value {
    let said = folder.run(&format!("profile {arguments} --stats json"));
    said.good();
    said.json()
}

fn sum(object: &Value) -> u64 {
    match object {
        Value::Number(number) => number.as_u64().unwrap(),
        Value::Object(members) => members.values().map(sum).sum(),
        other => panic!("{other} is no number of cycles"),
    }
}

fn sum_of(list: &Value, key: &str) -> u64 {
    list.as_array().unwrap().iter().map(|entry| entry[key].as_u64().unwrap()).sum()
}

#[test]
fn reports() {
    let folder = folder();
    assert_snapshot!("example", folder.run("profile example.tw"));
    assert_snapshot!("recording", folder.run("profile rec"));
    assert_snapshot!("recording_on_another_machine", folder.run("profile rec --timing pynq"));
}

#[test]
fn comparisons() {
    let folder = folder();
    assert_snapshot!("schedules", folder.run("profile two.tw --schedule whole --compare tutorial"));
    folder.write("before.json", folder.run("profile rec --stats json").good());
    assert_snapshot!("figures_without_a_difference", folder.run("profile rec --compare before.json"));
    assert_snapshot!("figures_of_another_machine", folder.run("profile rec --compare before.json --timing pynq"));
    let programs = folder.run("profile matmul.tw --compare example.tw");
    assert!(programs.good().contains("compared with example.tw, schedule tutorial"), "{programs}");
    let recording = folder.run("profile matmul.tw --compare rec");
    assert!(recording.good().contains("compared with rec\n"), "{recording}");
}

#[test]
fn figures_add_up() {
    let folder = folder();
    for arguments in [
        "example.tw",
        "matmul.tw -p k=64",
        "two.tw --schedule whole --timing pynq",
        "apart.tw",
        "alone.tw",
        "two.tw --schedule automatic",
        "rec",
    ] {
        let figures = figures(&folder, arguments);
        let cycles = figures["cycles"].as_u64().unwrap();
        for unit in UNITS {
            assert_eq!(sum(&figures["states"][unit]), cycles, "{arguments}: {unit}");
        }
        assert_eq!(sum_of(&figures["path"], "cycles"), cycles, "{arguments}");
        assert_eq!(sum_of(&figures["by_kind"], "critical"), cycles, "{arguments}");
        let bound = &figures["bound"];
        let terms = ["compute", "read", "store"].map(|term| bound[term].as_u64().unwrap());
        assert_eq!(bound["cycles"].as_u64(), terms.into_iter().max(), "{arguments}");
        assert!(bound["cycles"].as_u64().unwrap() <= cycles, "{arguments}");
        if let Some(lines) = figures["loops"].as_array() {
            let outermost: Value = lines.iter().filter(|line| line["depth"] == 0).cloned().collect();
            assert_eq!(sum_of(&outermost, "critical"), cycles, "{arguments}");
        }
        let Some(lines) = figures["source"].as_array() else { continue };
        let working = UNITS[1..].iter().map(|unit| figures["states"][unit]["working"].as_u64().unwrap()).sum::<u64>();
        for part in ["kernel", "schedule"] {
            let lines: Value = lines.iter().filter(|line| line["part"] == part).cloned().collect();
            assert_eq!(
                (sum_of(&lines, "critical"), sum_of(&lines, "working")),
                (cycles, working),
                "{arguments}: {part}"
            );
        }
    }
}

/// The cycles are those of the commands that execute the stream.
#[test]
fn cycles_are_those_of_run_and_replay() {
    let folder = folder();
    for (profiled, executed) in
        [("matmul.tw", "run matmul.tw"), ("rec --timing pynq", "replay rec --time-only --timing pynq")]
    {
        let executed = folder.run(&format!("{executed} --stats json"));
        for key in ["cycles", "timing", "timing_basis"] {
            assert_eq!(figures(&folder, profiled)[key], executed.json()[key], "{profiled}: {key}");
        }
    }
}

#[test]
fn lines_of_several_files_name_theirs() {
    let folder = folder();
    let said = folder.run("profile apart.tw");
    assert!(said.good().contains(" matmul.tw:5  ") && said.good().contains(" apart.tw:16  "), "{said}");
    let said = folder.run("profile two.tw --schedule whole");
    assert!(!said.good().contains("two.tw:"), "{said}");
}

/// The kernel's own work is the same in every schedule, and a recording has none.
#[test]
fn the_nominal_work_is_that_of_the_kernel() {
    let folder = folder();
    let [one, other] = ["whole", "tutorial"].map(|name| figures(&folder, &format!("two.tw --schedule {name}")));
    assert_eq!(one["nominal"]["cycles"], other["nominal"]["cycles"]);
    // 32 bytes of X and 64 x 32 of W over a bus of 8 bytes; 2 x 4 tiles of weights and as many resets as results.
    assert_eq!((&one["nominal"]["read"], &one["nominal"]["compute"]), (&json!(260), &json!(12)));
    assert!(figures(&folder, "rec")["nominal"].is_null());
}

/// Sentences of `no token waits`.
fn tokens_advice(figures: &Value) -> String {
    let mut advice = figures["advice"].as_array().unwrap().iter();
    let found = advice.find(|advice| advice["question"] == "no_token_waits").expect("each question has an answer");
    found["advice"].as_str().unwrap().to_owned()
}

#[test]
fn advice_never_proposes_what_is_there() {
    let folder = folder();
    let small = tokens_advice(&figures(&folder, "matmul.tw -p m=64 -p k=256 -p n=16"));
    assert!(small.contains("`double_buffer` for `X_buf`, `W_buf`"), "{small}");
    let compute_at = "    X_buf.compute_at(C, ro)\n    W_buf.compute_at(C, ro)\n";
    let slots = format!("{compute_at}    X_buf.double_buffer()\n");
    folder.write("one.tw", MATMUL.replace(compute_at, &slots));
    let one = tokens_advice(&figures(&folder, "one.tw -p m=64 -p k=256 -p n=16"));
    assert!(one.contains("`W_buf`") && !one.contains("`X_buf`"), "{one}");
    folder.write("both.tw", MATMUL.replace(compute_at, &format!("{slots}    W_buf.double_buffer()\n")));
    let both = tokens_advice(&figures(&folder, "both.tw -p m=64 -p k=256 -p n=16"));
    assert!(both.contains("the copies are double buffered") && !both.contains("`double_buffer`"), "{both}");
}

/// Weights cost most in the example; the line that names them and the directive that copies them say so.
#[test]
fn cycles_are_charged_to_what_and_to_how() {
    let figures = figures(&folder(), "example.tw");
    let line = |part: &str, text: &str| {
        let mut lines = figures["source"].as_array().unwrap().iter();
        let found = lines.find(|line| line["part"] == part && line["text"].as_str().unwrap().trim() == text);
        found.unwrap_or_else(|| panic!("{part} has no line {text}"))["critical"].as_u64().unwrap()
    };
    let (what, how) = (line("kernel", "input W: i8[n, k]"), line("schedule", "W_buf.pragma(dma_copy)"));
    assert_eq!(what, how);
    assert!(what * 10 > figures["cycles"].as_u64().unwrap() * 8, "{what} of {}", figures["cycles"]);
    let product = "C[i, j] = sum(r: i32(X[i, r]) * i32(W[j, r]))";
    assert_eq!(line("kernel", product), line("schedule", "C.tensorize(ii, gemm)"));
}

/// The keys of figures as the book writes them. `target` is a target's business.
fn keys(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) if path != "target" => {
            for (key, member) in members {
                let is_unit = path == "states" && UNITS.contains(&key.as_str());
                let key = if is_unit { "UNIT" } else { key };
                keys(member, &if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }, found);
            }
        }
        Value::Array(entries) => entries.iter().for_each(|entry| keys(entry, &format!("{path}[]"), found)),
        _ => drop(found.insert(path.to_owned())),
    }
}

#[test]
fn the_book_lists_every_key_and_no_other() {
    let folder = folder();
    let mut found = BTreeSet::new();
    // A stream without FINISH is a finding.
    let insns = folder.read("rec/insns.bin");
    let mut trace: Value = serde_json::from_slice(&folder.read("rec/trace.json")).unwrap();
    fs::create_dir(folder.path("endless")).unwrap();
    trace["insn_count"] = json!(trace["insn_count"].as_u64().unwrap() - 1);
    folder.write("endless/trace.json", trace.to_string());
    folder.write("endless/insns.bin", &insns[..insns.len() - 16]);
    for arguments in ["two.tw --schedule whole --compare tutorial", "rec", "endless"] {
        keys(&figures(&folder, arguments), "", &mut found);
    }
    // Null in one of them, and more than a value in another.
    found.retain(|key| !["source", "loops", "nominal"].contains(&key.as_str()));
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/profile.md")).unwrap();
    let table = page.split("| key | meaning |").nth(1).expect("the page has a table of keys");
    let rows = table.lines().take_while(|line| line.is_empty() || line.starts_with('|'));
    let cells = rows.filter_map(|row| row.split('|').nth(1)).flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let listed: BTreeSet<String> = cells.map(str::to_owned).collect();
    assert_eq!(listed, found);
}

#[test]
fn figures_are_read_back_as_they_were_written() {
    let folder = folder();
    folder.write("two.json", folder.run("profile two.tw --schedule whole --compare tutorial --stats json").good());
    let again = figures(&folder, "two.tw --schedule whole --compare two.json");
    assert_eq!(again["comparison"]["same_machine"], json!(true));
    for row in again["comparison"]["rows"].as_array().unwrap() {
        assert_eq!(row["difference"], json!(0.0), "{row}");
        assert_eq!(row["this"].is_null(), row["other"].is_null(), "{row}");
    }
}

#[test]
fn errors() {
    let folder = folder();
    let said = |arguments: &str| folder.run(&format!("profile {arguments}"));
    assert_snapshot!("nothing_to_compare", said("two.tw --schedule whole --compare tutorail"));
    assert_snapshot!("nothing_to_compare_a_recording_with", said("rec --compare before"));
    assert_snapshot!("compare_with_a_missing_file", said("rec --compare before.json"));
    folder.write("before.json", folder.run("run matmul.tw --stats json").good());
    assert_snapshot!("no_figures", said("matmul.tw --compare before.json"));
    folder.write("before.json", "cycles: 5");
    assert_snapshot!("no_json", said("matmul.tw --compare before.json"));
    let mut figures = folder.run("profile matmul.tw --stats json").json();
    figures["bound"]["cycles"] = json!("many");
    folder.write("before.json", figures.to_string());
    assert_snapshot!("figures_of_another_form", said("matmul.tw --compare before.json"));
    figures["version"] = json!(7);
    folder.write("before.json", figures.to_string());
    assert_snapshot!("figures_of_another_version", said("matmul.tw --compare before.json"));
    assert_snapshot!("options_of_a_program", said("rec --schedule tutorial"));
    assert_snapshot!("no_recording", said("."));
    assert_snapshot!("several_schedules", said("two.tw"));
}

/// A stream that waits for ever has no profile.
#[test]
fn deadlocks_are_told() {
    let folder = folder();
    let mut trace: Value = serde_json::from_slice(&folder.read("rec/trace.json")).unwrap();
    trace["insn_count"] = json!(1);
    folder.write("wait.asm", "[pop_prev] finish\n");
    folder.run("asm wait.asm -o rec/insns.bin").good();
    folder.write("rec/trace.json", trace.to_string());
    assert_snapshot!("deadlock", folder.run("profile rec"));
}
