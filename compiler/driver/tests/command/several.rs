//! Standard input, several files and folders, diagnostics as JSON, and the commands that help to begin.

use std::io::Write;
use std::process::Stdio;

use insta::assert_snapshot;

use crate::support::{Folder, MATMUL, Said};

/// Runs the command with a text as its standard input.
fn piped(folder: &Folder, arguments: &str, input: &str) -> Said {
    let mut command = folder.command(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Said::of(arguments, child.wait_with_output().unwrap())
}

const TESTED: &str = "\
kernel k(n = 16) {
    input X: i32[n]
    output Y[i] = i8(X[i] + 1)
}

test right for k {
    X = 1
    expect Y = 2
}
";

#[test]
fn standard_input_is_a_file() {
    let folder = Folder::new();
    assert_eq!(piped(&folder, "check -", MATMUL).good(), "✔ -\n");
    assert_snapshot!("standard_input_error", piped(&folder, "check -", "kernel k {\n    output Y[i] = Z[i]\n}\n"));
    assert_eq!(piped(&folder, "fmt -", &MATMUL.replace("    ", "  ")).good(), MATMUL);
    assert_eq!(piped(&folder, "lower - --emit bin -o x.bin", MATMUL).status, Some(0));
    assert_eq!(piped(&folder, "lower - --emit bin", MATMUL).stdout, folder.read("x.bin"));
    assert!(piped(&folder, "test -", TESTED).good().ends_with("\n1 passed\n"));
    assert!(piped(&folder, "run -", MATMUL).good().contains("cycles"));
    assert_snapshot!("standard_input_twice", piped(&folder, "run - --target -", MATMUL));
}

#[test]
fn several_files_and_folders_are_worked_on() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path("more/below")).unwrap();
    folder.write("more/below/b.tw", TESTED);
    folder.write("more/a.tw", MATMUL);
    folder.write("more/notes.txt", "no program");
    assert_eq!(folder.run("check matmul.tw more").good(), "✔ matmul.tw\n✔ more/a.tw\n✔ more/below/b.tw\n");
    folder.write("more/a.tw", "kernel k {\n    output Y[i] = Z[i]\n}\n");
    let said = folder.run("check more matmul.tw");
    assert_eq!((said.status, said.text()), (Some(1), "✔ more/below/b.tw\n✔ matmul.tw\n"));
    folder.write("more/a.tw", MATMUL.replace("    ", "  "));
    let said = folder.run("fmt --check more");
    assert!(said.status == Some(1) && said.text().starts_with("more/a.tw is not in canonical form"), "{said}");
    assert_eq!(folder.run("fmt more").good(), "more/a.tw rewritten\n");
    assert!(folder.run("test matmul.tw more").good().contains("more/below/b.tw\nok      right"));
    assert!(folder.run("test more/below/b.tw right").good().ends_with("\n1 passed\n"));
    std::fs::create_dir(folder.path("empty")).unwrap();
    assert_snapshot!("folder_without_programs", folder.run("check empty"));
}

#[test]
fn diagnostics_are_json_where_that_is_asked_for() {
    let folder = Folder::new();
    folder.write("wrong.tw", "kernel k {\n    input X: i8[4]\n    output Y[i] = X[i] + é + Z[i]\n}\n");
    let said = folder.run("check --format json matmul.tw wrong.tw");
    assert_eq!((said.status, said.stderr.as_str()), (Some(1), ""));
    assert_snapshot!("diagnostics_json", said.text());
    assert_eq!(folder.run("check --format json matmul.tw").json()["files"][0]["ok"], true);
}

#[test]
fn what_a_file_has_is_listed() {
    let folder = Folder::new();
    let more = "\nfn half(x) = x >> 1\n\ndef tiles(C, n = 4) -> io {\n    C.split(i, n) -> io, ii\n}\n\n";
    folder.write("all.tw", format!("{MATMUL}{more}{}", TESTED.replace("kernel k(n = 16)", "kernel k(n)")));
    assert_snapshot!("list", folder.run("list all.tw").good());
    assert_snapshot!("list_json", folder.run("list all.tw --json").good());
}

#[test]
fn one_can_begin_with_a_program_that_is_right() {
    let folder = Folder::new();
    assert_snapshot!("init", folder.run("init first.tw").good());
    folder.run("check first.tw").good();
    folder.run("fmt --check first.tw").good();
    assert!(folder.run("test first.tw").good().ends_with("\n1 passed\n"));
    folder.run("profile first.tw").good();
    assert_snapshot!("init_over_a_file", folder.run("init first.tw"));
    assert_eq!(folder.run("init -").stdout, folder.read("first.tw"));
}

#[test]
fn every_code_is_listed() {
    let said = Folder::new().run("explain --list");
    assert!(said.good().contains("\nE0102  syntax error\n"), "{said}");
    assert_eq!(Folder::new().run("explain").status, Some(2));
}

#[test]
fn shells_and_the_manual_know_every_command() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = folder.run(&format!("completions {shell}"));
        assert!(["accuracy", "completions", "sweep"].iter().all(|command| said.good().contains(command)), "{shell}");
    }
    folder.run("man pages").good();
    let page = String::from_utf8(folder.read("pages/tilewright-run.1")).unwrap();
    assert!(page.contains("tilewright\\-run") && page.contains("\\-\\-seed"), "{page}");
    let main = String::from_utf8(folder.read("pages/tilewright.1")).unwrap();
    assert!(main.contains("tilewright\\-sweep"), "{main}");
}

#[test]
fn figures_go_into_a_file_beside_the_report() {
    let folder = Folder::new();
    folder.write("tested.tw", TESTED);
    folder.run("run matmul.tw --record rec").good();
    for command in ["run matmul.tw --values-only", "profile matmul.tw", "test tested.tw"] {
        let [report, beside] = ["", " --json f.json"].map(|option| folder.run(&format!("{command}{option}")));
        assert_eq!(report.good(), beside.good(), "{command}");
        let figures = folder.run(&format!("{command} --json"));
        assert_eq!(
            (figures.stdout, folder.read("f.json")),
            (folder.run(&format!("{command} --stats json")).stdout, folder.run(&format!("{command} --json -")).stdout)
        );
    }
    assert!(folder.run("replay rec --json f.json").good().contains("equal"));
    assert_eq!(folder.run("run matmul.tw --json matmul.tw").status, Some(1));
    assert_eq!(folder.run("test tested.tw matmul.tw right").status, Some(2));
}

#[test]
fn colours_are_used_when_they_are_asked_for() {
    let folder = Folder::new();
    let coloured = |arguments: &str| folder.run(arguments).stdout.contains(&0x1b);
    assert!(coloured("check matmul.tw --color always") && coloured("--color always check matmul.tw"));
    assert!(!coloured("check matmul.tw --color never") && !coloured("check matmul.tw"));
}

#[test]
fn parameters_have_a_long_option() {
    let folder = Folder::new();
    let [short, long] =
        ["-p n=128", "--param n=128"].map(|option| folder.run(&format!("lower matmul.tw {option}")).stdout);
    assert_eq!(short, long);
}
