//! hactl looks at a Halo node and steers it.

fn main() {}
