//! What of its sources a compiled program comes from: the kernels and schedules, and which stages copy which tensors.

use tilewright_core::pipeline::{Call, Front, Made};
use tilewright_syntax::Span;
use tilewright_syntax::ast::{Item, ScheduleStmt};

/// Places of a program in its sources. The places of each instruction are in
/// [`Stream::origins`](tilewright_core::emit::Stream).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceMap {
    /// The kernels, each once, after their program.
    pub kernels: Vec<Span>,
    /// The schedules that were written, each once, after their program.
    pub schedules: Vec<Span>,
    /// The directives that make a stage that copies a tensor, with the definition of the tensor.
    pub copies: Vec<(Span, Span)>,
    /// The names of the schedules that the file has for the kernel; none for a program of several.
    pub alternatives: Vec<String>,
}

impl SourceMap {
    pub(crate) fn of(front: &Front) -> SourceMap {
        let items = &front.program.items;
        let whole = items.iter().find(|item| matches!(item, Item::Program(_)) && item.span() == front.kernel.span);
        let spans = |of_call: &dyn Fn(&Call) -> Option<Span>| {
            let mut spans: Vec<Span> = whole.map(Item::span).into_iter().collect();
            for span in front.calls().iter().filter_map(of_call) {
                if !spans.contains(&span) {
                    spans.push(span);
                }
            }
            spans
        };
        SourceMap {
            kernels: spans(&|call| Some(call.kernel.span)),
            schedules: spans(&|call| (call.made != Made::Automatic).then_some(call.schedule.span)),
            copies: copies(front),
            alternatives: alternatives(front),
        }
    }

    /// The definition that an instruction works for, where a copy counts for what it copies.
    pub(crate) fn tensor(&self, span: Span) -> Span {
        let is_copy =
            |(copy, _): &&(Span, Span)| copy.file == span.file && (copy.start..copy.end).contains(&span.start);
        self.copies.iter().find(is_copy).map_or(span, |(_, tensor)| *tensor)
    }
}

fn copies(front: &Front) -> Vec<(Span, Span)> {
    let mut copies: Vec<(Span, Span)> = Vec::new();
    for call in front.calls().iter().filter(|call| call.made != Made::Automatic) {
        let mut tensors: Vec<(&str, Span)> = call.kernel.tensors.iter().map(|t| (&*t.name, t.span)).collect();
        for statement in &call.schedule.stmts {
            let ScheduleStmt::Directive { target: Some(target), stage, call: directive } = statement else { continue };
            // What completes a schedule has its name for a place, as it has lines of no directive.
            if directive.span == call.schedule.name.span {
                continue;
            }
            if let Some((_, tensor)) = tensors.iter().rev().find(|(name, _)| *name == stage.name).copied() {
                copies.push((target.span.to(directive.span), tensor));
                tensors.push((&target.name, tensor));
            }
        }
    }
    copies
}

fn alternatives(front: &Front) -> Vec<String> {
    if front.calls().iter().any(|call| call.name().is_some()) {
        return Vec::new();
    }
    let of_kernel = |item: &Item| match item {
        Item::Schedule(schedule) if schedule.kernel.name == front.kernel.name => Some(schedule.name.name.clone()),
        _ => None,
    };
    front.program.items.iter().filter_map(of_kernel).collect()
}
