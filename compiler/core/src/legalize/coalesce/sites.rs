//! The stores of a program as a list, with what is around each, and for each buffer those that touch it: what candidates are found
//! in and rewritten in, so that neither walks the program. It is taken from the program once, and put back once.

use std::rc::Rc;

use crate::legalize::coalesce::alias::{Alias, same_element};
use crate::loops::dependence::{Access, Place, carrying_loops};
use crate::loops::ir::{BufferId, Index, Leaf, Load, LoopId, LoopProgram, Mark, Role, Scope, Stmt, Store};
use crate::loops::nest::drop_empty_loops;
use crate::scalar::{CastMode, DType, Scalar};

/// A store and what is around it.
pub struct Site {
    pub store: Store,
    /// From the outermost.
    pub loops: Rc<[LoopId]>,
    /// How many of the loops are around the perfect nest.
    pub outer: usize,
    /// Whether it would copy an element to itself.
    gone: bool,
}

impl Site {
    /// The loops of the perfect nest.
    pub fn nest(&self) -> &[LoopId] {
        &self.loops[self.outer..]
    }

    /// Where the nest reads a buffer.
    pub fn loads(&self, buffer: BufferId) -> Vec<&Load> {
        let mut loads: Vec<&Load> = Vec::new();
        self.store.value.leaves(&mut |leaf| match leaf {
            Leaf::Load(l) if l.buffer == buffer && !loads.contains(&l) => loads.push(l),
            _ => {}
        });
        loads
    }

    /// Whether each iteration of the nest writes an element of its own.
    pub fn writes_once(&self, program: &LoopProgram) -> bool {
        carrying_loops(program, self.nest(), &self.store.indices).is_empty()
    }
}

/// Where a buffer is allocated.
#[derive(Clone)]
pub struct Home {
    pub loops: Rc<[LoopId]>,
    /// The number of the first site behind it.
    pub site: usize,
    /// Its block's number in an order in which inner blocks come before those around them.
    block: usize,
}

impl Home {
    pub fn depth(&self) -> usize {
        self.loops.len()
    }

    pub fn is_same_block(&self, other: &Home) -> bool {
        self.block == other.block
    }
}

pub struct Sites {
    all: Vec<Site>,
    /// For each buffer the sites that touch it, in order.
    of: Vec<Vec<usize>>,
    /// Where each buffer is allocated that may share storage.
    homes: Vec<Option<Home>>,
    /// By loop, whether its iterations are the steps of a scan.
    steps: Vec<bool>,
    joined: Vec<bool>,
}

impl Sites {
    pub fn of(program: &LoopProgram) -> Sites {
        let count = program.buffers.len();
        let mut sites = Sites {
            all: Vec::new(),
            of: vec![Vec::new(); count],
            homes: vec![None; count],
            steps: vec![false; program.loops.len()],
            joined: vec![false; count],
        };
        let mut walk = Walk { program, sites: &mut sites, loops: Vec::new(), blocks: 0, fixed: vec![false; count] };
        walk.block(&program.body, 0);
        let fixed = walk.fixed;
        for (home, fixed) in sites.homes.iter_mut().zip(fixed) {
            home.take_if(|_| fixed);
        }
        sites
    }

    pub fn site(&self, at: usize) -> &Site {
        &self.all[at]
    }

    /// The sites that touch a buffer, in order.
    pub fn touching(&self, buffer: BufferId) -> &[usize] {
        &self.of[buffer.0 as usize]
    }

    /// Where a buffer is allocated, if it may share storage.
    pub fn home(&self, buffer: BufferId) -> Option<&Home> {
        self.homes[buffer.0 as usize].as_ref()
    }

    pub fn is_step(&self, l: LoopId) -> bool {
        self.steps[l.0 as usize]
    }

    /// The buffers that the steps of scans allocate, in order.
    pub fn allocated_in_steps(&self, program: &LoopProgram) -> Vec<BufferId> {
        let ids = program.buffer_ids();
        let in_steps = |b: &BufferId| self.home(*b).is_some_and(|home| home.loops.iter().any(|l| self.is_step(*l)));
        let mut found: Vec<BufferId> = ids.filter(in_steps).collect();
        found.sort_by_key(|b| self.home(*b).map(|home| home.site));
        found
    }

    /// The sites that compute what may share storage, those of inner blocks first.
    pub fn computing(&self) -> Vec<usize> {
        let block = |at: &usize| self.home(self.all[*at].store.buffer).map(|home| home.block);
        let mut found: Vec<usize> = (0..self.all.len()).filter(|at| block(at).is_some()).collect();
        found.sort_by_key(block);
        found
    }

    /// The accesses that a site makes to a buffer, with an index map put on their elements; none if there is none.
    pub fn accesses(&self, at: usize, buffer: BufferId, map: Option<&Alias>, visit: &mut dyn FnMut(Access)) {
        let site = &self.all[at];
        let mut made = |indices: &[Index], write: bool, position: usize| {
            let mapped = map.map(|alias| alias.element(indices));
            let place = Place::Element(mapped.as_deref().unwrap_or(indices));
            visit(Access { buffer, place, write, loops: site.loops.clone(), position });
        };
        site.store.value.leaves(&mut |leaf| match leaf {
            Leaf::Load(l) if l.buffer == buffer => made(&l.indices, false, 2 * at),
            _ => {}
        });
        if site.store.buffer == buffer {
            made(&site.store.indices, true, 2 * at + 1);
        }
    }

    /// Puts the host in the place of the buffer, in all sites.
    pub fn join(&mut self, program: &mut LoopProgram, alias: &Alias) {
        let (from, to) = (alias.buffer.0 as usize, alias.host.0 as usize);
        // Either of them may be still in use when the next iteration begins, if one of them was meant to.
        let slots = program.buffers[from].slots.max(program.buffers[to].slots);
        program.buffers[to].slots = slots;
        let types = (program.buffers[from].dtype, program.buffers[to].dtype);
        let moved = std::mem::take(&mut self.of[from]);
        for at in &moved {
            let site = &mut self.all[*at];
            rewrite(&mut site.store, alias, types);
            unify(program, &mut site.store);
            site.gone = is_copy_to_itself(&site.store);
        }
        let mut merged = std::mem::take(&mut self.of[to]);
        merged.extend(moved);
        merged.sort_unstable();
        merged.dedup();
        merged.retain(|at| !self.all[*at].gone);
        self.of[to] = merged;
        if from != to {
            self.joined[from] = true;
            self.homes[from] = None;
        }
    }

    /// Puts the stores back where they were, without those that are gone and the buffers that nothing allocates.
    pub fn write_back(self, program: &mut LoopProgram) {
        let Sites { all, joined, .. } = self;
        put_back(&mut program.body, &mut all.into_iter(), &joined);
        drop_empty_loops(&mut program.body);
    }
}

fn put_back(block: &mut Vec<Stmt>, sites: &mut dyn Iterator<Item = Site>, joined: &[bool]) {
    block.retain_mut(|stmt| match stmt {
        Stmt::For(f) => {
            put_back(&mut f.body, sites, joined);
            true
        }
        Stmt::Alloc { buffer, .. } => !joined[buffer.0 as usize],
        Stmt::Store(store) => {
            let site = sites.next().expect("a site for each store");
            *store = site.store;
            !site.gone
        }
        Stmt::Insn(_) => true,
    });
}

/// Puts an index map on the accesses to a buffer. Where the types differ, what is stored is widened, and what is loaded fits the
/// narrower type as it is: only what was stored for the buffer is there.
fn rewrite(store: &mut Store, alias: &Alias, (own, shared): (DType, DType)) {
    store.value = store.value.flat_map(&mut |leaf| match leaf {
        Leaf::Load(l) if l.buffer == alias.buffer => {
            let load = Scalar::Leaf(Leaf::Load(Load { buffer: alias.host, indices: alias.element(&l.indices) }));
            if own == shared { load } else { Scalar::cast(own, CastMode::Exact, load) }
        }
        other => Scalar::Leaf(other.clone()),
    });
    if store.buffer == alias.buffer {
        (store.buffer, store.indices) = (alias.host, alias.element(&store.indices));
        if own != shared {
            let value = std::mem::replace(&mut store.value, Scalar::int(0));
            store.value = Scalar::cast(shared, CastMode::Wrap, value);
        }
    }
}

/// Tells the element that is written and read by the same indices, also where they have unit loops.
fn unify(program: &LoopProgram, store: &mut Store) {
    let Store { buffer, indices, value, .. } = store;
    value.leaves_mut(&mut |leaf| match leaf {
        Leaf::Load(l) if l.buffer == *buffer && same_element(program, &l.indices, indices) => {
            l.indices.clone_from(indices)
        }
        _ => {}
    });
}

fn is_copy_to_itself(store: &Store) -> bool {
    let mut value = &store.value;
    while let Scalar::Cast { to: DType::I32, value: inner, .. }
    | Scalar::Cast { mode: CastMode::Exact, value: inner, .. } = value
    {
        value = inner;
    }
    matches!(value, Scalar::Leaf(Leaf::Load(l)) if (l.buffer, &l.indices) == (store.buffer, &store.indices))
}

struct Walk<'a> {
    program: &'a LoopProgram,
    sites: &'a mut Sites,
    loops: Vec<LoopId>,
    /// How many blocks are closed.
    blocks: usize,
    /// The buffers that instructions mention.
    fixed: Vec<bool>,
}

impl Walk<'_> {
    /// Visits a block, in which perfect nests begin inside of the first `outer` loops.
    fn block(&mut self, stmts: &[Stmt], outer: usize) {
        let around: Rc<[LoopId]> = self.loops.as_slice().into();
        let mut allocated = Vec::new();
        for stmt in stmts {
            match stmt {
                Stmt::For(f) => {
                    self.loops.push(f.var);
                    let is_step = f.mark == Some(Mark::Serial);
                    self.sites.steps[f.var.0 as usize] = is_step;
                    let outer = if is_step || f.body.len() != 1 { self.loops.len() } else { outer };
                    self.block(&f.body, outer);
                    self.loops.pop();
                }
                Stmt::Alloc { buffer, .. } => {
                    let b = self.program.buffer(*buffer);
                    if b.scope == Scope::Acc && b.role == Role::Temporary {
                        let (loops, site) = (around.clone(), self.sites.all.len());
                        self.sites.homes[buffer.0 as usize] = Some(Home { loops, site, block: 0 });
                        allocated.push(*buffer);
                    }
                }
                Stmt::Store(store) => self.store(store, around.clone(), outer),
                Stmt::Insn(insn) => {
                    insn.operands().for_each(|operand| self.fixed[operand.tile.buffer.0 as usize] = true);
                }
            }
        }
        for buffer in allocated {
            if let Some(home) = &mut self.sites.homes[buffer.0 as usize] {
                home.block = self.blocks;
            }
        }
        self.blocks += 1;
    }

    fn store(&mut self, store: &Store, loops: Rc<[LoopId]>, outer: usize) {
        let at = self.sites.all.len();
        let mut touch = |b: BufferId| {
            let touching = &mut self.sites.of[b.0 as usize];
            if touching.last() != Some(&at) {
                touching.push(at);
            }
        };
        store.value.leaves(&mut |leaf| {
            if let Leaf::Load(l) = leaf {
                touch(l.buffer);
            }
        });
        touch(store.buffer);
        self.sites.all.push(Site { store: store.clone(), loops, outer, gone: false });
    }
}
