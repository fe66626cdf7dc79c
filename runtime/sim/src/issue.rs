//! Issue order: a stream and its tokens → which instruction runs next.
//!
//! The three modules run concurrently and each takes its own instructions in order, so many orders are possible. The
//! one chosen is: **always the oldest instruction of the stream that can run**. For a stream whose tokens agree with
//! its text order, as compilers emit it, that is the order of the text. Streams without races give the same values in
//! any order that the tokens allow.

use crate::report::{Deadlock, Poster, Waiting};
use crate::tokens::{Queue, TokenState};
use std::collections::VecDeque;
use tilewright_isa::{Insn, Module};

/// How far the stream has been issued.
///
/// Invariant: what stands before `next` has been issued, or stands in the queue of its module, whose first instruction
/// waited for a token when it was looked at last. So the order of the text costs nothing to follow.
#[derive(Debug)]
pub(crate) struct Issue<'a> {
    insns: &'a [Insn],
    /// The first instruction that has not been looked at.
    next: usize,
    /// Per module, the instructions that wait for a token or behind one that does.
    held: [VecDeque<usize>; 3],
    /// Instructions in `held`.
    held_count: usize,
}

impl<'a> Issue<'a> {
    pub fn new(insns: &'a [Insn]) -> Issue<'a> {
        Issue { insns, next: 0, held: Default::default(), held_count: 0 }
    }

    /// The state in which each module has executed so many of its instructions, in the order of [`Module::ALL`].
    pub fn after(insns: &'a [Insn], mut executed: [usize; 3]) -> Issue<'a> {
        let mut issue = Issue { next: insns.len(), ..Issue::new(insns) };
        for (index, insn) in insns.iter().enumerate() {
            match &mut executed[insn.module() as usize] {
                0 => {
                    issue.held[insn.module() as usize].push_back(index);
                    issue.held_count += 1;
                }
                left => *left -= 1,
            }
        }
        issue
    }

    /// Takes the oldest instruction whose tokens are there.
    #[inline]
    pub fn issue(&mut self, tokens: &TokenState) -> Option<usize> {
        if self.held_count > 0
            && let Some(index) = self.issue_held(tokens)
        {
            return Some(index);
        }
        while let Some(insn) = self.insns.get(self.next) {
            let index = self.next;
            self.next += 1;
            let held = &mut self.held[insn.module() as usize];
            if held.is_empty() && tokens.missing(insn).is_none() {
                return Some(index);
            }
            held.push_back(index);
            self.held_count += 1;
        }
        None
    }

    fn issue_held(&mut self, tokens: &TokenState) -> Option<usize> {
        let heads = self.held.iter().filter_map(|held| held.front().copied());
        let index = heads.filter(|&index| tokens.missing(&self.insns[index]).is_none()).min()?;
        self.held_count -= 1;
        self.held[self.insns[index].module() as usize].pop_front()
    }

    /// Whether every instruction has been issued.
    pub fn is_done(&self) -> bool {
        self.held_count == 0 && self.next == self.insns.len()
    }

    /// How many instructions have not been issued, and the first of them.
    pub fn left(&self) -> (usize, Option<usize>) {
        let next = Some(self.next).filter(|&next| next < self.insns.len());
        let first = self.held.iter().filter_map(|held| held.front().copied()).chain(next).min();
        (self.held_count + self.insns.len() - self.next, first)
    }

    /// The instructions of a module that have been issued, the last one first.
    pub fn issued_by(&self, module: Module) -> impl Iterator<Item = usize> {
        let end = self.held[module as usize].front().copied().unwrap_or(self.next);
        (0..end).rev().filter(move |&index| self.insns[index].module() == module)
    }

    /// Who waits for what, when nothing can run.
    pub fn deadlock(&self, tokens: &TokenState, executed: usize) -> Deadlock {
        let heads = Module::ALL.into_iter().filter_map(|module| Some((module, *self.held[module as usize].front()?)));
        let waiting = heads.filter_map(|(module, insn)| {
            let queue = tokens.missing(&self.insns[insn])?;
            Some(Waiting { module, insn, queue, poster: self.nearest_poster(queue, insn) })
        });
        Deadlock { executed, waiting: waiting.collect() }
    }

    /// The instruction nearest to `waiting` that posts into the queue: one that has not run if there is one.
    fn nearest_poster(&self, queue: Queue, waiting: usize) -> Option<Poster> {
        let posts = |index: &usize| self.insns[*index].pushes().any(|posted| posted == queue);
        let nearest = |has_run| {
            let candidates = (0..self.insns.len()).filter(|&index| self.has_run(index) == has_run).filter(posts);
            candidates.min_by_key(|index| index.abs_diff(waiting)).map(|insn| Poster { insn, has_run })
        };
        nearest(false).or_else(|| nearest(true))
    }

    fn has_run(&self, index: usize) -> bool {
        let held = self.held[self.insns[index].module() as usize].front();
        index < held.copied().unwrap_or(self.next)
    }
}
