//! What a search for tiles may do, from what costs nothing to what costs the most.

/// Which buffers there may be several of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Split {
    Nothing,
    /// What the runtime packs, and copies of that.
    Given,
    /// What the ALU computes, too. Of an output one is what the user takes.
    Computed,
}

/// What a search may do.
#[derive(Clone, Copy, Debug)]
pub struct Freedom {
    pub split: Split,
    pub repeat: Repeat,
    /// Whether what is stored in DRAM may be read in larger tiles than it is stored in, or in smaller ones.
    pub retile: bool,
}

/// Which accumulators may have tiles that each hold one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Those of which a reader needs it, or that have too few dimensions for the sides of a tile.
    Needed,
    Any,
    /// All but the results of products, so that no index matters.
    All,
    /// As before, unless something else is in the way.
    Preferred,
}

/// From the cheapest to the dearest.
pub const FREEDOMS: [Freedom; 9] = [
    Freedom { split: Split::Nothing, repeat: Repeat::Needed, retile: false },
    Freedom { split: Split::Given, repeat: Repeat::Needed, retile: false },
    Freedom { split: Split::Nothing, repeat: Repeat::Needed, retile: true },
    Freedom { split: Split::Given, repeat: Repeat::Needed, retile: true },
    Freedom { split: Split::Computed, repeat: Repeat::Needed, retile: true },
    Freedom { split: Split::Given, repeat: Repeat::Any, retile: true },
    Freedom { split: Split::Computed, repeat: Repeat::Any, retile: true },
    Freedom { split: Split::Computed, repeat: Repeat::All, retile: true },
    Freedom { split: Split::Computed, repeat: Repeat::Preferred, retile: true },
];
