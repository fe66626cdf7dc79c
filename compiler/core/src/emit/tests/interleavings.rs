//! Tokens against a simulation of the three modules: on random lists of instructions every hazard is ordered in every
//! interleaving that is tried, nothing deadlocks, no token is left, and no counter overflows.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tilewright_isa::limits::MAX_TOKENS;
use tilewright_isa::{MemoryType, Module, Tokens};

use crate::emit::footprint::Space;
use crate::emit::hazards::{Clock, History};
use crate::emit::order::order;
use crate::emit::relay::{Relayed, Source, Step, relay};
use crate::emit::tokens::tokens;

const INP: Space = Space::Scratchpad(MemoryType::Inp);
const WGT: Space = Space::Scratchpad(MemoryType::Wgt);
const ACC: Space = Space::Scratchpad(MemoryType::Acc);

/// One instruction of a random list: its module, and what it reads and writes as (space, first tile, number).
#[derive(Clone, Debug)]
struct Access {
    module: Module,
    touches: Vec<(Space, usize, usize, bool)>,
}

fn arb_access() -> impl Strategy<Value = Access> {
    let region = || (0usize..6, 1usize..4);
    let load = (region(), region(), any::<bool>()).prop_map(|(s, d, inp)| Access {
        module: Module::Load,
        touches: vec![(if inp { INP } else { WGT }, s.0, s.1, true), (Space::Dram(0), d.0, d.1, false)],
    });
    let product = (region(), region(), region()).prop_map(|(a, b, c)| Access {
        module: Module::Compute,
        touches: vec![(ACC, a.0, a.1, true), (INP, b.0, b.1, false), (WGT, c.0, c.1, false)],
    });
    let bias = (region(), region()).prop_map(|(a, d)| Access {
        module: Module::Compute,
        touches: vec![(ACC, a.0, a.1, true), (Space::Dram(0), d.0, d.1, false)],
    });
    let store = (region(), region()).prop_map(|(a, d)| Access {
        module: Module::Store,
        touches: vec![(ACC, a.0, a.1, false), (Space::Dram(0), d.0, d.1, true)],
    });
    prop_oneof![4 => load, 3 => product, 1 => bias, 2 => store]
}

/// The needs of a list, FINISH included.
fn needs(list: &[Access]) -> Vec<Step> {
    let mut history = History::default();
    let mut everything = Clock::default();
    let mut steps = Vec::new();
    for (k, access) in list.iter().enumerate() {
        let mut needs = Clock::default();
        for (space, first, count, write) in &access.touches {
            let tiles = std::iter::once(*first..first + count);
            history.touch(*space, tiles, *write, (access.module, k as u32), &mut needs);
        }
        everything.raise(access.module, k as u32 + 1);
        steps.push(Step { module: access.module, needs });
    }
    steps.push(Step { module: Module::Compute, needs: everything });
    steps
}

/// What a simulation of one interleaving saw.
struct Trace {
    /// When each instruction started and was done, in events.
    started: Vec<usize>,
    done: Vec<usize>,
    most_outstanding: usize,
    left_over: usize,
}

/// Runs three modules, each instruction one event long at least, in an order that `choose` picks among those that can go on; None is a deadlock.
fn simulate(modules: &[Module], flags: &[Tokens], choose: &mut dyn FnMut(usize) -> usize) -> Option<Trace> {
    let queue = |m: Module| (0..modules.len()).filter(move |k| modules[*k] == m).collect::<Vec<_>>();
    let queues = Module::ALL.map(queue);
    let (mut next, mut running) = ([0usize; 3], [false; 3]);
    let mut tokens = [[0usize; 3]; 3];
    let mut trace =
        Trace { started: vec![0; modules.len()], done: vec![0; modules.len()], most_outstanding: 0, left_over: 0 };
    for event in 1.. {
        let able = |m: &Module| {
            let m = *m as usize;
            queues[m].get(next[m]).is_some_and(|k| {
                let waits = flags[*k];
                running[m] || (!waits.pop_prev || tokens[m - 1][m] > 0) && (!waits.pop_next || tokens[m + 1][m] > 0)
            })
        };
        let candidates: Vec<Module> = Module::ALL.into_iter().filter(able).collect();
        if candidates.is_empty() {
            break;
        }
        let m = candidates[choose(candidates.len())] as usize;
        let k = queues[m][next[m]];
        let Tokens { pop_prev, pop_next, push_prev, push_next } = flags[k];
        if !running[m] {
            if pop_prev {
                tokens[m - 1][m] -= 1
            }
            if pop_next {
                tokens[m + 1][m] -= 1
            }
            (running[m], trace.started[k]) = (true, event);
        } else {
            if push_prev {
                tokens[m][m - 1] += 1
            }
            if push_next {
                tokens[m][m + 1] += 1
            }
            (running[m], trace.done[k]) = (false, event);
            next[m] += 1;
            trace.most_outstanding = trace.most_outstanding.max(*tokens.as_flattened().iter().max().unwrap());
        }
    }
    trace.left_over = tokens.as_flattened().iter().sum();
    trace.done.iter().all(|d| *d > 0).then_some(trace)
}

/// Random interleavings, and those in which one module runs as far ahead of the others as it can.
fn simulate_all(modules: &[Module], flags: &[Tokens], seeds: &[u64], check: &mut dyn FnMut(&Trace)) {
    let ahead: [fn(usize) -> usize; 3] = [|_| 0, |n| n / 2, |n| n - 1];
    for mut choose in ahead {
        check(&simulate(modules, flags, &mut choose).expect("no deadlock"));
    }
    for seed in seeds {
        let mut state = *seed | 1;
        let mut random = |n: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % n
        };
        check(&simulate(modules, flags, &mut random).expect("no deadlock"));
    }
}

/// Orders the list and checks every hazard in every simulated interleaving; returns the list with relays and its flags.
fn check_tokens(list: &[Access], seeds: &[u64]) -> (Relayed, Vec<Tokens>) {
    let relayed = relay(&needs(list));
    let flags = tokens(relayed.steps.clone());
    let modules: Vec<Module> = relayed.steps.iter().map(|s| s.module).collect();
    let place = |k: usize| relayed.sources.iter().position(|s| *s == Source::Step(k as u32)).unwrap();
    let places: Vec<usize> = (0..=list.len()).map(place).collect();
    let hazards = hazards(list);
    simulate_all(&modules, &flags, seeds, &mut |trace| {
        for (a, b) in &hazards {
            assert!(trace.done[places[*a]] < trace.started[places[*b]], "{a} and {b} are not ordered");
        }
        let finish = places[list.len()];
        assert!(places[..list.len()].iter().all(|p| trace.done[*p] < trace.started[finish]));
        assert_eq!(trace.left_over, 0);
        assert!(trace.most_outstanding <= MAX_TOKENS, "{} outstanding", trace.most_outstanding);
    });
    (relayed, flags)
}

/// The list in the order that the given durations lead to.
fn reordered(list: &[Access], durations: &[u64]) -> Vec<usize> {
    let steps = needs(list);
    let durations: Vec<u64> = durations.iter().cycle().take(steps.len()).copied().collect();
    let order = order(&steps, &durations).unwrap_or_else(|| (0..steps.len() as u32).collect());
    assert_eq!(order.last(), Some(&(list.len() as u32)), "FINISH is last");
    order[..list.len()].iter().map(|k| *k as usize).collect()
}

/// All pairs that touch a common tile, one of them writing, straight from the definition.
fn hazards(list: &[Access]) -> BTreeSet<(usize, usize)> {
    let conflict = |a: &Access, b: &Access| {
        a.touches
            .iter()
            .any(|x| b.touches.iter().any(|y| x.0 == y.0 && (x.3 || y.3) && x.1 < y.1 + y.2 && y.1 < x.1 + x.2))
    };
    let pairs = (0..list.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
    pairs.filter(|(a, b)| conflict(&list[*a], &list[*b])).collect()
}

/// The pairs (push, pop) of all queues.
fn token_pairs(modules: &[Module], flags: &[Tokens]) -> Vec<(usize, usize)> {
    type Flag = fn(&Tokens) -> bool;
    let queues: [(Module, Flag, Module, Flag); 4] = [
        (Module::Load, |t| t.push_next, Module::Compute, |t| t.pop_prev),
        (Module::Compute, |t| t.push_prev, Module::Load, |t| t.pop_next),
        (Module::Compute, |t| t.push_next, Module::Store, |t| t.pop_prev),
        (Module::Store, |t| t.push_prev, Module::Compute, |t| t.pop_next),
    ];
    let with = |module: Module, flag: Flag| (0..flags.len()).filter(move |k| modules[*k] == module && flag(&flags[*k]));
    queues.into_iter().flat_map(|(from, push, to, pop)| with(from, push).zip(with(to, pop))).collect()
}

/// Whether `b` runs after `a` whatever the timing: there is a way along modules and tokens, without one of these.
fn ordered(modules: &[Module], tokens: &[(usize, usize)], without: usize, a: usize, b: usize) -> bool {
    let mut reached = vec![false; modules.len()];
    reached[a] = true;
    for k in a + 1..=b {
        let before = (0..k).rev().find(|p| modules[*p] == modules[k]);
        let popped =
            tokens.iter().enumerate().filter(|(t, (_, pop))| *t != without && *pop == k).map(|(_, (push, _))| *push);
        reached[k] = before.into_iter().chain(popped).any(|p| reached[p]);
    }
    reached[b]
}

fn access(module: Module, touches: &[(Space, usize, bool)]) -> Access {
    Access { module, touches: touches.iter().map(|(space, tile, write)| (*space, *tile, 1, *write)).collect() }
}

fn load_inp(tile: usize) -> Access {
    access(Module::Load, &[(INP, tile, true)])
}

fn product(src: usize, dst: usize) -> Access {
    access(Module::Compute, &[(INP, src, false), (ACC, dst, true)])
}

fn store(tile: usize) -> Access {
    access(Module::Store, &[(ACC, tile, false)])
}

#[test]
fn more_tokens_than_a_counter_holds_are_merged() {
    let list: Vec<Access> = (0..1000).map(load_inp).chain((0..1000).map(|k| product(k, 0))).collect();
    let (relayed, flags) = check_tokens(&list, &[1, 2]);
    assert_eq!(relayed.steps.len(), 2001);
    let pushes = flags.iter().filter(|t| t.push_next).count();
    assert!((100..=255).contains(&pushes), "{pushes} tokens");
}

#[test]
fn a_producer_far_ahead_is_held_back() {
    let list: Vec<Access> = (0..3000).flat_map(|k| [load_inp(k), product(k, k), store(k)]).collect();
    let (_, flags) = check_tokens(&list, &[1, 2]);
    let back = flags.iter().filter(|t| t.push_prev).count();
    assert!(back > 0 && back <= 2 * 3000 / 100, "{back} tokens of back-pressure");
    assert_eq!(flags.iter().filter(|t| t.push_next).count(), 6000);
}

#[test]
fn one_token_orders_what_follows_it() {
    let list = [load_inp(0), load_inp(1), product(1, 0), product(0, 1)];
    let (_, flags) = check_tokens(&list, &[1]);
    let pushing: Vec<bool> = flags.iter().map(|t| t.push_next).collect();
    assert_eq!(pushing, [false, true, false, false, false]);
}

/// Double buffering needs the token of the product before the last, and gets no stricter one.
#[test]
fn a_load_into_the_other_half_does_not_wait_for_the_last_product() {
    let list: Vec<Access> = (0..4).flat_map(|k| [load_inp(k % 2), product(k % 2, 0)]).collect();
    let (_, flags) = check_tokens(&list, &[1]);
    let waits: Vec<bool> = flags.iter().step_by(2).map(|t| t.pop_next).collect();
    let releases: Vec<bool> = flags.iter().skip(1).step_by(2).map(|t| t.push_prev).collect();
    assert_eq!((waits, releases), (vec![false, false, true, true, false], vec![true, true, false, false]));
}

#[test]
fn a_load_that_waits_for_a_store_lets_others_pass() {
    let list = [
        load_inp(0),
        product(0, 0),
        access(Module::Store, &[(ACC, 0, false), (Space::Dram(0), 0, true)]),
        access(Module::Load, &[(Space::Dram(0), 0, false), (INP, 1, true)]),
        access(Module::Load, &[(WGT, 0, true)]),
        product(1, 0),
    ];
    assert_eq!(reordered(&list, &[100]), [0, 1, 4, 2, 3, 5]);
    // What takes much longer than the wait would hold up the load that waits.
    assert_eq!(reordered(&list, &[10, 10, 10, 10, 1000, 10]), [0, 1, 2, 3, 4, 5]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever the durations: pairs with a hazard stand in the order of the program, compute and store as a whole do, and
    /// the new order is as safe as the old one.
    #[test]
    fn an_order_keeps_every_hazard(
        list in prop::collection::vec(arb_access(), 1..40),
        durations in prop::collection::vec(0u64..300, 1..10),
        seed: u64,
    ) {
        let order = reordered(&list, &durations);
        let place = |k: usize| order.iter().position(|o| *o == k).unwrap();
        for (a, b) in hazards(&list) {
            prop_assert!(place(a) < place(b), "{} and {} change places", a, b);
        }
        for module in [Module::Compute, Module::Store] {
            prop_assert!(order.iter().filter(|k| list[**k].module == module).is_sorted());
        }
        let ordered: Vec<Access> = order.iter().map(|k| list[*k].clone()).collect();
        check_tokens(&ordered, &[seed]);
    }

    #[test]
    fn every_hazard_is_ordered_in_every_interleaving(
        list in prop::collection::vec(arb_access(), 1..40),
        seeds in prop::array::uniform4(any::<u64>()),
    ) {
        check_tokens(&list, &seeds);
    }

    /// Without any one of the tokens a hazard is open.
    #[test]
    fn no_token_is_redundant(list in prop::collection::vec(arb_access(), 1..25)) {
        let (relayed, flags) = check_tokens(&list, &[]);
        let modules: Vec<Module> = relayed.steps.iter().map(|s| s.module).collect();
        let place = |k: usize| relayed.sources.iter().position(|s| *s == Source::Step(k as u32)).unwrap();
        let mut pairs: Vec<(usize, usize)> = hazards(&list).into_iter().map(|(a, b)| (place(a), place(b))).collect();
        pairs.extend((0..list.len()).map(|k| (place(k), place(list.len()))));
        let tokens = token_pairs(&modules, &flags);
        for without in 0..tokens.len() {
            let open = pairs.iter().any(|(a, b)| !ordered(&modules, &tokens, without, *a, *b));
            prop_assert!(open, "the token {:?} is redundant", tokens[without]);
        }
        prop_assert!(pairs.iter().all(|(a, b)| ordered(&modules, &tokens, usize::MAX, *a, *b)));
    }

    /// Long lists, in which counters would overflow without bounds.
    #[test]
    fn counters_never_overflow(runs in prop::collection::vec((0usize..3, 1usize..400), 1..12), seed: u64) {
        let mut next = [0usize; 3];
        let list: Vec<Access> = runs.into_iter().flat_map(|(kind, count)| {
            let first = next[kind];
            next[kind] += count;
            (first..first + count).map(move |k| [load_inp(k), product(k, k), store(k)][kind].clone())
        }).collect();
        check_tokens(&list, &[seed]);
    }
}
