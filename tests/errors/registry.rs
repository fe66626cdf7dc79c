//! Every error code in the sources is explained, and every explanation is of a code in the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tilewright_syntax::EXPLANATIONS;

use crate::root;

/// Codes that no program text can cause; their pages say why.
pub const UNREACHED: [&str; 1] = ["E0510"];

/// Codes that only a loop program can cause; their pages show one.
pub const OF_LOOPS: [&str; 3] = ["E0509", "E0511", "E0512"];

/// Each code that stands as a literal in a source, with the first file that has it.
pub fn codes_in_sources() -> BTreeMap<String, String> {
    let mut codes = BTreeMap::new();
    for top in ["compiler", "runtime"] {
        for krate in std::fs::read_dir(root().join(top)).unwrap() {
            collect(&krate.unwrap().path().join("src"), &mut codes);
        }
    }
    codes
}

fn collect(folder: &Path, codes: &mut BTreeMap<String, String>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        if path.is_dir() {
            collect(&path, codes);
        } else if name.ends_with(".rs") && !name.ends_with("/codes.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut found = codes_in(&text);
            if name.ends_with("isa/src/lint.rs") {
                found.extend(warnings_in(&text));
            }
            for code in found {
                codes.entry(code).or_insert_with(|| name.clone());
            }
        }
    }
}

/// String literals of the form `E0123` or `W0123`.
fn codes_in(text: &str) -> BTreeSet<String> {
    let is_code =
        |word: &str| word.len() == 5 && word.starts_with(['E', 'W']) && word[1..].chars().all(|c| c.is_ascii_digit());
    text.split('"').filter(|word| is_code(word)).map(str::to_owned).collect()
}

/// The lint's codes are the discriminants of an enum: `Mul = 801,` is `W0801`.
fn warnings_in(text: &str) -> impl Iterator<Item = String> + '_ {
    let number = |line: &str| line.trim().strip_suffix(',')?.split_once(" = ")?.1.parse::<u16>().ok();
    text.lines().filter_map(number).map(|number| format!("W{number:04}"))
}

#[test]
fn every_code_in_the_sources_is_explained() {
    let explained: BTreeSet<&str> = EXPLANATIONS.iter().map(|page| page.code).collect();
    let codes = codes_in_sources();
    let missing: Vec<_> = codes.iter().filter(|(code, _)| !explained.contains(code.as_str())).collect();
    assert!(missing.is_empty(), "codes without a line in codes.rs, and a page in docs/errors: {missing:?}");
}

#[test]
fn every_explanation_is_of_a_code_in_the_sources() {
    let codes = codes_in_sources();
    let idle: Vec<&str> = EXPLANATIONS.iter().map(|page| page.code).filter(|code| !codes.contains_key(*code)).collect();
    assert!(idle.is_empty(), "explained, but returned by nothing: {idle:?}");
}

#[test]
fn every_page_is_registered() {
    let with_pages = EXPLANATIONS.iter().filter(|page| !page.internal);
    let registered: BTreeSet<String> = with_pages.map(|page| page.code.to_owned()).collect();
    assert_eq!(crate::stems(&root().join("docs/errors"), "md"), registered);
}

#[test]
fn codes_are_found_in_literals_only() {
    let found = codes_in("match e { A => \"E0123\", B => \"W0456\" } // E0789, \"E01\" and \"E01234\"");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["E0123", "W0456"]);
    let warnings: Vec<String> = warnings_in("enum Code {\n    Mul = 801,\n    /// = 7\n}").collect();
    assert_eq!(warnings, ["W0801"]);
}
