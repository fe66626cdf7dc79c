//! The memories that values live in, by the names that schedules and loop programs have for them.

/// The memory that holds a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    Dram,
    Inp,
    Wgt,
    Acc,
}

impl Scope {
    /// The scopes that a schedule may name, in the order in which messages list them.
    pub const ON_CHIP: [Scope; 3] = [Scope::Inp, Scope::Wgt, Scope::Acc];

    /// The name in schedules and in the text form.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Dram => "dram",
            Scope::Inp => "inp",
            Scope::Wgt => "wgt",
            Scope::Acc => "acc",
        }
    }
}
