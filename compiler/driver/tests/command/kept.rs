//! What is kept: files that a command reads, results of long work, and folders as they were, however a command ends.

use std::path::Path;

use insta::assert_snapshot;

use crate::support::{Folder, MATMUL};

/// A program that uses a file.
const USER: &str = "use \"lib.tw\"\n\nkernel k(m = 16) {\n    input X: i32[m]\n    output Y[i] = i8(twice(X[i]))\n}\n";
const LIBRARY: &str = "fn twice(x) = x + x\n";

fn folder_with_library() -> Folder {
    let folder = Folder::new();
    folder.write("main.tw", USER);
    folder.write("lib.tw", LIBRARY);
    folder.write("table.toml", "[[row]]\nname = \"k\"\nfile = \"main.tw\"\n");
    folder
}

fn has_nothing_aside(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).unwrap();
    !entries.into_iter().any(|entry| entry.unwrap().file_name().to_str().unwrap().starts_with(".tilewright-"))
}

#[test]
fn what_is_read_on_the_way_is_not_replaced() {
    let folder = folder_with_library();
    assert_snapshot!("output_replaces_used_file", folder.run("lower main.tw -o lib.tw"));
    for (arguments, read) in [
        ("run main.tw --output Y=lib.tw", "lib.tw"),
        ("sweep main.tw -p m=1 --csv lib.tw", "lib.tw"),
        ("profile main.tw --trace lib.tw", "lib.tw"),
        ("bench table.toml --csv main.tw", "main.tw"),
        ("bench table.toml --json lib.tw", "lib.tw"),
        ("run main.tw --record lib.tw", "lib.tw"),
    ] {
        let before = folder.read(read);
        let said = folder.run(arguments);
        assert_eq!((said.status, folder.read(read)), (Some(1), before), "{said}");
    }
    folder.run("fmt lib.tw").good();
}

#[test]
fn tables_of_a_recording_are_not_replaced_by_those_of_its_replay() {
    let folder = Folder::new();
    folder.run("run matmul.tw --record rec").good();
    folder.run("replay rec --events rec").good();
    folder.write("rec/instructions.csv", "from the hardware");
    assert_snapshot!("events_replace_tables", folder.run("replay rec --events rec"));
    assert_eq!(folder.read("rec/instructions.csv"), b"from the hardware");
    folder.run("replay rec --events other").good();
}

#[test]
fn a_recording_takes_its_place_as_a_whole() {
    let folder = Folder::new();
    folder.run("run matmul.tw --record new/below/rec").good();
    folder.write("new/below/rec/notes.txt", "mine");
    folder.run("run matmul.tw --record new/below/rec --seed 5").good();
    folder.run("replay new/below/rec").good();
    assert_eq!(folder.read("new/below/rec/notes.txt"), b"mine");
    assert!(has_nothing_aside(&folder.path("new/below")) && has_nothing_aside(&folder.path("new")));
}

#[test]
fn a_folder_that_cannot_be_exchanged_gets_a_recording_all_the_same() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path("rec/below")).unwrap();
    for at in ["rec", "."] {
        folder.run(&format!("run matmul.tw --record {at}")).good();
        folder.run(&format!("run matmul.tw --record {at} --seed 5")).good();
        folder.run(&format!("replay {at}")).good();
    }
    assert!(folder.path("rec/below").is_dir() && folder.path("matmul.tw").is_file());
    assert!(has_nothing_aside(&folder.path("rec")) && has_nothing_aside(&folder.path(".")));
}

#[test]
fn of_two_recordings_at_once_one_is_left() {
    let folder = Folder::new();
    for seed in 0..20 {
        let both = [seed, seed + 1000].map(|seed| {
            let arguments = format!("run matmul.tw -p n=512 --record rec --seed {seed} --stats json");
            folder.command(&arguments).stdout(std::process::Stdio::null()).spawn().unwrap()
        });
        for mut one in both {
            assert!(one.wait().unwrap().success());
        }
        folder.run("replay rec").good();
    }
    assert!(has_nothing_aside(&folder.path(".")));
}

#[test]
fn results_that_cannot_be_written_are_told_before_the_work() {
    let folder = Folder::new();
    for command in ["sweep matmul.tw -p m=1..=10000", "bench operators", "approx tanh --q 8"] {
        let said = folder.run(&format!("{command} --csv nowhere/x.csv"));
        assert!(said.status == Some(1) && said.stdout.is_empty() && said.stderr.contains("E0605"), "{said}");
    }
}

#[cfg(unix)]
mod interrupts {
    use std::process::{Child, Command, Output, Stdio};
    use std::time::Duration;

    use super::*;

    fn started(folder: &Folder, arguments: &str) -> Child {
        let mut command = folder.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Sends a signal and waits for the end.
    fn ended(child: Child, signal: &str) -> Output {
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        child.wait_with_output().unwrap()
    }

    /// Waits until a file has so many lines.
    fn wait_for(folder: &Folder, name: &str, lines: usize) {
        for _ in 0..3000 {
            let text = std::fs::read_to_string(folder.path(name)).unwrap_or_default();
            if text.lines().count() >= lines {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{name} does not get {lines} lines");
    }

    const SWEEP: &str = "sweep matmul.tw -p m=1..=10000 --csv x.csv";

    #[test]
    fn a_sweep_that_is_interrupted_shows_what_is_done() {
        let folder = Folder::new();
        let child = started(&folder, SWEEP);
        wait_for(&folder, "x.csv.partial", 4);
        let output = ended(child, "-INT");
        let (report, told) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(130), "{told}");
        assert!(report.contains("combinations") && told.contains("error[E0611]: interrupted: "), "{report}{told}");
        let lines = String::from_utf8(folder.read("x.csv")).unwrap().lines().count();
        assert!((4..10_000).contains(&lines), "{lines}");
        assert_eq!(folder.names(), ["matmul.tw", "x.csv"]);
    }

    #[test]
    fn a_sweep_that_is_killed_leaves_the_lines_that_are_done() {
        let folder = Folder::new();
        let child = started(&folder, SWEEP);
        wait_for(&folder, "x.csv.partial", 4);
        ended(child, "-KILL");
        let text = String::from_utf8(folder.read("x.csv.partial")).unwrap();
        assert!(text.starts_with("m,cycles,") && text.lines().nth(1).unwrap().contains("measured"), "{text}");
    }

    #[test]
    fn a_sweep_whose_file_cannot_be_written_any_more_is_shown() {
        let folder = Folder::new();
        std::fs::create_dir(folder.path("here")).unwrap();
        let child = started(&folder, "sweep matmul.tw -p m=1..=60 --csv here/x.csv");
        wait_for(&folder, "here/x.csv.partial", 2);
        std::fs::rename(folder.path("here"), folder.path("gone")).unwrap();
        let output = child.wait_with_output().unwrap();
        let (report, told) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(report.contains("60 combinations") && told.contains("E0605"), "{report}{told}");
        assert_eq!(output.status.code(), Some(1));
    }

    /// The command, interrupted while it runs many inputs. Where the signal comes before they are begun, it just ends.
    fn interrupted(folder: &Folder, arguments: &str) -> (String, String) {
        for pause in [1, 3, 10, 30] {
            let child = started(folder, arguments);
            std::thread::sleep(Duration::from_secs(pause));
            let output = ended(child, "-INT");
            if output.status.code() == Some(130) {
                return (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
            }
        }
        panic!("{arguments} is never interrupted at work");
    }

    #[test]
    fn a_batch_that_is_interrupted_shows_and_writes_the_runs_that_are_done() {
        let folder = Folder::new();
        let (report, told) = interrupted(&folder, "run matmul.tw --batch 10000000 --memory 900G --output Y=y.npy");
        assert!(report.contains("verified"), "{report}");
        let done = told.split("error[E0611]: interrupted: ").nth(1).unwrap_or_else(|| panic!("{told}"));
        assert!(done.contains("of 10000000 runs"), "{told}");
        let runs: usize = done.split(' ').next().unwrap().parse().unwrap();
        let header = String::from_utf8_lossy(&folder.read("y.npy")[..128]).into_owned();
        assert!(header.contains(&format!("({runs}, 1, 64)")), "{runs}: {header}");
    }

    /// Whenever the signal comes, what is there is whole.
    #[test]
    fn an_interrupt_leaves_nothing_behind() {
        for (signal, pause) in ["-INT", "-TERM", "-HUP"].into_iter().zip([20, 60, 120]) {
            let folder = Folder::new();
            folder.write("old.vcd", "old");
            let child = started(&folder, "profile matmul.tw -p m=64 -p n=2048 --trace old.vcd");
            std::thread::sleep(Duration::from_millis(pause));
            ended(child, signal);
            assert!(has_nothing_aside(&folder.path(".")), "{signal}");
            let left = folder.read("old.vcd");
            assert!(left == b"old" || left.ends_with(b"\n"), "{signal}");
        }
    }

    #[test]
    fn a_file_beyond_the_limit_of_the_system_is_an_error() {
        let folder = Folder::new();
        let command = folder.command("lower matmul.tw -p n=4096 --emit asm -o p.asm");
        let shell = format!("ulimit -f 1; exec {} \"$@\"", command.get_program().to_str().unwrap());
        let output = Command::new("sh")
            .args(["-c", &shell, "sh"])
            .args(command.get_args())
            .current_dir(folder.path("."))
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && told.contains("E0605"), "{told}");
        assert_eq!(folder.names(), ["matmul.tw"]);
    }

    #[test]
    fn devices_need_no_folder_for_temporary_files() {
        let folder = Folder::new();
        let output = folder.command("lower matmul.tw -o /dev/null").env("TMPDIR", "/nowhere").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    fn a_link_that_leads_nowhere_is_not_absent() {
        let folder = Folder::new();
        folder.run("run matmul.tw --record rec").good();
        std::fs::remove_file(folder.path("rec/after.bin")).unwrap();
        std::os::unix::fs::symlink("../nowhere", folder.path("rec/after.bin")).unwrap();
        assert_snapshot!("dangling_link", folder.run("replay rec"));
        std::os::unix::fs::symlink("target.asm", folder.path("link.asm")).unwrap();
        folder.run("lower matmul.tw --emit asm -o link.asm").good();
        assert!(folder.path("link.asm").is_symlink() && folder.path("target.asm").is_file());
    }
}

#[test]
fn a_file_that_is_called_like_the_library_does_not_take_its_place() {
    let folder = Folder::new();
    folder.write("std:vta", "fn f(x) = x\n");
    let program = MATMUL.replacen("schedule", "use \"std:vta\"\nuse vta: gemm_tiles\n\nschedule", 1);
    folder.write("main.tw", program);
    folder.run("check main.tw").good();
    folder.run("fmt std:vta").good();
}

#[test]
fn data_in_a_pipe_and_in_a_file_are_the_same() {
    let folder = Folder::new();
    let odd = "// \x1b]0;title\x07 \x1b[31mred\x1b[0m \x08\n";
    folder.write("odd.tw", format!("{odd}{MATMUL}"));
    folder.run("lower odd.tw --emit ast -o odd.txt").good();
    assert_eq!(folder.run("lower odd.tw --emit ast").stdout, folder.read("odd.txt"));
    folder.write("odd.toml", "[[row]]\nname = \"a\"\ntitle = \"\\u001b]0;x\\u0007\"\nfile = \"matmul.tw\"\n");
    folder.run("bench odd.toml --csv odd.csv").good();
    assert_eq!(folder.run("bench odd.toml --csv -").stdout, folder.read("odd.csv"));
    assert!(folder.read("odd.csv").contains(&0x1b));
    assert!(folder.run("bench odd.toml").text().contains("␛]0;x␇"));
}
