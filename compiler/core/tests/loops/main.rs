//! The loop IR from outside: its text, its rules and its meaning.

mod bases;
mod dependence;
mod generate;
mod meaning;
mod parse_errors;
mod round_trip;
mod rules;

use tilewright_core::loops::ir::LoopProgram;
use tilewright_core::loops::parse::parse;
use tilewright_syntax::{Diagnostic, FileId, Sources, render};

/// A program that is known to parse.
fn program(text: &str) -> LoopProgram {
    match parse(FileId(0), text) {
        Ok(program) => program,
        Err(error) => panic!("{}", told(text, &Diagnostic::from(&error))),
    }
}

/// A diagnostic as the user sees it.
fn told(text: &str, diagnostic: &Diagnostic) -> String {
    let mut sources = Sources::default();
    sources.add("test.loops", text);
    render(diagnostic, &sources, false)
}
