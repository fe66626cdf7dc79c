//! Stages that are computed inside the loops of a stage which they read (`reverse_compute_at`).
//!
//! ```text
//! C.reorder(ro, jo, ji, ri)            for ro in 0..15 { for jo { C[jo * 16 + ..] += ... } }
//! S.reverse_compute_at(C, jo)    →     for jo { C[jo * 16 + ..] += ...
//!                                               S[jo * 16 + ..] = C[jo * 16 + ..] >> 8 }
//! ```
//!
//! A *follower* runs in each iteration of a loop of its *host*, behind everything else there, on just the elements that this
//! iteration completes: where the host reduces, in the last iteration of the reduced loops around. So it must read the host
//! element by element, and the elements of one iteration must be a box without gaps. Its buffer is as large as the host's and
//! stands beside it, so others may read it behind the host's loops. Where there are no others, both stand inside those outer
//! loops of the host whose iterations have nothing in common, and hold what one iteration computes.

use std::collections::HashMap;

use crate::affine::{Affine, Atom, Interval};
use crate::schedule::links::Seen;
use crate::schedule::regions::{LazyRegions, Regions};
use crate::schedule::{Attach, Schedule, StageAxisId, StageId, StageLoop, checks, regions};
use crate::scope::Scope;

/// Why a stage cannot follow another one at an axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowError {
    /// It reads nothing that is computed in the host's loops, or is the host itself.
    Stranger,
    /// Its value is a reduction.
    Reduces,
    /// It reads `read` at other elements than the one that it computes, or has another shape.
    NotElementwise { read: String },
    /// It reads `read`, which is computed in the host's loops, further out.
    Later { read: String },
    /// It reads `read`, which can only be computed when the host is complete.
    Behind { read: String },
    /// `reader` reads it inside the host's loops, in front of it.
    ReadBefore { reader: String },
    /// The host's buffer rolls.
    Rolls,
    /// The host follows a stage itself.
    HostFollows,
    /// The axis lies in the tile of a micro-op.
    InTile,
    /// The loop runs inside the steps of a scan.
    Steps,
    /// It reads what other steps of the scan compute of `read`.
    OtherStep { read: String },
    /// It has not one value, or row, for each step.
    SomeSteps,
    /// Loops inside the axis are fused.
    Fused,
    /// What `axis`'s loops inside compute has gaps.
    Gaps { axis: String },
}

impl FollowError {
    pub fn reason(&self, stage: &str, host: &str) -> String {
        match self {
            FollowError::Stranger => format!("`{stage}` reads nothing that these loops compute"),
            FollowError::Reduces => format!("`{stage}` is a reduction, and needs more than one element of `{host}`"),
            FollowError::NotElementwise { read } => {
                format!("`{stage}` does not read `{read}` element by element: in an iteration, others are missing")
            }
            FollowError::Later { read } => format!("`{stage}` reads `{read}`, which is computed in a loop further out"),
            FollowError::Behind { read } => {
                format!("`{stage}` also reads `{read}`, which is computed when `{host}` is complete")
            }
            FollowError::ReadBefore { reader } => format!("`{reader}` reads `{stage}` earlier"),
            FollowError::Rolls => format!("the buffer of `{host}` rolls, so it does not keep what a follower needs"),
            FollowError::HostFollows => format!("`{host}` follows another stage itself: name that one's loops"),
            FollowError::InTile => "this loop is inside one micro-op, where nothing else can be computed".to_string(),
            FollowError::Steps => "this loop runs inside a step of a scan: name the loop over the steps".to_string(),
            FollowError::OtherStep { read } => {
                format!("`{stage}` reads `{read}` of other steps than its first axis counts")
            }
            FollowError::SomeSteps => format!("the first axis of `{stage}` does not count all steps"),
            FollowError::Fused => {
                "inside this loop, others are fused, and the region that they complete is not a box".to_string()
            }
            FollowError::Gaps { axis } => {
                format!("an iteration completes elements along `{axis}` with others between them")
            }
        }
    }
}

/// Whether `stage` may follow `host` in each iteration of one of its loops.
pub fn can_follow(
    s: &Schedule,
    regions: &LazyRegions,
    stage: StageId,
    host: StageId,
    axis: StageAxisId,
) -> Result<(), FollowError> {
    let at = s.stage(host).depth(axis).expect("a leaf");
    let name = |stage| s.stage_name(stage).to_string();
    if stage == host || checks::lies_within(s, host, stage) {
        return Err(FollowError::Stranger);
    }
    let reads = s.read_stages(stage);
    if !reads.iter().any(|r| *r == host || s.host_of(*r) == Some(host)) {
        return Err(FollowError::Stranger);
    }
    if s.stage(host).in_tile(axis) {
        return Err(FollowError::InTile);
    }
    if s.stage(host).rolling.is_some() {
        return Err(FollowError::Rolls);
    }
    if s.follows(host).is_some() {
        return Err(FollowError::HostFollows);
    }
    if s.running_in(host).is_some() {
        return Err(FollowError::Steps);
    }
    if s.compute(stage).reduction.is_some() {
        return Err(FollowError::Reduces);
    }
    for read in reads.into_iter().filter(|r| *r != host) {
        match s.follows(read).filter(|f| f.stage == host) {
            Some(f) if s.stage(host).depth(f.axis).is_some_and(|depth| depth < at) => {
                return Err(FollowError::Later { read: name(read) });
            }
            Some(_) => {}
            None if depends_on(s, read, host) => return Err(FollowError::Behind { read: name(read) }),
            None => {}
        }
    }
    host_dims(s, stage, host)?;
    let within = |reader: &StageId| *reader != stage && checks::lies_within(s, *reader, host);
    let readers = s.readers(s.stage(stage).tensor).iter().filter(|r| within(r));
    for reader in readers.copied() {
        let follows = s.follows(reader).filter(|f| f.stage == host);
        let behind = follows.is_some_and(|f| s.stage(host).depth(f.axis).is_some_and(|depth| depth <= at));
        if !behind && !checks::lies_within(s, reader, stage) {
            return Err(FollowError::ReadBefore { reader: name(reader) });
        }
    }
    completes_boxes(s, regions, host, at)
}

/// Every axis at which a stage can follow another one, as `C, jo`.
pub fn followable(s: &Schedule, stage: StageId) -> Vec<String> {
    let regions = regions::lazily(s);
    checks::places(s, |host, axis| match s.steps_of(host, axis) {
        Some(scan) => s.hosted(host).is_some() && s.can_join(stage, scan).is_ok(),
        None => can_follow(s, &regions, stage, host, axis).is_ok(),
    })
}

/// Whether a stage reads another one, through whatever stages.
pub fn depends_on(s: &Schedule, stage: StageId, on: StageId) -> bool {
    let mut open = vec![stage];
    let mut seen = Seen::of(s);
    while let Some(stage) = open.pop() {
        if stage == on {
            return true;
        }
        if seen.add(stage) {
            open.extend(s.read_stages(stage));
        }
    }
    false
}

/// For each dimension of a stage the one of the host that walks with it.
fn host_dims(s: &Schedule, stage: StageId, host: StageId) -> Result<Vec<usize>, FollowError> {
    host_dims_among(s, stage, host, &mut HashMap::new())
}

/// The same, where that of some stages is known: a stage may be read in many ways.
fn host_dims_among(
    s: &Schedule,
    stage: StageId,
    host: StageId,
    known: &mut HashMap<StageId, Vec<usize>>,
) -> Result<Vec<usize>, FollowError> {
    if let Some(dims) = known.get(&stage) {
        return Ok(dims.clone());
    }
    let (own, whole) = (s.compute(stage), s.kernel.tensor(s.stage(stage).tensor));
    let mut found: Option<Vec<usize>> = None;
    for read in own.reads() {
        let Some(producer) = s.stage_of(read.tensor) else { continue };
        let dims: Vec<usize> = if producer == host {
            (0..read.indices.len()).collect()
        } else if s.host_of(producer) == Some(host) {
            host_dims_among(s, producer, host, known)?
        } else {
            continue;
        };
        let other = || FollowError::NotElementwise { read: s.kernel.tensor(read.tensor).name.clone() };
        let place = |axis| read.indices.iter().position(|i| i.as_var() == Some(axis));
        let places: Option<Vec<usize>> = own.axes.iter().map(|a| place(*a)).collect();
        let places = places.filter(|p| p.len() == read.indices.len()).ok_or_else(other)?;
        let extents = places.iter().map(|p| s.kernel.tensor(read.tensor).shape[*p]);
        let mapped: Vec<usize> = places.iter().map(|p| dims[*p]).collect();
        if !extents.eq(whole.shape.iter().copied()) || found.as_ref().is_some_and(|f| *f != mapped) {
            return Err(other());
        }
        found = Some(mapped);
    }
    let dims = found.ok_or(FollowError::Stranger)?;
    known.insert(stage, dims.clone());
    Ok(dims)
}

/// Checks that the elements that the loops of a stage inside a depth write are a box.
fn completes_boxes(s: &Schedule, regions: &Regions, host: StageId, depth: usize) -> Result<(), FollowError> {
    let inside = |l: StageLoop| l.stage == host && s.stage(host).depth(l.axis).is_some_and(|d| d > depth);
    for axis in &s.compute(host).axes {
        let value = regions::axis_value(s, regions, host, *axis);
        let (moving, _) = value.partition(&inside);
        match is_dense(&moving, &|l| regions.range(l)) {
            Some(true) => {}
            Some(false) => return Err(FollowError::Gaps { axis: s.kernel.axis(*axis).name.clone() }),
            None => return Err(FollowError::Fused),
        }
    }
    Ok(())
}

/// Whether an expression takes all values between its least and its greatest; None where it holds quotients.
fn is_dense(e: &Affine<StageLoop>, range: &dyn Fn(StageLoop) -> Interval) -> Option<bool> {
    let mut steps = Vec::new();
    for (atom, c) in e.terms() {
        let Atom::Var(l) = atom else { return None };
        let range = range(*l);
        steps.push((c.abs(), range.max - range.min));
    }
    steps.sort_unstable();
    let mut reach = 0;
    Some(steps.into_iter().filter(|(_, times)| *times > 0).all(|(step, times)| {
        let joined = step <= reach + 1;
        reach += step * times;
        joined
    }))
}

impl Schedule {
    /// Where a follower runs.
    pub fn follows(&self, stage: StageId) -> Option<Attach> {
        self.stage(stage).attach.filter(|at| at.follows)
    }

    /// The stage that a follower follows.
    pub fn host_of(&self, follower: StageId) -> Option<StageId> {
        self.follows(follower).map(|at| at.stage)
    }

    /// The stages that follow a stage, in the order in which they were made.
    pub fn followers(&self, host: StageId) -> Vec<StageId> {
        self.guests(host).iter().copied().filter(|s| self.follows(*s).is_some()).collect()
    }

    /// The stage beside whose buffer that of a stage stands: the host of a follower.
    pub fn lead(&self, stage: StageId) -> StageId {
        self.host_of(stage).unwrap_or(stage)
    }

    /// How many of its outer loops stand around the buffer of a stage: where only followers read it, those that compute parts
    /// of it which no other iteration needs.
    pub fn storage_depth(&self, stage: StageId) -> usize {
        let s = self.stage(stage);
        let chain = self.followers(stage);
        let depths = chain.iter().filter_map(|f| s.depth(self.follows(*f)?.axis));
        let Some(deepest) = depths.min() else { return 0 };
        let local = |member: &StageId| {
            let is_output = self.kernel.tensor(self.stage(*member).tensor).output;
            is_output || self.readers(self.stage(*member).tensor).iter().all(|r| self.host_of(*r) == Some(stage))
        };
        let folds = self.follows(stage).is_none()
            && s.scope != Scope::Dram
            && self.running_in(stage).is_none()
            && chain.iter().chain([&stage]).all(local);
        let outer = s.leaves.iter().take(deepest + 1).take_while(|l| !s.axis(**l).reduce && !s.in_tile(**l));
        if folds { outer.count() } else { 0 }
    }

    /// The dimension of its host that walks with each dimension of a follower.
    pub(super) fn dims_of_host(&self, follower: StageId) -> Option<Vec<usize>> {
        host_dims(self, follower, self.host_of(follower)?).ok()
    }

    /// Whether a stage is read by followers of a stage alone, directly or through others: it is needed once these run.
    pub fn serves_followers(&self, stage: StageId, host: StageId) -> bool {
        if self.followers(host).is_empty() {
            return false;
        }
        let (mut open, mut reached) = (vec![stage], Seen::of(self));
        reached.add(stage);
        while let Some(stage) = open.pop() {
            let readers = self.readers(self.stage(stage).tensor);
            if readers.is_empty() || readers.contains(&host) {
                return false;
            }
            open.extend(readers.iter().filter(|r| !self.inside_follower(**r, host) && reached.add(**r)));
        }
        true
    }

    /// Whether a stage is a follower of a stage, or is computed inside one.
    fn inside_follower(&self, stage: StageId, host: StageId) -> bool {
        match self.stage(stage).attach {
            Some(at) => (at.follows && at.stage == host) || self.inside_follower(at.stage, host),
            None => false,
        }
    }
}
