//! What the tutorial shows under each program is what the command prints of it.

use std::path::Path;
use std::process::Command;

/// The lines that the tutorial shows: of a run the verdict and the time, of a profile the bound and what is reached.
const SHOWN: [(&str, &[&str]); 2] = [("run", &["✔", "· timed"]), ("profile", &["bound", "reached", "overlap"])];

fn printed(program: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for (command, starts) in SHOWN {
        let output = Command::new(env!("CARGO_BIN_EXE_tilewright")).arg(command).arg(program).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let is_shown = |line: &&str| starts.iter().any(|start| line.starts_with(start));
        lines.extend(text.lines().filter(is_shown).map(|line| line.trim_end().to_owned()));
    }
    lines
}

/// The programs of the tutorial, each with the block behind it.
fn steps(text: &str) -> Vec<(&str, &str)> {
    let behind = |block: &'static str| move |rest: &'_ str| rest.find(block).map(|at| at + block.len());
    let mut steps = Vec::new();
    let mut rest = text;
    while let Some(start) = behind("```tilewright\n")(rest) {
        let end = start + rest[start..].find("```").expect("blocks are closed");
        let shown = end + 3 + behind("```\n")(&rest[end + 3..]).expect("each program has its output");
        let shown_end = shown + rest[shown..].find("```").expect("blocks are closed");
        steps.push((&rest[start..end], &rest[shown..shown_end]));
        rest = &rest[shown_end + 3..];
    }
    steps
}

#[test]
fn each_step_shows_what_is_printed() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tutorial.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("step.tw");
    let steps = steps(&text);
    assert!(steps.len() >= 5, "the tutorial has lost its steps");
    for (source, shown) in steps {
        std::fs::write(&program, source).unwrap();
        let shown: Vec<&str> = shown.lines().map(str::trim_end).collect();
        assert_eq!(printed(&program), shown, "of the step\n{source}");
    }
}
