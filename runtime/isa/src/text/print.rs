//! [`Program`] → text. Everything that [`super::parse`] needs stands outside comments; comments say what a reader would
//! otherwise have to work out: bytes moved and their segment, and the micro-ops that an instruction executes.

use super::TOKEN_NAMES;
use crate::config::{Capabilities, Config};
use crate::encode::Codec;
use crate::insn::{Alu, Gemm, Insn, Mem, Op, Tokens};
use crate::memory::MemoryType;
use crate::program::{Content, Program, Segment, UopBuffer};
use std::fmt::Write;

/// Bytes of data on one line.
const HEX_LINE: usize = 32;
/// Micro-ops that the comment of an instruction spells out.
const SHOWN_UOPS: usize = 3;

/// The text of a program.
pub fn print(program: &Program) -> String {
    print_annotated(program, |_| None)
}

/// As [`print`], with a comment of the caller's own above the instructions for which it gives one.
pub fn print_annotated(program: &Program, note: impl Fn(usize) -> Option<String>) -> String {
    let codec = Codec::new(&program.config);
    let mut text = String::new();
    print_config(&mut text, &program.config);
    for segment in &program.segments {
        print_segment(&mut text, &codec, segment);
    }
    let mut uops = UopBuffer::new(&program.config);
    text.push('\n');
    for (index, word) in program.words.iter().enumerate() {
        for line in note(index).iter().flat_map(|note| note.lines()) {
            push(&mut text, format_args!("       ; {line}\n"));
        }
        match codec.decode(*word) {
            Ok(insn) => {
                if let Op::Load(mem @ Mem { memory_type: MemoryType::Uop, .. }) = &insn.op {
                    uops.load(mem, |index| program.uop_word(index));
                }
                let (columns, comment) = (columns(&codec, &insn, *word), comment(program, &codec, &uops, &insn));
                push(&mut text, format_args!("{index:>5}: {columns}{comment}\n"));
            }
            Err(error) => push(&mut text, format_args!("{index:>5}: raw {word:#034x}  ; {error}\n")),
        }
    }
    text
}

/// Writing to a string cannot fail.
fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a string takes all text");
}

fn print_config(text: &mut String, config: &Config) {
    text.push_str(".config");
    for (key, value) in config.params().named() {
        push(text, format_args!(" {key} {value}"));
    }
    let usual = Capabilities::default().named();
    for ((key, has), _) in config.capabilities().named().into_iter().zip(usual).filter(|(own, usual)| own != usual) {
        push(text, format_args!(" {key} {has}"));
    }
    let [batch, block_in, block_out] = [config.batch(), config.block_in(), config.block_out()];
    push(text, format_args!("\n       ; {batch}×{block_in}×{block_out} core"));
    for memory in MemoryType::SCRATCHPADS {
        let (depth, bytes) = (config.depth(memory), config.element_bytes(memory));
        push(text, format_args!("; {memory}: {depth} × {bytes} bytes"));
    }
    text.push('\n');
}

fn print_segment(text: &mut String, codec: &Codec, segment: &Segment) {
    let name = serde_json::Value::from(segment.name.as_str());
    push(text, format_args!("\n.segment {name} at {:#x} ", segment.address));
    match &segment.content {
        Content::Unknown(bytes) => push(text, format_args!("bytes {bytes}\n")),
        Content::Bytes(bytes) => {
            push(text, format_args!("data {}\n", bytes.len()));
            for line in bytes.chunks(HEX_LINE) {
                text.push_str("    hex 0x");
                line.iter().for_each(|byte| push(text, format_args!("{byte:02x}")));
                text.push('\n');
            }
        }
        Content::Uops(words) => {
            push(text, format_args!("uops {}\n", words.len()));
            for (index, word) in words.iter().enumerate() {
                let uop = codec.decode_uop(*word);
                push(text, format_args!("    uop {index}: dst {} src {} wgt {}", uop.dst, uop.src, uop.wgt));
                push_padding(text, codec.uop_padding(*word).into());
                text.push('\n');
            }
        }
    }
}

/// Module, tokens, operation and fields of an instruction.
fn columns(codec: &Codec, insn: &Insn, word: u128) -> String {
    let mut text = format!("{:<7} {:<23} ", insn.module(), bracketed(&insn.tokens));
    match &insn.op {
        Op::Load(mem) | Op::Store(mem) => push_mem(&mut text, insn.mnemonic(), mem),
        Op::Gemm(gemm) => push_gemm(&mut text, gemm),
        Op::Alu(alu) => push_alu(&mut text, alu),
        Op::Finish => text.push_str("finish"),
    }
    push_padding(&mut text, codec.padding(insn, word));
    text
}

fn bracketed(tokens: &Tokens) -> String {
    let flags = [tokens.pop_prev, tokens.pop_next, tokens.push_prev, tokens.push_next];
    let set = TOKEN_NAMES.iter().zip(flags).filter(|(_, set)| *set).map(|(name, _)| *name);
    format!("[{}]", set.collect::<Vec<_>>().join(" "))
}

fn push_padding(text: &mut String, padding: u128) {
    if padding != 0 {
        push(text, format_args!(" padding {padding:#x}"));
    }
}

fn push_mem(text: &mut String, mnemonic: &str, mem: &Mem) {
    let Mem { memory_type, sram_base, dram_base, y_size, x_size, x_stride, y_pad_0, y_pad_1, x_pad_0, x_pad_1 } = mem;
    push(
        text,
        format_args!(
            "{mnemonic} {memory_type} sram_base {sram_base} dram_base {dram_base:#x} y_size {y_size} x_size {x_size} x_stride {x_stride}"
        ),
    );
    for (name, pad) in [("y_pad_0", y_pad_0), ("y_pad_1", y_pad_1), ("x_pad_0", x_pad_0), ("x_pad_1", x_pad_1)] {
        if *pad != 0 {
            push(text, format_args!(" {name} {pad}"));
        }
    }
}

fn push_gemm(text: &mut String, gemm: &Gemm) {
    let reset = if gemm.reset { " reset" } else { "" };
    push(text, format_args!("gemm{reset} uop {}..{}", gemm.uop_bgn, gemm.uop_end));
    let outer = [("dst", gemm.dst_factor_out), ("src", gemm.src_factor_out), ("wgt", gemm.wgt_factor_out)];
    let inner = [("dst", gemm.dst_factor_in), ("src", gemm.src_factor_in), ("wgt", gemm.wgt_factor_in)];
    push_loop(text, "iter_out", gemm.iter_out, &outer);
    push_loop(text, "iter_in", gemm.iter_in, &inner);
}

fn push_alu(text: &mut String, alu: &Alu) {
    let reset = if alu.reset { " reset" } else { "" };
    push(text, format_args!("alu {}{reset} uop {}..{}", alu.alu_opcode, alu.uop_bgn, alu.uop_end));
    push_loop(text, "iter_out", alu.iter_out, &[("dst", alu.dst_factor_out), ("src", alu.src_factor_out)]);
    push_loop(text, "iter_in", alu.iter_in, &[("dst", alu.dst_factor_in), ("src", alu.src_factor_in)]);
    match (alu.use_imm, alu.imm) {
        (true, imm) => push(text, format_args!(" imm {imm}")),
        (false, 0) => {}
        (false, imm) => push(text, format_args!(" unused_imm {imm}")),
    }
}

fn push_loop(text: &mut String, name: &str, count: u32, factors: &[(&str, u32)]) {
    push(text, format_args!(" {name} {count}"));
    let set: Vec<String> =
        factors.iter().filter(|(_, factor)| *factor != 0).map(|(name, factor)| format!("{name} {factor}")).collect();
    if !set.is_empty() {
        push(text, format_args!(" ({})", set.join(" ")));
    }
}

/// What a reader would have to work out, as a comment; empty when there is nothing to say.
fn comment(program: &Program, codec: &Codec, uops: &UopBuffer, insn: &Insn) -> String {
    let said = match &insn.op {
        _ if insn.is_noop() => "no-op".to_string(),
        Op::Load(mem) | Op::Store(mem) => moved(program, mem),
        Op::Gemm(gemm) => {
            let shown = |dst: u32, src: u32, wgt: u32| match gemm.reset {
                true => format!("acc[{dst}] = 0"),
                false => format!("acc[{dst}] += inp[{src}]·wgt[{wgt}]"),
            };
            executed(codec, uops.range(gemm.uop_bgn, gemm.uop_end), gemm.uop_executions(), shown)
        }
        Op::Alu(alu) => {
            let shown = |dst: u32, src: u32, _: u32| operation(alu, dst, src);
            executed(codec, uops.range(alu.uop_bgn, alu.uop_end), alu.uop_executions(), shown)
        }
        Op::Finish => return String::new(),
    };
    format!("  ; {said}")
}

fn operation(alu: &Alu, dst: u32, src: u32) -> String {
    let (dst, operand) = (format!("acc[{dst}]"), if alu.use_imm { alu.imm.to_string() } else { format!("acc[{src}]") });
    alu.alu_opcode.assignment(&dst, &operand)
}

fn moved(program: &Program, mem: &Mem) -> String {
    let element = program.config.element_bytes(mem.memory_type) as u64;
    let bytes = u64::from(mem.y_size) * u64::from(mem.x_size) * element;
    let address = u64::from(mem.dram_base) * element;
    match program.segment_at(address) {
        None => format!("{bytes} bytes"),
        Some(segment) if segment.address == address => format!("{bytes} bytes of {:?}", segment.name),
        Some(segment) => format!("{bytes} bytes of {:?} at +{:#x}", segment.name, address - segment.address),
    }
}

fn executed(
    codec: &Codec,
    words: Option<Vec<u32>>,
    executions: u64,
    shown: impl Fn(u32, u32, u32) -> String,
) -> String {
    let mut text = format!("{executions} micro-op{}", if executions == 1 { "" } else { "s" });
    let Some(words) = words else { return text };
    let rest = if words.len() > SHOWN_UOPS { ", ..." } else { "" };
    let first = words.iter().take(SHOWN_UOPS).map(|word| codec.decode_uop(*word));
    let first: Vec<String> = first.map(|uop| shown(uop.dst, uop.src, uop.wgt)).collect();
    push(&mut text, format_args!(": {}{rest}", first.join(", ")));
    text
}
