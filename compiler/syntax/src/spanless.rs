//! A program → the same program with every span set to its default, so that two of them can be compared by what they say.

use crate::ast::{
    AxisDecl, Component, Composition, Def, Define, Directive, Expr, ExprKind, For, ForValues, Ident, Input, Item,
    KernelCall, KernelStmt, NamedArg, Param, Program, ProgramStmt, Scan, ScanStmt, ScheduleStmt, Test, TestValue,
    TestValueKind, Text, TypeName, Use, UseSource, With,
};
use crate::span::Span;

/// Forgets where everything stood. Two programs are the same text, spacing and comments aside, exactly if the results
/// are equal.
pub fn without_spans(mut program: Program) -> Program {
    program.items.iter_mut().for_each(item);
    program
}

fn item(item: &mut Item) {
    match item {
        Item::Kernel(kernel) => {
            kernel.span = Span::default();
            ident(&mut kernel.name);
            kernel.params.iter_mut().for_each(param);
            kernel.stmts.iter_mut().for_each(kernel_statement);
        }
        Item::Schedule(schedule) => {
            schedule.span = Span::default();
            ident(&mut schedule.name);
            ident(&mut schedule.kernel);
            schedule.params.iter_mut().for_each(param);
            schedule.stmts.iter_mut().for_each(schedule_statement);
        }
        Item::Function(function) => {
            function.span = Span::default();
            ident(&mut function.name);
            function.params.iter_mut().for_each(ident);
            expr(&mut function.value);
        }
        Item::Def(def) => definition(def),
        Item::Use(import) => use_names(import),
        Item::Program(program) => composition(program),
        Item::Test(test) => test_block(test),
    }
}

fn definition(def: &mut Def) {
    def.span = Span::default();
    ident(&mut def.name);
    def.params.iter_mut().for_each(param);
    def.results.iter_mut().for_each(ident);
    def.stmts.iter_mut().for_each(schedule_statement);
}

fn use_names(import: &mut Use) {
    import.span = Span::default();
    import.names.iter_mut().for_each(ident);
    match &mut import.source {
        UseSource::Module(name) => ident(name),
        UseSource::File(path) => text(path),
    }
}

fn composition(program: &mut Composition) {
    program.span = Span::default();
    ident(&mut program.name);
    program.params.iter_mut().for_each(param);
    for statement in &mut program.stmts {
        match statement {
            ProgramStmt::Input(statement) => input(statement),
            ProgramStmt::Call(call) => kernel_call(call),
        }
    }
}

fn kernel_call(call: &mut KernelCall) {
    call.span = Span::default();
    ident(&mut call.kernel);
    call.results.iter_mut().chain(&mut call.inputs).for_each(ident);
    call.params.iter_mut().for_each(named_arg);
    call.schedule.iter_mut().for_each(with);
}

fn with(with: &mut With) {
    with.span = Span::default();
    ident(&mut with.name);
    with.params.iter_mut().for_each(named_arg);
}

fn test_block(test: &mut Test) {
    test.span = Span::default();
    ident(&mut test.name);
    ident(&mut test.subject);
    test.params.iter_mut().for_each(named_arg);
    test.schedule.iter_mut().for_each(with);
    for statement in &mut test.stmts {
        statement.span = Span::default();
        statement.tensor.iter_mut().for_each(ident);
        statement.dtype.iter_mut().for_each(type_name);
        test_value(&mut statement.value);
        statement.within.iter_mut().for_each(expr);
    }
}

fn test_value(value: &mut TestValue) {
    value.span = Span::default();
    match &mut value.kind {
        TestValueKind::List(elements) => elements.iter_mut().for_each(test_value),
        TestValueKind::Fill(value) => expr(value),
        TestValueKind::File(path) => text(path),
        TestValueKind::Random => {}
    }
}

fn text(text: &mut Text) {
    text.span = Span::default();
}

fn named_arg(arg: &mut NamedArg) {
    ident(&mut arg.name);
    expr(&mut arg.value);
}

fn param(param: &mut Param) {
    ident(&mut param.name);
    param.default.iter_mut().for_each(expr);
}

fn kernel_statement(statement: &mut KernelStmt) {
    match statement {
        KernelStmt::Input(statement) => input(statement),
        KernelStmt::Define(statement) => define(statement),
        KernelStmt::Component(call) => component(call),
        KernelStmt::Scan(statement) => scan(statement),
    }
}

fn input(input: &mut Input) {
    input.span = Span::default();
    ident(&mut input.name);
    type_name(&mut input.dtype);
    input.dims.iter_mut().chain(&mut input.outside).for_each(expr);
}

fn type_name(dtype: &mut TypeName) {
    ident(&mut dtype.name);
    dtype.format.iter_mut().for_each(ident);
}

fn define(define: &mut Define) {
    define.span = Span::default();
    ident(&mut define.name);
    define.axes.iter_mut().for_each(axis);
    expr(&mut define.value);
}

fn component(call: &mut Component) {
    call.span = Span::default();
    call.results.iter_mut().for_each(ident);
    ident(&mut call.kernel);
    call.inputs.iter_mut().for_each(expr);
    call.params.iter_mut().for_each(named_arg);
}

fn scan(scan: &mut Scan) {
    scan.span = Span::default();
    ident(&mut scan.axis);
    expr(&mut scan.steps);
    for statement in &mut scan.stmts {
        match statement {
            ScanStmt::State(state) => {
                state.span = Span::default();
                ident(&mut state.name);
                type_name(&mut state.dtype);
                state.axes.iter_mut().for_each(axis);
                expr(&mut state.value);
            }
            ScanStmt::Define(statement) => define(statement),
            ScanStmt::Component(call) => component(call),
            ScanStmt::Next(next) => {
                next.span = Span::default();
                ident(&mut next.name);
                next.axes.iter_mut().for_each(axis);
                expr(&mut next.value);
            }
        }
    }
}

fn schedule_statement(statement: &mut ScheduleStmt) {
    match statement {
        ScheduleStmt::Directive { target, stage, call } => {
            target.iter_mut().for_each(ident);
            ident(stage);
            directive(call);
        }
        ScheduleStmt::Group { stage, calls, span } => {
            *span = Span::default();
            ident(stage);
            calls.iter_mut().for_each(directive);
        }
        ScheduleStmt::Call(call) => directive(call),
        ScheduleStmt::For(repeat) => for_each_value(repeat),
        ScheduleStmt::Use(import) => use_names(import),
    }
}

fn for_each_value(repeat: &mut For) {
    repeat.span = Span::default();
    ident(&mut repeat.variable);
    match &mut repeat.values {
        ForValues::List(list, span) => {
            *span = Span::default();
            list.iter_mut().for_each(expr);
        }
        ForValues::Range(start, end) => {
            expr(start);
            expr(end);
        }
    }
    repeat.stmts.iter_mut().for_each(schedule_statement);
}

fn directive(call: &mut Directive) {
    call.span = Span::default();
    ident(&mut call.name);
    call.args.iter_mut().for_each(expr);
    call.named.iter_mut().for_each(named_arg);
    call.results.iter_mut().for_each(ident);
}

fn axis(axis: &mut AxisDecl) {
    ident(&mut axis.name);
    axis.extent.iter_mut().for_each(expr);
}

fn expr(e: &mut Expr) {
    e.span = Span::default();
    match &mut e.kind {
        ExprKind::Int(_) | ExprKind::Decimal(_) | ExprKind::Name(_) => {}
        ExprKind::Index { tensor, indices } => {
            ident(tensor);
            indices.iter_mut().for_each(expr);
        }
        ExprKind::Call { function, format, settings, args, named } => {
            ident(function);
            format.iter_mut().for_each(|format| ident(format));
            settings.iter_mut().for_each(expr);
            args.iter_mut().for_each(expr);
            named.iter_mut().for_each(named_arg);
        }
        ExprKind::Reduce { op, axes, body } => {
            ident(op);
            axes.iter_mut().for_each(axis);
            expr(body);
        }
        ExprKind::Binary { left, right, .. } | ExprKind::Compare { left, right, .. } => {
            expr(left);
            expr(right);
        }
        ExprKind::Negate(inner) | ExprKind::Paren(inner) => expr(inner),
    }
}

fn ident(ident: &mut Ident) {
    ident.span = Span::default();
}
