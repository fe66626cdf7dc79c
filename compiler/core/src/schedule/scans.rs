//! How the steps of a scan are scheduled: the loop over them, and what is computed inside of it.
//!
//! The stage of a scan's last state is its *host*: the outermost of its loops runs over the steps, every other tensor of
//! the scan is computed in that loop, as with `compute_at`, and the host's own next value behind them. A tensor that does
//! not depend on a state may be moved out.
//!
//! States, and tensors that are read behind their scan, keep values from step to step. They are stored whole; states that
//! only the steps read take turns in two slots, one for the value of the step and one for that of the next.

use tilewright_syntax::Span;

use crate::schedule::error::steps_text;
use crate::schedule::links::Seen;
use crate::schedule::{Ahead, Attach, Order, Schedule, ScheduleError, StageId, StageLoop};
use crate::scope::Scope;

/// The number of a scan in its kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScanId(pub usize);

/// How values are kept from step to step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Those of all steps.
    Whole,
    /// Those of this step and of the next, which take turns in two slots.
    Turns,
}

/// Slots of a state that takes turns.
pub const TURNS: i64 = 2;

impl Schedule {
    /// Puts the stages of every scan into the loop over its steps, and initial values into the accumulator, where they are
    /// computed.
    pub(super) fn enter_scans(&mut self) {
        for id in self.scan_ids() {
            let (host, steps) = (self.host(id), self.steps(id));
            let scan = &self.kernel.scans[id.0];
            let span = scan.span;
            let stages: Vec<StageId> = scan.tensors.iter().filter_map(|t| self.stage_of(*t)).collect();
            for stage in stages {
                if let Some(init) = self.initial(stage) {
                    self.stage_mut(init).scope = Scope::Acc;
                }
                if stage != host {
                    self.attach(stage, Some(Attach { stage: host, axis: steps.axis, follows: false, span }));
                }
            }
        }
    }

    pub fn scan_ids(&self) -> impl Iterator<Item = ScanId> + use<> {
        (0..self.kernel.scans.len()).map(ScanId)
    }

    /// The loop over the steps.
    pub fn steps(&self, scan: ScanId) -> StageLoop {
        let host = self.host(scan);
        StageLoop { stage: host, axis: self.stage(host).root_axis(self.compute(host).axes[0]) }
    }

    /// The scan in whose steps a stage is computed.
    pub fn running_in(&self, stage: StageId) -> Option<ScanId> {
        let mut stage = stage;
        while let Some(at) = self.stage(stage).attach {
            stage = at.stage;
        }
        self.hosted(stage)
    }

    /// The stages that are computed in the steps of a scan, its host among them, in the order in which they were made.
    fn running(&self, scan: ScanId) -> Vec<StageId> {
        let host = self.host(scan);
        let mut running = match self.stage(host).attach {
            None => self.with_guests(host),
            Some(_) => Vec::new(),
        };
        running.sort_unstable();
        running
    }

    /// The stage of a state's initial value.
    pub fn initial(&self, stage: StageId) -> Option<StageId> {
        let state = self.kernel.tensor(self.stage(stage).tensor).state()?;
        self.stage_of(state.init)
    }

    /// Whether a stage is the initial value of a state, and is computed and stored right before the steps. Where all states are
    /// in device memory, their initial values take no room at once.
    pub fn comes_with_state(&self, init: StageId) -> bool {
        let states = |scan: ScanId| {
            let stages = self.kernel.scans[scan.0].tensors.iter().filter_map(|t| self.stage_of(*t));
            stages.filter(|s| self.initial(*s).is_some())
        };
        let comes = |scan: ScanId| {
            let stored = states(scan).all(|state| self.stage(state).scope == Scope::Dram);
            let at_root = self.stage(self.host(scan)).attach.is_none();
            stored && at_root && states(scan).any(|state| self.initial(state) == Some(init))
        };
        self.stage(init).attach.is_none() && self.scan_ids().any(comes)
    }

    /// How a stage keeps its values from step to step; None where it does not.
    pub fn kept(&self, stage: StageId) -> Option<Kept> {
        let tensor = self.stage(stage).tensor;
        let running = self.scan_of(tensor)?;
        if self.running_in(stage) != Some(running) {
            return None;
        }
        if self.stage(stage).ahead.is_some() {
            return Some(Kept::Whole);
        }
        let read_behind = self.readers(tensor).iter().any(|r| self.running_in(*r) != Some(running));
        match (read_behind, self.kernel.tensor(tensor).state()) {
            (true, _) => Some(Kept::Whole),
            (false, Some(_)) => Some(Kept::Turns),
            (false, None) => None,
        }
    }

    /// The stages of a scan that keep values, in the order of the source.
    pub fn keepers(&self, scan: ScanId) -> Vec<StageId> {
        let stages = self.kernel.scans[scan.0].tensors.iter().filter_map(|t| self.stage_of(*t));
        stages.filter(|s| self.kept(*s).is_some()).collect()
    }

    /// The stages that have to be computed before a stage, or in the same step: those that it reads, but for states of its
    /// own scan, which it reads as the step before left them; with a stage of a scan its host; and with a host all that is
    /// computed in its steps.
    pub(super) fn needs(&self, stage: StageId) -> Vec<StageId> {
        let running = self.running_in(stage);
        let mut needs: Vec<StageId> = self.initial(stage).into_iter().collect();
        for producer in self.read_stages(stage) {
            let same = self.running_in(producer) == running;
            if same && running.is_some() && self.initial(producer).is_some() {
                continue;
            }
            needs.push(producer);
            if !same {
                needs.extend(self.running_in(producer).map(|scan| self.host(scan)));
            }
        }
        // What runs in the loops of a stage has to find there what it reads.
        let followers = self.followers(stage);
        let brought = |s: &StageId| *s != stage && self.host_of(*s) != Some(stage);
        needs.extend(followers.iter().flat_map(|f| self.read_stages(*f)).filter(brought));
        if let Some(scan) = self.hosted(stage) {
            needs.extend(self.running(scan).into_iter().filter(|s| *s != stage));
        }
        needs
    }

    /// The stages whose tensors a stage reads, in the order in which it does: what a sum starts from is there first.
    pub(super) fn read_stages(&self, stage: StageId) -> Vec<StageId> {
        let compute = self.compute(stage);
        let reads = compute.start_reads().into_iter().chain(compute.value_reads());
        reads.filter_map(|r| self.stage_of(r.tensor)).collect()
    }

    /// Computes a copy in the steps of a scan if the stages that read it are. Some in the steps and some behind them
    /// cannot read one copy.
    pub(super) fn follow_readers(&mut self, stage: StageId, span: Span) -> Result<(), ScheduleError> {
        let tensor = self.stage(stage).tensor;
        let source = self.read_stages(stage).into_iter().find_map(|s| self.running_in(s));
        let Some(scan) = source else { return Ok(()) };
        let readers = self.readers(tensor);
        let inside = readers.iter().filter(|r| self.running_in(**r) == Some(scan)).count();
        if inside == 0 {
            return Ok(());
        }
        if inside < readers.len() {
            return Err(self.out_of_steps(
                stage,
                scan,
                span,
                "some of its readers run in the steps, and some after the scan",
            ));
        }
        let steps = self.steps(scan);
        self.attach(stage, Some(Attach { stage: steps.stage, axis: steps.axis, follows: false, span }));
        Ok(())
    }

    /// Checks after a directive that the steps of every scan still run in order, with all that depends on them inside.
    pub(super) fn scans_hold(&self, span: Span) -> Result<(), ScheduleError> {
        for scan in self.scan_ids() {
            let steps = self.steps(scan);
            let host = self.stage(steps.stage);
            let interleaved = host.vthreads.iter().any(|m| m.axis == steps.axis);
            if host.leaves.first() != Some(&steps.axis) || interleaved {
                let axis = self.kernel.scans[scan.0].axis.clone();
                return Err(ScheduleError::StepsMoved { span, axis, scan: self.kernel.scans[scan.0].span });
            }
            for stage in self.keepers(scan) {
                if self.stage(stage).double_buffer.is_some() {
                    let reason = "it keeps values from step to step, so its storage cannot rotate as well";
                    return Err(self.out_of_steps(stage, scan, span, reason));
                }
                if stage == steps.stage {
                    continue;
                }
                let direct =
                    self.stage(stage).attach.is_some_and(|at| (at.stage, at.axis) == (steps.stage, steps.axis));
                if !direct {
                    let reason =
                        "it keeps values from step to step, and is computed directly in the loop over the steps";
                    return Err(self.out_of_steps(stage, scan, span, reason));
                }
            }
            self.nothing_left_the_steps(scan, span)?;
        }
        self.stage_ids().try_for_each(|s| self.stage(s).ahead.map_or(Ok(()), |ahead| self.can_run_ahead(s, ahead)))
    }

    /// Checks that a stage can be computed so many steps ahead.
    pub(super) fn can_run_ahead(&self, stage: StageId, ahead: Ahead) -> Result<(), ScheduleError> {
        let scan = self.running_in(stage);
        let error = |reason: String| {
            let (stage, scan) = (self.stage_name(stage).to_string(), scan.map(|scan| self.kernel.scans[scan.0].span));
            Err(ScheduleError::CannotRunAhead { span: ahead.span, stage, steps: ahead.steps, reason, scan })
        };
        let Some(scan_id) = scan else {
            return error("it is not computed in the steps of a scan".to_string());
        };
        let scan = &self.kernel.scans[scan_id.0];
        if self.initial(stage).is_some() {
            return error("it is a state, which a step passes to the next".to_string());
        }
        if self.scan_of(self.stage(stage).tensor) != Some(scan_id) {
            return error("it is a copy, and `double_buffer` loads the next one ahead".to_string());
        }
        if !self.stands_in_steps(stage) || self.stage(stage).attach.is_some_and(|at| at.follows) {
            return error(format!("it is not computed directly in the loop over `{}`", scan.axis));
        }
        if ahead.steps >= scan.steps {
            return error(format!("there are {}; `compute_root` computes it before the scan", steps_text(scan.steps)));
        }
        match self.behind(stage, scan_id, ahead.steps) {
            Some(late) => {
                error(format!("it depends on `{}`, which is computed in the same step", self.stage_name(late)))
            }
            None => Ok(()),
        }
    }

    /// A stage of the steps that another one needs and that is not as far ahead. What is computed inside of the loops of the
    /// other one is ahead with it.
    fn behind(&self, stage: StageId, scan: ScanId, steps: i64) -> Option<StageId> {
        let (mut open, mut seen) = (vec![stage], Seen::of(self));
        seen.add(stage);
        while let Some(needing) = open.pop() {
            for producer in self.read_stages(needing).into_iter().filter(|p| self.running_in(*p) == Some(scan)) {
                if self.stage(producer).ahead.is_some_and(|ahead| ahead.steps >= steps) || !seen.add(producer) {
                    continue;
                }
                if !self.is_inside(producer, stage) {
                    return Some(producer);
                }
                open.push(producer);
            }
        }
        None
    }

    /// Whether a stage is computed inside of the loops of another one.
    fn is_inside(&self, stage: StageId, host: StageId) -> bool {
        let mut at = self.stage(stage).attach;
        while let Some(attach) = at {
            if attach.stage == host {
                return true;
            }
            at = self.stage(attach.stage).attach;
        }
        false
    }

    /// The stages that run ahead in the steps of a scan, with how far.
    pub fn running_ahead(&self, scan: ScanId) -> Vec<(StageId, i64)> {
        let mut running = self.running(scan);
        running.retain(|s| self.stage(*s).ahead.is_some());
        if running.len() > 1 {
            let order = Order::of(self);
            running.sort_by_key(|s| order.places[s.0 as usize]);
        }
        running.into_iter().filter_map(|s| Some((s, self.stage(s).ahead?.steps))).collect()
    }

    /// Refuses a stage outside of the steps that depends on one inside and is read by one inside.
    fn nothing_left_the_steps(&self, scan: ScanId, span: Span) -> Result<(), ScheduleError> {
        let mut inside = Seen::of(self);
        let running = self.running(scan);
        for stage in &running {
            inside.add(*stage);
        }
        let states = self.kernel.scans[scan.0].tensors.iter().filter(|t| self.kernel.tensor(**t).state().is_some());
        let left = states.filter_map(|t| self.stage_of(*t)).filter(|s| !inside.has(*s)).min();
        if let Some(stage) = left {
            return Err(self.out_of_steps(stage, scan, span, "a state is what the steps leave to each other"));
        }
        let (mut behind, mut seen) = (Vec::new(), Seen::of(self));
        let mut open = running;
        while let Some(stage) = open.pop() {
            for reader in self.readers(self.stage(stage).tensor) {
                if !inside.has(*reader) && seen.add(*reader) {
                    behind.push(*reader);
                    open.push(*reader);
                }
            }
        }
        let read_inside = |s: &StageId| self.readers(self.stage(*s).tensor).iter().any(|r| inside.has(*r));
        match behind.into_iter().find(read_inside) {
            Some(stage) => Err(self.out_of_steps(stage, scan, span, "it depends on the steps, and they read it")),
            None => Ok(()),
        }
    }

    fn out_of_steps(&self, stage: StageId, scan: ScanId, span: Span, reason: &str) -> ScheduleError {
        ScheduleError::OutOfSteps {
            span,
            stage: self.stage_name(stage).to_string(),
            reason: reason.to_string(),
            scan: self.kernel.scans[scan.0].span,
        }
    }

    /// Whether a stage stands where its scan put it.
    pub(super) fn stands_in_steps(&self, stage: StageId) -> bool {
        let steps = self.scan_of(self.stage(stage).tensor).map(|scan| self.steps(scan));
        let at = self.stage(stage).attach.map(|at| StageLoop { stage: at.stage, axis: at.axis });
        steps.is_some() && steps == at
    }
}
