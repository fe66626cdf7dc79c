//! Seeds → values of inputs, the same on every machine.

use ndarray::{ArrayD, IxDyn};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tilewright_core::scalar::DType;
use tilewright_core::tensor::{Compute, Kernel, Read, Reducer, TensorId};

use crate::quantise::nearest;
use crate::{Array, Arrays, TensorInfo};

/// Values for every input of a kernel.
pub(crate) fn random_inputs(kernel: &Kernel, seed: u64) -> Arrays {
    let inputs = kernel.ids().filter(|id| kernel.tensor(*id).is_input());
    inputs.map(|id| (kernel.tensor(id).name.clone(), random(kernel, id, seed))).collect()
}

/// Values of an input that depend on the seed, its place among the tensors, its type and shape, and on nothing else but the
/// sums that weights of a recurrence stand in. For a plain type they are integers from its whole range, each equally likely;
/// for a format with fraction bits numbers between -1 and 1, most of them near 0.
pub(crate) fn random(kernel: &Kernel, input: TensorId, seed: u64) -> Array {
    let size = terms(kernel, input).map_or(1.0, |terms| 2.0 / (terms as f64).sqrt());
    draw(&TensorInfo::of_tensor(kernel.tensor(input)), input.0, size.min(1.0), seed)
}

/// Values for the input at this place among the tensors; numbers are between -`size` and `size`.
pub(crate) fn draw(input: &TensorInfo, place: u32, size: f64, seed: u64) -> Array {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(place.into());
    ArrayD::from_shape_simple_fn(IxDyn(&input.shape), || match (input.format.fraction, input.format.dtype) {
        (0, DType::I8) => i32::from(rng.next_u32() as i8),
        (0, DType::I32) => rng.next_u32() as i32,
        _ => nearest(bell(&mut rng) * size, input.format),
    })
}

/// The mean of four numbers between -1 and 1, each equally likely: a standard deviation of 0.29. Products of many such
/// numbers sum up to a few units, where an activation function is neither a line nor constant.
fn bell(rng: &mut ChaCha8Rng) -> f64 {
    let sum: i64 = (0..4).map(|_| i64::from(rng.next_u32() as i32)).sum();
    sum as f64 / (1_i64 << 33) as f64
}

/// The terms of the longest sum of products in the steps of a scan that an input is a weight of, which is the same in each step.
/// With weights of 0.58 by the root of these, as networks begin their training with, what a step leaves to the next neither
/// grows nor fades, and small differences stay small.
fn terms(kernel: &Kernel, input: TensorId) -> Option<i64> {
    let in_steps = kernel.scans.iter().flat_map(|scan| &scan.tensors).filter_map(|id| kernel.tensor(*id).compute());
    let of = |compute: &Compute| {
        let reduction = compute.reduction.as_ref().filter(|reduction| reduction.reducer == Reducer::Sum)?;
        let (step, reads) = (compute.axes[0], compute.value_reads());
        let is_weight = |read: &&Read| !read.indices.iter().any(|index| index.mentions(&|axis| axis == step));
        let found = reads.len() > 1 && reads.into_iter().filter(is_weight).any(|read| read.tensor == input);
        found.then(|| reduction.axes.iter().map(|axis| kernel.axis(*axis).extent).product())
    };
    in_steps.filter_map(of).max()
}

#[cfg(test)]
mod tests {
    use tilewright_core::pipeline::{Request, front};
    use tilewright_core::tensor::{Definition, Tensor};
    use tilewright_syntax::{Sources, Span};

    use super::*;

    fn tensor(dtype: DType, n: i64) -> Tensor {
        Tensor {
            name: "X".to_owned(),
            span: Span::default(),
            dtype,
            fraction: 0,
            shape: vec![n],
            output: false,
            outside: None,
            definition: Definition::Input,
        }
    }

    /// Random values of an input with other inputs before it.
    fn values_behind(tensor: &Tensor, seed: u64, others: usize) -> Array {
        let (name, span) = ("k".to_owned(), Span::default());
        let tensors = vec![tensor.clone(); others + 1];
        let kernel = Kernel { name, span, tensors, axes: Vec::new(), scans: Vec::new() };
        random(&kernel, TensorId(others as u32), seed)
    }

    fn values(tensor: &Tensor) -> Array {
        values_behind(tensor, 0, 0)
    }

    #[test]
    fn random_values_are_the_same_everywhere() {
        let values =
            |dtype, seed, others| values_behind(&tensor(dtype, 4), seed, others).into_iter().collect::<Vec<_>>();
        assert_eq!(values(DType::I8, 0, 0), [108, 103, 55, 95]);
        assert_eq!(values(DType::I8, 1, 0), [-79, -22, 107, -40]);
        assert_eq!(values(DType::I8, 0, 1), [19, 15, 102, 98]);
        assert_eq!(values(DType::I32, 0, 0), [-1483064468, -1249511577, -1160200137, 2001118559]);
    }

    #[test]
    fn random_numbers_lie_between_minus_1_and_1() {
        for (dtype, fraction, one) in [(DType::I8, 7, 128.0), (DType::I8, 4, 16.0), (DType::I32, 13, 8192.0)] {
            let values = values(&Tensor { fraction, ..tensor(dtype, 10_000) }).mapv(|v| f64::from(v) / one);
            let deviation = values.std(0.0);
            assert!(values.iter().all(|number| number.abs() <= 1.0), "{fraction}");
            assert!(
                values.mean().unwrap().abs() < 0.01 && (deviation - 1.0 / 12f64.sqrt()).abs() < 0.01,
                "{deviation}"
            );
        }
        let few = values(&Tensor { fraction: 7, ..tensor(DType::I8, 4) });
        assert_eq!(few.into_iter().collect::<Vec<_>>(), [-28, -75, -51, 0]);
        // A format that ends at 1/2.
        let values = values(&Tensor { fraction: 8, ..tensor(DType::I8, 10_000) });
        assert_eq!((values.iter().min(), values.iter().max()), (Some(&-128), Some(&127)));
    }

    #[test]
    fn random_values_fill_the_range() {
        let values = values(&tensor(DType::I8, 10_000));
        assert_eq!((values.iter().min(), values.iter().max()), (Some(&-128), Some(&127)));
    }

    /// `xs` differs from step to step, and `v` is read after the steps.
    const RECURRENCE: &str = "kernel k(steps = 30, n = 256) {
        input xs: i8.q7[steps, n]
        input u: i8.q7[n, n]
        input w: i8.q7[n, n]
        input v: i8.q7[n, n]
        scan t in steps {
            state s[j < n]: i8.q7 = 0
            a[j] = sum(k: i32(xs[t, k]) * i32(w[j, k]))
            b[j] = sum(k: i32(s[k]) * i32(u[j, k]))
            next s[j] = sat8.q7(a[j] + b[j])
        }
        d[j] = sum(k: i32(s[steps, k]) * i32(v[j, k]))
        output Y[j] = sat8.q7(d[j])
    }";

    #[test]
    fn random_weights_of_a_recurrence_are_small() {
        let mut sources = Sources::default();
        let file = sources.add("k.tw", format!("{RECURRENCE}\nschedule s for k {{\n}}"));
        let config = tilewright_isa::Config::default();
        let request = Request { sources: &sources, file, params: &[], program: None, schedule: None, config: &config };
        let kernel = front(&request).unwrap().kernel;
        let all = 1.0 / 12f64.sqrt();
        let expected = [("xs", all), ("u", all * 2.0 / 16.0), ("w", all * 2.0 / 16.0), ("v", all)];
        for (id, (name, deviation)) in kernel.ids().zip(expected) {
            let array = random(&kernel, id, 5);
            let found = array.mapv(|value| f64::from(value) / 128.0).std(0.0);
            assert_eq!(kernel.tensor(id).name, name);
            assert!((found / deviation - 1.0).abs() < 0.03, "{name}: {found}");
        }
    }
}
