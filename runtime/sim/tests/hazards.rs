//! The race detector against an independent definition: two instructions race if they are in different modules, touch
//! the same byte or element, one of them writing, and the graph of queue order and tokens has no path between them.
//!
//! Streams are mutated by dropping one token, its post and its take; the detector must find a race exactly when the
//! definition has one.

mod recordings;

use recordings::{data, folders, load, shared};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tilewright_isa::{Codec, Config, Insn, Mem, MemoryType, Module, Op, Uop};
use tilewright_sim::{Options, Queue, Races, Recording, Simulator};

/// A place: 0 INP, 1 WGT, 2 ACC, 3 device memory in bytes / 4; with its index.
type Place = (u8, u64);

/// What an instruction reads and writes.
#[derive(Default)]
struct Touched {
    reads: BTreeSet<Place>,
    writes: BTreeSet<Place>,
}

fn rows(config: &Config, mem: &Mem) -> impl Iterator<Item = Place> {
    let bytes = config.element_bytes(mem.memory_type) as u64;
    let (base, x, stride) = (u64::from(mem.dram_base), u64::from(mem.x_size), u64::from(mem.x_stride));
    let elements = (0..u64::from(mem.y_size)).flat_map(move |y| (0..x).map(move |x| base + y * stride + x));
    elements.flat_map(move |element| (0..bytes / 4).map(move |word| (3, element * bytes / 4 + word)))
}

fn sram(memory: u8, mem: &Mem) -> impl Iterator<Item = Place> {
    let base = u64::from(mem.sram_base);
    (base..base + mem.sram_rows() * mem.sram_row()).map(move |element| (memory, element))
}

/// Walks the stream in order and lists what each instruction touches, by the definition of its loops.
fn touched(recording: &Recording) -> Vec<Touched> {
    let config = &recording.config;
    let codec = Codec::new(config);
    let dram = recording.memory().unwrap();
    let mut uops = vec![Uop::default(); config.depth(MemoryType::Uop)];
    let mut all = Vec::new();
    for insn in &recording.insns {
        let mut touched = Touched::default();
        match &insn.op {
            Op::Load(mem) | Op::Store(mem) if mem.is_noop() => {}
            Op::Store(mem) => {
                touched.reads.extend(sram(2, mem));
                touched.writes.extend(rows(config, mem));
            }
            Op::Load(mem) => {
                touched.reads.extend(rows(config, mem));
                match mem.memory_type {
                    MemoryType::Inp => touched.writes.extend(sram(0, mem)),
                    MemoryType::Wgt => touched.writes.extend(sram(1, mem)),
                    MemoryType::Uop => {
                        assert_eq!(mem.y_size, 1);
                        let bytes = dram.read(u64::from(mem.dram_base) * 4, usize::from(mem.x_size) * 4).unwrap();
                        let at = usize::from(mem.sram_base);
                        for (uop, word) in uops[at..].iter_mut().zip(bytes.as_chunks().0) {
                            *uop = codec.decode_uop(u32::from_le_bytes(*word));
                        }
                    }
                    _ => touched.writes.extend(sram(2, mem)),
                }
            }
            Op::Gemm(gemm) => {
                for (o, i) in (0..gemm.iter_out).flat_map(|o| (0..gemm.iter_in).map(move |i| (o, i))) {
                    for uop in &uops[gemm.uop_bgn as usize..gemm.uop_end as usize] {
                        let index = |base, out, inner| u64::from(base + o * out + i * inner);
                        touched.writes.insert((2, index(uop.dst, gemm.dst_factor_out, gemm.dst_factor_in)));
                        if !gemm.reset {
                            touched.reads.insert((0, index(uop.src, gemm.src_factor_out, gemm.src_factor_in)));
                            touched.reads.insert((1, index(uop.wgt, gemm.wgt_factor_out, gemm.wgt_factor_in)));
                        }
                    }
                }
            }
            Op::Alu(alu) => {
                for (o, i) in (0..alu.iter_out).flat_map(|o| (0..alu.iter_in).map(move |i| (o, i))) {
                    for uop in &uops[alu.uop_bgn as usize..alu.uop_end as usize] {
                        let dst = uop.dst + o * alu.dst_factor_out + i * alu.dst_factor_in;
                        touched.writes.insert((2, dst.into()));
                    }
                }
            }
            Op::Finish => {}
        }
        all.push(touched);
    }
    all
}

/// All pairs of instructions of different modules that must not run at the same time.
fn conflicts(recording: &Recording) -> Vec<(usize, usize)> {
    let mut by_place: HashMap<Place, (Vec<usize>, Vec<usize>)> = HashMap::new();
    for (index, touched) in touched(recording).into_iter().enumerate() {
        touched.reads.into_iter().for_each(|place| by_place.entry(place).or_default().0.push(index));
        touched.writes.into_iter().for_each(|place| by_place.entry(place).or_default().1.push(index));
    }
    let mut pairs = BTreeSet::new();
    let module = |index: usize| recording.insns[index].module();
    for (reads, writes) in by_place.into_values() {
        for &write in &writes {
            let others = reads.iter().chain(&writes).filter(|&&other| module(other) != module(write));
            pairs.extend(others.map(|&other| (write.min(other), write.max(other))));
        }
    }
    pairs.into_iter().collect()
}

/// Each token: the instruction that posts it and the one that takes it, with their queue.
fn tokens(recording: &Recording) -> Vec<(Queue, usize, usize)> {
    let mut matched = Vec::new();
    for queue in Queue::ALL {
        let users = |uses: fn(&Insn, Queue) -> bool| {
            let insns = recording.insns.iter().enumerate();
            insns.filter(move |(_, insn)| uses(insn, queue)).map(|(index, _)| index)
        };
        let posts = users(|insn, queue| insn.pushes().any(|pushed| pushed == queue));
        let takes = users(|insn, queue| insn.pops().any(|popped| popped == queue));
        matched.extend(posts.zip(takes.skip(recording.tokens_before.of(queue) as usize)).map(|(p, t)| (queue, p, t)));
    }
    matched
}

/// Whether a conflicting pair has no path between its instructions.
fn has_race(insns: &[Insn], tokens: &[(Queue, usize, usize)], conflicts: &[(usize, usize)]) -> bool {
    let mut edges: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for module in Module::ALL {
        let own: Vec<usize> = (0..insns.len()).filter(|&index| insns[index].module() == module).collect();
        own.windows(2).for_each(|pair| edges.entry(pair[0]).or_default().push(pair[1]));
    }
    tokens.iter().for_each(|&(_, post, take)| edges.entry(post).or_default().push(take));
    let reaches = |from: usize| {
        let (mut seen, mut open) = (vec![false; insns.len()], vec![from]);
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut seen[at], true) {
                open.extend(edges.get(&at).into_iter().flatten());
            }
        }
        seen
    };
    let reachable: Vec<Vec<bool>> = (0..insns.len()).map(reaches).collect();
    conflicts.iter().any(|&(a, b)| !reachable[a][b] && !reachable[b][a])
}

/// Takes the post and the take of a token out of the stream.
fn drop_token(insns: &mut [Insn], (queue, post, take): (Queue, usize, usize)) {
    let posts = &mut insns[post].tokens;
    match queue {
        Queue::LoadToCompute | Queue::ComputeToStore => posts.push_next = false,
        Queue::ComputeToLoad | Queue::StoreToCompute => posts.push_prev = false,
    }
    let takes = &mut insns[take].tokens;
    match queue {
        Queue::LoadToCompute | Queue::ComputeToStore => takes.pop_prev = false,
        Queue::ComputeToLoad | Queue::StoreToCompute => takes.pop_next = false,
    }
}

fn detect(recording: &Recording) -> Races {
    let options = Options { tokens_before: recording.tokens_before, detect_races: true, ..Options::default() };
    let mut simulator = Simulator::new(&recording.config).unwrap();
    simulator.run(&recording.insns, &mut recording.memory().unwrap(), &options).unwrap().races.unwrap()
}

/// Checks the recording and each of its mutants; returns how many mutants there were and how many of them race.
fn check_mutants(recording: &Recording) -> (usize, usize) {
    let (conflicts, tokens) = (conflicts(recording), tokens(recording));
    assert_eq!(detect(recording).is_clean(), !has_race(&recording.insns, &tokens, &conflicts));
    let mut racing = 0;
    for (index, &token) in tokens.iter().enumerate() {
        let mut mutant = recording.clone();
        drop_token(&mut mutant.insns, token);
        let mut left = tokens.clone();
        left.remove(index);
        let expected = has_race(&mutant.insns, &left, &conflicts);
        let races = detect(&mutant);
        assert_eq!(!races.is_clean(), expected, "without {token:?}: {races:?}");
        for race in &races.pairs {
            let pair = (race.first.min(race.second), race.first.max(race.second));
            assert!(conflicts.contains(&pair), "without {token:?}: {race}");
        }
        racing += usize::from(expected);
    }
    (tokens.len(), racing)
}

#[test]
fn every_dropped_token_that_matters_is_found() {
    let mut totals = (0, 0);
    for folder in folders(&data()) {
        let (mutants, racing) = check_mutants(&load(&folder));
        totals = (totals.0 + mutants, totals.1 + racing);
    }
    assert!(totals.0 >= 60 && totals.1 >= 40, "{totals:?}");
}

#[test]
fn shared_recordings_lose_tokens() {
    let Some(shared) = shared() else { return };
    for folder in folders(&shared) {
        let recording = load(&folder);
        if recording.insns.len() <= 150 {
            check_mutants(&recording);
        }
    }
}

#[test]
fn recordings_have_no_races() {
    let Some(shared) = shared() else { return };
    for folder in folders(&shared) {
        let recording = load(&folder);
        let races = detect(&recording);
        assert!(races.is_clean(), "{}: {races:?}", folder.display());
    }
}

#[test]
fn a_race_reads_well() {
    let mut recording = load(&data().join("matrix-multiply"));
    let all = tokens(&recording);
    let token = all.into_iter().find(|&(queue, ..)| queue == Queue::LoadToCompute).unwrap();
    drop_token(&mut recording.insns, token);
    let races = detect(&recording);
    let text: Vec<String> = races.pairs.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(text.join("\n"), @r"
    instruction 2 writes and instruction 5 reads inp elements 0..1, and no tokens order them
    instruction 3 writes and instruction 5 reads wgt elements 0..16, and no tokens order them
    ");
}
