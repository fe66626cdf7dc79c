//! Rules of a stream: which token queues an instruction uses, and in which order its instructions must run.
//!
//! An instruction waits for its predecessor in the same module and for the tokens that it pops; the k-th pop of a queue
//! takes the k-th token. So the order that holds whatever the timing is a partial order, computed here once
//! ([`Order`]); two instructions that it leaves unordered may overlap.

use crate::insn::{Insn, Module};
use std::collections::VecDeque;
use std::fmt;

/// One of the four token queues, named after the modules that it connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Queue {
    LoadToCompute,
    ComputeToLoad,
    ComputeToStore,
    StoreToCompute,
}

impl Queue {
    pub const ALL: [Queue; 4] =
        [Queue::LoadToCompute, Queue::ComputeToLoad, Queue::ComputeToStore, Queue::StoreToCompute];

    /// The queue from one module to another, if they are neighbours.
    pub const fn between(producer: Module, consumer: Module) -> Option<Queue> {
        match (producer, consumer) {
            (Module::Load, Module::Compute) => Some(Queue::LoadToCompute),
            (Module::Compute, Module::Load) => Some(Queue::ComputeToLoad),
            (Module::Compute, Module::Store) => Some(Queue::ComputeToStore),
            (Module::Store, Module::Compute) => Some(Queue::StoreToCompute),
            _ => None,
        }
    }

    /// The name in files that describe recorded streams.
    pub fn key(self) -> &'static str {
        match self {
            Queue::LoadToCompute => "load_to_compute",
            Queue::ComputeToLoad => "compute_to_load",
            Queue::ComputeToStore => "compute_to_store",
            Queue::StoreToCompute => "store_to_compute",
        }
    }

    /// The module that posts into it.
    pub fn producer(self) -> Module {
        match self {
            Queue::LoadToCompute => Module::Load,
            Queue::ComputeToLoad | Queue::ComputeToStore => Module::Compute,
            Queue::StoreToCompute => Module::Store,
        }
    }

    /// The module that waits on it.
    pub fn consumer(self) -> Module {
        match self {
            Queue::ComputeToLoad => Module::Load,
            Queue::LoadToCompute | Queue::StoreToCompute => Module::Compute,
            Queue::ComputeToStore => Module::Store,
        }
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Queue::LoadToCompute => "load→compute",
            Queue::ComputeToLoad => "compute→load",
            Queue::ComputeToStore => "compute→store",
            Queue::StoreToCompute => "store→compute",
        })
    }
}

/// Some of the four queues, as an iterator over them in the order of [`Queue::ALL`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSet(u8);

impl Iterator for QueueSet {
    type Item = Queue;

    #[inline]
    fn next(&mut self) -> Option<Queue> {
        let first = *Queue::ALL.get(self.0.trailing_zeros() as usize)?;
        self.0 &= self.0 - 1;
        Some(first)
    }
}

/// For each module, the sets of the queues that `pop_prev`, `pop_next`, `push_prev` and `push_next` stand for.
const QUEUES: [[u8; 4]; 3] = [queues(Module::Load), queues(Module::Compute), queues(Module::Store)];

const fn queues(here: Module) -> [u8; 4] {
    const fn set(producer: Option<Module>, consumer: Option<Module>) -> u8 {
        match (producer, consumer) {
            (Some(producer), Some(consumer)) => match Queue::between(producer, consumer) {
                Some(queue) => 1 << queue as u8,
                None => 0,
            },
            _ => 0,
        }
    }
    let (prev, next, here) = (here.prev(), here.next(), Some(here));
    [set(prev, here), set(next, here), set(here, prev), set(here, next)]
}

impl Insn {
    /// The queues that it waits on before it starts. A flag on a side without neighbour has no queue.
    #[inline]
    pub fn pops(&self) -> QueueSet {
        let [prev, next, ..] = QUEUES[self.module() as usize];
        QueueSet((prev * u8::from(self.tokens.pop_prev)) | (next * u8::from(self.tokens.pop_next)))
    }

    /// The queues that it posts into when it is done.
    #[inline]
    pub fn pushes(&self) -> QueueSet {
        let [.., prev, next] = QUEUES[self.module() as usize];
        QueueSet((prev * u8::from(self.tokens.push_prev)) | (next * u8::from(self.tokens.push_next)))
    }
}

/// Instructions per module.
type Clock = [u32; 3];

/// A queue's tokens: those from before the run, which order nothing and are taken first, and posted ones, each with what
/// was done when it was posted.
struct Fifo {
    before: usize,
    posted: VecDeque<Clock>,
}

impl Fifo {
    fn len(&self) -> usize {
        self.before + self.posted.len()
    }

    /// The next token; there must be one.
    fn take(&mut self) -> Clock {
        if self.before > 0 {
            self.before -= 1;
            return Clock::default();
        }
        self.posted.pop_front().expect("a module that is ready has its tokens")
    }
}

/// Which instructions run before which others in every execution of a stream.
#[derive(Clone, Debug)]
pub struct Order {
    /// For each instruction, how many of each module are done when it is; nothing for one that never starts.
    done: Vec<Option<Clock>>,
    /// For each instruction, its module and how many of that module stand before it.
    places: Vec<(Module, u32)>,
    left: [usize; 4],
}

impl Order {
    /// Follows the tokens of a stream. `tokens_before` lie in the queues at the start, in the order of [`Queue::ALL`].
    pub fn new(insns: &[Insn], tokens_before: [u32; 4]) -> Order {
        let mut stream = Stream::new(insns);
        let mut fifos = tokens_before.map(|before| Fifo { before: before as usize, posted: VecDeque::new() });
        let mut done = vec![None; insns.len()];
        let mut clocks = [Clock::default(); 3];
        while let Some(module) =
            Module::ALL.into_iter().find(|module| stream.ready(*module, |q| fifos[q as usize].len()))
        {
            let index = stream.next(module).expect("a module that is ready has an instruction");
            let clock = &mut clocks[module as usize];
            for queue in insns[index].pops() {
                let token = fifos[queue as usize].take();
                *clock = std::array::from_fn(|m| clock[m].max(token[m]));
            }
            clock[module as usize] += 1;
            insns[index].pushes().for_each(|queue| fifos[queue as usize].posted.push_back(*clock));
            done[index] = Some(*clock);
            stream.step(module);
        }
        Order { done, places: places(insns), left: fifos.map(|fifo| fifo.len()) }
    }

    /// Whether `first` is done before `second` starts, in every execution. False when one of them never starts.
    pub fn before(&self, first: usize, second: usize) -> bool {
        let (module, position) = self.places[first];
        let reaches = |clock: Clock| clock[module as usize] > position;
        first != second && self.done[first].is_some() && self.done[second].is_some_and(reaches)
    }

    /// Whether the instruction gets all the tokens that it and those before it in its module pop.
    pub fn starts(&self, insn: usize) -> bool {
        self.done[insn].is_some()
    }

    /// Instructions that never start, because a token that they or one before them in their module pop is never
    /// posted. The first of each module is the one that waits.
    pub fn never_start(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.done.len()).filter(|index| self.done[*index].is_none())
    }

    /// Tokens left in each queue at the end, in the order of [`Queue::ALL`].
    pub fn tokens_left(&self) -> [usize; 4] {
        self.left
    }

    /// An instruction before `last` in the stream that is not done before it, the last such one.
    pub fn unordered_before(&self, last: usize) -> Option<usize> {
        (0..last).rev().find(|index| !self.before(*index, last))
    }
}

/// The most tokens that may lie in a queue at once in some execution, with the instruction that posts the last of them.
///
/// The producer runs as far ahead as it can: every other module steps only when the producer needs a token from it,
/// directly or not, so the consumer has taken as few as in any execution.
pub fn most_outstanding(insns: &[Insn], queue: Queue, tokens_before: [u32; 4]) -> (usize, Option<usize>) {
    let mut stream = Stream::new(insns);
    let mut tokens = tokens_before.map(|count| count as usize);
    let mut most = (tokens[queue as usize], None);
    let mut needed = vec![queue.producer()];
    while let Some(module) = needed.last().copied() {
        let Some(index) = stream.next(module) else { break };
        if let Some(missing) = insns[index].pops().find(|queue| tokens[*queue as usize] == 0) {
            if needed.contains(&missing.producer()) {
                break;
            }
            needed.push(missing.producer());
            continue;
        }
        insns[index].pops().for_each(|queue| tokens[queue as usize] -= 1);
        insns[index].pushes().for_each(|queue| tokens[queue as usize] += 1);
        stream.step(module);
        if tokens[queue as usize] > most.0 {
            most = (tokens[queue as usize], Some(index));
        }
        if needed.len() > 1 {
            needed.pop();
        }
    }
    most
}

/// The instructions of each module in order, and how far each has come.
struct Stream<'a> {
    insns: &'a [Insn],
    queues: [Vec<usize>; 3],
    heads: [usize; 3],
}

impl<'a> Stream<'a> {
    fn new(insns: &'a [Insn]) -> Stream<'a> {
        let mut queues = [Vec::new(), Vec::new(), Vec::new()];
        for (index, insn) in insns.iter().enumerate() {
            queues[insn.module() as usize].push(index);
        }
        Stream { insns, queues, heads: [0; 3] }
    }

    /// The instruction that this module runs next.
    fn next(&self, module: Module) -> Option<usize> {
        self.queues[module as usize].get(self.heads[module as usize]).copied()
    }

    fn ready(&self, module: Module, tokens: impl Fn(Queue) -> usize) -> bool {
        self.next(module).is_some_and(|index| self.insns[index].pops().all(|queue| tokens(queue) > 0))
    }

    fn step(&mut self, module: Module) {
        self.heads[module as usize] += 1;
    }
}

fn places(insns: &[Insn]) -> Vec<(Module, u32)> {
    let mut counts = Clock::default();
    let mut place = |insn: &Insn| {
        let module = insn.module();
        counts[module as usize] += 1;
        (module, counts[module as usize] - 1)
    };
    insns.iter().map(&mut place).collect()
}
