//! Kernels that pass tensors to each other → one kernel that computes all of them: the calls of a program, for the reference
//! evaluation, and the components of a kernel.
//!
//! ```text
//! kernel matmul { input X ...; C[i, j] = ...; output Y[i, j] = ... }, called as T = matmul(A, V), then as Z = matmul(T, W)
//! →   input A, V, W;  T.C[i, j] = ...  T[i, j] = ...  Z.C[i, j] = ...  output Z[i, j] = ...
//! ```
//!
//! In the steps of a scan a component's tensors get the step as their first index, as everything has there. A tensor that some
//! kernel reads beyond its edges says what stands there,
//! whether it is computed or comes from outside.

use tilewright_syntax::ast::Ident;

use super::{Axis, AxisId, Compute, Definition, Kernel, Leaf, Read, Reduction, Scan, State, Tensor, TensorId};
use crate::affine::{Affine, Interval};
use crate::scalar::Scalar;

/// What the tensors of a kernel are where it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An input, which is a tensor that is there, or the part of it behind these leading indices.
    Bound(TensorId, Vec<Affine<AxisId>>),
    /// A tensor of its own, with this name and place.
    New(Ident),
}

impl Kernel {
    /// Appends the tensors of a kernel, whose places are given in their order; none of them becomes an output. Returns the
    /// tensors that they are here.
    ///
    /// In the steps of a scan, `steps` is an axis over them, of which leading indices are made. Each tensor gets one of its
    /// own as its first dimension; the kernel has no scan then.
    pub fn append(&mut self, kernel: &Kernel, places: &[Place], steps: Option<AxisId>) -> Vec<TensorId> {
        let mut next = self.tensors.len() as u32..;
        let mut own = |place: &Place| match place {
            Place::Bound(id, _) => *id,
            Place::New(_) => TensorId(next.next().expect("endless")),
        };
        let ids: Vec<TensorId> = places.iter().map(&mut own).collect();
        let steps = steps.map(|axis| self.axis(axis).clone());
        let first_axis = self.axes.len() as u32;
        self.axes.extend(kernel.axes.iter().map(|axis| distinct(axis, steps.as_ref())));
        for ((tensor, place), id) in kernel.tensors.iter().zip(places).zip(&ids) {
            let name = match place {
                Place::New(name) => name.clone(),
                Place::Bound(..) => {
                    let bound = &mut self.tensors[id.0 as usize];
                    bound.outside = bound.outside.or(tensor.outside);
                    continue;
                }
            };
            let step = steps.as_ref().map(|axis| {
                self.axes.push(axis.clone());
                (AxisId(self.axes.len() as u32 - 1), axis.extent)
            });
            let joining = Joining { kernel, places, ids: &ids, first_axis, step };
            self.tensors.push(joining.tensor(tensor, name));
        }
        let joining = Joining { kernel, places, ids: &ids, first_axis, step: None };
        self.scans.extend(kernel.scans.iter().map(|scan| joining.scan(scan)));
        ids
    }
}

/// An axis with a name that is not that of the steps around it.
fn distinct(axis: &Axis, steps: Option<&Axis>) -> Axis {
    match steps {
        Some(steps) if steps.name == axis.name => Axis { name: format!("{}_", axis.name), ..axis.clone() },
        _ => axis.clone(),
    }
}

/// What ids of the appended kernel are in the joined one.
struct Joining<'a> {
    kernel: &'a Kernel,
    places: &'a [Place],
    ids: &'a [TensorId],
    first_axis: u32,
    /// The axis over the steps of the tensor at hand, and how many there are.
    step: Option<(AxisId, i64)>,
}

impl Joining<'_> {
    fn id(&self, id: TensorId) -> TensorId {
        self.ids[id.0 as usize]
    }

    fn axis(&self, axis: AxisId) -> AxisId {
        AxisId(self.first_axis + axis.0)
    }

    fn tensor(&self, tensor: &Tensor, Ident { name, span }: Ident) -> Tensor {
        let definition = match &tensor.definition {
            Definition::Input => Definition::Input,
            Definition::Compute(compute) => Definition::Compute(self.compute(compute)),
            Definition::State(State { init, next }) => {
                Definition::State(State { init: self.id(*init), next: self.compute(next) })
            }
        };
        let steps = self.step.into_iter().map(|(_, extent)| extent);
        let shape = steps.chain(tensor.shape.iter().copied()).collect();
        Tensor { name, span, shape, output: false, definition, ..tensor.clone() }
    }

    fn compute(&self, compute: &Compute) -> Compute {
        let axes = |axes: &[AxisId]| axes.iter().map(|a| self.axis(*a)).collect();
        let reduction = |r: &Reduction| Reduction {
            reducer: r.reducer,
            axes: axes(&r.axes),
            start: r.start.as_ref().map(|start| self.value(start)),
        };
        let step = self.step.into_iter().map(|(axis, _)| axis);
        Compute {
            axes: step.chain(compute.axes.iter().map(|a| self.axis(*a))).collect(),
            reduction: compute.reduction.as_ref().map(reduction),
            value: self.value(&compute.value),
        }
    }

    fn value(&self, value: &Scalar<Leaf>) -> Scalar<Leaf> {
        value.map(&mut |leaf| match leaf {
            Leaf::Axis(axis) => Leaf::Axis(self.axis(*axis)),
            Leaf::Read(Read { tensor, indices, span }) => {
                let own = indices.iter().map(|index| self.index(index));
                let indices = self.leading(*tensor).into_iter().chain(own).collect();
                Leaf::Read(Read { tensor: self.id(*tensor), indices, span: *span })
            }
        })
    }

    /// What stands before the indices of a tensor's read.
    fn leading(&self, tensor: TensorId) -> Vec<Affine<AxisId>> {
        match (&self.places[tensor.0 as usize], self.step) {
            (Place::New(_), step) => step.into_iter().map(|(axis, _)| Affine::var(axis)).collect(),
            (Place::Bound(_, part), None) => part.clone(),
            (Place::Bound(_, part), Some((axis, extent))) => {
                let here = |index: &Affine<AxisId>| {
                    index.substitute(&|_| Affine::var(axis), &|_: AxisId| Interval::below(extent))
                };
                part.iter().map(here).collect()
            }
        }
    }

    fn index(&self, index: &Affine<AxisId>) -> Affine<AxisId> {
        let range = |axis: AxisId| Interval::below(self.kernel.axis(AxisId(axis.0 - self.first_axis)).extent);
        index.substitute(&|axis| Affine::var(self.axis(axis)), &range)
    }

    fn scan(&self, scan: &Scan) -> Scan {
        Scan { tensors: scan.tensors.iter().map(|t| self.id(*t)).collect(), ..scan.clone() }
    }
}
