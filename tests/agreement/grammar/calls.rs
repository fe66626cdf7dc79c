//! Kernels that kernels call: each is drawn for tensors of its caller, or for parts of them.

use std::fmt::Write;

use super::kernel::Kernel;
use super::{Tensor, listed};

/// How deep kernels may call others.
const MAX_DEPTH: usize = 2;

/// What a call has as arguments, and the inputs that they are for.
#[derive(Default)]
struct Arguments {
    texts: Vec<String>,
    inputs: Vec<Tensor>,
}

/// A kernel that was drawn for a call.
pub struct Called {
    pub name: String,
    pub text: String,
    pub inputs: Vec<Tensor>,
    pub outputs: Vec<Tensor>,
    /// Its other tensors, for those who read them.
    inner: Vec<Tensor>,
}

impl Called {
    pub fn of(kernel: &Kernel) -> Called {
        let is_given = |t: &&Tensor| kernel.inputs.iter().chain(&kernel.outputs).any(|given| given.name == t.name);
        Called {
            name: kernel.name.clone(),
            text: kernel.text(),
            inputs: kernel.inputs.clone(),
            outputs: kernel.outputs.clone(),
            inner: kernel.tensors.iter().filter(|t| !is_given(t)).cloned().collect(),
        }
    }
}

impl Kernel<'_, '_> {
    pub fn can_call(&self) -> bool {
        self.depth < MAX_DEPTH
    }

    /// Calls a kernel that is drawn for it. Its tensors may be read from then on.
    pub fn call(&mut self, is_last: bool) {
        let mut arguments = Arguments::default();
        for at in 0..1 + self.choices.below(2) {
            self.argument(at, &mut arguments);
        }
        let name = self.fresh(&format!("{}c", self.name));
        let called = {
            let mut kernel = Kernel::new(self.choices, &name, arguments.inputs);
            kernel.depth = self.depth + 1;
            kernel.is_step = self.is_step || self.in_scan.is_some();
            kernel.stages();
            Called::of(&kernel)
        };
        for input in &called.inputs[arguments.texts.len()..] {
            arguments.texts.push(self.given_for(input));
        }
        let is_output = self.in_scan.is_none() && (is_last || self.choices.percent(20));
        let results: Vec<String> = called.outputs.iter().map(|_| self.fresh("h")).collect();
        let (indent, output) = self.indents(is_output);
        let _ =
            writeln!(self.body, "{indent}{output}{} = {}({})", listed(&results), called.name, listed(&arguments.texts));
        self.called.push_str(&called.text);
        let renamed = |(tensor, name): (Tensor, &String)| Tensor { name: name.clone(), ..tensor };
        let outputs: Vec<Tensor> = called.outputs.into_iter().zip(&results).map(renamed).collect();
        if is_output {
            self.outputs.extend(outputs.iter().cloned());
        }
        self.tensors.extend(outputs);
        let inner = called.inner.into_iter().map(|t| Tensor { name: format!("{}_{}", results[0], t.name), ..t });
        self.tensors.extend(inner);
    }

    /// A tensor of the caller or a part of one, and an input that takes it.
    fn argument(&mut self, at: usize, arguments: &mut Arguments) {
        let tensor = self.choices.of(&self.tensors);
        let mut shape = tensor.shape.clone();
        let mut text = tensor.name.clone();
        if shape.len() > 1 && self.choices.percent(40) {
            let extent = shape.remove(0);
            let step = self.in_scan.filter(|(_, steps)| *steps <= extent && self.choices.percent(60));
            let index =
                step.map_or_else(|| self.choices.below(extent as usize).to_string(), |(axis, _)| axis.to_string());
            text = format!("{text}[{index}]");
        }
        let outside = tensor.outside.filter(|_| self.choices.percent(50));
        arguments.texts.push(text);
        arguments.inputs.push(Tensor { name: format!("V{at}"), shape, outside, ..tensor });
    }

    /// What a called kernel gets for an input: a tensor that is like it, or an input of its own.
    fn given_for(&mut self, input: &Tensor) -> String {
        let fits = |t: &&Tensor| t.is_like(input) && (input.outside.is_none() || t.outside == input.outside);
        let fitting: Vec<Tensor> = self.tensors.iter().filter(fits).cloned().collect();
        match !fitting.is_empty() && self.choices.percent(50) {
            true => self.choices.of(&fitting).name,
            false => self.input(input.shape.clone(), input.format, input.outside).name,
        }
    }
}
