//! Outputs of the command as documents show them.

use std::path::Path;
use std::process::Command;

use crate::markdown::{Block, with_contents};

/// Of long reports, documents show the lines that begin so: of a run the verdict and the time, of a profile the bound and
/// what is reached. Of other commands they show everything.
const EXCERPTS: [(&str, &[&str]); 2] = [("run", &["✔", "· timed"]), ("profile", &["bound", "reached", "overlap"])];

/// What documents show of `tilewright COMMAND` for a program, whose place the word `FILE` holds.
pub fn shown(command: &str, source: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program.tw");
    std::fs::write(&file, source).unwrap();
    let args = command.split_whitespace().map(|word| if word == "FILE" { file.as_os_str() } else { word.as_ref() });
    let output = Command::new(env!("CARGO_BIN_EXE_tilewright")).args(args).output().unwrap();
    assert!(output.status.success(), "{command}: {}\n{source}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let excerpt = EXCERPTS.iter().find(|(name, _)| command.starts_with(name)).map(|(_, starts)| *starts);
    let is_shown = |line: &&str| excerpt.is_none_or(|starts| starts.iter().any(|start| line.starts_with(start)));
    let printed = printed.replace(" (nothing changed)", "");
    printed.trim_end().lines().filter(is_shown).map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Of two loop programs, the first without the statements with which both begin and end; `⋮` stands for them.
pub fn where_different(text: &str, other: &str) -> String {
    let (own, others) = (statements(text), statements(other));
    let same = |(a, b): &(&&str, &&str)| a == b;
    let ahead = own.iter().zip(&others).skip(1).take_while(same).count();
    let behind = own.iter().rev().zip(others.iter().rev()).skip(1).take_while(same).count();
    let behind = behind.min(own.len().min(others.len()).saturating_sub(ahead + 2));
    let (first, last) = (1 + ahead, own.len() - 1 - behind);
    let dots = |left_out: usize| if left_out > 0 { "    ⋮\n" } else { "" };
    [&own[..1], &[dots(ahead)], &own[first..last], &[dots(behind)], &own[own.len() - 1..]].concat().concat()
}

/// The lines up to the program's first, its statements with all that is in them, and its last line.
fn statements(text: &str) -> Vec<&str> {
    let begins =
        |line: &str| line == "}\n" || line.strip_prefix("    ").is_some_and(|rest| !rest.starts_with([' ', '}']));
    let (mut found, mut from, mut at) = (Vec::new(), 0, 0);
    for line in text.split_inclusive('\n') {
        if begins(line) {
            found.push(&text[from..at]);
            from = at;
        }
        at += line.len();
    }
    found.push(&text[from..]);
    found
}

#[test]
fn what_two_programs_share_is_left_out() {
    let program =
        |middle: &str| format!("program p {{\n    alloc A\n    for i {{\n        {middle}\n    }}\n    B = A\n}}\n");
    let wanted = "program p {\n    ⋮\n    for i {\n        x\n    }\n    ⋮\n}\n";
    assert_eq!(where_different(&program("x"), &program("y")), wanted);
    assert_eq!(where_different("program p {\n    a\n}\n", "program p {\n    a\n    a\n}\n"), "program p {\n    ⋮\n}\n");
}

/// Compares the blocks of a document with what they should hold; writes them instead where snapshots are written.
pub fn hold(document: &Path, content: impl FnMut(&Block) -> Option<String>) {
    let text = std::fs::read_to_string(document).unwrap();
    let wanted = with_contents(&text, content);
    if std::env::var("INSTA_UPDATE").is_ok_and(|how| how == "always") {
        std::fs::write(document, wanted).unwrap();
    } else {
        assert!(text == wanted, "{} should be, by the command:\n\n{wanted}", document.display());
    }
}
