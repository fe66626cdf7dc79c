//! Which crate depends on which, and inside the compiler's core which module names which.

use std::collections::{BTreeMap, BTreeSet};

use crate::{files, relative, root};

/// The crates that each crate may depend on.
const CRATES: [(&str, &[&str]); 6] = [
    ("compiler/syntax", &["tilewright-isa"]),
    ("runtime/isa", &[]),
    ("compiler/core", &["tilewright-isa", "tilewright-syntax"]),
    ("runtime/sim", &["tilewright-isa"]),
    ("compiler/tilewright", &["tilewright-core", "tilewright-isa", "tilewright-sim", "tilewright-syntax"]),
    ("compiler/driver", &["tilewright", "tilewright-core", "tilewright-isa", "tilewright-sim", "tilewright-syntax"]),
];

#[test]
fn crates_see_only_what_they_may() {
    for (folder, allowed) in CRATES {
        let manifest = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap().split("[dependencies]").nth(1).unwrap();
        let seen: BTreeSet<&str> = dependencies
            .lines()
            .filter_map(|line| line.split(['.', ' ', '=']).next())
            .filter(|name| name.starts_with("tilewright"))
            .collect();
        assert_eq!(seen, allowed.iter().copied().collect(), "dependencies of {folder}");
    }
}

/// What some top-level modules of `compiler/core` may name. The data flows from left to right: tensor, schedule, lower, legalize,
/// emit; `pipeline` sees all.
const MODULES: [(&str, &[&str]); 11] = [
    ("affine", &[]),
    ("costs", &[]),
    ("gemm", &["affine"]),
    ("scope", &["gemm"]),
    ("scalar", &["affine"]),
    ("tensor", &["affine", "scalar", "modules"]),
    ("schedule", &["affine", "scalar", "scope", "gemm", "modules", "tensor"]),
    ("loops", &["affine", "costs", "scalar", "scope", "gemm"]),
    ("lower", &["affine", "costs", "scalar", "scope", "gemm", "tensor", "schedule", "loops"]),
    ("legalize", &["affine", "costs", "scalar", "scope", "gemm", "loops", "select"]),
    ("emit", &["costs", "scalar", "loops"]),
];

/// The top-level modules of the core that each of them names.
fn named() -> BTreeMap<String, BTreeSet<String>> {
    let src = root().join("compiler/core/src");
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in files(&src, &[".rs"]) {
        let place = relative(&path);
        let place = place.strip_prefix("compiler/core/src/").unwrap();
        let module = place.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        if module == "lib" || place.ends_with("tests.rs") || place.contains("/tests/") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        let others = code.split("crate::").skip(1).map(word).filter(|name| !name.is_empty() && *name != module);
        all.entry(module.clone()).or_default().extend(others);
    }
    all
}

#[test]
fn modules_of_the_core_see_only_what_they_may() {
    let all = named();
    for (module, allowed) in MODULES {
        let more: Vec<_> = all[module].iter().filter(|name| !allowed.contains(&name.as_str())).collect();
        assert!(more.is_empty(), "{module} names {more:?}");
    }
}

#[test]
fn no_modules_of_the_core_name_each_other_in_a_circle() {
    let mut left = named();
    while !left.is_empty() {
        let free: Vec<String> = left
            .iter()
            .filter(|(_, others)| !others.iter().any(|o| left.contains_key(o)))
            .map(|(m, _)| m.clone())
            .collect();
        assert!(!free.is_empty(), "a circle is among {left:#?}");
        free.iter().for_each(|module| drop(left.remove(module)));
    }
}

/// The command keeps arguments, files and rendering: what it needs of the compiler it has from the library. Only `lower`, which shows
/// what the compiler does from form to form, names these modules of the core.
const SHOWN_BY_LOWER: [&str; 6] = ["emit", "legalize", "loops", "pipeline", "schedule", "tensor"];

#[test]
fn the_command_has_the_compiler_from_the_library() {
    for path in files(&root().join("compiler/driver/src"), &[".rs"]) {
        let text = std::fs::read_to_string(&path).unwrap();
        let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        let named: BTreeSet<String> = text.split("tilewright_core::").skip(1).map(word).collect();
        let allowed: &[&str] =
            if relative(&path).starts_with("compiler/driver/src/commands/lower") { &SHOWN_BY_LOWER } else { &[] };
        let more: Vec<_> = named.iter().filter(|name| !allowed.contains(&name.as_str())).collect();
        assert!(more.is_empty(), "{} names {more:?} of the core", relative(&path));
    }
}

/// Only the command reads and writes files.
#[test]
fn only_the_driver_touches_files() {
    for folder in
        ["compiler/syntax/src", "compiler/core/src", "compiler/tilewright/src", "runtime/isa/src", "runtime/sim/src"]
    {
        for path in files(&root().join(folder), &[".rs"]) {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            assert!(!code.contains("std::fs"), "{} uses std::fs", relative(&path));
        }
    }
}

/// The library prints nothing, asks nothing of the process and keeps nothing in it, so that any program can use it.
#[test]
fn the_library_leaves_the_process_alone() {
    for path in files(&root().join("compiler/tilewright/src"), &[".rs"]) {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for word in
            ["println!", "eprint", "print!", "std::env", "std::process", "std::io", "\nstatic ", "thread_local!"]
        {
            assert!(!code.contains(word), "{} uses {word}", relative(&path));
        }
    }
}
