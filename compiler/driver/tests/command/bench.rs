//! `bench`: a table of operators, its figures in all three forms, and what can be wrong with it.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{Folder, MATMUL, Said};

/// Two rows of one program: one beside another compiler's figures, and one without.
const TABLE: &str = "\
[[row]]
name = \"small\"
title = \"1×32 · 32×64\"
file = \"matmul.tw\"
schedule = \"tutorial\"
aim = 10_000
tvm = { instructions = 20, gemm = 8, alu = 0, inp = 32, wgt = 2048, acc = 0, uop = 8, out = 64, cycles = 900 }

[[row]]
name = \"wide\"
title = \"1×32 · 32×256\"
file = \"matmul.tw\"
parameters = { n = 256 }
aim = 10
";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("table.toml", TABLE);
    folder
}

/// The report without the compile time, which differs from run to run.
fn timeless(said: &Said) -> String {
    let words = |line: &str| match line.split_once(" compiled in ") {
        Some((rows, time)) if time.ends_with(", one thread") => format!("{rows} compiled in TIME, one thread"),
        _ => line.to_owned(),
    };
    said.to_string().lines().map(words).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_report_stands_beside_the_other_compilers_figures() {
    let report = timeless(&folder().run("bench table.toml"));
    assert!(report.contains("2 rows compiled in TIME, one thread"), "{report}");
    assert_snapshot!("bench_report", report);
}

#[test]
fn other_machines_have_no_aims() {
    let folder = folder();
    folder.write("wide.json", "{\"LOG_BLOCK\": 5}");
    assert_snapshot!("bench_other_core", timeless(&folder.run("bench table.toml --target wide.json --rows wide")));
    let pynq = folder.run("bench table.toml --timing pynq --json").json();
    assert_eq!((&pynq["rows"][0]["aim"], &pynq["rows"][0]["tvm"]), (&Value::Null, &Value::Null));
    assert_eq!((&pynq["rows"][0]["timing_basis"], &pynq["timing"]), (&"measured".into(), &"pynq".into()));
}

/// What both forms say of a row, by the names that CSV has.
fn as_in_csv(row: &Value) -> BTreeMap<&'static str, String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Number(n) if n.is_f64() => format!("{:.4}", n.as_f64().unwrap()),
        other => other.to_string(),
    };
    let places = [
        ("row", "/name"),
        ("operator", "/title"),
        ("verified", "/verified"),
        ("instructions", "/instructions"),
        ("gemm_uops", "/gemm_uops"),
        ("reset_uops", "/reset_uops"),
        ("alu_uops", "/alu_uops"),
        ("inp_bytes", "/bytes/inp"),
        ("wgt_bytes", "/bytes/wgt"),
        ("acc_bytes", "/bytes/acc"),
        ("uop_bytes", "/bytes/uop"),
        ("out_bytes", "/bytes/out"),
        ("bytes", "/total_bytes"),
        ("cycles", "/cycles"),
        ("timing_basis", "/timing_basis"),
        ("least_cycles", "/least/cycles"),
        ("share_of_least", "/share_of_least"),
        ("aim", "/aim"),
        ("reached", "/reached"),
        ("tvm_instructions", "/tvm/instructions"),
        ("tvm_gemm_uops", "/tvm/gemm_uops"),
        ("tvm_alu_uops", "/tvm/alu_uops"),
        ("tvm_inp_bytes", "/tvm/bytes/inp"),
        ("tvm_wgt_bytes", "/tvm/bytes/wgt"),
        ("tvm_acc_bytes", "/tvm/bytes/acc"),
        ("tvm_uop_bytes", "/tvm/bytes/uop"),
        ("tvm_out_bytes", "/tvm/bytes/out"),
        ("tvm_cycles", "/tvm/cycles"),
        ("bytes_ratio", "/bytes_ratio"),
        ("cycles_ratio", "/cycles_ratio"),
    ];
    places.iter().map(|(name, place)| (*name, row.pointer(place).map(text).unwrap_or_default())).collect()
}

#[test]
fn csv_and_json_say_the_same() {
    let folder = folder();
    folder.run("bench table.toml --csv table.csv --json table.json").good();
    let json: Value = serde_json::from_slice(&folder.read("table.json")).unwrap();
    let written = folder.read("table.csv");
    let mut csv = csv::Reader::from_reader(&*written);
    let lines: Vec<BTreeMap<String, String>> = csv.deserialize().collect::<Result<_, _>>().unwrap();
    assert_eq!(lines.len(), 2);
    for (line, row) in lines.iter().zip(json["rows"].as_array().unwrap()) {
        for (name, value) in as_in_csv(row) {
            assert_eq!(line[name], value, "{name}");
        }
    }
    assert_eq!(folder.run("bench table.toml --csv").good().as_bytes(), written);
    assert_snapshot!("bench_csv", String::from_utf8(written).unwrap());
}

#[test]
fn figures_are_those_of_a_run() {
    let folder = folder();
    let row = &folder.run("bench table.toml --rows wide --json").json()["rows"][0];
    let run = folder.run("run matmul.tw -p n=256 --stats json").json();
    for key in ["instructions", "instructions_by_kind", "gemm_uops", "alu_uops", "bytes", "cycles", "verified"] {
        assert_eq!(row[key], run[key], "{key}");
    }
    // 2 by 16 products, a reset for each vector of the result; 32 + 8192 bytes, 8 a cycle.
    let least = serde_json::json!({"compute": 48, "read": 1028, "write": 54, "cycles": 1028});
    assert_eq!(row["least"], least);
}

#[test]
fn a_row_that_is_refused_leaves_the_others_be() {
    let folder = folder();
    let lost = "\n[[row]]\nname = \"lost\"\nfile = \"nothing.tw\"\n\n[[row]]\nname = \"odd\"\nfile = \"matmul.tw\"\n";
    folder.write("table.toml", format!("{TABLE}{lost}parameters = {{ rows = 4 }}\n"));
    let said = folder.run("bench table.toml");
    assert_eq!(said.status, Some(1), "{said}");
    assert_snapshot!("bench_refused_rows", timeless(&said));
    let json = folder.run("bench table.toml --rows lost,small --json").json();
    assert_eq!((&json["rows"][0]["verified"], &json["rows"][1]["errors"][0]["code"]), (&true.into(), &"E0693".into()));
    let said = folder.run("bench table.toml --rows lost --csv");
    let mut lines = csv::Reader::from_reader(said.text().as_bytes());
    let line = lines.records().next().unwrap().expect("it has a cell for each heading");
    assert_eq!((&line[0], line.iter().filter(|cell| cell.is_empty()).count()), ("lost", line.len() - 2));
    assert!(line[line.len() - 1].starts_with("E0693: row `lost`"), "{line:?}");
}

#[test]
fn mistakes_in_tables() {
    let said = |table: &str| {
        let folder = Folder::new();
        folder.write("table.toml", table);
        folder.run("bench table.toml").to_string()
    };
    assert_snapshot!("bench_no_toml", said("[[row]\nname = 1\n"));
    assert_snapshot!("bench_unknown_key", said(&TABLE.replace("parameters", "params")));
    assert_snapshot!("bench_wrong_value", said(&TABLE.replace("aim = 10\n", "aim = -10\n")));
    assert_snapshot!("bench_twice", said(&TABLE.replace("wide", "small")));
    assert_snapshot!("bench_ambiguous", said(&TABLE.replace("aim = 10_000", "program = \"p\"")));
}

#[test]
fn mistakes_in_arguments() {
    let folder = folder();
    let said = |arguments: &str| folder.run(arguments).to_string();
    assert_snapshot!("bench_unknown_row", said("bench table.toml --rows small,wied"));
    assert_snapshot!("bench_missing_table", said("bench operatros"));
    assert_snapshot!("bench_both_on_standard_output", said("bench table.toml --csv --json"));
    assert_snapshot!("bench_output_is_the_table", said("bench table.toml --csv ./table.toml"));
    assert_eq!(folder.read("table.toml"), TABLE.as_bytes());
}

/// Rows whose simulation is short, of the table that is inside of the command; it is run in a folder without examples.
#[test]
fn operators_are_inside_of_the_command() {
    let folder = Folder::new();
    let said = folder.run("bench operators --rows matmul,vector-add,C10 --json");
    assert_eq!(said.status, Some(0), "{said}");
    let json = said.json();
    let rows = json["rows"].as_array().unwrap();
    let names: Vec<&Value> = rows.iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["C10", "matmul", "vector-add"]);
    assert!(rows.iter().all(|row| row["verified"] == true && row["tvm"].is_object()), "{json:#}");
}

/// The whole table: every value is right, no aim is missed, and no row moves many more bytes than TVM's.
#[test]
fn every_operator_reaches_its_aim() {
    let said = Folder::new().run("bench operators --json");
    assert_eq!(said.status, Some(0), "{said}");
    let json = said.json();
    let summary = &json["summary"];
    assert_eq!(summary["verified"], summary["rows"], "{summary:#}");
    assert_eq!(summary["aims_reached"], summary["aims"], "{summary:#}");
    assert!(summary["aims"].as_u64() >= Some(27), "{summary:#}");
    assert!(summary["bytes"]["own"].as_u64() <= summary["bytes"]["tvm"].as_u64(), "{summary:#}");
    for row in json["rows"].as_array().unwrap() {
        let ratio = row["bytes_ratio"].as_f64().unwrap_or(0.0);
        assert!(ratio <= 1.2, "{row:#}");
    }
    let instructions = |name: &str| {
        let row = json["rows"].as_array().unwrap().iter().find(|row| row["name"] == name);
        row.unwrap_or_else(|| panic!("there is a row {name}"))["instructions"].as_u64().unwrap()
    };
    assert!(instructions("conv-opt") <= 3_366 && instructions("matmul-opt") <= 142);
}

#[test]
fn operators_are_right_on_other_machines() {
    let folder = Folder::new();
    folder.write("block32.json", "{\"LOG_BLOCK\": 5}");
    for machine in ["--timing pynq", "--target block32.json"] {
        let said = folder.run(&format!("bench operators {machine} --json"));
        assert_eq!(said.status, Some(0), "{said}");
        let summary = &said.json()["summary"];
        assert_eq!(summary["verified"], summary["rows"], "{machine}: {summary:#}");
    }
}

#[test]
fn a_program_may_use_others() {
    let folder = Folder::new();
    let (kernel, schedule) = MATMUL.split_at(MATMUL.find("schedule").unwrap());
    folder.write("kernel.tw", kernel);
    folder.write("fast.tw", format!("use \"kernel.tw\"\n\n{schedule}"));
    folder.write("table.toml", "[[row]]\nname = \"a\"\nfile = \"fast.tw\"\n");
    assert_eq!(folder.run("bench table.toml --json").json()["summary"]["verified"], 1);
}

/// A recurrence, the same on a core of its own, and one whose weights are too large.
const RECURRENCES: &str = "\
[[row]]
name = \"scan\"
title = \"x 32, h 32\"
file = \"scan.tw\"
steps = 3

[[row]]
name = \"wide\"
title = \"x 32, h 32\"
file = \"scan.tw\"
steps = 3
target = { LOG_BLOCK = 5 }

[[row]]
name = \"large\"
title = \"x 16384, h 32\"
file = \"scan.tw\"
parameters = { x = 16384 }
steps = 3
may_not_fit = true
";

fn recurrences() -> Folder {
    let folder = Folder::new();
    folder.write("scan.tw", include_str!("../../../../dsl-examples/scan.tw"));
    folder.write("table.toml", RECURRENCES);
    folder
}

#[test]
fn recurrences_are_timed_by_the_step() {
    assert_snapshot!("bench_recurrences", timeless(&recurrences().run("bench table.toml")));
}

/// A step takes by how much a run with one step more is longer.
#[test]
fn a_step_takes_what_another_step_adds() {
    let folder = recurrences();
    let row = folder.run("bench table.toml --rows scan --json").json()["rows"][0].clone();
    let cycles = |steps: u64| {
        folder.run(&format!("run scan.tw -p steps={steps} --stats json")).json()["cycles"].as_u64().unwrap()
    };
    let recurrence = &row["recurrence"];
    assert_eq!((row["cycles"].as_u64(), recurrence["steps"].as_u64()), (Some(cycles(3)), Some(3)));
    let per_step = (cycles(6) - cycles(3)) as f64 / 3.0;
    let near = |name: &str, expected: f64| (recurrence[name].as_f64().unwrap() / expected - 1.0).abs() < 1e-9;
    assert!(near("cycles_per_step", per_step) && near("seconds_per_step", per_step / 1e8), "{row}");
    // Two sums of 32 products by each of two states of 32 elements.
    let tops = recurrence["tops"].as_f64().unwrap();
    assert!((tops * 1e12 * per_step / 1e8 - 2.0 * 4.0 * 32.0 * 32.0).abs() < 1e-6, "{row}");
    let floats = folder.run("run scan.tw -p steps=3 --float --stats json").json()["float"][0].clone();
    assert_eq!(recurrence["largest_error"], floats["largest_error"]);
    assert_eq!(row["parameters"], serde_json::json!({"steps": 3}));
}

#[test]
fn recurrences_in_csv() {
    assert_snapshot!("bench_recurrences_csv", recurrences().run("bench table.toml --csv").good());
}

#[test]
fn what_does_not_fit_is_an_error_unless_it_may_be() {
    let folder = recurrences();
    folder.run("bench table.toml --rows large").good();
    folder.write("strict.toml", RECURRENCES.replace("may_not_fit = true\n", ""));
    let said = folder.run("bench strict.toml --rows large");
    assert!(said.status == Some(1) && said.stderr.contains("E0507"), "{said}");
    folder.write("other.toml", RECURRENCES.replace("x = 16384", "y = 16384"));
    assert_eq!(folder.run("bench other.toml --rows large").status, Some(1));
}

#[test]
fn mistakes_in_recurrences() {
    let folder = recurrences();
    for (name, from, to) in
        [("bench_no_steps", "steps = 3", "steps = 0"), ("bench_wrong_target", "LOG_BLOCK = 5", "LOG_BLOK = 5")]
    {
        folder.write("wrong.toml", RECURRENCES.replace(from, to));
        assert_snapshot!(name, folder.run("bench wrong.toml"));
    }
}

#[test]
fn layers_of_lstms_are_inside_of_the_command() {
    let figures = Folder::new().run("bench lstm --rows h128-b1,h256-b1,h1024-b32 --json").json();
    let [one, streamed, many] = [0, 1, 2].map(|at| &figures["rows"][at]);
    assert_eq!((&one["verified"], &streamed["verified"]), (&true.into(), &true.into()), "{figures}");
    assert_eq!(many["errors"][0]["code"], "E0507");
    // Four gates, each with a product of 128 by 128 for the input and for the state.
    let recurrence = &one["recurrence"];
    let operations = recurrence["tops"].as_f64().unwrap() * 1e12 * recurrence["seconds_per_step"].as_f64().unwrap();
    assert!((operations - 2.0 * 8.0 * 128.0 * 128.0).abs() < 1.0, "{one}");
    // Weights that do not fit are loaded in each step, over a bus of eight bytes a cycle.
    let per_step = |row: &Value| row["recurrence"]["cycles_per_step"].as_f64().unwrap();
    assert!(per_step(one) < 8.0 * 128.0 * 128.0 / 8.0 && per_step(streamed) > 8.0 * 256.0 * 256.0 / 8.0, "{figures}");
}

/// A row's target is read as a target file is.
#[test]
fn the_target_of_a_row_has_its_timing() {
    let folder = folder();
    let row = |name: &str, timing: &str| {
        format!(
            "[[row]]\nname = \"{name}\"\nfile = \"matmul.tw\"\ntarget = {{ tilewright = {{ timing = {timing} }} }}\n"
        )
    };
    folder.write("slow.toml", row("own", "{ read_latency = 100000 }") + &row("preset", "\"pynq\""));
    let rows = folder.run("bench slow.toml --json").json()["rows"].clone();
    assert_eq!((&rows[0]["timing"], &rows[1]["timing"]), (&"row own".into(), &"pynq".into()));
    assert!(rows[0]["cycles"].as_u64().unwrap() > 100_000, "{rows}");
    let rows = folder.run("bench slow.toml --timing de10 --json").json()["rows"].clone();
    assert_eq!((&rows[0]["timing"], &rows[1]["timing"]), (&"de10".into(), &"de10".into()));
    folder.write("wrong.toml", row("a", "{ read_latencyy = 1 }"));
    assert_snapshot!("bench_row_timing", folder.run("bench wrong.toml"));
}

#[test]
fn no_cell_is_a_formula() {
    let folder = Folder::new();
    folder.write("table.toml", "[[row]]\nname = \"a\"\ntitle = \"=HYPERLINK(1)\"\nfile = \"matmul.tw\"\n");
    assert!(folder.run("bench table.toml --csv").good().contains("\na,'=HYPERLINK(1),true,"));
}
