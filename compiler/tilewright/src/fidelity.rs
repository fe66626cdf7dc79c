//! How near a program comes to what it stands for: normal numbers as inputs → outputs on the machine, and the distance of the
//! numbers that they denote from a computation in floating point.

use ndarray::{ArrayD, Dimension, IxDyn};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::{Arrays, Artifact, NumberArrays, Numbers, Result};

/// What stands in an input that is not drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Given {
    /// One number for all elements.
    Number(f64),
    /// 1 where the last two indices are equal, 0 elsewhere.
    Identity,
}

/// Numbers for every input of a program: those that are given, and normally distributed ones with a deviation of 1, which depend on
/// the seed and the input's place.
///
/// ```
/// use tilewright::fidelity::{Given, normal_numbers};
/// use tilewright::{Options, Sources, compile};
///
/// let mut sources = Sources::default();
/// let text = "kernel k(n = 16) { input A: i8.q5[n]\n input b: i8.q5[n]\n output Y[i] = sat8.q5(A[i] * b[i]) }";
/// let file = sources.add("k.tw", text);
/// let artifact = compile(&sources, &Options { file, ..Options::default() }).unwrap();
/// let numbers = normal_numbers(&artifact, &[("b".to_owned(), Given::Number(0.5))], 0);
/// assert!(numbers["b"].iter().all(|number| *number == 0.5));
/// ```
pub fn normal_numbers(artifact: &Artifact, given: &[(String, Given)], seed: u64) -> NumberArrays {
    let drawn = |(place, input): (usize, &crate::TensorInfo)| {
        let shape = IxDyn(&input.shape);
        let numbers = match given.iter().find(|(name, _)| *name == input.name) {
            Some((_, Given::Number(number))) => ArrayD::from_elem(shape, *number),
            Some((_, Given::Identity)) => ArrayD::from_shape_fn(shape, |index| {
                let on_diagonal = matches!(index.slice(), [.., i, j] if i == j);
                f64::from(u8::from(on_diagonal))
            }),
            None => {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream(place as u64);
                ArrayD::from_shape_simple_fn(shape, || normal(&mut rng))
            }
        };
        (input.name.clone(), numbers)
    };
    artifact.inputs().enumerate().map(drawn).collect()
}

/// The sum of twelve numbers between -1/2 and 1/2, each equally likely: it has the deviation 1, and needs no function that machines
/// compute differently.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let sum: i64 = (0..12).map(|_| i64::from(rng.next_u32() as i32)).sum();
    sum as f64 / (1_i64 << 32) as f64
}

/// The nearest values of the inputs' formats.
///
/// # Errors
/// An input that is no number somewhere.
pub fn quantised(artifact: &Artifact, numbers: &NumberArrays) -> Result<Arrays> {
    let of = |input: &crate::TensorInfo| {
        let quantised = input.quantise(&numbers[&input.name]);
        let quantised = quantised.map_err(|index| {
            let message = format!("input `{}` is no number at {index:?}", input.name);
            vec![tilewright_syntax::Diagnostic::error("E0626", message)]
        })?;
        Ok((input.name.clone(), quantised.array))
    };
    artifact.inputs().map(of).collect()
}

/// The ratio of the power of `real` to that of the distance of `found` from it, in dB.
pub fn signal_to_noise<'a>(pairs: impl IntoIterator<Item = (&'a Numbers, &'a Numbers)>) -> f64 {
    let (mut signal, mut noise) = (0.0, 0.0);
    for (real, found) in pairs {
        signal += real.iter().map(|r| r * r).sum::<f64>();
        noise += real.iter().zip(found).map(|(r, f)| (r - f) * (r - f)).sum::<f64>();
    }
    10.0 * (signal / noise).log10()
}
