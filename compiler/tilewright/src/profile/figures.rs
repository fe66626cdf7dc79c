//! Every figure of a profile, in the form that `--stats json` writes and `--compare` reads. `docs/profile.md` says what
//! each means; a test holds that it lists exactly these keys.
//!
//! All keys are always there: what does not apply is null. A change of the form is a new [`VERSION`].

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use tilewright_isa::{Insn, Module};
use tilewright_sim::TokenCounts;
use tilewright_sim::cycles::{CLIENTS, Client, MemoryWait, State, Totals};
use tilewright_sim::profile::{Kind, Limit, Overlap, Profile, Step, Term, TimedStream, Unit, by_kind};

use super::advice;
use super::compare::Comparison;
use super::loops::{self, LoopLine};
use super::slots::Slots;
use super::source::{self, Line};
use crate::Artifact;
use crate::findings::findings_in_time;
use crate::time::NamedTiming;

/// Of the form.
pub const VERSION: u64 = 1;

/// How many instructions are listed as the most expensive.
const TOP: usize = 8;

macro_rules! figures {
    ($($(#[$doc:meta])* struct $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }
    )*};
}

figures! {
    /// A profile.
    struct ProfileFigures {
        version: u64,
        /// The path as the user gave it.
        subject: String,
        kernel: Option<String>,
        schedule: Option<String>,
        target: Value,
        timing: String,
        timing_basis: String,
        clock_mhz: u64,
        instructions: u64,
        cycles: u64,
        seconds: f64,
        gemm_utilisation: f64,
        bound: BoundFigures,
        /// Of the kernel, whatever its schedule; none where there is no kernel, and where the ALU has no operations for it.
        nominal: Option<NominalFigures>,
        roofline: RooflineFigures,
        overlap: OverlapFigures,
        states: UnitFigures,
        by_kind: Vec<KindFigures>,
        top: Vec<InsnFigures>,
        source: Option<Vec<Line>>,
        loops: Option<Vec<LoopLine>>,
        path: Vec<Segment>,
        advice: Vec<Advice>,
        findings: Vec<String>,
        comparison: Option<Comparison>,
    }

    /// In cycles.
    struct BoundFigures {
        cycles: u64,
        compute: u64,
        read: u64,
        /// Of `read`.
        fetch: u64,
        store: u64,
        binding: String,
        share: f64,
    }

    /// In cycles, but for the share.
    struct NominalFigures {
        cycles: u64,
        compute: u64,
        read: u64,
        store: u64,
        share: f64,
    }

    struct RooflineFigures {
        operations: u64,
        bytes_read: u64,
        bytes_written: u64,
        /// Operations per byte.
        intensity: f64,
        /// Bytes per cycle.
        bandwidth: f64,
        /// Operations per cycle, as `attained` and `attainable`.
        peak: f64,
        attained: f64,
        attainable: f64,
        attained_gops: f64,
        share: f64,
        roof: String,
        limit: String,
    }

    /// In cycles, but for the share.
    struct OverlapFigures {
        load_compute: u64,
        compute_store: u64,
        share: f64,
    }

    struct UnitFigures {
        fetch: StateFigures,
        load: StateFigures,
        compute: StateFigures,
        store: StateFigures,
    }

    /// In cycles.
    struct StateFigures {
        working: u64,
        token: TokenCounts,
        latency: u64,
        bandwidth: u64,
        contention: Contention,
        starved: u64,
        blocked: ModuleFigures,
        finished: u64,
    }

    struct ModuleFigures {
        load: u64,
        compute: u64,
        store: u64,
    }

    /// In cycles, but for the count.
    struct KindFigures {
        kind: String,
        count: u64,
        critical: u64,
        working: u64,
        token: u64,
        memory: u64,
        starved: u64,
    }

    /// In cycles, but for the index and the micro-ops, elements or nothing that it does.
    struct InsnFigures {
        insn: usize,
        kind: String,
        size: u64,
        critical: u64,
        working: u64,
        token: u64,
        memory: u64,
        starved: u64,
    }

    /// Steps of the critical path that are alike.
    struct Segment {
        unit: String,
        /// Of the instructions; null for fetch.
        kind: Option<String>,
        state: String,
        cycles: u64,
        steps: u64,
        /// The first and the last of the instructions.
        first: usize,
        last: usize,
    }

    struct Advice {
        question: String,
        cycles: u64,
        gain: u64,
        advice: String,
    }
}

/// Waits while a beat of another client is on the bus: a map from [`Client::name`] in text forms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contention([u64; CLIENTS]);

impl Contention {
    /// The clients with the cycles of each, in the order of [`Client::ALL`].
    pub fn by_client(&self) -> impl Iterator<Item = (Client, u64)> {
        Client::ALL.into_iter().zip(self.0)
    }
}

impl Serialize for Contention {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.by_client().map(|(client, cycles)| (client.name(), cycles)))
    }
}

impl<'de> Deserialize<'de> for Contention {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Contention, D::Error> {
        let mut given: BTreeMap<String, u64> = BTreeMap::deserialize(deserializer)?;
        let mut cycles = [0; CLIENTS];
        for (client, cycles) in Client::ALL.into_iter().zip(&mut cycles) {
            *cycles = given.remove(client.name()).ok_or_else(|| D::Error::missing_field(client.name()))?;
        }
        match given.pop_first() {
            Some((unknown, _)) => Err(D::Error::custom(format!("unknown field `{unknown}`, and no client"))),
            None => Ok(Contention(cycles)),
        }
    }
}

impl ProfileFigures {
    /// Of the profile of a stream, which is that of an artifact or has no source.
    pub(super) fn of(
        name: &str,
        stream: &TimedStream,
        artifact: Option<&Artifact>,
        profile: &Profile,
        timing: &NamedTiming,
    ) -> ProfileFigures {
        let insns = stream.insns;
        // A loop program has no schedule and no lines.
        let program = artifact.filter(|artifact| artifact.kernel().is_some());
        let cycles = profile.report.cycles;
        let clock_mhz = timing.timing.clock_mhz;
        let slots = artifact.map(|artifact| Slots::of(artifact.legal().program()));
        ProfileFigures {
            version: VERSION,
            subject: name.to_owned(),
            kernel: artifact.map(|artifact| artifact.name().to_owned()),
            schedule: program.map(|artifact| artifact.schedule().to_owned()),
            target: stream.config.to_json(),
            timing: timing.name.clone(),
            timing_basis: profile.basis.name().to_owned(),
            clock_mhz,
            instructions: insns.len() as u64,
            cycles,
            seconds: timing.timing.seconds(cycles),
            gemm_utilisation: profile.report.gemm_utilisation(),
            bound: bound(profile),
            nominal: artifact.and_then(|artifact| nominal(artifact, cycles, timing)),
            roofline: roofline(profile, clock_mhz),
            overlap: overlap(profile),
            states: units(profile),
            by_kind: kinds(insns, profile),
            top: top(insns, profile),
            source: program.map(|a| source::lines(a.source_map(), &a.stream().origins, &profile.charges, a.sources())),
            loops: artifact.map(|a| loops::lines(a.legal().program(), &a.stream().statements, &profile.charges)),
            path: segments(insns, profile),
            advice: advice::of(insns, profile, &timing.timing, slots.as_ref()),
            findings: findings_in_time(&profile.report, insns.len()),
            comparison: None,
        }
    }

    /// The states of each unit, in the order in which reports show them.
    pub fn units(&self) -> [(&'static str, &StateFigures); 4] {
        let UnitFigures { fetch, load, compute, store } = &self.states;
        [("fetch", fetch), ("load", load), ("compute", compute), ("store", store)]
    }
}

impl StateFigures {
    fn of(totals: &Totals) -> StateFigures {
        let [load_to_compute, compute_to_load, compute_to_store, store_to_compute] = totals.token;
        let [load, compute, store] = totals.blocked;
        StateFigures {
            working: totals.working,
            token: TokenCounts { load_to_compute, compute_to_load, compute_to_store, store_to_compute },
            latency: totals.latency,
            bandwidth: totals.bandwidth,
            contention: Contention(totals.contention),
            starved: totals.starved,
            blocked: ModuleFigures { load, compute, store },
            finished: totals.finished,
        }
    }

    /// Every state with its cycles, in the order in which reports show them.
    pub fn rows(&self) -> Vec<(String, u64)> {
        let StateFigures { working, token, latency, bandwidth, contention, starved, blocked, finished } = self;
        let waits = [
            ("working", *working),
            ("token load→compute", token.load_to_compute),
            ("token compute→load", token.compute_to_load),
            ("token compute→store", token.compute_to_store),
            ("token store→compute", token.store_to_compute),
            ("memory latency", *latency),
            ("memory bandwidth", *bandwidth),
        ];
        let after = [
            ("starved by fetch", *starved),
            ("blocked by load", blocked.load),
            ("blocked by compute", blocked.compute),
            ("blocked by store", blocked.store),
            ("finished", *finished),
        ];
        let named = |(name, cycles): (&str, u64)| (name.to_owned(), cycles);
        let contention = contention.by_client().map(|(client, cycles)| (format!("contention with {client}"), cycles));
        waits.into_iter().map(named).chain(contention).chain(after.into_iter().map(named)).collect()
    }
}

fn bound(profile: &Profile) -> BoundFigures {
    let bound = &profile.bound;
    let binding = match bound.binding() {
        Term::Compute => "compute",
        Term::Read => "read",
        Term::Store => "store",
    };
    BoundFigures {
        cycles: bound.cycles(),
        compute: bound.compute,
        read: bound.read,
        fetch: bound.fetch,
        store: bound.store,
        binding: binding.to_owned(),
        share: bound.share(profile.report.cycles),
    }
}

fn nominal(artifact: &Artifact, cycles: u64, timing: &NamedTiming) -> Option<NominalFigures> {
    let nominal = artifact.nominal(&timing.timing)?;
    Some(NominalFigures {
        cycles: nominal.cycles(),
        compute: nominal.compute,
        read: nominal.read,
        store: nominal.write,
        share: nominal.cycles() as f64 / cycles.max(1) as f64,
    })
}

fn roofline(profile: &Profile, clock_mhz: u64) -> RooflineFigures {
    let roofline = &profile.roofline;
    let name = |limit: Limit| {
        let name = match limit {
            Limit::Compute => "compute",
            Limit::Memory => "memory",
            Limit::Neither => "neither",
        };
        name.to_owned()
    };
    RooflineFigures {
        operations: roofline.operations,
        bytes_read: roofline.bytes_read,
        bytes_written: roofline.bytes_written,
        intensity: roofline.intensity,
        bandwidth: roofline.bandwidth,
        peak: roofline.peak,
        attained: roofline.attained,
        attainable: roofline.attainable,
        attained_gops: roofline.attained * clock_mhz as f64 / 1e3,
        share: roofline.share(),
        roof: name(roofline.roof),
        limit: name(roofline.limit()),
    }
}

fn overlap(profile: &Profile) -> OverlapFigures {
    let Overlap { load_compute, compute_store, .. } = profile.overlap;
    OverlapFigures { load_compute, compute_store, share: profile.overlap.share() }
}

fn units(profile: &Profile) -> UnitFigures {
    let [fetch, load, compute, store] = profile.totals().map(|totals| StateFigures::of(&totals));
    UnitFigures { fetch, load, compute, store }
}

fn kinds(insns: &[Insn], profile: &Profile) -> Vec<KindFigures> {
    let figures = by_kind(insns, &profile.charges).into_iter().map(|kind| KindFigures {
        kind: kind.kind.name(),
        count: kind.count,
        critical: kind.charge.critical,
        working: kind.charge.working,
        token: kind.charge.token,
        memory: kind.charge.memory,
        starved: kind.charge.starved,
    });
    figures.collect()
}

/// The instructions with the most cycles on the critical path; of equal ones, the first.
fn top(insns: &[Insn], profile: &Profile) -> Vec<InsnFigures> {
    let mut order: Vec<usize> = (0..insns.len()).collect();
    order.sort_by_key(|insn| std::cmp::Reverse(profile.charges[*insn].critical));
    let figures = order.into_iter().take(TOP).filter(|insn| profile.charges[*insn].critical > 0).map(|insn| {
        let charge = &profile.charges[insn];
        InsnFigures {
            insn,
            kind: Kind::of(&insns[insn]).name(),
            size: advice::size(&insns[insn]),
            critical: charge.critical,
            working: charge.working,
            token: charge.token,
            memory: charge.memory,
            starved: charge.starved,
        }
    });
    figures.collect()
}

/// What steps of the critical path have in common that are shown together.
type Alike = (Unit, Option<Kind>, State);

/// Like steps of the critical path together, those with the most cycles first.
fn segments(insns: &[Insn], profile: &Profile) -> Vec<Segment> {
    let mut segments: Vec<(Alike, Segment)> = Vec::new();
    for step in &profile.path.steps {
        let Step { unit, cycles, state, insn, .. } = step;
        let kind = (*unit != Unit::Fetch).then(|| Kind::of(&insns[*insn]));
        let key = (*unit, kind, *state);
        let at = segments.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
            let (unit, kind, state) = (unit.name().to_owned(), kind.map(Kind::name), state_name(*state));
            segments.push((key, Segment { unit, kind, state, cycles: 0, steps: 0, first: *insn, last: *insn }));
            segments.len() - 1
        });
        let segment = &mut segments[at].1;
        segment.cycles += cycles.end - cycles.start;
        segment.steps += 1;
        (segment.first, segment.last) = (segment.first.min(*insn), segment.last.max(*insn));
    }
    let mut segments: Vec<Segment> = segments.into_iter().map(|(_, segment)| segment).collect();
    segments.sort_by_key(|segment| std::cmp::Reverse(segment.cycles));
    segments
}

/// A state as [`StateFigures::rows`] names it.
fn state_name(state: State) -> String {
    let module = |module: Module| module.name();
    match state {
        State::Working => "working".to_owned(),
        State::Token { queue, .. } => format!("token {queue}"),
        State::Memory(MemoryWait::Latency) => "memory latency".to_owned(),
        State::Memory(MemoryWait::Bandwidth) => "memory bandwidth".to_owned(),
        State::Memory(MemoryWait::Contention(client)) => format!("contention with {client}"),
        State::Starved => "starved by fetch".to_owned(),
        State::Blocked(by) => format!("blocked by {}", module(by)),
        State::Finished => "finished".to_owned(),
    }
}
