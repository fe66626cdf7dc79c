//! Tilewright's source language: text in, checked-for-shape AST out, and back to text.

pub mod ast;
pub mod diagnostic;
pub mod span;

pub use diagnostic::{Diagnostic, Label, Severity};
pub use span::{FileId, SourceFile, Sources, Span};
