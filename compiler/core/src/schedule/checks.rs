//! Named legality checks of schedules.
//!
//! - `can_hold`: a stage may be computed at an axis.
//! - `can_fuse`: two loops may become one.
//! - `can_inline`: a stage's readers may compute its value.
//! - `is_copy`: a stage is a copy of one tensor.
//! - `runs_on_alu`: the loops of a stage become operations of the vector ALU.
//! - `gemm_tile`: the loops of a stage from an axis inwards are one micro-op of the GEMM core.
//! - `can_interleave`: the iterations of an axis may be virtual threads.
//!
//! What earlier directives established and later ones may break is checked in `still_legal`.

use std::collections::HashSet;

use crate::gemm::{Accesses, Match, Mismatch, TileLoop, match_tile};
use crate::scalar::{BinaryOp, DType, Scalar};
use crate::schedule::regions::{self, Regions, StageLoop};
use crate::schedule::{AxisSource, Schedule, StageAxisId, StageId};
use crate::scope::Scope;
use crate::tensor::{Leaf, Read};

/// Why a stage cannot be computed at an axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldError {
    /// The stage is an output or has no readers.
    NoReaders,
    /// The axis belongs to the stage itself, or to one that is computed inside it.
    Itself,
    /// The axis lies in the tile of a micro-op.
    InTile,
    /// A reader is computed outside of the loop.
    ReaderOutside { reader: String },
    /// A sum starts from the stage, in front of the loop.
    StartsBefore { sum: String },
}

impl HoldError {
    pub fn reason(&self, producer: &str) -> String {
        match self {
            HoldError::NoReaders => format!("no other stage reads `{producer}`"),
            HoldError::Itself => format!("this loop is itself part of computing `{producer}`"),
            HoldError::InTile => "this loop is inside one micro-op, where nothing else can be computed".to_string(),
            HoldError::ReaderOutside { reader } => {
                format!("`{reader}` reads `{producer}` and is computed outside this loop")
            }
            HoldError::StartsBefore { sum } => {
                format!("`{sum}` starts from `{producer}`, before all its reduced loops")
            }
        }
    }
}

/// Whether `producer` may be computed in each iteration of a leaf of `host`.
pub fn can_hold(s: &Schedule, producer: StageId, host: StageId, axis: StageAxisId) -> Result<(), HoldError> {
    let at = s.stage(host).depth(axis).expect("a leaf");
    if lies_within(s, host, producer) {
        return Err(HoldError::Itself);
    }
    let readers = outer_readers(s, producer);
    if readers.is_empty() {
        return Err(HoldError::NoReaders);
    }
    if s.stage(host).in_tile(axis) {
        return Err(HoldError::InTile);
    }
    let inside = |reader: StageId| depth_in(s, reader, host).is_some_and(|depth| depth >= at);
    if let Some(reader) = readers.iter().find(|r| !inside(**r)) {
        return Err(HoldError::ReaderOutside { reader: s.stage_name(*reader).to_string() });
    }
    let reduced = s.stage(host).leaves[..=at].iter().any(|l| s.stage(host).axis(*l).reduce);
    match reduced && readers.contains(&host) && s.starts_from(host, producer) {
        true => Err(HoldError::StartsBefore { sum: s.stage_name(host).to_string() }),
        false => Ok(()),
    }
}

/// The stages that read a stage; where these are computed in its own loops, those that read them.
fn outer_readers(s: &Schedule, around: StageId) -> Vec<StageId> {
    fn collect(s: &Schedule, stage: StageId, around: StageId, seen: &mut HashSet<StageId>, found: &mut Vec<StageId>) {
        for reader in s.readers(s.stage(stage).tensor).iter().copied() {
            match reader != around && lies_within(s, reader, around) {
                // The states of a scan read each other.
                true if seen.insert(reader) => collect(s, reader, around, seen, found),
                true => {}
                false => found.push(reader),
            }
        }
    }
    let mut found = Vec::new();
    collect(s, around, around, &mut HashSet::new(), &mut found);
    found
}

/// The depth of the innermost loop of `host` in which a stage is computed; its own loops for the host itself.
fn depth_in(s: &Schedule, stage: StageId, host: StageId) -> Option<usize> {
    if stage == host {
        return Some(usize::MAX);
    }
    let at = s.stage(stage).attach?;
    match at.stage == host {
        true => s.stage(host).depth(at.axis),
        false => depth_in(s, at.stage, host),
    }
}

/// Whether a stage is another one or is computed in its loops.
pub fn lies_within(s: &Schedule, stage: StageId, outer: StageId) -> bool {
    stage == outer || s.stage(stage).attach.is_some_and(|at| lies_within(s, at.stage, outer))
}

/// Every axis that can hold a stage, as `C, ro`.
pub fn holders(s: &Schedule, producer: StageId) -> Vec<String> {
    places(s, |host, axis| can_hold(s, producer, host, axis).is_ok())
}

/// The loops of all stages at which something is legal, as `C, ro`.
pub fn places(s: &Schedule, legal: impl Fn(StageId, StageAxisId) -> bool) -> Vec<String> {
    let all = s.stage_ids().flat_map(|host| s.stage(host).leaves.iter().map(move |axis| (host, *axis)));
    let legal = all.filter(|(host, axis)| legal(*host, *axis));
    legal.map(|(host, axis)| format!("{}, {}", s.stage_name(host), s.stage(host).axis(axis).name)).collect()
}

/// Why two loops of a stage cannot become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FuseError {
    /// The second loop does not stand directly inside the first.
    NotAdjacent,
    /// One of them is reduced, and the other is not.
    Mixed,
    /// Indices would be quotients of quotients beyond a bound.
    TooMany,
}

/// Most fusions of one stage.
const MOST_FUSIONS: usize = 8;

impl FuseError {
    pub fn reason(self, outer: &str, inner: &str) -> String {
        match self {
            FuseError::NotAdjacent => format!("`{inner}` is not directly inside `{outer}`"),
            FuseError::Mixed => "one is reduced, and the other is an index of the result".to_string(),
            FuseError::TooMany => format!("a stage has at most {MOST_FUSIONS} fused loops"),
        }
    }
}

/// Whether two loops may become one: they are neighbours and both spatial, or both reduced.
pub fn can_fuse(s: &Schedule, stage: StageId, outer: StageAxisId, inner: StageAxisId) -> Result<(), FuseError> {
    let st = s.stage(stage);
    let depth = |axis| st.depth(axis).expect("a leaf");
    if depth(inner) != depth(outer) + 1 {
        return Err(FuseError::NotAdjacent);
    }
    if st.axis(outer).reduce != st.axis(inner).reduce {
        return Err(FuseError::Mixed);
    }
    let fusions = st.axes.iter().filter(|a| matches!(a.source, AxisSource::Fused(..))).count();
    if fusions < MOST_FUSIONS { Ok(()) } else { Err(FuseError::TooMany) }
}

/// The pairs of a stage's loops that can be fused as they stand, as `io, jo`.
pub fn fusible(s: &Schedule, stage: StageId) -> Vec<String> {
    let st = s.stage(stage);
    let pairs =
        st.leaves.windows(2).filter(|pair| !st.in_tile(pair[1]) && can_fuse(s, stage, pair[0], pair[1]).is_ok());
    pairs.map(|pair| format!("{}, {}", st.axis(pair[0]).name, st.axis(pair[1]).name)).collect()
}

/// Whether the readers of a stage may compute its value themselves; otherwise why not, and what to do about it.
pub fn can_inline(s: &Schedule, stage: StageId) -> Result<(), (String, &'static str)> {
    let tensor = s.kernel.tensor(s.stage(stage).tensor);
    if tensor.output {
        return Err(("an output has to be stored".to_string(), "inline the stages that it reads"));
    }
    if tensor.state().is_some() {
        let reason = "it is a state, which a step passes to the next";
        return Err((reason.to_string(), "inline the stages that it reads"));
    }
    if let Some(state) = s.stage_ids().find(|other| s.initial(*other) == Some(stage)) {
        let reason = format!("it is the initial value of `{}`, which is stored", s.stage_name(state));
        return Err((reason, "inline the stages that it reads"));
    }
    if s.compute(stage).reduction.is_some() {
        let reason = "it is a reduction, which needs storage to accumulate in";
        return Err((reason.to_string(), "compute it inside a loop of its reader: `compute_at(READER, AXIS)`"));
    }
    match s.readers(s.stage(stage).tensor).is_empty() {
        true => Err(("no stage reads it".to_string(), "remove its definition")),
        false => Ok(()),
    }
}

/// Whether the iterations of a leaf may be interleaved: they are, where each writes elements of its own.
pub fn can_interleave(s: &Schedule, stage: StageId, axis: StageAxisId) -> Result<(), &'static str> {
    let st = s.stage(stage);
    match (st.axis(axis).reduce, st.in_tile(axis)) {
        (true, _) => Err("its iterations add to the same elements"),
        (false, true) => Err("it is inside one micro-op, where nothing can be interleaved"),
        (false, false) => Ok(()),
    }
}

/// The axes of a stage whose iterations may be interleaved.
pub fn threads(s: &Schedule, stage: StageId) -> Vec<String> {
    let leaves = s.stage(stage).leaves.iter().filter(|l| can_interleave(s, stage, **l).is_ok());
    leaves.map(|l| s.stage(stage).axis(*l).name.clone()).collect()
}

/// The read that a stage copies, if it is a copy: the value of one tensor, unchanged or cut to its low bits.
pub fn is_copy(s: &Schedule, stage: StageId) -> Option<&Read> {
    let compute = s.compute(stage);
    match (compute.value.untruncated(), &compute.reduction) {
        (Scalar::Leaf(Leaf::Read(read)), None) => Some(read),
        _ => None,
    }
}

/// Whether a stage's loops become operations of the vector ALU; otherwise why not, and what to do about it.
pub fn runs_on_alu(s: &Schedule, stage: StageId) -> Result<(), (String, String)> {
    let (name, scope) = (s.stage_name(stage), s.stage(stage).scope);
    if scope != Scope::Acc {
        let help = match s.kernel.tensor(s.stage(stage).tensor).output {
            true => format!("compute it in a separate stage: `{name}_acc = {name}.cache_write(acc)`"),
            false => format!("put it there first: `{name}.set_scope(acc)`"),
        };
        return Err((format!("it is in `{}`, and the ALU works in `acc`", scope.name()), help));
    }
    if product(s, stage).is_some() {
        let help = format!("sums of products run on the GEMM core: `{name}.tensorize(AXIS, gemm)`");
        return Err(("it is a sum of products".to_string(), help));
    }
    match is_copy(s, stage).map(|read| s.scope(read.tensor)).filter(|from| *from != Scope::Acc) {
        Some(from) => {
            let reason = format!("it is a copy from `{}`, which is a transfer", from.name());
            Err((reason, format!("write `{name}.pragma(dma_copy)`")))
        }
        None => Ok(()),
    }
}

/// The two reads of a sum of products of `i8` values.
pub fn product(s: &Schedule, stage: StageId) -> Option<(&Read, &Read)> {
    let compute = s.compute(stage);
    compute.reduction.as_ref()?;
    let Scalar::Binary { op: BinaryOp::Mul, left, right } = &compute.value else { return None };
    let is_factor = |e: &Scalar<Leaf>| match e {
        Scalar::Cast { to: DType::I32, value, .. } => match &**value {
            Scalar::Leaf(Leaf::Read(read)) => s.kernel.tensor(read.tensor).dtype == DType::I8,
            _ => false,
        },
        _ => false,
    };
    if !is_factor(left) || !is_factor(right) {
        return None;
    }
    match compute.value_reads().as_slice() {
        [a, b] => Some((a, b)),
        _ => None,
    }
}

/// Why a nest is no micro-op of the GEMM core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TileError {
    /// The value is not `sum(..: i32(A[..]) * i32(B[..]))` of `i8` tensors.
    NotAProduct,
    Nest(Mismatch<StageLoop>),
}

/// Checks that the loops from `axis` inwards are one micro-op. Which operand is the input and which the weights follows
/// from the scopes where they are set, and from what fits otherwise.
pub fn gemm_tile(
    s: &Schedule,
    regions: &Regions,
    stage: StageId,
    axis: StageAxisId,
) -> Result<Match<StageLoop>, TileError> {
    let (a, b) = product(s, stage).ok_or(TileError::NotAProduct)?;
    let st = s.stage(stage);
    let from = st.depth(axis).expect("a leaf");
    let loops: Vec<TileLoop<StageLoop>> = st.leaves[from..]
        .iter()
        .map(|l| TileLoop { var: StageLoop { stage, axis: *l }, extent: regions.extent(stage, *l) })
        .collect();
    let dst: Vec<_> = s.compute(stage).axes.iter().map(|x| regions::axis_value(s, regions, stage, *x)).collect();
    let (left, right) = (regions::read_indices(s, regions, stage, a), regions::read_indices(s, regions, stage, b));
    let straight = match_tile(s.core, &loops, &Accesses { dst: &dst, src: &left, wgt: &right });
    let swapped = match_tile(s.core, &loops, &Accesses { dst: &dst, src: &right, wgt: &left });
    let weights_first = s.scope(a.tensor) == Scope::Wgt || s.scope(b.tensor) == Scope::Inp;
    let (first, second) = if weights_first { (swapped, straight) } else { (straight, swapped) };
    match (first, second) {
        (Ok(found), _) | (Err(_), Ok(found)) => Ok(found),
        (Err(mismatch), Err(_)) => Err(TileError::Nest(mismatch)),
    }
}

/// The part of a nest that differs from a micro-op, in words.
pub fn part(s: &Schedule, error: &TileError) -> String {
    let name = |l: &StageLoop| s.stage(l.stage).axis(l.axis).name.clone();
    match error {
        TileError::NotAProduct => "its value is not a `sum` of products of two `i8` tensors".to_string(),
        TileError::Nest(Mismatch::NoSide { var }) => {
            format!(
                "the loop `{}` is not a loop of a matrix product: it indexes all three tensors, or only one",
                name(var)
            )
        }
        TileError::Nest(Mismatch::Extent { var, side, extent, expected }) => {
            format!("the loop `{}` runs {extent} times, and {} is {expected}", name(var), side.name())
        }
        TileError::Nest(Mismatch::Missing { side, expected }) => {
            format!("no loop of the tile runs over {} ({expected} elements)", side.name())
        }
        TileError::Nest(Mismatch::Twice { first, second, side }) => {
            format!("both `{}` and `{}` run over {}", name(first), name(second), side.name())
        }
        TileError::Nest(Mismatch::NotConsecutive { var, side }) => {
            format!("the loop `{}`, over {}, does not step through consecutive elements", name(var), side.name())
        }
    }
}
