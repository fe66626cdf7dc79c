//! Blocks that begin with `$ tilewright ...` show what the command prints, from the root of the repository.

use std::process::Command;

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
