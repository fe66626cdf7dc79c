//! `--timeline` and `--trace`: pictures of runs and replays, the files that they go to, and what is wrong with names and ranges.

use std::path::Path;

use insta::assert_snapshot;

use crate::support::{Folder, Said};

/// `matmul.tw` is VTA's tutorial, and `rec` a recorded device run.
fn folder() -> Folder {
    let (folder, driver) = (Folder::new(), Path::new(env!("CARGO_MANIFEST_DIR")));
    folder.write("matmul.tw", std::fs::read(driver.join("../../dsl-examples/matmul.tw")).unwrap());
    std::fs::create_dir(folder.path("rec")).unwrap();
    for name in ["trace.json", "insns.bin"] {
        folder.write(&format!("rec/{name}"), std::fs::read(driver.join("tests/data/insn-06").join(name)).unwrap());
    }
    folder
}

/// The drawing below a report.
fn drawn(said: &Said) -> &str {
    let text = said.good();
    &text[text.find("cycles 0 to").or(text.find("cycles 6")).unwrap()..]
}

#[test]
fn timelines_are_drawn_below_reports() {
    let folder = folder();
    assert_snapshot!("timeline_of_a_run", drawn(&folder.run("run matmul.tw --timeline -")));
    assert_snapshot!("timeline_of_a_part", drawn(&folder.run("run matmul.tw --timeline - --cycles 620..670")));
    assert_snapshot!("timeline_of_a_recording", drawn(&folder.run("replay rec --time-only --timeline -")));
    let drawn = folder.run("run matmul.tw --timeline - --output Y=-");
    assert!(drawn.stderr.contains("cycles 0 to 9,478") && drawn.stdout.starts_with(b"\x93NUMPY"), "{drawn}");
}

#[test]
fn colours_are_for_terminals() {
    let folder = folder();
    let plain = folder.run("run matmul.tw --timeline -");
    let mut command = folder.command("run matmul.tw --timeline -");
    let coloured = command.env("CLICOLOR_FORCE", "1").output().unwrap().stdout;
    assert!(!plain.good().contains('\x1b') && coloured.contains(&0x1b));
    let lane =
        |text: &str| text.lines().filter(|line| line.starts_with("compute")).map(str::to_owned).collect::<String>();
    assert_eq!(
        lane(&anstream::adapter::strip_str(&String::from_utf8(coloured).unwrap()).to_string()),
        lane(plain.good())
    );
}

#[test]
fn timelines_are_files_of_their_own() {
    let folder = folder();
    folder.run("run matmul.tw --timeline a.svg --cycles 600..700").good();
    assert_snapshot!("file_of_a_run", String::from_utf8(folder.read("a.svg")).unwrap());
    folder.run("replay rec --time-only --timeline b.SVG --cycles ..200").good();
    let text = String::from_utf8(folder.read("b.SVG")).unwrap();
    assert_snapshot!("file_of_a_recording", text);
    for foreign in ["<script", "<image", "@import", "href", "@font-face"] {
        assert!(!text.contains(foreign), "{foreign}");
    }
}

#[test]
fn a_recorded_run_has_the_same_pictures() {
    let folder = folder();
    for name in ["t.vcd", "t.pftrace", "t.svg"] {
        let option = if name == "t.svg" { "--timeline" } else { "--trace" };
        folder.run(&format!("run matmul.tw --timing pynq --record out {option} {name}")).good();
        let of_run = folder.read(name);
        folder.run(&format!("replay out --timing pynq {option} {name}")).good();
        let of_replay = folder.read(name);
        // Behind the title, which says where the run comes from.
        let drawing = |bytes: &[u8]| bytes[bytes.windows(3).position(|at| at == b"<g>").unwrap_or(0)..].to_vec();
        assert!(of_run.len() > 1000 && drawing(&of_run) == drawing(&of_replay), "{name}");
    }
}

#[test]
fn pictures_are_written_with_the_other_files_or_not_at_all() {
    let folder = folder();
    folder.write("a.svg", "what stood there");
    std::fs::create_dir(folder.path("b.vcd")).unwrap();
    let said = folder.run("run matmul.tw --timeline a.svg --trace b.vcd --output Y=y.npy");
    assert_eq!(said.status, Some(1), "{said}");
    assert_eq!(folder.read("a.svg"), b"what stood there");
    assert_eq!(folder.names(), ["a.svg", "b.vcd", "matmul.tw", "rec"]);
}

#[test]
fn profiles_have_the_same_pictures() {
    let folder = folder();
    folder.run("run matmul.tw --timeline a.svg --trace a.vcd").good();
    folder.run("profile matmul.tw --timeline b.svg --trace b.vcd").good();
    assert!(folder.read("a.svg") == folder.read("b.svg") && folder.read("a.vcd") == folder.read("b.vcd"));
    let (run, profile) = (folder.run("run matmul.tw --timeline -"), folder.run("profile matmul.tw --timeline -"));
    assert_eq!(drawn(&run), drawn(&profile));
    let said = folder.run("profile rec --timeline rec/insns.bin");
    assert!(said.status == Some(1) && said.stderr.contains("E0670"), "{said}");
}

#[test]
fn figures_stand_beside_files() {
    let folder = folder();
    let figures = folder.run("run matmul.tw --stats json --timeline a.svg --trace a.vcd").json();
    assert_eq!(figures["cycles"], 9478);
    assert_eq!(folder.names(), ["a.svg", "a.vcd", "matmul.tw", "rec"]);
}

#[cfg(unix)]
#[test]
fn traces_go_into_pipes_and_devices() {
    let folder = folder();
    std::os::unix::fs::symlink("/dev/stdout", folder.path("out.vcd")).unwrap();
    let said = folder.run("replay rec --time-only --stats json --trace out.vcd");
    let text = said.good();
    let at = text.find('$').unwrap();
    folder.run("replay rec --time-only --trace file.vcd").good();
    assert!(text[at..] == *String::from_utf8(folder.read("file.vcd")).unwrap());
}

#[test]
fn wrong_names_are_refused() {
    let folder = folder();
    assert_snapshot!("timeline_ending", folder.run("run matmul.tw --timeline a.png"));
    assert_snapshot!("trace_ending", folder.run("replay rec --trace a.json"));
    assert_eq!(folder.run("run matmul.tw --trace -").status, Some(1));
    folder.write("t.svg", "{}");
    assert_snapshot!("timeline_over_an_input", folder.run("run matmul.tw --target t.svg --timeline t.svg"));
    assert_eq!(folder.read("t.svg"), b"{}");
    folder.write("t.vcd", "{}");
    assert_eq!(folder.run("replay rec --timing t.vcd --trace t.vcd").status, Some(1));
    assert_eq!(folder.names(), ["matmul.tw", "rec", "t.svg", "t.vcd"]);
}

#[test]
fn outputs_do_not_replace_each_other() {
    let folder = folder();
    assert_snapshot!("output_twice", folder.run("run matmul.tw --output Y=a.svg --timeline ./a.svg"));
    std::fs::create_dir(folder.path("out")).unwrap();
    for options in ["--output Y=a.vcd --trace a.vcd", "--record out --output Y=out/after.bin"] {
        let said = folder.run(&format!("run matmul.tw {options}"));
        assert!(said.status == Some(1) && said.stderr.contains("E0609"), "{said}");
    }
    assert_eq!(folder.names(), ["matmul.tw", "out", "rec"]);
    assert_eq!(std::fs::read_dir(folder.path("out")).unwrap().count(), 0);
}

#[test]
fn wrong_ranges_are_refused() {
    let folder = folder();
    assert_snapshot!("no_cycles", folder.run("run matmul.tw --timeline a.svg --cycles 7..7"));
    assert_snapshot!("cycles_outside", folder.run("replay rec --timeline a.svg --cycles 100..1_000"));
    for range in ["508..", "600..700", "..509", "9..8"] {
        let said = folder.run(&format!("replay rec --time-only --timeline a.svg --cycles {range}"));
        assert_eq!(said.status, Some(1), "{said}");
    }
    folder.run("replay rec --time-only --timeline a.svg --cycles 507..").good();
    for options in [
        "--cycles 1..2",
        "--timeline a.svg --cycles 1",
        "--timeline - --stats json",
        "--timeline a.svg --values-only",
        "--trace a.vcd --values-only",
    ] {
        for command in ["run matmul.tw", "replay rec"] {
            let said = folder.run(&format!("{command} {options}"));
            assert!(said.status == Some(2) && said.stdout.is_empty(), "{said}");
        }
    }
}
