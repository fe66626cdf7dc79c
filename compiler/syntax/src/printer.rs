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
//! - Numbers stay as they are written, `0x1000` or `1_000`.
//! - Indentation is 4 spaces, a line has at most 120 columns where it can be broken.
//! - One statement a line; the author's parentheses and single blank lines stay; items have a blank line between them,
//!   other than those of one line, which stand together or apart as their author had them.
//! - A comment keeps its statement: above it, behind it, or inside it between the same two operands or elements.

mod document;

use crate::ast::{
    Composition, Def, Directive, For, Item, Kernel, KernelStmt, Program, ProgramStmt, Scan, ScanStmt, Schedule,
    ScheduleStmt, Test,
};
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
        printer.comments_above(item.span().start);
        printer.item(item, program.items.get(index + 1));
    }
    printer.comments_above(u32::MAX);
    printer.out
}

/// Whether no blank line is needed between two items.
fn stand_together(item: &Item, next: &Item) -> bool {
    matches!((item, next), (Item::Function(_), Item::Function(_)) | (Item::Use(_), Item::Use(_)))
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
    fn item(&mut self, item: &Item, following: Option<&Item>) {
        self.blank_line_from_source(item.span().start);
        match item {
            Item::Kernel(kernel) => self.kernel(kernel),
            Item::Schedule(schedule) => self.schedule(schedule),
            Item::Function(function) => self.line(|d| d.function(function)),
            Item::Def(def) => self.def(def),
            Item::Use(import) => self.line(|d| d.import(import)),
            Item::Program(program) => self.composition(program),
            Item::Test(test) => self.test(test),
        }
        self.end_line(item.span(), following.map_or(u32::MAX, |next| next.span().start));
        let more = following.is_some() || self.next_comment < self.trivia.comments.len();
        if more && !following.is_some_and(|next| stand_together(item, next)) {
            self.out.push('\n');
            self.last_end = None;
        }
    }

    fn kernel(&mut self, kernel: &Kernel) {
        let brace = self.trivia.brace_behind(kernel.name.span.end);
        let header = self.layout(|d| d.kernel_header(kernel, brace));
        let statements: Vec<Span> = kernel.stmts.iter().map(KernelStmt::span).collect();
        self.block(&header, &statements, kernel.span, |printer, index| match &kernel.stmts[index] {
            KernelStmt::Input(input) => printer.line(|d| d.input(input)),
            KernelStmt::Define(define) => printer.line(|d| d.define(define)),
            KernelStmt::Component(call) => printer.line(|d| d.component(call)),
            KernelStmt::Scan(scan) => printer.scan(scan),
        });
    }

    fn scan(&mut self, scan: &Scan) {
        let header = self.layout(|d| d.scan_header(scan));
        let statements: Vec<Span> = scan.stmts.iter().map(ScanStmt::span).collect();
        self.block(&header, &statements, scan.span, |printer, index| {
            printer.line(|d| d.scan_statement(&scan.stmts[index]));
        });
    }

    fn schedule(&mut self, schedule: &Schedule) {
        let header = self.layout(|d| d.schedule_header(schedule));
        self.directives(&header, &schedule.stmts, schedule.span);
    }

    fn def(&mut self, def: &Def) {
        let brace = self.trivia.brace_behind(def.name.span.end);
        let header = self.layout(|d| d.def_header(def, brace));
        self.directives(&header, &def.stmts, def.span);
    }

    fn repeat(&mut self, repeat: &For) {
        let header = self.layout(|d| d.for_header(repeat));
        self.directives(&header, &repeat.stmts, repeat.span);
    }

    fn directives(&mut self, header: &str, list: &[ScheduleStmt], span: Span) {
        let statements: Vec<Span> = list.iter().map(ScheduleStmt::span).collect();
        self.block(header, &statements, span, |printer, index| match &list[index] {
            ScheduleStmt::Directive { target, stage, call } => {
                printer.line(|d| d.directive(target.as_ref(), stage, call));
            }
            ScheduleStmt::Group { stage, calls, span } => printer.group(&stage.name, calls, *span),
            ScheduleStmt::Call(call) => printer.line(|d| d.call(call)),
            ScheduleStmt::For(repeat) => printer.repeat(repeat),
            ScheduleStmt::Use(import) => printer.line(|d| d.import(import)),
        });
    }

    fn composition(&mut self, program: &Composition) {
        let brace = self.trivia.brace_behind(program.name.span.end);
        let header = self.layout(|d| d.program_header(program, brace));
        let statements: Vec<Span> = program.stmts.iter().map(ProgramStmt::span).collect();
        self.block(&header, &statements, program.span, |printer, index| {
            printer.line(|d| d.program_statement(&program.stmts[index]));
        });
    }

    fn test(&mut self, test: &Test) {
        let brace = self.trivia.brace_behind(test.subject.span.end);
        let header = self.layout(|d| d.test_header(test, brace));
        let statements: Vec<Span> = test.stmts.iter().map(|s| s.span).collect();
        self.block(&header, &statements, test.span, |printer, index| {
            printer.line(|d| d.test_statement(&test.stmts[index]));
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
        self.block(stage, &statements, span, |printer, index| printer.line(|d| d.call(&calls[index])));
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

    /// A statement without a block.
    fn line(&mut self, build: impl for<'d> FnOnce(&mut Documents<'d>) -> document::Doc<'d>) {
        let text = self.layout(build);
        self.text(&text);
    }

    /// Lays out a statement in the columns that the indentation leaves.
    fn layout(&mut self, build: impl for<'d> FnOnce(&mut Documents<'d>) -> document::Doc<'d>) -> String {
        let arena = pretty::Arena::new();
        let mut documents = Documents::new(&arena, self.trivia, &self.trivia.comments[self.next_comment..]);
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
