//! Where the fields of instructions lie: [`FieldWidths`] → [`Layout`].
//!
//! Fields are packed from bit 0 in VTA's order, and one that would cross bit 64 starts there; so C compilers lay out
//! VTA's structures, in which each field is a bit-field of a 64-bit word.

use crate::config::{ConfigError, FieldWidths};
use crate::limits::{DRAM_WIDTH, IMM_WIDTH, PAD_WIDTH, SIZE_WIDTH};

pub(crate) const OPCODE: Field = Field::new(0, 3);
pub(crate) const POP_PREV: Field = Field::new(3, 1);
pub(crate) const POP_NEXT: Field = Field::new(4, 1);
pub(crate) const PUSH_PREV: Field = Field::new(5, 1);
pub(crate) const PUSH_NEXT: Field = Field::new(6, 1);
/// Bits of the opcode and the tokens, which every instruction starts with.
pub(crate) const HEAD_BITS: u32 = 7;

/// Where a field lies: bits from `shift` of one of the two 64-bit words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// The largest value: as many ones as the field has bits.
    max: u64,
    word: u8,
    shift: u8,
}

impl Field {
    /// `width` bits from this bit of the instruction; they must not cross bit 64.
    pub(crate) const fn new(bit: u32, width: u32) -> Field {
        Field { max: (1u64 << width) - 1, word: (bit / 64) as u8, shift: (bit % 64) as u8 }
    }

    pub(crate) fn max(self) -> u64 {
        self.max
    }

    pub(crate) fn width(self) -> u32 {
        self.max.count_ones()
    }

    pub(crate) fn get(self, words: [u64; 2]) -> u64 {
        (words[usize::from(self.word & 1)] >> self.shift) & self.max
    }

    /// The value of a field of the first word.
    #[inline]
    pub(crate) fn get_low(self, word: u64) -> u64 {
        (word >> self.shift) & self.max
    }

    pub(crate) fn put(self, words: &mut [u64; 2], value: u64) {
        words[usize::from(self.word & 1)] |= value << self.shift;
    }

    pub(crate) const fn mask(self) -> u128 {
        (self.max as u128) << (self.word as u32 * 64 + self.shift as u32)
    }
}

/// Packs fields one behind the other.
pub(crate) struct Packer {
    bit: u32,
    covered: u128,
}

impl Packer {
    const fn new() -> Packer {
        Packer { bit: HEAD_BITS, covered: (1 << HEAD_BITS) - 1 }
    }

    const fn field(&mut self, width: u32) -> Field {
        if width > 0 && self.bit / 64 != (self.bit + width - 1) / 64 {
            self.bit = self.bit.next_multiple_of(64);
        }
        let field = Field::new(self.bit, width);
        self.bit += width;
        // A field without bits may stand behind the last bit, where a mask cannot.
        if width > 0 && self.bit <= 128 {
            self.covered |= field.mask();
        }
        field
    }
}

/// LOAD and STORE, which are the same in every configuration.
pub(crate) const MEM: MemLayout = MemLayout::new();

#[derive(Clone, Copy, Debug)]
pub(crate) struct MemLayout {
    pub(crate) memory_type: Field,
    pub(crate) sram_base: Field,
    pub(crate) dram_base: Field,
    pub(crate) y_size: Field,
    pub(crate) x_size: Field,
    pub(crate) x_stride: Field,
    pub(crate) y_pad_0: Field,
    pub(crate) y_pad_1: Field,
    pub(crate) x_pad_0: Field,
    pub(crate) x_pad_1: Field,
    pub(crate) covered: u128,
}

impl MemLayout {
    const fn new() -> MemLayout {
        let mut packer = Packer::new();
        MemLayout {
            memory_type: packer.field(3),
            sram_base: packer.field(SIZE_WIDTH),
            dram_base: packer.field(DRAM_WIDTH),
            y_size: packer.field(SIZE_WIDTH),
            x_size: packer.field(SIZE_WIDTH),
            x_stride: packer.field(SIZE_WIDTH),
            y_pad_0: packer.field(PAD_WIDTH),
            y_pad_1: packer.field(PAD_WIDTH),
            x_pad_0: packer.field(PAD_WIDTH),
            x_pad_1: packer.field(PAD_WIDTH),
            covered: packer.covered,
        }
    }
}

/// The fields that GEMM and ALU have in common; the widths of the source factors differ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoopLayout {
    pub(crate) reset: Field,
    pub(crate) uop_bgn: Field,
    pub(crate) uop_end: Field,
    pub(crate) iter_out: Field,
    pub(crate) iter_in: Field,
    pub(crate) dst_factor_out: Field,
    pub(crate) dst_factor_in: Field,
    pub(crate) src_factor_out: Field,
    pub(crate) src_factor_in: Field,
}

impl LoopLayout {
    fn new(packer: &mut Packer, widths: &FieldWidths, src_factor: u32) -> LoopLayout {
        LoopLayout {
            reset: packer.field(1),
            uop_bgn: packer.field(widths.uop_bgn),
            uop_end: packer.field(widths.uop_end),
            iter_out: packer.field(widths.iter),
            iter_in: packer.field(widths.iter),
            dst_factor_out: packer.field(widths.dst_factor),
            dst_factor_in: packer.field(widths.dst_factor),
            src_factor_out: packer.field(src_factor),
            src_factor_in: packer.field(src_factor),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct GemmLayout {
    pub(crate) loops: LoopLayout,
    pub(crate) wgt_factor_out: Field,
    pub(crate) wgt_factor_in: Field,
    pub(crate) covered: u128,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct AluLayout {
    pub(crate) loops: LoopLayout,
    pub(crate) alu_opcode: Field,
    pub(crate) use_imm: Field,
    pub(crate) imm: Field,
    pub(crate) covered: u128,
}

/// The bit layout of the instructions that depend on the configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) gemm: GemmLayout,
    pub(crate) alu: AluLayout,
}

impl Layout {
    /// Fails when GEMM or ALU does not fit in 128 bits.
    pub(crate) fn new(widths: &FieldWidths) -> Result<Layout, ConfigError> {
        let mut packer = Packer::new();
        let loops = LoopLayout::new(&mut packer, widths, widths.gemm_src_factor);
        let wgt_factor_out = packer.field(widths.wgt_factor);
        let wgt_factor_in = packer.field(widths.wgt_factor);
        fits("gemm", &packer, widths)?;
        let gemm = GemmLayout { loops, wgt_factor_out, wgt_factor_in, covered: packer.covered };

        let mut packer = Packer::new();
        let loops = LoopLayout::new(&mut packer, widths, widths.alu_src_factor);
        let (alu_opcode, use_imm, imm) = (packer.field(3), packer.field(1), packer.field(IMM_WIDTH));
        fits("alu", &packer, widths)?;
        let alu = AluLayout { loops, alu_opcode, use_imm, imm, covered: packer.covered };
        Ok(Layout { gemm, alu })
    }
}

fn fits(insn: &'static str, packer: &Packer, widths: &FieldWidths) -> Result<(), ConfigError> {
    if packer.bit <= 128 {
        return Ok(());
    }
    let FieldWidths { uop_bgn: uop, dst_factor: acc, gemm_src_factor: inp, wgt_factor: wgt, .. } = widths;
    let reason = format!(
        "its fields grow with the depths of the buffers (uop {uop} bits, acc {acc}, inp {inp}, wgt {wgt}) and none crosses bit 64; make one smaller"
    );
    Err(ConfigError::InsnTooWide { insn, bits: packer.bit, reason })
}
