//! What `dsl-examples/lstm/sequence.tw` and `cell.tw` promise: how long they take, and how little of that is waiting.

use tilewright_isa::{Insn, MemoryType, Module, Op};
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

fn example(path: &str) -> Agreed {
    let text = std::fs::read_to_string(format!("{}/../dsl-examples/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    engines_agree(&Case { path, ..Case::new(&text) }).unwrap_or_else(|refused| panic!("{}", refused.text))
}

/// The cycles of a run, of whose instructions `observer` is told.
fn cycles(agreed: &Agreed, observer: &mut impl Observer) -> u64 {
    let stream = &agreed.stream;
    let insn_base = insn_base(stream.segments.iter().map(|s| (s.address.into(), s.bytes as u64)));
    let options = CycleOptions { insn_base, ..CycleOptions::default() };
    simulate(&stream.config, &stream.insns, &Timing::DE10, &options, observer).expect("it runs").cycles
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
    let agreed = example("lstm/sequence.tw");
    let mut starts = Starts::default();
    let cycles_in_all = cycles(&agreed, &mut starts);
    assert!(cycles_in_all <= 38_000, "{cycles_in_all} cycles");
    let stream = &agreed.stream;
    // A step begins with the products of its hidden state.
    let begins = |insn: &Insn| matches!(&insn.op, Op::Gemm(gemm) if !gemm.reset) && insn.tokens.pop_prev;
    let steps: Vec<(usize, u64)> = starts.0.into_iter().filter(|(k, _)| begins(&stream.insns[*k])).collect();
    let (first, last) = (steps[2], steps[steps.len() - 2]);
    let computed = stream.insns[first.0..last.0].iter().filter(|insn| insn.module() == Module::Compute);
    let work: u64 = computed.map(work).sum();
    let cycles = last.1 - first.1;
    assert!(work * 100 >= cycles * 95, "{work} of {cycles} cycles");
}

/// The bus brings 8 bytes in a cycle, and a streamed cell can be done no sooner than its weights are there.
#[test]
fn a_streamed_cell_keeps_the_bus_busy() {
    let agreed = example("lstm/cell.tw");
    let (weights, cycles) = (agreed.report.bytes[MemoryType::Wgt] / 8, cycles(&agreed, &mut ()));
    assert!(weights * 100 >= cycles * 95, "{weights} of {cycles} cycles");
}
