//! A test of a function → a kernel that computes the function on arrays, and the same test of that kernel.
//!
//! ```text
//! test t for double { x: i32 = [1, 2]; expect [2, 4] }
//! →   kernel double { input x: i32[2]; output double[i < 2] = double(x[i]) }
//!     test t for double { x = [1, 2]; expect double = [2, 4] }
//! ```
//!
//! An argument with a type is an input of as many elements as the longest list has; one without is a constant of the call.

use tilewright_syntax::ast::{
    AxisDecl, Define, Expr, ExprKind, Function, Ident, Input, Kernel, KernelStmt, Test, TestStmt, TestValueKind,
};

use crate::cases::CaseError;

/// The kernel, and the test of it.
pub(super) fn desugared(function: &Function, test: &Test) -> Result<(Kernel, Test), CaseError> {
    let cx = Desugar { function, test }.checked()?;
    let is_constant = |stmt: &&TestStmt| !stmt.expect && stmt.dtype.is_none();
    let stmts = test.stmts.iter().filter(|stmt| !is_constant(stmt)).map(|stmt| cx.statement(stmt)).collect();
    Ok((cx.kernel()?, Test { stmts, ..test.clone() }))
}

struct Desugar<'a> {
    function: &'a Function,
    test: &'a Test,
}

impl Desugar<'_> {
    /// Refuses what only a kernel's test can say.
    fn checked(self) -> Result<Self, CaseError> {
        if let Some(with) = &self.test.schedule {
            return Err(self.wrong("a schedule", with.span, "leave it out: the automatic schedule is used"));
        }
        if let Some(param) = self.test.params.first() {
            let help = "give arguments in the test: `x: i32 = [1, 2]`, or `n = 3` for a constant";
            return Err(self.wrong("a parameter", param.name.span, help));
        }
        self.test.stmts.iter().try_for_each(|stmt| self.statement_is_clear(stmt))?;
        Ok(self)
    }

    fn statement_is_clear(&self, stmt: &TestStmt) -> Result<(), CaseError> {
        if matches!(stmt.value.kind, TestValueKind::File(_) | TestValueKind::Random) {
            let help = "write the values; only tests of kernels read files";
            return Err(self.wrong("an array without a shape", stmt.value.span, help));
        }
        match &stmt.tensor {
            Some(name) if stmt.expect => {
                Err(self.wrong("a name for the result", name.span, "write `expect` and the values"))
            }
            Some(name) if !self.function.params.iter().any(|p| p.name == name.name) => Err(CaseError::UnknownTensor {
                name: name.clone(),
                kernel: self.function.name.name.clone(),
                what: "parameter",
                known: self.function.params.iter().map(|p| p.name.clone()).collect(),
            }),
            Some(name) if stmt.dtype.is_none() && matches!(stmt.value.kind, TestValueKind::List(_)) => {
                let help = format!("write its type: `{}: i32 = ...`", name.name);
                Err(self.wrong("values without a type", name.span, &help))
            }
            _ => Ok(()),
        }
    }

    fn wrong(&self, what: &'static str, span: tilewright_syntax::Span, help: &str) -> CaseError {
        CaseError::OfFunction { what, span, function: self.function.name.clone(), help: help.to_owned() }
    }

    /// The statement as a kernel's test has it.
    fn statement(&self, stmt: &TestStmt) -> TestStmt {
        match stmt.expect {
            true => TestStmt { tensor: Some(self.result()), ..stmt.clone() },
            false => TestStmt { dtype: None, ..stmt.clone() },
        }
    }

    fn kernel(&self) -> Result<Kernel, CaseError> {
        let args = self.function.params.iter().map(|p| self.argument(p)).collect::<Result<_, _>>()?;
        let Ident { name, .. } = self.function.name.clone();
        let function = Ident { name, span: self.test.subject.span };
        let value = ExprKind::Call { function, format: None, settings: Vec::new(), args, named: Vec::new() };
        let axes = vec![AxisDecl { name: self.axis(), extent: Some(self.expr(ExprKind::Int(self.length()))) }];
        let value = self.expr(value);
        let output = Define { output: true, name: self.result(), axes, value, span: self.test.span };
        let inputs = self.test.stmts.iter().filter_map(|stmt| self.input(stmt));
        let stmts = inputs.chain([KernelStmt::Define(output)]).collect();
        Ok(Kernel { name: self.function.name.clone(), params: Vec::new(), stmts, span: self.test.span })
    }

    /// The element that is at hand.
    fn at(&self, tensor: &Ident) -> Expr {
        let indices = vec![self.expr(ExprKind::Name(self.axis().name))];
        self.expr(ExprKind::Index { tensor: tensor.clone(), indices })
    }

    fn input(&self, stmt: &TestStmt) -> Option<KernelStmt> {
        let (name, dtype) = (stmt.tensor.clone()?, stmt.dtype.clone()?);
        let dims = vec![self.expr(ExprKind::Int(self.length()))];
        Some(KernelStmt::Input(Input { name, dtype, dims, outside: None, span: stmt.span }))
    }

    /// What a parameter is in the call.
    fn argument(&self, param: &Ident) -> Result<Expr, CaseError> {
        let named = |stmt: &&TestStmt| stmt.tensor.as_ref().is_some_and(|t| t.name == param.name);
        let stmt = self.test.stmts.iter().find(named).ok_or_else(|| CaseError::MissingArgument {
            name: param.name.clone(),
            test: self.test.name.span,
            declared: param.span,
        })?;
        Ok(match (&stmt.dtype, &stmt.value.kind) {
            (None, TestValueKind::Fill(value)) => value.clone(),
            _ => self.at(param),
        })
    }

    /// The elements of the longest list; one where there is none.
    fn length(&self) -> i64 {
        let lengths = self.test.stmts.iter().map(|stmt| match &stmt.value.kind {
            TestValueKind::List(elements) => elements.len() as i64,
            _ => 1,
        });
        lengths.max().unwrap_or(1).max(1)
    }

    /// The name of what the function yields: its own, unless a parameter has it.
    fn result(&self) -> Ident {
        let Ident { mut name, span } = self.function.name.clone();
        while self.function.params.iter().any(|p| p.name == name) {
            name.push('_');
        }
        Ident { name, span }
    }

    fn axis(&self) -> Ident {
        Ident { name: "i".to_owned(), span: self.test.subject.span }
    }

    fn expr(&self, kind: ExprKind) -> Expr {
        Expr { kind, span: self.test.subject.span }
    }
}
