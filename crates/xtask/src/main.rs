//! Project chores: generated documents, and the layer check.

fn main() {}
