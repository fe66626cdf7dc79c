//! `tilewright target [FILE]`: the core, the scratchpads and the widths of fields that follow from a configuration.

use tilewright_isa::{Config, MemoryType};
use tilewright_syntax::Sources;

use crate::cli::TargetArgs;
use crate::error::{Exit, Failure};
use crate::report::{Align, FAINT, HEADING, grouped, size, table};
use crate::{files, target};

pub fn run(args: &TargetArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let config = target::read(args.file.as_deref(), sources)?;
    let name = args.file.as_ref().map_or("VTA's default machine".to_owned(), |path| path.display().to_string());
    files::print(&shown(&name, &config))?;
    Ok(Exit::Success)
}

fn shown(name: &str, config: &Config) -> String {
    let (batch, block_in, block_out) = (config.batch(), config.block_in(), config.block_out());
    let macs = grouped((batch * block_in * block_out) as u64);
    let core = format!(
        "{HEADING}{name}{HEADING:#}\n\n\
         core    {batch} × {block_in} × {block_out}   {FAINT}(BATCH × BLOCK_IN × BLOCK_OUT: {macs} multiply-accumulates a micro-op){FAINT:#}\n\
         gemm    acc[{batch} × {block_out}] += inp[{batch} × {block_in}] · wgt[{block_out} × {block_in}]ᵀ\n\n"
    );
    core + &memories(config) + "\n" + &fields(config)
}

fn memories(config: &Config) -> String {
    let row = |memory: MemoryType| {
        let (bytes, depth) = (config.element_bytes(memory) as u64, config.depth(memory) as u64);
        let [rows, columns] = config.element_shape(memory);
        let element = match memory.sides() {
            Some(_) => format!("i{}[{rows} × {columns}]", bytes as usize * 8 / (rows * columns)),
            None => "micro-op".to_owned(),
        };
        // A micro-op takes one element of each.
        let bits = grouped(bytes * 8);
        vec![memory.name().to_owned(), element, grouped(bytes), grouped(depth), size(bytes * depth), bits]
    };
    let rows: Vec<Vec<String>> = MemoryType::REPORTED.into_iter().map(row).collect();
    let aligns = [Align::Left, Align::Left, Align::Right, Align::Right, Align::Right, Align::Right];
    table(&aligns, &["scratchpad", "element", "bytes", "depth", "size", "bits a cycle"], &rows)
}

fn fields(config: &Config) -> String {
    let widths = config.field_widths();
    let rows: Vec<Vec<String>> = [
        ("micro-op", vec![("dst", widths.uop_dst), ("src", widths.uop_src), ("wgt", widths.uop_wgt)]),
        (
            "gemm, alu",
            vec![("uop_bgn", widths.uop_bgn), ("uop_end", widths.uop_end), ("iter_out, iter_in", widths.iter)],
        ),
        (
            "gemm",
            vec![
                ("dst_factor", widths.dst_factor),
                ("src_factor", widths.gemm_src_factor),
                ("wgt_factor", widths.wgt_factor),
            ],
        ),
        ("alu", vec![("dst_factor", widths.dst_factor), ("src_factor", widths.alu_src_factor)]),
    ]
    .into_iter()
    .map(|(word, fields)| {
        let fields: Vec<String> = fields.iter().map(|(name, width)| format!("{name} {width}")).collect();
        vec![word.to_owned(), fields.join(" · ")]
    })
    .collect();
    table(&[Align::Left, Align::Left], &["word", "fields, in bits"], &rows)
}
