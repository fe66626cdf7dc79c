//! Calls of kernels in kernels. A call and the tensors that it names → the called kernel's tensors, as if their definitions
//! stood here.
//!
//! ```text
//! h, c = cell(xs[t], hid, cs)   →   h_z[j] = ... xs[t, r] ...;  c[j] = ...;  h[j] = ...
//! ```
//!
//! Outputs have the names that the call gives them, everything else that of the first of these before its own. Every tensor
//! that is handed over has the format and the shape of the kernel's input.

use tilewright_syntax::Span;
use tilewright_syntax::ast::{self, Expr, ExprKind, Ident, NamedArg};

use super::scope::Scope;
use super::{Checked, Checker, Fault, MAX_KERNEL_ELEMENTS, MAX_WORK, elements, name_taken};
use crate::affine::Affine;
use crate::modules::Modules;
use crate::tensor::component_error::{ComponentError, MAX_TENSORS};
use crate::tensor::error::TensorError;
use crate::tensor::join::Place;
use crate::tensor::print::type_of;
use crate::tensor::{AxisId, Compute, Kernel, Tensor, TensorId};

/// Most calls that an error shows on the way to it.
const MAX_CALLS_SHOWN: usize = 8;

/// A tensor, or the part of it behind leading indices.
struct Part {
    tensor: TensorId,
    indices: Vec<Affine<AxisId>>,
    span: Span,
}

impl<'a> Checker<'a> {
    /// Checks a call and adds its tensors.
    pub(super) fn component(&mut self, call: &ast::Component) {
        let added = self.called(call);
        let names = call.results.iter().map(|r| r.name.clone());
        let Err(faults) = added else { return };
        self.failed.extend(names);
        self.errors.extend(faults);
    }

    fn called(&mut self, call: &ast::Component) -> Result<(), Vec<TensorError>> {
        let told = |fault: Fault| if let Fault::Error(error) = fault { vec![*error] } else { Vec::new() };
        call.results.iter().try_for_each(|name| self.name_is_free(name)).map_err(told)?;
        let (source, values) = self.called_kernel(call).map_err(told)?;
        let kernel = self.kernels.called(source, &values);
        let in_call = |error: TensorError| {
            // Where calls lead through very many kernels, the innermost tell enough.
            if error.calls() >= MAX_CALLS_SHOWN {
                return error;
            }
            let (error, name, call) = (Box::new(error), call.kernel.name.clone(), call.span);
            TensorError::InCall { error, name, call }
        };
        let kernel = kernel.map_err(|errors| errors.into_iter().map(in_call).collect::<Vec<_>>())?;
        self.spliced(call, source, &kernel).map_err(told)
    }

    /// The kernel that a call names, and the values of its parameters.
    fn called_kernel(&self, call: &ast::Component) -> Checked<(&'a ast::Kernel, Vec<(String, i64)>)> {
        let modules: &'a Modules = self.modules;
        let Some(source) = modules.kernel(&call.kernel) else {
            let known = modules.kernels(call.kernel.span.file).iter().map(|k| k.name.name.clone()).collect();
            return Err(error(ComponentError::UnknownKernel { name: call.kernel.clone(), known }));
        };
        if self.kernels.is_open(source) {
            let (kernel, span, declared) = (call.kernel.name.clone(), call.kernel.span, source.name.span);
            return Err(error(ComponentError::CallsItself { kernel, span, declared }));
        }
        let value = |(at, arg): (usize, &NamedArg)| {
            let Ident { name, span } = &arg.name;
            if let Some(first) = call.params[..at].iter().find(|first| first.name.name == *name) {
                return Err(name_taken(&arg.name, ("given", Some(first.name.span))).into());
            }
            if !source.params.iter().any(|p| p.name.name == *name) {
                let (owner, known) = (source.name.name.clone(), source.params.iter().map(|p| p.name.name.clone()));
                let (name, known, span) = (name.clone(), known.collect(), *span);
                return Err(TensorError::UnknownParameter { owner, name, known, span }.into());
            }
            Ok((name.clone(), self.constants.eval(&arg.value)?))
        };
        let values = call.params.iter().enumerate().map(value).collect::<Checked<_>>()?;
        Ok((source, values))
    }

    fn spliced(&mut self, call: &ast::Component, source: &ast::Kernel, kernel: &Kernel) -> Checked<()> {
        counts_agree(call, source, kernel)?;
        if let (Some(_), Some(inner)) = (&self.open, kernel.scans.first()) {
            let (kernel, span, inner) = (kernel.name.clone(), call.span, inner.span);
            return Err(error(ComponentError::ScanInScan { kernel, span, inner }));
        }
        let step = self.add_steps();
        let parts = call.inputs.iter().map(|e| self.part(call, e, step)).collect::<Checked<Vec<_>>>()?;
        let inputs = kernel.tensors.iter().filter(|t| t.is_input());
        parts.iter().zip(inputs).try_for_each(|(part, input)| self.fits(part, kernel, input))?;
        let places = self.places(call, kernel, parts)?;
        self.is_small_enough(call, kernel, &places)?;
        let before = self.kernel.tensors.len();
        let ids = self.kernel.append(kernel, &places, step);
        self.names.add(&self.kernel, before);
        for (id, place) in ids.iter().zip(&places) {
            if let (Place::New(_), Some(scan)) = (place, &mut self.open) {
                scan.tensors.push(*id);
            }
        }
        for id in kernel.ids().filter(|id| kernel.tensor(*id).output) {
            self.kernel.tensors[ids[id.0 as usize].0 as usize].output = call.output;
        }
        Ok(())
    }

    /// The tensor that an argument names, with the indices that it gives, that of the step among them.
    fn part(&self, call: &ast::Component, e: &Expr, step: Option<AxisId>) -> Checked<Part> {
        let (name, written) = match &e.kind {
            ExprKind::Index { tensor, indices } => (tensor.clone(), &indices[..]),
            ExprKind::Name(name) => (Ident { name: name.clone(), span: e.span }, &[][..]),
            _ => (call.results[0].clone(), &[][..]),
        };
        let define = ast::Define {
            output: false,
            name: call.results[0].clone(),
            axes: Vec::new(),
            value: e.clone(),
            span: call.span,
        };
        let axes: Vec<AxisId> = step.into_iter().collect();
        let scope: Scope = self.scope(&define, &axes);
        let tensor = scope.tensor(&name)?;
        let rank = scope.rank(tensor);
        if written.len() > rank {
            let (name, declared) = (name.name, self.kernel.tensor(tensor).span);
            let found = written.len();
            return Err(TensorError::WrongIndexCount { tensor: name, rank, found, span: e.span, declared }.into());
        }
        let index = |(dimension, e)| scope.index(e, tensor, dimension);
        let written = written.iter().enumerate().map(index).collect::<Checked<Vec<_>>>()?;
        let own_step = scope.step(tensor).map(Affine::var);
        Ok(Part { tensor, indices: own_step.into_iter().chain(written).collect(), span: e.span })
    }

    /// Checks that a part is what the kernel's input is.
    fn fits(&self, part: &Part, kernel: &Kernel, input: &Tensor) -> Checked<()> {
        let tensor = self.kernel.tensor(part.tensor);
        let (declared, defined, span) = (input.span, tensor.span, part.span);
        let (kernel, name) = (kernel.name.clone(), input.name.clone());
        let shape = tensor.shape[part.indices.len()..].to_vec();
        if tensor.format() != input.format() || shape != input.shape {
            let (found, expected) = (type_of(&Tensor { shape, ..tensor.clone() }), type_of(input));
            return Err(error(ComponentError::WrongType {
                kernel,
                input: name,
                found,
                expected,
                span,
                declared,
                defined,
            }));
        }
        match input.outside {
            Some(value) if tensor.outside != Some(value) => {
                Err(error(ComponentError::Outside { kernel, input: name, value, span, declared, defined }))
            }
            _ => Ok(()),
        }
    }

    /// Where each tensor of the called kernel is here.
    fn places(&self, call: &ast::Component, kernel: &Kernel, parts: Vec<Part>) -> Checked<Vec<Place>> {
        let (mut parts, mut results) = (parts.into_iter(), call.results.iter());
        let place = |tensor: &Tensor| {
            if tensor.is_input() {
                let Part { tensor, indices, .. } = parts.next().expect("as many as inputs");
                return Ok(Place::Bound(tensor, indices));
            }
            if tensor.output {
                return Ok(Place::New(results.next().expect("as many as outputs").clone()));
            }
            let name = format!("{}_{}", call.results[0].name, tensor.name);
            self.part_is_free(&Ident { name: name.clone(), span: call.results[0].span })?;
            Ok(Place::New(Ident { name, span: tensor.span }))
        };
        kernel.tensors.iter().map(place).collect()
    }

    /// The name of something inside of a component is no other tensor's, wherever that stands.
    fn part_is_free(&self, name: &Ident) -> Checked<()> {
        let first = self.names.written(&name.name).map(|other| other.span);
        let first = first.or_else(|| self.names.tensor(&name.name).map(|id| self.kernel.tensor(id).span));
        let taken = first.map(|first| ("a tensor", Some(first))).or_else(|| self.constant_named(&name.name));
        taken.map_or(Ok(()), |taken| Err(name_taken(name, taken).into()))
    }

    /// Holds what a call adds to the limits of a kernel.
    fn is_small_enough(&mut self, call: &ast::Component, kernel: &Kernel, places: &[Place]) -> Checked<()> {
        let steps = self.open.as_ref().map(|scan| scan.steps);
        let new = kernel.tensors.iter().zip(places).filter_map(|(tensor, place)| match place {
            Place::New(name) => Some((tensor, name)),
            Place::Bound(..) => None,
        });
        let mut tensors = self.kernel.tensors.len();
        for (tensor, name) in new {
            let shape: Vec<i64> = steps.into_iter().chain(tensor.shape.iter().copied()).collect();
            self.elements += elements(&name.name, &shape, call.span)?;
            if self.elements > MAX_KERNEL_ELEMENTS {
                let kernel = self.kernel.name.clone();
                return Err(TensorError::KernelTooLarge { kernel, span: call.span }.into());
            }
            tensors += 1;
            if tensors > MAX_TENSORS {
                return Err(error(ComponentError::TooMany { tensors, span: call.span }));
            }
            if let (Some(compute), Some(steps)) = (tensor.compute(), steps) {
                work_is_limited(kernel, compute, steps, &Ident { name: name.name.clone(), span: call.span })?;
            }
        }
        Ok(())
    }
}

/// As one step is checked alone, only all of them together can be too many.
fn work_is_limited(kernel: &Kernel, compute: &Compute, steps: i64, name: &Ident) -> Checked<()> {
    let reduced = compute.reduction.iter().flat_map(|r| &r.axes);
    let axes = compute.axes.iter().chain(reduced).map(|a| kernel.axis(*a));
    let axes: Vec<(String, i64)> = axes.map(|a| (a.name.clone(), a.extent)).collect();
    match axes.iter().try_fold(steps, |n, (_, extent)| n.checked_mul(*extent)).is_some_and(|n| n <= MAX_WORK) {
        true => Ok(()),
        false => Err(TensorError::TooMuchWork { name: name.name.clone(), axes, span: name.span }.into()),
    }
}

/// Checks that a call has a tensor for each input and a name for each output.
fn counts_agree(call: &ast::Component, source: &ast::Kernel, kernel: &Kernel) -> Checked<()> {
    let names = |which: fn(&Tensor) -> bool| {
        kernel.tensors.iter().filter(|t| which(t)).map(|t| t.name.clone()).collect::<Vec<_>>()
    };
    let (inputs, outputs) = (names(Tensor::is_input), names(|t| t.output));
    let counted = |n: usize| if n == 1 { "1 tensor".to_owned() } else { format!("{n} tensors") };
    let (takes, found) = match (inputs.len(), outputs.len()) {
        (n, _) if n != call.inputs.len() => (format!("takes {}", counted(n)), call.inputs.len()),
        (_, n) if n != call.results.len() => (format!("computes {}", counted(n)), call.results.len()),
        _ => return Ok(()),
    };
    let form = format!("{} = {}({})", outputs.join(", "), kernel.name, inputs.join(", "));
    let (kernel, span, declared) = (kernel.name.clone(), call.span, source.name.span);
    Err(error(ComponentError::Count { kernel, takes, found, span, declared, form }))
}

fn error(error: ComponentError) -> Fault {
    Fault::Error(Box::new(error.into()))
}
