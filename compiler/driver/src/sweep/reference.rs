//! A kernel and what its parameters are → random inputs and the values that they lead to, computed once for all
//! combinations of a schedule's parameters.
//!
//! The last few references are kept. Combinations are worked on in the order of their kernels' parameters, so those at work
//! at a time need no more different references than there are cores, but for schedules of several kernels.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock};

use tilewright_core::tensor::{Array, Evaluation, Kernel, TensorId, evaluate};

use crate::arrays;

/// References that are kept, where there are so few cores; of more cores, one for each.
const KEPT: usize = 4;

/// Inputs, and all values that follow from them.
#[derive(Debug)]
pub struct Reference {
    pub inputs: Vec<(TensorId, Array)>,
    pub values: Evaluation,
}

/// A kernel's name and its parameters.
type Key = (String, Vec<(String, i64)>);
type Slot = Arc<OnceLock<Reference>>;

/// The references that are at hand, those that were asked for last behind the others.
#[derive(Debug, Default)]
pub struct References {
    slots: Mutex<VecDeque<(Key, Slot)>>,
}

/// A reference that stays while it is used.
#[derive(Debug)]
pub struct Held(Slot);

impl std::ops::Deref for Held {
    type Target = Reference;

    fn deref(&self) -> &Reference {
        self.0.get().expect("a reference is handed out when it is computed")
    }
}

impl References {
    /// The reference of a kernel, whose parameters are these. Those who ask for one that is being computed wait for it.
    pub fn of(&self, kernel: &Kernel, parameters: Vec<(String, i64)>, seed: u64) -> Held {
        let slot = self.slot((kernel.name.clone(), parameters));
        slot.get_or_init(|| {
            let inputs = arrays::random_inputs(kernel, seed);
            let values = evaluate(kernel, &inputs).expect("inputs have their kernel's types and shapes");
            Reference { inputs, values }
        });
        Held(slot)
    }

    fn slot(&self, key: Key) -> Slot {
        let mut slots = self.slots.lock().expect("nobody fails while looking for a reference");
        let found = slots.iter().position(|(k, _)| *k == key).and_then(|at| slots.remove(at));
        let (key, slot) = found.unwrap_or_else(|| (key, Slot::default()));
        slots.push_back((key, slot.clone()));
        let kept = std::thread::available_parallelism().map_or(KEPT, |cores| KEPT.max(cores.get()));
        if slots.len() > kept {
            slots.pop_front();
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use tilewright_core::pipeline::{Request, front};
    use tilewright_isa::Config;
    use tilewright_syntax::Sources;

    use super::*;

    fn kernel(n: i64) -> Kernel {
        let mut sources = Sources::default();
        let text = "kernel k(n = 1) {\n input X: i8[n]\n output Y[i] = X[i]\n}\nschedule s for k {\n}";
        let file = sources.add("k.tw", text);
        let (config, params) = (Config::default(), [("n".to_owned(), n)]);
        let request =
            Request { sources: &sources, file, params: &params, program: None, schedule: None, config: &config };
        front(&request).unwrap().kernel
    }

    #[test]
    fn a_reference_is_computed_once_and_not_kept_for_ever() {
        let references = References::default();
        let of = |n: i64| references.of(&kernel(n), vec![("n".to_owned(), n)], 0);
        let (first, again) = (of(3), of(3));
        assert!(Arc::ptr_eq(&first.0, &again.0));
        assert_eq!(first.inputs[0].1.len(), 3);
        (4..1000).for_each(|n| assert_eq!(of(n).inputs[0].1.len() as i64, n));
        assert!(!Arc::ptr_eq(&first.0, &of(3).0) && references.slots.lock().unwrap().len() < 900);
    }
}
