//! `build`, and the forms that `run`, `profile`, `accuracy` and `replay` take in the place of a program.

use insta::assert_snapshot;

use crate::support::{Folder, Said, npy, timeless};

fn built() -> Folder {
    let folder = Folder::new();
    folder.run("build matmul.tw -p k=64 -o matmul.twm").good();
    folder
}

/// What must be alike whatever form a program comes in.
const ALIKE: [&str; 6] = ["kernel", "verified", "instructions", "bytes", "cycles", "seed"];

fn alike(one: &Said, other: &Said) {
    let (one, other) = (one.json(), other.json());
    for key in ALIKE {
        assert_eq!(one[key], other[key], "{key}");
    }
}

#[test]
fn an_artifact_runs_as_its_program_does() {
    let folder = built();
    assert_snapshot!("built", folder.run("build matmul.tw -o other.twm"));
    let source = folder.run("run matmul.tw -p k=64 --stats json --seed 7 --output Y=a.npy");
    let artifact = folder.run("run matmul.twm --stats json --seed 7 --output Y=b.npy");
    alike(&source, &artifact);
    assert_eq!(folder.read("a.npy"), folder.read("b.npy"));
    std::fs::remove_file(folder.path("matmul.tw")).unwrap();
    assert_snapshot!("artifact", folder.run("run matmul.twm --float --probe C"));
    assert_eq!(folder.run("run matmul.twm --batch 3 --stats json").json()["runs"], 3);
}

#[test]
fn a_profile_charges_the_lines_of_an_artifact() {
    let folder = built();
    let mut source = folder.run("profile matmul.tw -p k=64 --stats json").json();
    std::fs::remove_file(folder.path("matmul.tw")).unwrap();
    let mut artifact = folder.run("profile matmul.twm --stats json").json();
    source["subject"] = artifact["subject"].take();
    artifact["subject"] = source["subject"].clone();
    assert_eq!(source, artifact);
}

#[test]
fn cycles_of_an_artifact_are_replayed() {
    let folder = built();
    for timing in ["de10", "pynq"] {
        let run = folder.run(&format!("run matmul.twm --timing {timing} --stats json")).json();
        let replayed = folder.run(&format!("replay matmul.twm --timing {timing} --stats json")).json();
        assert_eq!(run["cycles"], replayed["cycles"]);
    }
    assert_eq!(folder.run("replay matmul.twm --values-only").status, Some(2));
}

#[test]
fn a_program_that_is_compiled_is_chosen_no_more() {
    let folder = built();
    assert_snapshot!("parameter", folder.run("run matmul.twm -p k=32").stderr);
    for options in ["--schedule tutorial", "--program p"] {
        assert_eq!(folder.run(&format!("run matmul.twm {options}")).status, Some(2), "{options}");
    }
    folder.write("wide.json", "{\"LOG_BLOCK\": 5}");
    assert_snapshot!("other_target", folder.run("run matmul.twm --target wide.json"));
    assert_snapshot!("wrong_ending", folder.run("build matmul.tw -o matmul.bin"));
    assert_eq!(folder.run("build matmul.tw -o matmul.tw").status, Some(1));
}

#[test]
fn broken_artifacts_are_refused() {
    let folder = built();
    let whole = folder.read("matmul.twm");
    let refused = |name: &str, bytes: Vec<u8>| {
        folder.write("broken.twm", bytes);
        assert_snapshot!(name, folder.run("run broken.twm"));
    };
    refused("no_artifact", b"kernel k {}".to_vec());
    refused("cut_off", whole[..whole.len() - 1].to_vec());
    let mut newer = whole.clone();
    newer[8] = 9;
    refused("newer", newer);
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    refused("changed", changed);
    // Wherever it is cut, and whatever byte is another one, it is told and no more.
    for at in (0..whole.len()).step_by(whole.len() / 40) {
        folder.write("broken.twm", &whole[..at]);
        assert_eq!(folder.run("run broken.twm").status, Some(1), "cut at {at}");
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        folder.write("broken.twm", changed);
        assert_eq!(folder.run("profile broken.twm").status, Some(1), "changed at {at}");
    }
}

#[test]
fn loop_programs_run_on_arrays() {
    let folder = Folder::new();
    let source = folder.run("run matmul.tw --stats json --output Y=a.npy");
    for form in ["loops", "legal"] {
        folder.run(&format!("lower matmul.tw --emit {form} -o matmul.{form}")).good();
        let text = folder.run(&format!("run matmul.{form} --stats json --output Y=b.npy"));
        alike(&source, &text);
        assert_eq!(folder.read("a.npy"), folder.read("b.npy"), "{form}");
        let profile = folder.run(&format!("profile matmul.{form} --stats json")).json();
        assert_eq!((&profile["cycles"], &profile["source"]), (&source.json()["cycles"], &().into()), "{form}");
        let replayed = folder.run(&format!("replay matmul.{form} --stats json")).json();
        assert_eq!(replayed["cycles"], source.json()["cycles"]);
    }
    folder.write("x.npy", npy("|i1", "(1, 32)", false, &[1; 32]));
    folder.write("w.npy", npy("|i1", "(64, 32)", false, &[2; 2048]));
    folder.write("y.npy", npy("|i1", "(1, 64)", false, &[64; 64]));
    assert_snapshot!("legal", folder.run("run matmul.legal --input X=x.npy --input W=w.npy --expect Y=y.npy"));
    assert_snapshot!("no_float", folder.run("run matmul.loops --float"));
    folder.run("build matmul.loops -o loops.twm").good();
    alike(&source, &folder.run("run loops.twm --stats json"));
}

#[test]
fn assembler_texts_run_without_tensors() {
    let folder = Folder::new();
    folder.run("lower matmul.tw --emit asm -o matmul.asm").good();
    assert_snapshot!("assembler", timeless(&folder.run("run matmul.asm")));
    let source = folder.run("run matmul.tw --stats json").json();
    for command in ["run", "profile", "replay"] {
        let figures = folder.run(&format!("{command} matmul.asm --stats json")).json();
        assert_eq!(figures["cycles"], source["cycles"], "{command}");
    }
    assert_eq!(folder.run("run matmul.asm --input X=x.npy").status, Some(2));
}
