//! Tilewright's source language: text in, checked-for-shape AST out, and back to text.

pub mod ast;
pub mod codes;
pub mod decimal;
pub mod diagnostic;
pub mod elsewhere;
pub mod error;
pub mod printer;
pub mod render;
pub mod span;
pub mod spanless;
pub mod suggest;
pub mod trivia;

mod actions;
mod expected;
mod layout;
mod lexer;
mod parser;
mod token;

pub use codes::{EXPLANATIONS, Explanation, explain};
pub use decimal::Decimal;
pub use diagnostic::{Diagnostic, Label, Severity};
pub use parser::{Parsed, parse, parse_with_trivia};
pub use printer::print;
pub use render::render;
pub use span::{FileId, SourceFile, Sources, Span};
pub use spanless::without_spans;
pub use suggest::{offered, quoted};
pub use tilewright_isa::suggest::nearest;
pub use trivia::{Comment, Trivia};
