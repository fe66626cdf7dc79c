//! Operations of the vector ALU: each with its number, its name, its meaning, and all else that depends on which it is.
//!
//! The encoding, the text forms of streams and of loop programs, the simulator, the interpreter of loop programs,
//! selection and lint know operations by this enum, and ask it.

use std::fmt;
use std::ops::RangeInclusive;

/// The operation of an ALU instruction, on 32-bit values; the number is VTA's encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AluOpcode {
    Min = 0,
    Max = 1,
    Add = 2,
    /// Arithmetic shift right; by a negative amount, a shift left by its magnitude.
    Shr = 3,
    Mul = 4,
}

impl AluOpcode {
    pub const ALL: [AluOpcode; 5] = [AluOpcode::Min, AluOpcode::Max, AluOpcode::Add, AluOpcode::Shr, AluOpcode::Mul];

    /// The operation with this number in the encoding, if there is one.
    pub fn from_bits(bits: u64) -> Option<AluOpcode> {
        AluOpcode::ALL.get(usize::try_from(bits).ok()?).copied()
    }

    /// The name in text forms.
    pub fn name(self) -> &'static str {
        match self {
            AluOpcode::Min => "min",
            AluOpcode::Max => "max",
            AluOpcode::Add => "add",
            AluOpcode::Shr => "shr",
            AluOpcode::Mul => "mul",
        }
    }

    /// `op(x, y)` on one lane, wrapping.
    ///
    /// SHR shifts by any amount: 32 or more to the right leaves the sign, to the left zero, which is what shifting one
    /// bit at a time gives.
    ///
    /// ```
    /// use tilewright_isa::AluOpcode;
    ///
    /// assert_eq!(AluOpcode::Add.eval(i32::MAX, 1), i32::MIN);
    /// assert_eq!(AluOpcode::Shr.eval(-5, 1), -3);
    /// assert_eq!(AluOpcode::Shr.eval(-5, -2), -20);
    /// ```
    #[inline(always)]
    pub fn eval(self, x: i32, y: i32) -> i32 {
        match self {
            AluOpcode::Min => x.min(y),
            AluOpcode::Max => x.max(y),
            AluOpcode::Add => x.wrapping_add(y),
            AluOpcode::Shr if y >= 0 => x >> y.min(31),
            AluOpcode::Shr => x.checked_shl(y.unsigned_abs()).unwrap_or(0),
            AluOpcode::Mul => x.wrapping_mul(y),
        }
    }

    /// The assignment that it is, written out: `acc[1] += 3`.
    pub fn assignment(self, dst: &str, operand: &str) -> String {
        match self {
            AluOpcode::Min | AluOpcode::Max => format!("{dst} = {self}({dst}, {operand})"),
            AluOpcode::Add => format!("{dst} += {operand}"),
            AluOpcode::Shr => format!("{dst} >>= {operand}"),
            AluOpcode::Mul => format!("{dst} *= {operand}"),
        }
    }

    /// Whether the operands may be exchanged.
    pub fn is_commutative(self) -> bool {
        self != AluOpcode::Shr
    }

    /// Whether a destination that several operations with other operands update comes to the same in any order.
    pub fn accumulates(self) -> bool {
        matches!(self, AluOpcode::Add | AluOpcode::Min | AluOpcode::Max)
    }

    /// The immediates for which all implementations agree on what it computes.
    pub fn immediates(self) -> RangeInclusive<i16> {
        if self == AluOpcode::Shr { -31..=31 } else { i16::MIN..=i16::MAX }
    }

    /// Whether VTA's RTL has it, beside the functional simulator.
    pub fn is_in_rtl(self) -> bool {
        self != AluOpcode::Mul
    }
}

impl fmt::Display for AluOpcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
