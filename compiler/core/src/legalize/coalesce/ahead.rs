//! An operand where its last reader will put the result.
//!
//! ```text
//! before   @serial for t { alloc ig; for j { ig[j] = i[j] * g[j] }; for j { cell[t, j] = ig[j] + fc[j] } }
//! after    @serial for t { for j { cell[t, j] = i[j] * g[j] }; for j { cell[t, j] = cell[t, j] + fc[j] } }
//! ```
//!
//! The last reader writes every element of the slice, so nothing that was there before is read afterwards; what it was before
//! has to be dead where the operand is first computed.

use crate::affine::Interval;
use crate::legalize::coalesce::Coalescing;
use crate::legalize::coalesce::alias::Alias;
use crate::legalize::coalesce::legality::{is_clobbered, is_computed_in_place, never_writes};
use crate::legalize::coalesce::sites::Site;
use crate::legalize::match_alu::begins_with;
use crate::loops::ir::{BufferId, LoopProgram};
use crate::loops::nest::without_unit_loops;

/// The place of a buffer in what its last reader computes.
pub fn alias(program: &LoopProgram, c: &mut Coalescing, buffer: BufferId) -> Option<Alias> {
    let touching = c.sites.touching(buffer);
    let (first, last) = (*touching.first()?, *touching.last()?);
    let (depth, writer) = (c.sites.home(buffer)?.depth(), c.sites.site(last));
    let host = writer.store.buffer;
    // The host is there before.
    let is_here = c.sites.home(host).is_some_and(|home| home.site <= first);
    if host == buffer || !is_here || writer.outer > depth || !covers(program, writer) {
        return None;
    }
    let [read] = writer.loads(buffer)[..] else { return None };
    let (own, hosted) = ((buffer, read.indices.as_slice()), (host, writer.store.indices.as_slice()));
    let alias = Alias::slice(program, &writer.loops[depth..], own, hosted)?;
    let others = writer.loads(host).iter().all(|l| never_writes(program, writer, &writer.store.indices, &l.indices));
    if !others || !alias.fits(program, c.cx) || !begins_with(program, c.cx, c.selections, (&writer.store, read)) {
        return None;
    }
    let until_written = |at: usize, is_write: bool| at < last || at == last && !is_write;
    (!is_clobbered(program, c, &alias, depth, &until_written) && is_computed_in_place(program, c, &alias))
        .then_some(alias)
}

/// Whether a nest stores every element of the dimensions that its loops walk, each once.
pub fn covers(program: &LoopProgram, site: &Site) -> bool {
    let extents = &program.buffer(site.store.buffer).array;
    let own = site.nest();
    site.writes_once(program)
        && site.store.indices.iter().zip(extents).all(|(index, extent)| {
            let index = without_unit_loops(program, index);
            let walkers = own.iter().filter(|l| index.mentions(&|v| v == **l));
            let times: i64 = walkers.clone().map(|l| program.loop_var(*l).extent).product();
            let walked = || times == *extent && index.range(&|l| program.loop_range(l)) == Interval::below(*extent);
            walkers.count() == 0 || walked()
        })
}
