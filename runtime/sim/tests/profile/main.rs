//! Profiles: what must add up for every stream, and figures that can be followed by hand.

mod examples;
mod random;
mod streams;
