//! A function of the program → the real function that it stands for, which `approx` approximates.
//!
//! Operations mean what `--float` computes: shifts multiply and divide by powers of two, conversions keep the number, an
//! approximated function is the function. Calls are inlined; no function may lead back to itself.

use std::collections::HashMap;

use tilewright_syntax::ast::{self, Expr, ExprKind, Ident};
use tilewright_syntax::{Diagnostic, FileId, Span};

use super::approximate::{APPROX, approximation, function_named};
use super::convert::conversion;
use super::function::argument_count;
use super::value::comparison;
use crate::modules::Modules;
use crate::scalar::approx::Function;
use crate::scalar::approx::formula::{Formula, Node};
use crate::tensor::constants::Constants;
use crate::tensor::error::TensorError;

/// Most operations of one function, those of the functions that it calls included.
const MAX_NODES: usize = 1 << 12;

/// What stands around a function: constants, other functions, and the functions whose bodies are looked at.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub constants: &'a Constants,
    pub modules: &'a Modules,
    /// The innermost one, and what called it.
    pub open: Option<&'a Open<'a>>,
}

/// A function under way.
pub(super) struct Open<'a> {
    function: &'a ast::Function,
    around: Option<&'a Open<'a>>,
}

/// The real function of a name that the program defines; none where it does not.
pub(super) fn formula(name: &Ident, around: Around) -> Result<Option<Function>, TensorError> {
    let Some(defined) = around.modules.function(name) else { return Ok(None) };
    argument_count(defined, 1, name.span)?;
    let known = HashMap::from([(Node::Argument, 0)]);
    let mut builder = Builder { nodes: vec![Node::Argument], known, called: HashMap::new(), whole: name };
    let last = builder.body(defined, &[0], name, around)?;
    if last + 1 != builder.nodes.len() {
        // The value is that of the last operation.
        builder.nodes.truncate(last + 1);
    }
    Ok(Some(Function::Formula(Formula::new(name.name.clone(), builder.nodes).into())))
}

/// The function of one number that a file sees under a name, whether every program knows it or this one defines it. Errors: an
/// unknown name, and a function that takes several numbers or is not one of numbers.
pub fn real_function(
    modules: &Modules,
    file: FileId,
    name: &str,
    constants: &Constants,
) -> Result<Function, Vec<Diagnostic>> {
    let around = Around { constants, modules, open: None };
    let own = Ident { name: name.to_owned(), span: Span::new(file, 0, 0) };
    let named = Expr { kind: ExprKind::Name(name.to_owned()), span: Span::new(file, 0, 0) };
    // The file's own is meant where both have the name.
    let found = formula(&own, around).and_then(|own| own.map_or_else(|| function_named(&named, around), Ok));
    found.map_err(|error| {
        // The name was given outside of the file.
        let told = error.diagnostic();
        vec![Diagnostic { labels: told.labels.into_iter().filter(|label| label.span != named.span).collect(), ..told }]
    })
}

struct Builder<'a> {
    nodes: Vec<Node>,
    known: HashMap<Node, usize>,
    /// The values of functions for arguments, by the places of their names.
    called: HashMap<(Span, Vec<usize>), usize>,
    whole: &'a Ident,
}

/// The body of a function, with what its parameters stand for.
#[derive(Clone, Copy)]
struct Body<'a> {
    function: &'a ast::Function,
    arguments: &'a [usize],
    around: Around<'a>,
}

impl Builder<'_> {
    /// The number of an operation, which is the same where it is known already.
    fn node(&mut self, node: Node, span: Span) -> Result<usize, TensorError> {
        if let Some(known) = self.known.get(&node) {
            return Ok(*known);
        }
        if self.nodes.len() >= MAX_NODES {
            return Err(TensorError::CallTooLarge { name: self.whole.name.clone(), span });
        }
        self.known.insert(node.clone(), self.nodes.len());
        self.nodes.push(node);
        Ok(self.nodes.len() - 1)
    }

    fn constant(&mut self, value: f64, span: Span) -> Result<usize, TensorError> {
        self.node(Node::Const(value.to_bits()), span)
    }

    /// The value of a function for arguments.
    fn body(
        &mut self,
        function: &ast::Function,
        arguments: &[usize],
        call: &Ident,
        around: Around,
    ) -> Result<usize, TensorError> {
        let mut open = around.open;
        while let Some(outer) = open {
            if outer.function.name.span == function.name.span {
                let Ident { name, span: defined } = function.name.clone();
                return Err(TensorError::CallsItself { name, call: call.span, defined });
            }
            open = outer.around;
        }
        let key = (function.name.span, arguments.to_vec());
        if let Some(known) = self.called.get(&key) {
            return Ok(*known);
        }
        let open = Open { function, around: around.open };
        let body = Body { function, arguments, around: Around { open: Some(&open), ..around } };
        let value = self.value(&function.value, body)?;
        self.called.insert(key, value);
        Ok(value)
    }

    fn value(&mut self, e: &Expr, body: Body) -> Result<usize, TensorError> {
        match &e.kind {
            ExprKind::Int(_) | ExprKind::Decimal(_) => self.constant(body.around.constants.number(e)?.real(), e.span),
            ExprKind::Name(name) => match body.function.params.iter().position(|p| p.name == *name) {
                Some(at) => Ok(body.arguments[at]),
                None => self.constant(body.around.constants.number(e)?.real(), e.span),
            },
            ExprKind::Paren(inner) => self.value(inner, body),
            ExprKind::Negate(inner) => {
                let (zero, value) = (self.constant(0.0, e.span)?, self.value(inner, body)?);
                self.node(Node::Sub(zero, value), e.span)
            }
            ExprKind::Binary { op, left, right } => {
                let (a, b) = (self.value(left, body)?, self.value(right, body)?);
                self.binary(*op, a, b, e.span)
            }
            ExprKind::Call { function, settings, args, .. } if !settings.is_empty() || function.name == APPROX => {
                let [argument] = &args[..] else {
                    return Err(arguments(function, "one argument after its settings", args.len(), e.span));
                };
                let argument = self.value(argument, body)?;
                self.approximated(function, settings, argument, body)
            }
            ExprKind::Call { function, args, .. } => self.call(function, args, body, e.span),
            ExprKind::Compare { .. } => Err(TensorError::ComparisonAsValue { span: e.span }),
            ExprKind::Index { tensor, .. } => {
                let what = format!("an element of `{}`", tensor.name);
                Err(TensorError::NotInFunction { what, span: e.span, function: body.function.name.span })
            }
            ExprKind::Reduce { op, .. } => {
                let what = format!("a reduction `{}`", op.name);
                Err(TensorError::NotInFunction { what, span: e.span, function: body.function.name.span })
            }
        }
    }

    /// The function that an approximation stands for. Its method and range are looked at where its function is checked.
    fn approximated(
        &mut self,
        maker: &Ident,
        settings: &[Expr],
        argument: usize,
        body: Body,
    ) -> Result<usize, TensorError> {
        let unknown = || match approximation(maker, settings, body.around) {
            Err(error) => error,
            Ok(_) => TensorError::CallTooLarge { name: maker.name.clone(), span: maker.span },
        };
        let Some(Expr { kind: ExprKind::Name(name), span }) = settings.first() else { return Err(unknown()) };
        if let Some(known) = Function::from_name(name) {
            return self.node(Node::Call(known, argument), *span);
        }
        let named = Ident { name: name.clone(), span: *span };
        let Some(defined) = body.around.modules.function(&named) else { return Err(unknown()) };
        argument_count(defined, 1, *span)?;
        self.body(defined, &[argument], &named, body.around)
    }

    fn binary(&mut self, op: ast::BinaryOp, a: usize, b: usize, span: Span) -> Result<usize, TensorError> {
        let node = match op {
            ast::BinaryOp::Add => Node::Add(a, b),
            ast::BinaryOp::Sub => Node::Sub(a, b),
            ast::BinaryOp::Mul => Node::Mul(a, b),
            ast::BinaryOp::Div => Node::Div(a, b),
            ast::BinaryOp::Mod => return Err(TensorError::ValueRemainder { span }),
            ast::BinaryOp::Shl => {
                let power = self.node(Node::Call(Function::Exp2, b), span)?;
                Node::Mul(a, power)
            }
            ast::BinaryOp::Shr => {
                let power = self.node(Node::Call(Function::Exp2, b), span)?;
                Node::Div(a, power)
            }
        };
        self.node(node, span)
    }

    fn call(&mut self, function: &Ident, args: &[Expr], body: Body, span: Span) -> Result<usize, TensorError> {
        match (function.name.as_str(), args) {
            // `nearest` behind the value says how it is rounded, and a real number is not.
            (name, [e] | [e, _]) if conversion(name).is_some() => self.value(e, body),
            ("min", [a, b]) => {
                let (a, b) = (self.value(a, body)?, self.value(b, body)?);
                self.node(Node::Min(a, b), span)
            }
            ("max", [a, b]) => {
                let (a, b) = (self.value(a, body)?, self.value(b, body)?);
                self.node(Node::Max(a, b), span)
            }
            ("clip", [e, low, high]) => {
                let (e, low, high) = (self.value(e, body)?, self.value(low, body)?, self.value(high, body)?);
                let raised = self.node(Node::Max(e, low), span)?;
                self.node(Node::Min(raised, high), span)
            }
            ("select", [condition, yes, no]) => {
                let ExprKind::Compare { op, left, right } = &condition.kind else {
                    return Err(TensorError::NotAComparison { span: condition.span });
                };
                let compared = [self.value(left, body)?, self.value(right, body)?];
                let values = [self.value(yes, body)?, self.value(no, body)?];
                self.node(Node::Select(comparison(*op), [compared[0], compared[1], values[0], values[1]]), span)
            }
            ("min" | "max", _) => Err(arguments(function, "two arguments", args.len(), span)),
            ("clip", _) => Err(arguments(function, "three arguments", args.len(), span)),
            ("select", _) => Err(arguments(function, "a comparison and two values", args.len(), span)),
            (name, _) if conversion(name).is_some() => Err(arguments(function, "one argument", args.len(), span)),
            _ => {
                let defined = body.around.modules.function(function);
                let defined = defined.ok_or_else(|| super::function::unknown(body.around.modules, function))?;
                argument_count(defined, args.len(), span)?;
                let mut values = Vec::new();
                for e in args {
                    values.push(self.value(e, body)?);
                }
                self.body(defined, &values, function, body.around)
            }
        }
    }
}

fn arguments(function: &Ident, expected: &'static str, found: usize, span: Span) -> TensorError {
    TensorError::WrongArgumentCount { name: function.name.clone(), expected, found, span }
}
