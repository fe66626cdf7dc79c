//! What the tree does not hold because it means nothing: comments, blank lines, braces and how numbers are written, kept for
//! the printer.

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

/// Comments, blank lines, opening braces and notations of one file, each in order of their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trivia {
    pub comments: Vec<Comment>,
    /// The byte at which each run of blank lines begins.
    pub blank_lines: Vec<u32>,
    /// The byte of each `{`.
    pub braces: Vec<u32>,
    /// The byte and the text of each number that is not written as it would be printed: `0x1000_0000`.
    pub notations: Vec<(u32, String)>,
}

impl Trivia {
    /// Whether a blank line stands in the bytes from `start` to `end`.
    pub fn has_blank_line(&self, start: u32, end: u32) -> bool {
        let first = self.blank_lines.partition_point(|at| *at < start);
        self.blank_lines.get(first).is_some_and(|at| *at < end)
    }

    /// How the number at the byte `start` is written, where that is not how it would be printed.
    pub fn notation(&self, start: u32) -> Option<&str> {
        let at = self.notations.binary_search_by_key(&start, |(start, _)| *start).ok()?;
        Some(&self.notations[at].1)
    }

    /// The byte of the first `{` behind the byte `start`, or 0 if there is none.
    pub fn brace_behind(&self, start: u32) -> u32 {
        let first = self.braces.partition_point(|at| *at < start);
        self.braces.get(first).copied().unwrap_or(0)
    }
}
