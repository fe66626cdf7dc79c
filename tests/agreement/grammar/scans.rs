//! Scans: several states of any shape and format, gates with products of states, components in steps.

use std::fmt::Write;

use super::kernel::{AXES, Kernel};
use super::{Axis, EXTENTS, Format, Tensor, listed};

impl Kernel<'_, '_> {
    /// A recurrence of up to three states, all of whose tensors the stages behind it may read.
    pub fn scan(&mut self) {
        let steps = self.choices.of(&[1, 2, 3, 5]);
        let before = self.tensors.clone();
        let _ = writeln!(self.body, "    scan t in {steps} {{");
        let shape = match self.choices.percent(30) {
            true => vec![self.choices.of(&[1, 2, 3, 5]), self.choices.of(&EXTENTS)],
            false => vec![self.choices.of(&EXTENTS)],
        };
        self.in_scan = Some(("t", steps));
        let mut states: Vec<Tensor> = Vec::new();
        for _ in 0..1 + self.choices.below(3) {
            states.push(self.state(&shape, &before));
        }
        self.tensors.extend(states.iter().cloned());
        for _ in 0..1 + self.choices.below(4) {
            match self.choices.below(8) {
                3 => self.gates(&states),
                4 => self.product(false),
                5 => self.definition(false),
                6 if self.can_call() => self.call(false),
                _ => self.step(&shape),
            }
        }
        let all = self.tensors[before.len()..].to_vec();
        for state in &states {
            self.next(state);
        }
        self.body.push_str("    }\n");
        self.in_scan = None;
        // Inputs that factors in the steps needed are no tensors of the scan.
        let is_input = |tensor: &Tensor| self.inputs.iter().any(|input| input.name == tensor.name);
        let after = all.into_iter().map(|mut tensor| {
            if !is_input(&tensor) {
                let is_state = states.iter().any(|state| state.name == tensor.name);
                tensor.shape.insert(0, steps + i64::from(is_state));
            }
            tensor
        });
        self.tensors = before.into_iter().chain(after).collect();
    }

    fn state(&mut self, shape: &[i64], before: &[Tensor]) -> Tensor {
        let format = Format { is_wide: self.choices.percent(50), fraction: self.fraction() };
        let shape = if self.choices.percent(15) { vec![self.choices.of(&EXTENTS)] } else { shape.to_vec() };
        let name = self.fresh("s");
        let tensor = Tensor { name, shape, format, outside: None };
        let axes = axes_of(&tensor.shape);
        let fitting: Vec<Tensor> = before.iter().filter(|t| t.is_like(&tensor)).cloned().collect();
        let value = match self.choices.below(4) {
            2 if !fitting.is_empty() => format!("{}[{}]", self.choices.of(&fitting).name, names_of(&axes)),
            3 => {
                let now = std::mem::replace(&mut self.tensors, before.to_vec());
                let value = self.formatted(format, &axes, 1);
                self.tensors = now;
                value
            }
            _ if format.fraction > 0 => self.choices.of(&["0", "0.002", "-0.003"]).to_string(),
            _ => self.choices.below(3).to_string(),
        };
        let _ = writeln!(self.body, "        state {}[{}]: {format} = {value}", tensor.name, declared(&axes));
        tensor
    }

    /// A tensor of each step that is as large as the states.
    fn step(&mut self, shape: &[i64]) {
        let axes = axes_of(shape);
        let readable: Vec<Axis> = axes.iter().copied().chain(self.in_scan).collect();
        let fraction = self.fraction();
        let value = self.value(fraction, &readable, 2);
        self.defined(&axes, &value, Format { is_wide: true, fraction }, false);
    }

    /// Several products of a state that are alike, as the gates of a cell.
    fn gates(&mut self, states: &[Tensor]) {
        let bytes: Vec<Tensor> = states.iter().filter(|t| !t.format.is_wide).cloned().collect();
        if bytes.is_empty() {
            return self.product(false);
        }
        let state = self.choices.of(&bytes);
        let width = state.shape[state.shape.len() - 1];
        let gates = self.choices.of(&[1, 2, 4]);
        let format = Format { is_wide: false, fraction: self.fraction() };
        let weights = self.input(vec![gates, width, width], format, None);
        let mut axes: Vec<Axis> = vec![("k", gates)];
        axes.extend(axes_of(&state.shape));
        let own = axes[axes.len() - 1].0;
        let mut at: Vec<&str> = axes[1..axes.len() - 1].iter().map(|(axis, _)| *axis).collect();
        at.push("r");
        let value =
            format!("sum(r < {width}: i32({}[{}]) * i32({}[k, {own}, r]))", state.name, listed(&at), weights.name);
        let fraction = state.format.fraction + format.fraction;
        let sums = self.defined(&axes, &value, Format { is_wide: true, fraction }, false);
        // Each gate by itself, as a tensor of the state's shape.
        let inner: Vec<&str> = axes[1..].iter().map(|(axis, _)| *axis).collect();
        let gate = self.choices.below(gates as usize);
        let read = format!("{}[{gate}, {}]", sums.name, listed(&inner));
        let to = Format { is_wide: sums.format.is_wide, fraction: state.format.fraction };
        let conversion = if to.is_wide { "i32" } else { self.choices.of(&["i8", "sat8"]) };
        let value = format!("{conversion}.q{}({read})", to.fraction);
        self.defined(&axes[1..], &value, to, false);
    }

    /// The next value of a state: a copy of what the step computed, or any value.
    fn next(&mut self, state: &Tensor) {
        let axes = axes_of(&state.shape);
        let names = names_of(&axes);
        let fitting: Vec<Tensor> =
            self.tensors.iter().filter(|t| t.is_like(state) && t.name != state.name).cloned().collect();
        let value = match !fitting.is_empty() && self.choices.percent(50) {
            true => format!("{}[{names}]", self.choices.of(&fitting).name),
            false => {
                let readable: Vec<Axis> = axes.iter().copied().chain(self.in_scan).collect();
                self.formatted(state.format, &readable, 1)
            }
        };
        let _ = writeln!(self.body, "        next {}[{names}] = {value}", state.name);
    }

    fn formatted(&mut self, format: Format, axes: &[Axis], depth: usize) -> String {
        match format.is_wide {
            true => self.value(format.fraction, axes, depth),
            false => self.narrow(format.fraction, axes, depth),
        }
    }
}

fn axes_of(shape: &[i64]) -> Vec<Axis> {
    AXES.iter().copied().zip(shape.iter().copied()).collect()
}

fn names_of(axes: &[Axis]) -> String {
    listed(&axes.iter().map(|(axis, _)| *axis).collect::<Vec<_>>())
}

fn declared(axes: &[Axis]) -> String {
    listed(&axes.iter().map(|(axis, n)| format!("{axis} < {n}")).collect::<Vec<_>>())
}
