//! Scalar functions: a call → the function's body with the arguments' values in the place of its parameters.
//!
//! A body is checked where it stands ([`check_functions`]): its names, its calls, that no function calls itself. Types are
//! checked where it is called, since a function takes values of every type that its operations take; an error there shows
//! the body and the call. Copies of arguments are limited, so that functions that call each other cannot make a value grow
//! beyond all measure.

use std::collections::{HashMap, HashSet};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use tilewright_syntax::ast::{self, Expr, ExprKind, Ident};
use tilewright_syntax::{Diagnostic, Span};

use super::approximate::{APPROX, approximation};
use super::convert;
use super::formula::Around;
use super::scope::Scope;
use super::value::Value;
use super::{Checked, FUNCTIONS, Fault};
use crate::modules::Modules;
use crate::tensor::Reducer;
use crate::tensor::constants::Constants;
use crate::tensor::error::TensorError;

/// Most operations that the value of one call may have.
const MAX_OPERATIONS: usize = 1 << 12;

/// Most operations on the longest way through the value of one call.
const MAX_HEIGHT: usize = 512;

/// Most calls that the value of one definition may take.
const MAX_CALLS: u32 = 1 << 14;

/// Most functions of which it is told what is wrong with them: each error may list all functions.
const MAX_ERRORS: usize = 100;

/// Most functions of which it is told that they call themselves.
const MAX_CIRCLES: usize = 20;

/// A call under way: what its parameters stand for.
pub(in crate::tensor) struct Bound<'a> {
    pub function: &'a ast::Function,
    arguments: Vec<Value>,
}

impl Bound<'_> {
    /// What a parameter stands for.
    pub(super) fn argument(&self, name: &str) -> Option<Value> {
        let at = self.function.params.iter().position(|p| p.name == name)?;
        Some(self.arguments[at].clone())
    }
}

impl Scope<'_> {
    /// The value of a call of a function that the program defines.
    pub(super) fn inlined(&self, function: &Ident, args: &[Expr], span: Span) -> Checked<Value> {
        let defined = self.modules.function(function).ok_or_else(|| unknown(self.modules, function))?;
        argument_count(defined, args.len(), span)?;
        self.calls.set(self.calls.get() + 1);
        let arguments = args.iter().map(|e| self.value(e)).collect::<Checked<_>>()?;
        let bound = Bound { function: defined, arguments };
        let inside = Scope { bound: Some(&bound), ..*self };
        let value = inside.value(&defined.value).map_err(|fault| in_call(fault, function, span))?;
        let (height, operations) = match &value {
            Value::Constant(_) => (0, 0),
            Value::Typed(value, _) => value.height_and_size(),
        };
        if height > MAX_HEIGHT || operations > MAX_OPERATIONS || self.calls.get() > MAX_CALLS {
            return Err(TensorError::CallTooLarge { name: function.name.clone(), span }.into());
        }
        Ok(value)
    }
}

/// An error in a function's body tells the call as well.
fn in_call(fault: Fault, function: &Ident, call: Span) -> Fault {
    match fault {
        Fault::Error(error) => TensorError::InCall { error, name: function.name.clone(), call }.into(),
        Fault::Consequence => Fault::Consequence,
    }
}

pub(super) fn unknown(modules: &Modules, function: &Ident) -> TensorError {
    let defined = modules.functions(function.span.file).into_iter().map(|f| f.name.name.clone());
    let known = FUNCTIONS.iter().map(|f| (*f).to_owned()).chain(defined).collect();
    TensorError::UnknownFunction { name: function.name.clone(), span: function.span, known }
}

pub(super) fn argument_count(function: &ast::Function, found: usize, span: Span) -> Result<(), TensorError> {
    if function.params.len() == found {
        return Ok(());
    }
    let Ident { name, span: defined } = function.name.clone();
    Err(TensorError::FunctionArguments { name, expected: function.params.len(), found, span, defined })
}

/// Checks the bodies of all functions of a program, whether something calls them or not.
pub fn check_functions(modules: &Modules, target: &Constants) -> Result<(), Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let functions = modules.all_functions();
    let recursive = recursive(modules, &functions);
    let mut circles = 0;
    for function in functions {
        if errors.len() >= MAX_ERRORS {
            break;
        }
        let checker = Body { function, modules, target };
        let outcome = checker.header().and_then(|()| checker.body(&function.value));
        let outcome = outcome.and_then(|()| match recursive.contains(&function.name.span) {
            true if circles < MAX_CIRCLES => {
                circles += 1;
                calls_not_itself(modules, function)
            }
            _ => Ok(()),
        });
        errors.extend(outcome.err().map(|error| error.diagnostic()));
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

struct Body<'a> {
    function: &'a ast::Function,
    modules: &'a Modules,
    target: &'a Constants,
}

impl Body<'_> {
    fn header(&self) -> Result<(), TensorError> {
        let Ident { name, span } = &self.function.name;
        let taken = |name: &str, what, span, first| TensorError::NameTaken { name: name.to_owned(), what, span, first };
        if FUNCTIONS.contains(&name.as_str()) || Reducer::ALL.iter().any(|r| r.name() == name) {
            return Err(taken(name, "a built-in function", *span, None));
        }
        for (at, param) in self.function.params.iter().enumerate() {
            if let Some(first) = self.function.params[..at].iter().find(|p| p.name == param.name) {
                return Err(taken(&param.name, "a parameter", param.span, Some(first.span)));
            }
            if self.target.get(&param.name).is_some() {
                return Err(taken(&param.name, "a constant", param.span, None));
            }
        }
        Ok(())
    }

    fn body(&self, e: &Expr) -> Result<(), TensorError> {
        match &e.kind {
            ExprKind::Int(_) | ExprKind::Decimal(_) => Ok(()),
            ExprKind::Name(name) => self.name(name, e.span),
            ExprKind::Paren(inner) | ExprKind::Negate(inner) => self.body(inner),
            ExprKind::Binary { left, right, .. } | ExprKind::Compare { left, right, .. } => {
                self.body(left)?;
                self.body(right)
            }
            ExprKind::Call { function, settings, args, .. } if !settings.is_empty() || function.name == APPROX => {
                let around = Around { constants: self.target, modules: self.modules, open: None };
                approximation(function, settings, around)?;
                args.iter().try_for_each(|arg| self.body(arg))
            }
            ExprKind::Call { function, format, args, .. } => {
                if let Some(format) = format {
                    convert::takes_format(function, format)?;
                }
                self.call(function, args.len(), e.span)?;
                let values = args.iter().enumerate();
                let converts = convert::conversion(&function.name).is_some();
                let values = values.filter(|(at, arg)| !(converts && convert::is_rounding(*at, arg)));
                values.map(|(_, arg)| arg).try_for_each(|arg| self.body(arg))
            }
            ExprKind::Index { tensor, .. } => Err(self.not_scalar(format!("an element of `{}`", tensor.name), e.span)),
            ExprKind::Reduce { op, .. } => Err(self.not_scalar(format!("a reduction `{}`", op.name), e.span)),
        }
    }

    fn name(&self, name: &str, span: Span) -> Result<(), TensorError> {
        let params = self.function.params.iter().map(|p| p.name.as_str());
        if params.clone().chain(self.target.names()).any(|known| known == name) {
            return Ok(());
        }
        let known = params.chain(self.target.names()).map(str::to_owned).collect();
        Err(TensorError::UnknownName { name: name.to_owned(), known, span })
    }

    fn call(&self, function: &Ident, found: usize, span: Span) -> Result<(), TensorError> {
        if FUNCTIONS.contains(&function.name.as_str()) {
            return Ok(());
        }
        let defined = self.modules.function(function).ok_or_else(|| unknown(self.modules, function))?;
        argument_count(defined, found, span)
    }

    fn not_scalar(&self, what: String, span: Span) -> TensorError {
        TensorError::NotInFunction { what, span, function: self.function.name.span }
    }
}

/// The functions from which calls lead back to them, by the places of their names.
fn recursive(modules: &Modules, functions: &[&ast::Function]) -> HashSet<Span> {
    let mut graph: DiGraph<Span, ()> = DiGraph::new();
    let nodes: HashMap<Span, NodeIndex> =
        functions.iter().map(|f| (f.name.span, graph.add_node(f.name.span))).collect();
    for function in functions {
        let mut called = Vec::new();
        collect_calls(&function.value, &mut called);
        let called = called.into_iter().filter_map(|call| nodes.get(&modules.function(call)?.name.span));
        called.for_each(|called| {
            graph.update_edge(nodes[&function.name.span], *called, ());
        });
    }
    let groups = kosaraju_scc(&graph).into_iter();
    let recursive = groups.filter(|group| group.len() > 1 || graph.contains_edge(group[0], group[0]));
    recursive.flatten().map(|node| graph[node]).collect()
}

/// Refuses a function from which calls lead back to it.
fn calls_not_itself(modules: &Modules, first: &ast::Function) -> Result<(), TensorError> {
    let calls = |function: &ast::Function| -> Vec<Ident> {
        let mut called = Vec::new();
        collect_calls(&function.value, &mut called);
        called.into_iter().cloned().rev().collect()
    };
    let mut seen = HashSet::from([first.name.span]);
    // The calls that are still to be followed of each function on the way, since there may be more than a stack holds.
    let mut open = vec![calls(first)];
    while let Some(rest) = open.last_mut() {
        let Some(call) = rest.pop() else {
            open.pop();
            continue;
        };
        let Some(function) = modules.function(&call) else { continue };
        if function.name.span == first.name.span {
            let Ident { name, span: defined } = function.name.clone();
            return Err(TensorError::CallsItself { name, call: call.span, defined });
        }
        if seen.insert(function.name.span) {
            open.push(calls(function));
        }
    }
    Ok(())
}

fn collect_calls<'a>(e: &'a Expr, found: &mut Vec<&'a Ident>) {
    match &e.kind {
        ExprKind::Paren(inner) | ExprKind::Negate(inner) => collect_calls(inner, found),
        ExprKind::Binary { left, right, .. } | ExprKind::Compare { left, right, .. } => {
            collect_calls(left, found);
            collect_calls(right, found);
        }
        ExprKind::Call { function, args, .. } => {
            found.push(function);
            args.iter().for_each(|arg| collect_calls(arg, found));
        }
        ExprKind::Int(_)
        | ExprKind::Decimal(_)
        | ExprKind::Name(_)
        | ExprKind::Index { .. }
        | ExprKind::Reduce { .. } => {}
    }
}
