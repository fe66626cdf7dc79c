//! Tokens: steps with what they need of their neighbours → the four token flags of each instruction.
//!
//! A need becomes a token from the very instruction that has to be complete, unless what its module has waited for before
//! implies it. So no token orders more than it must, and none is redundant: between two neighbours, a chain of tokens by
//! way of the third module implies nothing, because all chains run through compute, in compute's own order.
//!
//! **Queues match.** In one queue, the instructions that push and those that pop are both in program order, because a
//! need that reaches less far than an earlier one of the same module is implied. So the k-th push meets the k-th pop,
//! each instruction pushes and pops at most once per queue, and every token that is pushed is popped.
//!
//! **No deadlock.** An instruction only waits for instructions before it in program order, and fetch delivers in that
//! order. So the oldest unfinished instruction is at the head of its queue with all its tokens there: it can run,
//! however short the queues of instructions are.
//!
//! **No overflow.** A counter holds 255 tokens. The push of token k must therefore know that the pop of token k - 255 has
//! happened. Where it does not, a need is added. If that pop stands before the push in program order, the push waits for
//! a pop that is some way behind (back-pressure, about one token in 128). Otherwise more than 255 tokens wait for their
//! pops in any order of execution: neighbouring pairs of them are merged, the first pop waiting for the second push.
//! Needs only grow, so this ends.

use tilewright_isa::limits::MAX_TOKENS;
use tilewright_isa::{Module, Tokens};

use super::hazards::Clock;
use super::relay::Step;

/// How far behind its push the pop is that back-pressure waits for, in tokens.
const BACK_PRESSURE: usize = 128;

/// The queues, by the module that pushes and the one that pops.
const QUEUES: [(Module, Module); 4] = [
    (Module::Load, Module::Compute),
    (Module::Compute, Module::Load),
    (Module::Compute, Module::Store),
    (Module::Store, Module::Compute),
];

/// The tokens of one queue in order: positions of the instructions that push and pop.
type Queue = Vec<(u32, u32)>;

/// The token flags of each step. Steps must need only neighbours, and only what stands before them.
pub fn tokens(mut steps: Vec<Step>) -> Vec<Tokens> {
    loop {
        let placed = place(&steps);
        let raises = overflows(&placed);
        if raises.is_empty() {
            return placed.flags(steps.len());
        }
        for (position, module, below) in raises {
            steps[position as usize].needs.raise(module, below);
        }
    }
}

/// The tokens that order all needs.
struct Placed {
    queues: [Queue; 4],
    /// What each step's module has waited for, up to that step.
    known: Vec<Clock>,
}

fn place(steps: &[Step]) -> Placed {
    let mut queues: [Queue; 4] = Default::default();
    let mut known = Vec::with_capacity(steps.len());
    let mut latest = [Clock::default(); 3];
    for (position, step) in steps.iter().enumerate() {
        let waited = &mut latest[step.module as usize];
        for (queue, (from, to)) in queues.iter_mut().zip(QUEUES) {
            let below = step.needs.get(from);
            if to == step.module && below > waited.get(from) {
                waited.raise(from, below);
                queue.push((below - 1, position as u32));
            }
        }
        known.push(*waited);
    }
    Placed { queues, known }
}

/// A need to add: the step, and what it needs of which module.
type Raise = (u32, Module, u32);

/// The needs without which a counter could overflow; none if none can.
fn overflows(placed: &Placed) -> Vec<Raise> {
    let mut raises = Vec::new();
    for (queue, (from, to)) in placed.queues.iter().zip(QUEUES) {
        let mut k = MAX_TOKENS;
        while k < queue.len() {
            let (push, oldest_pop) = (queue[k].0, queue[k - MAX_TOKENS].1);
            let recent_pop = queue[k - BACK_PRESSURE].1;
            if placed.known[push as usize].get(to) > oldest_pop {
                k += 1;
            } else if recent_pop < push {
                raises.push((push, to, recent_pop + 1));
                k += MAX_TOKENS - BACK_PRESSURE + 1;
            } else if oldest_pop < push {
                raises.push((push, to, oldest_pop + 1));
                k += 1;
            } else {
                let open = &queue[k - MAX_TOKENS..=k];
                raises.extend(open.chunks_exact(2).map(|pair| (pair[0].1, from, pair[1].0 + 1)));
                k += open.len();
            }
        }
    }
    raises
}

impl Placed {
    fn flags(&self, steps: usize) -> Vec<Tokens> {
        let mut flags = vec![Tokens::default(); steps];
        for (queue, (from, to)) in self.queues.iter().zip(QUEUES) {
            for (push, pop) in queue {
                let (push, pop) = (*push as usize, *pop as usize);
                if from < to {
                    flags[push].push_next = true;
                    flags[pop].pop_prev = true;
                } else {
                    flags[push].push_prev = true;
                    flags[pop].pop_next = true;
                }
            }
        }
        flags
    }
}
