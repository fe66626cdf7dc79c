//! Files stay under 500 lines and functions under 60, so that each is one thing.

use crate::{files, relative, root};

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 60;

/// Functions that are one big `match`, by file and name.
const LONG_FUNCTIONS: [(&str, &str); 2] =
    [("compiler/core/src/schedule/error.rs", "diagnostic"), ("compiler/core/src/tensor/error.rs", "diagnostic")];

/// The part of a file in front of its tests.
fn code(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod").next().unwrap()
}

fn sources() -> Vec<(String, String)> {
    files(&root(), &[".rs"])
        .into_iter()
        .filter(|p| relative(p).contains("/src/"))
        .map(|p| (relative(&p), std::fs::read_to_string(&p).unwrap()))
        .collect()
}

#[test]
fn files_are_small_and_say_what_they_are() {
    for (path, text) in sources() {
        let lines = code(&text).lines().count();
        assert!(lines <= FILE_LINES, "{path} has {lines} lines");
        assert!(text.starts_with("//!"), "{path} has no module comment");
    }
}

#[test]
fn functions_are_small() {
    let mut long = Vec::new();
    for (path, text) in sources() {
        for (name, lines) in functions(code(&text)) {
            if lines > FUNCTION_LINES && !LONG_FUNCTIONS.contains(&(path.as_str(), name.as_str())) {
                long.push(format!("{path}: {name} has {lines} lines"));
            }
        }
    }
    assert_eq!(long, Vec::<String>::new());
}

/// The name and length of each function: from its `fn` to the closing brace at the same indentation.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some((before, after)) = line.split_once("fn ") else { continue };
        let head = before.trim_start();
        let is_function = head.split(' ').all(|w| {
            w.is_empty() || w.starts_with("pub") || ["const", "unsafe", "async"].contains(&w) || w.ends_with(')')
        });
        if !is_function || line.trim_start().starts_with("//") {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let close = format!("{}}}", " ".repeat(indent));
        if let Some(length) = lines[at..].iter().position(|l| *l == close) {
            let name: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.push((name, length + 1));
        }
    }
    found
}

#[test]
fn the_counter_counts() {
    let text = "fn a() {\n    b\n}\nimpl X {\n    pub(crate) const fn c() {\n    }\n}\n";
    assert_eq!(functions(text), [("a".to_string(), 3), ("c".to_string(), 2)]);
}

#[test]
fn nothing_is_left_for_later() {
    for (path, text) in sources() {
        for word in ["todo!(", "unimplemented!(", "dbg!(", "#[ignore"] {
            assert!(!text.contains(word), "{path} has {word}");
        }
    }
}
