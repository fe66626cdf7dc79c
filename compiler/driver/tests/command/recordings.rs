//! `run --record` and `replay`.

use std::path::Path;

use insta::assert_snapshot;
use walkdir::WalkDir;

use crate::support::{Folder, MATMUL, timeless};

fn recorded() -> Folder {
    let folder = Folder::new();
    folder.run("run matmul.tw --record rec").good();
    folder
}

#[test]
fn what_is_recorded_replays() {
    let folder = recorded();
    assert_snapshot!("replay", timeless(&folder.run("replay rec")));
    let figures = folder.run("replay rec --stats json --repeat 3");
    let figures = (figures.good().len(), figures.json()).1;
    assert_eq!(figures["equal"], true);
    assert!(figures["host_seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{figures}");
    let run = folder.run("run matmul.tw --stats json").json();
    for key in ["instructions", "instructions_by_kind", "gemm_uops", "alu_uops", "bytes"] {
        assert_eq!(figures[key], run[key], "{key}");
    }
}

#[test]
fn the_recording_is_in_the_format_of_traces() {
    let folder = recorded();
    let trace: serde_json::Value = serde_json::from_slice(&folder.read("rec/trace.json")).unwrap();
    assert_snapshot!("trace", serde_json::to_string_pretty(&trace).unwrap());
    let bytes: u64 = trace["segments"].as_array().unwrap().iter().map(|s| s["bytes"].as_u64().unwrap()).sum();
    assert_eq!(folder.read("rec/before.bin").len() as u64, bytes);
    assert_eq!(folder.read("rec/after.bin").len() as u64, bytes);
    assert_eq!(folder.read("rec/insns.bin"), folder.run("lower matmul.tw --emit bin").stdout);
}

#[test]
fn a_difference_has_a_status_of_its_own() {
    let folder = recorded();
    let mut after = folder.read("rec/after.bin");
    *after.last_mut().unwrap() ^= 0xff;
    let kept = after.len() - 1;
    folder.write("rec/after.bin", &after);
    let said = folder.run("replay rec");
    assert_eq!(said.status, Some(3), "{said} at {kept}");
    let figures = folder.run("replay rec --stats json");
    assert_eq!((figures.status, &figures.json()["equal"]), (Some(3), &false.into()));
}

#[test]
fn images_may_be_missing() {
    let folder = recorded();
    std::fs::remove_file(folder.path("rec/after.bin")).unwrap();
    let figures = folder.run("replay rec --stats json");
    assert_eq!((figures.status, &figures.json()["equal"]), (Some(0), &serde_json::Value::Null));
    std::fs::remove_file(folder.path("rec/before.bin")).unwrap();
    assert_eq!(folder.run("replay rec").status, Some(0));
}

#[test]
fn a_recording_is_listed_with_its_micro_ops() {
    let folder = recorded();
    let said = folder.run("disasm rec");
    assert!(said.good().contains("    uop 0: dst 0 src 0 wgt 0\n"), "{said}");
    folder.run("disasm rec -o rec.asm").good();
    assert_eq!(folder.run("asm rec.asm").stdout, folder.read("rec/insns.bin"));
    folder.write("target.json", "{}");
    assert_eq!(folder.run("disasm rec --target target.json").status, Some(2));
}

#[test]
fn races_are_looked_for_when_asked_to() {
    let folder = recorded();
    let mut insns = folder.read("rec/insns.bin");
    // Without the token between them, the last product and the store are in no order; FINISH still waits for the store.
    let store = insns.chunks(16).position(|insn| insn[0] & 7 == 1).unwrap();
    insns[store * 16] &= !POP_PREV;
    insns[(store - 1) * 16] &= !PUSH_NEXT;
    folder.write("rec/insns.bin", &insns);
    let said = folder.run("replay rec --races --stats json");
    assert_eq!(said.status, Some(3), "{said}");
    assert!(said.stderr.contains("error[E0656]: the stream has a race\n"), "{said}");
    let findings = said.json()["findings"].to_string();
    assert!(findings.contains("race: instruction") && findings.contains("acc elements 0..4"), "{said}");
    let said = folder.run("replay rec --stats json");
    assert!(!said.json()["findings"].to_string().contains("race"), "{said}");
}

#[test]
fn tokens_from_an_earlier_run_count() {
    let folder = recorded();
    let mut insns = folder.read("rec/insns.bin");
    // The first product waits for the store module, which has run nothing yet.
    let product = insns.chunks(16).position(|insn| insn[0] & 7 == 2).unwrap();
    insns[product * 16] |= POP_NEXT;
    folder.write("rec/insns.bin", &insns);
    assert_eq!(folder.run("replay rec").status, Some(1));
    let trace = String::from_utf8(folder.read("rec/trace.json")).unwrap();
    let tokens = "\"tokens_before\": {\"store_to_compute\": 1}";
    let trace = trace.replacen('{', &format!("{{ {tokens},"), 1);
    folder.write("rec/trace.json", trace);
    assert_eq!(folder.run("replay rec --stats json").json()["equal"], true);
    assert!(!folder.run("disasm rec").good().contains("W0812"));
}

/// Bits 3 to 6 of an instruction are its tokens: pop_prev, pop_next, push_prev, push_next.
const POP_PREV: u8 = 1 << 3;
const POP_NEXT: u8 = 1 << 4;
const PUSH_NEXT: u8 = 1 << 6;

#[test]
fn a_deadlock_is_reported_at_once() {
    let folder = recorded();
    let mut insns = folder.read("rec/insns.bin");
    let posts = insns.chunks(16).rposition(|insn| insn[0] & 7 == 0 && insn[0] & PUSH_NEXT != 0).unwrap();
    insns[posts * 16] &= !PUSH_NEXT;
    folder.write("rec/insns.bin", &insns);
    assert_snapshot!("deadlock", folder.run("replay rec"));
}

#[test]
fn a_trap_names_the_instruction() {
    let folder = recorded();
    let mut insns = folder.read("rec/insns.bin");
    // The DRAM address of the second instruction.
    insns[16 + 4..16 + 8].copy_from_slice(&[0xff; 4]);
    folder.write("rec/insns.bin", &insns);
    let said = folder.run("replay rec");
    assert_eq!(said.status, Some(1), "{said}");
    assert!(said.stderr.contains("instruction 1 "), "{said}");
}

#[test]
fn malformed_recordings_are_refused() {
    let folder = recorded();
    let trace = String::from_utf8(folder.read("rec/trace.json")).unwrap();
    folder.write("rec/trace.json", trace.replace("\"insn_count\": ", "\"insn_count\": 1"));
    assert_snapshot!("recording_count", folder.run("replay rec"));
    folder.write("rec/trace.json", trace.replace("\"insn_count\"", "\"insns\""));
    assert_snapshot!("recording_key", folder.run("replay rec"));
    folder.write("rec/trace.json", &trace);
    folder.write("rec/before.bin", "short");
    assert_snapshot!("recording_image", folder.run("replay rec"));
}

/// What an example needs that not every implementation of VTA has, by the code of the finding, and the words with which its
/// first comment says so.
const NEEDS: [(&str, &str); 5] = [
    ("W0801", "MUL"),
    ("W0802", "ACC_8BIT"),
    ("W0803", "shifts by computed amounts"),
    ("W0804", "shifts by more than 15"),
    ("W0806", "stores of what was only loaded"),
];

/// A recording has no other instructions than VTA's, orders its work by tokens alone, and says nothing that another
/// simulator would read differently, but for what the example says of itself.
#[test]
fn every_example_is_recorded_for_any_simulator() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dsl-examples");
    let folder = Folder::new();
    let files = WalkDir::new(examples).sort_by_file_name().into_iter().map(|entry| entry.unwrap().into_path());
    let files = files.filter(|path| path.is_file());
    let names: Vec<String> =
        files.map(|path| path.strip_prefix(examples).unwrap().to_str().unwrap().to_owned()).collect();
    for name in &names {
        std::fs::create_dir_all(folder.path(name).parent().unwrap()).unwrap();
        folder.write(name, std::fs::read(Path::new(examples).join(name)).unwrap());
    }
    for name in names.iter().filter(|name| name.ends_with(".tw")) {
        let comment: String =
            String::from_utf8(folder.read(name)).unwrap().lines().take_while(|l| l.starts_with("//")).collect();
        let beside = name.replace(".tw", ".json");
        let target = if names.contains(&beside) { format!("--target {beside}") } else { String::new() };
        folder.run(&format!("run {name} {target} --record rec")).good();
        let said = folder.run("replay rec --races --stats json");
        assert_eq!(said.status, Some(0), "{name}: {said}");
        let figures = said.json();
        assert_eq!((&figures["equal"], &figures["findings"]), (&true.into(), &serde_json::json!([])), "{name}");
        let found: Vec<&str> = figures["portability"].as_object().unwrap().keys().map(String::as_str).collect();
        let said_so = NEEDS.into_iter().filter(|(_, word)| comment.contains(word)).map(|(code, _)| code);
        assert_eq!(found, said_so.collect::<Vec<_>>(), "{name} says in its first comment what it needs");
    }
}

#[test]
fn a_recording_is_replaced_as_a_whole() {
    let folder = recorded();
    let first = folder.read("rec/before.bin");
    folder.run("run matmul.tw --record rec --seed 5").good();
    assert_ne!(folder.read("rec/before.bin"), first);
    assert_eq!(folder.run("replay rec").status, Some(0));
    let mut names: Vec<_> =
        std::fs::read_dir(folder.path("rec")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["after.bin", "before.bin", "insns.bin", "trace.json"]);
}

/// The bytes of one of the segments, `X`, `W`, `Y`, in an image of a recording.
fn segment(folder: &Folder, recording: &str, image: &str, at: usize) -> Vec<u8> {
    let trace: serde_json::Value = serde_json::from_slice(&folder.read(&format!("{recording}/trace.json"))).unwrap();
    let segments = trace["segments"].as_array().unwrap();
    let sizes: Vec<usize> = segments.iter().map(|s| s["bytes"].as_u64().unwrap() as usize).collect();
    let start: usize = sizes[..at].iter().sum();
    folder.read(&format!("{recording}/{image}"))[start..][..sizes[at]].to_vec()
}

#[test]
fn arrays_are_recorded_in_the_order_of_their_layout() {
    let folder = recorded();
    folder.write("columns.tw", MATMUL.replace("    X_buf = ", "    W.layout(r, j)\n    X_buf = "));
    folder.run("run columns.tw --record columns").good();
    assert_eq!(folder.run("replay columns --stats json").json()["equal"], true);
    let (rows, columns) = (segment(&folder, "rec", "before.bin", 1), segment(&folder, "columns", "before.bin", 1));
    let tile = |image: &[u8], at: usize| image[at * 256..][..256].to_vec();
    for (j, r) in [(0, 0), (1, 0), (3, 1), (2, 1)] {
        assert_eq!(tile(&columns, r * 4 + j), tile(&rows, j * 2 + r), "tile {j}, {r} of 4 by 2");
    }
    assert_eq!(segment(&folder, "columns", "after.bin", 2), segment(&folder, "rec", "after.bin", 2));
}
