//! The memories that values live in, by the names that schedules and loop programs have for them.

use tilewright_isa::{MemoryType, Module};

use crate::gemm::Core;

/// The memory that holds a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    Dram,
    Inp,
    Wgt,
    Acc,
}

impl Scope {
    pub const ALL: [Scope; 4] = [Scope::Dram, Scope::Inp, Scope::Wgt, Scope::Acc];

    /// The scopes that a schedule may name, in the order in which messages list them.
    pub const ON_CHIP: [Scope; 3] = [Scope::Inp, Scope::Wgt, Scope::Acc];

    /// The scratchpad; none for DRAM.
    pub fn memory(self) -> Option<MemoryType> {
        match self {
            Scope::Dram => None,
            Scope::Inp => Some(MemoryType::Inp),
            Scope::Wgt => Some(MemoryType::Wgt),
            Scope::Acc => Some(MemoryType::Acc),
        }
    }

    /// The name in schedules and in the text form.
    pub fn name(self) -> &'static str {
        self.memory().map_or("dram", MemoryType::name)
    }

    /// Whether only loads write it, so that it holds operands (`i8`) and no results (`i32`).
    pub fn is_operand(self) -> bool {
        self.memory().is_some_and(|memory| memory.loaded_by() == Module::Load)
    }

    /// Values in one tile of a scratchpad; none for DRAM, whose tiles follow what is copied.
    pub fn tile_size(self, core: Core) -> Option<i64> {
        Some(self.memory()?.sides()?.into_iter().map(|side| core.size(side)).product())
    }

    /// The scopes on chip that meet a condition, as messages list them: "`inp`, `wgt` or `acc`".
    pub fn listed(meets: impl Fn(Scope) -> bool, last: &str) -> String {
        let names: Vec<String> = Scope::ON_CHIP
            .into_iter()
            .filter(|scope| meets(*scope))
            .map(|scope| format!("`{}`", scope.name()))
            .collect();
        match names.split_last() {
            Some((end, [])) => end.clone(),
            Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
            None => String::new(),
        }
    }
}
