//! A kernel and what its parameters are → random inputs and the values that they lead to, computed once for all
//! combinations of a schedule's parameters.
//!
//! The last few references are kept. Combinations are worked on in the order of their kernels' parameters, so those at work
//! at a time need no more different references than there are cores, but for schedules of several kernels.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock};

use crate::{Arrays, Artifact};

/// References that are kept, where there are so few cores; of more cores, one for each.
const KEPT: usize = 4;

/// Inputs, and all values that follow from them.
#[derive(Debug)]
pub struct Reference {
    pub inputs: Arrays,
    pub values: Arrays,
}

/// A kernel's name and its parameters.
type Key = (String, Vec<(String, i64)>);
type Slot = Arc<OnceLock<Reference>>;

/// The references that are at hand, those that were asked for last after the others.
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
    /// The reference of a program, whose parameters are these. Those who ask for one that is being computed wait for it.
    pub fn of(&self, artifact: &Artifact, parameters: Vec<(String, i64)>, seed: u64) -> Held {
        let slot = self.slot((artifact.name().to_owned(), parameters));
        slot.get_or_init(|| {
            let inputs = artifact.random_inputs(seed);
            let values = artifact.reference(&inputs).expect("random inputs fit their program");
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
    use crate::{Options, Sources, compile};

    use super::*;

    fn artifact(n: i64) -> Artifact {
        let mut sources = Sources::default();
        let text = "kernel k(n = 1) {\n input X: i32[n]\n output Y[i] = i8(X[i])\n}";
        let file = sources.add("k.tw", text);
        compile(&sources, &Options { file, params: vec![("n".to_owned(), n)], ..Options::default() }).unwrap()
    }

    #[test]
    fn a_reference_is_computed_once_and_not_kept_for_ever() {
        let references = References::default();
        let of = |n: i64| references.of(&artifact(n), vec![("n".to_owned(), n)], 0);
        let (first, again) = (of(3), of(3));
        assert!(Arc::ptr_eq(&first.0, &again.0));
        assert_eq!(first.inputs["X"].len(), 3);
        (4..400).for_each(|n| assert_eq!(of(n).inputs["X"].len() as i64, n));
        assert!(!Arc::ptr_eq(&first.0, &of(3).0) && references.slots.lock().unwrap().len() < 300);
    }
}
