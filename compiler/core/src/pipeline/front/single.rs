//! A front taken apart, for those who look for what is at fault: directives one by one, and calls by themselves.

use tilewright_syntax::Diagnostic;

use super::{Call, Front};
use crate::schedule::{self, Directive, Schedule};

impl Front {
    /// The directives of a call's schedule, those of the definitions that it calls among them, in order.
    pub fn directives(&self, call: &Call) -> Result<Vec<Directive>, Vec<Diagnostic>> {
        schedule::directives(&call.schedule, &call.kernel, &self.modules, &call.constants)
            .map_err(|d| call.shown_in(vec![d]))
    }

    /// The schedule of a call with one directive more.
    pub fn with_directive(
        &self,
        call: &Call,
        schedule: &Schedule,
        directive: &Directive,
    ) -> Result<Schedule, Vec<Diagnostic>> {
        directive.applied(schedule, &call.constants).map_err(|d| call.shown_in(vec![d]))
    }

    /// The kernel of a call with its schedule, as if the file had nothing else.
    pub fn alone(&self, call: &Call) -> Front {
        Front {
            program: self.program.clone(),
            kernel: call.kernel.clone(),
            modules: self.modules.clone(),
            calls: vec![Call { place: None, ..call.clone() }],
            composition: None,
            cx: self.cx,
        }
    }
}
