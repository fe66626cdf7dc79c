//! The names in statements of a schedule: those that they give, and all of them.

use std::collections::BTreeSet;

use tilewright_syntax::Span;
use tilewright_syntax::ast::{ExprKind, Ident, ScheduleStmt};

use super::Scope;

/// All names in a statement that a stage or an axis may have, as they are outside.
pub(super) fn outside(stmt: &ScheduleStmt, scope: &Scope) -> Vec<String> {
    let mut names = BTreeSet::new();
    names_in(std::slice::from_ref(stmt), &mut names);
    let ident = |name: String| Ident { name, span: Span::default() };
    names.into_iter().map(|name| scope.name(&ident(name.clone())).map_or(name, |outside| outside.name)).collect()
}

/// Names that statements give to new axes and stages.
pub(super) fn introduced_in<'a>(stmts: &'a [ScheduleStmt], found: &mut Vec<&'a Ident>) {
    for stmt in stmts {
        match stmt {
            ScheduleStmt::Directive { target, call, .. } => found.extend(target.iter().chain(&call.results)),
            ScheduleStmt::Group { calls, .. } => found.extend(calls.iter().flat_map(|call| &call.results)),
            ScheduleStmt::Call(call) => found.extend(&call.results),
            ScheduleStmt::For(repeat) => introduced_in(&repeat.stmts, found),
            ScheduleStmt::Use(_) => {}
        }
    }
}

/// All names in statements.
pub(super) fn names_in(stmts: &[ScheduleStmt], found: &mut BTreeSet<String>) {
    let mut calls = Vec::new();
    for stmt in stmts {
        match stmt {
            ScheduleStmt::Directive { target, stage, call } => {
                found.extend(target.iter().chain([stage]).map(|name| name.name.clone()));
                calls.push(call);
            }
            ScheduleStmt::Group { stage, calls: group, .. } => {
                found.insert(stage.name.clone());
                calls.extend(group);
            }
            ScheduleStmt::Call(call) => calls.push(call),
            ScheduleStmt::For(repeat) => names_in(&repeat.stmts, found),
            ScheduleStmt::Use(_) => {}
        }
    }
    for call in calls {
        found.extend(call.results.iter().map(|name| name.name.clone()));
        found.extend(call.args.iter().filter_map(|arg| match &arg.kind {
            ExprKind::Name(name) => Some(name.clone()),
            _ => None,
        }));
    }
}
