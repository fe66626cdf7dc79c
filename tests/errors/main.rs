//! The text of every error that a program can cause, and the pages that explain it.
//!
//! `tests/errors/*.tw` → a snapshot each, with the diagnostics as a user reads them. A file starts with a comment that says
//! what is wrong with it. Further comments at the top may set parameters (`// params: k=250`), configuration keys
//! (`// target: LOG_BATCH=1`, or a whole configuration in JSON), the program (`// program: NAME`) and the schedule
//! (`// schedule: NAME`).

mod compile;
mod limits;
mod pages;
mod registry;
mod warnings;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use compile::{compile, options};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files of a folder with this extension, in order, by their names without it.
fn stems(folder: &Path, extension: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let wanted = paths.filter(|path| path.extension().is_some_and(|e| e == extension));
    wanted.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn folder() -> PathBuf {
    root().join("tests/errors")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(format!("{name}.tw"))).unwrap()
}

#[test]
fn every_wrong_program_is_told_so() {
    let mut accepted = Vec::new();
    for name in stems(&folder(), "tw") {
        let text = text(&name);
        assert!(text.starts_with("// "), "{name}: the first line says what is wrong");
        let Err(refused) = compile(&format!("{name}.tw"), &text, &options(&text)) else {
            accepted.push(name);
            continue;
        };
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, refused.text);
        });
    }
    assert!(accepted.is_empty(), "these compile, so they show no error: {accepted:?}");
}

#[test]
fn no_snapshot_is_left_over() {
    assert_eq!(stems(&folder().join("snapshots"), "snap"), stems(&folder(), "tw"));
}

/// What a user needs in order to act: the place, and something to do about it.
#[test]
fn every_error_shows_a_place_and_a_help() {
    for name in stems(&folder(), "tw") {
        let text = text(&name);
        let refused = compile(&format!("{name}.tw"), &text, &options(&text)).expect_err(&name);
        let of_kernel = refused.codes.iter().all(|code| code.starts_with("E02"));
        assert!(of_kernel || refused.text.contains("help: "), "{name} has no help:\n{}", refused.text);
        let without_place =
            ["no_kernel", "program_unknown", "target_widths", "too_many_instructions", "unknown_schedule"];
        let placed = refused.text.contains(&format!("{name}.tw:"));
        assert!(placed || without_place.contains(&name.as_str()), "{name} shows no source:\n{}", refused.text);
    }
}

#[test]
fn every_code_of_the_schedule_and_of_legalisation_is_shown() {
    let shown: BTreeSet<&str> = stems(&folder(), "tw")
        .iter()
        .flat_map(|name| {
            let text = text(name);
            compile(name, &text, &options(&text)).expect_err(name).codes
        })
        .collect();
    let stages = ["compiler/core/src/schedule/", "compiler/core/src/lower/", "compiler/core/src/legalize/"];
    // Warnings are shown by programs that compile.
    for (code, path) in registry::codes_in_sources().into_iter().filter(|(code, _)| code.starts_with('E')) {
        let elsewhere = registry::UNREACHED.iter().chain(&registry::OF_LOOPS).any(|other| *other == code);
        if stages.iter().any(|stage| path.starts_with(stage)) && !elsewhere {
            assert!(shown.contains(code.as_str()), "no program in tests/errors shows {code} of {path}");
        }
    }
}
