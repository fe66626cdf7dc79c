//! Blocks that begin with `$ tilewright ...` show what the command prints, from the root of the repository.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use walkdir::WalkDir;

use crate::root;
use crate::shown::hold;

const DOCUMENTS: [&str; 7] = [
    "docs/approximations.md",
    "docs/bisect.md",
    "docs/lstm.md",
    "docs/operators.md",
    "docs/performance.md",
    "docs/sweep.md",
    "docs/transformer.md",
];

/// What a command prints that is another time the next time, so documents leave the line out.
const TIMES: &str = " compiled in ";

/// The line of the command and what it prints.
fn session(line: &str) -> Option<String> {
    let arguments = line.strip_prefix("$ tilewright ")?;
    let output = Command::new(env!("CARGO_BIN_EXE_tilewright"))
        .args(arguments.split_whitespace())
        .current_dir(root())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    let kept = said.lines().filter(|line| !line.contains(TIMES)).map(|line| format!("{}\n", line.trim_end()));
    Some(format!("{line}\n{}", kept.collect::<String>()))
}

#[test]
fn documents_show_what_is_printed() {
    for document in DOCUMENTS {
        let mut shown = 0;
        hold(&root().join(document), |block| {
            let session = session(block.content.lines().next()?);
            shown += usize::from(session.is_some());
            session
        });
        assert!(shown > 0, "{document} shows no command");
    }
}

#[test]
fn every_example_is_listed() {
    let list = std::fs::read_to_string(root().join("docs/examples.md")).unwrap();
    for entry in WalkDir::new(root().join("dsl-examples")) {
        let path = entry.unwrap().into_path();
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap();
        let listed = list.matches(&format!("| `{name}` |")).count();
        assert_eq!(listed, usize::from(name.ends_with(".tw")), "docs/examples.md lists {name} once");
    }
}

/// A row of the table of commands: the names in its first cell, and its other cells.
fn rows(table: &str) -> Vec<(Vec<String>, Vec<String>)> {
    let row = |line: &str| {
        let cells: Vec<String> = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        let names = cells[0].split(", ").map(|name| name.trim_matches('`').to_owned()).collect();
        (names, cells[1..].to_vec())
    };
    table.lines().filter(|line| line.starts_with("| `")).map(row).collect()
}

fn tilewright(arguments: &[&str], stdin: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tilewright"));
    command.args(arguments).current_dir(folder.path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that does not read is not written to.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn the_table_of_commands_is_what_they_take() {
    let document = std::fs::read_to_string(root().join("docs/commands.md")).unwrap();
    let rows = rows(document.split("\n\n").find(|part| part.starts_with("| command |")).unwrap());
    let program = std::fs::read_to_string(root().join("dsl-examples/matmul.tw")).unwrap();
    let mut listed = Vec::new();
    for (names, cells) in &rows {
        for name in names {
            let help = String::from_utf8(tilewright(&[name, "--help"], "").stdout).unwrap();
            assert!(!help.is_empty(), "there is no command `{name}`");
            for option in ["--json", "--csv"] {
                assert_eq!(cells[2].contains(option), help.contains(option), "{name} {option}");
            }
            let usage = help.lines().find(|line| line.starts_with("Usage:")).unwrap();
            assert_eq!(cells[1] == "files and folders", usage.ends_with("..."), "{usage}");
            listed.push(name.clone());
        }
    }
    let reads = |name: &&&str| {
        rows.iter().any(|(names, cells)| names.iter().any(|n| n == **name) && cells[0].starts_with("yes"))
    };
    let taken = ["check", "fmt", "test", "list", "lower", "run", "build", "profile", "sweep", "bisect"];
    for name in taken.iter().filter(reads) {
        let more: &[&str] = match *name {
            "build" => &["-o", "m.twm"],
            "sweep" => &["-p", "m=1"],
            _ => &[],
        };
        let output = tilewright(&[&[name, "-"], more].concat(), &program);
        assert!(output.status.success(), "{name} -: {}", String::from_utf8_lossy(&output.stderr));
    }
    let all = String::from_utf8(tilewright(&["--help"], "").stdout).unwrap();
    let commands = all.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands = commands.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let mut commands: Vec<&str> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    commands.retain(|name| *name != "help");
    listed.sort();
    commands.sort_unstable();
    assert_eq!(listed, commands);
}
