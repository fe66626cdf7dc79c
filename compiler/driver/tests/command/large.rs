//! Files and programs that are large, deep or in a circle: they are read, or refused, in little memory and stack.

use std::fmt::Write;

use insta::assert_snapshot;

use crate::support::{Folder, MATMUL, Said};

const LIBRARY: &str = "fn same(x) = x\n";

/// Runs the command with limits that `ulimit` sets.
#[cfg(unix)]
fn limited(folder: &Folder, limits: &str, arguments: &str) -> Said {
    let command = folder.command(arguments);
    let program = command.get_program().to_str().unwrap().to_owned();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("{limits}; exec {program} \"$@\""), "sh"]).args(command.get_args());
    let output = shell.current_dir(folder.path(".")).output().unwrap();
    Said::of(arguments, output)
}

#[cfg(unix)]
#[test]
fn files_may_use_each_other_in_a_long_chain() {
    let folder = Folder::new();
    for at in 0..2000 {
        folder.write(&format!("u{at}.tw"), format!("use \"u{}.tw\"\n", at + 1));
    }
    folder.write("u2000.tw", LIBRARY);
    folder.write("top.tw", format!("use \"u0.tw\"\n{MATMUL}"));
    limited(&folder, "ulimit -s 1024", "check top.tw").good();
    folder.write("u2000.tw", "use \"u5.tw\"\n");
    assert_snapshot!("circle_of_many_files", limited(&folder, "ulimit -s 1024", "check top.tw"));
}

/// Kernels of which each calls the next one, and the last one what is given.
#[cfg(unix)]
fn kernels(count: usize, last: &str) -> String {
    (0..count).fold(String::new(), |mut text, at| {
        let next = if at + 1 < count { format!("k{}", at + 1) } else { last.to_owned() };
        let _ = write!(
            text,
            "kernel k{at}(n = 16) {{\n    input X: i32[n]\n    a = {next}(X)\n    output Y[i] = a[i]\n}}\n\n"
        );
        text
    })
}

#[cfg(unix)]
#[test]
fn kernels_may_call_each_other_in_a_long_chain() {
    let folder = Folder::new();
    let last = "kernel last(n = 16) {\n    input X: i32[n]\n    output Y[i] = X[i] + 1\n}\n";
    folder.write("chain.tw", kernels(500, "last") + last);
    limited(&folder, "ulimit -s 1024", "check chain.tw").good();
    folder.write("circle.tw", kernels(2000, "k0"));
    let said = limited(&folder, "ulimit -s 1024", "check circle.tw");
    assert!(said.status == Some(1) && said.stderr.starts_with("error[E0274]: `k0` calls itself"), "{said}");
    assert_eq!(said.stderr.matches("error[").count(), 1, "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_empty_line_takes_little_memory() {
    let folder = Folder::new();
    folder.write("empty.tw", "\n".repeat(20_000_000));
    let said = limited(&folder, "ulimit -v 1000000", "check empty.tw");
    assert!(said.status == Some(1) && said.stderr.contains("E0330"), "{said}");
    folder.write("wrong.tw", "\n".repeat(20_000_000) + "kernel {}\n");
    assert_snapshot!("error_behind_many_lines", limited(&folder, "ulimit -v 1000000", "check wrong.tw"));
}

#[cfg(target_os = "linux")]
#[test]
fn tests_share_what_they_test() {
    let folder = Folder::new();
    let kernel = "kernel k(n = 64) {\n    input X: i32[n]\n    A[i] = X[i] + 1\n    output Y[i] = i8(A[i])\n}\n";
    let tests = (0..500).fold(String::new(), |mut text, at| {
        let _ = write!(text, "\ntest t{at} for k {{\n    X = 1\n    expect Y = 2\n}}\n");
        text
    });
    folder.write("tests.tw", kernel.to_owned() + &tests);
    let said = limited(&folder, "ulimit -v 400000", "test tests.tw");
    assert!(said.good().ends_with("\n500 passed\n"), "{said}");
}

#[test]
fn what_a_run_takes_is_known_before_it_is_taken() {
    let folder = Folder::new();
    assert_snapshot!("more_memory_than_allowed", folder.run("run matmul.tw --memory 16K"));
    folder.run("run matmul.tw --memory 16M").good();
    let many = folder.run("run matmul.tw --batch 1000000000 --memory 1G");
    assert!(many.status == Some(1) && many.stderr.contains("E0644"), "{many}");
    folder.run("build matmul.tw -o m.twm").good();
    assert!(folder.run("run m.twm --memory 16K").stderr.contains("E0644"));
    assert_eq!(folder.run("run matmul.tw --memory much").status, Some(2));
}
