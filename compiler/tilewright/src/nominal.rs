//! The nominal work of a program → the cycles in which each unit does it.
//!
//! Nominal work is what the definitions of a kernel name, whatever its schedule (see [`tilewright_core::nominal`]). It takes
//! each unit so many cycles: compute one micro-op after the other, the bus one beat of reads after the other, a store what its
//! bursts take. The three work at the same time, so the greatest of them counts. Latencies and waiting are no work.
//!
//! This is no bound: a schedule can find less work than the definitions name.

use tilewright_core::nominal::nominal;
use tilewright_isa::{MemoryType, Timing};

use crate::Artifact;

/// The cycles in which each unit does the nominal work of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NominalCycles {
    pub compute: u64,
    pub read: u64,
    pub write: u64,
}

impl NominalCycles {
    /// Those of the unit that takes longest.
    pub fn cycles(&self) -> u64 {
        self.compute.max(self.read).max(self.write)
    }
}

impl Artifact {
    /// The cycles of its nominal work; none for a loop program, and for a kernel with a definition for which the ALU has no
    /// operations as it stands.
    ///
    /// ```
    /// use tilewright::time::NamedTiming;
    /// # use tilewright::{Options, Sources, compile};
    /// # let mut sources = Sources::default();
    /// # sources.add("k.tw", "kernel k {
    /// #     input x: i32[1024]
    /// #     output y[i] = i8(x[i] + 2)
    /// # }");
    /// let artifact = compile(&sources, &Options::default()).unwrap();
    /// let nominal = artifact.nominal(&NamedTiming::default().timing).unwrap();
    /// // 4096 bytes over a bus of 8; 64 vectors of 16 values.
    /// assert_eq!((nominal.read, nominal.compute, nominal.cycles()), (512, 64, 512));
    /// ```
    pub fn nominal(&self, timing: &Timing) -> Option<NominalCycles> {
        let (kernel, config) = (self.kernel()?, self.config());
        let work = nominal(kernel, config).ok()?;
        let elements = work.written_bytes.div_ceil(config.element_bytes(MemoryType::Out) as u64);
        Some(NominalCycles {
            compute: timing.gemm_cycles(work.gemm + work.reset) + timing.alu_cycles(work.alu_imm, work.alu_reg),
            read: timing.read_cycles(work.read_bytes),
            write: timing.store_cycles(work.written_bytes, elements),
        })
    }
}
