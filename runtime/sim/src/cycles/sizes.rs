//! A configuration and a timing → the numbers that every instruction needs, looked up once.

use super::Timing;
use tilewright_isa::{Config, MemoryType, PerMemory};

/// Sizes of a machine's memories and of its bus.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    element_bytes: PerMemory<u64>,
    depth: PerMemory<u64>,
    /// The log2 of the bytes of a beat and of the longest burst.
    pub log_beat: u32,
    pub log_burst: u32,
    /// The log2 of the beats of one element of OUT, at least one beat.
    pub log_tensor: u32,
    /// Beats after which a burst is over, whatever it moves; [`u64::MAX`] on every machine that exists.
    pub beat_limit: u64,
}

/// The log2 of more bytes than any row has.
const ENDLESS: u32 = 62;

impl Sizes {
    /// With unlimited bandwidth every row is a burst of one beat; see [`super::CycleOptions::unlimited_bandwidth`].
    pub fn new(config: &Config, timing: &Timing, unlimited_bandwidth: bool) -> Sizes {
        let element_bytes = PerMemory::new(|memory| config.element_bytes(memory) as u64);
        let log_beat = timing.bus_bytes.trailing_zeros();
        Sizes {
            element_bytes,
            depth: PerMemory::new(|memory| config.depth(memory) as u64),
            log_beat,
            log_burst: if unlimited_bandwidth { ENDLESS } else { log_beat + timing.burst_beats.trailing_zeros() },
            log_tensor: element_bytes[MemoryType::Out].trailing_zeros().saturating_sub(log_beat),
            beat_limit: if unlimited_bandwidth { 1 } else { u64::MAX },
        }
    }

    /// Bytes of an element in device memory.
    #[inline]
    pub fn element_bytes(&self, memory: MemoryType) -> u64 {
        self.element_bytes[memory]
    }

    /// Elements of the scratchpad.
    #[inline]
    pub fn depth(&self, memory: MemoryType) -> u64 {
        self.depth[memory]
    }
}
