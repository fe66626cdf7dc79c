//! Properties over random configurations, words, texts and streams, each against an independent definition.

use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;
use tilewright_isa::config::Capabilities;
use tilewright_isa::stream::most_outstanding;
use tilewright_isa::{
    Code, Codec, Config, Content, Insn, Mem, MemoryType, Module, Op, Order, Params, Program, Queue, Segment, Tokens,
    Uop, lint, text,
};

/// Machines by the depths of their buffers, so that most draws are valid.
fn config() -> impl Strategy<Value = Config> {
    let core = (0..3u32, 0..7u32, 0..7u32);
    let widths = (0..6u32, 0..6u32, 2..6u32);
    let depths = prop_oneof![(1..14u32, 1..12u32, 1..11u32, 1..12u32), (1..6u32, 1..16u32, 1..6u32, 1..12u32)];
    let params = (core, widths, depths).prop_map(|((batch, block_in, block_out), (inp, wgt, acc), depths)| Params {
        log_inp_width: inp,
        log_wgt_width: wgt,
        log_acc_width: acc,
        log_batch: batch,
        log_block_in: block_in,
        log_block_out: block_out,
        log_uop_buff_size: depths.0 + 2,
        log_inp_buff_size: (depths.1 + inp + batch + block_in).saturating_sub(3),
        log_wgt_buff_size: (depths.2 + wgt + block_in + block_out).saturating_sub(3),
        log_acc_buff_size: (depths.3 + acc + batch + block_out).saturating_sub(3),
    });
    let configs = prop_oneof![1 => Just(Config::default()), 4 => params.prop_filter_map("no machine", |params| Config::new(params).ok())];
    let capabilities = any::<[bool; 2]>().prop_map(|[mul, acc_8bit]| Capabilities { mul, acc_8bit });
    (configs, capabilities).prop_map(|(config, capabilities)| config.with_capabilities(capabilities))
}

/// Words that are mostly instructions: the opcode is drawn from the valid ones more often than not.
fn word() -> impl Strategy<Value = u128> {
    (any::<u128>(), 0..8u128, any::<bool>()).prop_map(
        |(word, opcode, keep)| {
            if keep { word } else { (word & !7) | (opcode % 5) }
        },
    )
}

fn segment() -> impl Strategy<Value = Segment> {
    let content = prop_oneof![
        any::<u64>().prop_map(Content::Unknown),
        vec(any::<u8>(), 0..70).prop_map(Content::Bytes),
        vec(any::<u32>(), 0..9).prop_map(Content::Uops),
    ];
    (any::<String>(), any::<u64>(), content).prop_map(|(name, address, content)| Segment { name, address, content })
}

fn program() -> impl Strategy<Value = Program> {
    (config(), vec(segment(), 0..4), vec(word(), 0..12)).prop_map(|(config, segments, words)| Program {
        config,
        segments,
        words,
    })
}

/// A no-op of a module, so that a stream is nothing but its tokens.
fn bare(module: Module, flags: [bool; 4]) -> Insn {
    let [pop_prev, pop_next, push_prev, push_next] = flags;
    let op = match module {
        Module::Load => Op::Load(Mem::noop(MemoryType::Inp)),
        Module::Compute => Op::Load(Mem::noop(MemoryType::Acc)),
        Module::Store => Op::Store(Mem::noop(MemoryType::Out)),
    };
    Insn { tokens: Tokens { pop_prev, pop_next, push_prev, push_next }, op }
}

fn token_stream() -> impl Strategy<Value = (Vec<Insn>, [u32; 4])> {
    let insn = (0..3usize, any::<[bool; 4]>()).prop_map(|(module, flags)| bare(Module::ALL[module], flags));
    (vec(insn, 1..14), proptest::array::uniform4(0..2u32))
}

/// Where each module stands and what lies in the queues; the definition of the token rules.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Machine {
    heads: [usize; 3],
    tokens: [u32; 4],
}

impl Machine {
    /// The instruction that this module can run, unless it is the one that is held back.
    fn ready(&self, insns: &[Insn], module: Module, held: Option<usize>) -> Option<usize> {
        let mut own = insns.iter().enumerate().filter(|(_, insn)| insn.module() == module);
        let (index, insn) = own.nth(self.heads[module as usize])?;
        let enough = insn.pops().all(|queue| self.tokens[queue as usize] > 0);
        (enough && held != Some(index)).then_some(index)
    }

    fn run(&mut self, insn: &Insn) {
        insn.pops().for_each(|queue| self.tokens[queue as usize] -= 1);
        insn.pushes().for_each(|queue| self.tokens[queue as usize] += 1);
        self.heads[insn.module() as usize] += 1;
    }
}

/// The instructions that run when one is held back for ever.
fn reached(insns: &[Insn], tokens: [u32; 4], held: Option<usize>) -> BTreeSet<usize> {
    let mut machine = Machine { heads: [0; 3], tokens };
    let mut ran = BTreeSet::new();
    while let Some(index) = Module::ALL.into_iter().find_map(|module| machine.ready(insns, module, held)) {
        machine.run(&insns[index]);
        ran.insert(index);
    }
    ran
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_word_is_an_instruction_or_an_error(config in config(), word in word()) {
        let codec = Codec::new(&config);
        if let Ok(insn) = codec.decode(word) {
            let padding = codec.padding(&insn, word);
            prop_assert_eq!(codec.encode_padded(&insn, padding), Ok(word));
            prop_assert_eq!(codec.encode(&insn), Ok(word & !padding));
            prop_assert_eq!(codec.decode(word & !padding), Ok(insn));
        }
    }

    #[test]
    fn every_micro_op_word_reads_back(config in config(), word: u32) {
        let codec = Codec::new(&config);
        let encoded = codec.encode_uop(&codec.decode_uop(word)).unwrap();
        prop_assert_eq!(encoded | codec.uop_padding(word), word);
    }

    #[test]
    fn micro_ops_fit_exactly_when_their_fields_do(config in config(), dst: u16, src: u16, wgt: u16) {
        let uop = Uop { dst: dst.into(), src: src.into(), wgt: wgt.into() };
        let source = config.depth(MemoryType::Acc).max(config.depth(MemoryType::Inp));
        let limits = [config.depth(MemoryType::Acc), source, config.depth(MemoryType::Wgt)];
        let fits = [dst, src, wgt].iter().zip(limits).all(|(value, limit)| usize::from(*value) < limit);
        let codec = Codec::new(&config);
        prop_assert_eq!(codec.encode_uop(&uop).map(|word| codec.decode_uop(word)).ok(), fits.then_some(uop));
    }

    #[test]
    fn text_reads_back(program in program()) {
        prop_assert_eq!(text::parse(&text::print(&program)), Ok(program));
    }

    #[test]
    fn any_text_is_a_program_or_an_error(source: String) {
        if let Err(error) = text::parse(&source) {
            prop_assert!(error.bytes.end <= source.len());
        }
    }

    #[test]
    fn a_damaged_text_is_a_program_or_an_error(program in program(), at: prop::sample::Index, with in "[ -~\n]{0,3}") {
        let mut source = text::print(&program);
        let places: Vec<usize> = source.char_indices().map(|(place, _)| place).collect();
        let place = places[at.index(places.len())];
        let removed = source[place..].chars().next().unwrap().len_utf8();
        source.replace_range(place..place + removed, &with);
        if let Err(error) = text::parse(&source) {
            prop_assert!(source.get(error.bytes.clone()).is_some());
        }
    }

    #[test]
    fn any_json_is_a_configuration_or_an_error(keys in vec(("(LOG_(INP|WGT|ACC)_(WIDTH|BUFF_SIZE)|LOG_BATCH|LOG_BLOCK)", 0..40u32), 0..6)) {
        let members: Vec<String> = keys.iter().map(|(key, value)| format!("{key:?}: {value}")).collect();
        if let Ok(config) = Config::from_json(&format!("{{{}}}", members.join(","))) {
            prop_assert_eq!(Config::from_value(&config.to_json()), Ok(config));
        }
    }

    #[test]
    fn lint_takes_every_stream(config in config(), words in vec(word(), 0..12), uops in vec(any::<u32>(), 0..9), tokens in proptest::array::uniform4(0..3u32)) {
        let codec = Codec::new(&config);
        let insns: Vec<Insn> = words.iter().filter_map(|word| codec.decode(*word).ok()).collect();
        for finding in lint(&config, &insns, |index| uops.get(index as usize % 16).copied(), tokens) {
            prop_assert!(finding.insn < insns.len());
        }
    }

    #[test]
    fn order_holds_exactly_when_nothing_runs_without_it((insns, tokens) in token_stream()) {
        let order = Order::new(&insns, tokens);
        let all = reached(&insns, tokens, None);
        for first in 0..insns.len() {
            prop_assert_eq!(order.starts(first), all.contains(&first));
            let without = reached(&insns, tokens, Some(first));
            for second in all.iter().copied().filter(|second| *second != first) {
                let needs = all.contains(&first) && !without.contains(&second);
                prop_assert_eq!(order.before(first, second), needs, "{} before {}", first, second);
            }
        }
    }

    #[test]
    fn most_outstanding_is_the_most_over_all_executions((insns, tokens) in token_stream()) {
        let mut seen = BTreeSet::new();
        let mut open = vec![Machine { heads: [0; 3], tokens }];
        while let Some(machine) = open.pop() {
            for index in Module::ALL.into_iter().filter_map(|module| machine.ready(&insns, module, None)) {
                let mut next = machine.clone();
                next.run(&insns[index]);
                open.push(next);
            }
            if !seen.insert(machine.clone()) {
                open.retain(|waiting| !seen.contains(waiting));
            }
        }
        for queue in Queue::ALL {
            let most = seen.iter().map(|machine| machine.tokens[queue as usize]).max().unwrap();
            prop_assert_eq!(most_outstanding(&insns, queue, tokens).0, most as usize);
        }
    }

    #[test]
    fn close_destinations_are_found(dsts in vec(0..6u32, 1..4), outer in (1..5u64, 0..6u64), inner in (1..6u64, 0..6u64)) {
        let uops: Vec<String> = dsts.iter().enumerate().map(|(i, dst)| format!("uop {i}: dst {dst} src 0 wgt 0\n")).collect();
        let n = dsts.len();
        let source = format!(
            ".segment \"u\" at 0 uops {n}\n{}load uop sram_base 0 dram_base 0 y_size 1 x_size {n} x_stride {n}\n\
             alu add uop 0..{n} iter_out {} (dst {}) iter_in {} (dst {}) imm 1",
            uops.concat(), outer.0, outer.1, inner.0, inner.1
        );
        let mut sequence = Vec::new();
        for o in 0..outer.0 {
            for i in 0..inner.0 {
                sequence.extend(dsts.iter().map(|dst| u64::from(*dst) + o * outer.1 + i * inner.1));
            }
        }
        let distance = (1..3).find(|distance| sequence.windows(distance + 1).any(|window| window[0] == window[*distance]));
        let program = text::parse(&source).unwrap();
        let found = lint(&program.config, &program.decode().unwrap(), |index| program.uop_word(index), [0; 4]);
        let close: Vec<_> = found.iter().filter(|finding| finding.code == Code::CloseDestinations).collect();
        prop_assert_eq!(close.len(), usize::from(distance.is_some()));
        if let Some(distance) = distance {
            let said = format!("again {distance} micro-op");
            prop_assert!(close[0].message.contains(&said), "{}", close[0]);
        }
    }
}
