//! Kernels that pass tensors to each other → one kernel that computes all of them, for the reference evaluation.
//!
//! ```text
//! kernel matmul { input X ...; C[i, j] = ...; output Y[i, j] = ... }, called as T = matmul(A, V), then as Z = matmul(T, W)
//! →   input A, V, W;  T.C[i, j] = ...  T[i, j] = ...  Z.C[i, j] = ...  output Z[i, j] = ...
//! ```
//!
//! A tensor that some kernel reads beyond its edges says what stands there,
//! whether it is computed or comes from outside.

use tilewright_syntax::ast::Ident;

use super::{AxisId, Compute, Definition, Kernel, Leaf, Read, Reduction, Scan, State, Tensor, TensorId};
use crate::affine::{Affine, Interval};
use crate::scalar::Scalar;

/// What the tensors of a kernel are where it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An input, which is a tensor that is there.
    Bound(TensorId),
    /// A tensor of its own, with this name and place.
    New(Ident),
}

impl Kernel {
    /// Appends the tensors of a kernel, whose places are given in their order; none of them becomes an output. Returns the
    /// tensors that they are here.
    pub fn append(&mut self, kernel: &Kernel, places: &[Place]) -> Vec<TensorId> {
        let mut next = self.tensors.len() as u32..;
        let mut own = |place: &Place| match place {
            Place::Bound(id) => *id,
            Place::New(_) => TensorId(next.next().expect("endless")),
        };
        let ids: Vec<TensorId> = places.iter().map(&mut own).collect();
        let joining = Joining { kernel, ids: &ids, first_axis: self.axes.len() as u32 };
        for ((tensor, place), id) in kernel.tensors.iter().zip(places).zip(&ids) {
            match place {
                Place::New(name) => self.tensors.push(joining.tensor(tensor, name.clone())),
                Place::Bound(_) => {
                    let bound = &mut self.tensors[id.0 as usize];
                    bound.outside = bound.outside.or(tensor.outside);
                }
            }
        }
        self.axes.extend(kernel.axes.iter().cloned());
        self.scans.extend(kernel.scans.iter().map(|scan| joining.scan(scan)));
        ids
    }
}

/// What ids of the appended kernel are in the joined one.
struct Joining<'a> {
    kernel: &'a Kernel,
    ids: &'a [TensorId],
    first_axis: u32,
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
        Tensor { name, span, output: false, definition, ..tensor.clone() }
    }

    fn compute(&self, compute: &Compute) -> Compute {
        let axes = |axes: &[AxisId]| axes.iter().map(|a| self.axis(*a)).collect();
        let reduction = |r: &Reduction| Reduction {
            reducer: r.reducer,
            axes: axes(&r.axes),
            start: r.start.as_ref().map(|start| self.value(start)),
        };
        Compute {
            axes: axes(&compute.axes),
            reduction: compute.reduction.as_ref().map(reduction),
            value: self.value(&compute.value),
        }
    }

    fn value(&self, value: &Scalar<Leaf>) -> Scalar<Leaf> {
        value.map(&mut |leaf| match leaf {
            Leaf::Axis(axis) => Leaf::Axis(self.axis(*axis)),
            Leaf::Read(Read { tensor, indices, span }) => {
                let indices = indices.iter().map(|index| self.index(index)).collect();
                Leaf::Read(Read { tensor: self.id(*tensor), indices, span: *span })
            }
        })
    }

    fn index(&self, index: &Affine<AxisId>) -> Affine<AxisId> {
        let range = |axis: AxisId| Interval::below(self.kernel.axis(AxisId(axis.0 - self.first_axis)).extent);
        index.substitute(&|axis| Affine::var(self.axis(axis)), &range)
    }

    fn scan(&self, scan: &Scan) -> Scan {
        Scan { tensors: scan.tensors.iter().map(|t| self.id(*t)).collect(), ..scan.clone() }
    }
}
