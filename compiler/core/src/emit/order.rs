//! The order of instructions: steps with what they need, and how long each takes → the order in which they stand.
//!
//! ```text
//! store y; load x (needs the store); load w            →      load w; store y; load x
//! ```
//!
//! Each module executes its instructions one after the other, so a load that waits (for a store by way of compute, above
//! all) holds up the loads behind it. Here the three modules are simulated on estimated durations. Compute and store keep
//! their order; load takes the first of the next few that can start, where it fills enough of a wait. The instructions
//! then stand in the order of their starts, so that fetch brings each in time and a relay stops compute only when what it
//! waits for is nearly done. Where no load has moved past another one, or past compute that its relay would stop, the program's
//! order is as good, and stays.
//!
//! **No hazard changes direction.** A step starts when all steps of the other modules that it needs are done, and a load
//! only behind all loads that its needs reach. A pair with a hazard is among these, so it stands in its old order.
//! The work is linear in the steps. Equal lists give equal orders.

use tilewright_isa::Module;

use super::relay::Step;

/// How many loads are looked at, from the first that has not started.
const WINDOW: usize = 32;

/// A load goes before one that waits if it takes at most this many times as long as the wait.
const LENGTHS_OF_WAIT: u64 = 4;

/// The positions of steps in their new order; None if it is the old one. `durations` are in cycles.
pub fn order(steps: &[Step], durations: &[u64]) -> Option<Vec<u32>> {
    let mut simulation = Simulation::new(steps, durations);
    let mut starts = Vec::with_capacity(steps.len());
    while let Some(started) = simulation.next() {
        starts.push(started);
    }
    debug_assert_eq!(starts.len(), steps.len(), "the first step that is left can always start");
    // Stable: of steps that start together, one that needs another was taken behind it.
    starts.sort_by_key(|(_, start)| *start);
    let order: Vec<u32> = starts.into_iter().map(|(position, _)| position).collect();
    (moved_loads(steps, &order) || passed_by_loads(steps, &order)).then_some(order)
}

/// Whether a load that waits for a store goes before compute steps that it stood behind: its relay stops these as well.
fn passed_by_loads(steps: &[Step], order: &[u32]) -> bool {
    let waits = |k: u32| steps[k as usize].module == Module::Load && steps[k as usize].needs.get(Module::Store) > 0;
    // Compute keeps its order: those that have not come stand behind the last one that has.
    let mut compute = (0..).zip(steps).filter(|(_, step)| step.module == Module::Compute).map(|(k, _)| k).peekable();
    order.iter().any(|k| match steps[*k as usize].module {
        Module::Compute => {
            compute.next();
            false
        }
        _ => waits(*k) && compute.peek().is_some_and(|next| next < k),
    })
}

/// Whether loads stand in another order among themselves.
fn moved_loads(steps: &[Step], order: &[u32]) -> bool {
    let loads = order.iter().filter(|k| steps[**k as usize].module == Module::Load);
    !loads.is_sorted()
}

/// The instructions of one module.
#[derive(Default)]
struct Queue {
    /// Positions, in program order.
    steps: Vec<u32>,
    /// When each is done, for those that have started.
    done: Vec<Option<u64>>,
    /// How many have started without one before them that has not, and when all these are done.
    started: usize,
    prefix_done: Vec<u64>,
    /// When the module can start another one.
    free: u64,
}

struct Simulation<'a> {
    durations: &'a [u64],
    queues: [Queue; 3],
    /// For each step how many instructions of each module it needs.
    needs: Vec<[u32; 3]>,
}

/// A step that can start.
#[derive(Clone, Copy)]
struct Candidate {
    module: Module,
    /// Its place in the queue.
    at: usize,
    start: u64,
}

impl Simulation<'_> {
    fn new<'a>(steps: &[Step], durations: &'a [u64]) -> Simulation<'a> {
        let mut queues: [Queue; 3] = Default::default();
        let mut ranks: Vec<[u32; 3]> = Vec::with_capacity(steps.len() + 1);
        for (position, step) in steps.iter().enumerate() {
            ranks.push([0, 1, 2].map(|m: usize| queues[m].steps.len() as u32));
            queues[step.module as usize].steps.push(position as u32);
        }
        ranks.push([0, 1, 2].map(|m: usize| queues[m].steps.len() as u32));
        for queue in &mut queues {
            queue.done = vec![None; queue.steps.len()];
            queue.prefix_done = vec![0];
        }
        let count = |step: &Step| Module::ALL.map(|m| ranks[step.needs.get(m) as usize][m as usize]);
        let needs = steps.iter().map(count).collect();
        Simulation { durations, queues, needs }
    }

    /// Starts the step that can start first and returns it with its start; None when all have. As long as it is unknown
    /// when the first load can start, the other modules go ahead, so that the length of its wait is known.
    fn next(&mut self) -> Option<(u32, u64)> {
        let others = [self.first(Module::Compute), self.first(Module::Store)];
        let load = match self.first(Module::Load) {
            None if others.iter().any(Option::is_some) => None,
            _ => self.load(),
        };
        let candidates = others.into_iter().chain([load]).flatten();
        let earliest = candidates.min_by_key(|c| (c.start, self.position(*c)))?;
        let position = self.position(earliest);
        let done = earliest.start + self.durations[position as usize];
        let queue = &mut self.queues[earliest.module as usize];
        queue.done[earliest.at] = Some(done);
        queue.free = done;
        while let Some(Some(done)) = queue.done.get(queue.started) {
            queue.prefix_done.push(queue.prefix_done[queue.started].max(*done));
            queue.started += 1;
        }
        Some((position, earliest.start))
    }

    fn position(&self, c: Candidate) -> u32 {
        self.queues[c.module as usize].steps[c.at]
    }

    /// The first step of a module that has not started.
    fn first(&self, module: Module) -> Option<Candidate> {
        self.candidate(module, self.queues[module as usize].started)
    }

    /// The first load that can start, unless one behind it fills enough of its wait.
    fn load(&self) -> Option<Candidate> {
        let queue = &self.queues[Module::Load as usize];
        let mut best: Option<Candidate> = None;
        for at in queue.started..queue.steps.len().min(queue.started + WINDOW) {
            if queue.done[at].is_some() {
                continue;
            }
            let Some(candidate) = self.candidate(Module::Load, at) else { continue };
            let fills = |b: Candidate| {
                let length = self.durations[self.position(candidate) as usize];
                candidate.start < b.start && length <= LENGTHS_OF_WAIT * (b.start - candidate.start)
            };
            if best.is_none_or(fills) {
                best = Some(candidate);
            }
            if candidate.start == queue.free {
                break;
            }
        }
        best
    }

    /// A step as a candidate, if all that it needs has started.
    fn candidate(&self, module: Module, at: usize) -> Option<Candidate> {
        let queue = &self.queues[module as usize];
        let needs = &self.needs[*queue.steps.get(at)? as usize];
        let mut start = queue.free;
        for other in Module::ALL {
            let needed = needs[other as usize] as usize;
            if other == module {
                // Its own module is waited for by standing behind it.
                let behind = module != Module::Load || needed.min(at) <= queue.started;
                if !behind {
                    return None;
                }
            } else {
                start = start.max(*self.queues[other as usize].prefix_done.get(needed)?);
            }
        }
        Some(Candidate { module, at, start })
    }
}
