//! What the README shows is what the command prints.

use std::process::{Command, Output};

use crate::root;

fn tilewright(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tilewright")).args(args).current_dir(root()).output().unwrap()
}

/// Every line that was printed stands in the README, and in the order of the README.
fn stands_in_readme(printed: &[u8]) {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let lines: Vec<&str> = readme.lines().map(str::trim_end).collect();
    let mut from = 0;
    for line in String::from_utf8(printed.to_vec()).unwrap().lines().map(str::trim_end).filter(|l| !l.is_empty()) {
        let found = lines[from..].iter().position(|l| *l == line);
        from += found.unwrap_or_else(|| panic!("the README does not show, in this place:\n{line}"));
    }
}

#[test]
fn the_picture_of_a_run() {
    let output = tilewright(&["run", "dsl-examples/matmul.tw"]);
    assert_eq!(output.status.code(), Some(0));
    stands_in_readme(&output.stdout);
}

#[test]
fn the_failing_schedule_and_its_fix() {
    let failing = ["run", "dsl-examples/matmul.tw", "-p", "m=64", "-p", "n=1024"];
    let output = tilewright(&failing);
    assert_eq!(output.status.code(), Some(1));
    stands_in_readme(&output.stderr);

    let text = std::fs::read_to_string(root().join("dsl-examples/matmul.tw")).unwrap();
    let scope = "    C.set_scope(acc)\n";
    let fixed = text.replace(scope, &format!("{scope}    Y.split(j, 256) -> jb, jj\n    C.compute_at(Y, jb)\n"));
    assert_ne!(text, fixed);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fixed.tw");
    std::fs::write(&file, fixed).unwrap();
    let output = tilewright(&["run", file.to_str().unwrap(), "-p", "m=64", "-p", "n=1024"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}
