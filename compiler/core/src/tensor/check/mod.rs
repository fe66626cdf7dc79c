//! AST of a kernel → checked [`Kernel`]: parameters get values, names are resolved, extents become numbers, every operand
//! gets its type and every index is proven to be in range.
//!
//! Each definition reports its first error; an error that only follows from another one is not reported. After success
//! every tensor has at most [`MAX_ELEMENTS`] elements and every definition takes at most [`MAX_WORK`] steps, so later
//! stages compute with sizes and offsets in `i64` without overflow.

mod approximate;
pub(super) mod argmax;
mod component;
mod convert;
mod extents;
pub mod formula;
pub(super) mod function;
mod index;
mod kernels;
mod names;
mod quotient;
mod scan;
mod scope;
mod value;

use std::cell::Cell;
use std::collections::BTreeSet;

use tilewright_syntax::ast::{self, AxisDecl, Expr, ExprKind, Ident, KernelStmt, ScanStmt};
use tilewright_syntax::{Diagnostic, Span};

use super::approximation_error::ApproximationError;
use super::constants::{Constants, bind_parameters};
use super::error::{ExtentSource, TensorError};
use super::format::Format;
use super::format_error::FormatError;
pub use kernels::Kernels;

use super::{Axis, AxisId, Compute, Definition, Kernel, Leaf, Reducer, Reduction, Tensor, TensorId};
use crate::modules::Modules;
use crate::scalar::{DType, Scalar};
use names::Names;
use scan::OpenScan;
use scope::Scope;

/// Most elements of one tensor.
pub const MAX_ELEMENTS: i64 = 1 << 28;

/// Most dimensions of a tensor, and most axes of a definition, those of its reduction included.
pub const MAX_DIMENSIONS: usize = 256;

/// Most errors of a kernel that are told: each may list all names that are visible where it stands.
const MAX_ERRORS: usize = 100;

/// Most elements of all tensors of a kernel together.
pub const MAX_KERNEL_ELEMENTS: i64 = 1 << 29;

/// Most values that one definition may compute, those inside its reduction included.
pub const MAX_WORK: i64 = 1 << 36;

/// Largest magnitude of an index, of the values in it and of its coefficients.
pub const MAX_INDEX: i64 = 1 << 40;

/// The functions of expressions, in the order in which messages list them.
pub const FUNCTIONS: [&str; 8] = ["i8", "i32", "sat8", "min", "max", "clip", "select", "approx"];

/// Why a part could not be checked.
enum Fault {
    Error(Box<TensorError>),
    /// It depends on something about which an error was reported.
    Consequence,
}

type Checked<T> = Result<T, Fault>;

impl From<FormatError> for Fault {
    fn from(error: FormatError) -> Fault {
        TensorError::from(error).into()
    }
}

impl From<ApproximationError> for Fault {
    fn from(error: ApproximationError) -> Fault {
        TensorError::from(error).into()
    }
}

impl From<TensorError> for Fault {
    fn from(error: TensorError) -> Fault {
        Fault::Error(Box::new(error))
    }
}

/// Checks a kernel. `overrides` replace the defaults of its parameters; `target` has the names that the target defines
/// (`BATCH`, `BLOCK_IN`, `BLOCK_OUT`). The errors are [`TensorError`]s, codes `E02xx`, in the order of the source.
pub fn check(kernel: &ast::Kernel, overrides: &[(String, i64)], target: &Constants) -> Result<Kernel, Vec<Diagnostic>> {
    check_with(kernel, overrides, target, &Modules::default())
}

/// Checks a kernel that may call the functions of its modules.
pub fn check_with(
    kernel: &ast::Kernel,
    overrides: &[(String, i64)],
    target: &Constants,
    modules: &Modules,
) -> Result<Kernel, Vec<Diagnostic>> {
    Kernels::new(target, modules).check(kernel, overrides)
}

/// The values of a kernel's parameters, and the target's names with them.
pub fn parameters(
    kernel: &ast::Kernel,
    overrides: &[(String, i64)],
    target: &Constants,
) -> Result<Constants, Vec<Diagnostic>> {
    bind_parameters(&kernel.name, &kernel.params, overrides, target)
        .map_err(|errors| errors.iter().map(TensorError::diagnostic).collect())
}

/// Checks the inputs of a program, given as a kernel without definitions. Returns a kernel that computes nothing, and the
/// program's constants with the target's.
pub fn check_inputs(
    source: &ast::Kernel,
    overrides: &[(String, i64)],
    target: &Constants,
) -> Result<(Kernel, Constants), Vec<TensorError>> {
    let modules = Modules::default();
    let kernels = Kernels::new(target, &modules);
    let mut checker = Checker::new(source, overrides, &kernels)?;
    source.stmts.iter().for_each(|stmt| checker.statement(stmt));
    if checker.errors.is_empty() { Ok((checker.kernel, checker.constants)) } else { Err(checker.errors) }
}

struct Checker<'a> {
    source: &'a ast::Kernel,
    constants: Constants,
    kernels: &'a Kernels<'a>,
    modules: &'a Modules,
    names: Names<'a>,
    /// How many calls of functions the definition at hand has taken.
    calls: Cell<u32>,
    /// What has been checked so far.
    kernel: Kernel,
    /// Tensors with an error in their definition: nothing is said about what reads them.
    failed: BTreeSet<String>,
    /// The scan around what is checked.
    open: Option<OpenScan>,
    /// Of all tensors so far.
    elements: i64,
    errors: Vec<TensorError>,
}

impl<'a> Checker<'a> {
    fn new(
        source: &'a ast::Kernel,
        overrides: &[(String, i64)],
        kernels: &'a Kernels<'a>,
    ) -> Result<Checker<'a>, Vec<TensorError>> {
        let Kernels { target, modules, .. } = *kernels;
        let constants = bind_parameters(&source.name, &source.params, overrides, target)?;
        let name = source.name.name.clone();
        let kernel = Kernel { name, span: source.span, tensors: Vec::new(), axes: Vec::new(), scans: Vec::new() };
        Ok(Checker {
            source,
            constants,
            kernels,
            modules,
            names: Names::new(source),
            calls: Cell::new(0),
            kernel,
            failed: BTreeSet::new(),
            open: None,
            elements: 0,
            errors: Vec::new(),
        })
    }

    /// Whether so much is wrong that what follows is not looked at.
    fn is_full(&self) -> bool {
        self.errors.len() >= MAX_ERRORS
    }

    fn statement(&mut self, stmt: &KernelStmt) {
        if self.is_full() {
            return;
        }
        let (name, tensor) = match stmt {
            KernelStmt::Input(input) => (&input.name, self.input(input)),
            KernelStmt::Define(define) => {
                let added = self.defined(define, &mut |checker, tensor| checker.add(tensor).map(|_| ()));
                self.note(&define.name, added);
                return;
            }
            KernelStmt::Component(call) => return self.component(call),
            KernelStmt::Scan(scan) => return self.scan(scan),
        };
        let added = tensor.and_then(|tensor| self.add(tensor));
        self.note(name, added);
    }

    /// Keeps what went wrong in the definition of a name.
    fn note<T>(&mut self, name: &Ident, outcome: Checked<T>) -> Option<T> {
        let fault = match outcome {
            Ok(done) => return Some(done),
            Err(fault) => fault,
        };
        self.failed.insert(name.name.clone());
        if let Fault::Error(error) = fault {
            self.errors.push(*error);
        }
        None
    }

    /// Adds a tensor if its size is within the limits.
    fn add(&mut self, tensor: Tensor) -> Checked<TensorId> {
        self.elements += elements(&tensor.name, &tensor.shape, tensor.span)?;
        if self.elements > MAX_KERNEL_ELEMENTS {
            let kernel = self.kernel.name.clone();
            return Err(TensorError::KernelTooLarge { kernel, span: tensor.span }.into());
        }
        self.kernel.tensors.push(tensor);
        self.names.add(&self.kernel, self.kernel.tensors.len() - 1);
        Ok(TensorId(self.kernel.tensors.len() as u32 - 1))
    }

    fn input(&self, input: &ast::Input) -> Checked<Tensor> {
        self.name_is_free(&input.name)?;
        dimensions_are_few(&input.name, input.dims.len())?;
        let format = Format::named(&input.dtype)?;
        let dimension = |(at, e)| self.extent(e, || format!("dimension {at} of `{}`", input.name.name));
        let shape = input.dims.iter().enumerate().map(dimension).collect::<Checked<_>>()?;
        let outside = input.outside.as_ref().map(|e| self.outside(e, format)).transpose()?;
        Ok(Tensor {
            name: input.name.name.clone(),
            span: input.name.span,
            dtype: format.dtype,
            fraction: format.fraction,
            shape,
            output: false,
            outside,
            definition: Definition::Input,
        })
    }

    fn outside(&self, e: &Expr, format: Format) -> Checked<i32> {
        Ok(format.value(self.constants.number(e)?, e.span, None)?)
    }

    /// An extent that is written as an expression.
    fn extent(&self, e: &Expr, what: impl FnOnce() -> String) -> Checked<i64> {
        let value = self.constants.eval(e)?;
        if value < 1 {
            let values = self.constants.used_in(e);
            return Err(TensorError::BadExtent { what: what(), value, span: e.span, values }.into());
        }
        Ok(value)
    }

    fn define(&mut self, define: &ast::Define) -> Checked<Tensor> {
        self.name_is_free(&define.name)?;
        let (compute, format) = self.computed(define, &[], None)?;
        Ok(Tensor {
            name: define.name.name.clone(),
            span: define.name.span,
            dtype: format.dtype,
            fraction: format.fraction,
            shape: compute.axes.iter().map(|a| self.kernel.axis(*a).extent).collect(),
            output: define.output,
            outside: None,
            definition: Definition::Compute(compute),
        })
    }

    /// What a definition computes, and the type of its values. Inside of a scan its first axis runs over the steps.
    ///
    /// `known` are extents of its axes that hold where it says no others, and `wanted` is the type that a number takes.
    fn computed(
        &mut self,
        define: &ast::Define,
        known: &[ExtentSource],
        wanted: Option<Format>,
    ) -> Checked<(Compute, Format)> {
        self.calls.set(0);
        let RightSide { reduction, body } = split_reduction(&define.value)?;
        let reduced = reduction.map_or(&[][..], |(_, axes)| axes);
        let declared: Vec<&AxisDecl> = define.axes.iter().chain(reduced).collect();
        dimensions_are_few(&define.name, declared.len())?;
        self.axes_are_distinct(&declared)?;
        let extents = self.extents(define, &declared, known, body)?;
        let mut axes: Vec<AxisId> = self.add_steps().into_iter().collect();
        let spatial = axes.len() + define.axes.len();
        axes.extend(self.add_axes(&declared, &extents));
        self.work_is_limited(define, &axes, spatial)?;

        let value = self.value(define, &axes, reduction.map(|(reducer, _)| reducer), wanted, body);
        if let Some(missing) = declared.iter().zip(&extents).find_map(|(a, e)| e.is_none().then_some(*a)) {
            return Err(unknown_extent(missing, value));
        }
        let (value, format) = value?;
        let (spatial, reduced) = axes.split_at(spatial);
        let reduction = reduction.map(|(reducer, _)| Reduction { reducer, axes: reduced.to_vec(), start: None });
        Ok((Compute { axes: spatial.to_vec(), reduction, value }, format))
    }

    /// The value of a definition and the type of its tensor.
    fn value(
        &self,
        define: &ast::Define,
        axes: &[AxisId],
        reducer: Option<Reducer>,
        wanted: Option<Format>,
        body: &Expr,
    ) -> Checked<(Scalar<Leaf>, Format)> {
        let scope = self.scope(define, axes);
        match reducer {
            Some(reducer) => scope.reduced_value(reducer, body),
            None => scope.stored_value(body, wanted.unwrap_or(Format::plain(DType::I32))),
        }
    }

    fn scope<'s>(&'s self, define: &'s ast::Define, axes: &'s [AxisId]) -> Scope<'s> {
        Scope {
            constants: &self.constants,
            kernel: &self.kernel,
            names: &self.names,
            failed: &self.failed,
            define,
            axes,
            scan: self.open.as_ref(),
            modules: self.modules,
            bound: None,
            calls: &self.calls,
        }
    }

    /// Adds the axis over the steps, for a definition inside of a scan.
    fn add_steps(&mut self) -> Option<AxisId> {
        let Ident { name, span } = self.open.as_ref()?.axis.clone();
        let extent = self.open.as_ref()?.steps;
        self.kernel.axes.push(Axis { name, extent, span });
        Some(AxisId(self.kernel.axes.len() as u32 - 1))
    }

    /// Adds the axes of a definition. Without a known extent an axis has one value, which keeps it within all limits.
    fn add_axes(&mut self, declared: &[&AxisDecl], extents: &[Option<i64>]) -> Vec<AxisId> {
        let first = self.kernel.axes.len() as u32;
        for (axis, extent) in declared.iter().zip(extents) {
            let Ident { name, span } = axis.name.clone();
            self.kernel.axes.push(Axis { name, extent: extent.unwrap_or(1), span });
        }
        (first..self.kernel.axes.len() as u32).map(AxisId).collect()
    }

    /// The first `spatial` of the axes are those of the tensor.
    fn work_is_limited(&self, define: &ast::Define, axes: &[AxisId], spatial: usize) -> Checked<()> {
        let extents: Vec<i64> = axes.iter().map(|a| self.kernel.axis(*a).extent).collect();
        elements(&define.name.name, &extents[..spatial], define.name.span)?;
        if product(&extents).is_none_or(|n| n > MAX_WORK) {
            let axes = axes.iter().map(|a| self.kernel.axis(*a)).map(|a| (a.name.clone(), a.extent)).collect();
            let Ident { name, span } = define.name.clone();
            return Err(TensorError::TooMuchWork { name, axes, span }.into());
        }
        Ok(())
    }

    /// Tensors and parameters have different names, because both are names of the whole kernel.
    fn name_is_free(&self, ident: &Ident) -> Checked<()> {
        let first = self.names.written(&ident.name).filter(|first| first.span != ident.span);
        let tensor = first.map(|first| ("a tensor", Some(first.span)));
        let taken = tensor.or_else(|| self.constant_named(&ident.name));
        taken.map_or(Ok(()), |taken| Err(name_taken(ident, taken).into()))
    }

    /// Axes may be named like tensors, which never stand without indices, but not like constants.
    fn axes_are_distinct(&self, declared: &[&AxisDecl]) -> Checked<()> {
        let steps = self.open.as_ref().map(|scan| &scan.axis);
        for (at, AxisDecl { name: ident, .. }) in declared.iter().enumerate() {
            let mut earlier = steps.into_iter().chain(declared[..at].iter().map(|a| &a.name));
            let axis = earlier.find(|a| a.name == ident.name).map(|first| ("an axis", Some(first.span)));
            if let Some(taken) = axis.or_else(|| self.constant_named(&ident.name)) {
                return Err(name_taken(ident, taken).into());
            }
        }
        Ok(())
    }

    /// What a constant is called, and where it stands if it is a parameter.
    fn constant_named(&self, name: &str) -> Option<(&'static str, Option<Span>)> {
        self.constants.get(name)?;
        match self.source.params.iter().find(|p| p.name.name == name) {
            Some(param) => Some(("a parameter", Some(param.name.span))),
            None => Some(("a constant", None)),
        }
    }

    fn output_exists(&mut self) {
        let computed = || self.source.stmts.iter().filter_map(computed_name);
        if computed().any(|(_, output)| output) {
            return;
        }
        let last = computed().next_back().map(|(name, _)| name.name.clone());
        let Ident { name: kernel, span } = self.source.name.clone();
        self.errors.push(TensorError::NoOutput { kernel, span, last });
    }
}

/// The error of a definition that has an axis without extent: a wrong name or form in its value could be the reason, and
/// is told instead. Whether indices are in range is not known in this case.
fn unknown_extent(axis: &AxisDecl, value: Checked<(Scalar<Leaf>, Format)>) -> Fault {
    let missing = TensorError::ExtentMissing { axis: axis.name.name.clone(), span: axis.name.span };
    match value {
        Ok(_) => missing.into(),
        Err(Fault::Error(error)) if matches!(*error, TensorError::ReadOutside(_)) => missing.into(),
        Err(fault) => fault,
    }
}

/// The number of elements of a tensor.
fn elements(name: &str, shape: &[i64], span: Span) -> Result<i64, TensorError> {
    let too_many = || TensorError::TooManyElements { name: name.to_owned(), shape: shape.to_vec(), span };
    product(shape).filter(|n| *n <= MAX_ELEMENTS).ok_or_else(too_many)
}

fn dimensions_are_few(name: &Ident, count: usize) -> Result<(), TensorError> {
    match count {
        0..=MAX_DIMENSIONS => Ok(()),
        _ => Err(TensorError::TooManyDimensions { name: name.name.clone(), count, span: name.span }),
    }
}

fn name_taken(ident: &Ident, (what, first): (&'static str, Option<Span>)) -> TensorError {
    TensorError::NameTaken { name: ident.name.clone(), what, span: ident.span, first }
}

fn defined_names(stmt: &KernelStmt) -> Vec<&Ident> {
    match stmt {
        KernelStmt::Input(input) => vec![&input.name],
        KernelStmt::Define(define) => vec![&define.name],
        KernelStmt::Component(call) => call.results.iter().collect(),
        KernelStmt::Scan(scan) => scan.stmts.iter().flat_map(defined_in_scan).collect(),
    }
}

fn defined_in_scan(stmt: &ScanStmt) -> Vec<&Ident> {
    match stmt {
        ScanStmt::State(state) => vec![&state.name],
        ScanStmt::Define(define) => vec![&define.name],
        ScanStmt::Component(call) => call.results.iter().collect(),
        ScanStmt::Next(_) => Vec::new(),
    }
}

/// The name of what a statement computes, and whether it is an output.
fn computed_name(stmt: &KernelStmt) -> Option<(&Ident, bool)> {
    match stmt {
        KernelStmt::Define(define) => Some((&define.name, define.output)),
        KernelStmt::Component(call) => Some((&call.results[0], call.output)),
        KernelStmt::Input(_) | KernelStmt::Scan(_) => None,
    }
}

/// The right side of a definition.
struct RightSide<'a> {
    reduction: Option<(Reducer, &'a [AxisDecl])>,
    body: &'a Expr,
}

/// Splits `sum(axes: body)`, or another reduction, into its reduction and its body; anything else is all body.
fn split_reduction(value: &Expr) -> Checked<RightSide<'_>> {
    match &value.kind {
        ExprKind::Paren(inner) => split_reduction(inner),
        ExprKind::Reduce { op, axes, body } => Ok(RightSide { reduction: Some((reducer(op)?, axes)), body }),
        _ => Ok(RightSide { reduction: None, body: value }),
    }
}

fn reducer(op: &Ident) -> Result<Reducer, TensorError> {
    let found = Reducer::ALL.into_iter().find(|r| r.name() == op.name);
    found.ok_or_else(|| TensorError::UnknownReducer { name: op.name.clone(), span: op.span })
}

fn product(extents: &[i64]) -> Option<i64> {
    extents.iter().try_fold(1i64, |n, e| n.checked_mul(*e))
}
