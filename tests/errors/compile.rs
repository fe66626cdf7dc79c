//! A program text through the whole compiler. Text → an artifact, or the diagnostics as a user reads them.

use tilewright::testing::tests;
use tilewright::{Artifact, Config, Options, Sources, check, complete, render};
use tilewright_tests::{Refused, refused};

/// How to compile, as the comments at the top of a program say.
pub fn options(text: &str) -> Options {
    let mut options = Options::default();
    for line in text.lines().map_while(|line| line.strip_prefix("// ")) {
        if let Some(given) = line.strip_prefix("params: ") {
            options.params.extend(values(given));
        } else if let Some(given) = line.strip_prefix("target: ") {
            let keys = |given| values(given).map(|(key, value)| format!("{key:?}: {value}")).collect::<Vec<_>>();
            let json = match given.starts_with('{') {
                true => given.to_owned(),
                false => format!("{{{}}}", keys(given).join(", ")),
            };
            options.config = Config::from_json(&json).unwrap_or_else(|e| panic!("{json}: {e}"));
        } else if let Some(given) = line.strip_prefix("program: ") {
            options.program = Some(given.to_owned());
        } else if let Some(given) = line.strip_prefix("schedule: ") {
            options.schedule = Some(given.to_owned());
        }
    }
    options
}

/// `a=1 b=2`.
fn values(given: &str) -> impl Iterator<Item = (String, i64)> {
    given.split_whitespace().map(|one| {
        let (name, value) = one.split_once('=').unwrap_or_else(|| panic!("`{one}` is no NAME=VALUE"));
        (name.to_owned(), value.parse().unwrap_or_else(|e| panic!("`{one}`: {e}")))
    })
}

/// The warnings about a program that compiles: their codes and texts.
pub fn warnings(name: &str, text: &str, options: &Options) -> Vec<(&'static str, String)> {
    let mut sources = Sources::default();
    let file = sources.add(name, text);
    let told = check(&sources, &Options { file, ..options.clone() });
    let told = told.unwrap_or_else(|errors| panic!("{}", render(&errors[0], &sources, false)));
    told.iter().map(|d| (d.code, render(d, &sources, false))).collect()
}

/// Compiles a program up to its instructions, and checks its tests.
pub fn compile(name: &str, text: &str, options: &Options) -> Result<Artifact, Refused> {
    let mut sources = Sources::default();
    let file = sources.add(name, text);
    let mut used = |path: &str| {
        let path = crate::root().join("tests/errors/used").join(path);
        std::fs::read_to_string(path).map_err(|_| "there is no such file".to_owned())
    };
    complete(&mut sources, file, &mut used).map_err(|error| refused(&sources, &[error]))?;
    let options = Options { file, ..options.clone() };
    let compiled = tilewright::compile(&sources, &options).and_then(|artifact| {
        tests(&sources, &options)?;
        Ok(artifact)
    });
    compiled.map_err(|errors| refused(&sources, &errors))
}
