//! Headers and statements of everything beside kernels and plain directives → `pretty` documents: functions, definitions of
//! directives, `use`, `for`, programs, scans and tests. The rules for comments are those of [`Documents`].

use pretty::DocAllocator;

use crate::ast::{
    Component, Composition, Def, Expr, For, ForValues, Function, Ident, KernelCall, NamedArg, ProgramStmt, Scan,
    ScanStmt, Test, TestStmt, TestValue, TestValueKind, Text, Use, UseSource, With,
};

use super::{Doc, Documents, INDENT};

/// What may stand between the parentheses of a call.
enum Argument<'a> {
    Plain(&'a Expr),
    Tensor(&'a Ident),
    Named(&'a NamedArg),
}

impl<'d> Documents<'d> {
    pub(in crate::printer) fn function(&mut self, function: &Function) -> Doc<'d> {
        let name = self.text("fn ").append(self.name(&function.name));
        let params = self.list("(", &function.params, ")", 0, |param| param.span.start, |d, param| d.name(param));
        let gap = self.gap(function.value.span.start, " ");
        name.append(params).append(" =").append(gap).append(self.expr(&function.value))
    }

    /// Without the brace, which stands at the byte `brace`.
    pub(in crate::printer) fn def_header(&mut self, def: &Def, brace: u32) -> Doc<'d> {
        let name = self.text("def ").append(self.name(&def.name));
        let params = self.params(&def.params, if def.results.is_empty() { brace } else { 0 });
        name.append(params).append(self.results(&def.results))
    }

    pub(in crate::printer) fn import(&mut self, import: &Use) -> Doc<'d> {
        let source = match &import.source {
            UseSource::Module(name) => self.gap(name.span.start, " ").append(self.name(name)),
            UseSource::File(path) => self.gap(path.span.start, " ").append(self.quoted(path)),
        };
        let names = self.names(if import.names.is_empty() { "" } else { ":" }, &import.names);
        self.text("use").append(source).append(names)
    }

    pub(in crate::printer) fn for_header(&mut self, repeat: &For) -> Doc<'d> {
        let variable = self.gap(repeat.variable.span.start, " ").append(self.name(&repeat.variable));
        let values = match &repeat.values {
            ForValues::List(list, span) => self.exprs("[", list, "]", span.end),
            ForValues::Range(start, end) => {
                let start = self.expr(start).append("..");
                let gap = self.gap(end.span.start, "");
                start.append(gap).append(self.expr(end))
            }
        };
        self.text("for").append(variable).append(" in ").append(values)
    }

    /// Without the brace, which stands at the byte `brace`.
    pub(in crate::printer) fn program_header(&mut self, program: &Composition, brace: u32) -> Doc<'d> {
        let name = self.text("program ").append(self.name(&program.name));
        name.append(self.params(&program.params, brace))
    }

    pub(in crate::printer) fn program_statement(&mut self, statement: &ProgramStmt) -> Doc<'d> {
        match statement {
            ProgramStmt::Input(input) => self.input(input),
            ProgramStmt::Call(call) => self.kernel_call(call),
        }
    }

    fn kernel_call(&mut self, call: &KernelCall) -> Doc<'d> {
        let called = self.called(call.output, &call.results, &call.kernel);
        let tensors = call.inputs.iter().map(Argument::Tensor);
        let arguments: Vec<Argument> = tensors.chain(call.params.iter().map(Argument::Named)).collect();
        let arguments = self.arguments(&arguments, if call.schedule.is_none() { call.span.end } else { 0 });
        let with = self.with(call.schedule.as_ref(), call.span.end);
        called.append(arguments).append(with)
    }

    /// A kernel's call in a kernel.
    pub(in crate::printer) fn component(&mut self, call: &Component) -> Doc<'d> {
        let called = self.called(call.output, &call.results, &call.kernel);
        called.append(self.call_arguments(&call.inputs, &call.params, call.span.end))
    }

    /// `[output] A, B = KERNEL`.
    fn called(&mut self, is_output: bool, results: &[Ident], kernel: &Ident) -> Doc<'d> {
        let output = self.text(if is_output { "output" } else { "" });
        let mut names = self.arena.nil();
        for (index, result) in results.iter().enumerate() {
            let (mark, space) = match (index, is_output) {
                (0, false) => ("", ""),
                (0, true) => ("", " "),
                _ => (",", " "),
            };
            let gap = self.gap(result.span.start, space);
            names = names.append(mark).append(gap).append(self.name(result));
        }
        let kernel = self.gap(kernel.span.start, " ").append(self.name(kernel));
        output.append(names).append(" =").append(kernel)
    }

    /// ` with SCHEDULE(params)`, or nothing. Comments before the byte `end` belong inside its parentheses.
    fn with(&mut self, with: Option<&With>, end: u32) -> Doc<'d> {
        let Some(with) = with else { return self.arena.nil() };
        let gap = self.gap(with.span.start, " ");
        let name = self.gap(with.name.span.start, " ").append(self.name(&with.name));
        gap.append("with").append(name).append(self.named_args(&with.params, end))
    }

    fn named_args(&mut self, params: &[NamedArg], end: u32) -> Doc<'d> {
        let arguments: Vec<Argument> = params.iter().map(Argument::Named).collect();
        if arguments.is_empty() { self.arena.nil() } else { self.arguments(&arguments, end) }
    }

    /// The arguments of a function or a directive in their parentheses.
    pub(in crate::printer) fn call_arguments(&mut self, args: &[Expr], named: &[NamedArg], end: u32) -> Doc<'d> {
        let plain = args.iter().map(Argument::Plain);
        let arguments: Vec<Argument> = plain.chain(named.iter().map(Argument::Named)).collect();
        self.arguments(&arguments, end)
    }

    fn arguments(&mut self, arguments: &[Argument], end: u32) -> Doc<'d> {
        let start = |argument: &Argument| match argument {
            Argument::Plain(value) => value.span.start,
            Argument::Tensor(name) => name.span.start,
            Argument::Named(arg) => arg.name.span.start,
        };
        self.list("(", arguments, ")", end, start, |d, argument| match argument {
            Argument::Plain(value) => d.expr(value),
            Argument::Tensor(name) => d.name(name),
            Argument::Named(arg) => {
                let gap = d.name(&arg.name).append(" =").append(d.gap(arg.value.span.start, " "));
                gap.append(d.expr(&arg.value))
            }
        })
    }

    pub(in crate::printer) fn scan_header(&mut self, scan: &Scan) -> Doc<'d> {
        let axis = self.gap(scan.axis.span.start, " ").append(self.name(&scan.axis));
        self.text("scan").append(axis).append(" in ").append(self.expr(&scan.steps))
    }

    pub(in crate::printer) fn scan_statement(&mut self, statement: &ScanStmt) -> Doc<'d> {
        let (word, name, axes, value) = match statement {
            ScanStmt::Define(define) => return self.define(define),
            ScanStmt::Component(call) => return self.component(call),
            ScanStmt::State(state) => ("state", &state.name, &state.axes, &state.value),
            ScanStmt::Next(next) => ("next", &next.name, &next.axes, &next.value),
        };
        let name = self.gap(name.span.start, " ").append(self.name(name));
        let axes = self.list("[", axes, "]", 0, |axis| axis.name.span.start, Self::axis);
        let dtype = match statement {
            ScanStmt::State(state) => {
                let gap = self.gap(state.dtype.name.span.start, " ");
                self.text(":").append(gap).append(self.type_name(&state.dtype))
            }
            _ => self.arena.nil(),
        };
        let gap = self.gap(value.span.start, " ");
        self.text(word).append(name).append(axes).append(dtype).append(" =").append(gap).append(self.expr(value))
    }

    /// Without the brace, which stands at the byte `brace`.
    pub(in crate::printer) fn test_header(&mut self, test: &Test, brace: u32) -> Doc<'d> {
        let name = self.gap(test.name.span.start, " ").append(self.name(&test.name));
        let subject = self.gap(test.subject.span.start, " ").append(self.name(&test.subject));
        let params = self.named_args(&test.params, if test.schedule.is_none() { brace } else { 0 });
        let with = self.with(test.schedule.as_ref(), brace);
        self.text("test").append(name).append(" for").append(subject).append(params).append(with)
    }

    pub(in crate::printer) fn test_statement(&mut self, statement: &TestStmt) -> Doc<'d> {
        let word = self.text(if statement.expect { "expect " } else { "" });
        let name = match &statement.tensor {
            Some(tensor) => word.append(self.name(tensor)),
            None => word,
        };
        let dtype = match &statement.dtype {
            Some(dtype) => {
                let gap = self.gap(dtype.name.span.start, " ");
                self.text(":").append(gap).append(self.type_name(dtype))
            }
            None => self.arena.nil(),
        };
        let (mark, space) = if statement.tensor.is_some() { (" =", " ") } else { ("", "") };
        let gap = self.gap(statement.value.span.start, space);
        let value = name.append(dtype).append(mark).append(gap).append(self.test_value(&statement.value));
        match &statement.within {
            Some(within) => {
                let gap = self.gap(within.span.start, " ");
                value.append(" within").append(gap).append(self.expr(within))
            }
            None => value,
        }
    }

    fn test_value(&mut self, value: &TestValue) -> Doc<'d> {
        match &value.kind {
            TestValueKind::List(elements) => self.elements(elements, value.span.end),
            TestValueKind::Fill(value) => self.expr(value),
            TestValueKind::File(path) => self.quoted(path),
            TestValueKind::Random => self.text("random"),
        }
    }

    /// A list of lists as one row a line, of numbers as many to a line as fit.
    fn elements(&mut self, elements: &[TestValue], end: u32) -> Doc<'d> {
        let has_rows = elements.iter().any(|e| matches!(e.kind, TestValueKind::List(_)));
        let mut inner = self.arena.nil();
        for (index, element) in elements.iter().enumerate() {
            let (mark, line) = match index {
                0 => ("", self.arena.line_()),
                _ if has_rows => (",", self.arena.line()),
                _ => (",", self.arena.softline()),
            };
            let gap = self.gap_or(element.span.start, line);
            inner = inner.append(mark).append(gap).append(self.test_value(element));
        }
        if !elements.is_empty() {
            inner = inner.append(self.text(",").flat_alt(self.arena.nil()));
        }
        self.brackets("[", inner, end, "]")
    }

    /// ` -> io, ii`, or nothing.
    pub(in crate::printer) fn results(&mut self, results: &[Ident]) -> Doc<'d> {
        self.names(" ->", results)
    }

    /// Names behind a mark that cannot end a statement.
    fn names(&mut self, mark: &'static str, names: &[Ident]) -> Doc<'d> {
        let mut list = self.arena.nil();
        let mut mark = mark;
        for name in names {
            let gap = self.gap_or(name.span.start, self.arena.line());
            list = list.append(mark).append(gap).append(self.name(name));
            mark = ",";
        }
        list.nest(INDENT as isize).group()
    }

    fn quoted(&self, text: &Text) -> Doc<'d> {
        self.text(format!("\"{}\"", text.text))
    }
}
