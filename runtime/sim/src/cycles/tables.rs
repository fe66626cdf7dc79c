//! What happened in a run, collected as three tables: instructions, reads, writes → CSV.
//!
//! The tables end with the last cycle of the run. What had not happened by then is -1, and bursts that were not even
//! commanded are left out. Reads are in order of command, then of priority; writes in order of command.

use super::observe::{NEVER, Observer, Read, Write};
use std::io;
use tilewright_isa::Insn;

/// When an instruction was queued, started and done; [`NEVER`] for what did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsnTimes {
    pub queued: u64,
    pub started: u64,
    pub done: u64,
}

/// The tables of one run; an [`Observer`]. [`Tables::finish`] must be called with the run's length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// By instruction.
    pub insns: Vec<InsnTimes>,
    pub reads: Vec<Read>,
    pub writes: Vec<Write>,
}

impl Observer for Tables {
    fn queued(&mut self, insn: usize, cycle: u64) {
        self.insns[insn].queued = cycle;
    }

    fn started(&mut self, insn: usize, cycle: u64) {
        self.insns[insn].started = cycle;
    }

    fn done(&mut self, insn: usize, cycle: u64) {
        self.insns[insn].done = cycle;
    }

    fn read(&mut self, read: &Read) {
        self.reads.push(*read);
    }

    fn write(&mut self, write: &Write) {
        self.writes.push(*write);
    }
}

impl Tables {
    /// Empty tables for a stream of so many instructions.
    pub fn new(insns: usize) -> Tables {
        let times = InsnTimes { queued: NEVER, started: NEVER, done: NEVER };
        Tables { insns: vec![times; insns], ..Tables::default() }
    }

    /// Cuts the tables behind the last cycle of the run and sorts them.
    pub fn finish(&mut self, cycles: u64) {
        let cut = |cycle: &mut u64| *cycle = if *cycle > cycles { NEVER } else { *cycle };
        for InsnTimes { queued, started, done } in &mut self.insns {
            [queued, started, done].into_iter().for_each(cut);
        }
        self.reads.retain(|read| read.commanded <= cycles);
        for read in &mut self.reads {
            [&mut read.granted, &mut read.first_beat, &mut read.last_beat].into_iter().for_each(cut);
        }
        self.reads.sort_by_key(|read| (read.commanded, read.client.index()));
        self.writes.retain(|write| write.commanded <= cycles);
        for Write { accepted, first_beat, last_beat, acknowledged, .. } in &mut self.writes {
            [accepted, first_beat, last_beat, acknowledged].into_iter().for_each(cut);
        }
    }

    /// Writes `index,module,queued,started,done`; `insns` is the stream.
    pub fn write_instructions(&self, insns: &[Insn], out: &mut impl io::Write) -> io::Result<()> {
        writeln!(out, "index,module,queued,started,done")?;
        for (index, (times, insn)) in self.insns.iter().zip(insns).enumerate() {
            let InsnTimes { queued, started, done } = *times;
            let [queued, started, done] = [queued, started, done].map(shown);
            writeln!(out, "{index},{},{queued},{started},{done}", insn.module())?;
        }
        Ok(())
    }

    /// Writes `client,commanded,granted,first_beat,last_beat,address,beats`; addresses in bytes.
    pub fn write_reads(&self, out: &mut impl io::Write) -> io::Result<()> {
        writeln!(out, "client,commanded,granted,first_beat,last_beat,address,beats")?;
        for read in &self.reads {
            let times = [read.commanded, read.granted, read.first_beat, read.last_beat].map(shown);
            let [commanded, granted, first_beat, last_beat] = times;
            let Read { client, address, beats, .. } = read;
            writeln!(out, "{client},{commanded},{granted},{first_beat},{last_beat},{address},{beats}")?;
        }
        Ok(())
    }

    /// Writes `commanded,accepted,first_beat,last_beat,acknowledged,address,beats`; addresses in bytes.
    pub fn write_writes(&self, out: &mut impl io::Write) -> io::Result<()> {
        writeln!(out, "commanded,accepted,first_beat,last_beat,acknowledged,address,beats")?;
        for write in &self.writes {
            let Write { commanded, accepted, first_beat, last_beat, acknowledged, address, beats, .. } = *write;
            let times = [commanded, accepted, first_beat, last_beat, acknowledged].map(shown);
            let [commanded, accepted, first_beat, last_beat, acknowledged] = times;
            writeln!(out, "{commanded},{accepted},{first_beat},{last_beat},{acknowledged},{address},{beats}")?;
        }
        Ok(())
    }
}

/// A cycle in a table.
fn shown(cycle: u64) -> i64 {
    i64::try_from(cycle).unwrap_or(-1)
}
