//! Order of execution: a stream and its tokens → which instruction runs next.
//!
//! The three modules run concurrently and each takes its own instructions in order, so many orders are possible. The
//! one chosen is: **always the oldest instruction of the stream that can run**. For a stream whose tokens agree with
//! its text order, as compilers emit it, that is the order of the text. Streams without races give the same values in
//! any order that the tokens allow.

use crate::report::{Deadlock, Poster, Waiting};
use crate::tokens::{Queue, TokenState};
use tilewright_isa::{Insn, Module};

/// Index for a module that has nothing left.
const NONE: usize = usize::MAX;

/// The next instruction of each module.
#[derive(Debug)]
pub(crate) struct Heads {
    /// Per instruction, the module that runs it.
    modules: Vec<u8>,
    /// Per module, the index of its next instruction or [`NONE`].
    next: [usize; 3],
}

impl Heads {
    pub fn new(insns: &[Insn]) -> Heads {
        let modules: Vec<u8> = insns.iter().map(|insn| insn.module() as u8).collect();
        let mut heads = Heads { modules, next: [NONE; 3] };
        for module in Module::ALL {
            heads.next[module as usize] = heads.find(module as u8, 0);
        }
        heads
    }

    /// The oldest instruction whose tokens are there.
    pub fn pick(&self, insns: &[Insn], tokens: &TokenState) -> Option<usize> {
        let [mut a, mut b, c] = self.next;
        if b < a {
            (a, b) = (b, a);
        }
        // In a stream whose tokens agree with its order the first of them can run, so the others are rarely sorted.
        let (first, mut rest) = if c < a { (c, [a, b]) } else { (a, [b, c]) };
        let can_run = |index: usize| index != NONE && tokens.missing(&insns[index]).is_none();
        if can_run(first) {
            return Some(first);
        }
        rest.sort_unstable();
        rest.into_iter().find(|&index| can_run(index))
    }

    /// Moves the module of the instruction, which must be a head, on to its next one.
    pub fn advance(&mut self, index: usize) {
        let module = self.modules[index];
        self.next[usize::from(module)] = self.find(module, index + 1);
    }

    /// Whether every instruction has run.
    pub fn is_done(&self) -> bool {
        self.next == [NONE; 3]
    }

    /// The instructions that have not run, in order of the stream.
    pub fn not_run(&self) -> impl Iterator<Item = usize> {
        let first = self.next.into_iter().min().unwrap_or(NONE).min(self.modules.len());
        (first..self.modules.len()).filter(|&index| index >= self.next[usize::from(self.modules[index])])
    }

    /// The module's instructions, in order.
    pub fn of_module(&self, module: Module) -> impl Iterator<Item = usize> {
        self.modules.iter().enumerate().filter(move |&(_, &of)| of == module as u8).map(|(index, _)| index)
    }

    /// Whether the instruction has run.
    fn has_run(&self, index: usize) -> bool {
        index < self.next[usize::from(self.modules[index])]
    }

    fn find(&self, module: u8, from: usize) -> usize {
        self.modules[from..].iter().position(|&of| of == module).map_or(NONE, |distance| from + distance)
    }

    /// Who waits for what, when nothing can run.
    pub fn deadlock(&self, insns: &[Insn], tokens: &TokenState, executed: usize) -> Deadlock {
        let heads = Module::ALL.into_iter().zip(self.next).filter(|&(_, insn)| insn != NONE);
        let waiting = heads.filter_map(|(module, insn)| {
            let queue = tokens.missing(&insns[insn])?;
            Some(Waiting { module, insn, queue, poster: self.nearest_poster(insns, queue, insn) })
        });
        Deadlock { executed, waiting: waiting.collect() }
    }

    /// The instruction nearest to `waiting` that posts into the queue: one that has not run if there is one.
    fn nearest_poster(&self, insns: &[Insn], queue: Queue, waiting: usize) -> Option<Poster> {
        let posts = |index: &usize| insns[*index].pushes().any(|posted| posted == queue);
        let nearest = |has_run| {
            let candidates = (0..insns.len()).filter(|&index| self.has_run(index) == has_run).filter(posts);
            candidates.min_by_key(|index| index.abs_diff(waiting)).map(|insn| Poster { insn, has_run })
        };
        nearest(false).or_else(|| nearest(true))
    }
}
