//! What happens in a run, as calls on an [`Observer`], each as soon as it is certain.
//!
//! Calls come in the order in which the model decides, not in order of time: an instruction's `queued`, a read's and a
//! write's later cycles can lie ahead of what has been simulated. What lies behind the end of the run does not happen.

use super::memory::Client;

/// A cycle that does not come.
pub const NEVER: u64 = u64::MAX;

/// One read burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    pub client: Client,
    /// The LOAD that asked for it; fetch asks for none.
    pub insn: Option<usize>,
    /// When the command stood in the client's queue.
    pub commanded: u64,
    /// When it went into the memory's FIFO; [`NEVER`] if the run ended before.
    pub granted: u64,
    /// When its first beat was on the bus.
    pub first_beat: u64,
    pub last_beat: u64,
    /// In bytes.
    pub address: u64,
    pub beats: u64,
}

/// One write burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write {
    /// The STORE that it belongs to.
    pub insn: usize,
    pub commanded: u64,
    pub accepted: u64,
    pub first_beat: u64,
    pub last_beat: u64,
    pub acknowledged: u64,
    /// In bytes.
    pub address: u64,
    pub beats: u64,
}

/// Is told what happens in a run. Instructions are numbered as in the stream.
pub trait Observer {
    /// Whether [`Observer::write`] is wanted; a STORE is simulated row by row where it is not.
    const WRITES: bool = true;

    /// The instruction went into its module's queue.
    fn queued(&mut self, insn: usize, cycle: u64) {
        let _ = (insn, cycle);
    }

    /// The instruction took its tokens and started.
    fn started(&mut self, insn: usize, cycle: u64) {
        let _ = (insn, cycle);
    }

    /// The instruction was done and posted its tokens.
    fn done(&mut self, insn: usize, cycle: u64) {
        let _ = (insn, cycle);
    }

    /// A read was granted, or commanded and never granted.
    fn read(&mut self, read: &Read) {
        let _ = read;
    }

    /// A write burst was begun.
    fn write(&mut self, write: &Write) {
        let _ = write;
    }
}

/// Observes nothing, at no cost.
impl Observer for () {
    const WRITES: bool = false;
}
