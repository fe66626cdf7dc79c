//! What `dsl-examples/lstm/sequence.tw` promises: how long it takes, and how little of that is waiting.

use tilewright_isa::{Insn, Module, Op};
use tilewright_sim::cycles::{CycleOptions, Observer, Timing, insn_base, simulate};
use tilewright_tests::{Agreed, Case, engines_agree};

/// When each instruction started.
#[derive(Default)]
struct Starts(Vec<(usize, u64)>);

impl Observer for Starts {
    fn started(&mut self, insn: usize, cycle: u64) {
        self.0.push((insn, cycle));
    }
}

fn sequence() -> Agreed {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../dsl-examples/lstm/sequence.tw");
    let text = std::fs::read_to_string(path).unwrap();
    let case = Case { path: "lstm/sequence.tw", ..Case::new(&text) };
    engines_agree(&case).unwrap_or_else(|refused| panic!("{}", refused.text))
}

/// The cycles of an instruction's operations, and 7 for its start and end.
fn work(insn: &Insn) -> u64 {
    let operations = match &insn.op {
        Op::Gemm(gemm) => gemm.uop_executions(),
        Op::Alu(alu) if alu.use_imm => alu.uop_executions(),
        Op::Alu(alu) => 2 * alu.uop_executions(),
        _ => 0,
    };
    operations + 7
}

#[test]
fn steps_work_and_do_not_wait() {
    let Agreed { stream, .. } = sequence();
    let base = insn_base(stream.segments.iter().map(|s| (s.address.into(), s.bytes as u64)));
    let options = CycleOptions { insn_base: base, ..CycleOptions::default() };
    let mut starts = Starts::default();
    let run = simulate(&stream.config, &stream.insns, &Timing::DE10, &options, &mut starts).expect("it runs");
    assert!(run.cycles <= 38_000, "{} cycles", run.cycles);
    // A step begins with the products of its hidden state.
    let begins = |insn: &Insn| matches!(&insn.op, Op::Gemm(gemm) if !gemm.reset) && insn.tokens.pop_prev;
    let steps: Vec<(usize, u64)> = starts.0.into_iter().filter(|(k, _)| begins(&stream.insns[*k])).collect();
    let (first, last) = (steps[2], steps[steps.len() - 2]);
    let computed = stream.insns[first.0..last.0].iter().filter(|insn| insn.module() == Module::Compute);
    let work: u64 = computed.map(work).sum();
    let cycles = last.1 - first.1;
    assert!(work * 100 >= cycles * 95, "{work} of {cycles} cycles");
}
