//! What a pass makes of a loop program, as texts, for the passes' own tests.

use tilewright_isa::Config;
use tilewright_syntax::FileId;

use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::LoopProgram;
use crate::loops::parse::parse;
use crate::loops::print::{PrintOptions, print};

/// The text of a program after a pass, on the default core.
pub fn printed_after(text: &str, run: impl FnOnce(&mut LoopProgram, &Cx) -> Result<(), LegalizeError>) -> String {
    let mut program = parse(FileId::default(), text).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    run(&mut program, &Cx { config: Config::default() }).expect("the pass refuses nothing");
    print(&program, &PrintOptions::default())
}
