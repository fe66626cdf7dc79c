//! A folder of its own for each test, in which the command runs; and what it says there.

use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A kernel and a schedule that run on VTA's default machine.
pub const MATMUL: &str = "\
kernel matmul(m = BATCH, k = 32, n = 64) {
    input X: i8[m, k]
    input W: i8[n, k]
    C[i, j] = sum(r: i32(X[i, r]) * i32(W[j, r]))
    output Y[i, j] = i8(C[i, j])
}

schedule tutorial for matmul {
    X_buf = X.cache_read(inp)
    W_buf = W.cache_read(wgt)
    C.set_scope(acc)
    C.split(i, BATCH) -> io, ii
    C.split(j, BLOCK_OUT) -> jo, ji
    C.split(r, BLOCK_IN) -> ro, ri
    C.reorder(ro, io, jo, ii, ji, ri)
    X_buf.compute_at(C, ro)
    W_buf.compute_at(C, ro)
    X_buf.pragma(dma_copy)
    W_buf.pragma(dma_copy)
    Y.pragma(dma_copy)
    C.tensorize(ii, gemm)
}
";

/// A temporary folder with `matmul.tw` in it.
pub struct Folder {
    dir: TempDir,
}

impl Folder {
    pub fn new() -> Folder {
        let folder = Folder { dir: tempfile::tempdir().unwrap() };
        folder.write("matmul.tw", MATMUL);
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The names of the files and folders in it, in order.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Runs the command in the folder. Arguments are separated by spaces.
    pub fn run(&self, arguments: &str) -> Said {
        Said::of(arguments, self.command(arguments).output().unwrap())
    }

    /// The command, not yet started. Nothing is a terminal, and nothing of the surroundings changes colours.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tilewright"));
        command.args(arguments.split(' ').filter(|a| !a.is_empty())).current_dir(self.dir.path()).stdin(Stdio::null());
        for variable in ["CLICOLOR", "CLICOLOR_FORCE", "NO_COLOR"] {
            command.env_remove(variable);
        }
        command
    }
}

/// What the command said and how it ended.
pub struct Said {
    arguments: String,
    /// None if a signal ended it.
    pub status: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Said {
    pub fn of(arguments: &str, output: Output) -> Said {
        Said {
            arguments: arguments.to_owned(),
            status: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Standard output as text; panics unless the command succeeded and had nothing to complain about.
    pub fn good(&self) -> &str {
        assert!(self.status == Some(0) && self.stderr.is_empty(), "{self}");
        self.text()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{self}"))
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "$ tilewright {}", self.arguments)?;
        f.write_str(&String::from_utf8_lossy(&self.stdout))?;
        f.write_str(&self.stderr)?;
        match self.status {
            Some(status) => write!(f, "[exit {status}]"),
            None => write!(f, "[killed]"),
        }
    }
}

/// An array file as NumPy writes it. `descr` is its type, `shape` a Python tuple.
pub fn npy(descr: &str, shape: &str, fortran_order: bool, values: &[u8]) -> Vec<u8> {
    let order = if fortran_order { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), values].concat()
}

/// The report without the host's times, which differ from run to run.
pub fn timeless(said: &Said) -> String {
    let words = |line: &str| match line.trim_end().rsplit_once("   ") {
        Some((rest, time)) if time.ends_with(" ms") => rest.to_owned(),
        _ => line.to_owned(),
    };
    said.to_string().lines().map(words).collect::<Vec<_>>().join("\n")
}
