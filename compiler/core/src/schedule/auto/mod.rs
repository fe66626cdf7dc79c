//! A schedule for a kernel that has none, and what completes one that leaves parts open. Kernel, with the directives that were
//! said → directives as an author would write them, from the largest tiles on.
//!
//! ```text
//! kernel: C[i, j] = sum(r: ...)          X_buf = X.cache_read(inp, C)
//!         output Y[i, j] = i8(C[i, j])   W_buf = W.cache_read(wgt, C)
//!                                   →    C.set_scope(acc)
//!                                        C.split(j, BLOCK_OUT) -> jo, ji ...
//!                                        C.tensorize(ji, gemm)
//! ```
//!
//! Everything is computed in the accumulator, in groups: a tensor that has to be stored, and what is computed for it. A
//! group starts out whole. Who finds that a buffer does not fit calls [`Automatic::shrink`] and tries the next schedule:
//! first operands are brought in smaller slices of the reduction, then the stored tensor is computed in smaller tiles. Who
//! finds that a schedule works in no size tries [`Automatic::next`].
//!
//! A completion is the same for what the directives that were said leave of the kernel: a stage that has a scope, loops of its own
//! or a place keeps them, and what could not be applied behind them is left out.

mod group;
mod loads;
mod roles;
mod said;
mod shaped;
mod write;

use std::collections::BTreeSet;

use tilewright_syntax::Span;
use tilewright_syntax::ast::{self, Ident, ScheduleStmt};

use crate::gemm::Core;
use crate::schedule::{Order, Schedule, StageId, checks};
use crate::scope::Scope;
use crate::tensor::Kernel;

use group::{Choice, Group};
use write::Buffer;

pub use said::{Said, is_open};

/// The name of schedules that are made here.
pub const NAME: &str = "automatic";

/// The schedule of a kernel that says nothing.
pub fn without_directives(kernel: &Kernel, span: Span) -> ast::Schedule {
    let ident = |name: &str| Ident { name: name.to_string(), span };
    ast::Schedule { name: ident(NAME), params: Vec::new(), kernel: ident(&kernel.name), stmts: Vec::new(), span }
}

/// A schedule that can be made smaller.
#[derive(Clone, Debug)]
pub struct Automatic {
    /// The kernel without directives.
    bare: Schedule,
    /// What a user said of it, if it was not nothing.
    said: Option<Said>,
    /// The kernel with the directives that stand before the others.
    begun: Schedule,
    before: Vec<ScheduleStmt>,
    groups: Vec<Group>,
    /// The place in the source that it stands for.
    span: Span,
    choice: Choice,
}

impl Automatic {
    /// The schedule with the largest tiles.
    pub fn new(kernel: &Kernel, core: Core, span: Span) -> Automatic {
        let bare = Schedule::new(NAME, kernel.clone(), core);
        let first = Automatic::chosen(bare, None, span, Choice::FIRST);
        first.expect("where nothing was said, nothing is refused")
    }

    /// The completion with the largest tiles of what was said, which has an effect; None where there is none.
    pub fn completing(said: Said, kernel: &Kernel, core: Core) -> Option<Automatic> {
        let (name, span) = (said.source.name.name.clone(), said.source.name.span);
        let bare = Schedule::new(name, kernel.clone(), core);
        let first = Automatic::chosen(bare.clone(), Some(said.clone()), span, Choice::FIRST);
        first.or_else(|| Automatic::after(&bare, Some(&said), span, Choice::FIRST))
    }

    /// The next schedule to try where no size of this one works: with the factors of products the other way round, with more
    /// that is kept between groups, and with a load for each access. None where everything was tried.
    pub fn next(&self) -> Option<Automatic> {
        Automatic::after(&self.bare, self.said.as_ref(), self.span, self.choice)
    }

    /// The schedule in which transfers overlap with what is computed; None where nothing is computed in tiles.
    pub fn overlapping(&self) -> Option<Automatic> {
        let mut overlapping = self.clone();
        let tiled = overlapping.groups.iter_mut().filter(|group| group.is_tiled());
        let changed = tiled.map(|group| group.overlaps = true).count();
        (changed > 0).then_some(overlapping)
    }

    /// The first schedule behind a choice with which what was said can stand.
    fn after(bare: &Schedule, said: Option<&Said>, span: Span, mut choice: Choice) -> Option<Automatic> {
        loop {
            choice = choice.next()?;
            let found = Automatic::chosen(bare.clone(), said.cloned(), span, choice);
            if found.is_some() {
                return found;
            }
        }
    }

    fn chosen(bare: Schedule, said: Option<Said>, span: Span, choice: Choice) -> Option<Automatic> {
        let (begun, before) = match &said {
            Some(said) if !said.source.stmts.is_empty() => said.begun(&bare, choice, span)?,
            _ => {
                let (mut begun, mut before) = (bare.clone(), Vec::new());
                said::without_copies(&mut begun, span, &BTreeSet::new(), &mut before);
                join_steps(&mut begun, span, &mut before);
                (begun, before)
            }
        };
        let groups = group::groups(&begun, choice);
        Some(Automatic { bare, said, begun, before, groups, span, choice })
    }

    /// The schedule as source. What was made has the place for which it stands.
    pub fn source(&self) -> ast::Schedule {
        let made = write::statements(&self.begun, &self.groups, self.span);
        let mut stmts = self.before.clone();
        let Some(said) = &self.said else {
            stmts.extend(made);
            return ast::Schedule { stmts, ..without_directives(&self.bare.kernel, self.span) };
        };
        stmts.extend(said.accepted(&self.begun, made));
        ast::Schedule { stmts, ..said.source.clone() }
    }

    /// Lets the schedule use less of a scratchpad, where a buffer did not fit; false if it cannot.
    pub fn shrink(&mut self, buffer: &str, scope: Scope) -> bool {
        let buffers = write::buffers(&self.begun, &self.groups, self.span);
        let exact = buffers.iter().find(|b| b.name == buffer).map(|b| (b, b.operand_of));
        // What is there in several tilings is numbered, and a temporary is named after what it is computed for.
        let is_word = |word: &str| ["part", "number"].contains(&word) || word.parse::<u32>().is_ok();
        let is_derived = |rest: &str| rest.split('_').all(is_word);
        let derived = |b: &&Buffer| {
            buffer.strip_prefix(b.name.as_str()).and_then(|rest| rest.strip_prefix('_')).is_some_and(is_derived)
        };
        let derived = || buffers.iter().filter(derived).max_by_key(|b| b.name.len());
        let is_temporary = buffer.contains("_part") || buffer.contains("_number");
        let of_derived =
            derived().map(|b| (b, if is_temporary { b.computed_by.or(b.operand_of) } else { b.operand_of }));
        match exact.or(of_derived) {
            Some((buffer, reduction)) => self.groups[buffer.group].shrink(scope, reduction, buffer.sink),
            None => false,
        }
    }
}

/// Computes what is read of scans element by element in their steps, so that nobody has to keep it for all of them.
fn join_steps(plain: &mut Schedule, span: Span, stmts: &mut Vec<ScheduleStmt>) {
    for stage in Order::of(plain).stages {
        if plain.compute(stage).reduction.is_some() || !reads_copies(plain, stage) {
            continue;
        }
        if let Some(scan) = plain.scan_ids().find(|scan| plain.join_steps(stage, *scan, span).is_ok()) {
            let host = plain.host(scan);
            let steps = &plain.kernel.axis(plain.compute(host).axes[0]).name;
            let at = vec![write::name(plain.stage_name(host)), write::name(steps)];
            stmts.push(write::directive((None, plain.stage_name(stage), "reverse_compute_at"), at, &[], span));
        }
    }
}

/// Whether the states that a stage reads get copies of what their steps compute, which it can copy as well.
fn reads_copies(s: &Schedule, stage: StageId) -> bool {
    let states = s.compute(stage).reads().into_iter().filter_map(|read| s.stage_of(read.tensor));
    states.filter(|from| s.initial(*from).is_some()).all(|state| checks::is_copy(s, state).is_some())
}
