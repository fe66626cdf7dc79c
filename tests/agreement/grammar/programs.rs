//! Programs: calls of kernels that are drawn for what was computed before, or that were called before.

use super::calls::Called;
use super::kernel::Kernel;
use super::{Choices, Tensor, listed};

/// A tensor of a program. Its `outside` is what kernels read there.
struct Shared {
    tensor: Tensor,
    /// The call that computes it; none for an input.
    call: Option<usize>,
}

struct Call {
    results: Vec<String>,
    kernel: String,
    arguments: Vec<String>,
    is_output: bool,
    is_read: bool,
    suffix: &'static str,
}

struct Program<'a, 'b> {
    choices: &'a mut Choices<'b>,
    tensors: Vec<Shared>,
    kernels: Vec<Called>,
    calls: Vec<Call>,
}

/// A program of one to four calls, behind the kernels that it calls.
pub fn program(choices: &mut Choices) -> String {
    let number = 1 + choices.below(4);
    let mut program = Program { choices, tensors: Vec::new(), kernels: Vec::new(), calls: Vec::new() };
    for at in 0..number {
        let kernel = match at > 0 && program.choices.percent(30) {
            true => program.choices.below(program.kernels.len()),
            false => program.kernel(),
        };
        program.call(kernel, at + 1 == number);
    }
    program.text()
}

impl Program<'_, '_> {
    /// Draws a kernel that takes what was computed.
    fn kernel(&mut self) -> usize {
        let mut inputs = Vec::new();
        let taken = if self.tensors.is_empty() { 0 } else { 1 + self.choices.below(2) };
        for at in 0..taken {
            // What was computed last most often.
            let from = if self.choices.percent(50) { self.tensors.len() - 1 } else { 0 };
            let choice = from + self.choices.below(self.tensors.len() - from);
            let Shared { tensor, call } = &self.tensors[choice];
            let is_computed = call.is_some() || tensor.format.fraction > 0;
            let value = if is_computed { 0 } else { self.choices.of(&[0, 0, -128]) };
            let outside = self.choices.percent(20).then_some(tensor.outside.unwrap_or(value));
            inputs.push(Tensor { name: format!("V{at}"), outside, ..tensor.clone() });
        }
        let name = format!("k{}", self.kernels.len() + 1);
        let mut kernel = Kernel::new(self.choices, &name, inputs);
        if taken == 0 {
            kernel.inputs();
        }
        kernel.stages();
        self.kernels.push(Called::of(&kernel));
        self.kernels.len() - 1
    }

    fn call(&mut self, kernel: usize, is_last: bool) {
        let (inputs, outputs) = (self.kernels[kernel].inputs.clone(), self.kernels[kernel].outputs.clone());
        let arguments: Vec<String> = inputs.iter().map(|input| self.given_for(input)).collect();
        let call = self.calls.len();
        let results: Vec<String> = (0..outputs.len()).map(|at| format!("T{}_{at}", call + 1)).collect();
        for (tensor, name) in outputs.into_iter().zip(&results) {
            self.tensors
                .push(Shared { tensor: Tensor { name: name.clone(), outside: None, ..tensor }, call: Some(call) });
        }
        let is_output = is_last || self.choices.percent(20);
        let suffix = if self.choices.percent(20) { " with automatic" } else { "" };
        let kernel = self.kernels[kernel].name.clone();
        self.calls.push(Call { results, kernel, arguments, is_output, is_read: false, suffix });
    }

    /// What a call passes to an input: a tensor that is like it, the last one rather, or an input of the program.
    fn given_for(&mut self, input: &Tensor) -> String {
        let fits = |(_, shared): &(usize, &Shared)| {
            let agrees = input.outside.is_none() || shared.tensor.outside.is_none_or(|v| input.outside == Some(v));
            let is_padded = shared.call.is_none() || input.outside.is_none_or(|v| v == 0);
            shared.tensor.is_like(input) && agrees && is_padded
        };
        let fitting: Vec<usize> = self.tensors.iter().enumerate().filter(fits).map(|(at, _)| at).collect();
        let Some(last) = fitting.last().copied().filter(|_| self.choices.percent(85)) else {
            let name = format!("I{}", self.tensors.len() + 1);
            self.tensors.push(Shared { tensor: Tensor { name: name.clone(), ..input.clone() }, call: None });
            return name;
        };
        let chosen = if self.choices.percent(70) { last } else { self.choices.of(&fitting) };
        let Shared { tensor, call } = &mut self.tensors[chosen];
        tensor.outside = tensor.outside.or(input.outside);
        if let Some(call) = *call {
            self.calls[call].is_read = true;
        }
        tensor.name.clone()
    }

    fn text(&self) -> String {
        let kernels: String = self.kernels.iter().map(|kernel| kernel.text.as_str()).collect();
        let inputs = self.tensors.iter().filter(|shared| shared.call.is_none());
        let inputs: String =
            inputs.map(|shared| Tensor { outside: None, ..shared.tensor.clone() }.declaration()).collect();
        let call = |call: &Call| {
            let output = if call.is_output || !call.is_read { "output " } else { "" };
            let arguments = listed(&call.arguments);
            format!("    {output}{} = {}({arguments}){}\n", listed(&call.results), call.kernel, call.suffix)
        };
        let calls: String = self.calls.iter().map(call).collect();
        format!("{kernels}program p {{\n{inputs}{calls}}}\n")
    }
}
