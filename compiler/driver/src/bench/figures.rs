//! What was measured → the figures that are shown: ratios to another compiler's, shares of the nominal work, sums.

use tilewright_isa::{Config, MemoryType, PerMemory};
use tilewright_sim::cycles::{Basis, Timing};

use super::measure::{Machine, Measured, Outcome};
use super::table::Reference;

/// The figures of a row.
#[derive(Debug)]
pub struct RowFigures<'a> {
    pub measured: &'a Measured,
    /// None where the row has no run.
    pub run: Option<RunFigures<'a>>,
}

/// The figures of a row that ran.
#[derive(Debug)]
pub struct RunFigures<'a> {
    pub outcome: &'a Outcome,
    /// The other compiler's; none where the machine is another than the one that its figures are for.
    pub tvm: Option<Reference>,
    /// In cycles; none where the machine is another.
    pub aim: Option<u64>,
}

/// The figures of all rows.
#[derive(Debug)]
pub struct Figures<'a> {
    pub machine: &'a Machine,
    pub rows: Vec<RowFigures<'a>>,
    /// In seconds; differs from run to run, as nothing else here does.
    pub compile_seconds: f64,
}

impl RunFigures<'_> {
    pub fn cycles(&self) -> u64 {
        self.outcome.timed.report.cycles
    }

    /// Bytes between device memory and each of the memories.
    pub fn bytes(&self) -> &PerMemory<u64> {
        &self.outcome.report.bytes
    }

    pub fn total_bytes(&self) -> u64 {
        all_memories(self.bytes())
    }

    /// The share of the cycles in which the GEMM core multiplies.
    pub fn gemm_share(&self) -> Option<f64> {
        ratio(self.outcome.report.gemm_uops, self.cycles())
    }

    /// Cycles of the other compiler's stream.
    pub fn tvm_cycles(&self) -> Option<u64> {
        self.tvm.and_then(|tvm| tvm.cycles)
    }

    /// Bytes that the other compiler's stream moves.
    pub fn tvm_bytes(&self) -> Option<u64> {
        self.tvm.map(|tvm| all_memories(&tvm.bytes()))
    }

    /// The row's cycles by the other compiler's.
    pub fn cycles_ratio(&self) -> Option<f64> {
        ratio(self.cycles(), self.tvm_cycles()?)
    }

    /// The row's bytes by the other compiler's.
    pub fn bytes_ratio(&self) -> Option<f64> {
        ratio(self.total_bytes(), self.tvm_bytes()?)
    }

    /// Whether the row takes no more cycles than it is to take.
    pub fn reached(&self) -> Option<bool> {
        self.aim.map(|aim| self.cycles() <= aim)
    }

    /// The cycles of the nominal work by those of the row; above 1 where the schedule found less work than the definitions name.
    pub fn share(&self) -> Option<f64> {
        ratio(self.outcome.nominal?.cycles(), self.cycles())
    }
}

fn all_memories(bytes: &PerMemory<u64>) -> u64 {
    MemoryType::REPORTED.iter().map(|memory| bytes[*memory]).sum()
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl Machine {
    /// Whether the figures of tables are for this machine: VTA's default core, in the build for the DE10-Nano.
    pub fn is_reference(&self) -> bool {
        self.config == Config::default() && self.timing.timing == Timing::DE10
    }
}

impl<'a> Figures<'a> {
    pub fn new(machine: &'a Machine, measured: &'a [Measured], compile_seconds: f64) -> Figures<'a> {
        let comparable = machine.is_reference();
        let run = |measured: &'a Measured, outcome: &'a Outcome| {
            let comparable = comparable && measured.row.target.is_none();
            RunFigures {
                outcome,
                tvm: measured.row.tvm.filter(|_| comparable),
                aim: measured.row.aim.filter(|_| comparable),
            }
        };
        let row = |measured: &'a Measured| RowFigures {
            measured,
            run: measured.outcome.as_ref().ok().map(|outcome| run(measured, outcome)),
        };
        Figures { machine, rows: measured.iter().map(row).collect(), compile_seconds }
    }

    /// The rows that ran, with their names.
    pub fn runs(&self) -> impl Iterator<Item = (&str, &RunFigures<'a>)> {
        self.rows.iter().filter_map(|row| Some((&*row.measured.row.name, row.run.as_ref()?)))
    }

    /// Whether there are rows that are neither recurrences nor compared with floating point.
    pub fn has_operators(&self) -> bool {
        self.rows.iter().any(|row| row.measured.row.is_operator())
    }

    /// What the rows are called.
    pub fn kind(&self) -> &'static str {
        let row = |row: &RowFigures| row.measured.row.steps.is_some();
        match self.has_operators() {
            true => "operator",
            false if self.rows.iter().any(row) => "recurrence",
            false => "kernel",
        }
    }

    /// Whether rows stand beside figures of another compiler.
    pub fn is_comparable(&self) -> bool {
        self.machine.is_reference() && self.has_operators()
    }

    pub fn verified(&self) -> usize {
        self.runs().filter(|(_, run)| run.outcome.verified()).count()
    }

    pub fn aims(&self) -> Aims<'_> {
        let with_aim: Vec<_> = self.runs().filter_map(|(name, run)| Some((name, run.cycles(), run.aim?))).collect();
        let missed = with_aim.iter().filter(|(_, cycles, aim)| cycles > aim);
        let missed = missed.map(|(name, cycles, aim)| (*name, *cycles as f64 / *aim as f64 - 1.0)).collect();
        Aims { count: with_aim.len(), missed }
    }

    /// Our sum and the other compiler's, over the rows for which both are known.
    pub fn sums(&self, both: impl Fn(&RunFigures) -> Option<(u64, u64)>) -> Option<(u64, u64)> {
        self.runs().filter_map(|(_, run)| both(run)).reduce(|(a, b), (c, d)| (a + c, b + d))
    }

    /// The row that moves most bytes beside the other compiler's, and the ratio.
    pub fn most_bytes(&self) -> Option<(&str, f64)> {
        let ratios = self.runs().filter_map(|(name, run)| Some((name, run.bytes_ratio()?)));
        ratios.max_by(|(_, a), (_, b)| a.total_cmp(b))
    }

    /// Rows whose cycles the hardware was not measured for.
    pub fn extrapolated(&self) -> usize {
        self.runs().filter(|(_, run)| run.outcome.timed.basis == Basis::Extrapolated).count()
    }
}

/// How the rows stand to their aims.
#[derive(Debug)]
pub struct Aims<'a> {
    /// Rows that ran and have an aim.
    pub count: usize,
    /// Those that take longer, and by what share of their aim.
    pub missed: Vec<(&'a str, f64)>,
}
