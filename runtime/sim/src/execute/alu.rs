//! ALU: two loops over micro-ops that combine ACC elements with one another or with an immediate.

use super::Context;
use super::bounds::{self, IndexField, Loops};
use crate::kernels::portable;
use crate::report::Cause;
use crate::scratchpad::Scratchpads;
use tilewright_isa::{Alu, Codec, MemoryType, Uop};

/// Executes an ALU instruction. Micro-ops follow one another: a source may be an earlier one's destination.
pub(super) fn run(pads: &mut Scratchpads, codec: &Codec, alu: &Alu, cx: &mut Context<'_>) -> Result<(), Cause> {
    let count = alu.uop_executions();
    cx.spend(count)?;
    cx.report.alu_uops += count;
    if count == 0 {
        return Ok(());
    }
    let uops = super::uops(pads, codec, alu.uop_bgn, alu.uop_end)?;
    check(alu, &uops, cx)?;
    let lanes = cx.config.batch() * cx.config.block_out();
    for o in 0..alu.iter_out {
        for i in 0..alu.iter_in {
            for uop in &uops {
                let dst = (uop.dst + o * alu.dst_factor_out + i * alu.dst_factor_in) as usize * lanes;
                let src = (uop.src + o * alu.src_factor_out + i * alu.src_factor_in) as usize * lanes;
                for lane in 0..lanes {
                    let y = if alu.use_imm { alu.imm.into() } else { pads.acc[src + lane] };
                    pads.acc[dst + lane] = portable::alu(alu.alu_opcode, pads.acc[dst + lane], y);
                }
            }
        }
    }
    Ok(())
}

/// With an immediate no source is read, so only the destinations matter.
fn check(alu: &Alu, uops: &[Uop], cx: &Context<'_>) -> Result<(), Cause> {
    let limit = cx.config.depth(MemoryType::Acc) as u64;
    let fields = [
        IndexField {
            name: "dst",
            memory: MemoryType::Acc,
            limit,
            factor_out: alu.dst_factor_out.into(),
            factor_in: alu.dst_factor_in.into(),
            base: |uop| uop.dst,
        },
        IndexField {
            name: "src",
            memory: MemoryType::Acc,
            limit,
            factor_out: alu.src_factor_out.into(),
            factor_in: alu.src_factor_in.into(),
            base: |uop| uop.src,
        },
    ];
    let loops = Loops { iter_out: alu.iter_out.into(), iter_in: alu.iter_in.into(), uop_bgn: alu.uop_bgn.into() };
    let fields = if alu.use_imm { &fields[..1] } else { &fields[..] };
    bounds::check(&loops, fields, &super::largest(uops), uops)
}
