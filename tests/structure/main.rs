//! The shape of the tree.
