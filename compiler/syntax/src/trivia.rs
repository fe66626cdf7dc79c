//! What the tree does not hold because it means nothing: comments, blank lines and braces, kept for the printer.

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

/// Comments, blank lines and opening braces of one file, each in order of their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trivia {
    pub comments: Vec<Comment>,
    /// The byte at which each run of blank lines begins.
    pub blank_lines: Vec<u32>,
    /// The byte of each `{`.
    pub braces: Vec<u32>,
}

impl Trivia {
    /// Whether a blank line stands in the bytes from `start` to `end`.
    pub fn has_blank_line(&self, start: u32, end: u32) -> bool {
        let first = self.blank_lines.partition_point(|at| *at < start);
        self.blank_lines.get(first).is_some_and(|at| *at < end)
    }

    /// The byte of the first `{` behind the byte `start`, or 0 if there is none.
    pub fn brace_behind(&self, start: u32) -> u32 {
        let first = self.braces.partition_point(|at| *at < start);
        self.braces.get(first).copied().unwrap_or(0)
    }
}
