//! GEMM: two loops over micro-ops that multiply INP and WGT elements into ACC, or reset ACC.

use super::Context;
use super::bounds::{self, IndexField, Loops};
use crate::kernels::portable;
use crate::report::Cause;
use crate::scratchpad::Scratchpads;
use tilewright_isa::{Codec, Gemm, MemoryType, Uop};

/// Executes a GEMM.
pub(super) fn run(pads: &mut Scratchpads, codec: &Codec, gemm: &Gemm, cx: &mut Context<'_>) -> Result<(), Cause> {
    let count = gemm.uop_executions();
    cx.spend(count)?;
    *if gemm.reset { &mut cx.report.reset_uops } else { &mut cx.report.gemm_uops } += count;
    if count == 0 {
        return Ok(());
    }
    let uops = super::uops(pads, codec, gemm.uop_bgn, gemm.uop_end)?;
    check(gemm, &uops, cx)?;
    let (batch, block_in, block_out) = (cx.config.batch(), cx.config.block_in(), cx.config.block_out());
    let (acc_len, inp_len, wgt_len) = (batch * block_out, batch * block_in, block_out * block_in);
    for o in 0..gemm.iter_out {
        for i in 0..gemm.iter_in {
            for uop in &uops {
                let dst = (uop.dst + o * gemm.dst_factor_out + i * gemm.dst_factor_in) as usize * acc_len;
                let acc = &mut pads.acc[dst..dst + acc_len];
                if gemm.reset {
                    acc.fill(0);
                    continue;
                }
                let src = (uop.src + o * gemm.src_factor_out + i * gemm.src_factor_in) as usize * inp_len;
                let wgt = (uop.wgt + o * gemm.wgt_factor_out + i * gemm.wgt_factor_in) as usize * wgt_len;
                let (inp, wgt) = (&pads.inp[src..src + inp_len], &pads.wgt[wgt..wgt + wgt_len]);
                portable::gemm(acc, inp, wgt, block_in, block_out);
            }
        }
    }
    Ok(())
}

/// A reset reads neither INP nor WGT, so only its destinations matter.
fn check(gemm: &Gemm, uops: &[Uop], cx: &Context<'_>) -> Result<(), Cause> {
    let limit = |memory| cx.config.depth(memory) as u64;
    let fields = [
        IndexField {
            name: "dst",
            memory: MemoryType::Acc,
            limit: limit(MemoryType::Acc),
            factor_out: gemm.dst_factor_out.into(),
            factor_in: gemm.dst_factor_in.into(),
            base: |uop| uop.dst,
        },
        IndexField {
            name: "src",
            memory: MemoryType::Inp,
            limit: limit(MemoryType::Inp),
            factor_out: gemm.src_factor_out.into(),
            factor_in: gemm.src_factor_in.into(),
            base: |uop| uop.src,
        },
        IndexField {
            name: "wgt",
            memory: MemoryType::Wgt,
            limit: limit(MemoryType::Wgt),
            factor_out: gemm.wgt_factor_out.into(),
            factor_in: gemm.wgt_factor_in.into(),
            base: |uop| uop.wgt,
        },
    ];
    let loops = Loops { iter_out: gemm.iter_out.into(), iter_in: gemm.iter_in.into(), uop_bgn: gemm.uop_bgn.into() };
    let fields = if gemm.reset { &fields[..1] } else { &fields[..] };
    bounds::check(&loops, fields, &super::largest(uops), uops)
}
