//! Relays: hazards between load and store, which exchange no tokens → hazards with compute, which stands between them.
//!
//! ```text
//! store p; ...; load i needs p      →      store p; ...; no-op c needs p; load i needs c
//! ```
//!
//! Where a compute instruction is known to run after `p` anyway, `i` waits for the earliest such and nothing is inserted.
//! Otherwise a no-op stands right before `i`. An instruction of the program is never made to wait instead: whatever
//! follows it in compute would wait as well, and it is only the no-op's one cycle that this would save.
//!
//! Afterwards every step needs only its neighbours.

use tilewright_isa::Module;

use super::hazards::Clock;

/// An instruction as the tokens see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub module: Module,
    /// What must be complete before it starts; the entry of its own module does not matter.
    pub needs: Clock,
}

/// Where a step comes from, by position in the list without relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Step(u32),
    /// A no-op of compute for this step.
    RelayFor(u32),
}

/// Steps in program order, with relays.
#[derive(Debug, Default)]
pub struct Relayed {
    pub steps: Vec<Step>,
    pub sources: Vec<Source>,
    /// What is complete when each step is.
    done: Vec<Clock>,
    /// What is complete when the latest step of each module is.
    latest: [Clock; 3],
    /// The positions of the compute steps.
    compute: Vec<u32>,
}

/// Inserts the relays that a list of steps takes.
pub fn relay(steps: &[Step]) -> Relayed {
    let mut relayed = Relayed::default();
    let mut moved = Vec::with_capacity(steps.len());
    for (k, step) in steps.iter().enumerate() {
        let needs = relayed.adjacent(step.module, renumber(step, &moved), k as u32);
        moved.push(relayed.push(Step { module: step.module, needs }, Source::Step(k as u32)));
    }
    relayed
}

/// What a step needs of the other modules, with positions in the list with relays.
fn renumber(step: &Step, moved: &[u32]) -> Clock {
    let mut renumbered = Clock::default();
    for module in Module::ALL.into_iter().filter(|m| *m != step.module) {
        if let Some(last) = step.needs.get(module).checked_sub(1) {
            renumbered.raise(module, moved[last as usize] + 1);
        }
    }
    renumbered
}

impl Relayed {
    /// The same needs, of neighbours only; inserts a relay where it takes one.
    fn adjacent(&mut self, module: Module, needs: Clock, source: u32) -> Clock {
        let far = match module {
            Module::Load => Module::Store,
            Module::Store => Module::Load,
            Module::Compute => return needs,
        };
        let mut near = Clock::default();
        near.raise(Module::Compute, needs.get(Module::Compute));
        let below = needs.get(far);
        if self.known(module, near).get(far) >= below {
            return near;
        }
        let knowing = self.compute.partition_point(|c| self.done[*c as usize].get(far) < below);
        let relay = self.compute.get(knowing).copied().unwrap_or_else(|| {
            let mut pops = Clock::default();
            pops.raise(far, below);
            self.push(Step { module: Module::Compute, needs: pops }, Source::RelayFor(source))
        });
        near.raise(Module::Compute, relay + 1);
        near
    }

    fn push(&mut self, step: Step, source: Source) -> u32 {
        let position = self.steps.len() as u32;
        let mut done = self.known(step.module, step.needs);
        done.raise(step.module, position + 1);
        self.latest[step.module as usize] = done;
        self.done.push(done);
        self.steps.push(step);
        self.sources.push(source);
        if step.module == Module::Compute {
            self.compute.push(position);
        }
        position
    }

    /// What is complete when the next step of a module may start.
    fn known(&self, module: Module, needs: Clock) -> Clock {
        let mut known = self.latest[module as usize];
        for other in Module::ALL.into_iter().filter(|m| *m != module) {
            if let Some(last) = needs.get(other).checked_sub(1) {
                known.join(self.done[last as usize]);
            }
        }
        known
    }
}
