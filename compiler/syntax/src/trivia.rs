//! What stands between the tokens and means nothing to the compiler: comments and blank lines, kept for the printer.

use crate::span::Span;

/// A `//` comment, without the end of its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// From the slashes to the last character that is not white space.
    pub text: String,
    pub span: Span,
    /// Nothing but white space stands before it on its line.
    pub own_line: bool,
}

/// Comments and blank lines of one file, both in order of their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trivia {
    pub comments: Vec<Comment>,
    /// The byte at which each run of blank lines begins.
    pub blank_lines: Vec<u32>,
}

impl Trivia {
    /// Whether a blank line stands in the bytes from `start` to `end`.
    pub fn has_blank_line(&self, start: u32, end: u32) -> bool {
        let first = self.blank_lines.partition_point(|at| *at < start);
        self.blank_lines.get(first).is_some_and(|at| *at < end)
    }
}
