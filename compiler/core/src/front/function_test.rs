//! A test of a function → a kernel that computes the function on arrays, and the same test of that kernel.
//!
//! ```text
//! test t for double { x: i32 = [1, 2]; expect [2, 4] }
//! →   kernel double {
//!         input x: i32[2]
//!         double[i < 2] = double(x[i])
//!         output double_0[i < 2] = i8(double[i]); output double_8[i < 2] = i8(double[i] >> 8); ...
//!     }
//!     test t for double { x = [1, 2]; expect double = [2, 4] }
//! ```
//!
//! The accelerator stores bytes, so an `i32` leaves it in four of them. An argument with a type is an input of as many elements as the longest list has; one without is a constant of the call.

use tilewright_syntax::ast::{
    AxisDecl, BinaryOp, Define, Expr, ExprKind, Function, Ident, Input, Kernel, KernelStmt, Test, TestStmt,
    TestValueKind,
};

use crate::cases::CaseError;

/// A function's test as that of a kernel.
pub(super) struct Desugared {
    /// With what the function yields as an output, as it is.
    pub whole: Kernel,
    /// With its bytes as outputs.
    pub in_bytes: Kernel,
    /// The name of what the function yields.
    pub result: String,
    pub test: Test,
}

pub(super) fn desugared(function: &Function, test: &Test) -> Result<Desugared, CaseError> {
    let cx = Desugar { function, test }.checked()?;
    let is_constant = |stmt: &&TestStmt| !stmt.expect && stmt.dtype.is_none();
    let stmts = test.stmts.iter().filter(|stmt| !is_constant(stmt)).map(|stmt| cx.statement(stmt)).collect();
    let (whole, in_bytes) = (cx.kernel(false)?, cx.kernel(true)?);
    Ok(Desugared { whole, in_bytes, result: cx.result().name, test: Test { stmts, ..test.clone() } })
}

/// How far to the right each byte of an `i32` stands.
pub(super) const BYTES: [i64; 4] = [0, 8, 16, 24];

/// The output that holds a byte of the result.
pub(super) fn byte_name(result: &str, shift: i64) -> String {
    format!("{result}_{shift}")
}

struct Desugar<'a> {
    function: &'a Function,
    test: &'a Test,
}

impl Desugar<'_> {
    /// Refuses what only a kernel's test can say.
    fn checked(self) -> Result<Self, CaseError> {
        if let Some(with) = &self.test.schedule {
            return Err(self.wrong("a schedule", with.span, "leave it out: the automatic schedule is taken"));
        }
        if let Some(param) = self.test.params.first() {
            let help = "give arguments inside of the test: `x: i32 = [1, 2]`, or `n = 3` for a constant";
            return Err(self.wrong("a parameter", param.name.span, help));
        }
        self.test.stmts.iter().try_for_each(|stmt| self.statement_is_clear(stmt))?;
        Ok(self)
    }

    fn statement_is_clear(&self, stmt: &TestStmt) -> Result<(), CaseError> {
        if matches!(stmt.value.kind, TestValueKind::File(_) | TestValueKind::Random) {
            let help = "write the values; what stands in files is for kernels";
            return Err(self.wrong("an array without a shape", stmt.value.span, help));
        }
        match &stmt.tensor {
            Some(name) if stmt.expect => {
                Err(self.wrong("a name for what it yields", name.span, "write `expect` and the values"))
            }
            Some(name) if !self.function.params.iter().any(|p| p.name == name.name) => Err(CaseError::UnknownTensor {
                name: name.clone(),
                kernel: self.function.name.name.clone(),
                what: "parameter",
                known: self.function.params.iter().map(|p| p.name.clone()).collect(),
            }),
            Some(name) if stmt.dtype.is_none() && matches!(stmt.value.kind, TestValueKind::List(_)) => {
                let help = format!("say what its values are: `{}: i32 = ...`", name.name);
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

    fn kernel(&self, in_bytes: bool) -> Result<Kernel, CaseError> {
        let args = self.function.params.iter().map(|p| self.argument(p)).collect::<Result<_, _>>()?;
        let Ident { name, .. } = self.function.name.clone();
        let function = Ident { name, span: self.test.subject.span };
        let value = ExprKind::Call { function, format: None, args, named: Vec::new() };
        let result = self.define(!in_bytes, self.result(), value);
        let inputs = self.test.stmts.iter().filter_map(|stmt| self.input(stmt));
        let bytes = BYTES.iter().filter(|_| in_bytes).map(|shift| self.byte(*shift));
        let stmts = inputs.chain([result]).chain(bytes).collect();
        Ok(Kernel { name: self.function.name.clone(), params: Vec::new(), stmts, span: self.test.span })
    }

    fn define(&self, output: bool, name: Ident, value: ExprKind) -> KernelStmt {
        let extent = Some(self.expr(ExprKind::Int(self.length())));
        let axes = vec![AxisDecl { name: self.axis(), extent }];
        KernelStmt::Define(Define { output, name, axes, value: self.expr(value), span: self.test.span })
    }

    /// Eight bits of the result.
    fn byte(&self, shift: i64) -> KernelStmt {
        let result = self.result();
        let name = Ident { name: byte_name(&result.name, shift), span: result.span };
        let whole = self.at(&result);
        let shift = Box::new(self.expr(ExprKind::Int(shift)));
        let shifted = self.expr(ExprKind::Binary { op: BinaryOp::Shr, left: Box::new(whole), right: shift });
        let function = Ident { name: "i8".to_owned(), span: self.test.subject.span };
        let value = ExprKind::Call { function, format: None, args: vec![shifted], named: Vec::new() };
        self.define(true, name, value)
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

    /// The name of what the function yields: its own, unless a parameter has it, or could have that of a byte.
    fn result(&self) -> Ident {
        let Ident { mut name, span } = self.function.name.clone();
        while self.function.params.iter().any(|p| p.name.starts_with(&name)) {
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
