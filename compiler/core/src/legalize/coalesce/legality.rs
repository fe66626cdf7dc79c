//! Whether a buffer may lie in its host: an alias → yes or no, where no may be said for want of a proof.

use crate::legalize::coalesce::Coalescing;
use crate::legalize::coalesce::alias::{Alias, same_element};
use crate::legalize::coalesce::sites::Site;
use crate::legalize::match_alu::begins_with;
use crate::loops::dependence::{Access, Direction, disjoint, follows};
use crate::loops::ir::{Index, Load, LoopProgram};

/// Whether an access to the host follows one to the buffer at the same element, within one iteration of the `outside` loops. Only
/// those to the host count for which `counts` holds, by the number of the site and whether it is a write.
pub fn is_clobbered(
    program: &LoopProgram,
    c: &Coalescing,
    alias: &Alias,
    outside: usize,
    counts: &dyn Fn(usize, bool) -> bool,
) -> bool {
    let mut clobbered = false;
    for at in c.sites.touching(alias.buffer) {
        c.sites.accesses(*at, alias.buffer, Some(alias), &mut |own| {
            clobbered = clobbered || is_followed(program, c, &own, alias, outside, counts);
        });
    }
    clobbered
}

/// The same for one access to the buffer, whose element is that of the host.
pub fn is_followed(
    program: &LoopProgram,
    c: &Coalescing,
    own: &Access,
    alias: &Alias,
    outside: usize,
    counts: &dyn Fn(usize, bool) -> bool,
) -> bool {
    let map = Some(alias).filter(|alias| alias.is_of_itself());
    let later = c.sites.touching(alias.host).iter().filter(|at| !is_over(c, **at, own, outside));
    later.copied().any(|at| {
        let mut found = false;
        c.sites.accesses(at, alias.host, map, &mut |access| {
            found = found || counts(at, access.write) && follows(program, outside, own, &access);
        });
        found
    })
}

/// Whether a site stands before an access in one iteration of all loops around both, and so makes none that follows it. Said of
/// most sites, without a look at what they access: hosts of long chains are touched by each of their stages.
fn is_over(c: &Coalescing, at: usize, own: &Access, outside: usize) -> bool {
    let common = || c.sites.site(at).loops.iter().zip(&*own.loops).take_while(|(l, other)| l == other).count();
    2 * at + 1 < own.position && common() <= outside
}

/// Whether the nests that compute the buffer from its host do so in place: from the element itself, of which each iteration has one
/// of its own and with which a selection begins, and from elements that none of the iterations writes.
pub fn is_computed_in_place(program: &LoopProgram, c: &mut Coalescing, alias: &Alias) -> bool {
    let Coalescing { cx, sites, selections } = c;
    let computing = sites.touching(alias.buffer).iter().map(|at| sites.site(*at));
    computing.filter(|site| site.store.buffer == alias.buffer).all(|site| {
        let target = alias.element(&site.store.indices);
        let hosted = |l: &Load| if alias.is_of_itself() { alias.element(&l.indices) } else { l.indices.clone() };
        let (same, others): (Vec<&Load>, Vec<&Load>) =
            site.loads(alias.host).into_iter().partition(|l| same_element(program, &hosted(l), &target));
        let apart = others.iter().all(|l| never_writes(program, site, &target, &hosted(l)));
        let begins = match same.as_slice() {
            [] => true,
            [operand] => site.writes_once(program) && begins_with(program, cx, selections, (&site.store, operand)),
            _ => false,
        };
        apart && begins
    })
}

/// Whether no iteration of a nest that writes `target` writes an element that this or another one reads.
pub fn never_writes(program: &LoopProgram, site: &Site, target: &[Index], read: &[Index]) -> bool {
    let loops: Vec<_> = site.nest().iter().map(|l| (*l, Direction::Any)).collect();
    disjoint(program, target, read, &loops)
}
