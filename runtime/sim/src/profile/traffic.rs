//! Traffic: the reads of a run → bytes by client, and how many different bytes these are.
//!
//! What is read several times could have been kept on chip; what is read once could not.

use crate::cycles::{CLIENTS, Client, NEVER, Tables, Timing};

/// What a client read, in bytes. Rows count as widened to whole beats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub bytes: u64,
    /// Bytes at different addresses.
    pub distinct: u64,
}

/// The traffic of each client, in the order of [`Client::ALL`], of a run with these tables.
pub(super) fn by_client(tables: &Tables, timing: &Timing) -> [Traffic; CLIENTS] {
    Client::ALL.map(|client| {
        let reads = tables.reads.iter().filter(|read| read.client == client && read.granted != NEVER);
        let mut ranges: Vec<(u64, u64)> =
            reads.map(|read| (read.address, read.address.saturating_add(read.beats * timing.bus_bytes))).collect();
        ranges.sort_unstable();
        let (mut traffic, mut covered) = (Traffic::default(), 0);
        for (start, end) in ranges {
            traffic.bytes += end - start;
            traffic.distinct += end.saturating_sub(start.max(covered));
            covered = covered.max(end);
        }
        traffic
    })
}
