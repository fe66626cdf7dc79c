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
//! All that load and store can know of each other comes through compute. So what compute has waited for, in its own order,
//! is all there is to know: no chain of tokens implies more.
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
    /// The positions of the compute steps, and what is known to be complete when each is.
    compute: Vec<(u32, Clock)>,
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
        if below > 0 {
            let knowing = self.compute.partition_point(|(_, known)| known.get(far) < below);
            let relay = match self.compute.get(knowing) {
                Some((position, _)) => *position,
                None => {
                    let mut needs = Clock::default();
                    needs.raise(far, below);
                    self.push(Step { module: Module::Compute, needs }, Source::RelayFor(source))
                }
            };
            near.raise(Module::Compute, relay + 1);
        }
        near
    }

    fn push(&mut self, step: Step, source: Source) -> u32 {
        let position = self.steps.len() as u32;
        if step.module == Module::Compute {
            let mut known = self.compute.last().map_or(Clock::default(), |(_, known)| *known);
            known.join(step.needs);
            self.compute.push((position, known));
        }
        self.steps.push(step);
        self.sources.push(source);
        position
    }
}
