//! The library is closed: what its functions take and return can be named by it alone, and its examples do so.

use std::collections::BTreeSet;

use crate::{files, relative, root};

/// The types that `use` statements with this beginning bring in.
fn imported(code: &str, beginning: &str) -> BTreeSet<String> {
    let statements = code.split(beginning).skip(1).map(|rest| rest.split(';').next().unwrap());
    let names = statements.flat_map(|path| path.split(['{', '}', ',', ' ', '\n']));
    let last = |path: &str| path.rsplit("::").next().unwrap().to_owned();
    let is_type =
        |name: &String| name.starts_with(|c: char| c.is_uppercase()) && name.contains(|c: char| c.is_lowercase());
    names.map(last).filter(is_type).collect()
}

/// The public items of a file without their bodies, and public fields; nothing of types that are the crate's own.
fn signatures(code: &str) -> String {
    let (mut found, mut skipped, mut open) = (String::new(), false, false);
    for line in code.lines() {
        let text = line.trim_start();
        if line.starts_with("pub(") {
            skipped = line.ends_with('{');
        }
        let is_item = ["pub fn", "pub struct", "pub enum", "pub type"].iter().any(|start| text.starts_with(start));
        let is_field = text.starts_with("pub ") && text.contains(": ") && text.ends_with(',');
        if !skipped && (open || is_item || is_field) {
            found.push_str(text);
            found.push('\n');
            open = (open || is_item) && !text.ends_with(['{', ';']) && !is_field;
        }
        skipped &= line != "}";
    }
    found
}

#[test]
fn the_library_names_all_that_its_functions_take_and_return() {
    let src = root().join("compiler/tilewright/src");
    let texts: Vec<(String, String)> =
        files(&src, &[".rs"]).iter().map(|p| (relative(p), std::fs::read_to_string(p).unwrap())).collect();
    let exported: BTreeSet<String> = texts.iter().flat_map(|(_, text)| imported(text, "pub use tilewright_")).collect();
    assert!(exported.contains("Recording") && exported.contains("Span"));
    for (path, text) in &texts {
        let code = text.split("#[cfg(test)]").next().unwrap();
        let foreign = imported(code, "\nuse tilewright_");
        let signatures = signatures(code);
        let words: BTreeSet<&str> = signatures.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let missing: Vec<_> =
            foreign.iter().filter(|name| words.contains(name.as_str()) && !exported.contains(*name)).collect();
        assert!(missing.is_empty(), "signatures of {path} have {missing:?}, which the library does not export");
    }
}

#[test]
fn examples_of_the_library_need_no_other_crate() {
    for path in files(&root().join("compiler/tilewright"), &[".rs"]) {
        let text = std::fs::read_to_string(&path).unwrap();
        let is_example = relative(&path).contains("/examples/");
        let mut lines = text.lines().map(str::trim_start);
        let other = lines.find(|line| {
            let code = line.trim_start_matches(['/', '!', ' ', '#']);
            (is_example || line.starts_with("//")) && code.starts_with("use tilewright_")
        });
        assert_eq!(other, None, "{}", relative(&path));
    }
}
