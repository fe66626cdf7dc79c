//! Scans: states and definitions whose tensors get the steps as their first dimension.
//!
//! A state becomes two tensors: its initial value, computed like any other before the scan, and the state itself, one
//! element longer than there are steps. Reads inside of the scan do not write the step; reads behind it do.

use std::collections::BTreeMap;

use tilewright_syntax::Span;
use tilewright_syntax::ast::{self, Ident, ScanStmt};

use super::{Checked, Checker, MAX_ELEMENTS};
use crate::scalar::Scalar;
use crate::tensor::error::{ExtentSource, TensorError};
use crate::tensor::format::Format;
use crate::tensor::scan_error::ScanError;
use crate::tensor::{Compute, Definition, Leaf, Read, Scan, State, Tensor, TensorId};

/// A scan whose statements are being checked.
pub(super) struct OpenScan {
    pub axis: Ident,
    pub steps: i64,
    /// Its tensors so far.
    pub tensors: Vec<TensorId>,
}

impl Checker<'_> {
    /// Checks a scan and adds its tensors. Each statement reports its first error.
    pub(super) fn scan(&mut self, scan: &ast::Scan) {
        let steps = self.steps(scan);
        let Some(steps) = self.note(&scan.axis, steps) else {
            let named =
                scan.stmts.iter().flat_map(super::defined_in_scan).map(|name| name.name.clone()).collect::<Vec<_>>();
            self.failed.extend(named);
            return;
        };
        self.open = Some(OpenScan { axis: scan.axis.clone(), steps, tensors: Vec::new() });
        let mut declared = BTreeMap::new();
        let mut nexts = BTreeMap::new();
        for stmt in &scan.stmts {
            if self.is_full() {
                break;
            }
            match stmt {
                ScanStmt::State(state) => {
                    let added = self.state(state);
                    if let Some(id) = self.note(&state.name, added) {
                        declared.insert(state.name.name.clone(), (id, state));
                    }
                }
                ScanStmt::Define(define) => {
                    let add = &mut |checker: &mut Self, tensor| checker.add_to_scan(tensor).map(|_| ());
                    let added = self.defined(define, add);
                    self.note(&define.name, added);
                }
                ScanStmt::Component(call) => self.component(call),
                ScanStmt::Next(next) => {
                    let done = self.next(next, &declared, &mut nexts);
                    self.note(&next.name, done);
                }
            }
        }
        self.close(scan, &declared, &nexts);
    }

    fn steps(&self, scan: &ast::Scan) -> Checked<i64> {
        self.axes_are_distinct(&[&ast::AxisDecl { name: scan.axis.clone(), extent: None }])?;
        if !scan.stmts.iter().any(|s| matches!(s, ScanStmt::State(_))) {
            return Err(error(ScanError::WithoutState { span: scan.axis.span }));
        }
        let steps = self.extent(&scan.steps, || format!("the number of steps of `{}`", scan.axis.name))?;
        // The states have one element more than there are steps.
        if steps >= MAX_ELEMENTS {
            let (name, span) = (scan.axis.name.clone(), scan.steps.span);
            return Err(TensorError::TooManyElements { name, shape: vec![steps], span }.into());
        }
        Ok(steps)
    }

    fn close(
        &mut self,
        scan: &ast::Scan,
        declared: &BTreeMap<String, (TensorId, &ast::State)>,
        nexts: &BTreeMap<String, Span>,
    ) {
        for (name, (_, state)) in declared.iter().filter(|(name, _)| !nexts.contains_key(*name)) {
            let missing = ScanError::WithoutNext { state: name.clone(), span: state.name.span };
            self.errors.push(missing.into());
        }
        if let Some(OpenScan { axis, steps, tensors }) = self.open.take() {
            self.kernel.scans.push(Scan { axis: axis.name, steps, span: scan.span, tensors });
        }
    }

    fn add_to_scan(&mut self, tensor: Tensor) -> Checked<TensorId> {
        let id = self.add(tensor)?;
        self.open.iter_mut().for_each(|scan| scan.tensors.push(id));
        Ok(id)
    }

    /// Adds the tensor of the initial value, and the state as one that keeps it; `next` says what it really becomes.
    fn state(&mut self, state: &ast::State) -> Checked<TensorId> {
        self.name_is_free(&state.name)?;
        let format = Format::named(&state.dtype)?;
        let init = self.initial(state, format)?;
        let shape = self.kernel.tensor(init).shape.clone();
        let next = self.unchanged(state, &shape);
        let steps = self.open.as_ref().map_or(1, |scan| scan.steps);
        self.add_to_scan(Tensor {
            name: state.name.name.clone(),
            span: state.name.span,
            dtype: format.dtype,
            fraction: format.fraction,
            shape: std::iter::once(steps + 1).chain(shape).collect(),
            output: false,
            outside: None,
            definition: Definition::State(State { init, next }),
        })
    }

    fn initial(&mut self, state: &ast::State, format: Format) -> Checked<TensorId> {
        let name = Ident { name: self.initial_name(&state.name.name), span: state.name.span };
        let (axes, value) = (state.axes.clone(), state.value.clone());
        let define = ast::Define { output: false, name, axes, value, span: state.span };
        let open = self.open.take();
        let computed = self.computed(&define, &[], Some(format));
        self.open = open;
        let (compute, found) = computed?;
        self.has_type(&state.name, "its initial value", format, found, state.value.span)?;
        let members = self.open.as_ref().map_or(&[][..], |scan| &scan.tensors);
        if let Some(read) = compute.reads().into_iter().find(|r| members.contains(&r.tensor)) {
            let (state, declared) = (state.name.name.clone(), state.name.span);
            return Err(error(ScanError::InitReadsScan { state, span: read.span, declared }));
        }
        let shape = compute.axes.iter().map(|a| self.kernel.axis(*a).extent).collect();
        let (name, span) = (define.name.name, state.name.span);
        self.add(Tensor {
            name,
            span,
            dtype: format.dtype,
            fraction: format.fraction,
            shape,
            output: false,
            outside: None,
            definition: Definition::Compute(compute),
        })
    }

    /// `s_init` for a state `s`, or with a number behind it where a tensor or constant has that name.
    fn initial_name(&self, state: &str) -> String {
        let taken = |name: &String| {
            self.constants.get(name).is_some()
                || self.names.written(name).is_some()
                || self.names.tensor(name).is_some()
        };
        let numbered = (2..).map(|n| format!("{state}_init{n}"));
        let mut names = std::iter::once(format!("{state}_init")).chain(numbered);
        names.find(|name| !taken(name)).unwrap_or_default()
    }

    /// The next value of a state that keeps its value.
    fn unchanged(&mut self, state: &ast::State, shape: &[i64]) -> Compute {
        let mut axes: Vec<_> = self.add_steps().into_iter().collect();
        let names: Vec<&ast::AxisDecl> = state.axes.iter().collect();
        axes.extend(self.add_axes(&names, &shape.iter().map(|n| Some(*n)).collect::<Vec<_>>()));
        let tensor = TensorId(self.kernel.tensors.len() as u32);
        let indices = axes.iter().map(|a| crate::affine::Affine::var(*a)).collect();
        let read = Read { tensor, indices, span: state.name.span };
        Compute { axes, reduction: None, value: Scalar::Leaf(Leaf::Read(read)) }
    }

    fn next(
        &mut self,
        next: &ast::Next,
        declared: &BTreeMap<String, (TensorId, &ast::State)>,
        nexts: &mut BTreeMap<String, Span>,
    ) -> Checked<()> {
        let Ident { name, span } = &next.name;
        if self.failed.contains(name) {
            return Err(super::Fault::Consequence);
        }
        let Some((id, state)) = declared.get(name) else {
            let states = declared.keys().cloned().collect();
            return Err(error(ScanError::NextOfNoState { name: name.clone(), states, span: *span }));
        };
        if let Some(first) = nexts.insert(name.clone(), *span) {
            return Err(error(ScanError::NextTwice { state: name.clone(), span: *span, first }));
        }
        let tensor = self.kernel.tensor(*id);
        let (format, expected) = (tensor.format(), tensor.shape[1..].to_vec());
        let known = expected.iter().zip(&state.axes).map(|(extent, axis)| ExtentSource {
            extent: *extent,
            span: axis.name.span,
            dimension: None,
        });
        let known: Vec<ExtentSource> = known.filter(|_| next.axes.len() == expected.len()).collect();
        let (axes, value) = (next.axes.clone(), next.value.clone());
        let define = ast::Define { output: false, name: next.name.clone(), axes, value, span: next.span };
        let (compute, found) = self.computed(&define, &known, Some(format))?;
        self.has_type(&state.name, "its next value", format, found, next.value.span)?;
        let shape: Vec<i64> = compute.axes[1..].iter().map(|a| self.kernel.axis(*a).extent).collect();
        if shape != expected {
            let (state, declared) = (name.clone(), state.name.span);
            return Err(error(ScanError::NextShape { state, expected, found: shape, span: *span, declared }));
        }
        if let Some(kept) = self.kernel.tensors[id.0 as usize].compute_mut() {
            *kept = compute;
        }
        Ok(())
    }

    fn has_type(&self, state: &Ident, what: &'static str, expected: Format, found: Format, span: Span) -> Checked<()> {
        if expected == found {
            return Ok(());
        }
        let (state, declared) = (state.name.clone(), state.span);
        Err(error(ScanError::Type { state, what, expected, found, span, declared }))
    }
}

fn error(error: ScanError) -> super::Fault {
    super::Fault::Error(Box::new(error.into()))
}
