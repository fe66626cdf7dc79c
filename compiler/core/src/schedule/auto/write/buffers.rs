//! Groups → the buffers on chip that their directives make, by the names that messages call them, and what each is there for.

use tilewright_syntax::Span;

use super::{Taken, Writer, on_chip};
use crate::schedule::Schedule;
use crate::schedule::auto::group::Group;
use crate::schedule::auto::loads::LoadIn;

/// A buffer on chip.
pub struct Buffer {
    pub name: String,
    pub group: usize,
    /// The reduction of the group that it is an operand of.
    pub operand_of: Option<usize>,
    /// The reduction of the group whose result it is.
    pub computed_by: Option<usize>,
    /// The sink of the group that it is computed or loaded for, if it is for that one alone.
    pub sink: Option<usize>,
}

/// The buffers on chip of all groups.
pub fn buffers(s: &Schedule, groups: &[Group], span: Span) -> Vec<Buffer> {
    let mut taken = Taken::of(s);
    let on_chip = on_chip(groups);
    let mut found = Vec::new();
    for (at, group) in groups.iter().enumerate() {
        let writer = Writer::new(s, (group, &on_chip), span, &mut taken);
        found.extend(writer.computed.iter().map(|(stage, name)| Buffer {
            name: name.clone(),
            group: at,
            operand_of: None,
            computed_by: group.reductions.iter().position(|r| r.stage == *stage),
            sink: writer.sink_of(name),
        }));
        let load = |l: &LoadIn| {
            let sink = group.sinks.iter().position(|sink| writer.is_for(l, sink));
            Buffer { name: l.name.clone(), group: at, operand_of: l.operand_of, computed_by: None, sink }
        };
        found.extend(writer.loads.iter().map(load));
        // What a copy on the way out takes in addition is named after the copy.
        let copies = group.sinks.iter().enumerate().filter(|(_, sink)| sink.home.is_copy());
        found.extend(copies.map(|(index, sink)| Buffer {
            name: s.stage_name(sink.stage).to_string(),
            group: at,
            operand_of: None,
            computed_by: None,
            sink: Some(index),
        }));
    }
    found
}
