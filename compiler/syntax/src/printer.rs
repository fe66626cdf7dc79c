//! AST and trivia → canonical text: one form for each program, whatever the author's spacing was.
//!
//! ```text
//! kernel k(n=4){input X:i8[n];C[i]=X[i]   // why      kernel k(n = 4) {
//!                                                 →       input X: i8[n]
//! }                                                       C[i] = X[i] // why
//!                                                     }
//! ```
//!
//! - Parsing the text gives the same program, spans aside, and the same comments in the same order.
//! - Printing what was parsed from the text gives the same text.
//! - Indentation is 4 spaces, a line has at most 120 columns where it can be broken.
//! - One statement a line; the author's parentheses and single blank lines stay; items have a blank line between them.
//! - A comment keeps its statement: above it, behind it, or inside it between the same two operands or elements.

mod document;

use crate::ast::{Directive, Item, Kernel, KernelStmt, Program, Schedule, ScheduleStmt};
use crate::span::Span;
use crate::trivia::Trivia;

use document::Documents;

/// Columns of a line, indentation included.
const WIDTH: usize = 120;

/// Columns of one level of indentation.
const INDENT: usize = 4;

/// The program in canonical form. `trivia` is what the parser gave beside the same program.
///
/// Numbers are expected as the parser makes them, not negative, and trees no taller than it allows.
pub fn print(program: &Program, trivia: &Trivia) -> String {
    let mut printer = Printer { out: String::new(), trivia, next_comment: 0, level: 0, last_end: None };
    for (index, item) in program.items.iter().enumerate() {
        let following = program.items.get(index + 1).map_or(u32::MAX, |next| next.span().start);
        printer.comments_above(item.span().start);
        printer.item(item, following);
    }
    printer.comments_above(u32::MAX);
    printer.out
}

/// Writes whole lines; what stands inside a statement is laid out by [`Documents`].
struct Printer<'a> {
    out: String,
    trivia: &'a Trivia,
    /// Index of the first comment that is not written yet.
    next_comment: usize,
    /// Of indentation.
    level: usize,
    /// Where in the source ended what was written last; `None` at the start of the file or of a block, where no blank
    /// line is kept.
    last_end: Option<u32>,
}

impl Printer<'_> {
    fn item(&mut self, item: &Item, following: u32) {
        self.blank_line_from_source(item.span().start);
        match item {
            Item::Kernel(kernel) => self.kernel(kernel),
            Item::Schedule(schedule) => self.schedule(schedule),
        }
        self.end_line(item.span(), following);
        let more = following != u32::MAX || self.next_comment < self.trivia.comments.len();
        if more {
            self.out.push('\n');
            self.last_end = None;
        }
    }

    fn kernel(&mut self, kernel: &Kernel) {
        let brace = self.trivia.brace_behind(kernel.name.span.end);
        let header = self.layout(|d| d.kernel_header(kernel, brace));
        let statements: Vec<Span> = kernel.stmts.iter().map(KernelStmt::span).collect();
        self.block(&header, &statements, kernel.span, |printer, index| {
            let text = printer.layout(|d| d.kernel_statement(&kernel.stmts[index]));
            printer.text(&text);
        });
    }

    fn schedule(&mut self, schedule: &Schedule) {
        let header = self.layout(|d| d.schedule_header(schedule));
        let statements: Vec<Span> = schedule.stmts.iter().map(ScheduleStmt::span).collect();
        self.block(&header, &statements, schedule.span, |printer, index| match &schedule.stmts[index] {
            ScheduleStmt::Directive { target, stage, call } => {
                let text = printer.layout(|d| d.directive(target.as_ref(), stage, call));
                printer.text(&text);
            }
            ScheduleStmt::Group { stage, calls, span } => printer.group(&stage.name, calls, *span),
        });
    }

    /// A group stands on one line if it fits there and holds neither comments nor blank lines.
    fn group(&mut self, stage: &str, calls: &[Directive], span: Span) {
        let has_comment = self.trivia.comments[self.next_comment..].first().is_some_and(|c| c.span.start < span.end);
        if !has_comment && !self.trivia.has_blank_line(span.start, span.end) {
            let before = self.next_comment;
            let texts: Vec<String> = calls.iter().map(|call| self.layout(|d| d.call(call))).collect();
            let line = format!("{stage} {{ {} }}", texts.join("; "));
            if !calls.is_empty() && !line.contains('\n') && line.len() + self.level * INDENT <= WIDTH {
                return self.out.push_str(&line);
            }
            self.next_comment = before;
        }
        let statements: Vec<Span> = calls.iter().map(|call| call.span).collect();
        self.block(stage, &statements, span, |printer, index| {
            let text = printer.layout(|d| d.call(&calls[index]));
            printer.text(&text);
        });
    }

    /// `header { ... }` without the newline behind it; `write` writes the statement with the given index.
    fn block(&mut self, header: &str, statements: &[Span], span: Span, mut write: impl FnMut(&mut Self, usize)) {
        self.text(header);
        self.out.push_str(" {");
        let start_of = |index: usize| statements.get(index).map_or(span.end, |s| s.start);
        let has_comment = self.trivia.comments.get(self.next_comment).is_some_and(|c| c.span.start < span.end);
        if statements.is_empty() && !has_comment {
            return self.out.push('}');
        }
        self.end_line(Span { end: span.start, ..span }, start_of(0));
        self.last_end = None;
        self.level += 1;
        for (index, statement) in statements.iter().enumerate() {
            self.comments_above(statement.start);
            self.blank_line_from_source(statement.start);
            self.indent();
            write(self, index);
            self.end_line(*statement, start_of(index + 1));
        }
        self.comments_above(span.end);
        self.level -= 1;
        self.indent();
        self.out.push('}');
    }

    /// Ends the line of something that ended in the source at `written.end`, with the comment behind it, if that stands
    /// before the byte `following`.
    fn end_line(&mut self, written: Span, following: u32) {
        self.last_end = Some(written.end);
        if let Some(comment) = self.trivia.comments.get(self.next_comment)
            && !comment.own_line
            && comment.span.start < following
        {
            self.out.push(' ');
            self.out.push_str(&comment.text);
            self.last_end = Some(comment.span.end);
            self.next_comment += 1;
        }
        self.out.push('\n');
    }

    /// The comments that stand before the byte `end`, each on a line of its own.
    fn comments_above(&mut self, end: u32) {
        while let Some(comment) = self.trivia.comments.get(self.next_comment)
            && comment.span.start < end
        {
            self.blank_line_from_source(comment.span.start);
            self.indent();
            self.out.push_str(&comment.text);
            self.out.push('\n');
            self.last_end = Some(comment.span.end);
            self.next_comment += 1;
        }
    }

    /// A blank line, if the author left one between what was written last and the byte `start`.
    fn blank_line_from_source(&mut self, start: u32) {
        if self.last_end.is_some_and(|end| self.trivia.has_blank_line(end, start)) {
            self.out.push('\n');
        }
    }

    /// Lays out a statement in the columns that the indentation leaves.
    fn layout(&mut self, build: impl for<'d> FnOnce(&mut Documents<'d>) -> document::Doc<'d>) -> String {
        let arena = pretty::Arena::new();
        let mut documents = Documents::new(&arena, &self.trivia.comments[self.next_comment..]);
        let document = build(&mut documents);
        self.next_comment += documents.written();
        document.pretty(WIDTH - (self.level * INDENT).min(WIDTH / 2)).to_string()
    }

    /// A laid out text, its further lines indented as the first.
    fn text(&mut self, text: &str) {
        let mut lines = text.split('\n');
        self.out.push_str(lines.next().unwrap_or_default());
        for line in lines {
            self.out.push('\n');
            self.indent();
            self.out.push_str(line);
        }
    }

    fn indent(&mut self) {
        self.out.extend(std::iter::repeat_n(' ', self.level * INDENT));
    }
}
