//! `asm` and `disasm`: streams ↔ text, byte for byte.

use insta::assert_snapshot;

use crate::support::Folder;

#[test]
fn a_stream_survives_its_text() {
    let folder = Folder::new();
    folder.run("lower matmul.tw --emit bin -o a.bin").good();
    folder.run("disasm a.bin -o a.asm").good();
    folder.run("asm a.asm -o b.bin").good();
    assert_eq!(folder.read("a.bin"), folder.read("b.bin"));
    assert_snapshot!("disasm", folder.run("disasm a.bin").good());
}

#[test]
fn words_that_are_no_instructions_survive_as_well() {
    let folder = Folder::new();
    let words: Vec<u8> = (0..64_u8).map(|i| i.wrapping_mul(151) ^ 0xf7).collect();
    folder.write("words.bin", &words);
    folder.run("disasm words.bin -o words.asm").good();
    assert_eq!(folder.run("asm words.asm").stdout, words);
}

#[test]
fn what_does_not_run_alike_everywhere_is_noted() {
    let folder = Folder::new();
    folder.write(
        "mul.asm",
        "load uop sram_base 0 dram_base 0 y_size 1 x_size 1 x_stride 1\n\
         [] alu mul uop 0..1 iter_out 1 iter_in 1 imm 3\n\
         [] finish\n",
    );
    folder.run("asm mul.asm -o mul.bin").good();
    assert_snapshot!("disasm_notes", folder.run("disasm mul.bin").good());
}
