//! Every path and command that a document names exists.

use crate::{files, relative, root};

/// The documents: all of `docs`, and those at the root.
fn documents() -> Vec<(String, String)> {
    files(&root(), &[".md"])
        .into_iter()
        .filter(|p| !relative(p).contains("snapshots"))
        .map(|p| (relative(&p), std::fs::read_to_string(&p).unwrap()))
        .collect()
}

/// Words in backquotes or in code blocks that are paths of this repository.
fn paths(text: &str) -> Vec<String> {
    let is_path_char = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    let tops = ["compiler/", "runtime/", "dsl-examples/", "tests/", "docs/", ".ci/"];
    text.split(|c| !is_path_char(c))
        .map(|w| w.trim_end_matches('.'))
        .filter(|w| tops.iter().any(|top| w.starts_with(top)))
        .map(String::from)
        .collect()
}

#[test]
fn paths_exist() {
    for (document, text) in documents() {
        for path in paths(&text) {
            assert!(root().join(&path).exists(), "{document} names {path}, which does not exist");
        }
    }
}

/// `[text](target)` with a target in this repository.
#[test]
fn links_lead_somewhere() {
    for (document, text) in documents() {
        let folder = root().join(&document).parent().unwrap().to_path_buf();
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap();
            if !target.is_empty() && !target.contains("://") {
                assert!(folder.join(target).exists(), "{document} links to {target}, which does not exist");
            }
        }
    }
}

/// The subcommands that documents call are those of the command.
#[test]
fn commands_exist() {
    let cli = std::fs::read_to_string(root().join("compiler/driver/src/cli.rs")).unwrap();
    let variants = cli.split("pub enum Command {").nth(1).unwrap().split("\n}").next().unwrap();
    let variant = |line: &str| Some(line.trim().split_once('(')?.0.to_lowercase());
    let commands: Vec<String> =
        variants.lines().filter(|line| !line.trim().starts_with("///")).filter_map(variant).collect();
    assert!(commands.contains(&"run".to_owned()), "{commands:?}");
    for (document, text) in documents() {
        // Code fences name the language.
        let text = text.replace("```tilewright ", "");
        for call in text.split("tilewright ").skip(1).chain(text.split("cargo run --release -- ").skip(1)) {
            let word: String = call.chars().take_while(|c| c.is_ascii_lowercase()).collect();
            let is_call =
                call[word.len()..].starts_with([' ', '`', '\n']) && text.contains(&format!("`tilewright {word}"));
            if is_call || text.contains(&format!("cargo run --release -- {word}")) && !word.is_empty() {
                assert!(commands.contains(&word), "{document} calls `tilewright {word}`, which does not exist");
            }
        }
    }
}

/// The README's two commands are what CI runs.
#[test]
fn ci_runs_the_commands_of_the_readme() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let ci = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    for command in ["cargo run --release -- run dsl-examples/matmul.tw", "cargo test --workspace"] {
        assert!(readme.contains(command), "README does not have `{command}`");
        let locked = command.replace(" -- ", " --locked -- ");
        assert!(ci.contains(&locked) || ci.contains(command), "CI does not run `{command}`");
    }
}
