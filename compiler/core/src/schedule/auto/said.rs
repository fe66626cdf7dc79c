//! A schedule that leaves parts open, and what of it stands before its completion. Directives + [`Choice`] → [`Schedule`].
//!
//! ```text
//! Y.split(i, 4) -> io, ii      Y_acc = Y.cache_write(acc)     what computes an output stands in front of what shapes its loops
//! C.compute_at(Y, io)      →   Y.split(i, 4) -> io, ii
//!                              Y_acc.compute_at(Y, io)        and is computed where a producer is
//!                              C.compute_at(Y, io)
//! ```
//!
//! What was said stays as it is, but for sums that are stored: their loops are those of the computation, so what is said of them
//! is said of the stage that computes.

use std::collections::BTreeSet;

use tilewright_syntax::Span;
use tilewright_syntax::ast::{self, ExprKind, Ident, ScheduleStmt};

use crate::schedule::apply::apply_statement;
use crate::schedule::auto::group::{Choice, Home, groups};
use crate::schedule::auto::shaped::is_shaped;
use crate::schedule::auto::write::{Taken, directive, name};
use crate::schedule::{Schedule, StageId, checks, ops, regions};
use crate::scope::Scope;
use crate::tensor::Constants;

/// What a schedule says.
#[derive(Clone, Debug)]
pub struct Said {
    /// The schedule, whose statements are plain directives.
    pub source: ast::Schedule,
    pub constants: Constants,
}

/// A stored tensor whose computation moves to the accumulator before anything is said of it.
struct Moved {
    stage: String,
    computed: String,
    /// Whether what is said of its loops is said of the computation.
    with_loops: bool,
}

/// Whether a schedule leaves open how a stage is computed: it is computed in device memory, reads what is there, or is a product
/// of operands for the GEMM core that is no tile of it.
pub fn is_open(s: &Schedule) -> bool {
    s.stage_ids().any(|stage| {
        let copied = checks::is_copy(s, stage).map(|read| s.scope(read.tensor));
        let in_dram = |scope: Scope| scope == Scope::Dram;
        let reads = || s.compute(stage).reads().into_iter().map(|read| s.scope(read.tensor));
        match s.stage(stage).scope {
            Scope::Dram => copied.is_none_or(in_dram),
            _ => {
                let product = checks::product(s, stage).is_some() && s.stage(stage).tensorize.is_none();
                copied.is_none() && (reads().any(in_dram) || product && reads().any(Scope::is_operand))
            }
        }
    })
}

impl Said {
    /// The schedule up to its completion, with its statements; None where what it says cannot stand with the choice.
    pub fn begun(&self, bare: &Schedule, choice: Choice, span: Span) -> Option<(Schedule, Vec<ScheduleStmt>)> {
        let (mut plain, mut inlined) = (bare.clone(), Vec::new());
        without_copies(&mut plain, span, &self.mentioned(), &mut inlined);
        let begun = self.after(&plain, &inlined, choice, span);
        begun.or_else(|| if inlined.is_empty() { None } else { self.after(bare, &[], choice, span) })
    }

    fn after(
        &self,
        plain: &Schedule,
        inlined: &[ScheduleStmt],
        choice: Choice,
        span: Span,
    ) -> Option<(Schedule, Vec<ScheduleStmt>)> {
        let mut begun = (plain.clone(), inlined.to_vec());
        for stmt in &self.source.stmts {
            self.add(&mut begun, stmt.clone())?;
        }
        let moved = moved(&begun.0, choice);
        if moved.is_empty() {
            return Some(begun);
        }
        let mut begun = (plain.clone(), inlined.to_vec());
        for Moved { stage, computed, .. } in &moved {
            let target = Some(Ident { name: computed.clone(), span });
            self.add(&mut begun, directive((target, stage, "cache_write"), vec![name("acc")], &[], span))?;
        }
        for stmt in &self.source.stmts {
            let stmt = redirected(stmt, &moved);
            if let Some((host, axis)) = place(&stmt)
                && let Some(Moved { computed, .. }) = moved.iter().find(|m| m.stage == host && !m.with_loops)
                && self.add(&mut begun.clone(), stmt.clone()).is_none()
            {
                let args = vec![name(&host), name(&axis)];
                self.add(&mut begun, directive((None, computed, "compute_at"), args, &[], span))?;
            }
            self.add(&mut begun, stmt)?;
        }
        Some(begun)
    }

    /// Applies a directive; None where it cannot be.
    fn add(&self, (s, stmts): &mut (Schedule, Vec<ScheduleStmt>), stmt: ScheduleStmt) -> Option<()> {
        apply_statement(s, &stmt, &self.constants).ok()?;
        stmts.push(stmt);
        Some(())
    }

    /// Those of some directives that can be applied one after the other and have an effect.
    pub fn accepted(&self, begun: &Schedule, wanted: Vec<ScheduleStmt>) -> Vec<ScheduleStmt> {
        let mut all = (begun.clone(), Vec::new());
        for stmt in wanted {
            let warnings = all.0.warnings.len();
            if self.add(&mut all, stmt).is_some() && all.0.warnings.len() == warnings {
                continue;
            }
            // What was refused, or told to be idle, may have changed the schedule, so what was accepted is applied again.
            let mut accepted = std::mem::take(&mut all.1);
            accepted.truncate(accepted.len() - usize::from(all.0.warnings.len() > warnings));
            all = (begun.clone(), Vec::new());
            for stmt in accepted {
                self.add(&mut all, stmt).expect("it was applied before");
            }
        }
        all.1
    }

    /// The names of the stages and tensors of which something is said.
    fn mentioned(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for stmt in &self.source.stmts {
            let ScheduleStmt::Directive { stage, call, .. } = stmt else { continue };
            found.insert(stage.name.clone());
            let names =
                call.args.iter().filter_map(|arg| if let ExprKind::Name(n) = &arg.kind { Some(n) } else { None });
            found.extend(names.cloned());
        }
        found
    }
}

/// Lets the readers of copies of tensors read these themselves, but for those that are `kept`.
pub fn without_copies(plain: &mut Schedule, span: Span, kept: &BTreeSet<String>, stmts: &mut Vec<ScheduleStmt>) {
    let stages: Vec<StageId> = plain.stage_ids().filter(|stage| !kept.contains(plain.stage_name(*stage))).collect();
    for stage in stages {
        let copies = regions::copied_whole(plain, stage).is_some();
        if copies && plain.scan_of(plain.stage(stage).tensor).is_none() && ops::inline(plain, stage, span) {
            let called = (None, plain.stage_name(stage), "compute_inline");
            stmts.push(directive(called, Vec::new(), &[], span));
        }
    }
}

/// The tensors that are stored and of whose loops something is said.
fn moved(s: &Schedule, choice: Choice) -> Vec<Moved> {
    let mut taken = Taken::of(s);
    let groups = groups(s, choice);
    let stored = groups.iter().flat_map(|group| &group.sinks).filter(|sink| sink.home == Home::Stored);
    let moved = stored.map(|sink| sink.stage).filter(|stage| is_shaped(s, *stage)).map(|stage| {
        let name = s.stage_name(stage).to_string();
        let computed = taken.fresh(&format!("{name}_acc"));
        let with_loops = s.compute(stage).reduction.is_some() || s.stage(stage).alu.is_some();
        Moved { stage: name, computed, with_loops }
    });
    moved.collect()
}

/// Where `STAGE.compute_at(HOST, AXIS)` computes the stage.
fn place(stmt: &ScheduleStmt) -> Option<(String, String)> {
    let ScheduleStmt::Directive { call, .. } = stmt else { return None };
    match call.args.iter().map(|arg| &arg.kind).collect::<Vec<_>>()[..] {
        [ExprKind::Name(host), ExprKind::Name(axis)] if call.name.name == "compute_at" => {
            Some((host.clone(), axis.clone()))
        }
        _ => None,
    }
}

/// A directive as it is said of the stages that compute sums.
fn redirected(stmt: &ScheduleStmt, moved: &[Moved]) -> ScheduleStmt {
    let mut stmt = stmt.clone();
    let ScheduleStmt::Directive { stage, call, .. } = &mut stmt else { return stmt };
    let computed = |name: &str| moved.iter().find(|m| m.with_loops && m.stage == name).map(|m| m.computed.clone());
    let is_of_tensor = ["layout", "cache_read", "reindex", "compute_at", "compute_root", "reverse_compute_at"];
    if let Some(computed) = computed(&stage.name).filter(|_| !is_of_tensor.contains(&call.name.name.as_str())) {
        stage.name = computed;
    }
    for arg in &mut call.args {
        if let ExprKind::Name(name) = &mut arg.kind
            && let Some(computed) = computed(name)
        {
            *name = computed;
        }
    }
    stmt
}
