//! Who reads whom. Nests → the buffers that results depend on, and their order from readers to writers.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::loops::ir::{BufferId, Leaf, LoopProgram, Role, Scope};
use crate::loops::nest::Nest;
use crate::scalar::Scalar;

/// The buffers that outputs depend on, outputs among them.
pub fn live(program: &LoopProgram, nests: &[Nest]) -> HashSet<BufferId> {
    let mut writers: HashMap<BufferId, Vec<&Nest>> = HashMap::new();
    nests.iter().for_each(|nest| writers.entry(nest.store.buffer).or_default().push(nest));
    let ids = program.buffer_ids();
    let mut open: Vec<BufferId> = ids.filter(|b| program.buffer(*b).role != Role::Temporary).collect();
    let mut live: HashSet<BufferId> = open.iter().copied().collect();
    while let Some(b) = open.pop() {
        let read = writers.get(&b).into_iter().flatten().flat_map(|nest| nest.loads());
        open.extend(read.map(|l| l.buffer).filter(|b| live.insert(*b)));
    }
    live
}

/// The nests that write and read each buffer, and the buffers that are settled together.
pub struct Flow {
    writers: Vec<Vec<usize>>,
    readers: Vec<Vec<usize>>,
    groups: Vec<Vec<BufferId>>,
    /// For each group, those that its writers read, once for each access.
    sources: Vec<Vec<usize>>,
}

impl Flow {
    /// Of what results depend on.
    pub fn of(program: &LoopProgram, nests: &[Nest], live: &HashSet<BufferId>) -> Flow {
        let nothing = || vec![Vec::new(); program.buffers.len()];
        let (mut writers, mut readers) = (nothing(), nothing());
        for (at, nest) in nests.iter().enumerate().filter(|(_, nest)| live.contains(&nest.store.buffer)) {
            writers[nest.store.buffer.0 as usize].push(at);
            for l in nest.loads() {
                let readers: &mut Vec<usize> = &mut readers[l.buffer.0 as usize];
                if readers.last() != Some(&at) {
                    readers.push(at);
                }
            }
        }
        let groups = groups(program, nests, &writers);
        let mut group_of = vec![0; program.buffers.len()];
        for (number, group) in groups.iter().enumerate() {
            group.iter().for_each(|b| group_of[b.0 as usize] = number);
        }
        let written = |group: &Vec<BufferId>| -> Vec<usize> {
            let own = group.iter().flat_map(|b| &writers[b.0 as usize]);
            own.flat_map(|at| nests[*at].loads()).map(|l| group_of[l.buffer.0 as usize]).collect()
        };
        let sources = groups.iter().map(written).collect();
        Flow { writers, readers, groups, sources }
    }

    /// The nests that write a buffer.
    pub fn writers(&self, b: BufferId) -> &[usize] {
        &self.writers[b.0 as usize]
    }

    /// The nests that load from a buffer.
    pub fn readers(&self, b: BufferId) -> &[usize] {
        &self.readers[b.0 as usize]
    }

    /// The groups in an order in which readers come before what they read; in a circle, the later of the program comes first.
    pub fn readers_first(&self) -> Vec<&[BufferId]> {
        let mut waits = vec![0; self.groups.len()];
        let own =
            |(group, sources): (usize, &Vec<usize>)| sources.iter().copied().filter(move |s| *s != group).collect();
        let sources: Vec<Vec<usize>> = self.sources.iter().enumerate().map(own).collect();
        sources.iter().flatten().for_each(|s| waits[*s] += 1);
        let mut done = vec![false; self.groups.len()];
        let mut ready: VecDeque<usize> = (0..self.groups.len()).rev().filter(|g| waits[*g] == 0).collect();
        let mut rest: Vec<usize> = (0..self.groups.len()).collect();
        let mut order = Vec::new();
        while let Some(group) = ready.pop_front().or_else(|| rest.pop()) {
            if std::mem::replace(&mut done[group], true) {
                continue;
            }
            order.push(&*self.groups[group]);
            for source in &sources[group] {
                waits[*source] -= 1;
                if waits[*source] == 0 {
                    ready.push_back(*source);
                }
            }
        }
        order
    }
}

/// What copies of a tensor have to have in common to be equal: what they copy, where they lie, and how large they are.
type Likeness<'a> = (BufferId, Scope, &'a [i64], &'a [i64]);

/// The buffers that are written, equal copies of one tensor together.
fn groups(program: &LoopProgram, nests: &[Nest], writers: &[Vec<usize>]) -> Vec<Vec<BufferId>> {
    let mut groups: Vec<Vec<BufferId>> = Vec::new();
    let mut copies: HashMap<Likeness, usize> = HashMap::new();
    for (id, buffer) in program.buffers.iter().enumerate() {
        let source = writers[id].first().and_then(|at| match &nests[*at].store.value {
            Scalar::Leaf(Leaf::Load(load)) if buffer.role == Role::Temporary => Some(load.buffer),
            _ => None,
        });
        let next = groups.len();
        let group = source
            .map_or(next, |source| *copies.entry((source, buffer.scope, &buffer.shape, &buffer.array)).or_insert(next));
        if group == next {
            groups.push(Vec::new());
        }
        groups[group].push(BufferId(id as u32));
    }
    groups
}
