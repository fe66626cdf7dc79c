//! Fetch: a stream of so many instructions at an address → read commands, and the order and cycle in which the
//! instructions of each burst go into the queues.
//!
//! Once a burst has arrived as a whole, its instructions leave one per cycle, in order; a full queue holds up all
//! behind. The next burst is commanded after the buffer was seen empty.

use super::Timing;
use super::memory::Burst;
use super::observe::NEVER;
use tilewright_isa::Module;
use tilewright_isa::config::INSN_BYTES;

/// From the last beat on the bus: the client has it one cycle later, and starts to drain one cycle after that.
const DRAIN_DELAY: u64 = 2;
/// From the cycle in which the buffer is seen empty until the next command.
const COMMAND_DELAY: u64 = 1;
/// The cycle of the first command.
const FIRST_COMMAND: u64 = 1;

/// The fetch machine.
#[derive(Debug)]
pub(super) struct Fetch {
    base: u64,
    count: usize,
    /// The next instruction to leave the buffer, and the one behind the buffer's last.
    next: usize,
    end: usize,
    /// When it next moves instructions, if that is known.
    pub wake: u64,
    /// The module whose full queue it waits for.
    blocked_by: Option<Module>,
    burst_insns: usize,
    bus_bytes: u64,
}

impl Fetch {
    pub fn new(base: u64, count: usize, timing: &Timing) -> Fetch {
        let burst_insns = (timing.burst_bytes() as usize / INSN_BYTES).max(1);
        let bus_bytes = timing.bus_bytes;
        Fetch { base, count, next: 0, end: 0, wake: NEVER, blocked_by: None, burst_insns, bus_bytes }
    }

    /// The first command and its cycle, if there are instructions.
    pub fn launch(&mut self) -> Option<(u64, Burst)> {
        self.refill(FIRST_COMMAND - COMMAND_DELAY)
    }

    /// Learns when the last beat of the commanded burst is on the bus.
    pub fn last_beat(&mut self, cycle: u64) {
        self.wake = cycle + DRAIN_DELAY;
    }

    /// Learns that a module's queue has room from the next cycle on.
    #[inline]
    pub fn room(&mut self, module: Module, cycle: u64) {
        if self.blocked_by == Some(module) {
            self.blocked_by = None;
            self.wake = cycle + 1;
        }
    }

    /// Moves instructions from `self.wake` on, one per cycle. `enqueue(instruction, cycle)` puts one into its queue, or
    /// returns the module whose queue has no room as far as is known in `self.wake`. Returns the next command and its
    /// cycle once the buffer is empty.
    pub fn drain(&mut self, mut enqueue: impl FnMut(usize, u64) -> Result<(), Module>) -> Option<(u64, Burst)> {
        let now = std::mem::replace(&mut self.wake, NEVER);
        let mut cycle = now;
        while self.next < self.end {
            match enqueue(self.next, cycle) {
                Ok(()) => {}
                // There may be room by then.
                Err(_) if cycle > now => {
                    self.wake = cycle;
                    return None;
                }
                Err(module) => {
                    self.blocked_by = Some(module);
                    return None;
                }
            }
            self.next += 1;
            cycle += 1;
        }
        self.refill(cycle)
    }

    /// The command that follows an empty buffer.
    fn refill(&mut self, empty: u64) -> Option<(u64, Burst)> {
        let insns = (self.count - self.end).min(self.burst_insns);
        if insns == 0 {
            return None;
        }
        let address = self.base.saturating_add((self.end * INSN_BYTES) as u64);
        self.end += insns;
        let beats = ((insns * INSN_BYTES) as u64).div_ceil(self.bus_bytes);
        Some((empty + COMMAND_DELAY, Burst { address, beats }))
    }
}
