//! A module: its instruction queue and what it is doing.
//!
//! The instruction that runs stays at the head of the queue until it is done, so it counts for the depth.

use super::counters::TokenUse;
use super::observe::NEVER;
use std::collections::VecDeque;

/// An instruction in a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queued {
    pub insn: u32,
    pub tokens: TokenUse,
    /// When it came; it can start one cycle later.
    pub cycle: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waits for an instruction or its tokens.
    Idle,
    /// Takes the head's tokens in the cycle of [`ModuleState::next`].
    Starting,
    /// Done in the cycle of [`ModuleState::next`], or as soon as that is known.
    Running,
}

/// A module at one moment.
#[derive(Debug)]
pub(super) struct ModuleState {
    pub queue: VecDeque<Queued>,
    pub phase: Phase,
    /// When the phase ends, if that is known.
    pub next: u64,
    /// When the running instruction started.
    pub started: u64,
    /// Instructions done so far.
    pub executed: usize,
}

impl ModuleState {
    pub fn new() -> ModuleState {
        ModuleState { queue: VecDeque::new(), phase: Phase::Idle, next: NEVER, started: 0, executed: 0 }
    }

    /// The head, which must be there.
    #[inline]
    pub fn head(&self) -> Queued {
        *self.queue.front().expect("a module that starts or runs has a head")
    }
}
