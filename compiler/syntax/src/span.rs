//! Places in source text: a file and a byte range, carried from tokens to instructions.

use std::collections::HashMap;
use std::sync::Arc;

/// Index of a source file in a [`Sources`] table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct FileId(pub u32);

/// A half-open range of bytes in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Span {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(file: FileId, start: usize, end: usize) -> Span {
        Span { file, start: start as u32, end: end as u32 }
    }

    /// The smallest span that covers both; both must stand in one file.
    pub fn to(self, other: Span) -> Span {
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// The text of every file that takes part in a compilation, in order of their ids. Clones share the texts.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Arc<SourceFile>>,
    /// The first file with each name.
    names: HashMap<String, FileId>,
}

/// A file's name, as the user wrote it, and its text.
#[derive(Clone, Debug)]
pub struct SourceFile {
    pub name: String,
    pub text: String,
}

impl Sources {
    /// Adds a file and returns the id that spans into it carry.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let (name, id) = (name.into(), FileId(self.files.len() as u32));
        self.names.entry(name.clone()).or_insert(id);
        self.files.push(Arc::new(SourceFile { name, text: text.into() }));
        id
    }

    /// The first file with a name.
    pub fn find(&self, name: &str) -> Option<FileId> {
        self.names.get(name).copied()
    }

    /// All files, in the order of their ids.
    pub fn files(&self) -> impl ExactSizeIterator<Item = &SourceFile> {
        self.files.iter().map(|file| &**file)
    }

    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// The text that a span covers.
    pub fn text(&self, span: Span) -> &str {
        &self.file(span.file).text[span.start as usize..span.end as usize]
    }

    /// One-based line of the span's first byte.
    pub fn line(&self, span: Span) -> usize {
        let before = &self.file(span.file).text[..span.start as usize];
        before.bytes().filter(|b| *b == b'\n').count() + 1
    }
}
