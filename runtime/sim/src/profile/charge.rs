//! Charges: attribution and critical path → cycles by instruction, and by kind of instruction.
//!
//! Every cycle of a module that is not finished is charged to one instruction: the one that works or waits, or that an
//! empty queue waits for. Every cycle of the critical path is charged to one instruction as well.

use super::path::Path;
use crate::cycles::{Attribution, State};
use serde::{Deserialize, Serialize};
use tilewright_isa::{Insn, MemoryType, Op};

/// Cycles charged to an instruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// On the critical path.
    pub critical: u64,
    /// In which its module worked on it.
    pub working: u64,
    /// In which its module waited for its tokens.
    pub token: u64,
    /// In which it waited for memory.
    pub memory: u64,
    /// In which its module had nothing to do until fetch brought it.
    pub starved: u64,
}

impl Charge {
    /// All cycles in which its module waited.
    pub fn waiting(&self) -> u64 {
        self.token + self.memory + self.starved
    }

    /// Adds another charge.
    pub fn add(&mut self, other: &Charge) {
        self.working += other.working;
        self.token += other.token;
        self.memory += other.memory;
        self.starved += other.starved;
        self.critical += other.critical;
    }
}

/// Charges every instruction of a stream.
pub(super) fn charges(insns: usize, attribution: &Attribution, path: &Path) -> Vec<Charge> {
    let mut charges = vec![Charge::default(); insns];
    for span in attribution.modules.iter().flatten() {
        let Some(insn) = span.insn else { continue };
        let charge = &mut charges[insn];
        let kind = match span.state {
            State::Working => &mut charge.working,
            State::Token { .. } => &mut charge.token,
            State::Memory(_) => &mut charge.memory,
            State::Starved => &mut charge.starved,
            // Only fetch is blocked, and what is finished has no instruction.
            State::Blocked(_) | State::Finished => continue,
        };
        *kind += span.cycles.end - span.cycles.start;
    }
    for step in &path.steps {
        charges[step.insn].critical += step.cycles.end - step.cycles.start;
    }
    charges
}

/// What an instruction does, as far as profiles tell instructions apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Of one of the [`MemoryType::SCRATCHPADS`].
    Load(MemoryType),
    Gemm,
    Reset,
    Alu,
    Store,
    /// A LOAD or STORE with `x_size = 0`.
    Noop,
    Finish,
}

impl Kind {
    /// All of them, in the order of reports.
    pub fn all() -> impl Iterator<Item = Kind> {
        let loads = MemoryType::REPORTED.into_iter().filter(|memory| memory.scratchpad() == *memory).map(Kind::Load);
        loads.chain([Kind::Gemm, Kind::Reset, Kind::Alu, Kind::Store, Kind::Noop, Kind::Finish])
    }

    /// The kind of an instruction.
    pub fn of(insn: &Insn) -> Kind {
        match &insn.op {
            Op::Load(_) | Op::Store(_) if insn.is_noop() => Kind::Noop,
            Op::Load(mem) => Kind::Load(mem.memory_type.scratchpad()),
            Op::Gemm(gemm) if gemm.reset => Kind::Reset,
            Op::Gemm(_) => Kind::Gemm,
            Op::Alu(_) => Kind::Alu,
            Op::Store(_) => Kind::Store,
            Op::Finish => Kind::Finish,
        }
    }

    /// The name in reports.
    pub fn name(self) -> String {
        let name = match self {
            Kind::Load(memory) => return format!("load {memory}"),
            Kind::Gemm => "gemm",
            Kind::Reset => "gemm reset",
            Kind::Alu => "alu",
            Kind::Store => "store",
            Kind::Noop => "no-op",
            Kind::Finish => "finish",
        };
        name.to_owned()
    }
}

/// The instructions of one kind together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindCharge {
    pub kind: Kind,
    pub count: u64,
    pub charge: Charge,
}

/// Charges by kind, in the order of [`Kind::all`], without kinds that do not occur.
pub fn by_kind(insns: &[Insn], charges: &[Charge]) -> Vec<KindCharge> {
    let mut kinds: Vec<KindCharge> =
        Kind::all().map(|kind| KindCharge { kind, count: 0, charge: Charge::default() }).collect();
    for (insn, charge) in insns.iter().zip(charges) {
        let own = Kind::of(insn);
        for kind in kinds.iter_mut().filter(|kind| kind.kind == own) {
            kind.count += 1;
            kind.charge.add(charge);
        }
    }
    kinds.retain(|kind| kind.count > 0);
    kinds
}
