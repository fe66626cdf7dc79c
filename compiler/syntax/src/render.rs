//! Diagnostic → text as a terminal shows it: code, message, place, source lines with labels, notes, help.
//!
//! Total: any span is drawn, whatever the text holds. Spans are moved to the nearest characters of their file. Bounded:
//! names and texts are cut where they are so long that they would hide the rest.

use std::borrow::Cow;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Label, Severity};
use crate::span::{Sources, Span};

/// Two places on one line that are further apart than this many bytes are shown apart, because only what lies between
/// the labels of one snippet is never cut.
const WINDOW: usize = 120;
/// Two places that are further apart than this many bytes are shown apart, because all that lies between the labels of one
/// snippet is gone through.
const STRETCH: usize = 1 << 16;
/// Characters of a name, and of any other word, that are shown.
const MAX_WORD: usize = 100;
/// Characters of a message that are shown.
const MAX_MESSAGE: usize = 500;
/// Characters of a note or a help that are shown; these may list what can be chosen.
const MAX_NOTE: usize = 4000;

/// Draws a diagnostic, without a newline at the end; `color` adds ANSI escapes.
pub fn render(diagnostic: &Diagnostic, sources: &Sources, color: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(shortened(&diagnostic.message, MAX_MESSAGE)).id(diagnostic.code);
    let snippets = gather(&diagnostic.labels, sources);
    let group = Group::with_title(title)
        .elements(snippets.iter().map(|labels| snippet(labels, sources)))
        .elements(diagnostic.notes.iter().map(|note| Level::NOTE.message(shortened(note, MAX_NOTE))))
        .elements(diagnostic.help.iter().map(|help| Level::HELP.message(shortened(help, MAX_NOTE))));
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[group])
}

/// The text with `…` for the rest of words, and of the whole, that are too long.
fn shortened(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= MAX_WORD {
        return text.into();
    }
    let mut out = String::new();
    let mut length = 0;
    let mut word = 0;
    for c in text.chars() {
        word = if c.is_alphanumeric() || c == '_' { word + 1 } else { 0 };
        match word {
            0..=MAX_WORD => out.push(c),
            _ if word == MAX_WORD + 1 => out.push('…'),
            _ => continue,
        }
        length += 1;
        if length == limit {
            out.push('…');
            break;
        }
    }
    out.into()
}

/// The labels that are shown together, those of primary labels first. No group is empty or spreads over two files.
fn gather<'a>(labels: &'a [Label], sources: &Sources) -> Vec<Vec<&'a Label>> {
    let mut groups: Vec<Vec<&Label>> = Vec::new();
    let (primary, secondary): (Vec<_>, Vec<_>) = labels.iter().partition(|label| label.primary);
    for label in primary.into_iter().chain(secondary) {
        let fits = |group: &&mut Vec<&Label>| group.iter().all(|other| near(label.span, other.span, sources));
        match groups.iter_mut().find(fits) {
            Some(group) => group.push(label),
            None => groups.push(vec![label]),
        }
    }
    groups
}

/// Whether one snippet can show both spans without a long stretch of text between them, above all of one line.
fn near(one: Span, other: Span, sources: &Sources) -> bool {
    if one.file != other.file {
        return false;
    }
    let Range { start, end } = characters(one, sources);
    let Range { start: other_start, end: other_end } = characters(other, sources);
    let text = sources.file(one.file).text.as_bytes();
    let apart = |a: usize, b: usize| {
        let between = a.min(b)..a.max(b);
        between.len() > STRETCH || (between.len() > WINDOW && !text[between].contains(&b'\n'))
    };
    ![start, end].iter().any(|a| [other_start, other_end].iter().any(|b| apart(*a, *b)))
}

fn snippet<'a>(labels: &[&'a Label], sources: &'a Sources) -> Snippet<'a, Annotation<'a>> {
    let source = sources.file(labels[0].span.file);
    let spans: Vec<Range<usize>> = labels.iter().map(|label| characters(label.span, sources)).collect();
    let (first, last) = (spans.iter().map(|s| s.start).min(), spans.iter().map(|s| s.end).max());
    let (before, rest) = source.text.split_at(first.unwrap_or(0));
    // What is behind the last line is drawn at its end.
    let lines_before = if rest.is_empty() { before.strip_suffix('\n').unwrap_or(before) } else { before };
    let start = lines_before.rfind('\n').map_or(0, |end| end + 1);
    // The line behind is among what is drawn, so that one that ends in a newline looks as it is.
    let rest_end = last.unwrap_or(0) - before.len();
    let lines: usize = rest[rest_end..].split_inclusive('\n').take(2).map(str::len).sum();
    let shown = &source.text[start..before.len() + rest_end + lines];
    let annotation = |(label, span): (&&'a Label, Range<usize>)| {
        let kind = if label.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
        kind.span(span.start - start..span.end - start).label(shortened(&label.text, MAX_MESSAGE))
    };
    let line = source.text[..start].bytes().filter(|b| *b == b'\n').count() + 1;
    let annotations = labels.iter().zip(spans).map(annotation);
    Snippet::source(shown).path(&*source.name).line_start(line).annotations(annotations)
}

/// The bytes of the span, widened to whole characters and kept within its file's text.
fn characters(span: Span, sources: &Sources) -> Range<usize> {
    let text = &sources.file(span.file).text;
    let (start, end) = ((span.start as usize).min(text.len()), (span.end as usize).min(text.len()));
    let is_boundary = |at: &usize| text.is_char_boundary(*at);
    let start = (0..=start).rev().find(is_boundary).unwrap_or(0);
    let end = (end..=text.len()).find(is_boundary).unwrap_or(text.len());
    start..end.max(start)
}
