//! Tables that are kept with a schedule, so that no question about it has to search all stages: who computes and who reads
//! which tensor, and what is computed in whose loops. All changes that they depend on go through the functions here, which
//! also note what they change ([`Changes`]).
//!
//! ```text
//! X_buf = X.cache_read(inp)     readers of X: C  →  X_buf     readers of X_buf: C
//! X_buf.compute_at(C, ro)       guests of C: none  →  X_buf
//! ```

use std::collections::HashMap;

use tilewright_syntax::Span;

use crate::schedule::regions::Regions;
use crate::schedule::scans::ScanId;
use crate::schedule::{Attach, RollsOver, Schedule, Stage, StageId};
use crate::tensor::{Compute, Definition, Kernel, Tensor, TensorId};

#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    /// For each tensor its stage, also where that was inlined; inputs have none.
    stages: Vec<Option<StageId>>,
    /// For each tensor the stages that read it, in the order of their ids, those that were inlined left out.
    readers: Vec<Vec<StageId>>,
    /// For each stage those that are computed in its loops, in the order of their ids.
    guests: Vec<Vec<StageId>>,
    /// For each tensor of the kernel the scan that it belongs to.
    members: Vec<Option<ScanId>>,
    /// For each scan the stage that hosts its steps.
    hosts: Vec<StageId>,
    /// How many stages follow another one.
    followers: usize,
    /// The stages whose buffers roll, in the order of their ids.
    rolling: Vec<StageId>,
    names: HashMap<String, TensorId>,
}

/// What was changed since the schedule was checked.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    /// Stages of which anything was changed.
    pub stages: Vec<StageId>,
    /// Those of them that are computed in another place than before.
    pub moved: Vec<StageId>,
    /// Tensors that are read by other stages than before.
    pub read: Vec<TensorId>,
    /// Stages whose bounds were known and may be others.
    pub forgotten: Vec<StageId>,
    /// Whether a stage follows another one, or did.
    pub followed: bool,
}

/// A set of stages of a schedule.
#[derive(Debug)]
pub(super) struct Seen(Vec<bool>);

impl Seen {
    /// The empty set.
    pub fn of(schedule: &Schedule) -> Seen {
        Seen(vec![false; schedule.stages.len()])
    }

    pub fn has(&self, stage: StageId) -> bool {
        self.0[stage.0 as usize]
    }

    /// Adds a stage; false if it is there already.
    pub fn add(&mut self, stage: StageId) -> bool {
        !std::mem::replace(&mut self.0[stage.0 as usize], true)
    }
}

impl Links {
    /// The tables of a kernel that has no stages yet.
    pub fn of(kernel: &Kernel) -> Links {
        let mut links = Links::default();
        links.members.resize(kernel.tensors.len(), None);
        for (id, scan) in kernel.scans.iter().enumerate() {
            scan.tensors.iter().for_each(|t| links.members[t.0 as usize] = Some(ScanId(id)));
        }
        kernel.tensors.iter().for_each(|t| links.add_tensor(&t.name));
        links
    }

    fn add_tensor(&mut self, name: &str) {
        let id = TensorId(self.stages.len() as u32);
        self.stages.push(None);
        self.readers.push(Vec::new());
        self.names.entry(name.to_owned()).or_insert(id);
    }
}

impl Schedule {
    /// Adds a tensor, which has no stage yet.
    pub(super) fn add_tensor(&mut self, tensor: Tensor) -> TensorId {
        self.links.add_tensor(&tensor.name);
        self.kernel.tensors.push(tensor);
        TensorId(self.kernel.tensors.len() as u32 - 1)
    }

    /// Adds the stage of a computed tensor.
    pub(super) fn add_stage(&mut self, tensor: TensorId) -> StageId {
        let id = StageId(self.stages.len() as u32);
        self.stages.push(Stage::new(tensor, self.original_axes(tensor)));
        self.links.stages[tensor.0 as usize] = Some(id);
        self.links.guests.push(Vec::new());
        self.changes.stages.push(id);
        self.link_reads(id, insert);
        id
    }

    /// Finds the stages that host the steps of scans, once there are stages.
    pub(super) fn find_hosts(&mut self) {
        let last = |tensors: &[TensorId]| {
            let last = tensors.iter().rev().find(|t| self.kernel.tensor(**t).state().is_some());
            last.and_then(|t| self.stage_of(*t)).expect("a scan has a state")
        };
        self.links.hosts = self.kernel.scans.iter().map(|scan| last(&scan.tensors)).collect();
    }

    /// A stage, to change anything but where it is computed and whether it is one.
    pub(super) fn stage_mut(&mut self, id: StageId) -> &mut Stage {
        self.changes.stages.push(id);
        &mut self.stages[id.0 as usize]
    }

    /// Computes a stage in another place. Returns where it was computed before.
    pub(super) fn attach(&mut self, id: StageId, attach: Option<Attach>) -> Option<Attach> {
        self.changes.moved.push(id);
        let before = std::mem::replace(&mut self.stage_mut(id).attach, attach);
        let follows = |at: Option<Attach>| at.is_some_and(|at| at.follows);
        self.links.followers = self.links.followers + usize::from(follows(attach)) - usize::from(follows(before));
        self.changes.followed |= follows(before);
        if let Some(at) = before {
            remove(&mut self.links.guests[at.stage.0 as usize], id);
        }
        if let Some(at) = attach {
            insert(&mut self.links.guests[at.stage.0 as usize], id);
        }
        before
    }

    /// Lets the buffer of a stage roll.
    pub(super) fn roll(&mut self, id: StageId, over: RollsOver) {
        self.stage_mut(id).rolling = Some(over);
        insert(&mut self.links.rolling, id);
    }

    /// The stages whose buffers roll, in the order in which they were made.
    pub(super) fn rolling(&self) -> &[StageId] {
        &self.links.rolling
    }

    /// Leaves a stage to its readers, which do not read it any more.
    pub(super) fn inline(&mut self, id: StageId, span: Span) {
        self.link_reads(id, remove);
        self.stage_mut(id).inlined = Some(span);
    }

    /// Gives the tensor of a stage another definition.
    pub(super) fn redefine(&mut self, id: StageId, change: impl FnOnce(&mut Compute)) {
        self.link_reads(id, remove);
        self.changes.stages.push(id);
        let tensor = self.stage(id).tensor;
        match &mut self.kernel.tensors[tensor.0 as usize].definition {
            Definition::Compute(compute) => change(compute),
            Definition::State(state) => change(&mut state.next),
            Definition::Input => {}
        }
        self.link_reads(id, insert);
    }

    fn link_reads(&mut self, id: StageId, link: fn(&mut Vec<StageId>, StageId)) {
        let Some(compute) = self.kernel.tensor(self.stages[id.0 as usize].tensor).compute() else { return };
        compute.each_read(&mut |read| {
            link(&mut self.links.readers[read.tensor.0 as usize], id);
            self.changes.read.push(read.tensor);
        });
    }

    /// The same schedule, of which nothing is taken for granted: the next directive checks all of it again.
    pub fn unchecked(&self) -> Schedule {
        let mut all = self.clone();
        let stages: Vec<StageId> = self.stage_ids().collect();
        let read = self.kernel.ids().collect();
        all.changes = Changes { moved: stages.clone(), stages, read, ..Changes::default() };
        all.bounds = Regions::default();
        all
    }

    /// What was changed since this was asked last.
    pub(super) fn take_changes(&mut self) -> Changes {
        let followed = self.changes.followed || self.links.followers > 0;
        Changes { followed, ..std::mem::take(&mut self.changes) }
    }

    /// Whether any stage follows another one.
    pub(super) fn has_followers(&self) -> bool {
        self.links.followers > 0
    }

    /// The tensor of a name.
    pub(super) fn find(&self, name: &str) -> Option<TensorId> {
        self.links.names.get(name).copied()
    }

    /// The `compute_inline` that left a computed tensor without a stage.
    pub fn inlined(&self, tensor: TensorId) -> Option<Span> {
        self.stage(self.links.stages[tensor.0 as usize]?).inlined
    }

    /// The stage that computes a tensor; None for an input, and for what is computed inline.
    pub fn stage_of(&self, tensor: TensorId) -> Option<StageId> {
        self.links.stages[tensor.0 as usize].filter(|stage| self.stage(*stage).inlined.is_none())
    }

    /// The stages that read a tensor, in the order in which they were made.
    pub fn readers(&self, tensor: TensorId) -> &[StageId] {
        &self.links.readers[tensor.0 as usize]
    }

    /// The stages that are computed in the loops of a stage, in the order in which they were made; not those in their loops.
    pub fn guests(&self, host: StageId) -> &[StageId] {
        &self.links.guests[host.0 as usize]
    }

    /// A stage and all that is computed in its loops, each behind the one in whose loops it is.
    pub fn with_guests(&self, stage: StageId) -> Vec<StageId> {
        let mut all = vec![stage];
        let mut at = 0;
        while let Some(host) = all.get(at) {
            all.extend(self.guests(*host));
            at += 1;
        }
        all
    }

    /// Makes a tensor one of a scan's.
    pub(super) fn add_to_scan(&mut self, tensor: TensorId, scan: ScanId) {
        self.links.members.resize(self.kernel.tensors.len(), None);
        self.links.members[tensor.0 as usize] = Some(scan);
        self.kernel.scans[scan.0].tensors.push(tensor);
    }

    /// The scan that a tensor belongs to.
    pub fn scan_of(&self, tensor: TensorId) -> Option<ScanId> {
        self.links.members.get(tensor.0 as usize).copied().flatten()
    }

    /// The stage whose outermost loop runs over the steps.
    pub fn host(&self, scan: ScanId) -> StageId {
        self.links.hosts[scan.0]
    }

    /// The scan whose steps a stage hosts.
    pub fn hosted(&self, stage: StageId) -> Option<ScanId> {
        self.scan_of(self.stage(stage).tensor).filter(|scan| self.host(*scan) == stage)
    }
}

/// Adds to a list in ascending order what is not there.
fn insert(sorted: &mut Vec<StageId>, id: StageId) {
    if let Err(at) = sorted.binary_search(&id) {
        sorted.insert(at, id);
    }
}

/// Takes something out of a list in ascending order.
fn remove(sorted: &mut Vec<StageId>, id: StageId) {
    if let Ok(at) = sorted.binary_search(&id) {
        sorted.remove(at);
    }
}
