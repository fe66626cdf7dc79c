//! A program text through the whole compiler. Text → its instruction stream, or the diagnostics as a user reads them.

use std::ops::ControlFlow;

use tilewright_core::emit::Stream;
use tilewright_core::modules::complete;
use tilewright_core::pipeline::{self, Request, check, front, tests};
use tilewright_isa::Config;
use tilewright_syntax::{Diagnostic, Sources, render};

/// How to compile, as the comments at the top of a program say.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub params: Vec<(String, i64)>,
    pub config: Config,
    pub program: Option<String>,
    pub schedule: Option<String>,
}

/// The codes of the diagnostics, in order, and their text.
#[derive(Clone, Debug)]
pub struct Refused {
    pub codes: Vec<&'static str>,
    pub text: String,
}

impl Options {
    pub fn of(text: &str) -> Options {
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
    let told = check(&sources, file, &options.params, &options.config);
    let told = told.unwrap_or_else(|errors| panic!("{}", render(&errors[0], &sources, false)));
    told.iter().map(|d| (d.code, render(d, &sources, false))).collect()
}

/// Compiles a program up to its instructions.
pub fn compile(name: &str, text: &str, options: &Options) -> Result<Stream, Refused> {
    let mut sources = Sources::default();
    let file = sources.add(name, text);
    let mut used = |path: &str| {
        let path = crate::root().join("tests/errors/used").join(path);
        std::fs::read_to_string(path).map_err(|_| "there is no such file".to_owned())
    };
    if let Err(refused) = complete(&mut sources, file, &mut used) {
        return Err(Refused { codes: vec![refused.code], text: render(&refused, &sources, false) });
    }
    stream(&sources, file, options).map_err(|errors| Refused {
        codes: errors.iter().map(|d| d.code).collect(),
        text: errors.iter().map(|d| render(d, &sources, false)).collect::<Vec<_>>().join("\n\n"),
    })
}

fn stream(sources: &Sources, file: tilewright_syntax::FileId, options: &Options) -> Result<Stream, Vec<Diagnostic>> {
    let (program, schedule) = (options.program.as_deref(), options.schedule.as_deref());
    let request = Request { sources, file, params: &options.params, program, schedule, config: &options.config };
    let front = front(&request)?;
    let compiled =
        pipeline::compile(&front, &mut |_| ControlFlow::Continue(())).map_err(|refusal| refusal.diagnostics)?;
    tests(sources, file, &options.config)?;
    Ok(compiled.expect("nothing stops it").stream)
}
