//! What a group brings in from device memory: a copy of a tensor for all who read it on chip in the same way, or a copy of each
//! access. [`Group`] → [`LoadIn`]s.

use std::collections::BTreeSet;

use crate::affine::{Affine, Atom};
use crate::scalar::DType;
use crate::schedule::auto::group::Group;
use crate::schedule::auto::roles::Roles;
use crate::schedule::auto::shaped::is_load;
use crate::schedule::auto::write::Taken;
use crate::schedule::{Schedule, StageId};
use crate::scope::Scope;
use crate::tensor::{AxisId, Read, TensorId};

/// A copy of a tensor on chip.
pub struct LoadIn {
    pub tensor: TensorId,
    pub scope: Scope,
    pub name: String,
    /// The reduction that it is an operand of.
    pub operand_of: Option<usize>,
    /// Who reads it, and how; each once.
    pub reads: Vec<(String, Read)>,
    /// Whether it copies what its only access touches, in the axes of the reader.
    pub reindexes: bool,
    /// The stage that it is already, made by a directive.
    pub made: Option<StageId>,
}

impl LoadIn {
    /// Those who read it, each once.
    pub fn readers(&self) -> Vec<&str> {
        let mut readers: Vec<&str> = self.reads.iter().map(|(reader, _)| reader.as_str()).collect();
        readers.dedup();
        readers
    }

    /// Whether a copy for all that is read may be larger than that: a bounding box, or the whole tensor outside of loops.
    fn is_loose(&self, s: &Schedule) -> bool {
        let whole: i64 = s.kernel.tensor(self.tensor).shape.iter().product();
        self.reads.len() > 1 || self.reads.iter().any(|(_, read)| !is_box(read) || touched(s, read) < whole)
    }

    /// A load for each access.
    fn apart(self, taken: &mut Taken) -> Vec<LoadIn> {
        let LoadIn { tensor, scope, name, operand_of, reads, .. } = self;
        let mut names = std::iter::once(name.clone()).chain(std::iter::repeat_with(|| taken.fresh(&name)));
        let load = |read| {
            let name = names.next().expect("endlessly many names");
            LoadIn { tensor, scope, name, operand_of, reads: vec![read], reindexes: true, made: None }
        };
        reads.into_iter().map(load).collect()
    }
}

/// The number of elements that an access touches, if no two of its iterations touch the same.
fn touched(s: &Schedule, read: &Read) -> i64 {
    let mut mentioned: BTreeSet<AxisId> = BTreeSet::new();
    read.indices.iter().for_each(|e| collect(e, &mut mentioned));
    mentioned.into_iter().map(|axis| s.kernel.axis(axis).extent).product()
}

/// The axes in an index.
fn collect(index: &Affine<AxisId>, found: &mut BTreeSet<AxisId>) {
    for (atom, _) in index.terms() {
        match atom {
            Atom::Var(axis) => drop(found.insert(*axis)),
            Atom::Div(of, _) | Atom::Mod(of, _) | Atom::Clip(of, _) => collect(of, found),
        }
    }
}

/// Whether an access touches a box, up to steps: each of its axes is in one index.
fn is_box(read: &Read) -> bool {
    let once = |axis: AxisId| read.indices.iter().filter(|e| e.mentions(&|a| a == axis)).count() == 1;
    let mut terms = read.indices.iter().flat_map(|e| e.terms());
    terms.all(|(atom, _)| match atom {
        Atom::Var(axis) => once(*axis),
        Atom::Div(inner, _) => inner.as_var().is_some_and(once),
        Atom::Mod(..) | Atom::Clip(..) => false,
    })
}

/// The loads of a group whose stages are `computed` under these names; stages that are `on_chip` need none.
pub fn loads(
    s: &Schedule,
    group: &Group,
    computed: &[(StageId, String)],
    on_chip: &BTreeSet<StageId>,
    taken: &mut Taken,
) -> Vec<LoadIn> {
    let mut loads: Vec<LoadIn> = Vec::new();
    let copies = group.sinks.iter().filter(|sink| sink.home.is_copy());
    let copies = copies.map(|sink| (sink.stage, s.stage_name(sink.stage).to_string()));
    for (stage, reader) in computed.iter().cloned().chain(copies) {
        let reduction = group.reductions.iter().position(|r| r.stage == stage);
        for read in s.compute(stage).reads() {
            if s.stage_of(read.tensor).is_some_and(|p| on_chip.contains(&p)) {
                continue;
            }
            let roles = reduction.and_then(|r| group.reductions[r].roles.as_ref());
            let reindexes = roles.is_some_and(|roles| roles.of_one_tensor);
            let scope = scope_of(s, roles, read);
            if let Some(made) = s.stage_of(read.tensor).filter(|stage| is_load(s, *stage)) {
                if loads.iter().all(|load| load.made != Some(made)) {
                    let name = s.stage_name(made).to_string();
                    let scope = if s.stage(made).scope_span.is_some() { s.stage(made).scope } else { scope };
                    let (tensor, operand_of, reads) = (read.tensor, reduction, vec![(reader.clone(), read.clone())]);
                    loads.push(LoadIn { tensor, scope, name, operand_of, reads, reindexes: false, made: Some(made) });
                }
                continue;
            }
            // Operands of a reduction are brought in for it alone.
            let alike = |l: &&mut LoadIn| {
                l.made.is_none() && l.tensor == read.tensor && l.scope == scope && l.operand_of == reduction
            };
            let access = (reader.clone(), read.clone());
            match loads.iter_mut().find(alike) {
                Some(load) => {
                    let same = |(by, at): &(String, Read)| *by == reader && at.indices == read.indices;
                    if !load.reads.iter().any(same) {
                        load.reads.push(access);
                    }
                }
                None => {
                    let suffix = if scope == Scope::Acc { "acc" } else { "buf" };
                    let name = taken.fresh(&format!("{}_{suffix}", s.kernel.tensor(read.tensor).name));
                    let (tensor, operand_of) = (read.tensor, reduction);
                    let (reads, made) = (vec![access], None);
                    loads.push(LoadIn { tensor, scope, name, operand_of, reads, reindexes, made });
                }
            }
        }
    }
    let apart = |load: LoadIn| match group.reindexed && load.made.is_none() && load.is_loose(s) {
        true => load.apart(taken),
        false => vec![load],
    };
    loads.into_iter().flat_map(apart).collect()
}

/// Where a reader takes what it reads from.
fn scope_of(s: &Schedule, roles: Option<&Roles>, read: &Read) -> Scope {
    match roles {
        Some(Roles { input, .. }) if (input.tensor, &input.indices) == (read.tensor, &read.indices) => Scope::Inp,
        Some(_) if s.kernel.tensor(read.tensor).dtype == DType::I8 => Scope::Wgt,
        // A sum may start from what the accumulator holds.
        Some(_) | None => Scope::Acc,
    }
}
