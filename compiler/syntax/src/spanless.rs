//! A program → the same program with every span set to its default, so that two of them can be compared by what they say.

use crate::ast::{AxisDecl, Directive, Expr, ExprKind, Ident, Item, KernelStmt, Param, Program, ScheduleStmt};
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
    }
}

fn param(param: &mut Param) {
    ident(&mut param.name);
    param.default.iter_mut().for_each(expr);
}

fn kernel_statement(statement: &mut KernelStmt) {
    match statement {
        KernelStmt::Input(input) => {
            input.span = Span::default();
            ident(&mut input.name);
            ident(&mut input.dtype);
            input.dims.iter_mut().chain(&mut input.outside).for_each(expr);
        }
        KernelStmt::Define(define) => {
            define.span = Span::default();
            ident(&mut define.name);
            define.axes.iter_mut().for_each(axis);
            expr(&mut define.value);
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
    }
}

fn directive(call: &mut Directive) {
    call.span = Span::default();
    ident(&mut call.name);
    call.args.iter_mut().for_each(expr);
    call.results.iter_mut().for_each(ident);
}

fn axis(axis: &mut AxisDecl) {
    ident(&mut axis.name);
    axis.extent.iter_mut().for_each(expr);
}

fn expr(e: &mut Expr) {
    e.span = Span::default();
    match &mut e.kind {
        ExprKind::Int(_) | ExprKind::Name(_) => {}
        ExprKind::Index { tensor, indices } => {
            ident(tensor);
            indices.iter_mut().for_each(expr);
        }
        ExprKind::Call { function, args } => {
            ident(function);
            args.iter_mut().for_each(expr);
        }
        ExprKind::Reduce { op, axes, body } => {
            ident(op);
            axes.iter_mut().for_each(axis);
            expr(body);
        }
        ExprKind::Binary { left, right, .. } => {
            expr(left);
            expr(right);
        }
        ExprKind::Negate(inner) | ExprKind::Paren(inner) => expr(inner),
    }
}

fn ident(ident: &mut Ident) {
    ident.span = Span::default();
}
