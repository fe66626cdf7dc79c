//! Two boxes of indices → one that holds both.

use crate::affine::Affine;
use crate::schedule::regions::{Region, Regions};

/// A box that holds both. Where the distance of two beginnings depends on a loop, it is the whole dimension of the tensor, or of a
/// tensor that is guarded, which is read beyond its ends as well, what both touch in all iterations.
pub fn join(a: &Region, b: &Region, (whole, guarded): (&Region, bool), regions: &Regions) -> Region {
    let mut joined = Region::default();
    for dim in 0..a.min.len() {
        let (min, extent) = match b.min[dim].minus(&a.min[dim]).as_constant() {
            Some(distance) => {
                let start = distance.min(0);
                let end = a.extent[dim].max(distance + b.extent[dim]);
                (a.min[dim].plus_constant(start), end - start)
            }
            None if guarded => {
                let [own, other] = [a, b].map(|r| (regions.range_of(&r.min[dim]), r.extent[dim]));
                let start = own.0.min.min(other.0.min);
                let end = (own.0.max + own.1).max(other.0.max + other.1);
                (Affine::constant(start), end - start)
            }
            None => (whole.min[dim].clone(), whole.extent[dim]),
        };
        joined.min.push(min);
        joined.extent.push(extent);
    }
    joined
}
