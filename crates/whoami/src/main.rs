//! A small HTTP application server for trying Halo out.

fn main() {}
