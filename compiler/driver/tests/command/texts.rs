//! `check`, `fmt`, `explain`, `target` and the version.

use insta::assert_snapshot;

use crate::support::{Folder, MATMUL};

#[test]
fn check() {
    let folder = Folder::new();
    assert_eq!(folder.run("check matmul.tw").good(), "✔ matmul.tw\n");
    folder.write("wrong.tw", MATMUL.replace("W[j, r]", "V[j, r]"));
    assert_snapshot!("check_wrong", folder.run("check wrong.tw"));
}

#[test]
fn fmt_rewrites_in_place() {
    let folder = Folder::new();
    folder.write("spaced.tw", MATMUL.replace("    ", "\t"));
    assert_eq!(folder.run("fmt spaced.tw").good(), "spaced.tw rewritten\n");
    assert_eq!(folder.read("spaced.tw"), MATMUL.as_bytes());
    assert_eq!(folder.run("fmt spaced.tw").good(), "");
    assert_eq!(folder.names(), ["matmul.tw", "spaced.tw"]);
}

#[test]
fn fmt_check_writes_nothing() {
    let folder = Folder::new();
    let spaced = MATMUL.replace("C.set_scope(acc)", "C.set_scope( acc )");
    folder.write("spaced.tw", &spaced);
    assert_snapshot!("fmt_check", folder.run("fmt --check spaced.tw"));
    assert_eq!(folder.read("spaced.tw"), spaced.as_bytes());
    assert_eq!(folder.run("fmt --check matmul.tw").good(), "");
}

#[test]
fn fmt_leaves_a_wrong_program_as_it_is() {
    let folder = Folder::new();
    folder.write("wrong.tw", "kernel k {");
    let said = folder.run("fmt wrong.tw");
    assert_eq!(said.status, Some(1), "{said}");
    assert_eq!(folder.read("wrong.tw"), b"kernel k {");
}

#[cfg(unix)]
#[test]
fn fmt_keeps_links_and_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    folder.write("real.tw", MATMUL.replace("    ", "\t"));
    let mode = |name: &str| std::fs::metadata(folder.path(name)).unwrap().permissions().mode() & 0o777;
    std::fs::set_permissions(folder.path("real.tw"), std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real.tw", folder.path("link.tw")).unwrap();
    folder.run("fmt link.tw").good();
    assert!(std::fs::symlink_metadata(folder.path("link.tw")).unwrap().is_symlink());
    assert_eq!((folder.read("real.tw"), mode("real.tw")), (MATMUL.as_bytes().to_vec(), 0o640));
}

#[test]
fn explain_prints_the_page() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors/E0601.md")).unwrap();
    let folder = Folder::new();
    assert_eq!(folder.run("explain E0601").good(), page);
    assert_eq!(folder.run("explain e0601").good(), page);
}

#[test]
fn target() {
    let folder = Folder::new();
    assert_snapshot!("target_default", folder.run("target").good());
    let json = "{\"LOG_BATCH\": 1, \"LOG_BLOCK\": 5, \"tilewright\": {\"log_block_in\": 4}}";
    folder.write("other.json", json);
    assert_snapshot!("target_other", folder.run("target other.json").good());
}

#[test]
fn version() {
    let expected = format!("tilewright {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(Folder::new().run("--version").good(), expected);
}
