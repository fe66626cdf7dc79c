//! Schedules for kernels that have none, and completions of those that leave parts open: the first automatic ones with which
//! everything fits the target.
//!
//! A kernel alone tries its largest tiles and makes smaller what does not fit; if that ends, it tries the next schedule: with
//! the factors of its products the other way round, or with more that is kept between its parts. In a program each kernel
//! starts from what it would have alone. What does not fit together with the others is made smaller again, and where the
//! kernels do not agree otherwise, they are fitted in one by one, and at last each call whose buffer is in the way tries its next
//! schedule.
//!
//! A schedule leaves something open if it is illegal as it is, and so does what is legal keep its instructions.

use tilewright_syntax::{Diagnostic, ast};

use super::{Call, Front, Fronts, Made, Place, target_constants};
use crate::legalize::{Cx, LegalizeError};
use crate::pipeline::Refusal;
use crate::programs::{self, Program};
use crate::schedule::auto::{self, Automatic, Said};
use crate::schedule::{Directive, ExpandError};
use crate::scope::Scope;
use crate::tensor::{self, Constants, Kernel};

/// How often tiles are made smaller for transfers that overlap with what is computed.
const MOST_FOR_OVERLAP: usize = 3;

/// How often calls that do not fit together try other schedules.
const MOST_FAULTS: usize = 60;

/// A call, and how its schedule is made or completed, if it is.
#[derive(Clone)]
struct Candidate {
    call: Call,
    automatic: Option<Automatic>,
}

impl Candidate {
    fn renewed(&mut self, automatic: Automatic) {
        self.call.schedule = automatic.source();
        self.automatic = Some(automatic);
    }

    /// Whether an error is about this call, and so about the schedule that it names.
    fn is_scheduled_in(&self, d: &Diagnostic) -> bool {
        self.automatic.is_none() && self.is_of(d)
    }

    /// Whether an error is about this call.
    fn is_of(&self, d: &Diagnostic) -> bool {
        let place = self.call.place.as_ref();
        place.is_some_and(|place| d.labels.iter().any(|label| label.span == place.span))
    }

    fn advance(&mut self) -> bool {
        let next = self.automatic.as_ref().and_then(Automatic::next);
        let found = next.is_some();
        next.into_iter().for_each(|automatic| self.renewed(automatic));
        found
    }
}

impl Fronts<'_> {
    /// The kernel with the first automatic schedule that fits the target.
    pub(super) fn automatic(&self, kernel: &ast::Kernel, params: &[(String, i64)]) -> Result<Front, Vec<Diagnostic>> {
        let target = target_constants(self.config);
        let checked = tensor::check_with(kernel, params, &target, self.modules)?;
        let constants = tensor::check::parameters(kernel, params, &target)?;
        let candidate = self.alone(None, checked.clone(), constants, kernel.name.span)?;
        Ok(self.front(checked, vec![candidate.call]))
    }

    /// A kernel with the schedule that was written for it, completed where it leaves parts open.
    pub(super) fn completed(&self, call: Call) -> Call {
        self.completing(call).call
    }

    /// A checked program, with automatic schedules for the calls that have none.
    pub(super) fn with_schedules(&self, program: Program) -> Result<Front, Vec<Diagnostic>> {
        let Program { kernel, calls, .. } = program;
        let candidates = calls.into_iter().map(|call| self.candidate(call)).collect::<Result<Vec<_>, _>>()?;
        if candidates.iter().all(|c| c.automatic.is_none()) {
            return Ok(self.joined(&kernel, &candidates));
        }
        let mut all = candidates.clone();
        match self.fitted(&kernel, &mut all) {
            Ok(front) => Ok(front),
            Err(refusal) => self
                .one_by_one(&kernel, candidates.clone())
                .or_else(|()| self.by_fault(&kernel, candidates))
                .map_err(|()| {
                    let (own, made): (Vec<_>, Vec<_>) =
                        refusal.diagnostics.into_iter().partition(|d| all.iter().any(|c| c.is_scheduled_in(d)));
                    let note = |d: Diagnostic| {
                        let completed = all.iter().any(|c| c.call.made == Made::Completed && c.is_of(&d));
                        d.note(if completed { COMPLETED } else { AUTOMATIC })
                    };
                    own.into_iter().chain(made.into_iter().map(note)).collect()
                }),
        }
    }

    fn candidate(&self, call: programs::Call) -> Result<Candidate, Vec<Diagnostic>> {
        let programs::Call { name, span, kernel, tensors, schedule, constants } = call;
        let place = Some(Place { name: name.name, span, tensors });
        match schedule {
            Some(schedule) => {
                let call = Call { place, kernel, schedule, made: Made::Written, constants };
                Ok(self.completing(call))
            }
            None => self
                .alone(place, kernel, constants, name.span)
                .map_err(|told| told.into_iter().map(|d| d.secondary(span, "this call names no schedule")).collect()),
        }
    }

    /// A kernel with the first automatic schedule that fits the target if nothing else runs.
    fn alone(
        &self,
        place: Option<Place>,
        kernel: Kernel,
        constants: Constants,
        span: tilewright_syntax::Span,
    ) -> Result<Candidate, Vec<Diagnostic>> {
        if !self.completes {
            let schedule = auto::without_directives(&kernel, span);
            return Ok(Candidate {
                call: Call { place, kernel, schedule, made: Made::Written, constants },
                automatic: None,
            });
        }
        let automatic = Automatic::new(&kernel, Cx { config: *self.config }.core(), span);
        let call = Call { place: None, kernel, schedule: automatic.source(), made: Made::Automatic, constants };
        let mut candidate = Candidate { call, automatic: Some(automatic) };
        self.first_fitting(&mut candidate).map_err(with_note)?;
        self.overlap(&mut candidate);
        candidate.call.place = place;
        Ok(candidate)
    }

    /// A call whose schedule is completed if it leaves something open. Where no completion fits, it stays as it is.
    fn completing(&self, call: Call) -> Candidate {
        let written = Candidate { call: call.clone(), automatic: None };
        if !self.completes {
            return written;
        }
        let alone = self.front(call.kernel.clone(), vec![Call { place: None, ..call.clone() }]);
        let Ok(scheduled) = alone.schedule() else { return written };
        if !scheduled.schedules.iter().any(auto::is_open) || alone.check().is_ok() {
            return written;
        }
        let refused = Candidate { call: Call { made: Made::Incomplete, ..call.clone() }, automatic: None };
        let Ok(directives) = alone.directives(&alone.calls[0]) else { return written };
        let stmts = directives.iter().map(Directive::statement).collect();
        let said = Said { source: ast::Schedule { stmts, ..call.schedule.clone() }, constants: call.constants.clone() };
        let Some(automatic) = Automatic::completing(said, &call.kernel, alone.cx.core()) else { return refused };
        let call = Call { place: None, made: Made::Completed, ..call };
        let mut candidate = Candidate { call, automatic: None };
        candidate.renewed(automatic);
        match self.first_fitting(&mut candidate) {
            Ok(()) => {
                if directives.is_empty() {
                    self.overlap(&mut candidate);
                }
                candidate.call.place = written.call.place;
                candidate
            }
            Err(_) => refused,
        }
    }

    /// Tries the schedules of a call until one fits if nothing else runs. Returns what is wrong with them.
    fn first_fitting(&self, candidate: &mut Candidate) -> Result<(), Vec<Diagnostic>> {
        let mut told: Option<Refusal> = None;
        loop {
            let kernel = candidate.call.kernel.clone();
            match self.fitted(&kernel, std::slice::from_mut(candidate)) {
                Ok(_) => return Ok(()),
                Err(refusal) if told.as_ref().is_some_and(|before| !is_truer(&refusal, before)) => {}
                Err(refusal) => told = Some(refusal),
            }
            // The next schedules of so many stages have as many directives.
            let too_many = |d: &Diagnostic| d.code == ExpandError::TOO_MANY;
            let too_many = told.iter().any(|refusal| refusal.diagnostics.iter().any(too_many));
            if too_many || !candidate.advance() {
                return Err(told.map_or(Vec::new(), |refusal| refusal.diagnostics));
            }
        }
    }

    /// Lets transfers overlap with what is computed, if the tiles are no more than a little smaller then.
    fn overlap(&self, candidate: &mut Candidate) {
        let Some(overlapping) = candidate.automatic.as_ref().and_then(Automatic::overlapping) else { return };
        let mut changed = candidate.clone();
        changed.renewed(overlapping);
        let kernel = candidate.call.kernel.clone();
        if self.fitted_within(&kernel, std::slice::from_mut(&mut changed), MOST_FOR_OVERLAP).is_ok() {
            *candidate = changed;
        }
    }

    /// Makes automatic schedules smaller until everything fits.
    fn fitted(&self, kernel: &Kernel, candidates: &mut [Candidate]) -> Result<Front, Refusal> {
        self.fitted_within(kernel, candidates, usize::MAX)
    }

    /// The same with so many steps at most.
    fn fitted_within(&self, kernel: &Kernel, candidates: &mut [Candidate], most: usize) -> Result<Front, Refusal> {
        let mut steps = 0;
        loop {
            let front = self.joined(kernel, candidates);
            let refusal = match front.check() {
                Ok(_) => return Ok(front),
                Err(refusal) => refusal,
            };
            steps += 1;
            if steps > most || !refusal.legalize.as_ref().is_some_and(|error| shrink_for(candidates, error)) {
                return Err(refusal);
            }
        }
    }

    /// Fits the calls in one behind the other, the factors of their products the other way round where that helps.
    fn one_by_one(&self, kernel: &Kernel, mut candidates: Vec<Candidate>) -> Result<Front, ()> {
        let mut front = Err(());
        for last in 0..candidates.len() {
            // What stands before the last one agreed so far, so at most one of the others tries its next schedule. With the
            // factors the other way round, products stay on the GEMM core.
            let others = || std::iter::once(None).chain((0..last).rev().map(Some));
            let tries = others().map(|other| (other, 2)).chain(others().map(|other| (other, usize::MAX)));
            let mut fit = |(other, most): (Option<usize>, usize)| {
                let mut changed = candidates[..=last].to_vec();
                let advances = other.is_none_or(|other| changed[other].advance());
                let found = if advances { self.fitted_in(kernel, &mut changed, most) } else { None };
                found.inspect(|_| candidates[..=last].clone_from_slice(&changed))
            };
            front = { tries }.find_map(&mut fit).ok_or(());
            if front.is_err() {
                break;
            }
        }
        front
    }

    /// Lets the call whose buffer is in the way try its next schedule, until everything fits.
    fn by_fault(&self, kernel: &Kernel, mut candidates: Vec<Candidate>) -> Result<Front, ()> {
        for _ in 0..MOST_FAULTS {
            let refusal = match self.fitted(kernel, &mut candidates) {
                Ok(front) => return Ok(front),
                Err(refusal) => refusal,
            };
            let error = refusal.legalize.ok_or(())?;
            let owner = buffer_of(&error).and_then(|buffer| buffer.split_once('.')).map(|(owner, _)| owner);
            let at_fault = candidates.iter_mut().find(|c| owner.is_some() && c.call.name() == owner);
            if !at_fault.is_some_and(Candidate::advance) && !candidates.iter_mut().rev().any(Candidate::advance) {
                break;
            }
        }
        Err(())
    }

    /// Fits the last call in, with the first of so many of its schedules that agrees with the others.
    fn fitted_in(&self, kernel: &Kernel, candidates: &mut [Candidate], most: usize) -> Option<Front> {
        for _ in 0..most {
            if let Ok(front) = self.fitted(kernel, candidates) {
                return Some(front);
            }
            if !candidates.last_mut()?.advance() {
                break;
            }
        }
        None
    }

    fn joined(&self, kernel: &Kernel, candidates: &[Candidate]) -> Front {
        self.front(kernel.clone(), candidates.iter().map(|c| c.call.clone()).collect())
    }
}

/// Whether a refusal says better why a kernel does not run than that of an earlier schedule. What the machine cannot compute it
/// computes with no schedule; what does not fit even in the smallest tiles came further than what did not agree before; and of
/// schedules that do not fit the last one needs the least.
fn is_truer(refusal: &Refusal, before: &Refusal) -> bool {
    let rank = |refusal: &Refusal| match refusal.legalize {
        Some(LegalizeError::Select { .. }) => 2,
        Some(LegalizeError::Capacity { .. }) => 1,
        _ => 0,
    };
    rank(refusal) > rank(before) || rank(refusal) == 1 && rank(before) == 1
}

/// The buffer that is in the way, where it is one.
fn buffer_of(error: &LegalizeError) -> Option<&str> {
    match error {
        LegalizeError::Capacity { needed, .. } => Some(&needed.name),
        LegalizeError::LayoutConflict { buffer, .. } | LegalizeError::Shape { buffer, .. } => Some(buffer),
        _ => None,
    }
}

/// Makes what does not fit smaller; false if something else is wrong, or it cannot.
fn shrink_for(candidates: &mut [Candidate], error: &LegalizeError) -> bool {
    match error {
        LegalizeError::Capacity { needed, scope, .. } => shrink(candidates, &needed.name, *scope),
        _ => false,
    }
}

/// Lets the call that has a buffer use less of a scratchpad; false if it cannot.
fn shrink(candidates: &mut [Candidate], buffer: &str, scope: Scope) -> bool {
    let (owner, own_name) = buffer.split_once('.').map_or((None, buffer), |(owner, name)| (Some(owner), name));
    let Some(candidate) = candidates.iter_mut().find(|c| c.call.name() == owner) else { return false };
    let Some(mut automatic) = candidate.automatic.clone() else { return false };
    // Where a place was said, what is computed there by choice may be what it was before.
    let before = candidate.call.schedule.clone();
    let mut shrinks = true;
    while shrinks && candidate.call.schedule == before {
        shrinks = automatic.shrink(own_name, scope);
        candidate.renewed(automatic.clone());
    }
    shrinks
}

/// What is said of an error that an automatic schedule causes, and of one that a completed schedule causes.
const AUTOMATIC: &str = "the kernel has no schedule, and the automatic one fails here";
const COMPLETED: &str = "the schedule leaves parts open, and what completes it fails here";

fn with_note(told: Vec<Diagnostic>) -> Vec<Diagnostic> {
    told.into_iter().map(|d| d.note(AUTOMATIC)).collect()
}
