//! Which crate depends on which, and inside the compiler's core which module names which.

use std::collections::BTreeSet;

use crate::{files, relative, root};

/// The crates that each crate may depend on.
const CRATES: [(&str, &[&str]); 6] = [
    ("compiler/syntax", &[]),
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

/// The modules of `compiler/core` that each module may name. The data flows from left to right:
/// tensor, schedule, loops, legalize, emit; `front` and `pipeline` see all.
const MODULES: [(&str, &[&str]); 12] = [
    ("affine", &[]),
    ("approx", &["scalar"]),
    ("scalar", &["approx"]),
    ("gemm", &["affine"]),
    ("modules", &[]),
    ("tensor", &["affine", "approx", "scalar", "modules"]),
    ("programs", &["modules", "tensor", "schedule"]),
    ("select", &["affine", "scalar", "loops"]),
    ("schedule", &["affine", "scalar", "gemm", "modules", "tensor", "loops"]),
    ("loops", &["affine", "scalar", "gemm", "tensor", "schedule"]),
    ("least", &["affine", "scalar", "gemm", "tensor", "select"]),
    ("legalize", &["affine", "scalar", "gemm", "loops", "select"]),
];

#[test]
fn modules_of_the_core_see_only_what_they_may() {
    let src = root().join("compiler/core/src");
    for (module, allowed) in MODULES {
        let own = |path: &str| {
            path.starts_with(&format!("compiler/core/src/{module}/"))
                || path == format!("compiler/core/src/{module}.rs")
        };
        for path in files(&src, &[".rs"]).into_iter().filter(|p| own(&relative(p))) {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for named in code.split("crate::").skip(1) {
                let name: String = named.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let fine = name == module || allowed.contains(&name.as_str()) || name.is_empty();
                assert!(fine, "{} names crate::{name}", relative(&path));
            }
        }
    }
}

/// The schedule takes from the loop IR only the names of scopes; what it knows of loops is its own.
#[test]
fn the_schedule_takes_only_scopes_from_the_loop_ir() {
    for path in files(&root().join("compiler/core/src/schedule"), &[".rs"]) {
        let text = std::fs::read_to_string(&path).unwrap();
        for named in text.split("crate::loops::").skip(1) {
            assert!(named.starts_with("ir::Scope"), "{} takes more than ir::Scope", relative(&path));
        }
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
